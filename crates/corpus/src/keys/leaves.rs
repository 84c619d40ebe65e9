//! Items as leaves of the tree of keys: neighbours together.
//!
//! A leaf stands for a group of items: its key is the first of them, its body the others. One hash
//! over sixteen of them takes a fifth of the time of a leaf and a node for each, and shows hardly more
//! in a proof. Where a group ends is decided by its items alone, so roots do not depend on runs.
//! Format: `docs/format/absence.md`.

use super::{Item, bytes};
use crate::error::Error;
use crate::tree;
use terroir_base::Digest;

/// Bytes of an item as it is hashed.
pub const ITEM_BYTES: usize = 50;
/// Most items of a group.
pub const GROUP_MAX: usize = 256;
/// An item begins a group where these bits of the last byte of its record are 0: one of sixteen.
const BEGINS: u8 = 15;

/// The body of a leaf whose items after the first are `others`: under a salt of zeros, as nothing is
/// hidden.
pub fn body(others: &[u8]) -> Digest {
    tree::body(&Digest([0; 32]), others)
}

/// The leaf of a group of items.
pub fn leaf(group: &[u8]) -> Digest {
    let (first, others) = group.split_at(ITEM_BYTES);
    tree::leaf(first, &body(others))
}

/// Items on their way into groups.
#[derive(Default)]
pub struct Grouping {
    group: Vec<u8>,
}

impl Grouping {
    /// Adds the next item; `whole` gets the bytes of the group that ends before it.
    pub fn push(&mut self, item: &[u8; ITEM_BYTES], whole: impl FnOnce(&[u8])) {
        let full = self.group.len() == GROUP_MAX * ITEM_BYTES;
        if full || item[ITEM_BYTES - 1] & BEGINS == 0 {
            self.finish(whole);
        }
        self.group.extend_from_slice(item);
    }

    /// Gives `whole` the group that has not ended, where there is one.
    pub fn finish(&mut self, whole: impl FnOnce(&[u8])) {
        if !self.group.is_empty() {
            whole(&self.group);
            self.group.clear();
        }
    }
}

/// The groups of `items`, which ascend.
pub struct Groups<I> {
    items: I,
    grouping: Grouping,
}

impl<I> Groups<I> {
    /// Nothing is read yet.
    pub fn new(items: I) -> Groups<I> {
        Groups { items, grouping: Grouping::default() }
    }
}

impl<I: Iterator<Item = Result<Item, Error>>> Iterator for Groups<I> {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Result<Vec<u8>, Error>> {
        let mut group = None;
        for item in self.items.by_ref() {
            match item {
                Ok(item) => self.grouping.push(&bytes(&item), |whole| group = Some(whole.to_vec())),
                Err(error) => return Some(Err(error)),
            }
            if group.is_some() {
                return group.map(Ok);
            }
        }
        self.grouping.finish(|whole| group = Some(whole.to_vec()));
        group.map(Ok)
    }
}
