//! How long work tells how far it is.
//!
//! For the command line's progress bar and for tests. Invariant: `done` never falls while `what`
//! stays the same.

/// Hears how far a piece of work is.
pub trait Progress {
    /// `done` of `total` bytes of `what`; no total when it is not known yet.
    fn update(&mut self, what: &str, done: u64, total: Option<u64>);
}

impl<F: FnMut(&str, u64, Option<u64>)> Progress for F {
    fn update(&mut self, what: &str, done: u64, total: Option<u64>) {
        self(what, done, total)
    }
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn update(&mut self, _what: &str, _done: u64, _total: Option<u64>) {}
}
