//! Q6_K: 256 values of 6 bits in 16 parts of 16, each part with a signed 8-bit scale.
//!
//! The low four bits stand in 128 bytes, the high two in 64 bytes. Both halves of the block are
//! laid out alike: 64 low bytes hold values 0..64 in their low and 64..128 in their high nibbles;
//! 32 high bytes hold two bits each of the four quarters.

use super::{array, float};

/// The 256 values of one block.
pub(super) fn values(block: &[u8], out: &mut [f64]) {
    let (low, rest) = block.split_at(128);
    let (high, rest) = rest.split_at(64);
    let scales = &rest[..16];
    let d = float::f16(array(rest, 16));
    for (i, out) in out.iter_mut().enumerate() {
        let (half, within) = (i / 128, i % 128);
        let (quarter, column) = (within / 32, within % 32);
        let low = low[half * 64 + within % 64] >> (within / 64 * 4) & 15;
        let high = high[half * 32 + column] >> (quarter * 2) & 3;
        let q = i32::from(low | high << 4) - 32;
        *out = d * f64::from(scales[i / 16] as i8) * f64::from(q);
    }
}
