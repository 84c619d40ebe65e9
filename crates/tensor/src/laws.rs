//! Small random programs, for tests here and in the crates above (feature `laws`).
//!
//! A law: whatever the batch, the threads, the instruction set or the cut between calls, the rows
//! are those of [`crate::spec`]. Invariant: everything follows from one seed.

use crate::program::*;
use crate::{Bytes, Program};
use std::collections::BTreeMap;
use std::sync::Arc;
use terroir_base::Digest;

/// A source of numbers that a seed fixes (xorshift64*, Vigna 2016).
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Seeded {
        Seeded(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in `0..n`.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.bits() >> 11) % n
    }
}

/// Shape of a random decoder.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Tokens.
    pub vocab: u32,
    /// Width of the residual row: a multiple of 32.
    pub width: u32,
    /// Width inside the gate: a multiple of 32.
    pub inner: u32,
    /// Query heads, key heads, values of a head.
    pub heads: (u32, u32, u32),
    /// Blocks.
    pub blocks: u32,
    /// Longest context.
    pub positions: u32,
    /// Precision of activations.
    pub planes: Planes,
    /// Storage of the matrices inside the blocks.
    pub format: Format,
    /// Window of every other attention; 0 means all.
    pub window: u32,
    /// Exponent of every matrix row: larger means smaller weights.
    pub exponent: i8,
}

impl Shape {
    /// A decoder of a few thousand weights.
    pub fn small() -> Shape {
        Shape {
            vocab: 61,
            width: 64,
            inner: 96,
            heads: (4, 2, 16),
            blocks: 2,
            positions: 300,
            planes: Planes::One,
            format: Format::W4,
            window: 0,
            exponent: 21,
        }
    }
}

/// A program and its constants.
#[derive(Clone, Default)]
pub struct Constants(BTreeMap<Digest, Arc<Vec<u8>>>);

impl Constants {
    /// Finds a constant, as [`crate::Plan::load`] wants it.
    pub fn fetch(&self, digest: &Digest) -> Result<Bytes, String> {
        let found = self.0.get(digest).cloned();
        found.map(|bytes| bytes as Bytes).ok_or_else(|| "no such constant".to_string())
    }

    /// Every constant, for stores.
    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.0.values().map(|bytes| &bytes[..])
    }

    fn put(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.0.insert(digest, Arc::new(bytes));
        digest
    }

    fn matrix(&mut self, seed: &mut Seeded, shape: (u32, u32), format: Format, exp: i8) -> Matrix {
        let (rows, cols) = shape;
        let mut matrix = Matrix { digest: Digest([0; 32]), rows, cols, format };
        let heads = format.block_bytes() - if format == Format::W4 { 128 } else { 256 };
        let mut bytes = Vec::with_capacity(matrix.blob_bytes() as usize);
        for _ in 0..matrix.row_blocks() * matrix.groups() {
            for _ in 0..heads / 2 {
                let extreme = [i16::MAX, -i16::MAX, 0][seed.below(3) as usize];
                let usual = seed.below(1 << 14) as i16 - (1 << 13);
                let scale = if seed.below(40) == 0 { extreme } else { usual };
                bytes.extend(scale.to_le_bytes());
            }
            for _ in 0..format.block_bytes() - heads {
                let byte = seed.bits() as u8;
                let extreme = format == Format::W8 && byte == 0x80;
                bytes.push(if extreme { 0x7f } else { byte });
            }
        }
        for _ in 0..matrix.row_blocks() * ROW_BLOCK {
            bytes.push((exp + seed.below(3) as i8) as u8);
        }
        matrix.digest = self.put(bytes);
        matrix
    }

    fn vector(&mut self, numbers: impl Iterator<Item = i32>) -> Vector {
        let bytes: Vec<u8> = numbers.flat_map(i32::to_le_bytes).collect();
        let len = (bytes.len() / 4) as u32;
        Vector { digest: self.put(bytes), len }
    }

    fn table(&mut self, pairs: u32, positions: u32) -> RopeTable {
        let highs = positions.div_ceil(ROPE_LOW as u32);
        let angle = |p: u32, i: u32| {
            // Rational points of the unit circle: exact enough for a law, no library needed.
            let t = i64::from((p * 37 + i * 11) % 97) + 1;
            let (one, d) = (1i64 << 30, t * t + 400);
            [((400 - t * t) * one / d) as i32, (40 * t * one / d) as i32]
        };
        let rows = 0..ROPE_LOW as u32 + highs;
        let numbers = rows.flat_map(|p| (0..pairs).flat_map(move |i| angle(p, i)));
        let vector = self.vector(numbers);
        RopeTable { digest: vector.digest, pairs, highs }
    }
}

/// A random decoder of this shape.
pub fn decoder(seed: u64, shape: Shape) -> (Program, Constants) {
    let mut maker =
        Maker { seed: Seeded::new(seed), shape, constants: Constants::default(), ops: vec![] };
    let table = maker.matrix((shape.vocab, shape.width), Format::W8);
    let mut x = maker.push(Op::Embed { table, scale_q16: 70_000, frac: 14 });
    let angles = maker.constants.table(shape.heads.2 / 2, shape.positions);
    let mut checkpoints = vec![];
    for block in 0..shape.blocks {
        x = maker.block(x, angles, block);
        checkpoints.push(x);
    }
    let x = maker.norm(x, shape.width);
    let x = maker.quantise(x);
    let logits = maker.push(Op::Linear { x, weight: table, bias: None, frac: 16 });
    let ops = maker.ops;
    (Program { ops, logits, checkpoints, positions_max: shape.positions }, maker.constants)
}

struct Maker {
    seed: Seeded,
    shape: Shape,
    constants: Constants,
    ops: Vec<Op>,
}

impl Maker {
    fn push(&mut self, op: Op) -> Value {
        self.ops.push(op);
        self.ops.len() as Value - 1
    }

    fn matrix(&mut self, shape: (u32, u32), format: Format) -> Matrix {
        self.constants.matrix(&mut self.seed, shape, format, self.shape.exponent)
    }

    fn norm(&mut self, x: Value, width: u32) -> Value {
        let seed = &mut self.seed;
        let gains: Vec<i32> = (0..width).map(|_| seed.below(40_000) as i32 - 8_000).collect();
        let gain = self.constants.vector(gains.into_iter());
        self.push(Op::RmsNorm { x, gain, gain_frac: 14, width, epsilon: 2684, frac: 20 })
    }

    fn quantise(&mut self, x: Value) -> Value {
        self.push(Op::Quantise { x, planes: self.shape.planes })
    }

    fn linear(&mut self, x: Value, rows: u32, cols: u32, frac: u8) -> Value {
        let weight = self.matrix((rows, cols), self.shape.format);
        let biased = self.seed.below(3) == 0;
        let seed = &mut self.seed;
        let biases: Vec<i32> = (0..rows).map(|_| seed.below(1 << 20) as i32 - (1 << 19)).collect();
        let bias = biased.then(|| self.constants.vector(biases.into_iter()));
        self.push(Op::Linear { x, weight, bias, frac })
    }

    fn block(&mut self, x: Value, table: RopeTable, index: u32) -> Value {
        let Shape { width, inner, heads: (heads, kv_heads, dim), .. } = self.shape;
        let normal = self.norm(x, width);
        let normal = self.quantise(normal);
        let q = self.linear(normal, heads * dim, width, 18);
        let k = self.linear(normal, kv_heads * dim, width, 18);
        let v = self.linear(normal, kv_heads * dim, width, 18);
        let q = self.norm(q, dim);
        let pairing = if index.is_multiple_of(2) { Pairing::Half } else { Pairing::Adjacent };
        let q = self.push(Op::Rope { x: q, table, head_dim: dim, pairing });
        let k = self.push(Op::Rope { x: k, table, head_dim: dim, pairing });
        let window = if index.is_multiple_of(2) { 0 } else { self.shape.window };
        let scale_q30 = 387_270_501;
        let a =
            self.push(Op::Attention { q, k, v, heads, kv_heads, head_dim: dim, scale_q30, window });
        let a = self.quantise(a);
        let a = self.linear(a, width, heads * dim, 14);
        let x = self.push(Op::Add { a: x, b: a });
        let normal = self.norm(x, width);
        let normal = self.quantise(normal);
        let gate = self.linear(normal, inner, width, 18);
        let up = self.linear(normal, inner, width, 18);
        let activation =
            if index.is_multiple_of(2) { Activation::Silu } else { Activation::GeluTanh };
        let inner_row = self.push(Op::Gate { gate, up, activation, frac: 16 });
        let inner_row = self.quantise(inner_row);
        let down = self.linear(inner_row, width, inner, 14);
        self.push(Op::Add { a: x, b: down })
    }
}
