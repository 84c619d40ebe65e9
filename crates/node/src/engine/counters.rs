//! What an engine has done since its start, for metrics.

use super::job::Done;
use std::time::Duration;
use terroir_model::Finish;

/// Sums over all answers with a receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Answers that the model or a stop string ended.
    pub stopped: u64,
    /// Answers that reached their length.
    pub cut: u64,
    /// Answers that were broken off.
    pub cancelled: u64,
    /// Answers lost because no receipt could be made.
    pub receipts_failed: u64,
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Those of them that did not have to be run again.
    pub cached_tokens: u64,
    /// Tokens of answers.
    pub completion_tokens: u64,
    /// Time before the batch.
    pub waited: Duration,
    /// Time from the batch to the first token.
    pub prefill: Duration,
    /// Time from the first token to the last.
    pub decode: Duration,
    /// Time for receipts.
    pub receipt: Duration,
}

impl Counters {
    pub(super) fn add(&mut self, done: &Done) {
        match done.answer.finish {
            Finish::Stop => self.stopped += 1,
            Finish::Length => self.cut += 1,
            Finish::Cancelled => self.cancelled += 1,
        }
        self.prompt_tokens += u64::from(done.usage.prompt_tokens);
        self.cached_tokens += u64::from(done.usage.cached_tokens);
        self.completion_tokens += u64::from(done.usage.completion_tokens);
        self.waited += done.timing.waited;
        self.prefill += done.timing.prefill;
        self.decode += done.timing.decode;
        self.receipt += done.timing.receipt;
    }
}
