//! Openings: proof that some bytes stand at some place of the content with a given digest.
//!
//! An opening holds the chunks (1 KiB) that the range touches and the tree nodes beside the path
//! to the root, in the layout of a Bao slice. Anybody who has the digest can check it; nothing
//! else is trusted. Format: `docs/format/opening.md`.

mod build;
mod check;

use crate::Digest;
use crate::cbor::{self, Limits, MapReader, Value};
use std::ops::Range;

/// Leaves of the tree hold so many bytes.
pub const CHUNK_BYTES: u64 = 1 << 10;
/// The longest content: far beyond any disk, far below what overflows.
pub const CONTENT_BYTES_MAX: u64 = 1 << 60;
/// The longest range that one opening can prove.
pub const RANGE_BYTES_MAX: u64 = 1 << 24;

/// The version written into an encoded opening.
const VERSION: u64 = 1;
/// The nodes of the longest range: its chunks, one 64-byte parent for each, and two paths.
const NODES_BYTES_MAX: usize = (1 << 24) + (1 << 20) + (1 << 14);
const PARENT_BYTES: usize = 64;

/// A range of some content with the nodes that prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What the prover says about the length of the content: only a hint to the shape of the tree.
    content_bytes: u64,
    offset: u64,
    length: u64,
    nodes: Vec<u8>,
}

/// Bytes that were proved to stand at `offset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Place of the first byte in the content.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why a range cannot be opened, or why an opening proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The range is empty, runs backwards or leaves the content.
    #[error("range {start}..{end} is empty or not inside content of {content_bytes} bytes")]
    Range {
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
        /// Length of the content.
        content_bytes: u64,
    },
    /// The range is longer than [`RANGE_BYTES_MAX`].
    #[error("range of {got} bytes, at most {RANGE_BYTES_MAX} can be opened at once")]
    TooLong {
        /// Length of the range.
        got: u64,
    },
    /// The content is said to be longer than [`CONTENT_BYTES_MAX`].
    #[error("content of {got} bytes, at most {CONTENT_BYTES_MAX} can be opened")]
    Content {
        /// Length of the content.
        got: u64,
    },
    /// The encoding is of another version.
    #[error("opening version {got}, this reads {VERSION}")]
    Version {
        /// The version found.
        got: u64,
    },
    /// The bytes are not a record of the right form.
    #[error("opening is not well formed")]
    Malformed(#[from] cbor::Error),
    /// The nodes end before the range is covered.
    #[error("opening ends inside the node for content byte {at}")]
    Truncated {
        /// First content byte under the node.
        at: u64,
    },
    /// Nodes are left after the range is covered.
    #[error("{extra} bytes follow the last node of the opening")]
    Trailing {
        /// Bytes too many.
        extra: usize,
    },
    /// A node is not the one its parent, or the root, names.
    #[error("the node over content bytes {start}..{end} does not match its parent")]
    Mismatch {
        /// First content byte under the node.
        start: u64,
        /// One past the last content byte under the node.
        end: u64,
    },
}

/// Proves `range` of `bytes`. The whole content is hashed once.
///
/// Errors: `Range` for an empty range or one outside `bytes`, `TooLong` past [`RANGE_BYTES_MAX`].
pub fn open(bytes: &[u8], range: Range<u64>) -> Result<Opening, Error> {
    let content_bytes = u64::try_from(bytes.len()).expect("a slice is shorter than 2^64 bytes");
    let length = range_bytes(&range, content_bytes)?;
    let nodes = build::nodes(bytes, &range);
    Ok(Opening { content_bytes, offset: range.start, length, nodes })
}

impl Opening {
    /// The bytes of the range, once every node is found to belong to `root`.
    ///
    /// Establishes the bytes and their offset. Does not establish the length of the content.
    pub fn verify(&self, root: &Digest) -> Result<Slice, Error> {
        let bytes = check::bytes(&self.nodes, self.content_bytes, &self.range()?, root)?;
        Ok(Slice { offset: self.offset, bytes })
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&Value::record([
            (1, VERSION.into()),
            (2, self.content_bytes.into()),
            (3, self.offset.into()),
            (4, self.length.into()),
            (5, Value::bytes(self.nodes.as_slice())),
        ]))
    }

    /// Reads what [`Opening::encode`] wrote; proves nothing yet.
    pub fn decode(bytes: &[u8]) -> Result<Opening, Error> {
        let limits = Limits { bytes_max: NODES_BYTES_MAX + 64, depth_max: 1, items_max: 32 };
        let mut fields = MapReader::new(cbor::decode(bytes, &limits)?, "opening")?;
        let version = fields.take_uint(1, "version")?;
        if version != VERSION {
            return Err(Error::Version { got: version });
        }
        let opening = Opening {
            content_bytes: fields.take_uint(2, "content bytes")?,
            offset: fields.take_uint(3, "offset")?,
            length: fields.take_uint(4, "length")?,
            nodes: fields.take_bytes(5, "nodes", NODES_BYTES_MAX)?,
        };
        fields.finish()?;
        opening.range()?;
        Ok(opening)
    }

    fn range(&self) -> Result<Range<u64>, Error> {
        let range = self.offset..self.offset.saturating_add(self.length);
        range_bytes(&range, self.content_bytes)?;
        Ok(range)
    }
}

/// The length of `range`, which must be one that can be opened.
fn range_bytes(range: &Range<u64>, content_bytes: u64) -> Result<u64, Error> {
    let Range { start, end } = *range;
    if content_bytes > CONTENT_BYTES_MAX {
        return Err(Error::Content { got: content_bytes });
    }
    match end.checked_sub(start) {
        Some(got) if got > RANGE_BYTES_MAX => Err(Error::TooLong { got }),
        Some(length) if length > 0 && end <= content_bytes => Ok(length),
        _ => Err(Error::Range { start, end, content_bytes }),
    }
}

/// A subtree, by the content bytes under it.
#[derive(Clone, Copy)]
struct Node {
    start: u64,
    end: u64,
    is_root: bool,
}

impl Node {
    fn root(content_bytes: u64) -> Node {
        Node { start: 0, end: content_bytes, is_root: true }
    }

    fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    fn touches(&self, range: &Range<u64>) -> bool {
        self.start < range.end && range.start < self.end
    }

    /// The two subtrees below; `None` for a chunk.
    fn children(&self) -> Option<(Node, Node)> {
        if self.length() <= CHUNK_BYTES {
            return None;
        }
        let left_bytes = blake3::hazmat::left_subtree_len(self.length());
        let middle = self.start.saturating_add(left_bytes);
        let left = Node { start: self.start, end: middle, is_root: false };
        Some((left, Node { start: middle, end: self.end, is_root: false }))
    }
}

#[cfg(test)]
mod tests;
