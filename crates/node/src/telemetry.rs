//! Everything this crate says to the log, by name; dashboards read these names.
//!
//! Invariant: no prompt, answer, salt or key is ever in an event; ids are shortened.

use crate::Error;
use crate::engine::{Options, Timing, Usage};
use terroir_base::id::ReceiptId;
use terroir_model::{Finish, Model};

pub(crate) fn engine_started(model: &Model, options: &Options) {
    tracing::info!(
        name: "engine.started",
        model = model.id.0.short(),
        threads = options.threads,
        isa = %options.isa,
        sequences_max = options.limits.sequences_max,
        "engine started"
    );
}

pub(crate) fn job_done(receipt: &ReceiptId, finish: Finish, usage: &Usage, timing: &Timing) {
    tracing::info!(
        name: "job.done",
        receipt = receipt.0.short(),
        finish = finish.name(),
        prompt_tokens = usage.prompt_tokens,
        cached_tokens = usage.cached_tokens,
        completion_tokens = usage.completion_tokens,
        waited_us = timing.waited.as_micros(),
        prefill_us = timing.prefill.as_micros(),
        decode_us = timing.decode.as_micros(),
        receipt_us = timing.receipt.as_micros(),
        "answer done"
    );
}

pub(crate) fn receipt_failed(error: &Error) {
    tracing::error!(name: "receipt.failed", error = chain(error), "no receipt, so no answer");
}

pub(crate) fn signing_stopped(error: &Error, stuck: &Error) {
    let (error, stuck) = (chain(error), chain(stuck));
    tracing::error!(name: "receipt.stopped", error, stuck, "nothing is signed any more");
}

pub(crate) fn batch_failed(error: &terroir_model::Error) {
    tracing::error!(name: "batch.failed", error = chain(error), "the engine stops");
}

pub(crate) fn thread_panicked() {
    tracing::error!(name: "engine.panicked", "a thread of the engine panicked");
}

pub(crate) fn internal(error: &dyn std::error::Error) {
    tracing::error!(name: "http.internal", error = chain(error), "a request failed here");
}

pub(crate) fn accept_failed(error: &std::io::Error) {
    tracing::warn!(name: "http.accept_failed", error = chain(error), "cannot take a connection");
}

pub(crate) fn draining(jobs: usize) {
    tracing::info!(name: "http.draining", jobs, "nothing new is taken on");
}

pub(crate) fn breaking_off(jobs: usize) {
    tracing::warn!(name: "http.breaking_off", jobs, "answers under way are broken off");
}

/// An error with its sources, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line.push_str(&format!(": {error}"));
        source = error.source();
    }
    line
}
