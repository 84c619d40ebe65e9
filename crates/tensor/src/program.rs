//! What a program is: a list of operators over rows, and constants named by digest.
//!
//! A program of the `int` dialect maps a token at a position to a row of logits. Operator `i` makes
//! value `i`; an operator may only read values made before it. Every value is one row per position,
//! of one of two types ([`Type`]): fixed-point `i32` with a static number of fraction bits, or
//! quantised small integers with one step per group of 32. The only state is the
//! key/value cache of [`Op::Attention`].
//!
//! The normative description is `docs/spec/exact.md`; [`crate::spec`] is that text as code.
//! Invariant: [`Program::types`] proves that no accumulator can overflow, or names the operator
//! that it cannot prove.

use crate::Error;
use terroir_base::Digest;

mod codec;
mod constant;

pub use constant::*;

/// Weights and activations share one scale or step per this many neighbouring values.
pub const GROUP: usize = 32;
/// Matrix blobs interleave this many rows, so that one vector register holds four columns of each.
pub const ROW_BLOCK: usize = 8;
/// Most columns of a matrix, and most keys of one position in a cache.
pub const WIDTH_MAX: usize = 1 << 16;
/// Longest row that [`Op::RmsNorm`] can take: its sum of squares fits 62 bits.
pub const NORM_WIDTH_MAX: usize = 1 << 14;
/// Most fraction bits of a fixed-point value.
pub const FRAC_MAX: u8 = 24;
/// Most operators of a program.
pub const OPS_MAX: usize = 1 << 14;
/// Largest head of [`Op::Attention`]; `128 * 4095^2` fits `i32`, and two such sums fit easily.
pub const HEAD_DIM_MAX: usize = 256;
/// Longest context: probabilities of this many keys sum to less than 2^62.
pub const POSITIONS_MAX: u32 = 1 << 20;
/// Low part of a position in a [`RopeTable`]; the high part counts multiples of it.
pub const ROPE_LOW: usize = 256;

/// Index of the operator that makes a value.
pub type Value = u32;

/// Which two values of a head [`Op::Rope`] turns together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pairing {
    /// `(2 i, 2 i + 1)`.
    Adjacent,
    /// `(i, i + pairs)`.
    Half,
}

/// The function of [`Op::Gate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3))`, the tanh form of GELU.
    GeluTanh,
}

/// How many signed 8-bit planes hold a quantised value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Planes {
    /// `-127..=127`.
    One,
    /// `-16256..=16256`, as `128 * high + low` with `high` in `-127..=127`, `low` in `-64..=63`.
    Two,
}

impl Planes {
    /// Largest magnitude of a quantised value.
    pub const fn limit(self) -> i32 {
        match self {
            Planes::One => 127,
            Planes::Two => 127 * 128,
        }
    }

    /// Number of planes.
    pub const fn count(self) -> usize {
        match self {
            Planes::One => 1,
            Planes::Two => 2,
        }
    }
}

/// One operator. Its result is the value of its own index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The row of `table` that the token names, times `scale_q16 / 65536`.
    Embed {
        /// One row per token.
        table: Matrix,
        /// Multiplier in Q16; 65536 is one. Below 2^31.
        scale_q16: u32,
        /// Fraction bits of the result.
        frac: u8,
    },
    /// `x / sqrt(mean(x^2) + epsilon) * gain`, over each run of `width` values.
    RmsNorm {
        /// Fixed-point input; its width is a multiple of `width`.
        x: Value,
        /// `width` gains.
        gain: Vector,
        /// Fraction bits of the gains.
        gain_frac: u8,
        /// Values that are normalised together.
        width: u32,
        /// Epsilon in units of `2^(-2 frac(x))`.
        epsilon: u64,
        /// Fraction bits of the result.
        frac: u8,
    },
    /// Small integers with one step per group of 32.
    Quantise {
        /// Fixed-point input; its width is a multiple of 32.
        x: Value,
        /// Precision of the result.
        planes: Planes,
    },
    /// `weight * x + bias`, rounded once.
    Linear {
        /// Quantised input of `weight.cols` values.
        x: Value,
        /// The matrix.
        weight: Matrix,
        /// Added after rounding; in the fraction bits of the result.
        bias: Option<Vector>,
        /// Fraction bits of the result.
        frac: u8,
    },
    /// Turns pairs of each head by the angle of the position.
    Rope {
        /// Fixed-point input; its width is a multiple of `head_dim`.
        x: Value,
        /// The angles.
        table: RopeTable,
        /// Values of a head; the first `2 * table.pairs` are turned.
        head_dim: u32,
        /// Which values are turned together.
        pairing: Pairing,
    },
    /// Causal attention with grouped heads, over this and all earlier positions.
    Attention {
        /// Queries: `heads * head_dim` values.
        q: Value,
        /// Keys: `kv_heads * head_dim` values; appended to the cache.
        k: Value,
        /// Values: `kv_heads * head_dim` values; appended to the cache.
        v: Value,
        /// Query heads; a multiple of `kv_heads`.
        heads: u32,
        /// Key/value heads.
        kv_heads: u32,
        /// Values of a head.
        head_dim: u32,
        /// `log2(e) * softmax scale` in Q30.
        scale_q30: u32,
        /// Positions that a query sees, itself included; 0 means all.
        window: u32,
    },
    /// `activation(gate) * up`.
    Gate {
        /// Fixed-point input of the activation.
        gate: Value,
        /// Fixed-point factor of the same width.
        up: Value,
        /// The function.
        activation: Activation,
        /// Fraction bits of the result.
        frac: u8,
    },
    /// `a + b`, saturating; both have the same width and fraction bits.
    Add {
        /// First term.
        a: Value,
        /// Second term.
        b: Value,
    },
}

impl Op {
    /// The operator's name in errors, traces and the specification.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Embed { .. } => "embed",
            Op::RmsNorm { .. } => "rms_norm",
            Op::Quantise { .. } => "quantise",
            Op::Linear { .. } => "linear",
            Op::Rope { .. } => "rope",
            Op::Attention { .. } => "attention",
            Op::Gate { .. } => "gate",
            Op::Add { .. } => "add",
        }
    }

    /// The values it reads, in the order of its fields.
    pub fn inputs(&self) -> Vec<Value> {
        match *self {
            Op::Embed { .. } => vec![],
            Op::RmsNorm { x, .. }
            | Op::Quantise { x, .. }
            | Op::Linear { x, .. }
            | Op::Rope { x, .. } => vec![x],
            Op::Attention { q, k, v, .. } => vec![q, k, v],
            Op::Gate { gate, up, .. } => vec![gate, up],
            Op::Add { a, b } => vec![a, b],
        }
    }

    /// The constants it reads, in the order of its fields.
    pub fn constants(&self) -> Vec<Constant> {
        match *self {
            Op::Embed { table, .. } => vec![Constant::Matrix(table)],
            Op::RmsNorm { gain, .. } => vec![Constant::Vector(gain)],
            Op::Linear { weight, bias, .. } => {
                let bias = bias.map(Constant::Vector);
                std::iter::once(Constant::Matrix(weight)).chain(bias).collect()
            }
            Op::Rope { table, .. } => vec![Constant::Angles(table)],
            Op::Quantise { .. } | Op::Attention { .. } | Op::Gate { .. } | Op::Add { .. } => vec![],
        }
    }
}

/// The type of a value: one row of this per position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `width` integers, each meaning `x * 2^-frac`.
    Fixed {
        /// Number of values.
        width: usize,
        /// Fraction bits.
        frac: u8,
    },
    /// `width` small integers, each meaning `q * step of its group * 2^-frac`.
    Quantised {
        /// Number of values.
        width: usize,
        /// Fraction bits of the input that was quantised.
        frac: u8,
        /// Precision.
        planes: Planes,
    },
}

impl Type {
    /// Fraction bits.
    pub fn frac(&self) -> u8 {
        match *self {
            Type::Fixed { frac, .. } | Type::Quantised { frac, .. } => frac,
        }
    }
}

/// A program of the `int` dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The operators, in the order they run.
    pub ops: Vec<Op>,
    /// The result: a fixed-point row with 16 fraction bits, one value per token of the vocabulary.
    pub logits: Value,
    /// Fixed-point values whose rows the trace commitment covers, in increasing order.
    pub checkpoints: Vec<Value>,
    /// Longest context in tokens.
    pub positions_max: u32,
}

impl Program {
    /// BLAKE3 of the encoding: the program's name.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// The digest and exact length in bytes of every constant, each once, in increasing order.
    pub fn constants(&self) -> Vec<(Digest, u64)> {
        let constants = self.ops.iter().flat_map(Op::constants);
        let mut all: Vec<_> = constants.map(|c| (c.digest(), c.blob_bytes())).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Proves the program: every value's type, and that no accumulator can overflow.
    ///
    /// Errors: [`Error::Operator`] with the index and name of the first operator that fails, and
    /// what about it; [`Error::Program`] for a fault of the whole.
    pub fn types(&self) -> Result<Vec<Type>, Error> {
        crate::check::types(self)
    }
}
