//! Attention with AVX2: eight keys at a time, then eight weights, then pairs of values.
//!
//! Invariant: equals `super::weigh`; whatever falls outside the bounds of the fast form (a head of
//! more than 128 values, a score that must be shifted left) is left to it or done one by one.
#![expect(unsafe_code, reason = "vector instructions and their loads")]

use super::{DIM_PER_SUM, Head, SCORE_LIMIT, Scratch, Total, View, dot, soften};
use crate::fixed::{bit_length, scale_down};
use crate::kernel::avx2::exp2_neg;
use std::arch::x86_64::*;

/// Keys that always fit one `i32` sum: `16 * 32767 * 4095 < 2^31`.
const KEYS_PER_SUM: usize = 16;
/// Sums over keys stay in `i32` while the weights sum to no more: `524_287 * 4095 < 2^31`.
const WEIGHTS_PER_SUM: i64 = (1 << 19) - 1;

/// See [`super::weigh`].
pub(super) fn weigh(
    scratch: &mut Scratch,
    head: &Head,
    view: View,
    exponents: [&[u8]; 2],
    (down, skip): (i32, usize),
) -> Total {
    if head.dim > DIM_PER_SUM {
        return super::weigh(scratch, head, view, exponents, (down, skip));
    }
    let keys = &head.keys[view.first * head.dim..view.end * head.dim];
    let pairs = &head.values[view.first / 2 * 2 * head.dim..];
    // SAFETY: `Isa::Avx2` is only handed out where the machine has AVX2.
    unsafe {
        score(&scratch.q, keys, exponents[0], down, &mut scratch.scores[skip..]);
        let total = soften_eight(scratch, exponents[1], skip);
        sum_values(&scratch.short, pairs, &mut scratch.sums);
        total
    }
}

/// Asks for every line of `rows`, into the second cache.
pub(super) fn fetch(rows: &[i16]) {
    for line in rows.chunks(32) {
        // SAFETY: a prefetch reads nothing, and the address is that of a value.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
}

/// Scores of all keys. `q` holds `dim` values, `keys` as many rows of that.
#[target_feature(enable = "avx2")]
fn score(q: &[i16], keys: &[i16], exponents: &[u8], down: i32, scores: &mut [i32]) {
    let dim = q.len();
    let mut eights = keys.chunks_exact(8 * dim);
    let mut done = 0;
    for keys in &mut eights {
        let dots = dot_eight(q, keys);
        let e: [u8; 8] = exponents[done..done + 8].try_into().expect("eight keys");
        let e = _mm_cvtsi64_si128(i64::from_le_bytes(e));
        let shifts = _mm256_sub_epi32(_mm256_set1_epi32(down), _mm256_cvtepu8_epi32(e));
        let out = &mut scores[done..done + 8];
        let right = _mm256_cmpgt_epi32(shifts, _mm256_setzero_si256());
        if _mm256_movemask_epi8(right) == -1 {
            let one = _mm256_set1_epi32(1);
            let near = _mm256_srav_epi32(dots, _mm256_sub_epi32(shifts, one));
            let near = _mm256_srai_epi32(_mm256_add_epi32(near, one), 1);
            // SAFETY: `out` holds eight values.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), near) };
        } else {
            one_by_one(q, keys, &exponents[done..done + 8], down, out);
        }
        done += 8;
    }
    one_by_one(q, eights.remainder(), &exponents[done..], down, &mut scores[done..]);
}

fn one_by_one(q: &[i16], keys: &[i16], exponents: &[u8], down: i32, scores: &mut [i32]) {
    let keys = keys.chunks_exact(q.len()).zip(exponents);
    for ((key, &e), score) in keys.zip(scores) {
        *score = scale_down(dot(q, key), down - i32::from(e)).clamp(-SCORE_LIMIT, SCORE_LIMIT);
    }
}

/// The products of `q` with eight rows; the length is a multiple of 16 and at most 128.
#[target_feature(enable = "avx2")]
fn dot_eight(q: &[i16], keys: &[i16]) -> __m256i {
    let dim = q.len();
    assert!(keys.len() == 8 * dim && dim.is_multiple_of(16));
    let mut sums = [_mm256_setzero_si256(); 8];
    for at in (0..dim).step_by(16) {
        // SAFETY: `at + 16 <= dim`, and `keys` holds eight rows of `dim`.
        unsafe {
            let q = _mm256_loadu_si256(q.as_ptr().add(at).cast());
            for (row, sum) in sums.iter_mut().enumerate() {
                let key = _mm256_loadu_si256(keys.as_ptr().add(row * dim + at).cast());
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(q, key));
            }
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let first = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    let second = _mm256_hadd_epi32(_mm256_hadd_epi32(e, f), _mm256_hadd_epi32(g, h));
    let low = _mm256_permute2x128_si256(first, second, 0x20);
    let high = _mm256_permute2x128_si256(first, second, 0x31);
    _mm256_add_epi32(low, high)
}

/// [`soften`], eight weights at a time.
#[target_feature(enable = "avx2")]
fn soften_eight(scratch: &mut Scratch, exponents: &[u8], skip: usize) -> Total {
    if exponents.len() < 8 {
        return soften(scratch, exponents, skip);
    }
    let scores = &scratch.scores[skip..];
    let weights = &mut scratch.weights[skip..];
    let best = scores.iter().copied().fold(-SCORE_LIMIT, i32::max);
    let top = exponents.iter().copied().fold(0, u8::max);
    let (mut sum, mut most) = (0u64, 0u32);
    let mut totals = _mm256_setzero_si256();
    let mut largest = _mm256_setzero_si256();
    let eights = scores.len() / 8 * 8;
    for at in (0..eights).step_by(8) {
        let e: [u8; 8] = exponents[at..at + 8].try_into().expect("eight exponents");
        let e = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(e)));
        // SAFETY: `at + 8` values are there.
        let score = unsafe { _mm256_loadu_si256(scores.as_ptr().add(at).cast()) };
        let p = exp2_neg(_mm256_sub_epi32(_mm256_set1_epi32(best), score));
        let both = _mm256_add_epi64(
            _mm256_and_si256(p, _mm256_set1_epi64x(0xffff_ffff)),
            _mm256_srli_epi64(p, 32),
        );
        totals = _mm256_add_epi64(totals, both);
        let aligned = _mm256_srlv_epi32(p, _mm256_sub_epi32(_mm256_set1_epi32(top.into()), e));
        largest = _mm256_max_epu32(largest, aligned);
        // SAFETY: as above, `weights` is as long as `scores`.
        unsafe { _mm256_storeu_si256(weights[at..at + 8].as_mut_ptr().cast(), aligned) };
    }
    for at in eights..scores.len() {
        let p = crate::fixed::exp2_neg(best.abs_diff(scores[at]));
        sum += u64::from(p);
        weights[at] = p >> (top - exponents[at]);
        most = most.max(weights[at]);
    }
    let (mut parts, mut lanes) = ([0u64; 4], [0u32; 8]);
    // SAFETY: both arrays hold 32 bytes.
    unsafe {
        _mm256_storeu_si256(parts.as_mut_ptr().cast(), totals);
        _mm256_storeu_si256(lanes.as_mut_ptr().cast(), largest);
    }
    sum += parts.iter().sum::<u64>();
    most = lanes.into_iter().fold(most, u32::max);
    let cut = bit_length(u64::from(most)).saturating_sub(15);
    let half = (1u32 << cut) >> 1;
    for (short, &weight) in scratch.short[skip..].iter_mut().zip(&*weights) {
        *short = ((weight + half) >> cut).min(32767) as i16;
    }
    Total { sum, up: cut + u32::from(top) }
}

/// `sums += weights * values`; `pairs` holds `[pair of keys][dim][2]`.
#[target_feature(enable = "avx2")]
fn sum_values(short: &[i16], pairs: &[i16], sums: &mut [i64]) {
    let dim = sums.len();
    let total: i64 = short.iter().map(|&u| i64::from(u)).sum();
    let keys = if total <= WEIGHTS_PER_SUM { short.len() } else { KEYS_PER_SUM };
    let parts = short.chunks(keys).zip(pairs.chunks(keys * dim));
    for (short, pairs) in parts {
        let mut at = 0;
        while at + 64 <= dim {
            sum_some::<8>(short, pairs, dim, at, sums);
            at += 64;
        }
        while at < dim {
            sum_some::<2>(short, pairs, dim, at, sums);
            at += 16;
        }
    }
}

/// `8 N` values of the head, from `at` on, over keys whose weighted sum fits `i32`.
#[target_feature(enable = "avx2")]
#[inline]
fn sum_some<const N: usize>(short: &[i16], pairs: &[i16], dim: usize, at: usize, sums: &mut [i64]) {
    let count = short.len() / 2;
    assert!(pairs.len() >= count * 2 * dim && at + 8 * N <= dim && sums.len() == dim);
    let mut totals = [_mm256_setzero_si256(); N];
    for pair in 0..count {
        // SAFETY: row `pair` holds `2 * dim` values, of which `2 * at + 16 * N` are passed at most.
        unsafe {
            let u = short.as_ptr().add(2 * pair).cast::<i32>().read_unaligned();
            let u = _mm256_set1_epi32(u);
            let row = pairs.as_ptr().add(pair * 2 * dim + 2 * at);
            for (n, total) in totals.iter_mut().enumerate() {
                let v = _mm256_loadu_si256(row.add(16 * n).cast());
                *total = _mm256_add_epi32(*total, _mm256_madd_epi16(v, u));
            }
        }
    }
    for (n, total) in totals.iter().enumerate() {
        let mut lanes = [0i32; 8];
        // SAFETY: the array holds 32 bytes.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), *total) };
        for (sum, lane) in sums[at + 8 * n..].iter_mut().zip(lanes) {
            *sum += i64::from(lane);
        }
    }
}
