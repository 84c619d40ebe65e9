//! The interpreter's attention: 12-bit rows with one exponent, base-2 softmax, one division a head.

use crate::fixed::*;
use crate::program::*;

/// Largest magnitude of a query, key or value inside attention.
pub(crate) const ROW_LIMIT: u32 = 4095;
/// Scores lie in `-SCORE_LIMIT..=SCORE_LIMIT`, so that differences fit 32 bits.
pub(crate) const SCORE_LIMIT: i32 = 1 << 30;

/// One head's row: small integers and their exponent.
#[derive(Clone, Debug)]
pub(crate) struct Small {
    pub(crate) q: Vec<i64>,
    pub(crate) exponent: u32,
}

/// Keys and values of one attention operator, by position, then by head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    keys: Vec<Vec<Small>>,
    values: Vec<Vec<Small>>,
}

/// Rounds one head to 12 bits and a sign, with the smallest exponent that holds its largest value.
pub(crate) fn small(head: &[i32]) -> Small {
    let largest = head.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
    let exponent = exponent_for(largest, ROW_LIMIT);
    let q = head.iter().map(|&x| round_shift(i64::from(x), exponent)).collect();
    Small { q, exponent }
}

/// `docs/spec/exact.md`, attention. `frac` is `frac(q) + frac(k)`.
pub(crate) fn attention(op: &Op, rows: [&[i32]; 3], frac: i32, slot: &mut Slot) -> Vec<i32> {
    let &Op::Attention { heads, kv_heads, head_dim, scale_q30, window, .. } = op else {
        unreachable!("called for attention only");
    };
    let dim = head_dim as usize;
    slot.keys.push(rows[1].chunks(dim).map(small).collect());
    slot.values.push(rows[2].chunks(dim).map(small).collect());
    let seen = slot.keys.len();
    let first = if window == 0 { 0 } else { seen.saturating_sub(window as usize) };
    let mut out = Vec::with_capacity(rows[0].len());
    for (h, head) in rows[0].chunks(dim).enumerate() {
        let scaled: Vec<i32> = head
            .iter()
            .map(|&x| saturate(round_shift(i64::from(x) * i64::from(scale_q30), 30)))
            .collect();
        let kv = h / (heads / kv_heads) as usize;
        let keys: Vec<&Small> = slot.keys[first..].iter().map(|k| &k[kv]).collect();
        let values: Vec<&Small> = slot.values[first..].iter().map(|v| &v[kv]).collect();
        out.extend(one_head(&small(&scaled), &keys, &values, frac));
    }
    out
}

fn one_head(q: &Small, keys: &[&Small], values: &[&Small], frac: i32) -> Vec<i32> {
    let score = |k: &&Small| {
        let dot: i64 = q.q.iter().zip(&k.q).map(|(a, b)| a * b).sum();
        let down = frac - 16 - (q.exponent + k.exponent) as i32;
        scale_down(dot, down).clamp(-SCORE_LIMIT, SCORE_LIMIT)
    };
    let scores: Vec<i32> = keys.iter().map(score).collect();
    let best = scores.iter().copied().max().expect("a query sees itself");
    let weights: Vec<u32> = scores.iter().map(|s| exp2_neg(best.abs_diff(*s))).collect();
    let total: u64 = weights.iter().map(|&p| u64::from(p)).sum();

    let top = values.iter().map(|v| v.exponent).max().expect("a query sees itself");
    let aligned: Vec<u32> =
        weights.iter().zip(values).map(|(p, v)| p >> (top - v.exponent)).collect();
    let largest = aligned.iter().copied().max().expect("a query sees itself");
    let cut = bit_length(u64::from(largest)).saturating_sub(15);
    let short = |r: &u32| round_shift(i64::from(*r), cut).min(32767);
    let short: Vec<i64> = aligned.iter().map(short).collect();

    let bits = bit_length(total);
    let inverse = (1u128 << (bits + 30)) / u128::from(total);
    let down = bits + 30 - cut - top;
    let column = |d: usize| {
        let sum: i64 = short.iter().zip(values).map(|(u, v)| u * v.q[d]).sum();
        let product = i128::from(sum) * inverse as i128;
        let rounded = (product + (1 << (down - 1))) >> down;
        rounded.clamp(-i128::from(SATURATED), i128::from(SATURATED)) as i32
    };
    (0..q.q.len()).map(column).collect()
}
