//! Caches of finished sequences, kept for prompts of the same space that start alike.
//!
//! Invariant: what is given out has seen only tokens that the prompt starts with, so reuse cannot
//! show in a result; the memory kept never exceeds the limit.

use super::Space;
use terroir_tensor::Cache;

/// Shared starts shorter than this are cheaper to run again than to copy.
const SHARED_MIN: usize = 8;

/// What one sequence left behind: `cache` has seen exactly `tokens`.
struct Entry {
    space: Space,
    tokens: Vec<u32>,
    cache: Cache,
    used: u64,
}

impl Entry {
    /// How much of it is worth reusing for a prompt of that space.
    fn reusable(&self, space: Space, prompt: &[u32]) -> usize {
        if self.space == space { reusable(&self.tokens, prompt) } else { 0 }
    }

    /// Whether it has seen everything that `other` has, and so makes it superfluous.
    fn covers(&self, space: Space, other: &[u32]) -> bool {
        self.space == space && self.tokens.starts_with(other)
    }

    /// Memory held.
    fn bytes(&self) -> u64 {
        self.cache.bytes() + size_of_val(&self.tokens[..]) as u64
    }
}

/// A store of caches, the least recently used leaves first.
pub(super) struct Prefixes {
    entries: Vec<Entry>,
    bytes_max: u64,
    clock: u64,
}

/// Number of tokens that two sequences start with in common.
pub(super) fn shared(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// How much of a cache is worth reusing for `prompt`: never all of it, because the logits after its
/// last token are not kept.
pub(super) fn reusable(seen: &[u32], prompt: &[u32]) -> usize {
    let common = shared(seen, &prompt[..prompt.len().saturating_sub(1)]);
    if common < SHARED_MIN { 0 } else { common }
}

impl Prefixes {
    pub(super) fn new(bytes_max: u64) -> Prefixes {
        Prefixes { entries: Vec::new(), bytes_max, clock: 0 }
    }

    /// Length of the best start that [`Prefixes::take`] would give.
    pub(super) fn best(&self, space: Space, prompt: &[u32]) -> usize {
        self.entries.iter().map(|entry| entry.reusable(space, prompt)).max().unwrap_or(0)
    }

    /// A cache that has seen a start of `prompt`, the longest there is in that space.
    pub(super) fn take(&mut self, space: Space, prompt: &[u32]) -> Option<Cache> {
        let common = |entry: &Entry| entry.reusable(space, prompt);
        let best = (0..self.entries.len()).max_by_key(|&at| common(&self.entries[at]))?;
        let length = common(&self.entries[best]);
        if length == 0 {
            return None;
        }
        if length == self.entries[best].tokens.len() {
            return Some(self.entries.swap_remove(best).cache);
        }
        self.clock += 1;
        self.entries[best].used = self.clock;
        Some(self.entries[best].cache.prefix(length))
    }

    /// Keeps a cache that has seen `tokens`.
    pub(super) fn put(&mut self, space: Space, tokens: Vec<u32>, cache: Cache) {
        debug_assert_eq!(tokens.len(), cache.len());
        self.clock += 1;
        let new = Entry { space, tokens, cache, used: self.clock };
        if new.tokens.len() < SHARED_MIN || new.bytes() > self.bytes_max {
            return;
        }
        // What starts the new one, or is started by it, need not be kept twice.
        if self.entries.iter().any(|entry| entry.covers(space, &new.tokens)) {
            return;
        }
        self.entries.retain(|entry| !new.covers(entry.space, &entry.tokens));
        self.entries.push(new);
        while self.entries.iter().map(Entry::bytes).sum::<u64>() > self.bytes_max {
            let oldest = (0..self.entries.len()).min_by_key(|&at| self.entries[at].used);
            self.entries.swap_remove(oldest.expect("no entries hold no memory"));
        }
    }
}

#[cfg(test)]
mod tests;
