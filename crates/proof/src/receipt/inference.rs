//! The body of kind `inference`: a model answered a request.
//!
//! Invariant: what [`Inference::fields`] writes is all that [`Inference::take`] accepts.

mod codec;
mod rules;
mod show;

pub(crate) use codec::finish_from;

use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId};

/// What a node says about an answer; the numbers are those of the receipt's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inference {
    /// 3: name of the job.
    pub job: Digest,
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
    /// Name of the rules by which tokenizer and template work: [`crate::TEXT_RULES`].
    pub text: String,
}

/// What ran the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Name of the exact arithmetic: [`crate::ENGINE_SPEC`].
    pub spec: String,
    /// Name, version and kernels of the software, at most 64 bytes. No effect on the result.
    pub software: String,
}

/// How tokens were chosen. Millionths where the name says `micro`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Name of the rules and of the random stream: [`crate::SAMPLER_RULES`].
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
    /// Whoever asked, or the node, broke it off; which of them, nothing shows.
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
