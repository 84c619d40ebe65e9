//! Why a proof proves nothing.

use terroir_base::{Digest, cbor};

/// What is wrong with a proof, or what it shows instead of what was to be proved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The encoding is of another version.
    #[error("tree proof version {got}, this reads {expected}")]
    Version {
        /// The version that is read here.
        expected: u64,
        /// The version found.
        got: u64,
    },
    /// The bytes are not a record of the right form.
    #[error("tree proof is not well formed: {0}")]
    Malformed(#[from] cbor::Error),
    /// The keys and the bodies of a run are not as many.
    #[error("a run of {keys} keys has {bytes} bytes of bodies, 32 a key are right")]
    Bodies {
        /// Number of keys.
        keys: usize,
        /// Bytes of bodies.
        bytes: usize,
    },
    /// The nodes are no whole number of digests.
    #[error("{bytes} bytes of nodes, 32 a node are right")]
    NodeBytes {
        /// Bytes of nodes.
        bytes: usize,
    },
    /// A proof that shows nothing, of a tree that has leaves.
    #[error("the proof shows none of {leaves} leaves")]
    Bare {
        /// Leaves of the tree, as the proof says.
        leaves: u64,
    },
    /// A leaf is said to stand outside of the tree, or where another one stands.
    #[error("leaf {place} is out of order or outside of {leaves} leaves")]
    Place {
        /// Where the leaf is said to stand.
        place: u64,
        /// Leaves of the tree, as the proof says.
        leaves: u64,
    },
    /// Keys do not ascend: with a right path, this shows that the tree itself is wrong.
    #[error("the key of leaf {place} does not come after the one before it")]
    Unsorted {
        /// Where the leaf stands.
        place: u64,
    },
    /// Not as many nodes as the tree has beside the shown leaves.
    #[error("{got} nodes, {expected} stand beside the shown leaves")]
    Nodes {
        /// Nodes needed.
        expected: usize,
        /// Nodes in the proof.
        got: usize,
    },
    /// The leaves and nodes lead to another root.
    #[error("the proof leads to the root {got}, not to {expected}")]
    Root {
        /// The root asked for.
        expected: Digest,
        /// The root that the proof leads to.
        got: Digest,
    },
    /// A leaf that is not shown may have such a key too.
    #[error("leaf {place} is not shown, and it may have such a key")]
    Gap {
        /// Where the leaf stands.
        place: u64,
    },
    /// The key that should be there is not among the leaves.
    #[error("the key is not in the tree")]
    Absent,
    /// The key that should not be there is a leaf.
    #[error("the key is in the tree, at leaf {place}")]
    Present {
        /// Where it stands.
        place: u64,
    },
}
