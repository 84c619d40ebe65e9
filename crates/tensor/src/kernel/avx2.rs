//! Matrix products with AVX2: 8 rows by 4 columns in a register, sums in 16, 32, then 64 bits.
//!
//! Bounds (docs/spec/exact.md, section 5): eight `vpmaddubsw` of a 4-bit weight stay below 30,480,
//! so a group of 32 sums in `i16`; times a 15-bit scale, plus the min term, below 2^31. An 8-bit
//! product pair is at most 2 * 127 * 127 = 32,258. `vpmuldq` widens to 64 bits.
//! Invariant: equals `portable` for every input that the loader accepts.
#![expect(unsafe_code, reason = "vector instructions and their loads")]

use super::{Epilogue, Out, Quantised, Sums, Weights, finish};
use crate::fixed::EXP2;
use crate::program::{Format, GROUP, ROW_BLOCK};
use std::arch::x86_64::*;
use std::ops::Range;

pub(super) mod gate;

/// How many tiles ahead weights are asked for: into the second cache, which keeps more requests
/// under way than the first.
const AHEAD: usize = 2;

/// Even and odd rows of a block, as four `i64` each.
type Pair = [__m256i; 2];

/// Pointers to one lane: its bytes, the sums of its groups, the factors of its groups.
#[derive(Clone, Copy)]
struct Lane {
    q: *const i8,
    sums: *const i32,
    factors: *const i32,
}

/// See [`super::linear`]. Panics: when a slice is shorter than its shape says.
pub(super) fn linear(
    weights: &Weights<'_>,
    x: &Quantised,
    blocks: Range<usize>,
    tokens: Range<usize>,
    epilogue: Epilogue<'_>,
    out: Out<'_>,
) {
    let (groups, lanes) = (weights.groups, tokens.end * x.planes);
    assert!(x.cols == groups * GROUP && x.q.len() >= lanes * x.cols);
    assert!(x.sums.len() >= lanes * groups && x.factors.len() >= tokens.end * groups);
    assert!(weights.blocks.len() >= blocks.end * groups * weights.format.block_bytes());
    let mut job = Job { weights, x, tokens, first: blocks.start, epilogue, out };
    // SAFETY: `Isa::Avx2` is only handed out where the machine has AVX2, and the lengths that the
    // pointers run over were asserted above.
    unsafe { job.run(blocks) }
}

struct Job<'a, 'o> {
    weights: &'a Weights<'a>,
    x: &'a Quantised,
    tokens: Range<usize>,
    first: usize,
    epilogue: Epilogue<'a>,
    out: Out<'o>,
}

impl Job<'_, '_> {
    #[target_feature(enable = "avx2")]
    unsafe fn run(&mut self, blocks: Range<usize>) {
        let planes = self.x.planes;
        let (start, end) = (self.tokens.start * planes, self.tokens.end * planes);
        let mut block = blocks.start;
        // SAFETY: blocks and lanes stay inside the ranges that `linear` asserted.
        unsafe {
            if end - start < 4 {
                while block + 4 <= blocks.end {
                    self.lanes::<4, 1>(block, start..end);
                    block += 4;
                }
            }
            while block < blocks.end {
                let wide = start + (end - start) / 4 * 4;
                self.lanes::<1, 4>(block, start..wide);
                self.lanes::<1, 1>(block, wide..end);
                block += 1;
            }
        }
    }

    /// `R` blocks against a range of lanes, `T` at a time, or both planes of a token.
    #[target_feature(enable = "avx2")]
    unsafe fn lanes<const R: usize, const T: usize>(&mut self, block: usize, lanes: Range<usize>) {
        let mut lane = lanes.start;
        // SAFETY: as in `run`.
        unsafe {
            if T == 1 && self.x.planes == 2 {
                while lane < lanes.end {
                    let sums = self.tile::<R, 2>(block, lane);
                    self.store::<R, 2>(block, lane, &sums);
                    lane += 2;
                }
                return;
            }
            while lane < lanes.end {
                let sums = self.tile::<R, T>(block, lane);
                self.store::<R, T>(block, lane, &sums);
                lane += T;
            }
        }
    }

    /// Sums of `R` blocks against `T` lanes. The first lanes that read these blocks ask memory for
    /// the blocks that follow: the machine's own prefetch stops at every page.
    #[target_feature(enable = "avx2")]
    unsafe fn tile<const R: usize, const T: usize>(
        &self,
        block: usize,
        lane: usize,
    ) -> [[Pair; T]; R] {
        let groups = self.weights.groups;
        let bytes = groups * self.weights.format.block_bytes();
        let x = self.x;
        let fetch = lane == self.tokens.start * x.planes;
        let blocks: [*const u8; R] =
            std::array::from_fn(|r| self.weights.blocks[(block + r) * bytes..].as_ptr());
        let lanes: [Lane; T] = std::array::from_fn(|t| Lane {
            q: x.q[(lane + t) * x.cols..].as_ptr(),
            sums: x.sums[(lane + t) * groups..].as_ptr(),
            factors: x.factors[(lane + t) / x.planes * groups..].as_ptr(),
        });
        // SAFETY: as in `run`.
        unsafe {
            match self.weights.format {
                Format::W4 => tile_w4(blocks, lanes, groups, fetch),
                Format::W8 => tile_w8(blocks, lanes, groups, fetch),
            }
        }
    }

    #[target_feature(enable = "avx2")]
    fn store<const R: usize, const T: usize>(
        &mut self,
        block: usize,
        lane: usize,
        sums: &[[Pair; T]; R],
    ) {
        let planes = self.x.planes;
        for (r, sums) in sums.iter().enumerate() {
            for token in 0..T / planes {
                let pair = if planes == 2 {
                    let (high, low) = (sums[2 * token], sums[2 * token + 1]);
                    std::array::from_fn(|i| _mm256_add_epi64(_mm256_slli_epi64(high[i], 7), low[i]))
                } else {
                    sums[token]
                };
                self.finish(block + r, lane / planes + token, &pair);
            }
        }
    }

    /// Rounds one block of one token into the output.
    #[target_feature(enable = "avx2")]
    fn finish(&mut self, block: usize, token: usize, sums: &Pair) {
        let (weights, low) = (self.weights, self.x.low[token]);
        let at = (token - self.tokens.start) * self.out.stride + (block - self.first) * ROW_BLOCK;
        let out = &mut self.out.values[at..];
        let shift = self.epilogue.shift - low;
        if self.epilogue.bias.is_none() && (block + 1) * ROW_BLOCK <= weights.rows {
            let exponents: [u8; 8] = weights.exponents[block * ROW_BLOCK..][..ROW_BLOCK]
                .try_into()
                .expect("one exponent a row");
            let exponents = _mm_cvtsi64_si128(i64::from_le_bytes(exponents));
            let exponents = _mm256_cvtepi8_epi32(exponents);
            let shifts = _mm256_add_epi32(exponents, _mm256_set1_epi32(shift));
            let less = _mm256_cmpgt_epi32(_mm256_set1_epi32(1), shifts);
            let more = _mm256_cmpgt_epi32(shifts, _mm256_set1_epi32(62));
            if _mm256_testz_si256(_mm256_or_si256(less, more), _mm256_set1_epi32(-1)) == 1 {
                let out = &mut out[..ROW_BLOCK];
                // SAFETY: `out` holds eight values.
                unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), round(sums, shifts)) };
                return;
            }
        }
        finish(weights, block, &in_order(sums), self.epilogue, low, out);
    }
}

/// The eight sums in row order.
#[target_feature(enable = "avx2")]
fn in_order(sums: &Pair) -> Sums {
    let (mut even, mut odd) = ([0i64; 4], [0i64; 4]);
    // SAFETY: both arrays hold 32 bytes.
    unsafe {
        _mm256_storeu_si256(even.as_mut_ptr().cast(), sums[0]);
        _mm256_storeu_si256(odd.as_mut_ptr().cast(), sums[1]);
    }
    std::array::from_fn(|r| if r % 2 == 0 { even[r / 2] } else { odd[r / 2] })
}

/// `saturate(round_shift(sums, shifts))` for shifts in `1..=62`, back in row order.
#[target_feature(enable = "avx2")]
fn round(sums: &Pair, shifts: __m256i) -> __m256i {
    let even = _mm256_and_si256(shifts, _mm256_set1_epi64x(0xffff_ffff));
    let odd = _mm256_srli_epi64(shifts, 32);
    let even = round_four(sums[0], even);
    let odd = round_four(sums[1], odd);
    _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0b1010_1010)
}

#[target_feature(enable = "avx2")]
fn round_four(x: __m256i, shifts: __m256i) -> __m256i {
    // AVX2 has no arithmetic 64-bit shift: shift x + 2^63 as unsigned, take the bias off again.
    let sign = _mm256_set1_epi64x(i64::MIN);
    let one = _mm256_set1_epi64x(1);
    let less = _mm256_sub_epi64(shifts, one);
    let shifted = _mm256_srlv_epi64(_mm256_xor_si256(x, sign), less);
    let bias = _mm256_srlv_epi64(sign, less);
    let plus = _mm256_add_epi64(_mm256_sub_epi64(shifted, bias), one);
    let half = _mm256_srli_epi64(_mm256_xor_si256(plus, sign), 1);
    let y = _mm256_sub_epi64(half, _mm256_set1_epi64x(1 << 62));
    let top = _mm256_set1_epi64x(i32::MAX as i64);
    let bottom = _mm256_set1_epi64x(-(i32::MAX as i64));
    let y = _mm256_blendv_epi8(y, top, _mm256_cmpgt_epi64(y, top));
    _mm256_blendv_epi8(y, bottom, _mm256_cmpgt_epi64(bottom, y))
}

/// Four neighbouring bytes in every 32-bit lane.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn broadcast(q: *const i8) -> __m256i {
    // SAFETY: the caller has four bytes there.
    _mm256_set1_epi32(unsafe { q.cast::<i32>().read_unaligned() })
}

/// `total += p * factor` over eight `i32`, in 64 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn accumulate(total: &mut Pair, p: __m256i, even: __m256i, odd: __m256i) {
    total[0] = _mm256_add_epi64(total[0], _mm256_mul_epi32(p, even));
    total[1] = _mm256_add_epi64(total[1], _mm256_mul_epi32(_mm256_srli_epi64(p, 32), odd));
}

#[target_feature(enable = "avx2")]
#[inline]
unsafe fn tile_w4<const R: usize, const T: usize>(
    blocks: [*const u8; R],
    lanes: [Lane; T],
    groups: usize,
    fetch: bool,
) -> [[Pair; T]; R] {
    let zero = _mm256_setzero_si256();
    let nibble = _mm256_set1_epi8(15);
    let both = _mm256_set1_epi32(0x0100_0100);
    let both = _mm256_add_epi8(
        both,
        _mm256_setr_epi8(
            0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8,
            12, 12, 12, 12,
        ),
    );
    let mut total = [[[zero; 2]; T]; R];
    for g in 0..groups {
        let mut dots = [[zero; T]; R];
        // SAFETY: block `r` holds `groups` groups of 160 bytes, every lane `groups` groups.
        unsafe {
            if fetch {
                for block in blocks {
                    let ahead = block.wrapping_add(AHEAD * R * groups * 160 + g * 160);
                    _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
                    _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(64).cast());
                    _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(128).cast());
                }
            }
            for v in 0..4 {
                let mut low = [zero; R];
                let mut high = [zero; R];
                for r in 0..R {
                    let raw = _mm256_loadu_si256(blocks[r].add(g * 160 + 32 + 32 * v).cast());
                    low[r] = _mm256_and_si256(raw, nibble);
                    high[r] = _mm256_and_si256(_mm256_srli_epi16(raw, 4), nibble);
                }
                for t in 0..T {
                    let q = lanes[t].q.add(g * GROUP + 4 * v);
                    let (first, second) = (broadcast(q), broadcast(q.add(16)));
                    for r in 0..R {
                        let a = _mm256_maddubs_epi16(low[r], first);
                        let b = _mm256_maddubs_epi16(high[r], second);
                        dots[r][t] = _mm256_add_epi16(dots[r][t], _mm256_add_epi16(a, b));
                    }
                }
            }
            for r in 0..R {
                let heads = _mm256_loadu_si256(blocks[r].add(g * 160).cast());
                let scales = _mm256_shuffle_epi8(heads, both);
                let mins = _mm256_srli_epi32(heads, 16);
                for t in 0..T {
                    let sum = _mm256_set1_epi32(*lanes[t].sums.add(g) & 0xffff);
                    let factor = _mm256_set1_epi32(*lanes[t].factors.add(g));
                    let p = _mm256_add_epi32(
                        _mm256_madd_epi16(dots[r][t], scales),
                        _mm256_madd_epi16(mins, sum),
                    );
                    accumulate(&mut total[r][t], p, factor, factor);
                }
            }
        }
    }
    total
}

#[target_feature(enable = "avx2")]
#[inline]
unsafe fn tile_w8<const R: usize, const T: usize>(
    blocks: [*const u8; R],
    lanes: [Lane; T],
    groups: usize,
    fetch: bool,
) -> [[Pair; T]; R] {
    let zero = _mm256_setzero_si256();
    let ones = _mm256_set1_epi16(1);
    let mut total = [[[zero; 2]; T]; R];
    for g in 0..groups {
        let mut dots = [[zero; T]; R];
        // SAFETY: block `r` holds `groups` groups of 272 bytes, every lane `groups` groups.
        unsafe {
            if fetch {
                for block in blocks {
                    let ahead = block.wrapping_add(AHEAD * R * groups * 272 + g * 272);
                    for line in 0..4 {
                        _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(64 * line).cast());
                    }
                }
            }
            for v in 0..8 {
                for r in 0..R {
                    let w = _mm256_loadu_si256(blocks[r].add(g * 272 + 16 + 32 * v).cast());
                    let size = _mm256_abs_epi8(w);
                    for t in 0..T {
                        let q = broadcast(lanes[t].q.add(g * GROUP + 4 * v));
                        let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(q, w));
                        let four = _mm256_madd_epi16(pairs, ones);
                        dots[r][t] = _mm256_add_epi32(dots[r][t], four);
                    }
                }
            }
            for r in 0..R {
                let scales = _mm_loadu_si128(blocks[r].add(g * 272).cast());
                let scales = _mm256_cvtepi16_epi32(scales);
                for t in 0..T {
                    let factor = _mm256_set1_epi32(*lanes[t].factors.add(g));
                    let even = _mm256_mullo_epi32(scales, factor);
                    let odd = _mm256_srli_epi64(even, 32);
                    accumulate(&mut total[r][t], dots[r][t], even, odd);
                }
            }
        }
    }
    total
}

/// [`crate::fixed::exp2_neg`] of eight numbers.
#[target_feature(enable = "avx2")]
pub(super) fn exp2_neg(d: __m256i) -> __m256i {
    let low = _mm256_set1_epi32(255);
    let index = _mm256_and_si256(_mm256_srli_epi32(d, 8), low);
    // SAFETY: the index is at most 255 and the table holds 257 entries.
    let (here, next) = unsafe {
        let table = EXP2.as_ptr().cast::<i32>();
        (
            _mm256_i32gather_epi32::<4>(table, index),
            _mm256_i32gather_epi32::<4>(table.add(1), index),
        )
    };
    let step = _mm256_mullo_epi32(_mm256_sub_epi32(here, next), _mm256_and_si256(d, low));
    let between = _mm256_srli_epi32(_mm256_add_epi32(step, _mm256_set1_epi32(128)), 8);
    _mm256_srlv_epi32(_mm256_sub_epi32(here, between), _mm256_srli_epi32(d, 16))
}
