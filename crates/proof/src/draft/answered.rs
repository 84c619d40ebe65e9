//! What a node knows when an answer ends, and what its receipt says of that.

use crate::receipt::{Engine, Inference, ModelIds, Output, Trace};
use crate::{Rejected, Salt, view};
use terroir_base::Digest;

/// What a node knows when an answer ends.
#[derive(Clone, Debug)]
pub struct Answered<'a> {
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

impl Answered<'_> {
    /// The commitments, and what repeats the request and the answer.
    pub(super) fn body(&self) -> Result<Inference, Rejected> {
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
        Ok(Inference {
            job: self.salt.job(&request),
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
        })
    }
}
