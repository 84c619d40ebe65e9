//! What a receipt says, field by field.
//!
//! For the node, which fills it in, and for everyone who reads one. Invariant: a [`Receipt`] that
//! [`Receipt::decode`] returned encodes to the same bytes again. Format: `docs/format/receipt.md`.

mod codec;
mod open;
mod rules;
mod show;

pub(crate) use codec::finish_from;
pub(crate) use open::{Opened, open};
pub(crate) use rules::reserved;

use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId, ReceiptId};
use terroir_base::sign::PublicKey;

/// Version of the payload.
pub const VERSION: u64 = 1;
/// Content type in the protected header of the envelope.
pub const CONTENT_TYPE: &str = "application/vnd.terroir.receipt+cbor";
/// Longest receipt, envelope included, in bytes.
pub const RECEIPT_BYTES_MAX: usize = 1024;
/// Name of the sampling rules of `docs/spec/sampling.md`.
pub const SAMPLER_RULES: &str = "terroir-sampling-1";
/// Latest time that a receipt can state: the end of the year 9999, in Unix milliseconds.
pub const TIME_MS_MAX: u64 = 253_402_300_799_999;

/// The signed payload; the numbers are those of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// 3: name of the job.
    pub job: Digest,
    /// 4: where it stands in the chain of its node.
    pub place: Place,
    /// 5: the key that signed it.
    pub node: PublicKey,
    /// 6: the model that answered.
    pub model: ModelIds,
    /// 7: what ran it.
    pub engine: Engine,
    /// 8: salted commitment to the whole request.
    pub request: Digest,
    /// 9: how tokens were chosen.
    pub sampler: Sampler,
    /// 10: what came out.
    pub output: Output,
    /// 11: root of the chain over the answer's tokens.
    pub stream: Digest,
    /// 12: commitment to the run.
    pub trace: Trace,
    /// 13: the promise made to the client.
    pub mode: Mode,
    /// 15: when, by the node's clock.
    pub times: Times,
    /// 21: the kind of work.
    pub kind: Kind,
}

/// Position in a node's chain. The first receipt has number 0 and nothing before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the receipt, counted from 0 without gaps.
    pub seq: u64,
    /// The node's receipt before this one.
    pub prev: Option<ReceiptId>,
}

impl Place {
    /// The start of a chain.
    pub const FIRST: Place = Place { seq: 0, prev: None };

    /// The place after the receipt `prev`, which has number `seq`; `None` at the end of numbers.
    pub fn after(seq: u64, prev: ReceiptId) -> Option<Place> {
        seq.checked_add(1).map(|seq| Place { seq, prev: Some(prev) })
    }
}

/// Names of the parts of a model that decide its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelIds {
    /// The manifest, which names all else.
    pub manifest: ModelId,
    /// The program, which names every weight.
    pub program: ProgramId,
    /// The tokenizer.
    pub tokenizer: Digest,
    /// The chat template, where the model has one.
    pub template: Option<Digest>,
    /// Numeric profile, at most 16 bytes: "fast" or "high".
    pub profile: String,
}

/// What ran the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Version of the exact rules, at most 32 bytes. They alone decide the result.
    pub spec: String,
    /// Name, version and kernels of the software, at most 64 bytes. No effect on the result.
    pub software: String,
}

/// How tokens were chosen. Millionths where the name says `micro`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Name of the rules and of the random stream, at most 32 bytes.
    pub rules: String,
    /// 0 means always the likeliest token.
    pub temperature_micro: u32,
    /// 0 means off.
    pub top_k: u32,
    /// 1,000,000 means off.
    pub top_p_micro: u32,
    /// 0 means off.
    pub min_p_micro: u32,
    /// 1,000,000 means off.
    pub repetition_penalty_micro: u32,
    /// Seed of the random stream.
    pub seed: u64,
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Salted commitment to the whole answer.
    pub answer: Digest,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub answer_tokens: u32,
    /// Why the answer ended.
    pub finish: Finish,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it, or a stop text came up.
    Stop,
    /// It reached the number of tokens asked for.
    Length,
    /// The client left.
    Cancelled,
}

/// Commitment to every step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Salted commitment to the trace root.
    pub commitment: Digest,
    /// Positions that were run.
    pub steps: u32,
    /// Operators at each position.
    pub ops: u32,
}

/// The promise made to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The node signs, and that is all.
    Signed,
}

/// Unix milliseconds, by the node's own clock; never decreasing, at most [`TIME_MS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The request arrived.
    pub requested_ms: u64,
    /// The first token was chosen; there if and only if the answer has tokens.
    pub first_ms: Option<u64>,
    /// The answer ended.
    pub done_ms: u64,
}

/// The kind of work that a receipt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A model answered a request.
    Inference,
}

impl Finish {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::Cancelled => "cancelled",
        }
    }
}

impl Mode {
    /// The word in field 13.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Signed => "signed",
        }
    }
}

impl Kind {
    /// The word in field 21.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Inference => "inference",
        }
    }
}
