//! Attention over heads of every width, scores of every shift and sums of every size.
//!
//! Queries, keys and values are written down number by number: a token's row of the table holds
//! them side by side, and three matrices of ones pick them out exactly.

use crate::maker::*;
use proptest::prelude::*;
use terroir_tensor::laws::Seeded;
use terroir_tensor::program::*;
use terroir_tensor::{Program, Row};

/// What is asked of one attention operator.
#[derive(Clone, Copy, Debug)]
struct Shape {
    heads: u32,
    kv_heads: u32,
    dim: u32,
    /// Fraction bits of queries, keys, values; powers of two by which the numbers are magnified.
    fracs: [u8; 3],
    magnify: [i8; 3],
    scale_q30: u32,
    window: u32,
}

impl Shape {
    /// Widths of queries, keys and values.
    fn widths(&self) -> [u32; 3] {
        [self.heads, self.kv_heads, self.kv_heads].map(|n| n * self.dim)
    }
}

/// A program whose attention reads, for every token, a row of `rows`: queries, keys, values, each
/// number below 127 times the scale of its group of 32.
fn program(
    shape: Shape,
    tokens: usize,
    number: impl Fn(usize, usize) -> (i16, i8),
) -> (Program, Blobs) {
    let mut maker = Maker::default();
    let widths = shape.widths();
    let cols = widths.iter().sum::<u32>().next_multiple_of(32);
    let cell = |token: usize, group: usize| {
        let at = |k: usize| number(token, group * GROUP + k);
        Cell { scale: at(0).0, min: 0, q: std::array::from_fn(|k| at(k).1) }
    };
    let table = maker.matrix((tokens as u32, cols), Format::W8, |_| 0, cell);
    let x = maker.push(Op::Embed { table, scale_q16: 65536, frac: 0 });
    let x = maker.push(Op::Quantise { x, planes: Planes::Two });
    let mut first = 0;
    let mut picked = [0; 3];
    for which in 0..3 {
        let one = |row: usize, group: usize| {
            let mut q = [0; GROUP];
            let col = row + first;
            q[col % GROUP] = i8::from(col / GROUP == group);
            Cell { scale: 1, min: 0, q }
        };
        let frac = shape.fracs[which];
        let exponent = frac as i8 - shape.magnify[which];
        let weight = maker.matrix((widths[which], cols), Format::W4, |_| exponent, one);
        picked[which] = maker.push(Op::Linear { x, weight, bias: None, frac });
        first += widths[which] as usize;
    }
    let [q, k, v] = picked;
    let Shape { heads, kv_heads, dim: head_dim, scale_q30, window, .. } = shape;
    maker.push(Op::Attention { q, k, v, heads, kv_heads, head_dim, scale_q30, window });
    maker.finish(0, cols, 300)
}

/// The row of the attention operator at the last position.
fn last(rows: &[Vec<Row>]) -> &[i32] {
    let at = rows.last().unwrap();
    numbers(&at[5])
}

/// One head of `dim` values, at these fraction bits and magnifications.
fn one_head(dim: u32, fracs: [u8; 3], magnify: [i8; 3], scale_q30: u32) -> Shape {
    Shape { heads: 1, kv_heads: 1, dim, fracs, magnify, scale_q30, window: 0 }
}

/// Equal scores, so that every weight is 2^14; values of 4095, their signs by token.
fn equal_weights(dim: u32) -> (Program, Blobs) {
    let values = 2 * dim as usize;
    program(one_head(dim, [12; 3], [0; 3], 1 << 30), 2, |token, at| match at {
        at if at < values => (127, 1),
        at => (4095, if at % 2 == token { 1 } else { -1 }),
    })
}

#[test]
fn many_keys_of_the_largest_values_pass_32_bits_and_then_64() {
    // 33 weights of 2^14 times 4095 pass 2^31; times the inverse of their sum, 128 pass 2^63.
    for dim in [64, 128, 256] {
        let (program, blobs) = equal_weights(dim);
        let rows = agree(&program, &blobs, &[0; 128], &[128, 40]);
        assert!(last(&rows).iter().all(|y| y.abs() == 4095), "the mean of equal values");
        let rows = agree(&program, &blobs, &[[0; 34], [1; 34]].concat(), &[68, 9]);
        assert!(last(&rows).iter().all(|&y| y == 0), "as many of one sign as of the other");
    }
}

/// Token 1 scores one more than token 0, but its values are so small that its weight halves: every
/// token 0 has the largest weight, 32767, and the largest values, 4095 under exponent 1.
fn largest_weights(dim: u32) -> (Program, Blobs) {
    let dim = dim as usize;
    let number = |token: usize, at: usize| match (at / dim, at % dim, token) {
        (0, 0, _) => (4095, 1),
        (1, 0, token) => (1, 126 + token as i8),
        (0, i, _) if i < GROUP => (4095, 0),
        (2, i, 0) => (8190, if i % 2 == 0 { 1 } else { -1 }),
        (1, ..) => (1, 0),
        _ => (1, i8::from(at == 2 * dim)),
    };
    program(one_head(dim as u32, [14; 3], [0, 0, 10], 1 << 30), 2, number)
}

#[test]
fn weights_of_15_bits_times_12_bits_fill_32_bits() {
    for dim in [64, 128, 256] {
        let (program, blobs) = largest_weights(dim);
        let rows = agree(&program, &blobs, &[&[0; 40][..], &[1]].concat(), &[41, 1]);
        // The last token's own weight is as large as theirs, and takes its share.
        let share = 8190 * 1024 / 41 * 40;
        assert!(last(&rows)[1..].iter().all(|y| y.abs().abs_diff(share) < 4096));
    }
}

/// Rows of the largest numbers, of the smallest, and of nothing.
fn shifts(dim: u32, frac: u8, magnify: i8) -> (Program, Blobs) {
    let shape = one_head(dim, [frac; 3], [magnify; 3], MOST as u32);
    program(shape, 4, |token, at| match token {
        0 => (16256, 1),
        1 => (16256, -1),
        2 => (1, i8::from(at % 3 == 0)),
        _ => (0, 0),
    })
}

#[test]
fn scores_shift_both_ways_and_saturate() {
    for dim in [64, 128, 256] {
        for (frac, magnify) in [(0, 0), (0, 16), (24, 0), (24, 17), (8, 0)] {
            let (program, blobs) = shifts(dim, frac, magnify);
            agree(&program, &blobs, &mixed(), &[24, 1]);
        }
    }
}

/// Keys of one number each.
const KEYS: [i8; 7] = [-127, -100, 70, 100, 127, 64, -20];

/// One query of one number, the same for every token.
fn one_query(shape: Shape, query: i16) -> (Program, Blobs) {
    let dim = shape.dim as usize;
    program(shape, KEYS.len(), |token, at| match (at / dim, at % dim) {
        (0, i) => (query, i8::from(i == 0)),
        (1, i) => (1, if i == 0 { KEYS[token] } else { 0 }),
        (_, i) => (30, ((7 * token + i) % 100) as i8),
    })
}

/// Scores of `4095 * 2^12` times the key, on both sides of what they are limited to.
fn limits(dim: u32) -> (Program, Blobs) {
    one_query(one_head(dim, [2; 3], [0, 0, 9], 1 << 30), 4095)
}

/// A query that saturates when it is scaled; keys that are an eighth of a power of two each.
fn largest_query(dim: u32) -> (Program, Blobs) {
    one_query(one_head(dim, [24, 10, 2], [17, 0, 9], MOST as u32), 16256)
}

#[test]
fn scores_beyond_the_limit_are_equal() {
    for dim in [64, 128, 256] {
        let (program, blobs) = limits(dim);
        let rows = agree(&program, &blobs, &[0, 1], &[2]);
        let mean = |i: i32| (30 * (i % 100) + 30 * ((7 + i) % 100)) << 8;
        assert!(last(&rows).iter().zip(0..).all(|(y, i)| y.abs_diff(mean(i)) < 2000));
        agree(&program, &blobs, &SEEN, &[12, 1]);
        let (program, blobs) = largest_query(dim);
        agree(&program, &blobs, &SEEN, &[12, 1]);
    }
}

const SEEN: [u32; 12] = [0, 1, 2, 3, 4, 5, 6, 4, 3, 2, 1, 0];

/// Weights of 2^-28.5 and less beside one of 1, whose values are zero.
fn faint(dim: u32) -> (Program, Blobs) {
    let dim = dim as usize;
    // Each counts half: 28.5, 29.5, 30, 30.5 below the first.
    let number = |token: usize, at: usize| match (at / dim, at % dim) {
        (0, i) => (128, i8::from(i == 0)),
        (1, 0) => (64, 63 - [0i8, 57, 59, 60, 61][token]),
        (1, i) => (64, if i == 1 { 1 } else { 0 }),
        _ if token == 0 => (1, 0),
        (_, i) => (128, if i % 3 == 0 { 127 } else { (i % 100) as i8 }),
    };
    program(one_head(dim as u32, [7, 7, 10], [0, 0, 17], 1 << 30), 5, number)
}

#[test]
fn weights_fade_out_at_31_bits() {
    for dim in [64, 128, 256] {
        let (program, blobs) = faint(dim);
        let alone = agree(&program, &blobs, &[0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0], &[11, 1]);
        let seen = agree(&program, &blobs, &[0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0], &[11, 1]);
        assert_ne!(last(&alone), last(&seen));
        agree(&program, &blobs, &[0, 1, 2, 3, 4, 0], &[6, 1]);
    }
}

fn mixed() -> Vec<u32> {
    (0..24).map(|i| (i * 7 + i / 5) % 4).collect()
}

/// These programs and their tokens, by name.
pub fn ends() -> Vec<(&'static str, (Program, Blobs), Vec<u32>)> {
    let dim = 32;
    vec![
        ("equal", equal_weights(dim), [&[1; 4][..], &[0; 132]].concat()),
        ("largest", largest_weights(dim), [&[0; 40][..], &[1]].concat()),
        ("left", shifts(dim, 0, 16), mixed()),
        ("right", shifts(dim, 24, 0), mixed()),
        ("query", largest_query(dim), SEEN.to_vec()),
        ("limits", limits(dim), SEEN.to_vec()),
        ("faint", faint(dim), vec![0, 1, 0, 2, 0, 3, 0, 4, 0]),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    // Values of a head, heads, key heads.
    let sizes = prop::sample::select(vec![
        (16u32, 6u32, 2u32),
        (48, 2, 2),
        (64, 2, 1),
        (64, 1, 1),
        (128, 2, 1),
        (128, 1, 1),
        (144, 1, 1),
        (256, 1, 1),
    ]);
    let magnify = prop::array::uniform3(0i8..18);
    let scale = prop_oneof![1u32..1 << 31, Just(1), Just(MOST as u32), 1u32 << 26..1 << 30];
    (sizes, prop::array::uniform3(0u8..25), magnify, scale, 0u32..40).prop_map(
        |((dim, heads, kv_heads), fracs, magnify, scale_q30, window)| Shape {
            heads,
            kv_heads,
            dim,
            fracs,
            magnify,
            scale_q30,
            window,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn attention_equals_the_interpreter(
        shape in shape(), seed: u64, same in 0u64..8, length in 1usize..60, take in 1usize..40,
    ) {
        let mut seeded = Seeded::new(seed);
        let cols = shape.widths().iter().sum::<u32>().next_multiple_of(32) as usize;
        let tokens = 6;
        let scales: Vec<i16> = (0..tokens * cols / GROUP)
            .map(|_| (128i16 >> seeded.below(8)) * seeded.below(2) as i16)
            .collect();
        let q: Vec<i8> = (0..tokens * cols).map(|_| (seeded.bits() as i8).max(-127)).collect();
        let number = |token: usize, at: usize| {
            let at = token * cols + at;
            (scales[at / GROUP], q[at])
        };
        let (program, blobs) = program(shape, tokens, number);
        // Long runs of one token make large sums.
        let mut token = 0;
        let tokens: Vec<u32> = (0..length)
            .map(|_| {
                if seeded.below(8) >= same {
                    token = seeded.below(tokens as u64) as u32;
                }
                token
            })
            .collect();
        agree(&program, &blobs, &tokens, &[length, take]);
    }
}
