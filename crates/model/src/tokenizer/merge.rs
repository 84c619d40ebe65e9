//! Merging neighbours, best first: the one algorithm under both kinds of tokenizer.
//!
//! Invariant: of all pairs that can merge, the one of lowest rank merges first, the leftmost among
//! equals. Time: n log n for n symbols.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A run of bytes, `start..end` of the text, which may be a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub start: u32,
    pub end: u32,
    /// The token that these bytes are.
    pub token: Option<u32>,
    before: u32,
    after: u32,
}

/// Marks the neighbour of the first and the last symbol, and the end of a merged one.
const NONE: u32 = u32::MAX;

/// A pair that may merge. Compared by rank, then by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    rank: u32,
    left: u32,
    middle: u32,
    end: u32,
    token: u32,
}

/// Buffers kept between words.
#[derive(Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    pairs: BinaryHeap<Reverse<Pair>>,
}

impl Merger {
    /// Starts a new word.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.pairs.clear();
    }

    /// Appends the bytes from the end of the last symbol to `end`.
    pub(super) fn push(&mut self, end: usize, token: Option<u32>) {
        let index = self.symbols.len() as u32;
        let start = self.symbols.last_mut().map_or(0, |last| {
            last.after = index;
            last.end
        });
        let before = index.checked_sub(1).unwrap_or(NONE);
        self.symbols.push(Symbol { start, end: end as u32, token, before, after: NONE });
    }

    /// Merges until nothing can merge, then calls `each` with what is left, in order.
    ///
    /// `merge` says what two neighbours become: rank and token.
    pub(super) fn run(
        &mut self,
        merge: impl Fn(&Symbol, &Symbol) -> Option<(u32, u32)>,
        mut each: impl FnMut(&Symbol),
    ) {
        for left in 1..self.symbols.len() as u32 {
            self.consider(left - 1, &merge);
        }
        while let Some(Reverse(pair)) = self.pairs.pop() {
            let left = self.symbols[pair.left as usize];
            // A side that has merged since, or is gone, no longer ends where the pair says.
            if left.end != pair.middle || left.after == NONE {
                continue;
            }
            let right = self.symbols[left.after as usize];
            if right.end != pair.end {
                continue;
            }
            self.symbols[left.after as usize].end = 0;
            let merged = &mut self.symbols[pair.left as usize];
            merged.end = right.end;
            merged.token = Some(pair.token);
            merged.after = right.after;
            if right.after != NONE {
                self.symbols[right.after as usize].before = pair.left;
                self.consider(pair.left, &merge);
            }
            if left.before != NONE {
                self.consider(left.before, &merge);
            }
        }
        let mut index = if self.symbols.is_empty() { NONE } else { 0 };
        while index != NONE {
            let symbol = &self.symbols[index as usize];
            each(symbol);
            index = symbol.after;
        }
    }

    /// Queues the pair of the symbol at `left` and the one after it.
    fn consider(&mut self, left: u32, merge: impl Fn(&Symbol, &Symbol) -> Option<(u32, u32)>) {
        let one = &self.symbols[left as usize];
        let two = &self.symbols[one.after as usize];
        if let Some((rank, token)) = merge(one, two) {
            let (middle, end) = (one.end, two.end);
            self.pairs.push(Reverse(Pair { rank, left, middle, end, token }));
        }
    }
}
