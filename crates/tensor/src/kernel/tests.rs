use super::rows::quantise;
use super::*;
use crate::laws::Seeded;
use crate::program::Planes;
use terroir_base::Digest;

/// A matrix blob in which extremes are as frequent as usual numbers.
fn blob(seeded: &mut Seeded, matrix: &Matrix) -> Vec<u8> {
    let heads = matrix.format.block_bytes() - if matrix.format == Format::W4 { 128 } else { 256 };
    let mut bytes = Vec::new();
    for _ in 0..matrix.row_blocks() * matrix.groups() {
        for _ in 0..heads / 2 {
            let extreme = [i16::MAX, -i16::MAX, 0, 1][seeded.below(4) as usize];
            let usual = (seeded.bits() as i16).max(-i16::MAX);
            let half = if seeded.below(2) == 0 { extreme } else { usual };
            bytes.extend(half.to_le_bytes());
        }
        for _ in heads..matrix.format.block_bytes() {
            let extreme = [127, -127i8, 0, -1][seeded.below(4) as usize];
            let usual = (seeded.bits() as i8).max(-127);
            bytes.push(if seeded.below(2) == 0 { extreme } else { usual } as u8);
        }
    }
    let exponents = (0..matrix.row_blocks() * ROW_BLOCK).map(|_| 20 + seeded.below(40) as u8);
    bytes.extend(exponents);
    bytes
}

/// Rows of small, large and extreme numbers.
fn quantised(seeded: &mut Seeded, tokens: usize, cols: usize, planes: Planes) -> Quantised {
    let mut x = Quantised::default();
    x.resize(tokens, cols, planes.count());
    for mut row in x.rows_mut() {
        let keep = seeded.below(31);
        let extreme = seeded.below(3) == 0;
        let number = |_| match (extreme, seeded.bits() as i32) {
            (true, bits) => {
                if bits < 0 {
                    -i32::MAX
                } else {
                    i32::MAX
                }
            }
            (false, bits) => bits.max(-i32::MAX) >> keep,
        };
        let numbers: Vec<i32> = (0..cols).map(number).collect();
        quantise(Isa::Portable, &numbers, planes, &mut row);
    }
    x
}

/// The rows `8 * blocks.start ..` of the product, by a kernel.
fn product(
    isa: Isa,
    weights: &Weights<'_>,
    x: &Quantised,
    [blocks, tokens]: [std::ops::Range<usize>; 2],
    epilogue: Epilogue<'_>,
) -> Vec<Vec<i32>> {
    let rows = weights.rows.min(blocks.end * ROW_BLOCK) - blocks.start * ROW_BLOCK;
    let mut out = vec![vec![0; rows]; tokens.len()];
    let mut slices: Vec<&mut [i32]> = out.iter_mut().map(|row| &mut row[..]).collect();
    linear(isa, weights, x, [blocks, tokens], epilogue, &mut slices);
    out
}

#[test]
fn matrix_products_equal_the_specification_for_every_number_of_lanes() {
    let mut seeded = Seeded::new(11);
    for case in 0..240usize {
        let format = [Format::W4, Format::W8][case % 2];
        let planes = [Planes::One, Planes::Two][case / 2 % 2];
        let tokens = [1, 2, 3, 4, 5, 8, 9, 19][case / 4 % 8];
        let (rows, cols) = ([8, 13, 16, 33][case / 32 % 4], [32, 96, 192][case / 64 % 3]);
        let matrix = Matrix { digest: Digest([0; 32]), rows, cols, format };
        let bytes = blob(&mut seeded, &matrix);
        let weights = Weights::new(&matrix, &bytes);
        let x = quantised(&mut seeded, tokens, cols as usize, planes);
        let bias: Vec<i32> = (0..rows).map(|_| seeded.bits() as i32 >> 8).collect();
        let bias = (case % 3 == 0).then_some(&bias[..]);
        let epilogue = Epilogue { shift: seeded.below(12) as i32 - 6, bias };
        let want: Vec<Vec<i32>> = (0..tokens)
            .map(|token| {
                let Row::Quantised { q, steps } = x.row(token) else { panic!("quantised") };
                crate::spec::matrix::linear(&matrix, &bytes, &q, &steps, bias, epilogue.shift)
            })
            .collect();
        let whole = [0..matrix.row_blocks(), 0..tokens];
        let part = [matrix.row_blocks() - 1..matrix.row_blocks(), tokens / 2..tokens];
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            let got = product(isa, &weights, &x, whole.clone(), epilogue);
            assert!(got == want, "{isa} {format:?} {planes:?} {tokens} tokens {rows} x {cols}");
            let got = product(isa, &weights, &x, part.clone(), epilogue);
            let rest = want[tokens / 2..].iter().map(|row| &row[part[0].start * ROW_BLOCK..]);
            assert!(got.iter().eq(rest), "{isa} {format:?} {planes:?}, a part");
        }
    }
}
