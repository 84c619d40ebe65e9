//! What a run commits to: the rows of its operators, and their digests.
//!
//! For receipts (the root over checkpoint rows) and disputes (the digest of every operator at every
//! position). Invariant: digests depend on the rows alone, so prefill, decode and replay agree.

use terroir_base::Digest;

/// The row that one operator made at one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Fixed-point integers.
    Fixed(Vec<i32>),
    /// Small integers, and the step of each group of 32.
    Quantised {
        /// The integers.
        q: Vec<i16>,
        /// One step per group.
        steps: Vec<u32>,
    },
}

impl Row {
    /// The row's bytes: little-endian `i32`s; or little-endian `i16`s, then `u32`s for the steps.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Row::Fixed(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Row::Quantised { q, steps } => {
                let q = q.iter().flat_map(|x| x.to_le_bytes());
                q.chain(steps.iter().flat_map(|s| s.to_le_bytes())).collect()
            }
        }
    }

    /// BLAKE3 of [`Row::bytes`]: the digest of one operator's output at one position.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes())
    }
}

/// Digest of one position: over its checkpoint rows, one after the other.
pub fn step_digest(checkpoint_bytes: &[u8]) -> Digest {
    Digest::derive("terroir 2026-11 trace step", &[checkpoint_bytes])
}

/// Root of a run: over the digests of its positions in order.
pub fn trace_root(steps: &[Digest]) -> Digest {
    let parts: Vec<u8> = steps.iter().flat_map(|d| *d.as_bytes()).collect();
    Digest::derive("terroir 2026-11 trace", &[&parts])
}
