//! Making proofs: two passes over the leaves, and memory for what the proof shows.
//!
//! For whoever keeps leaves in a sorted stream. Invariant: the root is the one that
//! [`Builder`] gives for the same leaves.

use super::{Builder, Proof, Shown, leaf, left_leaves};
use crate::error::Error;
use std::ops::Range;
use terroir_base::Digest;

/// Most leaves under one prefix that are shown; a proof about more of them has a gap.
const UNDER_MAX: u64 = 1 << 10;

/// Proves what stands under each of `prefixes`, and what does not: shows all leaves whose keys start
/// with one of them, and the leaves before and after; the first leaf where nothing is asked.
///
/// `leaves` is called twice and gives the same items both times: keys in strictly ascending order,
/// each with the digest of its body. Errors: those of `leaves`.
pub fn prove<S, I, K>(leaves: S, prefixes: &[&[u8]]) -> Result<(Digest, Proof), Error>
where
    S: Fn() -> Result<I, Error>,
    I: Iterator<Item = Result<(K, Digest), Error>>,
    K: AsRef<[u8]>,
{
    let (total, ranges) = locate(leaves()?, prefixes)?;
    let mut beside = Vec::new();
    if total > 0 {
        note_beside(0..total, &ranges, &mut beside);
    }
    let mut nodes = vec![Digest([0; 32]); beside.len()];
    let (mut shown, mut builder) = (Vec::new(), Builder::default());
    let (mut range, mut node) = (0, 0);
    for item in leaves()? {
        let (key, body) = item?;
        let (key, place) = (key.as_ref(), builder.leaves());
        if ranges.get(range).is_some_and(|range| range.contains(&place)) {
            shown.push(Shown { place, key: key.to_vec(), body });
            range += usize::from(ranges[range].end == place + 1);
        }
        builder.grow(leaf(key, &body), |height, digest| {
            let want = beside.get(node).filter(|want| want.end == place + 1);
            if want.is_some_and(|want| want.end - want.start == 1 << height) {
                nodes[node] = *digest;
            }
        });
        node += usize::from(beside.get(node).is_some_and(|want| want.end == place + 1));
    }
    // What reaches to the end may be no full tree; then it is there only now.
    if let (Some(last), Some(node)) = (beside.last(), nodes.last_mut())
        && last.end == total
        && !(last.end - last.start).is_power_of_two()
        && let Some(joined) = builder.joined(last.start)
    {
        *node = joined;
    }
    Ok((builder.root(), Proof { leaves: total, shown, nodes }))
}

/// The number of leaves, and which of them to show: ranges in ascending order that do not touch.
fn locate<I, K>(leaves: I, prefixes: &[&[u8]]) -> Result<(u64, Vec<Range<u64>>), Error>
where
    I: Iterator<Item = Result<(K, Digest), Error>>,
    K: AsRef<[u8]>,
{
    let mut prefixes = prefixes.to_vec();
    prefixes.sort_unstable();
    let (mut ranges, mut open) = (Vec::new(), Vec::new());
    let (mut next, mut total) = (0, 0_u64);
    for item in leaves {
        let key = item?.0;
        while let Some(prefix) = prefixes.get(next).filter(|prefix| **prefix <= key.as_ref()) {
            open.push((*prefix, total.saturating_sub(1)));
            next += 1;
        }
        open.retain(|(prefix, start)| {
            let goes_on = key.as_ref().starts_with(prefix) && total - start < UNDER_MAX;
            if !goes_on {
                ranges.push(*start..total + 1);
            }
            goes_on
        });
        total += 1;
    }
    ranges.extend(open.into_iter().map(|(_, start)| start..total));
    if next < prefixes.len() && total > 0 {
        ranges.push(total - 1..total);
    }
    if prefixes.is_empty() && total > 0 {
        ranges.push(0..1);
    }
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range),
        }
    }
    Ok((total, merged))
}

/// The largest subtrees of the tree over `tree` that hold nothing of `shown`, from left to right.
fn note_beside(tree: Range<u64>, shown: &[Range<u64>], beside: &mut Vec<Range<u64>>) {
    let first = shown.partition_point(|range| range.end <= tree.start);
    let shown = &shown[first..];
    if shown.first().is_none_or(|range| range.start >= tree.end) {
        beside.push(tree);
    } else if tree.end - tree.start > 1 {
        let middle = tree.start + left_leaves(tree.end - tree.start);
        note_beside(tree.start..middle, shown, beside);
        note_beside(middle..tree.end, shown, beside);
    }
}
