//! The exact similarity of two sets.

/// Stands for any similarity below the threshold.
pub const BELOW: i32 = -1;

/// Steps between two looks at whether the threshold is still in reach.
const STEPS: usize = 64;

/// How many items two sets of so many together share at least, if they are `threshold` millionths
/// alike.
pub fn least(total: usize, threshold: u32) -> usize {
    // shared / (total - shared) >= threshold, solved for shared.
    let threshold = u128::from(threshold);
    let least = (threshold * total as u128).div_ceil(1_000_000 + threshold);
    usize::try_from(least).expect("at most the size of both sets")
}

/// Jaccard similarity of two ascending sets in millionths, rounded down; [`BELOW`] when it is less
/// than `threshold` millionths. Exact: no similarity is rounded across the threshold.
pub fn jaccard(a: &[u64], b: &[u64], threshold: u32) -> i32 {
    let total = a.len() + b.len();
    let least = least(total, threshold);
    let (mut at, mut to, mut shared) = (0, 0, 0);
    loop {
        let rest = (a.len() - at).min(b.len() - to);
        if shared + rest < least {
            return BELOW;
        }
        if rest == 0 {
            break;
        }
        // No more steps than the shorter rest has items, so neither set is left.
        for _ in 0..rest.min(STEPS) {
            let (left, right) = (a[at], b[to]);
            shared += usize::from(left == right);
            at += usize::from(left <= right);
            to += usize::from(right <= left);
        }
    }
    match total - shared {
        0 => BELOW,
        all => i32::try_from(shared as u128 * 1_000_000 / all as u128).expect("at most a million"),
    }
}
