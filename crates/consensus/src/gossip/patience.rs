//! How many refused transactions of each peer are looked at: finding a sender takes a node some tens
//! of microseconds, and making rubbish takes nothing.
//!
//! Invariant: in the long run no peer takes more of this node's time for what is refused than
//! [`A_SECOND`] transactions do.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::SystemTime;

/// Refused transactions of a peer that are looked at in a second, in the long run.
const A_SECOND: u64 = 512;
/// So many at once: an honest peer that is some blocks behind or ahead sends what is refused here.
const AT_ONCE: u64 = 4_096;
/// Peers that are remembered. There are fewer at a time.
const PEERS_MAX: usize = 1_024;
const MS: u64 = 1_000;

/// What is left of the patience with each peer that ever sent anything refused.
pub(super) struct Patience<P> {
    peers: HashMap<P, Left>,
}

/// What was refused, in thousandths, as it was at a time.
struct Left {
    spent: u64,
    at: SystemTime,
}

impl Left {
    fn spent(&self, now: SystemTime) -> u64 {
        let passed = now.duration_since(self.at).unwrap_or_default().as_millis();
        let earned = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(A_SECOND);
        self.spent.saturating_sub(earned)
    }
}

impl<P> Default for Patience<P> {
    fn default() -> Patience<P> {
        Patience { peers: HashMap::new() }
    }
}

impl<P: Eq + Hash> Patience<P> {
    /// Whether what `peer` sends at `now` is read.
    pub(super) fn listens(&self, peer: &P, now: SystemTime) -> bool {
        self.peers.get(peer).is_none_or(|left| left.spent(now) < AT_ONCE * MS)
    }

    /// Takes in that so many transactions of `peer` were refused.
    pub(super) fn spend(&mut self, peer: P, refused: usize, now: SystemTime) {
        if refused == 0 {
            return;
        }
        if self.peers.len() >= PEERS_MAX {
            self.peers.retain(|_, left| left.spent(now) > 0);
        }
        let left = self.peers.entry(peer).or_insert(Left { spent: 0, at: now });
        let spent = left.spent(now).saturating_add((refused as u64).saturating_mul(MS));
        *left = Left { spent, at: now };
    }
}

#[cfg(test)]
mod tests {
    use super::{A_SECOND, AT_ONCE, PEERS_MAX, Patience};
    use std::time::{Duration, SystemTime};

    fn at(ms: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
    }

    #[test]
    fn patience_with_one_peer_ends_comes_back_and_is_not_anothers() {
        let mut patience = Patience::default();
        patience.spend(1, AT_ONCE as usize - 1, at(0));
        assert!(patience.listens(&1, at(0)));
        patience.spend(1, 1 + 2 * A_SECOND as usize, at(0));
        assert!(!patience.listens(&1, at(0)) && !patience.listens(&1, at(2_000)));
        assert!(patience.listens(&1, at(2_001)) && patience.listens(&2, at(0)));
        // A clock that goes back takes nothing.
        assert!(!patience.listens(&1, SystemTime::UNIX_EPOCH - Duration::from_secs(9)));
    }

    #[test]
    fn honest_peers_spend_nothing_and_what_is_remembered_is_bounded() {
        let mut patience = Patience::default();
        for peer in 0..4 * PEERS_MAX {
            patience.spend(peer, 0, at(0));
        }
        assert_eq!(patience.peers.len(), 0);
        for peer in 0..4 * PEERS_MAX {
            patience.spend(peer, 1, at(10 * peer as u64));
        }
        assert!(patience.peers.len() <= PEERS_MAX);
    }
}
