//! Checking an opening: the same walk, believing nothing until it hashes to what was expected.

use super::{Error, Node, PARENT_BYTES};
use crate::Digest;
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use std::ops::Range;

/// The bytes of `range`, if `nodes` prove them against `root`.
pub(super) fn bytes(
    nodes: &[u8],
    content_bytes: u64,
    range: &Range<u64>,
    root: &Digest,
) -> Result<Vec<u8>, Error> {
    let mut walk = Walk { rest: nodes, range, proved: Vec::new() };
    walk.node(Node::root(content_bytes), &root.0)?;
    match walk.rest.len() {
        0 => Ok(walk.proved),
        extra => Err(Error::Trailing { extra }),
    }
}

struct Walk<'a> {
    rest: &'a [u8],
    range: &'a Range<u64>,
    proved: Vec<u8>,
}

impl<'a> Walk<'a> {
    /// Depth is at most 50: every level halves a length of at most 2^60 until it is one chunk.
    fn node(&mut self, node: Node, expected: &[u8; 32]) -> Result<(), Error> {
        if !node.touches(self.range) {
            return Ok(());
        }
        let Some((left, right)) = node.children() else {
            return self.chunk(node, expected);
        };
        let (one, other) = self.parent(node)?;
        let got = match node.is_root {
            true => *merge_subtrees_root(one, other, Mode::Hash).as_bytes(),
            false => merge_subtrees_non_root(one, other, Mode::Hash),
        };
        matches(node, &got, expected)?;
        self.node(left, one)?;
        self.node(right, other)
    }

    fn parent(&mut self, node: Node) -> Result<(&'a [u8; 32], &'a [u8; 32]), Error> {
        let parent = self.take(PARENT_BYTES, node)?;
        let halves = parent.split_first_chunk::<32>();
        let halves = halves.and_then(|(one, rest)| Some((one, rest.first_chunk::<32>()?)));
        halves.ok_or(Error::Truncated { at: node.start })
    }

    fn chunk(&mut self, node: Node, expected: &[u8; 32]) -> Result<(), Error> {
        let length = usize::try_from(node.length()).expect("a chunk has at most 1024 bytes");
        let chunk = self.take(length, node)?;
        let mut hasher = blake3::Hasher::new();
        let got = match node.is_root {
            true => *hasher.update(chunk).finalize().as_bytes(),
            false => hasher.set_input_offset(node.start).update(chunk).finalize_non_root(),
        };
        matches(node, &got, expected)?;
        let inside = |at: u64| usize::try_from(at.saturating_sub(node.start)).unwrap_or(length);
        let (start, end) = (inside(self.range.start), inside(self.range.end.min(node.end)));
        self.proved.extend_from_slice(chunk.get(start..end).unwrap_or_default());
        Ok(())
    }

    fn take(&mut self, count: usize, node: Node) -> Result<&'a [u8], Error> {
        let at = node.start;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Error::Truncated { at })?;
        self.rest = rest;
        Ok(taken)
    }
}

fn matches(node: Node, got: &[u8; 32], expected: &[u8; 32]) -> Result<(), Error> {
    match got == expected {
        true => Ok(()),
        false => Err(Error::Mismatch { start: node.start, end: node.end }),
    }
}
