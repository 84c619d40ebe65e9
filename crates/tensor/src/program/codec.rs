//! Programs as bytes: deterministic CBOR, one encoding per program (`docs/format/program.md`).
//!
//! Invariant: `decode` accepts exactly what `encode` writes, so a digest names one program.

use super::*;
use crate::SPEC_VERSION;
use terroir_base::cbor::{self, Limits, MapReader, Value as Item};

/// What a program's encoding may hold at most.
const LIMITS: Limits = Limits { bytes_max: 16 << 20, depth_max: 8, items_max: 1 << 20 };

impl Program {
    /// The canonical bytes of the program.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&Item::record([
            (0, Item::from(SPEC_VERSION)),
            (1, Item::Array(self.ops.iter().map(encode_op).collect())),
            (2, self.logits.into()),
            (3, Item::array(self.checkpoints.iter().copied())),
            (4, self.positions_max.into()),
        ]))
    }

    /// Reads what [`Program::encode`] wrote. The program is not proved yet: see [`Program::types`].
    ///
    /// Errors: [`Error::Encoding`], naming the field.
    pub fn decode(bytes: &[u8]) -> Result<Program, Error> {
        read(cbor::decode(bytes, &LIMITS)?)
    }
}

impl From<cbor::Error> for Error {
    fn from(error: cbor::Error) -> Error {
        Error::Encoding(error.to_string())
    }
}

fn refuse<T>(field: &str, why: &str) -> Result<T, Error> {
    Err(Error::Encoding(format!("{field}: {why}")))
}

fn read(item: Item) -> Result<Program, Error> {
    let mut map = item.into_map("program")?;
    let version = map.take_text(0, "version", 64)?;
    if version != SPEC_VERSION {
        return refuse("version", "not this dialect's");
    }
    let ops = map.take_array(1, "operators", OPS_MAX)?;
    let program = Program {
        ops: ops.into_iter().map(decode_op).collect::<Result<_, _>>()?,
        logits: map.take_u32(2, "logits")?,
        checkpoints: map.take_list(3, "checkpoints", OPS_MAX, |id| id.into_u32("checkpoint"))?,
        positions_max: map.take_u32(4, "positions")?,
    };
    map.finish()?;
    Ok(program)
}

fn encode_op(op: &Op) -> Item {
    let tag = |tag: u32, fields: Vec<Item>| {
        let fields = std::iter::once(Item::from(tag)).chain(fields).enumerate();
        Item::record(fields.map(|(key, item)| (key as u64, item)).filter(|(_, i)| *i != Item::Null))
    };
    match op {
        Op::Embed { table, scale_q16, frac } => {
            tag(0, vec![matrix(table), (*scale_q16).into(), small(*frac)])
        }
        Op::RmsNorm { x, gain, gain_frac, width, epsilon, frac } => tag(
            1,
            vec![
                (*x).into(),
                vector(gain),
                small(*gain_frac),
                (*width).into(),
                (*epsilon).into(),
                small(*frac),
            ],
        ),
        Op::Quantise { x, planes } => tag(2, vec![(*x).into(), small(planes.count() as u8)]),
        Op::Linear { x, weight, bias, frac } => {
            let bias = bias.as_ref().map_or(Item::Null, vector);
            tag(3, vec![(*x).into(), matrix(weight), small(*frac), bias])
        }
        Op::Rope { x, table, head_dim, pairing } => {
            let pairing = u8::from(*pairing == Pairing::Half);
            let table = [table.digest.into(), table.pairs.into(), table.highs.into()];
            let table = Item::Array(table.into());
            tag(4, vec![(*x).into(), table, (*head_dim).into(), small(pairing)])
        }
        Op::Attention { q, k, v, heads, kv_heads, head_dim, scale_q30, window } => {
            let numbers = [*q, *k, *v, *heads, *kv_heads, *head_dim, *scale_q30, *window];
            tag(5, numbers.map(Item::from).into())
        }
        Op::Gate { gate, up, activation, frac } => {
            let activation = u8::from(*activation == Activation::GeluTanh);
            tag(6, vec![(*gate).into(), (*up).into(), small(activation), small(*frac)])
        }
        Op::Add { a, b } => tag(7, vec![(*a).into(), (*b).into()]),
    }
}

fn decode_op(item: Item) -> Result<Op, Error> {
    let mut map = item.into_map("operator")?;
    let op = match map.take_uint(0, "operator kind")? {
        0 => Op::Embed {
            table: take_matrix(&mut map, 1)?,
            scale_q16: map.take_u32(2, "scale")?,
            frac: map.take_u8(3, "fraction bits")?,
        },
        1 => Op::RmsNorm {
            x: map.take_u32(1, "x")?,
            gain: read_vector(map.take(2, "gain")?)?,
            gain_frac: map.take_u8(3, "fraction bits of the gain")?,
            width: map.take_u32(4, "width")?,
            epsilon: map.take_uint(5, "epsilon")?,
            frac: map.take_u8(6, "fraction bits")?,
        },
        2 => Op::Quantise {
            x: map.take_u32(1, "x")?,
            planes: match map.take_uint(2, "planes")? {
                1 => Planes::One,
                2 => Planes::Two,
                _ => return refuse("planes", "not 1 or 2"),
            },
        },
        3 => Op::Linear {
            x: map.take_u32(1, "x")?,
            weight: take_matrix(&mut map, 2)?,
            frac: map.take_u8(3, "fraction bits")?,
            bias: map.take_opt(4).map(read_vector).transpose()?,
        },
        4 => Op::Rope {
            x: map.take_u32(1, "x")?,
            table: read_table(map.take(2, "table")?)?,
            head_dim: map.take_u32(3, "head dimension")?,
            pairing: pick(&mut map, 4, "pairing", Pairing::Adjacent, Pairing::Half)?,
        },
        5 => Op::Attention {
            q: map.take_u32(1, "q")?,
            k: map.take_u32(2, "k")?,
            v: map.take_u32(3, "v")?,
            heads: map.take_u32(4, "heads")?,
            kv_heads: map.take_u32(5, "key heads")?,
            head_dim: map.take_u32(6, "head dimension")?,
            scale_q30: map.take_u32(7, "scale")?,
            window: map.take_u32(8, "window")?,
        },
        6 => Op::Gate {
            gate: map.take_u32(1, "gate")?,
            up: map.take_u32(2, "up")?,
            activation: pick(&mut map, 3, "activation", Activation::Silu, Activation::GeluTanh)?,
            frac: map.take_u8(4, "fraction bits")?,
        },
        7 => Op::Add { a: map.take_u32(1, "a")?, b: map.take_u32(2, "b")? },
        _ => return refuse("operator kind", "not 0 to 7"),
    };
    map.finish()?;
    Ok(op)
}

fn small(number: u8) -> Item {
    Item::from(u32::from(number))
}

fn pick<T>(
    map: &mut MapReader,
    key: u64,
    field: &'static str,
    zero: T,
    one: T,
) -> Result<T, Error> {
    match map.take_uint(key, field)? {
        0 => Ok(zero),
        1 => Ok(one),
        _ => refuse(field, "not 0 or 1"),
    }
}

fn matrix(matrix: &Matrix) -> Item {
    let format = match matrix.format {
        Format::W4 => 4u32,
        Format::W8 => 8,
    };
    let items = [matrix.digest.into(), matrix.rows.into(), matrix.cols.into(), format.into()];
    Item::Array(items.into())
}

fn take_matrix(map: &mut MapReader, key: u64) -> Result<Matrix, Error> {
    let [digest, rows, cols, format] = map.take_array_n(key, "matrix")?;
    let format = match format.into_uint("matrix format")? {
        4 => Format::W4,
        8 => Format::W8,
        _ => return refuse("matrix format", "not 4 or 8"),
    };
    Ok(Matrix {
        digest: digest.into_digest("matrix digest")?,
        rows: rows.into_u32("matrix rows")?,
        cols: cols.into_u32("matrix columns")?,
        format,
    })
}

fn vector(vector: &Vector) -> Item {
    Item::Array(vec![vector.digest.into(), vector.len.into()])
}

fn read_vector(item: Item) -> Result<Vector, Error> {
    let [digest, len] = item.into_array_n("vector")?;
    let digest = digest.into_digest("vector digest")?;
    Ok(Vector { digest, len: len.into_u32("vector length")? })
}

fn read_table(item: Item) -> Result<RopeTable, Error> {
    let [digest, pairs, highs] = item.into_array_n("angle table")?;
    Ok(RopeTable {
        digest: digest.into_digest("angle table digest")?,
        pairs: pairs.into_u32("angle table pairs")?,
        highs: highs.into_u32("angle table high rows")?,
    })
}
