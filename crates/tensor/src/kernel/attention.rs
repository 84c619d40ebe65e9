//! Attention of one query head over the cached keys and values of one sequence.
//!
//! Rows in the cache are 12-bit integers with one exponent per head. Invariant: equals
//! `spec::attention`; sums of at most 128 products fit `i32`, sums over keys are widened every 16.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "calls code compiled for AVX2"))]

use super::per_isa::per_isa;
use crate::Isa;
use crate::fixed::*;
use crate::spec::attention::{ROW_LIMIT, SCORE_LIMIT};
use std::ops::Range;

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
    pub(crate) fn push(&mut self, isa: Isa, key: &[i32], value: &[i32]) {
        let dim = self.dim;
        if self.keys.len() == self.keys.capacity() {
            self.keys.reserve_exact(GROWTH * dim);
            self.values.reserve_exact(GROWTH * dim + 2 * dim);
        }
        let mut exponent = 0;
        self.keys.resize((self.len + 1) * dim, 0);
        small(isa, key, 1, &mut exponent, &mut self.keys[self.len * dim..]);
        self.key_exponents.push(exponent);
        if self.len.is_multiple_of(2) {
            self.values.resize((self.len + 2) * dim, 0);
        }
        let pair = &mut self.values[self.len / 2 * 2 * dim..];
        small(isa, value, 2, &mut exponent, &mut pair[self.len % 2..]);
        self.value_exponents.push(exponent);
        self.len += 1;
    }

    /// The same after its first `len` positions, with no room to spare.
    pub(crate) fn prefix(&self, len: usize) -> Head {
        let (dim, len) = (self.dim, len.min(self.len));
        let mut values = self.values[..len.div_ceil(2) * 2 * dim].to_vec();
        if !len.is_multiple_of(2) {
            let last = (len - 1) * dim;
            values[last..].iter_mut().skip(1).step_by(2).for_each(|x| *x = 0);
        }
        Head {
            dim,
            len,
            keys: self.keys[..len * dim].to_vec(),
            key_exponents: self.key_exponents[..len].to_vec(),
            values,
            value_exponents: self.value_exponents[..len].to_vec(),
        }
    }

    /// Asks memory for what a query that sees these positions will read.
    pub(crate) fn fetch(&self, isa: Isa, seen: Range<usize>) {
        let rows = seen.start * self.dim..seen.end * self.dim;
        #[cfg(target_arch = "x86_64")]
        if isa.has_avx2() {
            avx2::fetch(&self.keys[rows.clone()]);
            avx2::fetch(&self.values[rows.clone()]);
        }
        let _ = (isa, rows);
    }

    pub(crate) fn bytes(&self) -> usize {
        2 * (self.keys.capacity() + self.values.capacity()) + 2 * self.len
    }
}

per_isa! {
/// A head as small integers in every `step`-th place, and their exponent.
small(x: &[i32], step: usize, exponent: &mut u8, out: &mut [i16]) {
    let largest = x.iter().fold(0, |m, x| m.max(x.unsigned_abs()));
    let e = exponent_for(largest, ROW_LIMIT);
    *exponent = e as u8;
    // Before the last bit goes, numbers have one bit more than the limit: nothing overflows.
    let (first, last) = (e.saturating_sub(1), e.min(1));
    let round = |x: i32| (((x >> first) + last as i32) >> last) as i16;
    if step == 1 {
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = round(x));
    } else {
        out.iter_mut().step_by(step).zip(x).for_each(|(out, &x)| *out = round(x));
    }
}
}

per_isa! {
/// The query times its factor in Q30.
scaled(query: &[i32], scale_q30: u32, out: &mut [i32]) {
    for (out, &x) in out.iter_mut().zip(query) {
        *out = saturate(round_shift_some(i64::from(x) * i64::from(scale_q30), 30));
    }
}
}

per_isa! {
/// `round(sums * inverse, down)` of sums that fit 32 bits; `inverse` is at most 2^31.
quotients(sums: &[i64], inverse: i64, down: u32, out: &mut [i32]) {
    // The products are below 2^62: from 63 bits on, all of them round to 0.
    let down = down.min(63);
    for (out, &sum) in out.iter_mut().zip(sums) {
        *out = saturate(round_shift_some(sum * inverse, down));
    }
}
}

/// Room for one head's work, reused.
#[derive(Default)]
pub(crate) struct Scratch {
    scaled: Vec<i32>,
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
    let query_exponent = scratch.take_query(isa, query, view.scale_q30);
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
        Isa::Avx2 | Isa::Avx512 => avx2::weigh(scratch, head, view, exponents, (down, skip)),
        _ => weigh(scratch, head, view, exponents, (down, skip)),
    };
    divide(isa, scratch, total, out);
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
    fn take_query(&mut self, isa: Isa, query: &[i32], scale_q30: u32) -> u32 {
        self.scaled.resize(query.len(), 0);
        scaled(isa, query, scale_q30, &mut self.scaled);
        self.q.resize(query.len(), 0);
        let mut exponent = 0;
        small(isa, &self.scaled, 1, &mut exponent, &mut self.q);
        exponent.into()
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
fn divide(isa: Isa, scratch: &Scratch, total: Total, out: &mut [i32]) {
    let bits = bit_length(total.sum);
    let inverse = ((1u128 << (bits + 30)) / u128::from(total.sum)) as i64;
    let down = bits + 30 - total.up;
    if scratch.sums.iter().all(|&sum| i32::try_from(sum).is_ok()) {
        return quotients(isa, &scratch.sums, inverse, down, out);
    }
    for (out, &sum) in out.iter_mut().zip(&scratch.sums) {
        let product = i128::from(sum) * i128::from(inverse) + (1 << (down - 1));
        let limit = i128::from(SATURATED);
        *out = (product >> down).clamp(-limit, limit) as i32;
    }
}
