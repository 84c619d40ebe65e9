//! Matrix sums with NEON: 4 rows by 4 columns in a register, pairs widened twice.
//!
//! Products of 8-bit numbers fit `i16`, a pair of them too (2 * 127 * 127 = 32,258); sums of a
//! group fit `i32`. Invariant: equals `portable` for every input that the loader accepts.
#![expect(unsafe_code, reason = "vector instructions and their loads")]

use super::Sums;
use crate::program::{Format, GROUP, ROW_BLOCK};
use std::arch::aarch64::*;

/// Sums one block of 8 rows, all groups, against one lane.
///
/// Panics: when a slice is shorter than its shape says.
pub(super) fn sums(format: Format, block: &[u8], q: &[i8], sums: &[i32], factors: &[i32]) -> Sums {
    let mut total = [0i64; ROW_BLOCK];
    let groups = block.chunks_exact(format.block_bytes()).zip(q.chunks_exact(GROUP));
    for (g, (bytes, q)) in groups.enumerate() {
        let q: &[i8; GROUP] = q.try_into().expect("chunks are whole groups");
        let factor = i64::from(factors[g]);
        let half = |at: usize| i64::from(i16::from_le_bytes([bytes[at], bytes[at + 1]]));
        // SAFETY: NEON is part of every aarch64 machine that Rust's std supports.
        match format {
            Format::W4 => {
                let body = bytes[4 * ROW_BLOCK..].try_into().expect("128 bytes of weights");
                let dots = unsafe { group_w4(body, q) };
                for (lane, total) in total.iter_mut().enumerate() {
                    let min = half(4 * lane + 2) * i64::from(sums[g]);
                    *total += (half(4 * lane) * i64::from(dots[lane]) + min) * factor;
                }
            }
            Format::W8 => {
                let body = bytes[2 * ROW_BLOCK..].try_into().expect("256 bytes of weights");
                // SAFETY: as above.
                let dots = unsafe { group_w8(body, q) };
                for (lane, total) in total.iter_mut().enumerate() {
                    *total += half(2 * lane) * i64::from(dots[lane]) * factor;
                }
            }
        }
    }
    total
}

/// Adds the products of 4 rows by 4 columns to the sums of the rows.
#[target_feature(enable = "neon")]
#[inline]
fn add(total: int32x4_t, weights: int8x16_t, four: int8x16_t) -> int32x4_t {
    let low = vmull_s8(vget_low_s8(weights), vget_low_s8(four));
    let high = vmull_high_s8(weights, four);
    vpadalq_s16(total, vpaddq_s16(low, high))
}

/// Columns `4 v .. 4 v + 4` of the lane, four times.
#[target_feature(enable = "neon")]
#[inline]
fn four(q: &[i8; GROUP], v: usize) -> int8x16_t {
    let bytes = [q[4 * v], q[4 * v + 1], q[4 * v + 2], q[4 * v + 3]].map(|b| b as u8);
    vreinterpretq_s8_s32(vdupq_n_s32(i32::from_le_bytes(bytes)))
}

#[target_feature(enable = "neon")]
fn group_w4(body: &[u8; 128], q: &[i8; GROUP]) -> [i32; ROW_BLOCK] {
    let mut total = [vdupq_n_s32(0); 2];
    for v in 0..4 {
        let (first, second) = (four(q, v), four(q, v + 4));
        for (half, total) in total.iter_mut().enumerate() {
            // SAFETY: `32 v + 16 half + 16 <= 128`.
            let raw = unsafe { vld1q_u8(body.as_ptr().add(32 * v + 16 * half)) };
            let low = vreinterpretq_s8_u8(vandq_u8(raw, vdupq_n_u8(15)));
            let high = vreinterpretq_s8_u8(vshrq_n_u8::<4>(raw));
            *total = add(add(*total, low, first), high, second);
        }
    }
    in_order(total)
}

#[target_feature(enable = "neon")]
fn group_w8(body: &[u8; 256], q: &[i8; GROUP]) -> [i32; ROW_BLOCK] {
    let mut total = [vdupq_n_s32(0); 2];
    for v in 0..8 {
        let four = four(q, v);
        for (half, total) in total.iter_mut().enumerate() {
            // SAFETY: `32 v + 16 half + 16 <= 256`.
            let weights = unsafe { vld1q_s8(body.as_ptr().cast::<i8>().add(32 * v + 16 * half)) };
            *total = add(*total, weights, four);
        }
    }
    in_order(total)
}

#[target_feature(enable = "neon")]
#[inline]
fn in_order(total: [int32x4_t; 2]) -> [i32; ROW_BLOCK] {
    let mut lanes = [0i32; ROW_BLOCK];
    // SAFETY: the array holds 32 bytes.
    unsafe {
        vst1q_s32(lanes.as_mut_ptr(), total[0]);
        vst1q_s32(lanes.as_mut_ptr().add(4), total[1]);
    }
    lanes
}
