//! How far long work is, on stderr: a bar on a terminal, a line per piece of work elsewhere.
//!
//! For fetching, importing and measuring. Invariant: stdout is never touched.

use crate::output::talk;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use terroir_import::Progress;

/// What progress is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Tokens, runs and the like.
    Count,
}

/// Shows one piece of work at a time.
pub struct Bar {
    terminal: bool,
    unit: Unit,
    bar: Option<ProgressBar>,
    what: String,
}

impl Bar {
    /// Shows nothing yet.
    pub fn new(unit: Unit) -> Bar {
        Bar { terminal: stderr().is_terminal(), unit, bar: None, what: String::new() }
    }

    fn begin(&mut self, what: &str, total: Option<u64>) {
        self.clear();
        what.clone_into(&mut self.what);
        if !self.terminal {
            return talk(what);
        }
        let template = match (self.unit, total) {
            (Unit::Bytes, Some(_)) => "{msg} {bar:30} {binary_bytes}/{binary_total_bytes} {eta}",
            (Unit::Bytes, None) => "{msg} {binary_bytes}",
            (Unit::Count, Some(_)) => "{msg} {bar:30} {pos}/{len} {eta}",
            (Unit::Count, None) => "{msg} {pos}",
        };
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        self.bar = Some(bar.with_style(style).with_message(what.to_owned()));
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bar {
    fn update(&mut self, what: &str, done: u64, total: Option<u64>) {
        if what != self.what {
            self.begin(what, total);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }
}

/// Shows steps that several threads take.
#[derive(Default)]
pub struct Steps(Mutex<Option<(Bar, String, u64, u64)>>);

impl Steps {
    /// A part of the work begins, of so many steps.
    pub fn begin(&self, what: &str, steps: u64) {
        let mut bar = Bar::new(Unit::Count);
        bar.update(what, 0, Some(steps));
        let mut shown = self.0.lock().expect("nobody panics with the lock");
        *shown = Some((bar, what.to_owned(), 0, steps));
    }

    /// One step is done.
    pub fn step(&self) {
        let mut shown = self.0.lock().expect("nobody panics with the lock");
        if let Some((bar, what, done, steps)) = shown.as_mut() {
            *done += 1;
            bar.update(what, *done, Some(*steps));
        }
    }

    /// Shows how far a run over data is.
    pub fn watch(&self, progress: &terroir_corpus::run::Progress) {
        match progress {
            terroir_corpus::run::Progress::Begin { what, steps } => self.begin(what, *steps),
            terroir_corpus::run::Progress::Step => self.step(),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}
