//! Signatures: the smallest number of a set, in many random orders.

use super::shingles::mix;
use crate::stage::Key;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Random orders of the numbers below 2^31: by `a * upper half + b`, with an odd `a`, then by their
/// lower 15 bits.
///
/// The smallest of a set in such an order is as likely to be the smallest of another one as they are
/// alike; what the order does to lower halves matters only to sets with several numbers of one upper
/// half. And 16 bits are what the baseline of every 64-bit processor multiplies and compares eight at a
/// time, so this takes a third of the time of 32.
pub struct Signer {
    orders: Vec<(u16, u16)>,
    seed: u64,
}

impl Signer {
    /// So many orders, drawn from `seed`.
    pub fn new(orders: usize, seed: u64) -> Signer {
        let draw = |at: usize| mix(mix(seed).wrapping_add(at as u64 + 1));
        let order = |drawn: u64| (drawn as u16 | 1, (drawn >> 16) as u16);
        Signer { orders: (0..orders).map(draw).map(order).collect(), seed }
    }

    /// The signature of the set of `numbers`, which is not empty and may repeat itself: the smallest
    /// one in each order.
    pub fn sign(&self, numbers: &[u64]) -> Vec<u32> {
        let upper: Vec<u16> = numbers.iter().map(|number| (number >> 15) as u16).collect();
        // Signed, because SSE2 finds minima only of signed ones; and none is negative.
        let lower: Vec<i16> = numbers.iter().map(|number| *number as i16 & i16::MAX).collect();
        let least = |(a, b): &(u16, u16)| {
            let place = |upper: &u16| upper.wrapping_mul(*a).wrapping_add(*b) as i16;
            let first = upper.iter().fold(i16::MAX, |least, upper| least.min(place(upper)));
            let second = upper.iter().zip(&lower).fold(i16::MAX, |least, (upper, lower)| {
                // The largest number where the upper half is another; without a branch.
                let other = i16::from(place(upper) != first).wrapping_neg();
                least.min(lower | other & i16::MAX)
            });
            u32::from(first as u16) << 16 | u32::from(second as u16)
        };
        self.orders.iter().map(least).collect()
    }

    /// Adds a key for each band of `rows` hashes of the signature of `numbers`: spaces from 1 on.
    pub fn keys(&self, numbers: &[u64], rows: usize, keys: &mut Vec<Key>) {
        let signature = self.sign(numbers);
        let mut bytes = Vec::with_capacity(4 * rows);
        for (space, band) in (1..).zip(signature.chunks_exact(rows)) {
            bytes.clear();
            bytes.extend(band.iter().flat_map(|least| least.to_le_bytes()));
            let hash = xxh3_128_with_seed(&bytes, self.seed).to_be_bytes();
            keys.push(Key { space, hash });
        }
    }
}
