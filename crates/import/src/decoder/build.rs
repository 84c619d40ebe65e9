//! From a decoder and its tensors to a program and its constants.
//!
//! Runs twice: dry, to check every shape and prove the program before anything is written, then
//! with the store. Invariant: the program and the bytes of every constant depend on the file and the
//! profile alone.

use super::{Decoder, Role, Rope, Sight};
use crate::Error;
use crate::pack::{Packer, format_of};
use crate::progress::Progress;
use crate::quant::power_of_two;
use crate::round::{largest, nearest};
use crate::tensors::{Place, Tensors};
use std::collections::BTreeSet;
use terroir_base::Digest;
use terroir_model::Profile;
use terroir_store::Store;
use terroir_tensor::program::*;

/// Fraction bits of queries, keys, values and of both sides of the gate.
const LINEAR_FRAC: u8 = 18;
/// Most fraction bits of a normalised row.
const NORM_FRAC_MAX: u8 = 20;
/// Most residual rows that a trace covers at each position.
const CHECKPOINTS_MAX: usize = 8;

/// A program, whose constants are in the store.
pub(crate) struct Built {
    /// The program.
    pub(crate) program: Program,
    /// Number of tokens it knows.
    pub(crate) vocab: u32,
}

/// Makes the program, and puts its constants into the store.
///
/// Errors: [`Error::Tensor`] for what is missing, misshaped or left over; [`Error::Program`] when
/// the program cannot be proved.
pub(crate) fn build(
    decoder: &Decoder,
    tensors: &Tensors,
    profile: Profile,
    store: &Store,
    progress: &mut dyn Progress,
) -> Result<Built, Error> {
    let planes = match profile {
        Profile::Fast => Planes::One,
        Profile::High => Planes::Two,
    };
    let maker = |store, progress| Maker {
        decoder,
        tensors,
        planes,
        store,
        progress,
        ops: Vec::new(),
        used: BTreeSet::new(),
        tables: Vec::new(),
        packed: 0,
    };
    let mut silent = crate::progress::Silent;
    let mut dry = maker(None, &mut silent);
    let built = dry.run()?;
    dry.leave_nothing()?;
    built.program.types()?;
    let built = maker(Some(store), progress).run()?;
    built.program.types()?;
    Ok(built)
}

struct Maker<'a> {
    decoder: &'a Decoder,
    tensors: &'a Tensors,
    planes: Planes,
    /// Where constants go; nowhere in the dry run.
    store: Option<&'a Store>,
    progress: &'a mut dyn Progress,
    ops: Vec<Op>,
    used: BTreeSet<String>,
    tables: Vec<(Rope, RopeTable)>,
    packed: u64,
}

/// One norm of the decoder.
struct Norm {
    role: Role,
    block: usize,
    /// Values that are normalised together.
    width: u32,
    /// Fraction bits of the input.
    x_frac: u8,
    /// Fraction bits of the result; as many as its largest possible value leaves, if not said.
    frac: Option<u8>,
}

impl Maker<'_> {
    fn run(&mut self) -> Result<Built, Error> {
        let d = self.decoder;
        let name = d.names.weight(Role::Embed, 0);
        let vocab = match self.place(&name)?.shape[..] {
            [rows, _] => u32::try_from(rows).map_err(|_| wrong(&name, "too many rows"))?,
            _ => return Err(wrong(&name, "a matrix is due")),
        };
        let table = self.matrix(Role::Embed, 0, vocab, d.width)?;
        let scale_q16 = nearest(d.embed_scale * 65536.0) as u32;
        let mut x = self.push(Op::Embed { table, scale_q16, frac: d.residual_frac });
        let step = d.blocks.len().div_ceil(CHECKPOINTS_MAX);
        let mut checkpoints = Vec::new();
        for (block, sight) in d.blocks.iter().enumerate() {
            x = self.attention(x, block, sight)?;
            x = self.gate(x, block)?;
            if (block + 1).is_multiple_of(step) || block + 1 == d.blocks.len() {
                checkpoints.push(x);
            }
        }
        let x = self.norm(x, self.row_norm(Role::FinalNorm, 0))?;
        let x = self.push(Op::Quantise { x, planes: self.planes });
        let weight =
            if self.is_tied() { table } else { self.matrix(Role::Output, 0, vocab, d.width)? };
        let logits = self.push(Op::Linear { x, weight, bias: None, frac: 16 });
        let ops = std::mem::take(&mut self.ops);
        let program = Program { ops, logits, checkpoints, positions_max: d.positions };
        Ok(Built { program, vocab })
    }

    /// Whether the embedding is the output matrix too.
    fn is_tied(&self) -> bool {
        let name = self.decoder.names.weight(Role::Output, 0);
        self.decoder.tied.unwrap_or(!self.tensors.places.contains_key(&name))
    }

    fn attention(&mut self, x: Value, block: usize, sight: &Sight) -> Result<Value, Error> {
        let d = self.decoder;
        let (wide, narrow, dim) = (d.heads * d.head_dim, d.kv_heads * d.head_dim, d.head_dim);
        let normal = self.norm(x, self.row_norm(Role::AttentionNorm, block))?;
        let normal = self.push(Op::Quantise { x: normal, planes: self.planes });
        let q = self.linear(normal, Role::Query, block, (wide, d.width), LINEAR_FRAC)?;
        let k = self.linear(normal, Role::Key, block, (narrow, d.width), LINEAR_FRAC)?;
        let v = self.linear(normal, Role::Value, block, (narrow, d.width), LINEAR_FRAC)?;
        let (q, k) = if d.head_norms {
            let q = self.norm(q, self.head_norm(Role::QueryNorm, block))?;
            (q, self.norm(k, self.head_norm(Role::KeyNorm, block))?)
        } else {
            (q, k)
        };
        let table = self.table(&sight.rope)?;
        let pairing = d.pairing;
        let q = self.push(Op::Rope { x: q, table, head_dim: dim, pairing });
        let k = self.push(Op::Rope { x: k, table, head_dim: dim, pairing });
        let scale = d.attention_scale * std::f64::consts::LOG2_E * power_of_two(30);
        let attention = self.push(Op::Attention {
            q,
            k,
            v,
            heads: d.heads,
            kv_heads: d.kv_heads,
            head_dim: dim,
            scale_q30: nearest(scale) as u32,
            window: if sight.window < d.positions { sight.window } else { 0 },
        });
        let x_out = self.push(Op::Quantise { x: attention, planes: self.planes });
        let frac = d.residual_frac;
        let mut out = self.linear(x_out, Role::AttentionOut, block, (d.width, wide), frac)?;
        if d.norms_after {
            out = self.norm(out, self.norm_after(Role::AttentionNormAfter, block))?;
        }
        Ok(self.push(Op::Add { a: x, b: out }))
    }

    fn gate(&mut self, x: Value, block: usize) -> Result<Value, Error> {
        let d = self.decoder;
        let frac = d.residual_frac;
        let normal = self.norm(x, self.row_norm(Role::GateNorm, block))?;
        let normal = self.push(Op::Quantise { x: normal, planes: self.planes });
        let gate = self.linear(normal, Role::Gate, block, (d.inner, d.width), LINEAR_FRAC)?;
        let up = self.linear(normal, Role::Up, block, (d.inner, d.width), LINEAR_FRAC)?;
        let activation = d.activation;
        let inner = self.push(Op::Gate { gate, up, activation, frac: frac + 1 });
        let inner = self.push(Op::Quantise { x: inner, planes: self.planes });
        let mut out = self.linear(inner, Role::Down, block, (d.width, d.inner), frac)?;
        if d.norms_after {
            out = self.norm(out, self.norm_after(Role::GateNormAfter, block))?;
        }
        Ok(self.push(Op::Add { a: x, b: out }))
    }

    fn push(&mut self, op: Op) -> Value {
        self.ops.push(op);
        self.ops.len() as Value - 1
    }

    fn linear(
        &mut self,
        x: Value,
        role: Role,
        block: usize,
        (rows, cols): (u32, u32),
        frac: u8,
    ) -> Result<Value, Error> {
        let weight = self.matrix(role, block, rows, cols)?;
        let name = self.decoder.names.bias(role, block);
        let bias = match self.tensors.places.contains_key(&name) {
            false => None,
            true => {
                let values = self.values(&name, rows)?;
                Some(self.vector(&name, &values, frac)?)
            }
        };
        Ok(self.push(Op::Linear { x, weight, bias, frac }))
    }

    /// The norm of a residual row.
    fn row_norm(&self, role: Role, block: usize) -> Norm {
        let Decoder { width, residual_frac, .. } = *self.decoder;
        Norm { role, block, width, x_frac: residual_frac, frac: None }
    }

    /// The norm of what is about to be added to the residual row.
    fn norm_after(&self, role: Role, block: usize) -> Norm {
        Norm { frac: Some(self.decoder.residual_frac), ..self.row_norm(role, block) }
    }

    /// The norm of every head.
    fn head_norm(&self, role: Role, block: usize) -> Norm {
        Norm { role, block, width: self.decoder.head_dim, x_frac: LINEAR_FRAC, frac: None }
    }

    fn norm(&mut self, x: Value, norm: Norm) -> Result<Value, Error> {
        let Norm { role, block, width, x_frac, frac } = norm;
        let name = self.decoder.names.weight(role, block);
        let mut gains = self.values(&name, width)?;
        gains.iter_mut().for_each(|gain| *gain += self.decoder.gain_offset);
        let largest = largest(gains.iter().copied());
        let gain_frac = frac_for(largest, FRAC_MAX);
        let gain = self.vector(&name, &gains, gain_frac)?;
        // No value of a normalised row exceeds the root of its width.
        let bound = largest * libm::sqrt(f64::from(width));
        let frac = frac.unwrap_or_else(|| frac_for(bound, NORM_FRAC_MAX));
        let epsilon = nearest(self.decoder.epsilon * power_of_two(2 * i32::from(x_frac))) as u64;
        Ok(self.push(Op::RmsNorm { x, gain, gain_frac, width, epsilon, frac }))
    }

    /// Where a tensor stands; from here on it counts as used.
    fn place(&mut self, name: &str) -> Result<Place, Error> {
        let place = self.tensors.places.get(name).cloned().ok_or_else(|| wrong(name, "missing"))?;
        self.used.insert(name.to_owned());
        Ok(place)
    }

    fn matrix(&mut self, role: Role, block: usize, rows: u32, cols: u32) -> Result<Matrix, Error> {
        let name = self.decoder.names.weight(role, block);
        let place = self.place(&name)?;
        if place.shape != [u64::from(rows), u64::from(cols)] {
            let what = format!("shape {:?}, [{rows}, {cols}] is due", place.shape);
            return Err(wrong(&name, what));
        }
        if !cols.is_multiple_of(GROUP as u32) {
            return Err(wrong(&name, format!("{cols} columns, a multiple of {GROUP} is due")));
        }
        let mut matrix =
            Matrix { digest: Digest([0; 32]), rows, cols, format: format_of(place.kind) };
        if let Some(store) = self.store {
            let mut packer = Packer::new(self.tensors, &name, &place, matrix);
            let stored = store.put_reader(&mut packer, None);
            if let Some(error) = packer.failed {
                return Err(error);
            }
            matrix.digest = stored?.0;
            self.packed += place.bytes;
            let total: u64 = self.tensors.places.values().map(|place| place.bytes).sum();
            self.progress.update("packing the weights", self.packed, Some(total));
        }
        Ok(matrix)
    }

    /// The values of a vector of `len`.
    fn values(&mut self, name: &str, len: u32) -> Result<Vec<f64>, Error> {
        let place = self.place(name)?;
        if place.shape != [u64::from(len)] {
            return Err(wrong(name, format!("shape {:?}, [{len}] is due", place.shape)));
        }
        self.tensors.values(name, &place, u64::from(len))
    }

    fn vector(&mut self, name: &str, values: &[f64], frac: u8) -> Result<Vector, Error> {
        let unit = power_of_two(i32::from(frac));
        let mut blob = Vec::with_capacity(values.len() * 4);
        for (at, value) in values.iter().enumerate() {
            let scaled = value * unit;
            if scaled.abs() >= f64::from(i32::MAX) {
                let what = format!("value {at} is {value}, too large for {frac} fraction bits");
                return Err(wrong(name, what));
            }
            blob.extend((nearest(scaled) as i32).to_le_bytes());
        }
        Ok(Vector { digest: self.put(&blob)?, len: values.len() as u32 })
    }

    fn table(&mut self, rope: &Rope) -> Result<RopeTable, Error> {
        if let Some((_, table)) = self.tables.iter().find(|(known, _)| known == rope) {
            return Ok(*table);
        }
        let highs = self.decoder.positions.div_ceil(ROPE_LOW as u32);
        let digest = match self.store {
            None => Digest([0; 32]),
            Some(_) => self.put(&rope.table(highs))?,
        };
        let table = RopeTable { digest, pairs: rope.dims / 2, highs };
        self.tables.push((rope.clone(), table));
        Ok(table)
    }

    fn put(&self, blob: &[u8]) -> Result<Digest, Error> {
        match self.store {
            None => Ok(Digest([0; 32])),
            Some(store) => Ok(store.put(blob)?.0),
        }
    }

    /// Refuses a file with tensors that nothing asked for.
    fn leave_nothing(&self) -> Result<(), Error> {
        let factors = self.decoder.names.weight(Role::RopeFactors, 0);
        let known = |name: &str| {
            // The reader of the keys has taken the factors; some hubs store a copy of the frequencies.
            self.used.contains(name) || name == factors || name.ends_with(".rotary_emb.inv_freq")
        };
        match self.tensors.places.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => Err(wrong(name, "not understood")),
        }
    }
}

fn wrong(name: &str, what: impl Into<String>) -> Error {
    Error::Tensor { name: name.into(), what: what.into() }
}

/// Most fraction bits, up to `most`, with which `bound` stays below 2^30.
fn frac_for(bound: f64, most: u8) -> u8 {
    let (_, above) = libm::frexp(bound);
    (30 - above).clamp(0, i32::from(most)) as u8
}
