//! Matrix sums in plain Rust: the fallback, and the yardstick of the vector kernels.

use super::Sums;
use crate::program::{Format, GROUP, ROW_BLOCK};

/// Sums one block of 8 rows, all groups, against one lane.
pub(super) fn sums(format: Format, block: &[u8], q: &[i8], sums: &[i32], factors: &[i32]) -> Sums {
    let mut total = [0i64; ROW_BLOCK];
    let groups = block.chunks_exact(format.block_bytes()).zip(q.chunks_exact(GROUP));
    for (g, (bytes, q)) in groups.enumerate() {
        let part = match format {
            Format::W4 => group_w4(bytes, q, sums[g]),
            Format::W8 => group_w8(bytes, q),
        };
        for (total, part) in total.iter_mut().zip(part) {
            *total += part * i64::from(factors[g]);
        }
    }
    total
}

fn group_w4(bytes: &[u8], q: &[i8], sum: i32) -> Sums {
    let (heads, body) = bytes.split_at(4 * ROW_BLOCK);
    let mut dots = [0i32; ROW_BLOCK];
    for (v, bytes) in body.chunks_exact(32).enumerate() {
        for (lane, four) in bytes.chunks_exact(4).enumerate() {
            for (k, &byte) in four.iter().enumerate() {
                dots[lane] += i32::from(byte & 15) * i32::from(q[4 * v + k]);
                dots[lane] += i32::from(byte >> 4) * i32::from(q[16 + 4 * v + k]);
            }
        }
    }
    std::array::from_fn(|lane| {
        let half = |at: usize| i64::from(i16::from_le_bytes([heads[at], heads[at + 1]]));
        half(4 * lane) * i64::from(dots[lane]) + half(4 * lane + 2) * i64::from(sum)
    })
}

fn group_w8(bytes: &[u8], q: &[i8]) -> Sums {
    let (heads, body) = bytes.split_at(2 * ROW_BLOCK);
    let mut dots = [0i32; ROW_BLOCK];
    for (v, bytes) in body.chunks_exact(32).enumerate() {
        for (lane, four) in bytes.chunks_exact(4).enumerate() {
            for (k, &byte) in four.iter().enumerate() {
                dots[lane] += i32::from(byte as i8) * i32::from(q[4 * v + k]);
            }
        }
    }
    std::array::from_fn(|lane| {
        let scale = i16::from_le_bytes([heads[2 * lane], heads[2 * lane + 1]]);
        i64::from(scale) * i64::from(dots[lane])
    })
}
