//! Chance that follows from a seed alone: SplitMix64 (Steele, Lea and Flood 2014).
//!
//! Invariant: the same seed gives the same throws on every machine and in every version; seeds that
//! were written down stay good.

/// A source of chance.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice for `seed`; other `uses` of one seed have nothing to do with each other.
    pub(crate) fn new(seed: u64, uses: u64) -> Dice {
        let mut dice = Dice(seed ^ uses.rotate_left(32));
        dice.throw();
        dice
    }

    /// Any number.
    pub(crate) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.throw() % (most - least + 1)
    }

    /// An index below `count`.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        self.between(0, count as u64 - 1) as usize
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.between(0, 99) < percent
    }
}
