//! Programs written operator by operator, and the law that every plan equals the interpreter.

use std::collections::BTreeMap;
use std::sync::Arc;
use terroir_base::Digest;
use terroir_tensor::program::*;
use terroir_tensor::spec::{Spec, State};
use terroir_tensor::{Bytes, Cache, Executor, Isa, Plan, Program, Row, Run, Wanted};

/// Largest fixed-point value.
pub const MOST: i32 = i32::MAX;

/// Constants by digest.
#[derive(Clone, Default)]
pub struct Blobs(BTreeMap<Digest, Arc<Vec<u8>>>);

impl Blobs {
    pub fn put(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.0.insert(digest, Arc::new(bytes));
        digest
    }

    pub fn fetch(&self, digest: &Digest) -> Result<Bytes, String> {
        let found = self.0.get(digest).cloned();
        found.map(|bytes| bytes as Bytes).ok_or_else(|| "no such constant".to_string())
    }

    pub fn bytes(&self, digest: &Digest) -> &[u8] {
        &self.0[digest]
    }

    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.0.values().map(|bytes| &bytes[..])
    }
}

/// The numbers of one row and group of a matrix; `min` counts in `W4` only.
#[derive(Clone, Copy)]
pub struct Cell {
    pub scale: i16,
    pub min: i16,
    pub q: [i8; GROUP],
}

/// A program under construction.
#[derive(Default)]
pub struct Maker {
    pub ops: Vec<Op>,
    pub blobs: Blobs,
}

impl Maker {
    pub fn push(&mut self, op: Op) -> Value {
        self.ops.push(op);
        self.ops.len() as Value - 1
    }

    /// A matrix from the exponents of its rows and its cells by row and group.
    pub fn matrix(
        &mut self,
        (rows, cols): (u32, u32),
        format: Format,
        exponent: impl Fn(usize) -> i8,
        cell: impl Fn(usize, usize) -> Cell,
    ) -> Matrix {
        let mut matrix = Matrix { digest: Digest([0; 32]), rows, cols, format };
        let size = format.block_bytes();
        let mut bytes = vec![0; matrix.blob_bytes() as usize];
        let body = matrix.row_blocks() * matrix.groups() * size;
        for row in 0..rows as usize {
            for group in 0..matrix.groups() {
                let at = (row / ROW_BLOCK * matrix.groups() + group) * size;
                write(&mut bytes[at..at + size], format, row % ROW_BLOCK, cell(row, group));
            }
            bytes[body + row] = exponent(row) as u8;
        }
        matrix.digest = self.blobs.put(bytes);
        matrix
    }

    pub fn vector(&mut self, numbers: &[i32]) -> Vector {
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        Vector { digest: self.blobs.put(bytes), len: numbers.len() as u32 }
    }

    /// An angle table from `(cos, sin)` by row and pair.
    pub fn angles(
        &mut self,
        pairs: u32,
        positions: u32,
        angle: impl Fn(u32, u32) -> [i32; 2],
    ) -> RopeTable {
        let highs = positions.div_ceil(ROPE_LOW as u32);
        let rows = 0..ROPE_LOW as u32 + highs;
        let numbers = rows.flat_map(|row| (0..pairs).map(move |pair| (row, pair)));
        let numbers: Vec<i32> = numbers.flat_map(|(row, pair)| angle(row, pair)).collect();
        RopeTable { digest: self.vector(&numbers).digest, pairs, highs }
    }

    /// The program, with one logit made out of `x`; `x` is its checkpoint.
    pub fn finish(mut self, x: Value, width: u32, positions_max: u32) -> (Program, Blobs) {
        let one = Cell { scale: 1, min: 0, q: [1; GROUP] };
        let weight = self.matrix((1, width), Format::W4, |_| 0, |_, _| one);
        let quantised = self.push(Op::Quantise { x, planes: Planes::One });
        let logits = self.push(Op::Linear { x: quantised, weight, bias: None, frac: 16 });
        (Program { ops: self.ops, logits, checkpoints: vec![x], positions_max }, self.blobs)
    }
}

/// One row's part of a block: `docs/spec/exact.md`, section 3.
fn write(block: &mut [u8], format: Format, lane: usize, cell: Cell) {
    let Cell { scale, min, q } = cell;
    match format {
        Format::W4 => {
            block[4 * lane..][..2].copy_from_slice(&scale.to_le_bytes());
            block[4 * lane + 2..][..2].copy_from_slice(&min.to_le_bytes());
            for k in 0..16 {
                let byte = q[k] as u8 | (q[k + 16] as u8) << 4;
                block[32 + k / 4 * 32 + 4 * lane + k % 4] = byte;
            }
        }
        Format::W8 => {
            block[2 * lane..][..2].copy_from_slice(&scale.to_le_bytes());
            for (k, &q) in q.iter().enumerate() {
                block[16 + k / 4 * 32 + 4 * lane + k % 4] = q as u8;
            }
        }
    }
}

pub fn isas() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available())
}

/// The rows of every operator at every position, by the interpreter.
pub fn interpret(program: &Program, blobs: &Blobs, tokens: &[u32]) -> Vec<Vec<Row>> {
    let spec = Spec::load(program.clone(), &mut |d| blobs.fetch(d)).unwrap();
    let mut state = State::default();
    tokens.iter().map(|&token| spec.step(&mut state, token).unwrap()).collect()
}

/// Every operator at every position equals the interpreter's, on every instruction set, in calls of
/// `take` tokens, with one and two threads. Gives the interpreter's rows back.
pub fn agree(program: &Program, blobs: &Blobs, tokens: &[u32], takes: &[usize]) -> Vec<Vec<Row>> {
    let rows = interpret(program, blobs, tokens);
    let want: Vec<Vec<Digest>> =
        rows.iter().map(|rows| rows.iter().map(Row::digest).collect()).collect();
    let plan = Arc::new(Plan::load(program.clone(), &mut |d| blobs.fetch(d)).unwrap());
    for isa in isas() {
        for (&take, threads) in takes.iter().zip([1, 2].into_iter().cycle()) {
            let mut executor = Executor::new(plan.clone(), threads, isa).unwrap();
            let mut cache = Cache::new(&plan);
            for tokens in tokens.chunks(take) {
                let run = Run { cache: &mut cache, tokens, logits: Wanted::All };
                let mut wrong = None;
                executor
                    .forward_traced(&mut [run], &mut |t| {
                        if t.digest != want[t.position][t.operator] {
                            wrong.get_or_insert((t.operator, t.position));
                        }
                    })
                    .unwrap();
                if let Some((operator, position)) = wrong {
                    let name = program.ops[operator].name();
                    panic!("{name} {operator} at position {position}: {isa}, {take} tokens a call");
                }
            }
        }
    }
    rows
}

/// The numbers of a fixed-point row.
pub fn numbers(row: &Row) -> &[i32] {
    match row {
        Row::Fixed(values) => values,
        Row::Quantised { .. } => panic!("a quantised row"),
    }
}
