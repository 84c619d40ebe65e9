//! What is known about pairs of candidates: from earlier comparisons, and from those that are left.

use super::compare::BELOW;
use super::groups::Groups;
use crate::error::Error;
use crate::pairs::{Pair, Pairs};
use crate::record::RecordId;
use crate::stage::Texts;
use std::path::PathBuf;

/// Stands for a pair that nobody compared.
const OPEN: i32 = i32::MIN;

/// Pairs of places of records, ascending, each with its result.
pub struct Found {
    pairs: Vec<(u32, u32)>,
    results: Vec<i32>,
}

impl Found {
    /// Looks for `pairs`, which ascend, of `records`, which ascend, in the files `known`.
    ///
    /// Errors: `Disk`, `Damaged`.
    pub fn recall(
        pairs: Vec<(u32, u32)>,
        records: &[RecordId],
        known: &[PathBuf],
    ) -> Result<Found, Error> {
        let mut results = vec![OPEN; pairs.len()];
        for path in known {
            let (mut places, mut rest) = (Vec::new(), (0_u32..).zip(records).peekable());
            let kept = Pairs::open(path, |record| {
                // Both ascend.
                while rest.next_if(|(_, one)| **one < record).is_some() {}
                places.push(rest.next_if(|(_, one)| **one == record).map(|(place, _)| place));
            })?;
            // All pairs of one record stand together, here and there.
            let mut near = (u32::MAX, 0..0);
            for pair in kept {
                let Pair { a, b, result } = pair?;
                let (Some(a), Some(b)) = (places[a as usize], places[b as usize]) else { continue };
                if near.0 != a {
                    let start = pairs.partition_point(|pair| pair.0 < a);
                    let count = pairs[start..].partition_point(|pair| pair.0 == a);
                    near = (a, start..start + count);
                }
                if let Ok(at) = pairs[near.1.clone()].binary_search(&(a, b)) {
                    results[near.1.start + at] = result;
                }
            }
        }
        Ok(Found { pairs, results })
    }

    /// The pairs that nobody compared.
    pub fn open(&self) -> impl Iterator<Item = (u32, u32)> {
        self.results().filter(|found| found.2 == OPEN).map(|(a, b, _)| (a, b))
    }

    /// Takes those that nobody compared for unlike where `unlike` says so.
    pub fn rule_out(&mut self, unlike: impl Fn(u32, u32) -> bool) {
        for ((a, b), result) in self.pairs.iter().zip(&mut self.results) {
            if *result == OPEN && unlike(*a, *b) {
                *result = BELOW;
            }
        }
    }

    /// Compares those that nobody did.
    pub fn complete(
        &mut self,
        mut compare: impl FnMut(u32, u32) -> Result<i32, Error>,
    ) -> Result<(), Error> {
        for ((a, b), result) in self.pairs.iter().zip(&mut self.results) {
            if *result == OPEN {
                *result = compare(*a, *b)?;
            }
        }
        Ok(())
    }

    /// All of them.
    pub fn results(&self) -> impl Iterator<Item = (u32, u32, i32)> {
        self.pairs.iter().zip(&self.results).map(|((a, b), result)| (*a, *b, *result))
    }

    /// Gives all of them to `texts`.
    pub fn keep(self, groups: &Groups<'_>, texts: &dyn Texts) -> Result<(), Error> {
        let paired = groups.of_pairs(self.pairs.iter().copied());
        let mut ranks = vec![0; groups.records().len()];
        (0..).zip(&paired).for_each(|(rank, place)| ranks[*place as usize] = rank);
        let records: Vec<RecordId> = paired.iter().map(|place| groups.record(*place)).collect();
        let mut pairs = self
            .results()
            .map(|(a, b, result)| Ok(Pair { a: ranks[a as usize], b: ranks[b as usize], result }));
        texts.keep(&records, &mut pairs)
    }
}
