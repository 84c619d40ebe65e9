//! Merkle trees over sorted, salted leaves: roots that do not depend on files or shards.
//!
//! A leaf has a key (a record id, a band key, an n-gram) and a body. The tree's leaves stand in
//! strictly ascending order of their keys, so one path proves presence and two neighbouring paths
//! prove absence. Format: `docs/format/tree.md`.

mod proof;
mod prove;
mod refused;

pub use proof::{KEY_BYTES_MAX, LEAVES_MAX, Proof, SHOWN_MAX, Shown, Verified};
pub use prove::prove;
pub use refused::Refused;

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use std::sync::LazyLock;
use terroir_base::Digest;

const LEAF: &str = "terroir 2026-11 tree leaf";
const BODY: &str = "terroir 2026-11 tree body";
const NODE: &str = "terroir 2026-11 tree node";
const ROOT: &str = "terroir 2026-11 tree root";
const SALT: &str = "terroir 2026-11 record salt";

/// The contexts of what is hashed for every record: each is hashed once.
struct Keys {
    leaf: ContextKey,
    body: ContextKey,
    node: ContextKey,
    salt: ContextKey,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    leaf: hash_derive_key_context(LEAF),
    body: hash_derive_key_context(BODY),
    node: hash_derive_key_context(NODE),
    salt: hash_derive_key_context(SALT),
});

/// What [`Digest::derive`] gives under the context of `key`.
fn derive(key: &ContextKey, parts: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new_from_context_key(key);
    let mut short = [0; 256];
    let mut used = 0;
    for part in parts {
        for bytes in [&(part.len() as u64).to_le_bytes()[..], part] {
            match short.get_mut(used..used + bytes.len()) {
                Some(room) => {
                    room.copy_from_slice(bytes);
                    used += bytes.len();
                }
                None => {
                    hasher.update(&short[..used]);
                    hasher.update(bytes);
                    used = 0;
                }
            }
        }
    }
    hasher.update(&short[..used]);
    Digest(*hasher.finalize().as_bytes())
}

/// The secret that salts are made from. All zeros where nothing is to be hidden.
#[derive(Clone)]
pub struct SaltKey(pub [u8; 32]);

impl SaltKey {
    /// Of public data, which has nothing to hide.
    pub const PUBLIC: SaltKey = SaltKey([0; 32]);

    /// The salt of the record or key `key`.
    pub fn salt(&self, key: &[u8]) -> Digest {
        derive(&KEYS.salt, &[&self.0, key])
    }
}

/// The digest of a body under its salt.
pub fn body(salt: &Digest, canonical: &[u8]) -> Digest {
    derive(&KEYS.body, &[salt.as_bytes(), canonical])
}

/// The digest of a leaf.
pub fn leaf(key: &[u8], body: &Digest) -> Digest {
    derive(&KEYS.leaf, &[key, body.as_bytes()])
}

/// Takes leaves in ascending order of their keys and keeps only the peaks: memory is
/// logarithmic in the number of leaves.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    peaks: Vec<(u32, Digest)>,
    leaves: u64,
}

impl Builder {
    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Digest) {
        self.grow(leaf, |_, _| {});
    }

    /// Adds the next leaf; `made` gets it and every node that it completes, each with its height.
    fn grow(&mut self, leaf: Digest, mut made: impl FnMut(u32, &Digest)) {
        let mut top = (0, leaf);
        made(0, &top.1);
        while let Some(&(height, left)) = self.peaks.last()
            && height == top.0
        {
            self.peaks.pop();
            top = (height + 1, node(&left, &top.1));
            made(top.0, &top.1);
        }
        self.peaks.push(top);
        self.leaves += 1;
    }

    /// Number of leaves so far.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The root: a digest over the number of leaves and the joined peaks.
    pub fn root(&self) -> Digest {
        root(self.leaves, self.joined(0).as_ref())
    }

    /// The node over all leaves from `start` on, which must be where a peak starts.
    fn joined(&self, start: u64) -> Option<Digest> {
        let mut from = self.leaves;
        let mut joined = None;
        for (height, peak) in self.peaks.iter().rev() {
            if from <= start {
                break;
            }
            from -= 1 << height;
            joined = Some(joined.map_or(*peak, |right| node(peak, &right)));
        }
        joined
    }
}

/// The root of a tree of so many leaves; `top` is the node over all of them.
fn root(leaves: u64, top: Option<&Digest>) -> Digest {
    let top = top.map_or([0; 32], |digest| digest.0);
    Digest::derive(ROOT, &[&leaves.to_le_bytes(), &top])
}

/// How many of `leaves` (more than one) stand under the left child: the largest power of two below.
fn left_leaves(leaves: u64) -> u64 {
    1 << (u64::BITS - 1 - (leaves - 1).leading_zeros())
}

/// The digest of an inner node.
pub fn node(left: &Digest, right: &Digest) -> Digest {
    derive(&KEYS.node, &[left.as_bytes(), right.as_bytes()])
}

#[cfg(test)]
mod tests;
