//! The interpreter's matrices: one weight at a time out of the interleaved blocks.

use crate::fixed::*;
use crate::program::*;

/// Weight `(row, col)` of a matrix as `(integer, exponent)`: the weight is `integer * 2^-exponent`.
///
/// Panics: when the position is outside the matrix or `bytes` is not its blob.
pub fn weight(matrix: &Matrix, bytes: &[u8], row: usize, col: usize) -> (i64, i32) {
    assert!(row < matrix.rows as usize && col < matrix.cols as usize, "position in the matrix");
    let size = matrix.format.block_bytes();
    let index = row / ROW_BLOCK * matrix.groups() + col / GROUP;
    let block = &bytes[index * size..(index + 1) * size];
    let (lane, k) = (row % ROW_BLOCK, col % GROUP);
    let half = |at: usize| i64::from(i16::from_le_bytes([block[at], block[at + 1]]));
    let integer = match matrix.format {
        Format::W4 => {
            let byte = block[4 * ROW_BLOCK + k % 16 / 4 * 32 + lane * 4 + k % 4];
            let q = if k < 16 { byte & 15 } else { byte >> 4 };
            half(4 * lane) * i64::from(q) + half(4 * lane + 2)
        }
        Format::W8 => {
            let byte = block[2 * ROW_BLOCK + k / 4 * 32 + lane * 4 + k % 4];
            half(2 * lane) * i64::from(byte as i8)
        }
    };
    let exponents = &bytes[matrix.row_blocks() * matrix.groups() * size..];
    (integer, i32::from(exponents[row] as i8))
}

/// `docs/spec/exact.md`, embed.
pub(crate) fn embed(table: &Matrix, bytes: &[u8], token: u32, scale: u32, frac: u8) -> Vec<i32> {
    let one = |col: usize| {
        let (integer, exponent) = weight(table, bytes, token as usize, col);
        scale_down(integer * i64::from(scale), exponent + 16 - i32::from(frac))
    };
    (0..table.cols as usize).map(one).collect()
}

/// `docs/spec/exact.md`, linear. `shift` is `frac(x) - frac(result)`.
pub(crate) fn linear(
    matrix: &Matrix,
    bytes: &[u8],
    q: &[i16],
    steps: &[u32],
    bias: Option<&[i32]>,
    shift: i32,
) -> Vec<i32> {
    let one = |row: usize| {
        let mut sum = 0i128;
        let mut down = 0;
        for (col, &x) in q.iter().enumerate() {
            let (integer, exponent) = weight(matrix, bytes, row, col);
            sum += i128::from(integer * i64::from(x)) * i128::from(steps[col / GROUP]);
            down = exponent;
        }
        let rounded = scale_down_wide(sum, down + shift);
        let bias = bias.map_or(0, |b| i64::from(b[row]));
        saturate(i64::from(rounded) + bias)
    };
    (0..matrix.rows as usize).map(one).collect()
}

/// [`scale_down`] of a sum that may need more than 64 bits before its common power of two is out.
fn scale_down_wide(x: i128, n: i32) -> i32 {
    let common = x.trailing_zeros().min(62);
    match i64::try_from(x >> common) {
        Ok(x) => scale_down(x, n - common as i32),
        Err(_) => unreachable!("proved: without the row's power of two the sum fits 63 bits"),
    }
}
