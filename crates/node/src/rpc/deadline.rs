//! A clock beside the EVM: a question that takes too long ends in an error.
//!
//! Gas bounds what a question does, and not for how long this machine works on it. Invariant: only
//! questions have a clock; what a block does depends on none.

use revm::Inspector;
use revm::context::ContextTr;
use revm::context_interface::context::ContextError;
use revm::interpreter::Interpreter;
use revm::interpreter::interpreter::EthInterpreter;
use std::time::{Duration, Instant};

/// Steps of the EVM between two looks at the clock.
const STEPS: u32 = 256;

/// Stops the EVM when its time is over, in all its runs together.
pub(super) struct Deadline {
    start: Instant,
    limit: Duration,
    steps_left: u32,
}

impl Deadline {
    pub fn new(limit: Duration) -> Deadline {
        Deadline { start: Instant::now(), limit, steps_left: 0 }
    }
}

impl<C: ContextTr> Inspector<C, EthInterpreter> for Deadline {
    fn step(&mut self, interpreter: &mut Interpreter<EthInterpreter>, context: &mut C) {
        if let Some(left) = self.steps_left.checked_sub(1) {
            self.steps_left = left;
            return;
        }
        self.steps_left = STEPS;
        if self.start.elapsed() > self.limit {
            // The words of Ethereum's clients.
            let why = format!("execution aborted (timeout = {:?})", self.limit);
            *context.error() = Err(ContextError::Custom(why));
            interpreter.halt_fatal();
        }
    }
}
