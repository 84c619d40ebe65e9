//! Packed matrices against the exact values of the tensors, read back by the specification.

use super::*;
use crate::data::Data;
use std::collections::BTreeMap;
use terroir_base::Digest;
use terroir_tensor::spec;

/// A tensor of `kind` with these bytes, its blob, and its exact values.
fn packed(kind: Kind, bytes: Vec<u8>, rows: u32, cols: u32) -> (Matrix, Vec<u8>, Vec<f64>) {
    let place = Place {
        file: 0,
        kind,
        shape: vec![rows.into(), cols.into()],
        offset: 0,
        bytes: bytes.len() as u64,
    };
    let mut values = vec![0.0; (rows * cols) as usize];
    kind.dequantise(&bytes, &mut values);
    let tensors =
        Tensors { files: vec![Box::new(bytes) as Box<dyn Data>], places: BTreeMap::new() };
    let matrix = Matrix { digest: Digest([0; 32]), rows, cols, format: format_of(kind) };
    let mut blob = Vec::new();
    Packer::new(&tensors, "t", &place, matrix).read_to_end(&mut blob).unwrap();
    assert_eq!(blob.len() as u64, matrix.blob_bytes());
    (matrix, blob, values)
}

fn value(matrix: &Matrix, blob: &[u8], row: usize, col: usize) -> f64 {
    let (integer, exponent) = spec::weight(matrix, blob, row, col);
    integer as f64 * power_of_two(-exponent)
}

/// Largest difference from the exact values, in units of the row's largest magnitude.
fn worst(matrix: &Matrix, blob: &[u8], values: &[f64]) -> f64 {
    let rows = values.chunks_exact(matrix.cols as usize).enumerate();
    let worst = rows.map(|(row, values)| {
        let largest = values.iter().fold(0.0, |l: f64, v| l.max(v.abs()));
        let off = |(col, v): (usize, &f64)| (value(matrix, blob, row, col) - v).abs() / largest;
        values.iter().enumerate().map(off).fold(0.0, f64::max)
    });
    worst.fold(0.0, f64::max)
}

macro_rules! golden {
    ($kind:expr, $name:literal) => {
        ($kind, &include_bytes!(concat!("../../tests/golden/quant/", $name, ".blocks"))[..])
    };
}

#[test]
fn groups_are_carried_over_and_the_rest_is_rounded() {
    let cases = [
        (golden!(Kind::Q4_0, "Q4_0"), 3e-4),
        (golden!(Kind::Q4_1, "Q4_1"), 3e-4),
        (golden!(Kind::Q4K, "Q4_K"), 3e-4),
        (golden!(Kind::Q5_0, "Q5_0"), 3e-5),
        (golden!(Kind::Q5_1, "Q5_1"), 0.004),
        (golden!(Kind::Q5K, "Q5_K"), 0.004),
        (golden!(Kind::Q6K, "Q6_K"), 0.004),
        (golden!(Kind::F16, "F16"), 0.004),
        (golden!(Kind::Bf16, "BF16"), 0.004),
        (golden!(Kind::F32, "F32"), 0.004),
    ];
    for ((kind, blocks), bound) in cases {
        let cols = 32.max(kind.block_len());
        let rows = blocks.len() / (kind.block_bytes() * cols / kind.block_len());
        let (matrix, blob, values) = packed(kind, blocks.to_vec(), rows as u32, cols as u32);
        let worst = worst(&matrix, &blob, &values);
        assert!(worst <= bound, "{kind}: off by {worst} of a row's largest value");
    }
}

/// One Q8_0 block: a binary16 scale and 32 integers.
fn q8(scale: u16, q: impl Fn(usize) -> i8) -> Vec<u8> {
    scale.to_le_bytes().into_iter().chain((0..32).map(|k| q(k) as u8)).collect()
}

#[test]
fn bytes_of_q8_0_come_back_exactly() {
    let row: Vec<u8> = [q8(0x2e66, |k| k as i8 * 7 - 100), q8(0x2c01, |k| 127 - k as i8)].concat();
    let (matrix, blob, values) = packed(Kind::Q8_0, row.repeat(3), 3, 64);
    for (at, want) in values.iter().enumerate() {
        assert_eq!(value(&matrix, &blob, at / 64, at % 64), *want, "value {at}");
    }
}

#[test]
fn a_row_with_minus_128_is_rounded() {
    let (matrix, blob, values) = packed(Kind::Q8_0, q8(0x3c00, |k| i8::MIN + k as i8), 1, 32);
    assert!(blob[16..16 + 256].iter().all(|byte| *byte != 0x80), "-128 is no weight");
    assert!(worst(&matrix, &blob, &values) < 0.004);
}

#[test]
fn small_groups_beside_large_ones_keep_their_largest_values() {
    let row: Vec<u8> = (0..64i32)
        .map(|k| if k < 32 { 1000.0 } else { 0.5 * (k - 40) as f32 })
        .flat_map(f32::to_le_bytes)
        .collect();
    let (matrix, blob, values) = packed(Kind::F32, row, 1, 64);
    for (col, want) in values.iter().enumerate().skip(32) {
        assert!((value(&matrix, &blob, 0, col) - want).abs() < 0.13, "column {col}");
    }
}

#[test]
fn empty_rows_and_padding_are_zero() {
    let (matrix, blob, _) = packed(Kind::F32, vec![0; 9 * 32 * 4], 9, 32);
    assert!((0..9).all(|row| value(&matrix, &blob, row, 5) == 0.0));
    assert!(blob[blob.len() - 16..].iter().all(|exponent| *exponent == 0));
}

#[test]
fn values_that_are_not_finite_are_named() {
    let mut bytes: Vec<u8> = vec![0; 3 * 64 * 4];
    bytes[(2 * 64 + 40) * 4..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let place =
        Place { file: 0, kind: Kind::F32, shape: vec![3, 64], offset: 0, bytes: 3 * 64 * 4 };
    let tensors =
        Tensors { files: vec![Box::new(bytes) as Box<dyn Data>], places: BTreeMap::new() };
    let matrix = Matrix { digest: Digest([0; 32]), rows: 3, cols: 64, format: Format::W8 };
    let mut packer = Packer::new(&tensors, "blk.0.attn_q.weight", &place, matrix);
    packer.read_to_end(&mut Vec::new()).unwrap_err();
    let error = packer.failed.unwrap().to_string();
    assert_eq!(error, "tensor blk.0.attn_q.weight: row 2, columns from 32: a value is not finite");
}
