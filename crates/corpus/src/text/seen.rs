//! Which of many hashes came before, and where: an open table that is used again and again.
//!
//! For whoever counts what repeats in a text. Invariant: what it answers depends on the hashes
//! alone; only the time it takes depends on a secret, so that no text can be made to be slow.

use std::hash::{BuildHasher, RandomState};

/// First places of hashes. A slot holds a place, plus one; 0 is empty.
pub struct Seen {
    slots: Vec<u32>,
    /// Keeps so many high bits of a product.
    shift: u32,
    /// Odd, and not known to whoever writes a text.
    factor: u64,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { slots: Vec::new(), shift: 63, factor: RandomState::new().hash_one(0_u64) | 1 }
    }
}

impl Seen {
    /// Forgets everything and makes room for `items` hashes.
    pub fn start(&mut self, items: usize) {
        let bits = (2 * items).next_power_of_two().max(16).ilog2();
        self.shift = 64 - bits;
        self.slots.clear();
        self.slots.resize(1 << bits, 0);
    }

    /// The first place that had the hash of place `at`: `at` itself if none had.
    ///
    /// `hashes` are those of all places; each place is asked for once, and no more places than
    /// there is room for.
    #[inline]
    pub fn first(&mut self, hashes: &[u64], at: u32) -> u32 {
        let hash = hashes[at as usize];
        let mixed = hash.wrapping_mul(self.factor);
        let own = at + 1;
        let mask = self.slots.len() - 1;
        let mut slot = (mixed >> self.shift) as usize;
        loop {
            let held = &mut self.slots[slot & mask];
            let taken = if *held == 0 { own } else { *held };
            if hashes[taken as usize - 1] == hash {
                *held = taken;
                return taken - 1;
            }
            slot += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_of_each_hash_is_found_again() {
        let hashes = [7, 0, 7, u64::MAX, 0, 7 << 32, 7];
        let mut seen = Seen::default();
        for _ in 0..2 {
            seen.start(hashes.len());
            let first: Vec<u32> = (0..7).map(|at| seen.first(&hashes, at)).collect();
            assert_eq!(first, [0, 1, 0, 3, 1, 5, 0]);
        }
    }

    #[test]
    fn many_hashes_that_differ_in_few_bits_find_room() {
        let hashes: Vec<u64> = (0..100_000).map(|i| i << 30).collect();
        let mut seen = Seen::default();
        seen.start(hashes.len());
        for at in 0..100_000 {
            assert_eq!(seen.first(&hashes, at), at);
        }
    }
}
