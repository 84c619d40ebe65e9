//! How far long work is, on stderr: a bar on a terminal, a line per piece of work elsewhere.
//!
//! For fetching and importing. Invariant: stdout is never touched.

use crate::output::talk;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};
use terroir_import::Progress;

/// Shows one piece of work at a time.
pub struct Bar {
    terminal: bool,
    bar: Option<ProgressBar>,
    what: String,
}

impl Bar {
    /// Shows nothing yet.
    pub fn new() -> Bar {
        Bar { terminal: stderr().is_terminal(), bar: None, what: String::new() }
    }

    fn begin(&mut self, what: &str, total: Option<u64>) {
        self.clear();
        what.clone_into(&mut self.what);
        if !self.terminal {
            return talk(what);
        }
        let template = match total {
            Some(_) => "{msg} {bar:30} {binary_bytes}/{binary_total_bytes} {eta}",
            None => "{msg} {binary_bytes}",
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

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}
