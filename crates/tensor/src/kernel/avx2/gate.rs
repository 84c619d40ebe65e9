//! The SiLU gate with AVX2: eight values at a time.
//!
//! The logistic is a quotient defined by integers. It is taken in `f64`, whose division is
//! correctly rounded: the floor can only be one too large, which one multiplication finds.
//! Invariant: equals `rows::gate` for SiLU.

use super::{exp2_neg, round_four};
use crate::fixed::LOG2_E_Q30;
use std::arch::x86_64::*;

/// Eight gated values: `scale(round(g * sigmoid(g), 30) * u, shift)`; `shift` is in `1..=62`.
#[target_feature(enable = "avx2")]
#[inline]
pub(in crate::kernel) fn silu_eight(g: __m256i, u: __m256i, frac: u32, shift: u32) -> __m256i {
    let right = logistic(exponent(_mm256_abs_epi32(g), frac));
    let left = _mm256_sub_epi32(_mm256_set1_epi32(1 << 30), right);
    let sigmoid = _mm256_blendv_epi8(right, left, _mm256_srai_epi32(g, 31));
    let shift = _mm256_set1_epi64x(i64::from(shift));
    let even = round_four(gated(g, sigmoid, u), shift);
    let odd = round_four(gated(high(g), high(sigmoid), high(u)), shift);
    _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0b1010_1010)
}

#[target_feature(enable = "avx2")]
#[inline]
fn high(x: __m256i) -> __m256i {
    _mm256_srli_epi64(x, 32)
}

/// `round(g * sigmoid, 30) * u` of the even values, as `i64`.
#[target_feature(enable = "avx2")]
#[inline]
fn gated(g: __m256i, sigmoid: __m256i, u: __m256i) -> __m256i {
    let product = _mm256_add_epi64(_mm256_mul_epi32(g, sigmoid), _mm256_set1_epi64x(1 << 29));
    // The rounded product is no larger than `g`: its low 32 bits, which `mul` reads, are all of it.
    _mm256_mul_epi32(_mm256_srli_epi64(product, 30), u)
}

/// `(size * LOG2_E_Q30) >> (14 + frac)` of eight sizes below 2^31, or any other exponent from 31
/// on: all of these make zero of the power.
#[target_feature(enable = "avx2")]
#[inline]
fn exponent(size: __m256i, frac: u32) -> __m256i {
    // The exponent of this size is just below 2^22; `frac` is at most 24.
    let largest = ((1u64 << (36 + frac)) / u64::from(LOG2_E_Q30)) as i32;
    let size = _mm256_min_epu32(size, _mm256_set1_epi32(largest));
    let factor = _mm256_set1_epi64x(i64::from(LOG2_E_Q30));
    let count = _mm_cvtsi64_si128(14 + i64::from(frac));
    let four = |size: __m256i| _mm256_srl_epi64(_mm256_mul_epu32(size, factor), count);
    let (even, odd) = (four(size), four(high(size)));
    _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0b1010_1010)
}

/// [`crate::fixed::logistic`] of eight numbers.
#[target_feature(enable = "avx2")]
#[inline]
fn logistic(z: __m256i) -> __m256i {
    let p = exp2_neg(z);
    let low = quotient(_mm256_castsi256_si128(p));
    let high = quotient(_mm256_extracti128_si256(p, 1));
    _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1)
}

/// `floor(2^60 / (2^30 + p))` of four `p` in `0..=2^30`.
#[target_feature(enable = "avx2")]
#[inline]
fn quotient(p: __m128i) -> __m128i {
    let one = _mm256_set1_pd((1u64 << 30) as f64);
    let divisor = _mm256_add_pd(_mm256_cvtepi32_pd(p), one);
    let guess = _mm256_div_pd(_mm256_set1_pd((1u64 << 60) as f64), divisor);
    let guess = _mm256_cvttpd_epi32(guess);
    let divisor = _mm256_add_epi64(_mm256_cvtepu32_epi64(p), _mm256_set1_epi64x(1 << 30));
    let product = _mm256_mul_epu32(_mm256_cvtepu32_epi64(guess), divisor);
    let above = _mm256_cmpgt_epi64(product, _mm256_set1_epi64x(1 << 60));
    let above = _mm256_permutevar8x32_epi32(above, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
    _mm_add_epi32(guess, _mm256_castsi256_si128(above))
}
