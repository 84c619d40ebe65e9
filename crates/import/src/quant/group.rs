//! Quantised types whose values come in groups of 32 with one scale and one minimum.
//!
//! For [`Kind::dequantise`] and for the packer, which carries such groups over without rounding.
//! Invariant: a [`Group`] is exact: `scale` and `min` are products that `f64` holds.

use super::{Kind, array, float};
use terroir_tensor::program::GROUP;

/// 32 values `scale * q + min`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// Factor of the integers.
    pub scale: f64,
    /// Added to each product.
    pub min: f64,
    /// The integers: `0..=31` where there is a minimum, else signed.
    pub q: [i8; GROUP],
}

impl Group {
    /// Group `part` of one block of `kind`.
    ///
    /// Panics: for the float types and Q6_K, which are no such groups, and if `block` is not one
    /// block.
    pub fn read(kind: Kind, block: &[u8], part: usize) -> Group {
        assert_eq!(block.len(), kind.block_bytes(), "one block");
        let half = |at: usize| float::f16(array(block, at));
        match kind {
            Kind::Q4_0 => {
                let d = half(0);
                Group { scale: d, min: -8.0 * d, q: nibbles(&block[2..]) }
            }
            Kind::Q4_1 => Group { scale: half(0), min: half(2), q: nibbles(&block[4..]) },
            Kind::Q5_0 => {
                let q = fives(u32::from_le_bytes(array(block, 2)), &block[6..]);
                Group { scale: half(0), min: 0.0, q: q.map(|q| q - 16) }
            }
            Kind::Q5_1 => {
                let q = fives(u32::from_le_bytes(array(block, 4)), &block[8..]);
                Group { scale: half(0), min: half(2), q }
            }
            Kind::Q8_0 => {
                let q: [u8; GROUP] = array(block, 2);
                Group { scale: half(0), min: 0.0, q: q.map(|q| q as i8) }
            }
            Kind::Q4K => {
                let (scale, min) = part_scale(block, part);
                let q = part_nibbles(&block[16..], part);
                Group { scale, min, q }
            }
            Kind::Q5K => {
                let (scale, min) = part_scale(block, part);
                let mut q = part_nibbles(&block[48..], part);
                for (q, high) in q.iter_mut().zip(&block[16..48]) {
                    *q |= ((high >> part & 1) << 4) as i8;
                }
                Group { scale, min, q }
            }
            Kind::F32 | Kind::F16 | Kind::Bf16 | Kind::Q6K => {
                panic!("{kind} has no groups of {GROUP}")
            }
        }
    }

    /// The 32 values.
    pub fn values(&self, out: &mut [f64]) {
        for (out, &q) in out.iter_mut().zip(&self.q) {
            *out = self.scale * f64::from(q) + self.min;
        }
    }
}

/// 16 bytes: values 0..16 in the low nibbles, 16..32 in the high ones.
fn nibbles(bytes: &[u8]) -> [i8; GROUP] {
    std::array::from_fn(|i| {
        let byte = bytes[i % 16];
        (if i < 16 { byte & 15 } else { byte >> 4 }) as i8
    })
}

/// As [`nibbles`], with the fifth bit of value `i` in bit `i` of `high`.
fn fives(high: u32, bytes: &[u8]) -> [i8; GROUP] {
    let mut q = nibbles(bytes);
    for (i, q) in q.iter_mut().enumerate() {
        *q |= ((high >> i & 1) << 4) as i8;
    }
    q
}

/// Part `part` of the nibbles of a K block: 32 bytes hold two parts, the even one in the low half.
fn part_nibbles(bytes: &[u8], part: usize) -> [i8; GROUP] {
    let bytes = &bytes[part / 2 * 32..];
    std::array::from_fn(|i| (bytes[i] >> (part % 2 * 4) & 15) as i8)
}

/// Scale and minimum of part `part` of a K block.
///
/// The 12 bytes after the two factors hold 8 scales and 8 minima of 6 bits: the first four of each
/// in the low bits of bytes 0..4 and 4..8; the last four have their low four bits in the nibbles of
/// bytes 8..12 and their high two bits in the top bits of bytes 0..4 and 4..8.
fn part_scale(block: &[u8], part: usize) -> (f64, f64) {
    let (d, dmin) = (float::f16(array(block, 0)), float::f16(array(block, 2)));
    let packed = &block[4..16];
    let (scale, min) = if part < 4 {
        (packed[part] & 63, packed[part + 4] & 63)
    } else {
        let low = packed[part + 4];
        (low & 15 | packed[part - 4] >> 6 << 4, low >> 4 | packed[part] >> 6 << 4)
    };
    (d * f64::from(scale), -dmin * f64::from(min))
}
