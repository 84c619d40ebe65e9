//! Caches of finished sequences, kept for prompts that start alike.
//!
//! Invariant: a cache is only ever shortened to tokens that it has in common with the prompt, so
//! reuse cannot show in a result; the tokens kept never exceed the limit.

use terroir_tensor::Cache;

/// Shared starts shorter than this are cheaper to run again than to copy.
const SHARED_MIN: usize = 8;

/// What one sequence left behind: `cache` has seen exactly `tokens`.
struct Entry {
    tokens: Vec<u32>,
    cache: Cache,
    used: u64,
}

/// A store of caches, the least recently used leaves first.
pub(super) struct Prefixes {
    entries: Vec<Entry>,
    tokens_max: usize,
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
    pub(super) fn new(tokens_max: usize) -> Prefixes {
        Prefixes { entries: Vec::new(), tokens_max, clock: 0 }
    }

    /// Length of the best start that [`Prefixes::take`] would give.
    pub(super) fn best(&self, prompt: &[u32]) -> usize {
        self.entries.iter().map(|entry| reusable(&entry.tokens, prompt)).max().unwrap_or(0)
    }

    /// A cache that has seen a start of `prompt`, the longest there is.
    pub(super) fn take(&mut self, prompt: &[u32]) -> Option<Cache> {
        let common = |entry: &Entry| reusable(&entry.tokens, prompt);
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
        let mut cache = self.entries[best].cache.clone();
        cache.truncate(length);
        Some(cache)
    }

    /// Keeps a cache that has seen `tokens`.
    pub(super) fn put(&mut self, tokens: Vec<u32>, cache: Cache) {
        debug_assert_eq!(tokens.len(), cache.len());
        if tokens.len() < SHARED_MIN || tokens.len() > self.tokens_max {
            return;
        }
        // What starts the new one, or is started by it, need not be kept twice.
        if self.entries.iter().any(|entry| entry.tokens.starts_with(&tokens)) {
            return;
        }
        self.entries.retain(|entry| !tokens.starts_with(&entry.tokens));
        self.clock += 1;
        self.entries.push(Entry { tokens, cache, used: self.clock });
        while self.entries.iter().map(|entry| entry.tokens.len()).sum::<usize>() > self.tokens_max {
            let oldest = (0..self.entries.len()).min_by_key(|&at| self.entries[at].used);
            self.entries.swap_remove(oldest.expect("no entries hold no tokens"));
        }
    }
}

#[cfg(test)]
mod tests;
