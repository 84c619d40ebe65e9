//! How well a model predicts a text, in bits.
//!
//! For comparing models and imports. Invariant: integers only, so a score is a fact about model and
//! text that anyone can recompute. Method: `docs/spec/sampling.md`, section on scoring.

use crate::feed::feed;
use crate::{Error, Model};
use std::ops::ControlFlow::Continue;
use terroir_tensor::fixed::{LOG2_E_Q30, exp2_neg, log2_q16};
use terroir_tensor::{Cache, Executor, Isa};

/// Longest context that a token is predicted from.
pub const WINDOW_MAX: usize = 2048;

/// What a text costs under a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Tokens of the text, the start token not counted.
    pub tokens: u64,
    /// Tokens that were predicted: all but the first, where nothing comes before it.
    pub predicted: u64,
    /// Bytes of the text.
    pub bytes: u64,
    /// Sum of `-log2` of the probabilities of the predicted tokens, Q16.
    pub neg_log2_sum_q16: u64,
    /// Predicted tokens that were the most likely one, the lowest among equals.
    pub top1: u64,
}

/// Scores `text`, read as plain text.
///
/// The context is a window of `min(context_max, WINDOW_MAX)` tokens. When it is full, it moves on by
/// half its length, and the tokens that stay in it are not scored again. `each` hears the score so
/// far after every predicted token.
/// Errors: `Error::EmptyPrompt` for a text without tokens, those of the executor.
pub fn score(
    model: &Model,
    threads: usize,
    isa: Isa,
    text: &str,
    each: &mut dyn FnMut(&Score),
) -> Result<Score, Error> {
    let plain = model.tokenizer.encode(text, false);
    let bos = model.manifest.bos.filter(|_| model.manifest.add_bos);
    let tokens: Vec<u32> = bos.into_iter().chain(plain.iter().copied()).collect();
    if plain.is_empty() {
        return Err(Error::EmptyPrompt);
    }
    let mut executor = Executor::new(model.plan.clone(), threads, isa)?;
    let window = (model.manifest.context_max as usize).clamp(2, WINDOW_MAX);
    let mut score = Score {
        tokens: plain.len() as u64,
        predicted: 0,
        bytes: text.len() as u64,
        neg_log2_sum_q16: 0,
        top1: 0,
    };
    let (mut start, mut scored) = (0, 1);
    while scored < tokens.len() {
        let end = tokens.len().min(start + window);
        let mut cache = Cache::new(&model.plan);
        // A token is predicted by the row of the one before it; the last predicts none.
        let (fed, silent) = (&tokens[start..end - 1], scored - 1 - start);
        feed(&mut executor, &mut cache, fed, silent, &mut |row| {
            score.predict(row, tokens[scored]);
            each(&score);
            scored += 1;
            Continue(())
        })?;
        start += (window / 2).max(1);
    }
    Ok(score)
}

impl Score {
    fn predict(&mut self, logits: &[i32], token: u32) {
        let max = *logits.iter().max().expect("a model has tokens");
        let depth = |logit: i32| (u64::from(max.abs_diff(logit)) * u64::from(LOG2_E_Q30)) >> 30;
        let weight = |logit: i32| exp2_neg(depth(logit).min(u64::from(u32::MAX)) as u32);
        let sum: u64 = logits.iter().map(|&logit| u64::from(weight(logit))).sum();
        let total = log2_q16(sum).saturating_sub(30 << 16);
        self.predicted += 1;
        self.neg_log2_sum_q16 += depth(logits[token as usize]) + u64::from(total);
        let best = logits.iter().position(|&logit| logit == max);
        self.top1 += u64::from(best == Some(token as usize));
    }
}

#[cfg(test)]
mod tests;
