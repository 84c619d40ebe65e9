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

/// How the rows of several shards follow each other by their records: merging once is enough for all
/// trees over the same records.
#[derive(Default)]
pub struct Order {
    /// From which shard each row comes, and whether its record is that of the row before.
    rows: Vec<(u32, bool)>,
}

impl Order {
    /// The tree over the leaves of `streams`, which ascend, and their order.
    ///
    /// Errors: those of [`root`].
    pub fn of<I>(
        streams: Vec<I>,
        differs: impl Fn(RecordId) -> Error,
    ) -> Result<(Tree, Order), Error>
    where
        I: Iterator<Item = Result<(RecordId, Digest), Error>>,
    {
        let numbered = |(shard, stream): (u32, I)| {
            stream.map(move |item| item.map(|(record, leaf)| (record, leaf, shard)))
        };
        let (mut builder, mut order) = (Builder::default(), Order::default());
        let mut last = None;
        for item in Merge::new((0..).zip(streams).map(numbered).collect())? {
            let (record, leaf, shard) = item?;
            let before = last.replace((record, leaf)).filter(|before| before.0 == record);
            match before {
                Some((_, before)) if before != leaf => return Err(differs(record)),
                Some(_) => {}
                None => builder.push(leaf),
            }
            order.rows.push((shard, before.is_some()));
        }
        Ok((Tree { root: builder.root(), leaves: builder.leaves() }, order))
    }

    /// The tree over the leaves of tables that have a row for each record of their shards, in order;
    /// `wrong` gets the place of a table and what is wrong with it.
    ///
    /// Errors: those of the tables.
    pub fn root<I>(
        &self,
        mut tables: Vec<I>,
        wrong: impl Fn(usize, &str) -> Error,
    ) -> Result<Tree, Error>
    where
        I: Iterator<Item = Result<Digest, Error>>,
    {
        let mut builder = Builder::default();
        let mut last = None;
        for (shard, again) in &self.rows {
            let shard = *shard as usize;
            let leaf =
                tables[shard].next().unwrap_or_else(|| Err(wrong(shard, "has too few rows")))?;
            match last.replace(leaf).filter(|_| *again) {
                Some(before) if before != leaf => {
                    return Err(wrong(shard, "has another leaf for a record than another shard"));
                }
                Some(_) => {}
                None => builder.push(leaf),
            }
        }
        match tables.iter_mut().position(|table| table.next().is_some()) {
            Some(shard) => Err(wrong(shard, "has too many rows")),
            None => Ok(Tree { root: builder.root(), leaves: builder.leaves() }),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(record: u8, salt: u8) -> (RecordId, Digest) {
        (RecordId(Digest([record; 32])), Digest([record ^ salt; 32]))
    }

    fn streams(
        shards: &[&[u8]],
        salt: u8,
    ) -> Vec<impl Iterator<Item = Result<(RecordId, Digest), Error>> + use<>> {
        let stream = |shard: &&[u8]| {
            shard.iter().map(|record| Ok(leaf(*record, salt))).collect::<Vec<_>>().into_iter()
        };
        shards.iter().map(stream).collect()
    }

    fn differs(record: RecordId) -> Error {
        Error::Missing { kind: "single leaf for record", name: record.to_string() }
    }

    fn wrong(shard: usize, what: &str) -> Error {
        crate::error::damaged(std::path::Path::new("table"), format!("{shard} {what}"))
    }

    /// The leaves of `shards` alone.
    fn tables(shards: &[&[u8]], salt: u8) -> Vec<impl Iterator<Item = Result<Digest, Error>>> {
        let leaves = |stream| {
            Iterator::map(stream, |item: Result<(RecordId, Digest), Error>| item.map(|item| item.1))
        };
        streams(shards, salt).into_iter().map(leaves).collect()
    }

    #[test]
    fn one_order_gives_every_tree_over_the_records() {
        let cases: [&[&[u8]]; 4] =
            [&[], &[&[]], &[&[1, 5, 9], &[2, 5], &[], &[5, 7, 9]], &[&[3, 4], &[1, 2]]];
        for shards in cases {
            let (tree, order) = Order::of(streams(shards, 0), differs).unwrap();
            assert_eq!(tree, root(streams(shards, 0), differs).unwrap());
            let again = order.root(tables(shards, 77), wrong).unwrap();
            assert_eq!(again, root(streams(shards, 77), differs).unwrap());
        }
    }

    #[test]
    fn tables_that_have_other_rows_are_named() {
        let shards: &[&[u8]] = &[&[1, 5], &[5, 6]];
        let (_, order) = Order::of(streams(shards, 0), differs).unwrap();
        let cases: [(&[&[u8]], &str); 4] = [
            (&[&[1, 5], &[5]], "1 has too few rows"),
            (&[&[1, 5, 6], &[5, 6]], "0 has too many rows"),
            (&[&[1, 5], &[5, 6, 7]], "1 has too many rows"),
            (&[&[1, 5], &[4, 6]], "1 has another leaf for a record than another shard"),
        ];
        for (other, what) in cases {
            let error = order.root(tables(other, 3), wrong).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        // The record itself with two leaves.
        let two = vec![vec![Ok(leaf(1, 0))].into_iter(), vec![Ok(leaf(1, 1))].into_iter()];
        assert!(matches!(Order::of(two, differs), Err(Error::Missing { .. })));
    }
}
