//! A small picture of a set of n-grams: its size, and which lower bits its numbers have.
//!
//! Two pictures show how many items two sets can share at most. Most pairs of candidates are ruled
//! out by that, and their texts need not be read. It is a bound and no estimate: a pair that is alike
//! enough is never ruled out. Format: `docs/format/keys.md`.

use super::compare::least;
use super::groups::Groups;
use crate::error::Error;
use crate::stage::Texts;

/// Fewest and most bits of a picture.
const BITS: (usize, usize) = (1 << 6, 1 << 19);

/// The picture of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// Items of the set.
    items: u32,
    /// Bit `number % bits` is 1 for each number of the set.
    bits: Vec<u64>,
}

impl Sketch {
    /// The picture of the set of `numbers`, which may repeat itself. `None` of more than 2^32 items.
    pub fn of(numbers: &[u64]) -> Option<Sketch> {
        let mut once = vec![0_u64; width(16 * numbers.len()) / 64];
        let mut twice = once.clone();
        let last = once.len() - 1;
        let place = |number: u64| ((number >> 6) as usize & last, 1 << (number % 64));
        for number in numbers {
            let (word, bit) = place(*number);
            twice[word] |= once[word] & bit;
            once[word] |= bit;
        }
        // Only of numbers that have a bit in common some may be equal.
        let common = |number: &&u64| {
            let (word, bit) = place(**number);
            twice[word] & bit != 0
        };
        let mut common: Vec<u64> = numbers.iter().filter(common).copied().collect();
        let alone = numbers.len() - common.len();
        common.sort_unstable();
        common.dedup();
        let items = alone + common.len();
        let words = bits(items) / 64;
        let mut bits = vec![0; words];
        for part in once.chunks(words) {
            bits.iter_mut().zip(part).for_each(|(word, part)| *word |= part);
        }
        Some(Sketch { items: u32::try_from(items).ok()?, bits })
    }

    /// Its bytes: `docs/format/keys.md`.
    pub fn write(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.items.to_le_bytes());
        into.extend(self.bits.iter().flat_map(|word| word.to_le_bytes()));
    }

    /// The picture of these bytes; `None` where they are none.
    pub fn read(bytes: &[u8]) -> Option<Sketch> {
        let (items, words) = bytes.split_first_chunk()?;
        let (items, (words, rest)) = (u32::from_le_bytes(*items), words.as_chunks());
        let fits = rest.is_empty() && words.len() * 64 == bits(items as usize);
        let bits = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        fits.then_some(Sketch { items, bits })
    }

    /// Whether the two sets cannot be `threshold` millionths alike.
    pub fn rules_out(&self, other: &Sketch, threshold: u32) -> bool {
        let total = self.items as usize + other.items as usize;
        let (small, large) = match self.bits.len() < other.bits.len() {
            true => (self, other),
            false => (other, self),
        };
        let words = small.bits.len();
        let mut folded = vec![0; words];
        // For each bit that the other one does not have, there is an item that it does not have.
        let mut missing = [0; 2];
        for part in large.bits.chunks(words) {
            for ((word, beside), folded) in part.iter().zip(&small.bits).zip(&mut folded) {
                missing[0] += (word & !beside).count_ones();
                *folded |= word;
            }
        }
        for (word, folded) in small.bits.iter().zip(&folded) {
            missing[1] += (word & !folded).count_ones();
        }
        let shared = large.items.saturating_sub(missing[0]);
        let shared = shared.min(small.items.saturating_sub(missing[1]));
        (shared as usize) < least(total, threshold)
    }
}

/// Bits of the picture of a set of so many items: two of an item or more.
fn bits(items: usize) -> usize {
    width(2 * items).min(BITS.1)
}

fn width(bits: usize) -> usize {
    bits.next_power_of_two().max(BITS.0)
}

/// Pictures by the places of their records.
#[derive(Default)]
pub struct Sketches {
    /// Where the picture of each record of a pair is.
    ranks: Vec<u32>,
    sketches: Vec<Option<Sketch>>,
}

impl Sketches {
    /// Those of the records of `pairs`, as many as `texts` has and memory allows.
    ///
    /// Errors: those of [`Texts::sketches`].
    pub fn read(
        pairs: impl Iterator<Item = (u32, u32)>,
        groups: &Groups<'_>,
        texts: &dyn Texts,
    ) -> Result<Sketches, Error> {
        let wanted = groups.of_pairs(pairs);
        let all = groups.records().len();
        let mut held = size_of::<u32>() * all + size_of::<Option<Sketch>>() * wanted.len();
        if held > texts.budget() {
            return Ok(Sketches::default());
        }
        let mut ranks = vec![0; all];
        (0..).zip(&wanted).for_each(|(rank, place)| ranks[*place as usize] = rank);
        let records: Vec<_> = wanted.iter().map(|place| groups.record(*place)).collect();
        let mut sketches = vec![None; wanted.len()];
        texts.sketches(&records, &mut |rank, bytes| {
            if held + bytes.len() <= texts.budget() {
                held += bytes.len();
                sketches[rank] = Sketch::read(bytes);
            }
        })?;
        Ok(Sketches { ranks, sketches })
    }

    /// Whether the records at these places, which are in one of the pairs, cannot be `threshold`
    /// millionths alike.
    pub fn rule_out(&self, a: u32, b: u32, threshold: u32) -> bool {
        match (self.sketch(a), self.sketch(b)) {
            (Some(a), Some(b)) => a.rules_out(b, threshold),
            _ => false,
        }
    }

    fn sketch(&self, place: u32) -> Option<&Sketch> {
        let rank = self.ranks.get(place as usize)?;
        self.sketches.get(*rank as usize)?.as_ref()
    }
}
