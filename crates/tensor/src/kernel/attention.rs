//! Attention of one query head over the cached keys and values of one sequence.
//!
//! Rows in the cache are 12-bit integers with one exponent per head. Invariant: equals
//! `spec::attention`; sums of at most 128 products fit `i32`, sums over keys are widened every 16.

use crate::Isa;
use crate::fixed::*;
use crate::spec::attention::{ROW_LIMIT, SCORE_LIMIT};

#[cfg(target_arch = "x86_64")]
mod avx2;

/// Positions by which a cache grows: doubling would hold up to twice what a context needs.
const GROWTH: usize = 256;
/// Values of a head whose products fit one `i32` sum.
const DIM_PER_SUM: usize = 128;

/// Keys and values of one head of one sequence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    dim: usize,
    len: usize,
    /// `[position][dim]`.
    keys: Vec<i16>,
    key_exponents: Vec<u8>,
    /// `[position / 2][dim][position % 2]`; a missing odd position is zero.
    values: Vec<i16>,
    value_exponents: Vec<u8>,
}

impl Head {
    pub(crate) fn new(dim: usize) -> Head {
        Head { dim, ..Head::default() }
    }

    /// Appends one position.
    pub(crate) fn push(&mut self, key: &[i32], value: &[i32]) {
        let dim = self.dim;
        if self.keys.len() == self.keys.capacity() {
            self.keys.reserve_exact(GROWTH * dim);
            self.values.reserve_exact(GROWTH * dim + 2 * dim);
        }
        let exponent = exponent_for(largest(key), ROW_LIMIT);
        self.keys.extend(key.iter().map(|&x| round_shift(i64::from(x), exponent) as i16));
        self.key_exponents.push(exponent as u8);
        if self.len.is_multiple_of(2) {
            self.values.resize((self.len + 2) * dim, 0);
        }
        let exponent = exponent_for(largest(value), ROW_LIMIT);
        let pair = &mut self.values[self.len / 2 * 2 * dim..];
        for (slot, &x) in pair[self.len % 2..].iter_mut().step_by(2).zip(value) {
            *slot = round_shift(i64::from(x), exponent) as i16;
        }
        self.value_exponents.push(exponent as u8);
        self.len += 1;
    }

    /// Forgets every position from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.keys.truncate(len * self.dim);
        self.key_exponents.truncate(len);
        self.values.truncate(len.div_ceil(2) * 2 * self.dim);
        self.value_exponents.truncate(len);
        if !len.is_multiple_of(2) {
            let last = (len - 1) * self.dim;
            self.values[last..].iter_mut().skip(1).step_by(2).for_each(|x| *x = 0);
        }
        self.len = len;
    }

    pub(crate) fn bytes(&self) -> usize {
        2 * (self.keys.capacity() + self.values.capacity()) + 2 * self.len
    }
}

fn largest(x: &[i32]) -> u32 {
    x.iter().fold(0, |m, x| m.max(x.unsigned_abs()))
}

/// Room for one head's work, reused.
#[derive(Default)]
pub(crate) struct Scratch {
    q: Vec<i16>,
    scores: Vec<i32>,
    weights: Vec<u32>,
    short: Vec<i16>,
    sums: Vec<i64>,
}

/// Which keys a query sees, and how its scores are scaled.
#[derive(Clone, Copy)]
pub(crate) struct View {
    /// First position seen.
    pub(crate) first: usize,
    /// One past the last position seen: the query's own.
    pub(crate) end: usize,
    /// `frac(q) + frac(k)`.
    pub(crate) frac: i32,
    /// Factor of the query, in Q30.
    pub(crate) scale_q30: u32,
}

/// Attention of one query head: `out` gets `dim` values.
pub(crate) fn attend(
    isa: Isa,
    query: &[i32],
    head: &Head,
    view: View,
    scratch: &mut Scratch,
    out: &mut [i32],
) {
    let query_exponent = scratch.take_query(query, view.scale_q30);
    // The key pairs start at an even position; what lies before `first` gets weight 0.
    let start = view.first / 2 * 2;
    scratch.scores.clear();
    scratch.scores.resize(view.end - start, -SCORE_LIMIT);
    scratch.weights.resize(view.end - start, 0);
    scratch.short.clear();
    scratch.short.resize((view.end - start).next_multiple_of(2), 0);
    scratch.sums.clear();
    scratch.sums.resize(head.dim, 0);
    let down = view.frac - 16 - query_exponent as i32;
    let skip = view.first - start;
    let exponents = [&head.key_exponents, &head.value_exponents].map(|e| &e[view.first..view.end]);
    let total = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::weigh(scratch, head, view, exponents, (down, skip)),
        _ => weigh(scratch, head, view, exponents, (down, skip)),
    };
    divide(scratch, total, out);
}

/// What the weights of a query add up to, and how far they were scaled.
struct Total {
    /// Sum of the weights in Q30.
    sum: u64,
    /// `cut + top`: the sums over values are short of the real ones by this many bits.
    up: u32,
}

impl Scratch {
    /// Scales and rounds the query; returns its exponent.
    fn take_query(&mut self, query: &[i32], scale_q30: u32) -> u32 {
        let scale = |&x: &i32| saturate(round_shift(i64::from(x) * i64::from(scale_q30), 30));
        let most = query.iter().map(|x| scale(x).unsigned_abs()).max().unwrap_or(0);
        let exponent = exponent_for(most, ROW_LIMIT);
        self.q.clear();
        let small = |x: &i32| round_shift(i64::from(scale(x)), exponent) as i16;
        self.q.extend(query.iter().map(small));
        exponent
    }
}

/// Scores, weights and the weighted sums of the values, in plain Rust.
fn weigh(
    scratch: &mut Scratch,
    head: &Head,
    view: View,
    exponents: [&[u8]; 2],
    (down, skip): (i32, usize),
) -> Total {
    let keys = head.keys[view.first * head.dim..view.end * head.dim].chunks_exact(head.dim);
    for ((key, &e), score) in keys.zip(exponents[0]).zip(&mut scratch.scores[skip..]) {
        *score = scale_down(dot(&scratch.q, key), down - i32::from(e));
        *score = (*score).clamp(-SCORE_LIMIT, SCORE_LIMIT);
    }
    let total = soften(scratch, exponents[1], skip);
    let pairs = head.values[view.first / 2 * 2 * head.dim..].chunks_exact(2 * head.dim);
    for (pair, u) in pairs.zip(scratch.short.chunks_exact(2)) {
        for (sum, v) in scratch.sums.iter_mut().zip(pair.chunks_exact(2)) {
            *sum += i64::from(i32::from(u[0]) * i32::from(v[0]));
            *sum += i64::from(i32::from(u[1]) * i32::from(v[1]));
        }
    }
    total
}

fn dot(q: &[i16], key: &[i16]) -> i64 {
    let parts = q.chunks(DIM_PER_SUM).zip(key.chunks(DIM_PER_SUM));
    let part = |(q, k): (&[i16], &[i16])| -> i32 {
        q.iter().zip(k).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
    };
    parts.map(|p| i64::from(part(p))).sum()
}

/// Scores to 15-bit weights that include the exponents of the values.
fn soften(scratch: &mut Scratch, exponents: &[u8], skip: usize) -> Total {
    let scores = &scratch.scores[skip..];
    let weights = &mut scratch.weights[skip..];
    let best = scores.iter().copied().max().unwrap_or(0);
    let top = exponents.iter().copied().max().unwrap_or(0);
    let (mut sum, mut most) = (0u64, 0u32);
    for ((weight, &score), &e) in weights.iter_mut().zip(scores).zip(exponents) {
        let p = exp2_neg(best.abs_diff(score));
        sum += u64::from(p);
        *weight = p >> (top - e);
        most = most.max(*weight);
    }
    let cut = bit_length(u64::from(most)).saturating_sub(15);
    for (short, &weight) in scratch.short[skip..].iter_mut().zip(&*weights) {
        *short = round_shift(i64::from(weight), cut).min(32767) as i16;
    }
    Total { sum, up: cut + u32::from(top) }
}

/// `out = sums * 2^up / total`, rounded.
fn divide(scratch: &Scratch, total: Total, out: &mut [i32]) {
    let bits = bit_length(total.sum);
    let inverse = ((1u128 << (bits + 30)) / u128::from(total.sum)) as i64;
    let down = bits + 30 - total.up;
    for (out, &sum) in out.iter_mut().zip(&scratch.sums) {
        *out = match i32::try_from(sum) {
            Ok(sum) => saturate(round_shift(i64::from(sum) * inverse, down)),
            Err(_) => {
                let product = i128::from(sum) * i128::from(inverse) + (1 << (down - 1));
                let limit = i128::from(SATURATED);
                (product >> down).clamp(-limit, limit) as i32
            }
        };
    }
}
