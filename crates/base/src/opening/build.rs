//! Making an opening: one walk over the tree, parents before children.

use super::{Node, PARENT_BYTES};
use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root};
use std::ops::Range;

/// The nodes that prove `range` of `content`, which must not be empty, in pre-order.
pub(super) fn nodes(content: &[u8], range: &Range<u64>) -> Vec<u8> {
    let length = u64::try_from(content.len()).expect("a slice is shorter than 2^64 bytes");
    let mut out = Vec::new();
    walk(Node::root(length), content, range, &mut out);
    out
}

/// Appends what the subtree `node` over `content` contributes; returns its chaining value.
fn walk(node: Node, content: &[u8], range: &Range<u64>, out: &mut Vec<u8>) -> ChainingValue {
    if !node.touches(range) {
        return subtree(node, content);
    }
    let Some((left, right)) = node.children() else {
        out.extend_from_slice(content);
        return subtree(node, content);
    };
    let middle = usize::try_from(left.length()).expect("a part of a slice fits in memory");
    let (left_content, right_content) = content.split_at(middle);
    let place = out.len();
    out.extend_from_slice(&[0; PARENT_BYTES]);
    let one = walk(left, left_content, range, out);
    let other = walk(right, right_content, range, out);
    if let Some((parent, _)) = out.split_at_mut(place).1.split_first_chunk_mut::<PARENT_BYTES>() {
        let (first, second) = parent.split_at_mut(one.len());
        first.copy_from_slice(&one);
        second.copy_from_slice(&other);
    }
    merge_subtrees_non_root(&one, &other, Mode::Hash)
}

/// The chaining value of a subtree; for the root nobody asks, and the value means nothing.
fn subtree(node: Node, content: &[u8]) -> ChainingValue {
    blake3::Hasher::new().set_input_offset(node.start).update(content).finalize_non_root()
}
