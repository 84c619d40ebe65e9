//! What a program names by digest: matrices, vectors, angle tables.
//!
//! For the format, the loader and the importer. Invariant: the shape that a program states fixes
//! the exact length of the blob.

use super::{GROUP, ROPE_LOW, ROW_BLOCK};
use terroir_base::Digest;

/// How the integers of a matrix are stored; both have one integer scale per row and group of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `w = (scale * q + min) * 2^-exponent` with `q` in `0..=15`.
    W4,
    /// `w = scale * q * 2^-exponent` with `q` in `-127..=127`.
    W8,
}

impl Format {
    /// Bytes of one block of [`ROW_BLOCK`] rows by [`GROUP`] columns.
    ///
    /// `W4`: 8 pairs `(scale i16, min i16)`, then 4 vectors of 32 bytes; byte `b` of vector `v`
    /// holds row `b / 4`, column `4 v + b % 4` in its low nibble and column `16 + 4 v + b % 4` in
    /// its high nibble. `W8`: 8 scales `i16`, then 8 vectors of 32 bytes; byte `b` of vector `v`
    /// holds row `b / 4`, column `4 v + b % 4`. All integers are little endian.
    pub const fn block_bytes(self) -> usize {
        match self {
            Format::W4 => 4 * ROW_BLOCK + 16 * ROW_BLOCK,
            Format::W8 => 2 * ROW_BLOCK + 32 * ROW_BLOCK,
        }
    }
}

/// A constant matrix: `rows` outputs by `cols` inputs.
///
/// Its blob is the blocks, row block by row block and inside one group by group, then one `i8`
/// exponent per row. Rows are padded with zeros to a multiple of [`ROW_BLOCK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Matrix {
    /// BLAKE3 of the blob.
    pub digest: Digest,
    /// Outputs.
    pub rows: u32,
    /// Inputs; a multiple of [`GROUP`].
    pub cols: u32,
    /// Storage of the integers.
    pub format: Format,
}

impl Matrix {
    /// Number of row blocks.
    pub fn row_blocks(&self) -> usize {
        (self.rows as usize).div_ceil(ROW_BLOCK)
    }

    /// Number of groups in a row.
    pub fn groups(&self) -> usize {
        self.cols as usize / GROUP
    }

    /// Exact length of the blob in bytes.
    pub fn blob_bytes(&self) -> u64 {
        let blocks = self.row_blocks() as u64 * self.groups() as u64;
        blocks * self.format.block_bytes() as u64 + (self.row_blocks() * ROW_BLOCK) as u64
    }
}

/// A constant row of `len` little-endian `i32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vector {
    /// BLAKE3 of the blob.
    pub digest: Digest,
    /// Number of values.
    pub len: u32,
}

impl Vector {
    /// Exact length of the blob in bytes.
    pub fn blob_bytes(&self) -> u64 {
        u64::from(self.len) * 4
    }
}

/// Cosines and sines by position, as two factors: `p = 256 * high + low`.
///
/// The blob holds `256 + highs` rows of `pairs` pairs `(cos, sin)`, little-endian `i32` in Q30:
/// first the rows of low parts `0..256`, then those of the high parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RopeTable {
    /// BLAKE3 of the blob.
    pub digest: Digest,
    /// Rotated pairs in a head.
    pub pairs: u32,
    /// Rows of the high part: `ceil(positions_max / 256)`.
    pub highs: u32,
}

impl RopeTable {
    /// Exact length of the blob in bytes.
    pub fn blob_bytes(&self) -> u64 {
        (ROPE_LOW as u64 + u64::from(self.highs)) * u64::from(self.pairs) * 8
    }
}

/// A constant as an operator reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constant {
    /// Weights, or the rows of tokens.
    Matrix(Matrix),
    /// Gains or biases.
    Vector(Vector),
    /// Cosines and sines.
    Angles(RopeTable),
}

impl Constant {
    /// BLAKE3 of the blob.
    pub fn digest(&self) -> Digest {
        match self {
            Constant::Matrix(matrix) => matrix.digest,
            Constant::Vector(vector) => vector.digest,
            Constant::Angles(table) => table.digest,
        }
    }

    /// Exact length of the blob in bytes.
    pub fn blob_bytes(&self) -> u64 {
        match self {
            Constant::Matrix(matrix) => matrix.blob_bytes(),
            Constant::Vector(vector) => vector.blob_bytes(),
            Constant::Angles(table) => table.blob_bytes(),
        }
    }
}
