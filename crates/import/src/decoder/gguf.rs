//! The decoder that a GGUF file describes.
//!
//! Source: the GGUF specification's keys, and what llama.cpp takes for granted where they are silent
//! (Gemma 3's pattern of windows and its local angles).

use super::{BLOCKS_MAX, Decoder, GEMMA_PATTERN, HEADS_MAX, Keys, Names, ROPE_BASE, Rope, STRETCH};
use super::{Scaling, Sight, equal_part, missing, near_but_every};
use crate::Error;
use crate::gguf::{Array, Value};
use terroir_tensor::program::{Activation, HEAD_DIM_MAX, POSITIONS_MAX, Pairing, WIDTH_MAX};

/// Blocks of the one Gemma 3 whose attention scale is not that of its heads.
const GEMMA_27B_BLOCKS: u32 = 62;

/// Reads the keys of `general.` and of the architecture; `rope_factors` as a tensor gave them.
pub(crate) fn from_gguf(keys: &Keys<'_>, rope_factors: Option<Vec<f64>>) -> Result<Decoder, Error> {
    let architecture =
        keys.opt_text("general.architecture")?.ok_or_else(|| missing("general.architecture"))?;
    if let Some(kind) = keys.opt_text("general.type")?
        && kind != "model"
    {
        return Err(keys.wrong("general.type", "\"model\" is due"));
    }
    if !matches!(architecture, "llama" | "qwen2" | "qwen3" | "gemma3") {
        let what = "only llama, qwen2, qwen3 and gemma3 are understood";
        return Err(keys.wrong("general.architecture", what));
    }
    let fields = Fields { keys, space: architecture };
    let decoder = fields.decoder(rope_factors)?;
    fields.refuse_variants()?;
    keys.finish(&format!("{architecture}."))?;
    Ok(decoder)
}

/// The keys of one architecture.
struct Fields<'a> {
    keys: &'a Keys<'a>,
    space: &'a str,
}

impl Fields<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.space)
    }

    fn opt_u32(&self, name: &str) -> Result<Option<u32>, Error> {
        self.keys.opt_u32(&self.key(name))
    }

    fn opt_f64(&self, name: &str) -> Result<Option<f64>, Error> {
        self.keys.opt_f64(&self.key(name))
    }

    fn wrong(&self, name: &str, what: &str) -> Error {
        self.keys.wrong(&self.key(name), what)
    }

    /// A number from 1 to `max`.
    fn size(&self, name: &str, max: u32) -> Result<u32, Error> {
        self.opt_size(name, max)?.ok_or_else(|| missing(&self.key(name)))
    }

    /// A number from 1 to `max`, if the key is there.
    fn opt_size(&self, name: &str, max: u32) -> Result<Option<u32>, Error> {
        match self.opt_u32(name)? {
            Some(size) if size == 0 || size > max => {
                Err(self.wrong(name, &format!("1 to {max} is due")))
            }
            size => Ok(size),
        }
    }

    fn decoder(&self, rope_factors: Option<Vec<f64>>) -> Result<Decoder, Error> {
        let gemma = self.space == "gemma3";
        let blocks = self.size("block_count", BLOCKS_MAX)?;
        let width = self.size("embedding_length", WIDTH_MAX as u32)?;
        let heads = self.size("attention.head_count", HEADS_MAX)?;
        let kv_heads = self.opt_size("attention.head_count_kv", HEADS_MAX)?.unwrap_or(heads);
        let head_dim = match self.opt_size("attention.key_length", HEAD_DIM_MAX as u32)? {
            Some(length) => length,
            None => equal_part(width, heads).ok_or_else(|| {
                self.wrong("attention.head_count", "a divisor of the width is due")
            })?,
        };
        if self.opt_u32("attention.value_length")?.is_some_and(|length| length != head_dim) {
            return Err(self.wrong("attention.value_length", "the length of keys is due"));
        }
        let epsilon = "attention.layer_norm_rms_epsilon";
        let epsilon = match self.opt_f64(epsilon)? {
            None => return Err(missing(&self.key(epsilon))),
            Some(value) if (0.0..=1.0).contains(&value) => value,
            Some(_) => return Err(self.wrong(epsilon, "0 to 1 is due")),
        };
        let scale_width =
            if gemma && blocks == GEMMA_27B_BLOCKS { width / heads } else { head_dim };
        let attention_scale = match self.opt_f64("attention.scale")? {
            None | Some(0.0) => 1.0 / libm::sqrt(f64::from(scale_width)),
            Some(scale) if (1e-6..=1.0).contains(&scale) => scale,
            Some(_) => return Err(self.wrong("attention.scale", "0.000001 to 1 is due")),
        };
        Ok(Decoder {
            architecture: self.space.into(),
            names: Names::Ggml,
            positions: self.size("context_length", u32::MAX)?.min(POSITIONS_MAX),
            width,
            inner: self.size("feed_forward_length", WIDTH_MAX as u32)?,
            heads,
            kv_heads,
            head_dim,
            epsilon,
            gain_offset: 0.0,
            embed_scale: if gemma { libm::sqrt(f64::from(width)) } else { 1.0 },
            attention_scale,
            activation: if gemma { Activation::GeluTanh } else { Activation::Silu },
            // Files of this family have the rows of queries and keys reordered for it.
            pairing: if self.space == "llama" { Pairing::Adjacent } else { Pairing::Half },
            blocks: self.sights(blocks as usize, self.rope(head_dim, rope_factors)?)?,
            norms_after: gemma,
            head_norms: matches!(self.space, "qwen3" | "gemma3"),
            residual_frac: super::residual_frac(self.space),
            tied: None,
        })
    }

    fn rope(&self, head_dim: u32, factors: Option<Vec<f64>>) -> Result<Rope, Error> {
        let dims = self.opt_u32("rope.dimension_count")?.unwrap_or(head_dim);
        if dims == 0 || !dims.is_multiple_of(2) || dims > head_dim {
            return Err(self.wrong("rope.dimension_count", "an even part of a head is due"));
        }
        let base = self.base("rope.freq_base")?;
        let kind = self.key("rope.scaling.type");
        let factor = match self.opt_f64("rope.scaling.factor")? {
            Some(factor) => Some(factor),
            None => self.opt_f64("rope.scale_linear")?,
        };
        // What the context was before scaling is told for people.
        self.opt_u32("rope.scaling.original_context_length")?;
        self.keys.opt_bool(&self.key("rope.scaling.finetuned"))?;
        let stretch = match (self.keys.opt_text(&kind)?, factor) {
            (Some("linear") | None, Some(factor)) if STRETCH.contains(&factor) => Some(factor),
            (Some("linear") | None, Some(_)) => {
                return Err(self.wrong("rope.scaling.factor", &format!("{STRETCH:?} is due")));
            }
            (Some("linear"), None) => return Err(missing(&self.key("rope.scaling.factor"))),
            (Some("none"), _) | (None, None) => None,
            (Some(_), _) => return Err(self.keys.wrong(&kind, "\"none\" or \"linear\" is due")),
        };
        let scaling = match (stretch, factors) {
            (None, None) => Scaling::None,
            (Some(factor), None) => Scaling::Linear(factor),
            (None, Some(factors)) => {
                if factors.len() != dims as usize / 2
                    || !factors.iter().all(|f| STRETCH.contains(f))
                {
                    let what = format!("{} factors in {STRETCH:?} are due", dims / 2);
                    return Err(Error::Tensor { name: "rope_freqs.weight".into(), what });
                }
                Scaling::Factors(factors)
            }
            (Some(_), Some(_)) => {
                let what = "factors of frequencies besides rope.scaling are not understood".into();
                return Err(Error::Tensor { name: "rope_freqs.weight".into(), what });
            }
        };
        Ok(Rope { base, dims, scaling })
    }

    /// A base of rotary frequencies, which rise instead of fall with one below 1.
    fn base(&self, name: &str) -> Result<f64, Error> {
        match self.opt_f64(name)?.unwrap_or(ROPE_BASE) {
            base if base < 1.0 => Err(self.wrong(name, "at least one is due")),
            base => Ok(base),
        }
    }

    /// How far each block sees.
    fn sights(&self, blocks: usize, rope: Rope) -> Result<Vec<Sight>, Error> {
        let name = "attention.sliding_window";
        let window = self.opt_u32(name)?.unwrap_or(0);
        match self.space {
            "gemma3" if window > 0 => {
                let base = self.base("rope.freq_base_swa")?;
                let local = Rope { base, dims: rope.dims, scaling: Scaling::None };
                let near = Sight { window, rope: local };
                let far = Sight { window: 0, rope };
                Ok(Sight::of_blocks(&self.pattern(blocks)?, &near, &far))
            }
            "llama" => Ok(vec![Sight { window, rope }; blocks]),
            _ if window == 0 => Ok(vec![Sight { window: 0, rope }; blocks]),
            _ => Err(self.wrong(name, "no window is understood for this family")),
        }
    }

    /// Whether each block sees only what is near.
    fn pattern(&self, blocks: usize) -> Result<Vec<bool>, Error> {
        let name = "attention.sliding_window_pattern";
        let every = match self.keys.get(&self.key(name)) {
            None => GEMMA_PATTERN,
            Some(Value::Array(Array::Bools(near))) if near.len() == blocks => {
                return Ok(near.clone());
            }
            Some(Value::Uint(every)) if (1..=blocks as u64).contains(every) => *every as usize,
            Some(_) => {
                return Err(self.wrong(name, "a number, or a truth value for each block, is due"));
            }
        };
        Ok(near_but_every(every, blocks))
    }

    /// Refuses the keys that would change the network in ways that have no operator here.
    fn refuse_variants(&self) -> Result<(), Error> {
        for name in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if self.opt_f64(name)?.is_some_and(|cap| cap != 0.0) {
                return Err(self.wrong(name, "soft caps are not understood"));
            }
        }
        for name in ["expert_count", "expert_used_count"] {
            if self.opt_u32(name)?.is_some_and(|count| count != 0) {
                return Err(self.wrong(name, "experts are not understood"));
            }
        }
        if self.keys.opt_bool(&self.key("attention.causal"))? == Some(false) {
            return Err(self.wrong("attention.causal", "only causal attention is understood"));
        }
        if self.keys.opt_bool(&self.key("use_parallel_residual"))? == Some(true) {
            return Err(self.wrong("use_parallel_residual", "not understood"));
        }
        let layout = self.key("tensor_data_layout");
        if self.keys.opt_text(&layout)?.is_some_and(|name| name != "Meta AI original pth") {
            return Err(self.keys.wrong(&layout, "\"Meta AI original pth\" is due"));
        }
        // The embedding's rows say the same, and are what counts.
        self.opt_u32("vocab_size")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
