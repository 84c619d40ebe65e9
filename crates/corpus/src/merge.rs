//! Sorted streams of many shards as one: by record, equal items collapsed.

use crate::error::Error;
use crate::record::RecordId;
use crate::tree::Builder;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use terroir_base::Digest;

/// The root over the leaves of all `streams`, each in ascending order of its records.
///
/// One record in several streams must have one leaf. Errors: those of the streams; `Damaged`-like
/// differences are left to `differs`, which gets the record and both leaves.
pub fn root<I>(streams: Vec<I>, differs: impl Fn(RecordId) -> Error) -> Result<Tree, Error>
where
    I: Iterator<Item = Result<(RecordId, Digest), Error>>,
{
    let mut builder = Builder::default();
    let mut last: Option<(RecordId, Digest)> = None;
    for item in Merge::new(streams)? {
        let item = item?;
        match last {
            Some(before) if before == item => continue,
            Some((record, _)) if record == item.0 => return Err(differs(record)),
            _ => builder.push(item.1),
        }
        last = Some(item);
    }
    Ok(Tree { root: builder.root(), leaves: builder.leaves() })
}

/// A committed tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Its root.
    pub root: Digest,
    /// Number of its leaves.
    pub leaves: u64,
}

/// Items of several ascending streams in ascending order.
pub struct Merge<I: Iterator<Item = Result<T, Error>>, T: Ord> {
    streams: Vec<I>,
    heads: BinaryHeap<Reverse<(T, usize)>>,
}

impl<I: Iterator<Item = Result<T, Error>>, T: Ord> Merge<I, T> {
    /// Reads the first item of each.
    pub fn new(mut streams: Vec<I>) -> Result<Merge<I, T>, Error> {
        let mut heads = BinaryHeap::with_capacity(streams.len());
        for (place, stream) in streams.iter_mut().enumerate() {
            if let Some(item) = stream.next() {
                heads.push(Reverse((item?, place)));
            }
        }
        Ok(Merge { streams, heads })
    }
}

impl<I: Iterator<Item = Result<T, Error>>, T: Ord> Iterator for Merge<I, T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Result<T, Error>> {
        let mut head = self.heads.peek_mut()?;
        let (item, place) = &mut head.0;
        match self.streams[*place].next() {
            Some(Ok(next)) => Some(Ok(std::mem::replace(item, next))),
            Some(Err(error)) => Some(Err(error)),
            None => Some(Ok(PeekMut::pop(head).0.0)),
        }
    }
}
