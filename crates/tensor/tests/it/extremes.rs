//! Kernels at the ends of what the loader allows: largest magnitudes, worst signs, widest shifts.
//!
//! Each test asserts first that the end was reached.

use crate::maker::*;
use terroir_tensor::program::*;
use terroir_tensor::{Program, Row};

/// What a pattern does to the sign at a column.
const PATTERNS: usize = 4;

fn sign(pattern: usize, col: usize) -> i32 {
    let minus = match pattern % PATTERNS {
        0 => false,
        1 => true,
        2 => col % 2 == 1,
        _ => col / GROUP % 2 == 1,
    };
    if minus { -1 } else { 1 }
}

/// A group whose signs follow a pattern.
fn signed(scale: i16, size: i8, pattern: usize, group: usize) -> Cell {
    let q = std::array::from_fn(|k| size * sign(pattern, group * GROUP + k) as i8);
    Cell { scale, min: 0, q }
}

/// Rows of the largest quantised values: `limit` times the largest step, in every pattern of signs,
/// then with both planes at their ends, then with most groups as small as can be.
///
/// A group's scale times size is `15 * q` for the `q` that it quantises to.
fn widest(maker: &mut Maker, cols: u32, planes: Planes) -> Value {
    let (shift, ends) = match planes {
        Planes::One => (20, [(15, 127), (15, 127), (15, 126)]),
        // 127 * 128; 127 * 128 - 64, whose low plane is -64; 126 * 128 + 63, whose low plane is 63.
        Planes::Two => (13, [(1920, 127), (2024, 120), (2313, 105)]),
    };
    let cell = |token: usize, group: usize| {
        let small = token >= PATTERNS + ends.len() && !group.is_multiple_of(3);
        let (scale, size) = match (token.checked_sub(PATTERNS), small) {
            (_, true) => (1, [0, token as i8 - 7, 31][group % 3]),
            (None, _) => ends[0],
            (Some(which), _) => ends[which % ends.len()],
        };
        signed(scale, size, token, group)
    };
    let table = maker.matrix((10, cols), Format::W8, |_| -shift, cell);
    maker.push(Op::Embed { table, scale_q16: 65536, frac: 0 })
}

/// Weights of the largest magnitude, a pattern of signs every row, under exponents of all sizes.
fn heaviest(maker: &mut Maker, cols: u32, format: Format) -> Matrix {
    const EXPONENTS: [i8; 10] = [127, 60, 41, 40, 39, 38, 37, 30, 0, -128];
    let cell = |row: usize, group: usize| match format {
        Format::W8 => {
            let scale = if row.is_multiple_of(2) { i16::MAX } else { -i16::MAX };
            signed(scale, 127, row, group)
        }
        Format::W4 => {
            // 16 times the limit with one sign; or, column by column, 14 times it and -1 times.
            let alternate: [i8; GROUP] =
                std::array::from_fn(|k| if sign(row, group * GROUP + k) > 0 { 15 } else { 0 });
            let (min, q) = match row % PATTERNS {
                0 | 1 => (i16::MAX, [15; GROUP]),
                _ => (-i16::MAX, alternate),
            };
            let turn = if sign(row, group * GROUP) > 0 { 1 } else { -1 };
            Cell { scale: i16::MAX * turn, min: min * turn, q }
        }
    };
    let rows = EXPONENTS.len() * PATTERNS + 3;
    maker.matrix((rows as u32, cols), format, |row| EXPONENTS[row / PATTERNS % 10], cell)
}

/// Products of the widest values and the heaviest weights, without and with a bias.
pub fn sums(format: Format, planes: Planes, cols: u32) -> (Program, Blobs) {
    let mut maker = Maker::default();
    let x = widest(&mut maker, cols, planes);
    let quantised = maker.push(Op::Quantise { x, planes });
    let weight = heaviest(&mut maker, cols, format);
    let ends: Vec<i32> =
        (0..weight.rows).map(|r| if r % 3 > 0 { MOST } else { i32::MIN }).collect();
    let bias = maker.vector(&ends);
    for (bias, frac) in [(None, 0), (Some(bias), 0), (None, 24)] {
        maker.push(Op::Linear { x: quantised, weight, bias, frac });
    }
    maker.finish(x, cols, 16)
}

#[test]
fn sums_reach_their_bound_in_every_format() {
    let cases = [
        (Format::W4, Planes::One, 1 << 16),
        (Format::W4, Planes::Two, 1 << 16),
        (Format::W8, Planes::One, 1 << 16),
        (Format::W8, Planes::Two, 33_280),
    ];
    for (format, planes, cols) in cases {
        let (program, blobs) = sums(format, planes, cols);
        let rows = agree(&program, &blobs, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &[10, 1, 3, 5]);
        for (token, limit) in [(0, planes.limit()), (1, -planes.limit())] {
            let Row::Quantised { q, steps } = &rows[token][1] else { panic!("quantised") };
            assert!(q.iter().all(|&q| i32::from(q) == limit), "{planes:?}");
            let power = steps[0] & steps[0].wrapping_neg();
            assert!(steps.iter().all(|&d| d / power == 15), "{planes:?}: {}", steps[0]);
        }
        let Row::Quantised { steps, .. } = &rows[7][1] else { panic!("quantised") };
        let (least, most) = (steps.iter().min().unwrap(), steps.iter().max().unwrap());
        assert_eq!((most / least, most % least), (15 << 8, 0), "the factors span 12 bits");
        // Rows that neither saturate nor vanish are those that show the sum.
        let sums = rows.iter().flat_map(|rows| numbers(&rows[2]));
        let telling = sums.filter(|y| (1 << 24..MOST).contains(&y.abs())).count();
        assert!(telling >= 20, "{format:?} {planes:?}: {telling}");
    }
}

/// A program of one embed operator with fixed-point rows, then `ops`.
fn on_rows(
    (width, frac): (u32, u8),
    exponents: &[i8],
    cell: impl Fn(usize, usize) -> Cell,
    ops: impl Fn(&mut Maker, Value),
) -> (Program, Blobs) {
    let mut maker = Maker::default();
    let shape = (exponents.len() as u32, width);
    let table = maker.matrix(shape, Format::W8, |row| exponents[row], cell);
    let x = maker.push(Op::Embed { table, scale_q16: 65536, frac });
    ops(&mut maker, x);
    maker.finish(x, width, 16)
}

/// Norms of nine rows, with every gain, epsilon and shift at its ends.
pub fn norms(width: u32) -> (Program, Blobs) {
    // All of the largest magnitude; 24 bits, where nothing is dropped; ones; nothing; one alone;
    // large ones of many sizes.
    let cell = |token: usize, group: usize| match token {
        0..4 => signed(i16::MAX, 127, token, group),
        4 => signed(1 << 14, 127, 2, group),
        5 => signed(1, 1, 2, group),
        6 => signed(0, 0, 0, group),
        7 => signed(i16::from(group == 0), 1, 0, group),
        _ => Cell { scale: 32749, min: 0, q: std::array::from_fn(|k| 7 * k as i8 - 111) },
    };
    let exponents = [-10, -10, -10, -10, -3, 0, 0, 0, -8];
    on_rows((width, 0), &exponents, cell, |maker, x| {
        let ends: Vec<i32> = (0..width).map(|i| sign(2, i as usize) * MOST).collect();
        let ends = maker.vector(&ends);
        let one = maker.vector(&[MOST]);
        for (gain_frac, frac) in [(0, 0), (0, 22), (24, 0), (24, 24)] {
            for epsilon in [0, 1, (1 << 48) - 1] {
                for (gain, width) in [(ends, width), (one, 1)] {
                    maker.push(Op::RmsNorm { x, gain, gain_frac, width, epsilon, frac });
                }
            }
        }
    })
}

#[test]
fn norms_reach_their_bounds() {
    for width in [32, NORM_WIDTH_MAX as u32] {
        let (program, blobs) = norms(width);
        let rows = agree(&program, &blobs, &[0, 1, 2, 3, 4, 5, 6, 7, 8], &[9, 1]);
        assert!(numbers(&rows[0][0]).iter().all(|&x| x == MOST));
        assert!(numbers(&rows[6][0]).iter().all(|&x| x == 0));
        let largest = numbers(&rows[7][1 + 3 * 2 * 3])[0];
        assert_eq!(largest, MOST, "a gain of 127 at 24 fraction bits");
    }
}

/// Turns of five rows by what the loader takes for angles.
pub fn turns(pairing: Pairing) -> (Program, Blobs) {
    // Not angles at all, but what the loader allows: products of length 2, or of two ones.
    let ends = |row: u32, pair: u32| {
        let bits = if row < 256 { pair } else { pair >> 2 };
        let end = |which: u32| if bits >> which & 1 == 0 { 1 << 30 } else { -(1 << 30) };
        [end(0), if row >= 256 && pair == 1 { 0 } else { end(1) }]
    };
    let cell = |token: usize, group: usize| signed(i16::MAX, 127, token, group);
    on_rows((128, 24), &[-20, -20, -20, -20, 16], cell, |maker, x| {
        let table = maker.angles(16, 16, ends);
        maker.push(Op::Rope { x, table, head_dim: 32, pairing });
        let table = maker.angles(16, 16, |_, _| [1 << 30, 0]);
        maker.push(Op::Rope { x, table, head_dim: 64, pairing });
    })
}

#[test]
fn turns_of_the_largest_numbers_do_not_overflow() {
    for pairing in [Pairing::Adjacent, Pairing::Half] {
        let (program, blobs) = turns(pairing);
        let rows = agree(&program, &blobs, &[0, 1, 2, 3, 4], &[5, 1]);
        let turned = numbers(&rows[0][1]);
        assert!(turned.contains(&MOST) && turned.contains(&-MOST) && turned.contains(&0));
        assert_eq!(rows[2][2], rows[2][0], "an angle of zero");
    }
}

/// Gates of rows of every magnitude, at the fraction bits `frac`, to every shift.
pub fn gates(frac: u8) -> (Program, Blobs) {
    let exponents: [i8; 16] = std::array::from_fn(|token| token as i8 * 2 - 20);
    let cell = |token: usize, group: usize| {
        let q = std::array::from_fn(|k| (k as i32 * 8 - 124) as i8 ^ (token as i8 & 3));
        Cell { scale: if group == 0 { 1 } else { i16::MAX }, min: 0, q }
    };
    on_rows((64, frac), &exponents, cell, |maker, x| {
        let gain = maker.vector(&[1 << 20; 64]);
        let (gain_frac, width, epsilon, up_frac) = (0, 64, 0, 5);
        let other = maker.push(Op::RmsNorm { x, gain, gain_frac, width, epsilon, frac: up_frac });
        maker.push(Op::Gate { gate: x, up: other, activation: Activation::Silu, frac: up_frac });
        let up = maker.push(Op::Add { a: x, b: x });
        for to in [0, frac, (2 * frac).min(FRAC_MAX)] {
            maker.push(Op::Gate { gate: x, up, activation: Activation::Silu, frac: to });
            if frac >= 8 {
                maker.push(Op::Gate { gate: x, up, activation: Activation::GeluTanh, frac: to });
            }
        }
    })
}

#[test]
fn gates_take_every_magnitude() {
    for frac in [0, 1, 8, 13, 24] {
        let (program, blobs) = gates(frac);
        let tokens: Vec<u32> = (0..16).collect();
        let rows = agree(&program, &blobs, &tokens, &[16]);
        let gated = || rows.iter().flat_map(|rows| numbers(&rows[6]));
        assert!(gated().any(|&y| y == MOST) && gated().any(|&y| y != 0 && y.abs() < 1 << 16));
    }
}

/// Rows of a table of nine tokens under every exponent.
pub fn tables(format: Format, scale_q16: u32, frac: u8) -> (Program, Blobs) {
    let exponents = [-128, -20, -1, 0, 7, 17, 33, 60, 127];
    let cell = |token: usize, group: usize| {
        let scale = [i16::MAX, 1, -3][group];
        match format {
            Format::W4 => Cell { scale, min: -i16::MAX, q: [[0, 15, 15][group]; GROUP] },
            Format::W8 => signed(scale, 127, token, group),
        }
    };
    let mut maker = Maker::default();
    let table = maker.matrix((9, 96), format, |row| exponents[row], cell);
    let x = maker.push(Op::Embed { table, scale_q16, frac });
    maker.push(Op::Add { a: x, b: x });
    maker.finish(x, 96, 16)
}

#[test]
fn tables_of_tokens_reach_every_shift() {
    for (scale_q16, frac) in [(1, 0), (1, 24), (65536, 16), (MOST as u32, 0), (MOST as u32, 24)] {
        for format in [Format::W4, Format::W8] {
            let (program, blobs) = tables(format, scale_q16, frac);
            let rows = agree(&program, &blobs, &[0, 1, 2, 3, 4, 5, 6, 7, 8], &[9]);
            assert_eq!(numbers(&rows[0][1])[0].abs(), MOST, "a sum of the largest saturates");
        }
    }
}
