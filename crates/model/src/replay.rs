//! Checking an answer by running it again, in one pass over prompt and answer together.
//!
//! For receipts. The tokens that were said are fed in; at each of them the sampler must draw the
//! same. Invariant: an honest answer has no difference, and the trace root of its outcome.

use crate::feed::feed;
use crate::sampler::{Sampler, Scratch};
use crate::speech::Speech;
use crate::{Answer, Error, Finish, Model, Prepared, Request};
use std::ops::ControlFlow::{Break, Continue};
use terroir_base::Digest;
use terroir_tensor::{Cache, Executor, Isa, trace_root};

/// The first point where an answer is not what the model says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Another token was to come.
    Token {
        /// Index in the answer.
        at: u32,
        /// The answer's token.
        said: u32,
        /// The one that the model and the sampler give.
        computed: u32,
    },
    /// The answer goes on after its end, or stops before it.
    Length {
        /// Tokens of the answer.
        said: u32,
        /// Tokens up to the end.
        computed: u32,
    },
    /// The answer claims another reason for its end.
    Finish {
        /// The answer's reason.
        said: Finish,
        /// The one that follows from the tokens.
        computed: Finish,
    },
    /// The text is not that of the tokens.
    Text,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Difference::Token { at, said, computed } => {
                write!(f, "token {at} of the answer is {said}, the model gives {computed}")
            }
            Difference::Length { said, computed } => {
                write!(f, "the answer has {said} tokens, it ends after {computed}")
            }
            Difference::Finish { said, computed } => {
                write!(f, "the answer says it ended by {said}, its tokens say {computed}")
            }
            Difference::Text => f.write_str("the text of the answer is not that of its tokens"),
        }
    }
}

/// What came of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Where the answer is wrong; `None` when it is right.
    pub first_difference: Option<Difference>,
    /// The root of the trace, as in `Outcome`; meaningful when there is no difference.
    pub trace_root: Digest,
    /// Positions run, as in `Outcome`.
    pub steps: u32,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
}

/// Runs `request` again and compares with `answer`.
///
/// Errors: those of [`Model::prepare`] and of the executor; a wrong answer is no error.
pub fn replay(
    model: &Model,
    threads: usize,
    isa: Isa,
    request: &Request,
    answer: &Answer,
) -> Result<Replayed, Error> {
    let prepared = model.prepare(request.clone())?;
    let prompt_tokens = prepared.prompt.len() as u32;
    let mut cache = Cache::new(&model.plan);
    let difference = match differs_on_its_face(model, &prepared, answer) {
        Some(difference) => Some(difference),
        None if answer.tokens.is_empty() => None,
        None => {
            let mut executor = Executor::new(model.plan.clone(), threads, isa)?;
            compare(model, &mut executor, &mut cache, &prepared, &answer.tokens)?
        }
    };
    let (trace_root, steps) = (trace_root(cache.steps()), cache.len() as u32);
    Ok(Replayed { first_difference: difference, trace_root, steps, prompt_tokens })
}

/// Compares what follows from the tokens alone: where they end, why, and how they read.
fn differs_on_its_face(model: &Model, prepared: &Prepared, answer: &Answer) -> Option<Difference> {
    let count = answer.tokens.len() as u32;
    let mut speech = Speech::new(&prepared.request);
    let mut ended = None;
    for (&token, at) in answer.tokens.iter().zip(1..) {
        if let Some(finish) = speech.hear(model, token) {
            ended = Some((finish, at));
            break;
        }
    }
    let computed = match ended {
        Some((_, at)) if at < count => {
            return Some(Difference::Length { said: count, computed: at });
        }
        Some((finish, _)) => finish,
        None => {
            speech.end();
            Finish::Cancelled
        }
    };
    if computed != answer.finish {
        return Some(Difference::Finish { said: answer.finish, computed });
    }
    (speech.into_text() != answer.text).then_some(Difference::Text)
}

/// Feeds prompt and answer, and draws at every position of the answer.
fn compare(
    model: &Model,
    executor: &mut Executor,
    cache: &mut Cache,
    prepared: &Prepared,
    said: &[u32],
) -> Result<Option<Difference>, Error> {
    let Prepared { request, prompt } = prepared;
    let vocab = model.plan.logits();
    let mut sampler = Sampler::new(request.sampling, vocab, prompt);
    let mut scratch = Scratch::default();
    // A token that does not exist cannot be fed, and was never drawn.
    let known = said.iter().position(|&token| token as usize >= vocab).unwrap_or(said.len());
    let fed: Vec<u32> = prompt.iter().chain(&said[..known]).copied().collect();
    let end = fed.len() - usize::from(known == said.len());
    let (mut at, mut difference) = (0, None);
    feed(executor, cache, &fed[..end], prompt.len() - 1, &mut |row| {
        let (said, computed) = (said[at], sampler.pick(row, &mut scratch));
        if said != computed {
            difference = Some(Difference::Token { at: at as u32, said, computed });
            return Break(());
        }
        sampler.accept(said);
        at += 1;
        Continue(())
    })?;
    Ok(difference)
}

#[cfg(test)]
mod tests;
