//! Making a receipt: what a node knows when an answer ends, and its signature under it.
//!
//! Invariant: everything that can be derived from the request and the answer is derived here, so a
//! node cannot contradict itself by mistake, and never signs what [`crate::check`] would refuse.

use crate::receipt::{
    CONTENT_TYPE, Engine, Kind, Mode, ModelIds, Output, Place, Receipt, Times, Trace,
};
use crate::{Rejected, Salt, view};
use terroir_base::Digest;
use terroir_base::id::ReceiptId;
use terroir_base::sign::{self, PublicKey, SecretKey};

/// What a node knows when an answer ends.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// Where the receipt goes in the node's chain.
    pub place: Place,
    /// The secret drawn for this job.
    pub salt: &'a Salt,
    /// The model that answered.
    pub model: ModelIds,
    /// What ran it.
    pub engine: Engine,
    /// Canonical encoding of the request.
    pub request: &'a [u8],
    /// Canonical encoding of the answer.
    pub answer: &'a [u8],
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// What the engine recorded.
    pub run: Run,
    /// When, by the node's clock.
    pub times: Times,
}

/// What an engine recorded of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Root over the digests of all steps.
    pub root: Digest,
    /// Positions that were run.
    pub steps: u32,
    /// Operators at each position.
    pub ops: u32,
}

/// A receipt as it goes to the client and into the node's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The name by which the next receipt and everyone else call it.
    pub id: ReceiptId,
    /// The file. Every field is bounded, so it always fits [`crate::RECEIPT_BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// What it says.
    pub receipt: Receipt,
}

impl Draft<'_> {
    /// Fills in the receipt and signs it.
    ///
    /// Errors: the verdict that a checker would give.
    pub fn sign(&self, key: &SecretKey) -> Result<Signed, Rejected> {
        let receipt = self.receipt(key.public())?;
        let bytes = sign::sign1(&receipt.encode()?, key, CONTENT_TYPE);
        Ok(Signed { id: ReceiptId::of(&bytes), bytes, receipt })
    }

    fn receipt(&self, node: PublicKey) -> Result<Receipt, Rejected> {
        let asked = view::request(self.request)?;
        let answered = view::answer(self.answer)?;
        let got = answered.tokens.len();
        let answer_tokens =
            u32::try_from(got).map_err(|_| Rejected::AnswerTokens { stated: u32::MAX, got })?;
        let mut stream = self.salt.stream();
        stream.extend(&answered.tokens);
        let request = self.salt.request(self.request);
        let output = Output {
            answer: self.salt.answer(self.answer),
            prompt_tokens: self.prompt_tokens,
            answer_tokens,
            finish: answered.finish,
        };
        output.fits(asked.max_tokens)?;
        Ok(Receipt {
            job: self.salt.job(&request),
            place: self.place,
            node,
            model: self.model.clone(),
            engine: self.engine.clone(),
            request,
            sampler: asked.sampler,
            output,
            stream: stream.root(),
            trace: Trace {
                commitment: self.salt.trace(&self.run.root),
                steps: self.run.steps,
                ops: self.run.ops,
            },
            mode: Mode::Signed,
            times: self.times,
            kind: Kind::Inference,
        })
    }
}
