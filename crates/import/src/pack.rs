//! Turns a tensor into the blob of a matrix, a block of rows at a time.
//!
//! For the translators, which stream it into the store. Groups of 32 with a scale and a minimum are
//! carried over as they are, up to 15 bits of each relative to the largest of its row; everything
//! else is rounded to 8 bits per value. Invariant: the bytes depend on the tensor alone, and no more
//! than eight of its rows are in memory.

use crate::Error;
use crate::quant::{Group, Kind, power_of_two};
use crate::round::{largest, nearest};
use crate::tensors::{Place, Tensors};
use std::io::{self, Read};
use terroir_tensor::program::{Format, GROUP, Matrix, ROW_BLOCK};

/// Largest magnitude of an integer scale or minimum.
const SCALE_MAX: f64 = i16::MAX as f64;
/// Largest magnitude of an 8-bit weight.
const WEIGHT_MAX: f64 = 127.0;

/// The storage that loses nothing, or least, for a tensor's type.
pub(crate) fn format_of(kind: Kind) -> Format {
    match kind {
        Kind::Q4_0 | Kind::Q4_1 | Kind::Q4K => Format::W4,
        Kind::F32
        | Kind::F16
        | Kind::Bf16
        | Kind::Q5_0
        | Kind::Q5_1
        | Kind::Q8_0
        | Kind::Q5K
        | Kind::Q6K => Format::W8,
    }
}

/// Reads as the blob of `matrix`; the digest in it is not looked at.
pub(crate) struct Packer<'a> {
    tensors: &'a Tensors,
    place: &'a Place,
    name: &'a str,
    matrix: Matrix,
    next_block: usize,
    exponents: Vec<u8>,
    ready: Vec<u8>,
    at: usize,
    /// Why reading stopped, when it did.
    pub(crate) failed: Option<Error>,
}

impl<'a> Packer<'a> {
    /// `matrix` must have the rows and columns of the tensor, and the format of its type.
    pub(crate) fn new(
        tensors: &'a Tensors,
        name: &'a str,
        place: &'a Place,
        matrix: Matrix,
    ) -> Packer<'a> {
        let shape = [u64::from(matrix.rows), u64::from(matrix.cols)];
        assert_eq!(place.shape, shape, "the matrix has the tensor's shape");
        assert_eq!(matrix.format, format_of(place.kind), "the matrix has the type's format");
        Packer {
            tensors,
            place,
            name,
            matrix,
            next_block: 0,
            exponents: Vec::new(),
            ready: Vec::new(),
            at: 0,
            failed: None,
        }
    }

    /// Makes the next block of rows ready, or after the last one the exponents, or nothing.
    fn advance(&mut self) -> Result<(), Error> {
        self.at = 0;
        self.ready.clear();
        if self.next_block == self.matrix.row_blocks() {
            std::mem::swap(&mut self.ready, &mut self.exponents);
            return Ok(());
        }
        let first = self.next_block * ROW_BLOCK;
        let count = ROW_BLOCK.min(self.matrix.rows as usize - first);
        let kind = self.place.kind;
        let row_bytes = self.place.bytes as usize / self.matrix.rows as usize;
        let mut bytes = vec![0; row_bytes * count];
        self.tensors.read(self.place, (first * row_bytes) as u64, &mut bytes)?;
        let block_bytes = self.matrix.format.block_bytes();
        self.ready.resize(self.matrix.groups() * block_bytes, 0);
        for lane in 0..ROW_BLOCK {
            let Some(row) = bytes.chunks_exact(row_bytes).nth(lane) else {
                self.exponents.push(0);
                continue;
            };
            let row = Row::read(kind, row);
            if let Some(at) = row.not_finite() {
                let (row, col) = (first + lane, at * GROUP);
                let what = format!("row {row}, columns from {col}: a value is not finite");
                return Err(Error::Tensor { name: self.name.into(), what });
            }
            let exponent = row.exponent();
            self.exponents.push(exponent as u8);
            for (at, block) in self.ready.chunks_exact_mut(block_bytes).enumerate() {
                let (scale, min, q) = row.integers(at, exponent);
                write_lane(block, lane, self.matrix.format, (scale, min), &q);
            }
        }
        self.next_block += 1;
        Ok(())
    }
}

impl Read for Packer<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.ready.len()
            && let Err(error) = self.advance()
        {
            self.failed = Some(error);
            return Err(io::Error::other("the tensor cannot be packed"));
        }
        let count = into.len().min(self.ready.len() - self.at);
        into[..count].copy_from_slice(&self.ready[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// One row on its way: integers ready, or values still to be rounded, 32 at a time.
enum Row {
    Exact(Vec<Group>),
    Loose(Vec<[f64; GROUP]>),
}

impl Row {
    fn read(kind: Kind, bytes: &[u8]) -> Row {
        let exact = match kind {
            Kind::Q4_0 | Kind::Q4_1 | Kind::Q4K | Kind::Q5_0 | Kind::Q8_0 => true,
            Kind::F32 | Kind::F16 | Kind::Bf16 | Kind::Q5_1 | Kind::Q5K | Kind::Q6K => false,
        };
        if exact {
            let parts = kind.block_len() / GROUP;
            let blocks = bytes.chunks_exact(kind.block_bytes());
            let groups: Vec<Group> = blocks
                .flat_map(|block| (0..parts).map(move |part| Group::read(kind, block, part)))
                .collect();
            // -128 is no weight of ours: a row that has it is rounded like any other values.
            if !groups.iter().any(|group| group.q.contains(&i8::MIN)) {
                return Row::Exact(groups);
            }
        }
        let mut values = vec![0.0; bytes.len() / kind.block_bytes() * kind.block_len()];
        kind.dequantise(bytes, &mut values);
        Row::Loose(values.as_chunks::<GROUP>().0.to_vec())
    }

    /// Scale and minimum that each group wants.
    fn factors(&self) -> Vec<(f64, f64)> {
        match self {
            Row::Exact(groups) => groups.iter().map(|group| (group.scale, group.min)).collect(),
            Row::Loose(groups) => groups.iter().map(|g| (largest(*g) / WEIGHT_MAX, 0.0)).collect(),
        }
    }

    /// The first group with a value that is no number.
    fn not_finite(&self) -> Option<usize> {
        match self {
            Row::Exact(groups) => {
                groups.iter().position(|group| !group.scale.is_finite() || !group.min.is_finite())
            }
            Row::Loose(groups) => {
                groups.iter().position(|group| group.iter().any(|value| !value.is_finite()))
            }
        }
    }

    /// The largest exponent with which every scale and minimum still fits its integer.
    fn exponent(&self) -> i32 {
        let factors = self.factors().into_iter();
        let largest = largest(factors.flat_map(|(scale, min)| [scale, min]));
        if largest == 0.0 {
            return 0;
        }
        let (_, above) = libm::frexp(largest);
        let exponent = (15 - above).min(i32::from(i8::MAX));
        let fits = largest * power_of_two(exponent) < SCALE_MAX + 0.5;
        exponent - i32::from(!fits)
    }

    /// Scale, minimum and weights of a group, in units of `2^-exponent`.
    fn integers(&self, at: usize, exponent: i32) -> (i16, i16, [i8; GROUP]) {
        let unit = power_of_two(exponent);
        match self {
            Row::Exact(groups) => {
                let Group { scale, min, q } = groups[at];
                (nearest(scale * unit) as i16, nearest(min * unit) as i16, q)
            }
            Row::Loose(groups) => {
                // A group far below its row's largest still gets the finest step there is.
                // Rounded up: a scale that is too small would cut the group's largest weights off.
                let scale = libm::ceil(largest(groups[at]) / WEIGHT_MAX * unit).clamp(1.0, 32767.0);
                let per_step = unit / scale;
                let weight = |value| nearest(f64::clamp(value * per_step, -WEIGHT_MAX, WEIGHT_MAX));
                (nearest(scale) as i16, 0, groups[at].map(|value| weight(value) as i8))
            }
        }
    }
}

/// Writes row `lane` of a block, as [`Format::block_bytes`] lays it out.
fn write_lane(
    block: &mut [u8],
    lane: usize,
    format: Format,
    (scale, min): (i16, i16),
    q: &[i8; GROUP],
) {
    let mut put = |at: usize, number: i16| {
        block[at..at + 2].copy_from_slice(&number.to_le_bytes());
    };
    match format {
        Format::W4 => {
            put(4 * lane, scale);
            put(4 * lane + 2, min);
            for k in 0..GROUP / 2 {
                let at = 4 * ROW_BLOCK + k / 4 * 32 + 4 * lane + k % 4;
                block[at] = q[k] as u8 | (q[k + GROUP / 2] as u8) << 4;
            }
        }
        Format::W8 => {
            put(2 * lane, scale);
            for (k, q) in q.iter().enumerate() {
                block[2 * ROW_BLOCK + k / 4 * 32 + 4 * lane + k % 4] = *q as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests;
