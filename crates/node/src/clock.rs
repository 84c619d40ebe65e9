//! The node's clock. Invariant: within one process, what is measured later never has an earlier time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use terroir_proof::TIME_MS_MAX;

/// A moment: the wall clock once, then the monotonic one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    unix_ms: u64,
    instant: Instant,
}

impl Moment {
    /// Now.
    pub(crate) fn now() -> Moment {
        // A clock before 1970 or past the year 9999 is wrong anyway; receipts need some time in range.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let unix_ms = u64::try_from(since.as_millis()).unwrap_or(TIME_MS_MAX).min(TIME_MS_MAX);
        Moment { unix_ms, instant: Instant::now() }
    }

    /// Unix milliseconds.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.unix_ms
    }

    /// The moment that the monotonic clock shows now, counted from this one.
    pub(crate) fn later(&self) -> Moment {
        let instant = Instant::now();
        let elapsed = instant.duration_since(self.instant).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(TIME_MS_MAX);
        Moment { unix_ms: self.unix_ms.saturating_add(elapsed).min(TIME_MS_MAX), instant }
    }

    /// Time from `earlier` to this moment.
    pub(crate) fn since(&self, earlier: &Moment) -> Duration {
        self.instant.saturating_duration_since(earlier.instant)
    }
}

/// Waits so long before looking again at what tells nobody: another process, another node.
#[expect(clippy::disallowed_methods, reason = "there is no event to wait for")]
pub(crate) fn pause(time: std::time::Duration) {
    std::thread::sleep(time);
}
