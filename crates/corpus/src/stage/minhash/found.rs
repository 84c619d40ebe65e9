//! What is known about pairs of candidates: from earlier comparisons, and from those that are left.

use super::groups::Groups;
use crate::error::Error;
use crate::pairs::{Pair, Pairs};
use crate::record::RecordId;
use crate::spill::Sorter;
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
    /// Looks for `pairs`, which ascend, in the files `known`.
    ///
    /// Errors: `Disk`, `Damaged`.
    pub fn recall(
        pairs: Vec<(u32, u32)>,
        groups: &Groups,
        known: &[PathBuf],
    ) -> Result<Found, Error> {
        let mut results = vec![OPEN; pairs.len()];
        for path in known {
            let mut places = Vec::new();
            let kept = Pairs::open(path, |record| places.push(groups.find(&record)))?;
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

    /// Gives all of them to `texts`, in the order of their records.
    pub fn keep(self, groups: &Groups, texts: &dyn Texts) -> Result<(), Error> {
        let mut ranks = vec![0; groups.len()];
        for (a, b) in &self.pairs {
            (ranks[*a as usize], ranks[*b as usize]) = (1, 1);
        }
        let paired = (0_u32..).zip(&ranks).filter(|(_, paired)| **paired == 1);
        let mut order: Vec<u32> = paired.map(|(place, _)| place).collect();
        order.sort_unstable_by_key(|place| groups.record(*place));
        for (rank, place) in (0..).zip(&order) {
            ranks[*place as usize] = rank;
        }
        let records: Vec<RecordId> = order.iter().map(|place| groups.record(*place)).collect();
        let mut sorter = Sorter::<12>::new(texts.scratch(), texts.budget() / 3);
        for (a, b, result) in self.results() {
            let pair = Pair { a: ranks[a as usize], b: ranks[b as usize], result };
            sorter.push(pair.to_bytes())?;
        }
        let mut pairs = sorter.sorted()?.map(|pair| pair.map(|pair| Pair::from_bytes(&pair)));
        texts.keep(&records, &mut pairs)
    }
}
