//! Runs of words: their keyed hashes, and a quick look for those that may be known.

use crate::stage::minhash::shingles::mix;
use crate::text::Doc;

/// Most words of a run.
pub const WORDS_MAX: usize = 64;

/// The keyed hash of a run of words: 16 bytes of BLAKE3 over the words in lower case with one space
/// between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NGram(pub [u8; 16]);

/// The words of a text in lower case, with one space between them.
pub struct Folded {
    text: String,
    /// Where each word starts and ends.
    places: Vec<(usize, usize)>,
}

impl Folded {
    /// Those of `doc`; symbols are no words.
    pub fn of(doc: &mut Doc) -> Folded {
        let (text, words) = doc.split();
        let mut folded = String::with_capacity(text.len());
        let mut places = Vec::new();
        for word in words.iter().filter(|word| !word.symbol) {
            if !folded.is_empty() {
                folded.push(' ');
            }
            let start = folded.len();
            folded.push_str(&word.of(text).to_lowercase());
            places.push((start, folded.len()));
        }
        Folded { text: folded, places }
    }

    /// Number of words.
    pub fn words(&self) -> usize {
        self.places.len()
    }

    /// `words` words from the one at `first` on.
    pub fn run(&self, first: usize, words: usize) -> &[u8] {
        let (start, end) = (self.places[first].0, self.places[first + words - 1].1);
        &self.text.as_bytes()[start..end]
    }
}

/// Which runs of so many words may be known, by the hashes of their words. It never says no to one
/// that is, and hardly ever yes to one that is not.
pub struct Filter {
    words: usize,
    factor: u64,
    power: u64,
    /// A bit for one of 32 runs: most are told off by it.
    bits: Vec<u64>,
    sums: Vec<u64>,
}

impl Filter {
    /// Knows the runs of `words` words of `texts`, each the hashes of its words.
    pub fn new(words: usize, texts: &[Vec<u64>]) -> Filter {
        let factor = mix(words as u64) | 1;
        let power = (0..words).fold(1_u64, |power, _| power.wrapping_mul(factor));
        let mut filter = Filter { words, factor, power, bits: Vec::new(), sums: Vec::new() };
        let mut sums = Vec::new();
        texts.iter().for_each(|text| filter.each(text, |_, sum| sums.push(sum)));
        sums.sort_unstable();
        sums.dedup();
        filter.bits = vec![0; (sums.len() / 2).next_power_of_two()];
        for sum in &sums {
            let (word, bit) = filter.place(*sum);
            filter.bits[word] |= bit;
        }
        filter.sums = sums;
        filter
    }

    /// Calls `each` with where runs begin that may be known.
    pub fn find(&self, hashes: &[u64], mut each: impl FnMut(usize)) {
        self.each(hashes, |at, sum| {
            let (word, bit) = self.place(sum);
            if self.bits[word] & bit != 0 && self.sums.binary_search(&sum).is_ok() {
                each(at);
            }
        });
    }

    fn place(&self, sum: u64) -> (usize, u64) {
        ((sum >> 6) as usize & (self.bits.len() - 1), 1 << (sum & 63))
    }

    fn each(&self, hashes: &[u64], mut each: impl FnMut(usize, u64)) {
        let Some((first, rest)) = hashes.split_at_checked(self.words) else { return };
        let add = |sum: u64, hash: &u64| sum.wrapping_mul(self.factor).wrapping_add(*hash);
        let mut sum = first.iter().fold(0, add);
        each(0, mix(sum));
        for (at, (old, new)) in (1..).zip(hashes.iter().zip(rest)) {
            sum = add(sum, new).wrapping_sub(old.wrapping_mul(self.power));
            each(at, mix(sum));
        }
    }
}
