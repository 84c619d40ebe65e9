//! Checking several receipts of one node against each other.
//!
//! Invariant: two receipts with one number, or a receipt that names another predecessor than the
//! one signed, are never accepted: they are evidence against the node. Receipts that are missing
//! are not held against it; they are listed as gaps.

use crate::Rejected;
use crate::receipt::{Opened, open};
use std::fmt;
use terroir_base::id::ReceiptId;
use terroir_base::sign::PublicKey;

/// What several receipts of one node establish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Who signed them.
    pub node: PublicKey,
    /// Number and id of each, ascending.
    pub receipts: Vec<(u64, ReceiptId)>,
    /// Where receipts are missing, so that nothing joins the two sides.
    pub gaps: Vec<Gap>,
}

/// Two numbers of a chain with receipts missing between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last number before.
    pub after: u64,
    /// The first number behind.
    pub before: u64,
}

/// Checks form and signature of each receipt, and how they follow one another.
///
/// Any order; a receipt given twice counts once.
/// Errors: `NoReceipts`, `Link`, `OtherNode`, `Equivocation`, `Fork`.
pub fn check_chain(receipts: &[&[u8]]) -> Result<Chain, Rejected> {
    let mut opened = Vec::new();
    for (index, bytes) in receipts.iter().enumerate() {
        let link = open(bytes);
        opened.push(link.map_err(|source| Rejected::Link { index, source: Box::new(source) })?);
    }
    opened.sort_by_key(|link| (link.receipt.place.seq, link.id));
    opened.dedup_by_key(|link| link.id);
    let node = opened.first().ok_or(Rejected::NoReceipts)?.receipt.node;
    if let Some(odd) = opened.iter().find(|link| link.receipt.node != node) {
        let got = odd.receipt.node;
        return Err(Rejected::OtherNode { id: odd.id, expected: node, got });
    }
    let mut gaps = Vec::new();
    for (one, next) in opened.iter().zip(opened.iter().skip(1)) {
        gaps.extend(join(one, next)?);
    }
    let receipts = opened.iter().map(|link| (link.receipt.place.seq, link.id)).collect();
    Ok(Chain { node, receipts, gaps })
}

/// Checks that `next` follows `one`; the gap between them, if there is one.
fn join(one: &Opened, next: &Opened) -> Result<Option<Gap>, Rejected> {
    let (node, after, seq) = (one.receipt.node, one.receipt.place.seq, next.receipt.place.seq);
    if after == seq {
        return Err(Rejected::Equivocation { node, seq, first: one.id, second: next.id });
    }
    if after.checked_add(1) != Some(seq) {
        return Ok(Some(Gap { after, before: seq }));
    }
    match next.receipt.place.prev {
        Some(stated) if stated != one.id => Err(Rejected::Fork { node, seq, stated, got: one.id }),
        Some(_) => Ok(None),
        None => Err(Rejected::Place { seq, has_prev: false }),
    }
}

impl Chain {
    /// Whether the receipts right before and right behind number `seq` were given, and so fit.
    pub(crate) fn encloses(&self, seq: u64) -> bool {
        let given = |seq| self.receipts.binary_search_by_key(&seq, |(seq, _)| *seq).is_ok();
        let before = seq.checked_sub(1).is_none_or(given);
        before && seq.checked_add(1).is_some_and(given)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "node {}", self.node)?;
        writeln!(f, "established:")?;
        writeln!(f, "  - {} receipts are its own, and no two share a number", self.receipts.len())?;
        if let [(first, _), .., (last, _)] = self.receipts.as_slice() {
            let joined = if self.gaps.is_empty() { "each" } else { "where no gap is listed, each" };
            writeln!(f, "  - from {first} to {last}: {joined} names the one before it")?;
        }
        writeln!(f, "not checked:")?;
        for gap in &self.gaps {
            writeln!(f, "  - the receipts between {} and {}: not given", gap.after, gap.before)?;
        }
        writeln!(
            f,
            "  - whether the node signed others that were not given: there is no public log yet"
        )?;
        writeln!(f, "  - requests, answers and runs: check each receipt alone for those")
    }
}
