//! The n-grams of a text's words, as numbers.

use crate::text::Doc;

/// Makes the numbers.
pub struct Shingler {
    ngram: usize,
    seed: u64,
    /// Odd multipliers of two polynomials over the words; the first one's power takes words out.
    factors: [u64; 2],
    power: u64,
}

impl Shingler {
    /// N-grams of `ngram` words.
    pub fn new(ngram: usize, seed: u64) -> Shingler {
        let factors = [mix(seed ^ 0x5e) | 1, mix(seed ^ 0xa7) | 1];
        let power = (0..ngram).fold(1_u64, |power, _| power.wrapping_mul(factors[0]));
        Shingler { ngram, seed, factors, power }
    }

    /// Puts one number for each n-gram of `doc` into `into`, and gives a hash of all words in order.
    ///
    /// Words are `\w+` in lower case. A text with fewer words than an n-gram has is one n-gram; one
    /// without words has none, and nothing is given.
    pub fn shingles(&self, doc: &mut Doc, into: &mut Vec<u64>) -> Option<[u8; 16]> {
        let words = doc.words().iter().filter(|word| !word.symbol);
        let words: Vec<u64> = words.map(|word| word.folded).collect();
        if words.is_empty() {
            return None;
        }
        let short = words.len().min(self.ngram);
        let count = words.len() as u64;
        let [one, other] = self.factors;
        let number = |sum: u64| mix(sum ^ self.seed.wrapping_add(short as u64));
        let add = |sum: u64, word: &u64, factor: u64| sum.wrapping_mul(factor).wrapping_add(*word);
        let mut sum = words[..short].iter().fold(0, |sum, word| add(sum, word, one));
        into.reserve(words.len() - short + 1);
        into.push(number(sum));
        for (old, new) in words.iter().zip(&words[short..]) {
            sum = add(sum, new, one).wrapping_sub(old.wrapping_mul(self.power));
            into.push(number(sum));
        }
        let whole = words.iter().fold((count, count), |(left, right), word| {
            (add(left, word, one), add(right, word, other))
        });
        let mut hash = [0; 16];
        hash[..8].copy_from_slice(&mix(whole.0 ^ self.seed).to_be_bytes());
        hash[8..].copy_from_slice(&mix(whole.1 ^ self.seed).to_be_bytes());
        Some(hash)
    }

    /// The set of n-grams of `doc`, ascending.
    pub fn set(&self, doc: &mut Doc) -> Vec<u64> {
        let mut set = Vec::new();
        self.shingles(doc, &mut set);
        set.sort_unstable();
        set.dedup();
        set
    }
}

/// A bijection of 64 bits in which every bit of the argument moves every bit of the result
/// (Stafford's variant 13, as in SplitMix64).
pub fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
