//! Many answers at once, one step after another: continuous batching.
//!
//! For whoever serves requests. A single owner calls [`Batch::step`] until it is idle; there are no
//! threads here but the executor's. Invariant: an outcome depends on the model and the request
//! alone, not on the other requests, the limits, or what was asked before.

mod prefix;

use crate::sampler::{Sampler, Scratch};
use crate::speech::Speech;
use crate::{Answer, Error, Finish, Model, Prepared, Request};
use prefix::Prefixes;
use std::sync::Arc;
use terroir_base::Digest;
use terroir_tensor::{Cache, Executor, Isa, Run, Wanted, trace_root};

/// How much a batch may take on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Requests served at once; more are refused with `Error::BatchFull`.
    pub sequences_max: usize,
    /// Rows of one step: a token of every answer under way, the rest for prompts. At least
    /// `sequences_max`. More rows read prompts faster and make answers wait longer meanwhile.
    pub rows_max: usize,
    /// Memory for caches of finished sequences, kept for prompts that start alike.
    pub cached_bytes_max: u64,
}

/// Whose prompts a prompt may share a start with. How long an answer takes and how much of its
/// prompt was cached tell what was asked before, but only inside one space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space(pub u32);

/// Names a request inside its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// All that is known of a request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was said.
    pub answer: Answer,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Root of the trace over every position that was run, in order.
    pub trace_root: Digest,
    /// Number of these positions: prompt and answer, less the last token, which nothing follows.
    pub steps: u32,
    /// Positions of the prompt that came from an earlier request's cache.
    pub cached_tokens: u32,
}

/// What happened in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A token was drawn.
    Token {
        /// Whose.
        ticket: Ticket,
        /// The token.
        token: u32,
        /// The text that has become certain with it; may be empty. All of them together are the
        /// answer's text, unless the request is cancelled.
        text: String,
    },
    /// A request has ended; its ticket means nothing from now on.
    Done {
        /// Whose.
        ticket: Ticket,
        /// How.
        outcome: Outcome,
    },
}

/// A request under way.
struct Sequence {
    ticket: Ticket,
    space: Space,
    /// Prompt and answer; the cache has seen the first `cache.len()` of them.
    tokens: Vec<u32>,
    prompt_tokens: usize,
    cached_tokens: usize,
    cache: Cache,
    sampler: Sampler,
    speech: Speech,
    finish: Option<Finish>,
}

/// Serves requests on one model.
pub struct Batch {
    model: Arc<Model>,
    executor: Executor,
    limits: BatchLimits,
    sequences: Vec<Sequence>,
    prefixes: Prefixes,
    scratch: Scratch,
    tickets: u64,
}

impl Batch {
    /// An idle batch with an executor of its own.
    ///
    /// Errors: `Error::Field` for limits that contradict each other, `Error::Tensor` for threads or
    /// an instruction set that cannot be had.
    pub fn new(
        model: Arc<Model>,
        threads: usize,
        isa: Isa,
        limits: BatchLimits,
    ) -> Result<Batch, Error> {
        let rows_most = terroir_tensor::ROWS_MAX;
        if limits.sequences_max == 0
            || !(limits.sequences_max..=rows_most).contains(&limits.rows_max)
        {
            let problem = format!("must be between sequences_max and {rows_most}");
            return Err(Error::Field { what: "batch", field: "rows_max", problem });
        }
        let executor = Executor::new(model.plan.clone(), threads, isa)?;
        let prefixes = Prefixes::new(limits.cached_bytes_max);
        let (sequences, scratch) = Default::default();
        Ok(Batch { model, executor, limits, sequences, prefixes, scratch, tickets: 0 })
    }

    /// The model served.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Takes on a request, in the space of number 0.
    ///
    /// Errors: those of [`Model::prepare`], and `Error::BatchFull`.
    pub fn admit(&mut self, request: Request) -> Result<Ticket, Error> {
        let prepared = self.model.prepare(request)?;
        self.admit_prepared(prepared, Space::default())
    }

    /// Takes on a request that was prepared elsewhere, with this model.
    ///
    /// Errors: `Error::BatchFull`.
    pub fn admit_prepared(&mut self, prepared: Prepared, space: Space) -> Result<Ticket, Error> {
        if !self.has_room() {
            let sequences_max = self.limits.sequences_max;
            return Err(Error::BatchFull { sequences_max });
        }
        let Prepared { request, prompt } = prepared;
        let cache = self.start(space, &prompt);
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.sequences.push(Sequence {
            ticket,
            space,
            prompt_tokens: prompt.len(),
            cached_tokens: cache.len(),
            sampler: Sampler::new(request.sampling, self.model.plan.logits(), &prompt),
            speech: Speech::new(&request),
            tokens: prompt,
            cache,
            finish: None,
        });
        Ok(ticket)
    }

    /// A cache that has seen as much of `prompt` as any cache of its space has.
    fn start(&mut self, space: Space, prompt: &[u32]) -> Cache {
        let reuse = |s: &Sequence| prefix::reusable(&s.tokens[..s.cache.len()], prompt);
        let running = self.sequences.iter().filter(|sequence| sequence.space == space);
        match running.max_by_key(|sequence| reuse(sequence)) {
            Some(sequence) if reuse(sequence) > self.prefixes.best(space, prompt) => {
                sequence.cache.prefix(reuse(sequence))
            }
            _ => self.prefixes.take(space, prompt).unwrap_or_else(|| Cache::new(&self.model.plan)),
        }
    }

    /// Whether another request would be taken on.
    pub fn has_room(&self) -> bool {
        self.sequences.len() < self.limits.sequences_max
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Breaks a request off: the next step ends it with what was said so far. An unknown ticket, or
    /// one that has ended, is nothing to do.
    pub fn cancel(&mut self, ticket: Ticket) {
        if let Some(sequence) = self.sequences.iter_mut().find(|s| s.ticket == ticket) {
            sequence.finish = Some(Finish::Cancelled);
            sequence.speech.end();
        }
    }

    /// Runs every answer one token further, and prompts as far as the rows allow.
    ///
    /// Errors: `Error::Tensor`; then no request has moved.
    pub fn step(&mut self) -> Result<Vec<Event>, Error> {
        let rows = self.share_rows();
        let mut runs: Vec<Run<'_>> = Vec::with_capacity(self.sequences.len());
        for (sequence, &rows) in self.sequences.iter_mut().zip(&rows) {
            let seen = sequence.cache.len();
            let tokens = &sequence.tokens[seen..seen + rows];
            let last = seen + rows == sequence.tokens.len();
            let logits = if last { Wanted::Last } else { Wanted::None };
            if rows > 0 {
                runs.push(Run { cache: &mut sequence.cache, tokens, logits });
            }
        }
        let logits = self.executor.forward(&mut runs)?;
        let mut events = Vec::new();
        let caught_up = |s: &&mut Sequence| s.finish.is_none() && s.cache.len() == s.tokens.len();
        let ready = self.sequences.iter_mut().filter(caught_up);
        for (row, sequence) in ready.enumerate() {
            let token = sequence.sampler.pick(logits.row(row), &mut self.scratch);
            sequence.sampler.accept(token);
            sequence.tokens.push(token);
            sequence.finish = sequence.speech.hear(&self.model, token);
            let text = sequence.speech.news(sequence.finish.is_some());
            events.push(Event::Token { ticket: sequence.ticket, token, text });
        }
        self.dismiss(&mut events);
        Ok(events)
    }

    /// How many tokens of each sequence the next call runs: answers first, then prompts in the
    /// order of admission.
    fn share_rows(&self) -> Vec<usize> {
        let answering = |s: &Sequence| s.finish.is_none() && s.tokens.len() > s.prompt_tokens;
        let mut left =
            self.limits.rows_max - self.sequences.iter().filter(|s| answering(s)).count();
        let share = |sequence: &Sequence| {
            if answering(sequence) {
                return 1;
            }
            if sequence.finish.is_some() {
                return 0;
            }
            let rows = (sequence.tokens.len() - sequence.cache.len()).min(left);
            left -= rows;
            rows
        };
        self.sequences.iter().map(share).collect()
    }

    /// Ends the sequences that are finished.
    fn dismiss(&mut self, events: &mut Vec<Event>) {
        let finished = |sequence: &mut Sequence| sequence.finish.is_some();
        for sequence in self.sequences.extract_if(.., finished) {
            let Sequence { ticket, space, mut tokens, prompt_tokens, cached_tokens, cache, .. } =
                sequence;
            let answer = Answer {
                text: sequence.speech.into_text(),
                tokens: tokens[prompt_tokens..].to_vec(),
                finish: sequence.finish.expect("it was chosen for that"),
            };
            // Nothing said: how far the prompt got is an accident of timing, not of the request.
            let steps = if answer.tokens.is_empty() { &[] } else { cache.steps() };
            let outcome = Outcome {
                prompt_tokens: prompt_tokens as u32,
                trace_root: trace_root(steps),
                steps: steps.len() as u32,
                cached_tokens: cached_tokens as u32,
                answer,
            };
            tokens.truncate(cache.len());
            self.prefixes.put(space, tokens, cache);
            events.push(Event::Done { ticket, outcome });
        }
    }
}

#[cfg(test)]
mod tests;
