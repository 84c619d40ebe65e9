//! What repeats in a text: elements such as lines, and runs of words of every length up to ten.
//!
//! A run of n words can only repeat where both runs of n-1 words in it repeat, so each length looks
//! only at what the length before left over; in most texts that is little. Invariant: equal words
//! are told by 64-bit hashes, runs of them by the first place where they stood, which is exact.

use super::Word;
use super::seen::Seen;
use xxhash_rust::xxh3::xxh3_64;

/// Buffers for finding what repeats; see [`crate::text::Doc::repeats`].
#[derive(Default)]
pub struct Repeats {
    seen: Seen,
    hashes: Vec<u64>,
    /// For a place: the first place that starts the same run of words.
    first: Vec<u32>,
    /// For a first place: how many places start the same run.
    counts: Vec<u32>,
    /// Places, ascending, whose run starts somewhere else as well.
    live: Vec<u32>,
    /// For a first place: the run length for which it was last taken as not repeated.
    taken: Vec<u8>,
}

impl Repeats {
    /// How many of `elements` came before, and their length in characters.
    pub fn elements<'t>(&mut self, elements: impl Iterator<Item = &'t str> + Clone) -> Elements {
        self.hashes.clear();
        self.hashes.extend(elements.clone().map(|element| xxh3_64(element.as_bytes())));
        self.seen.start(self.hashes.len());
        let mut found = Elements { count: self.hashes.len(), ..Elements::default() };
        for (at, element) in (0..).zip(elements) {
            if self.seen.first(&self.hashes, at) != at {
                found.repeated += 1;
                found.repeated_chars += element.chars().count();
            }
        }
        found
    }

    /// Starts with runs of two words. True when there is one.
    pub fn pairs(&mut self, text: &str, words: &[Word]) -> bool {
        let Some(runs) = words.len().checked_sub(1).filter(|runs| *runs > 0) else {
            return false;
        };
        let exact = |word: &Word| match word.cased {
            true => xxh3_64(word.of(text).as_bytes()),
            false => word.folded,
        };
        let mut left = exact(&words[0]);
        self.hashes.clear();
        self.hashes.extend(words[1..].iter().map(|word| {
            let right = exact(word);
            pair(std::mem::replace(&mut left, right), right)
        }));
        self.first.resize(words.len(), 0);
        self.counts.resize(words.len(), 0);
        self.taken.clear();
        self.taken.resize(words.len(), 0);
        self.live.clear();
        self.live.extend(0..runs as u32);
        self.meet();
        true
    }

    /// Goes on to runs of one word more.
    pub fn longer(&mut self) {
        let mut kept = 0;
        for next in 1..self.live.len() {
            let at = self.live[next - 1];
            let both = [self.first[at as usize], self.first[at as usize + 1]];
            self.hashes[at as usize] = u64::from(both[0]) << 32 | u64::from(both[1]);
            self.live[kept] = at;
            kept += usize::from(self.live[next] == at + 1);
        }
        self.live.truncate(kept);
        self.meet();
    }

    /// Finds the first place of each run at the live places by its hash, and keeps those alive that
    /// stand more than once.
    fn meet(&mut self) {
        self.seen.start(self.live.len());
        for at in &self.live {
            let first = self.seen.first(&self.hashes, *at);
            self.first[*at as usize] = first;
            // A first place is met before its count is.
            self.counts[*at as usize] = 0;
            self.counts[first as usize] += 1;
        }
        let (first, counts) = (&self.first, &self.counts);
        keep(&mut self.live, |at| counts[first[at as usize] as usize] > 1);
    }

    /// Of the runs that stand most often the earliest: where it starts and how often it stands.
    pub fn top(&self) -> (usize, usize) {
        let mut top = (0, 1);
        for at in &self.live {
            let count = self.counts[*at as usize] as usize;
            if self.first[*at as usize] == *at && count > top.1 {
                top = (*at as usize, count);
            }
        }
        top
    }

    /// Reads through the text in runs of `words`, and calls `each` with the start of every run that
    /// was read before; behind such a run it goes on, without looking at what starts inside.
    pub fn covered(&mut self, words: u8, mut each: impl FnMut(usize)) {
        let mut next = 0;
        for at in &self.live {
            if *at < next {
                continue;
            }
            let taken = &mut self.taken[self.first[*at as usize] as usize];
            if *taken == words {
                each(*at as usize);
                next = *at + u32::from(words);
            }
            *taken = words;
        }
    }
}

/// What [`Repeats::elements`] counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elements {
    /// All of them.
    pub count: usize,
    /// Those that came before.
    pub repeated: usize,
    /// The length of those that came before, in characters.
    pub repeated_chars: usize,
}

/// Keeps the places that are `like` this: `Vec::retain` without a branch, as half of them may be.
fn keep(places: &mut Vec<u32>, like: impl Fn(u32) -> bool) {
    let mut kept = 0;
    for next in 0..places.len() {
        let at = places[next];
        places[kept] = at;
        kept += usize::from(like(at));
    }
    places.truncate(kept);
}

/// The hash of two words in this order. Odd factors, so that no bit of either is lost.
fn pair(left: u64, right: u64) -> u64 {
    left.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32).wrapping_add(right)
}
