//! The shortest runs of whole words that are long enough, and a shorter run inside of each.
//!
//! Two texts that share a long run share all its windows, and so the anchors in them: an anchor is
//! chosen by what is in its window alone (winnowing: Schleimer et al. 2003).

use crate::stage::minhash::shingles::mix;
use crate::text::{Doc, Word};
use std::collections::VecDeque;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Of how many parts of a window the anchor is one.
const PARTS: u32 = 4;

/// How windows are cut.
pub struct Windows {
    /// Fewest bytes of a window.
    pub bytes: u32,
    pub seed: u64,
    /// Powers of an odd number, as many as an anchor may have words.
    powers: Vec<u64>,
}

/// A run of whole words and symbols of at least so many bytes.
pub struct Window<'a> {
    text: &'a str,
    seed: u64,
    pub start: u32,
    pub end: u32,
}

impl Window<'_> {
    /// Of its bytes.
    pub fn hash(&self) -> u128 {
        let bytes = &self.text.as_bytes()[self.start as usize..self.end as usize];
        xxh3_128_with_seed(bytes, self.seed)
    }
}

/// The run inside of a window by which others like it are found.
#[derive(Clone, Copy)]
pub struct Anchor {
    /// Of its words in lower case: whoever has the same bytes has the same words.
    pub hash: u64,
    /// The word that it begins with.
    pub place: usize,
}

impl Windows {
    /// Windows of at least `bytes` bytes.
    pub fn new(bytes: u32, seed: u64) -> Windows {
        let factor = mix(seed) | 1;
        let next = |power: &u64| Some(power.wrapping_mul(factor));
        let powers = std::iter::successors(Some(1), next).take((bytes / PARTS + 2) as usize);
        Windows { bytes, seed, powers: powers.collect() }
    }

    /// Calls `each` for every window of `doc`, from left to right.
    ///
    /// The windows are the shortest runs of enough bytes that begin with each word, those that end with
    /// each, and pairs of words that are long enough alone: any two neighbours in a longer run are in
    /// one of them.
    pub fn each(&self, doc: &mut Doc, mut each: impl FnMut(&Anchor, &Window<'_>)) {
        let (text, words) = doc.split();
        let last = |first: usize, from: usize| {
            let start = words.get(first)?.start;
            (from.max(first)..words.len()).find(|at| words[*at].end - start >= self.bytes)
        };
        let mut anchors = Anchors::new(words, self);
        let Some(mut end) = last(0, 0) else { return };
        for first in 0..words.len() {
            let next = last(first + 1, end);
            // Every end that the run from the next word does not reach belongs to this one.
            let mut past = next.unwrap_or(words.len()).max(end + 1);
            past += usize::from(end == first && next == Some(first + 1));
            for end in end..past {
                let anchor = anchors.of(first, end);
                let (start, end) = (words[first].start, words[end].end);
                each(&anchor, &Window { text, seed: self.seed, start, end });
            }
            match next {
                Some(next) => end = next,
                None => return,
            }
        }
    }
}

/// The anchors of windows that move to the right.
struct Anchors<'a> {
    words: &'a [Word],
    windows: &'a Windows,
    bytes: u32,
    /// Polynomials over the words before each word.
    sums: Vec<u64>,
    /// Candidates inside of the window, by place and by ascending hash.
    inside: VecDeque<Anchor>,
    /// The next candidate: the word that it begins with, and the one that it ends with.
    next: usize,
    end: usize,
}

impl<'a> Anchors<'a> {
    fn new(words: &'a [Word], windows: &'a Windows) -> Anchors<'a> {
        let factor = windows.powers[1];
        let mut sums = Vec::with_capacity(words.len() + 1);
        sums.push(0);
        sums.extend(words.iter().scan(0_u64, |sum, word| {
            *sum = sum.wrapping_mul(factor).wrapping_add(word.folded);
            Some(*sum)
        }));
        let bytes = windows.bytes / PARTS;
        Anchors { words, windows, bytes, sums, inside: VecDeque::new(), next: 0, end: 0 }
    }

    /// The candidate with the smallest hash among those from the word `first` to the word `last`.
    fn of(&mut self, first: usize, last: usize) -> Anchor {
        while self.next <= last {
            let start = self.words[self.next].start;
            self.end = self.end.max(self.next);
            // Each word has a byte, so a candidate has no more words than there are powers.
            while self.end < last && self.words[self.end].end - start < self.bytes {
                self.end += 1;
            }
            if self.words[self.end].end - start < self.bytes {
                break;
            }
            let before =
                self.sums[self.next].wrapping_mul(self.windows.powers[self.end + 1 - self.next]);
            let hash = mix(self.sums[self.end + 1].wrapping_sub(before) ^ self.windows.seed);
            while self.inside.back().is_some_and(|back| back.hash > hash) {
                self.inside.pop_back();
            }
            self.inside.push_back(Anchor { hash, place: self.next });
            self.next += 1;
        }
        while self.inside.front().is_some_and(|front| front.place < first) {
            self.inside.pop_front();
        }
        // A part of a window's bytes fits into the window, from its first word on.
        *self.inside.front().expect("a window has an anchor")
    }
}
