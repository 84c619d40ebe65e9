//! The thread that makes receipts: the one way from an outcome to what a client gets.
//!
//! Invariant: a salt is used once and leaves this thread only inside [`Done`].

use super::counters::Counters;
use super::job::{Done, Timing, Usage};
use super::mailbox::Sender;
use super::slots::Slot;
use crate::clock::Moment;
use crate::receipts::{GROUP_MAX, Receipts};
use crate::{Error, Stored, telemetry};
use std::iter;
use std::ops::Range;
use std::sync::{Arc, Mutex, mpsc};
use terroir_model::{Model, Outcome, Request};
use terroir_proof::{Answered, Draft, Engine, ModelIds, Place, Run, Salt, Times, Work};
use terroir_tensor::{Isa, SPEC_VERSION};

/// A job that the batch is done with.
pub(super) struct Ended {
    pub(super) request: Request,
    pub(super) outcome: Outcome,
    pub(super) requested: Moment,
    pub(super) admitted: Moment,
    pub(super) first: Option<Moment>,
    pub(super) done: Moment,
    pub(super) sender: Sender,
    pub(super) slot: Slot,
}

/// What stands in every receipt of an engine, and where receipts go.
pub(super) struct Signer {
    receipts: Receipts,
    model: Arc<Model>,
    engine: Engine,
    counters: Arc<Mutex<Counters>>,
}

impl Signer {
    pub(super) fn new(
        receipts: Receipts,
        model: Arc<Model>,
        isa: Isa,
        counters: Arc<Mutex<Counters>>,
    ) -> Signer {
        let version = env!("CARGO_PKG_VERSION");
        let engine =
            Engine { spec: SPEC_VERSION.to_owned(), software: format!("terroir {version} {isa}") };
        Signer { receipts, model, engine, counters }
    }

    /// Signs until the worker is gone; those that end together share one flush of the disk.
    pub(super) fn run(&self, endings: &mpsc::Receiver<Ended>) {
        while let Ok(first) = endings.recv() {
            let group = iter::once(first).chain(endings.try_iter()).take(GROUP_MAX).collect();
            self.finish(group);
        }
    }

    fn finish(&self, group: Vec<Ended>) {
        let (mut jobs, mut sealed) = (Vec::new(), Vec::new());
        for ended in group {
            match Sealed::new(&ended) {
                Ok(seal) => {
                    jobs.push(ended);
                    sealed.push(seal);
                }
                Err(error) => self.end(ended, Err(error)),
            }
        }
        let drafts = |range: Range<usize>| {
            let pairs = jobs[range.clone()].iter().zip(&sealed[range]);
            self.receipts.append(pairs.map(|(ended, seal)| self.draft(ended, seal)).collect())
        };
        let stored = drafts(0..jobs.len()).unwrap_or_else(|_| {
            // What troubles all of them is said to each of them.
            let alone = |at| drafts(at..at + 1).and_then(|mut one| one.remove(0));
            (0..jobs.len()).map(alone).collect()
        });
        for ((ended, seal), stored) in jobs.into_iter().zip(sealed).zip(stored) {
            self.end(ended, stored.map(|stored| (stored, seal.salt)));
        }
    }

    fn draft<'a>(&self, ended: &Ended, seal: &'a Sealed) -> Draft<'a> {
        let answered = Answered {
            salt: &seal.salt,
            model: ModelIds::of(&self.model),
            engine: self.engine.clone(),
            request: &seal.request,
            answer: &seal.answer,
            prompt_tokens: ended.outcome.prompt_tokens,
            run: Run::of(&self.model, &ended.outcome),
        };
        Draft {
            // The log knows the place.
            place: Place::FIRST,
            work: Work::Inference(answered),
            times: Times {
                requested_ms: ended.requested.unix_ms(),
                first_ms: ended.first.map(|first| first.unix_ms()),
                done_ms: ended.done.unix_ms(),
            },
        }
    }

    /// Counts, frees the place, and tells whoever asked.
    fn end(&self, ended: Ended, stored: Result<(Stored, Salt), Error>) {
        let Ended { request, outcome, requested, admitted, first, done, sender, slot } = ended;
        let end = stored.map(|(stored, salt)| {
            let first = first.unwrap_or(done);
            let timing = Timing {
                waited: admitted.since(&requested),
                prefill: first.since(&admitted),
                decode: done.since(&first),
                receipt: requested.later().since(&done),
            };
            let usage = Usage {
                prompt_tokens: outcome.prompt_tokens,
                completion_tokens: u32::try_from(outcome.answer.tokens.len())
                    .expect("an answer has at most max_tokens tokens, a u32"),
                cached_tokens: outcome.cached_tokens,
            };
            telemetry::job_done(&stored.id, outcome.answer.finish, &usage, &timing);
            let (answer, Stored { id: receipt, bytes: receipt_bytes, .. }) =
                (outcome.answer, stored);
            Box::new(Done { request, answer, usage, receipt, receipt_bytes, salt, timing })
        });
        let mut counters = self.counters.lock().expect("nothing that counts can panic");
        match &end {
            Ok(done) => counters.add(done),
            Err(error) => {
                counters.receipts_failed += 1;
                telemetry::receipt_failed(error);
            }
        }
        drop(counters);
        // First, so that whoever sees the end finds the place free.
        drop(slot);
        sender.end(end);
    }
}

/// What a receipt commits to, and the secret that opens it.
struct Sealed {
    salt: Salt,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Sealed {
    fn new(ended: &Ended) -> Result<Sealed, Error> {
        let mut salt = Salt([0; 32]);
        getrandom::fill(&mut salt.0).map_err(Error::Entropy)?;
        let (request, answer) = (ended.request.encode(), ended.outcome.answer.encode());
        Ok(Sealed { salt, request, answer })
    }
}
