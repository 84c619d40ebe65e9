//! How many jobs there are, and no more than allowed.
//!
//! Invariant: a place is taken before anything of a job is kept, and given back after everything.

use crate::Error;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Shortest and longest time that a client is told to wait, in seconds.
const RETRY_S: (u64, u64) = (1, 60);
/// A new duration counts one part in this many.
const SMOOTHING: u64 = 8;

#[derive(Debug)]
struct State {
    jobs: usize,
    closing: bool,
    /// How long a job takes, smoothed.
    job_ms: u64,
}

/// The places of one engine.
#[derive(Debug)]
pub(super) struct Slots {
    state: Mutex<State>,
    emptied: Condvar,
    sequences_max: usize,
    queue_max: usize,
}

/// The place of one job.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    since: Instant,
}

impl Slots {
    pub(super) fn new(sequences_max: usize, queue_max: usize) -> Slots {
        let state = State { jobs: 0, closing: false, job_ms: 0 };
        Slots { state: Mutex::new(state), emptied: Condvar::new(), sequences_max, queue_max }
    }

    /// A place, or `Busy`, or `Closing`.
    pub(super) fn take(self: &Arc<Slots>) -> Result<Slot, Error> {
        let mut state = self.state();
        if state.closing {
            return Err(Error::Closing);
        }
        if state.jobs >= self.sequences_max + self.queue_max {
            let waiting = state.jobs - self.sequences_max;
            return Err(Error::Busy { waiting, retry_s: self.retry_s(&state) });
        }
        state.jobs += 1;
        Ok(Slot { slots: Arc::clone(self), since: Instant::now() })
    }

    /// Jobs and whether no new ones are taken.
    pub(super) fn count(&self) -> (usize, bool) {
        let state = self.state();
        (state.jobs, state.closing)
    }

    pub(super) fn close(&self) {
        self.state().closing = true;
    }

    /// Whether all places became free in time.
    pub(super) fn wait_empty(&self, patience: Duration) -> bool {
        let wait = self.emptied.wait_timeout_while(self.state(), patience, |state| state.jobs > 0);
        let (state, _) = wait.expect(UNPOISONED);
        state.jobs == 0
    }

    /// When the first of those who wait now will have moved up.
    fn retry_s(&self, state: &State) -> u64 {
        let sequences = u64::try_from(self.sequences_max).unwrap_or(u64::MAX).max(1);
        (state.job_ms / sequences).div_ceil(1000).clamp(RETRY_S.0, RETRY_S.1)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(UNPOISONED)
    }
}

const UNPOISONED: &str = "nothing that counts places can panic";

impl Drop for Slot {
    fn drop(&mut self) {
        let took = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut state = self.slots.state();
        state.jobs -= 1;
        state.job_ms = state.job_ms - state.job_ms / SMOOTHING + took / SMOOTHING;
        if state.jobs == 0 {
            self.slots.emptied.notify_all();
        }
    }
}
