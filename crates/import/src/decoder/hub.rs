//! The decoder that a model hub's `config.json` describes.
//!
//! Source: the configuration classes of the library that writes these files.

use super::{BLOCKS_MAX, Decoder, GEMMA_PATTERN, HEADS_MAX, Names, ROPE_BASE, Rope, STRETCH};
use super::{Scaling, Sight, equal_part, near_but_every};
use crate::Error;
use config::Config;
use terroir_tensor::program::{Activation, HEAD_DIM_MAX, POSITIONS_MAX, Pairing, WIDTH_MAX};

mod config;
mod sight;

/// Keys that change nothing about the function: training, bookkeeping, storage.
const SILENT: &[&str] = &[
    "_name_or_path",
    "architectures",
    "attention_dropout",
    "bos_token_id",
    "cache_implementation",
    "dtype",
    "eos_token_id",
    "id2label",
    "initializer_range",
    "is_llama_config",
    "label2id",
    "pad_token_id",
    "pretraining_tp",
    "torch_dtype",
    "transformers.js_config",
    "transformers_version",
    "unsloth_fixed",
    "unsloth_version",
    "use_cache",
    "vocab_size",
];

/// Reads `config.json`.
pub(crate) fn from_hub(path: &std::path::Path, bytes: &[u8]) -> Result<Decoder, Error> {
    let config = Config::parse(path, bytes)?;
    let family = config.text("model_type")?.ok_or_else(|| config.missing("model_type"))?;
    if !matches!(family, "llama" | "mistral" | "qwen2" | "qwen3" | "gemma3_text") {
        let what = "only llama, mistral, qwen2, qwen3 and gemma3_text are understood";
        return Err(config.wrong("model_type", what));
    }
    let decoder = decoder(&config, family)?;
    refuse_variants(&config)?;
    config.finish(SILENT)?;
    Ok(decoder)
}

fn decoder(config: &Config, family: &str) -> Result<Decoder, Error> {
    let gemma = family == "gemma3_text";
    let blocks = config.size("num_hidden_layers", BLOCKS_MAX)?;
    let width = config.size("hidden_size", WIDTH_MAX as u32)?;
    let heads = config.size("num_attention_heads", HEADS_MAX)?;
    let kv_heads = config.opt_size("num_key_value_heads", HEADS_MAX)?.unwrap_or(heads);
    let head_dim = match config.opt_size("head_dim", HEAD_DIM_MAX as u32)? {
        Some(length) => length,
        None if gemma => return Err(config.missing("head_dim")),
        None => equal_part(width, heads)
            .ok_or_else(|| config.wrong("num_attention_heads", "a divisor of the width is due"))?,
    };
    let scale_width = match config.opt_f64("query_pre_attn_scalar")? {
        Some(width) if gemma && (1.0..=65536.0).contains(&width) => width,
        None if !gemma => f64::from(head_dim),
        _ => return Err(config.wrong("query_pre_attn_scalar", "1 to 65536 for gemma3_text")),
    };
    let epsilon = match config.opt_f64("rms_norm_eps")? {
        None => return Err(config.missing("rms_norm_eps")),
        Some(value) if (0.0..=1.0).contains(&value) => value,
        Some(_) => return Err(config.wrong("rms_norm_eps", "0 to 1 is due")),
    };
    Ok(Decoder {
        architecture: family.trim_end_matches("_text").into(),
        names: if gemma { Names::HubNormsAfter } else { Names::Hub },
        positions: config.size("max_position_embeddings", u32::MAX)?.min(POSITIONS_MAX),
        width,
        inner: config.size("intermediate_size", WIDTH_MAX as u32)?,
        heads,
        kv_heads,
        head_dim,
        epsilon,
        gain_offset: if gemma { 1.0 } else { 0.0 },
        embed_scale: if gemma { libm::sqrt(f64::from(width)) } else { 1.0 },
        attention_scale: 1.0 / libm::sqrt(scale_width),
        activation: activation(config, gemma)?,
        pairing: Pairing::Half,
        blocks: sight::sights(config, family, blocks as usize, head_dim)?,
        norms_after: gemma,
        head_norms: matches!(family, "qwen3" | "gemma3_text"),
        residual_frac: super::residual_frac(family),
        tied: Some(config.opt_bool("tie_word_embeddings")?.unwrap_or(gemma)),
    })
}

fn activation(config: &Config, gemma: bool) -> Result<Activation, Error> {
    let (key, due, activation) = if gemma {
        ("hidden_activation", "gelu_pytorch_tanh", Activation::GeluTanh)
    } else {
        ("hidden_act", "silu", Activation::Silu)
    };
    match config.text(key)? {
        Some(name) if name == due => Ok(activation),
        _ => Err(config.wrong(key, &format!("{due:?} is due"))),
    }
}

/// Refuses what has no operator here. Biases are taken as the tensors have them.
fn refuse_variants(config: &Config) -> Result<(), Error> {
    for key in ["attention_bias", "mlp_bias"] {
        config.opt_bool(key)?;
    }
    for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
        if config.opt_f64(key)?.is_some_and(|cap| cap != 0.0) {
            return Err(config.wrong(key, "soft caps are not understood"));
        }
    }
    for key in ["rope_interleaved", "use_bidirectional_attention", "is_encoder_decoder"] {
        if config.opt_bool(key)? == Some(true) {
            return Err(config.wrong(key, "not understood"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
