//! The fast forms of the operators, per instruction set.
//!
//! For the executor. A matrix kernel sums one block of 8 rows against a few quantised rows into
//! exact `i64`s; everything after the sum is shared. Row operators are written once and compiled
//! per instruction set. Invariant: for every instruction set the result equals [`crate::spec`].

use crate::fixed::{saturate, scale_down};
use crate::program::{Format, GROUP, Matrix, ROW_BLOCK};
use crate::{Isa, Row};

pub(crate) mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
mod per_isa;
mod portable;
pub(crate) mod rows;

/// Quantised rows, plane by plane: "lane" `l = token * planes + plane`, the high plane first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quantised {
    /// Values of a row.
    pub(crate) cols: usize,
    /// 1 or 2.
    pub(crate) planes: usize,
    /// `[lane][cols]` signed bytes.
    pub(crate) q: Vec<i8>,
    /// `[lane][group]` sums of the group's bytes.
    pub(crate) sums: Vec<i32>,
    /// `[lane][group]` steps over `2^low`; the planes of a token have the same.
    pub(crate) factors: Vec<i32>,
    /// `[token]` power of two that all steps of the row share.
    pub(crate) low: Vec<i32>,
}

impl Quantised {
    pub(crate) fn groups(&self) -> usize {
        self.cols / GROUP
    }

    /// Keeps the rows of these tokens, in this order; the order must be increasing.
    pub(crate) fn keep(&mut self, tokens: &[usize]) {
        fn shrink<T: Copy>(values: &mut Vec<T>, width: usize, tokens: &[usize]) {
            for (to, &from) in tokens.iter().enumerate() {
                values.copy_within(from * width..(from + 1) * width, to * width);
            }
            values.truncate(tokens.len() * width);
        }
        let groups = self.groups();
        shrink(&mut self.q, self.planes * self.cols, tokens);
        shrink(&mut self.sums, self.planes * groups, tokens);
        shrink(&mut self.factors, self.planes * groups, tokens);
        shrink(&mut self.low, 1, tokens);
    }

    /// The row of one token as the specification has it.
    pub(crate) fn row(&self, token: usize) -> Row {
        let lane = |p: usize| &self.q[(token * self.planes + p) * self.cols..][..self.cols];
        let q = match self.planes {
            1 => lane(0).iter().map(|&q| i16::from(q)).collect(),
            _ => {
                let both = lane(0).iter().zip(lane(1));
                both.map(|(&high, &low)| i16::from(high) * 128 + i16::from(low)).collect()
            }
        };
        let factors = &self.factors[token * self.planes * self.groups()..][..self.groups()];
        let step = |f: &i32| (*f as u32) << self.low[token];
        Row::Quantised { q, steps: factors.iter().map(step).collect() }
    }

    /// Makes room for `tokens` rows; contents are unspecified.
    pub(crate) fn resize(&mut self, tokens: usize, cols: usize, planes: usize) {
        (self.cols, self.planes) = (cols, planes);
        self.q.resize(tokens * planes * cols, 0);
        self.sums.resize(tokens * planes * cols / GROUP, 0);
        self.factors.resize(tokens * planes * cols / GROUP, 0);
        self.low.resize(tokens, 0);
    }
}

/// A matrix as the kernels read it.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub(crate) format: Format,
    pub(crate) rows: usize,
    pub(crate) groups: usize,
    pub(crate) blocks: &'a [u8],
    pub(crate) exponents: &'a [u8],
}

impl<'a> Weights<'a> {
    /// The matrix in `bytes`, its blob.
    pub(crate) fn new(matrix: &Matrix, bytes: &'a [u8]) -> Weights<'a> {
        let body = matrix.row_blocks() * matrix.groups() * matrix.format.block_bytes();
        let (blocks, exponents) = bytes.split_at(body);
        let (rows, groups) = (matrix.rows as usize, matrix.groups());
        Weights { format: matrix.format, rows, groups, blocks, exponents }
    }

    /// The bytes of one block of 8 rows, all groups.
    fn block(&self, index: usize) -> &'a [u8] {
        let length = self.groups * self.format.block_bytes();
        &self.blocks[index * length..(index + 1) * length]
    }
}

/// Where results go: a slice per token, for the rows of the blocks that are asked for.
pub(crate) type Out<'a, 'o> = &'a mut [&'o mut [i32]];

/// `weights * x` for some blocks of 8 rows and some tokens, rounded, saturated, plus the bias.
///
/// `shift` is `frac(x) - frac(result)`.
pub(crate) fn linear(
    isa: Isa,
    weights: &Weights<'_>,
    x: &Quantised,
    ranges: [std::ops::Range<usize>; 2],
    epilogue: Epilogue<'_>,
    out: Out<'_, '_>,
) {
    let [blocks, tokens] = ranges;
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => {
            avx2::linear(isa == Isa::Avx512, weights, x, blocks, tokens, epilogue, out);
        }
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => by_blocks(neon::sums, weights, x, blocks, tokens, epilogue, out),
        _ => by_blocks(portable::sums, weights, x, blocks, tokens, epilogue, out),
    }
}

/// What follows a sum: a rounding shift by `exponent(row) + shift - low(token)`, then the bias.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a> {
    pub(crate) shift: i32,
    pub(crate) bias: Option<&'a [i32]>,
}

/// Sums of 8 rows against one lane.
pub(crate) type Sums = [i64; ROW_BLOCK];

/// Runs a kernel that sums one block against one lane.
fn by_blocks(
    sums: impl Fn(Format, &[u8], &[i8], &[i32], &[i32]) -> Sums,
    weights: &Weights<'_>,
    x: &Quantised,
    blocks: std::ops::Range<usize>,
    tokens: std::ops::Range<usize>,
    epilogue: Epilogue<'_>,
    out: Out<'_, '_>,
) {
    let (cols, groups) = (x.cols, x.groups());
    for block in blocks.clone() {
        let bytes = weights.block(block);
        for token in tokens.clone() {
            let lane = |plane: usize| {
                let lane = token * x.planes + plane;
                let (q, s, f) = (
                    &x.q[lane * cols..][..cols],
                    &x.sums[lane * groups..][..groups],
                    &x.factors[lane * groups..][..groups],
                );
                sums(weights.format, bytes, q, s, f)
            };
            let mut total = lane(0);
            if x.planes == 2 {
                let low = lane(1);
                total = std::array::from_fn(|r| (total[r] << 7) + low[r]);
            }
            let out = &mut out[token - tokens.start][(block - blocks.start) * ROW_BLOCK..];
            finish(weights, block, &total, epilogue, x.low[token], out);
        }
    }
}

/// Rounds the sums of one block into `out`, as many rows as the matrix has.
fn finish(
    weights: &Weights<'_>,
    block: usize,
    sums: &Sums,
    epilogue: Epilogue<'_>,
    low: i32,
    out: &mut [i32],
) {
    let first = block * ROW_BLOCK;
    let rows = ROW_BLOCK.min(weights.rows - first);
    for lane in 0..rows {
        let exponent = i32::from(weights.exponents[first + lane] as i8);
        let rounded = scale_down(sums[lane], exponent + epilogue.shift - low);
        out[lane] = match epilogue.bias {
            Some(bias) => saturate(i64::from(rounded) + i64::from(bias[first + lane])),
            None => rounded,
        };
    }
}

#[cfg(test)]
mod tests;
