//! Memory of what waits for clients to take it: answers, and news of subscriptions.
//!
//! Invariant: beside the first [`OWN_BYTES`] of each, which are few enough however many there are,
//! all of it together is within one budget until it is written; so who takes slowly keeps others
//! from long answers at most, never from short ones.

use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of an answer, or of a subscription's news, that are not counted.
const OWN_BYTES: usize = 32 << 10;

/// What all that waits may take together.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

/// What one answer, or one subscription's news, takes of the budget until it is dropped.
pub(super) struct Claim {
    bytes: usize,
    counted: OwnedSemaphorePermit,
    budget: Budget,
}

/// There is no room in the budget.
#[derive(Debug)]
pub(super) struct Full;

/// What is said to a client, with what it takes.
pub(super) struct Said {
    pub text: Box<RawValue>,
    /// Kept for what dropping it does; news of a block have one together.
    pub _claim: Arc<Claim>,
}

impl Budget {
    /// Of so many bytes.
    pub fn new(bytes: usize) -> Budget {
        Budget(Arc::new(Semaphore::new(bytes)))
    }

    /// A claim to nothing yet.
    pub fn claim(&self) -> Claim {
        let counted = self.take(0).expect("nothing is always there");
        Claim { bytes: 0, counted, budget: self.clone() }
    }

    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }
}

impl Claim {
    /// Claims so many bytes more, or none of them.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let bytes = self.bytes + bytes;
        let more = bytes.saturating_sub(OWN_BYTES) - self.counted.num_permits();
        self.counted.merge(self.budget.take(more).ok_or(Full)?);
        self.bytes = bytes;
        Ok(())
    }
}

impl AsRef<[u8]> for Said {
    fn as_ref(&self) -> &[u8] {
        self.text.get().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_past_its_own_bytes_until_it_is_dropped() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.claim(), budget.claim());
        one.grow(OWN_BYTES - 10).unwrap();
        one.grow(50).unwrap();
        other.grow(OWN_BYTES + 60).unwrap();
        assert_eq!(budget.0.available_permits(), 0);
        // Who gets nothing more keeps what it has, and has no more than that.
        for claim in [&mut one, &mut other, &mut budget.claim()] {
            claim.grow(OWN_BYTES + 1).unwrap_err();
        }
        budget.claim().grow(OWN_BYTES).unwrap();
        drop(one);
        assert_eq!(budget.0.available_permits(), 40);
        other.grow(40).unwrap();
        other.grow(1).unwrap_err();
        drop(other);
        assert_eq!(budget.0.available_permits(), 100);
    }
}
