//! Storage types of tensors, and their exact values.
//!
//! For the packers and for tests. Invariant: [`Kind::dequantise`] is exact: every value of every
//! type here is a number that `f64` can hold, so nothing rounds.
//!
//! Source: the block layouts of the ggml project; floats as in IEEE 754 and bfloat16.

use std::fmt;
use terroir_tensor::program::GROUP;

mod float;
mod group;
mod six;

pub(crate) use float::power_of_two;
pub use group::Group;

/// How a tensor's numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
    /// 32 values: `d * (q - 8)`, 4 bits each.
    Q4_0,
    /// 32 values: `d * q + m`, 4 bits each.
    Q4_1,
    /// 32 values: `d * (q - 16)`, 5 bits each.
    Q5_0,
    /// 32 values: `d * q + m`, 5 bits each.
    Q5_1,
    /// 32 values: `d * q`, 8 bits each.
    Q8_0,
    /// 256 values in 8 parts: `d * s * q - dmin * m`, 4 bits each, 6-bit `s` and `m`.
    Q4K,
    /// 256 values in 8 parts: `d * s * q - dmin * m`, 5 bits each, 6-bit `s` and `m`.
    Q5K,
    /// 256 values in 16 parts: `d * s * (q - 32)`, 6 bits each, 8-bit `s`.
    Q6K,
}

impl Kind {
    /// Every type that is read.
    pub const ALL: [Kind; 11] = [
        Kind::F32,
        Kind::F16,
        Kind::Bf16,
        Kind::Q4_0,
        Kind::Q4_1,
        Kind::Q5_0,
        Kind::Q5_1,
        Kind::Q8_0,
        Kind::Q4K,
        Kind::Q5K,
        Kind::Q6K,
    ];

    /// Number of the type in GGUF files.
    pub const fn ggml(self) -> u32 {
        match self {
            Kind::F32 => 0,
            Kind::F16 => 1,
            Kind::Q4_0 => 2,
            Kind::Q4_1 => 3,
            Kind::Q5_0 => 6,
            Kind::Q5_1 => 7,
            Kind::Q8_0 => 8,
            Kind::Q4K => 12,
            Kind::Q5K => 13,
            Kind::Q6K => 14,
            Kind::Bf16 => 30,
        }
    }

    /// The type with a number of GGUF files.
    pub fn from_ggml(id: u32) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.ggml() == id)
    }

    /// Values that are stored together.
    pub const fn block_len(self) -> usize {
        match self {
            Kind::F32 | Kind::F16 | Kind::Bf16 => 1,
            Kind::Q4_0 | Kind::Q4_1 | Kind::Q5_0 | Kind::Q5_1 | Kind::Q8_0 => 32,
            Kind::Q4K | Kind::Q5K | Kind::Q6K => 256,
        }
    }

    /// Bytes of [`Kind::block_len`] values.
    pub const fn block_bytes(self) -> usize {
        match self {
            Kind::F32 => 4,
            Kind::F16 | Kind::Bf16 => 2,
            Kind::Q4_0 => 2 + 16,
            Kind::Q4_1 => 4 + 16,
            Kind::Q5_0 => 2 + 4 + 16,
            Kind::Q5_1 => 4 + 4 + 16,
            Kind::Q8_0 => 2 + 32,
            Kind::Q4K => 4 + 12 + 128,
            Kind::Q5K => 4 + 12 + 32 + 128,
            Kind::Q6K => 128 + 64 + 16 + 2,
        }
    }

    /// Bytes of a row of `len` values, if it is a whole number of blocks.
    pub fn row_bytes(self, len: u64) -> Option<u64> {
        let block = self.block_len() as u64;
        if !len.is_multiple_of(block) {
            return None;
        }
        (len / block).checked_mul(self.block_bytes() as u64)
    }

    /// Bytes of a tensor, its shape given outermost dimension first.
    ///
    /// Errors: what is wrong with the shape: nothing, zero, overflow, or a row that is not a whole
    /// number of blocks.
    pub fn tensor_bytes(self, shape: &[u64]) -> Result<u64, String> {
        let Some((&row, outer)) = shape.split_last() else {
            return Err("no dimension".into());
        };
        if shape.contains(&0) {
            return Err(format!("{shape:?} has a dimension of zero"));
        }
        let count = shape.iter().try_fold(1u64, |count, &size| count.checked_mul(size));
        if count.is_none_or(|count| count > i64::MAX as u64) {
            return Err(format!("{shape:?} overflows"));
        }
        let Some(bytes) = self.row_bytes(row) else {
            let block = self.block_len();
            return Err(format!("a row of {row} values is not made of {self} blocks of {block}"));
        };
        outer
            .iter()
            .try_fold(bytes, |bytes, &size| bytes.checked_mul(size))
            .ok_or_else(|| format!("{shape:?} overflows"))
    }

    /// The exact values of whole blocks.
    ///
    /// Shapes: `bytes` is `n * block_bytes` long, `out` is `n * block_len` long. Values that are
    /// not finite come out as they are. Panics: if the lengths do not fit each other.
    pub fn dequantise(self, bytes: &[u8], out: &mut [f64]) {
        let (length, size) = (self.block_len(), self.block_bytes());
        assert_eq!(bytes.len() / size * length, out.len(), "values due");
        assert!(bytes.len().is_multiple_of(size), "whole blocks");
        for (block, out) in bytes.chunks_exact(size).zip(out.chunks_exact_mut(length)) {
            match self {
                Kind::F32 => out[0] = f64::from(f32::from_le_bytes(array(block, 0))),
                Kind::F16 => out[0] = float::f16(array(block, 0)),
                Kind::Bf16 => out[0] = float::bf16(array(block, 0)),
                Kind::Q6K => six::values(block, out),
                Kind::Q4_0
                | Kind::Q4_1
                | Kind::Q5_0
                | Kind::Q5_1
                | Kind::Q8_0
                | Kind::Q4K
                | Kind::Q5K => {
                    for (part, out) in out.chunks_exact_mut(GROUP).enumerate() {
                        Group::read(self, block, part).values(out);
                    }
                }
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::F32 => "F32",
            Kind::F16 => "F16",
            Kind::Bf16 => "BF16",
            Kind::Q4_0 => "Q4_0",
            Kind::Q4_1 => "Q4_1",
            Kind::Q5_0 => "Q5_0",
            Kind::Q5_1 => "Q5_1",
            Kind::Q8_0 => "Q8_0",
            Kind::Q4K => "Q4_K",
            Kind::Q5K => "Q5_K",
            Kind::Q6K => "Q6_K",
        })
    }
}

/// `N` bytes of a block from `at`.
fn array<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
    block[at..at + N].try_into().expect("the slice has N bytes")
}

#[cfg(test)]
mod tests;
