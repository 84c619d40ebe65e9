//! Llama-family decoders as one description, and the program that follows from it.
//!
//! For [`crate::import`]. The readers (`gguf`, `hub`) say what a file means; the builder makes
//! operators and constants of it. Invariant: a key or tensor that could change the result is either
//! used or refused by name, never passed over.

use terroir_tensor::program::{Activation, HEAD_DIM_MAX, Pairing};

mod build;
mod gguf;
mod hub;
mod keys;
mod names;
mod rope;

pub(crate) use build::build;
pub(crate) use gguf::from_gguf;
pub(crate) use hub::from_hub;
pub(crate) use keys::{Keys, missing};
pub(crate) use names::{Names, Role};
pub(crate) use rope::{Rope, Scaling};

/// Most blocks.
const BLOCKS_MAX: u32 = 512;
/// Most heads.
const HEADS_MAX: u32 = 1 << 12;
/// Base of the rotary frequencies when a file names none.
const ROPE_BASE: f64 = 10_000.0;
/// Gemma 3: every sixth block sees everything.
const GEMMA_PATTERN: usize = 6;
/// Smallest and largest divisor of a rotary frequency.
const STRETCH: std::ops::RangeInclusive<f64> = 0.01..=1e6;

/// What a decoder computes, apart from its weights.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    /// The family's name.
    pub(crate) architecture: String,
    /// How its tensors are called.
    pub(crate) names: Names,
    /// Longest context in tokens.
    pub(crate) positions: u32,
    /// Width of the residual row.
    pub(crate) width: u32,
    /// Width inside the gate.
    pub(crate) inner: u32,
    /// Query heads.
    pub(crate) heads: u32,
    /// Key/value heads.
    pub(crate) kv_heads: u32,
    /// Values of a head.
    pub(crate) head_dim: u32,
    /// Added to the mean of squares in every norm.
    pub(crate) epsilon: f64,
    /// Added to every gain.
    pub(crate) gain_offset: f64,
    /// Factor of the embedding.
    pub(crate) embed_scale: f64,
    /// Factor of the scores before the softmax.
    pub(crate) attention_scale: f64,
    /// Function of the gate.
    pub(crate) activation: Activation,
    /// Which values of a head are turned together.
    pub(crate) pairing: Pairing,
    /// What each block does with positions.
    pub(crate) blocks: Vec<Sight>,
    /// Whether attention and gate results pass a norm before they are added.
    pub(crate) norms_after: bool,
    /// Whether queries and keys pass a norm of their own.
    pub(crate) head_norms: bool,
    /// Fraction bits of the residual row.
    pub(crate) residual_frac: u8,
    /// Whether the output matrix must be the embedding, must not be, or as the tensors have it.
    pub(crate) tied: Option<bool>,
}

/// What a block sees: how far back, and with which angles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sight {
    /// Positions that a query sees, itself included; 0 means all.
    pub(crate) window: u32,
    /// Angles of its rotary embedding.
    pub(crate) rope: Rope,
}

impl Sight {
    /// The sight of each block, by whether it sees only what is near.
    fn of_blocks(is_near: &[bool], near: &Sight, far: &Sight) -> Vec<Sight> {
        is_near.iter().map(|is_near| if *is_near { near } else { far }.clone()).collect()
    }
}

/// Blocks that see only what is near, but for every `every`-th.
fn near_but_every(every: usize, blocks: usize) -> Vec<bool> {
    (0..blocks).map(|block| !(block + 1).is_multiple_of(every)).collect()
}

/// Values of a head that a file does not tell: an equal part of the width, if there is one.
fn equal_part(width: u32, heads: u32) -> Option<u32> {
    let part = width / heads;
    (width.is_multiple_of(heads) && part <= HEAD_DIM_MAX as u32).then_some(part)
}

/// Fraction bits of the residual row: what is left of 31 bits above the largest values known.
///
/// 14 bits hold magnitudes below 131,072, the most that Llama and Qwen models are known to reach
/// being some 20,000. Gemma 3 exceeds 65,504 by far; 10 bits hold two million.
fn residual_frac(architecture: &str) -> u8 {
    if architecture.starts_with("gemma") { 10 } else { 14 }
}
