//! Counters in Prometheus' text format (version 0.0.4).
//!
//! Invariant: labels come from fixed lists, so no client can make the page grow.

use crate::{Counters, Status};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What the server counts besides the engine.
#[derive(Default)]
pub(super) struct Metrics {
    /// Replies by route and status.
    replies: Mutex<BTreeMap<(&'static str, u16), u64>>,
    connections: Arc<AtomicUsize>,
}

/// An open connection; counted until it is dropped.
pub(super) struct Connected(Arc<AtomicUsize>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(super) fn connected(&self) -> Connected {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(&self.connections))
    }

    pub(super) fn replied(&self, route: &'static str, status: u16) {
        let mut replies = self.replies.lock().expect("nothing that counts can panic");
        *replies.entry((route, status)).or_default() += 1;
    }

    /// The page.
    pub(super) fn page(&self, status: &Status, counters: &Counters, body_bytes: usize) -> String {
        let mut page = Page(String::new());
        page.head("terroir_http_replies_total", "counter", "Replies by route and status.");
        let replies = self.replies.lock().expect("nothing that counts can panic");
        for ((route, status), count) in replies.iter() {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            page.value("terroir_http_replies_total", &labels, count);
        }
        drop(replies);
        let connections = self.connections.load(Ordering::Relaxed);
        page.one("terroir_http_connections", "gauge", "Open connections.", connections);
        page.one("terroir_body_bytes", "gauge", "Memory of requests being taken in.", body_bytes);
        page.one("terroir_jobs", "gauge", "Requests taken on and not ended.", status.jobs);
        page.one("terroir_jobs_max", "gauge", "Most of them.", status.jobs_max);
        page.one("terroir_engine_up", "gauge", "Whether the engine runs.", u8::from(status.alive));
        page.head("terroir_answers_total", "counter", "Answers with a receipt, by how they ended.");
        for (finish, count) in [
            ("stop", counters.stopped),
            ("length", counters.cut),
            ("cancelled", counters.cancelled),
        ] {
            page.value("terroir_answers_total", &format!("finish=\"{finish}\""), count);
        }
        page.totals(counters);
        page.0
    }
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{name}{{{labels}}} {value}"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(format_args!("{name} {value}"));
    }

    fn totals(&mut self, counters: &Counters) {
        for (name, help, value) in [
            ("receipt_failures", "Answers lost for want of a receipt.", counters.receipts_failed),
            ("prompt_tokens", "Tokens of prompts.", counters.prompt_tokens),
            ("prompt_tokens_cached", "Those not run again.", counters.cached_tokens),
            ("completion_tokens", "Tokens of answers.", counters.completion_tokens),
        ] {
            self.one(&format!("terroir_{name}_total"), "counter", help, value);
        }
        for (name, help, time) in [
            ("waited", "Time of requests before the batch.", counters.waited),
            ("prefill", "Time from the batch to the first token.", counters.prefill),
            ("decode", "Time from the first token to the last.", counters.decode),
            ("receipt", "Time from the last token to the receipt.", counters.receipt),
        ] {
            let name = format!("terroir_{name}_seconds_total");
            self.one(&name, "counter", help, time.as_secs_f64());
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("strings take everything");
    }
}
