//! Windows and rotary scaling of a configuration.

use super::{Config, GEMMA_PATTERN, ROPE_BASE, Rope, STRETCH, Scaling, Sight, near_but_every};
use crate::Error;

/// How far each block sees, and with which angles.
pub(super) fn sights(
    config: &Config,
    family: &str,
    blocks: usize,
    head_dim: u32,
) -> Result<Vec<Sight>, Error> {
    let (near, far) = ropes(config, family, head_dim)?;
    let window = config.opt_u32("sliding_window")?.unwrap_or(0);
    let wanted = config.opt_bool("use_sliding_window")?;
    config.opt_u32("max_window_layers")?;
    let near_blocks = near_blocks(config, family, blocks)?;
    let near_blocks = match (family, wanted) {
        (_, Some(false)) | ("llama", _) => vec![false; blocks],
        ("qwen2" | "qwen3", _) if near_blocks.contains(&true) => {
            return Err(config.wrong("use_sliding_window", "no window is understood here"));
        }
        _ => near_blocks,
    };
    if window == 0 && near_blocks.contains(&true) && family == "gemma3_text" {
        return Err(config.missing("sliding_window"));
    }
    let near = Sight { window, rope: near };
    let far = Sight { window: 0, rope: far };
    Ok(Sight::of_blocks(&near_blocks, &near, &far))
}

/// Which blocks have a window.
fn near_blocks(config: &Config, family: &str, blocks: usize) -> Result<Vec<bool>, Error> {
    let mut every = None;
    for key in ["sliding_window_pattern", "_sliding_window_pattern"] {
        every = config.opt_u32(key)?.or(every);
    }
    if let Some(kinds) = config.get("layer_types") {
        let wrong = || {
            let what = "\"full_attention\" or \"sliding_attention\" for each block is due";
            config.wrong("layer_types", what)
        };
        let kinds = kinds.as_array().filter(|kinds| kinds.len() == blocks).ok_or_else(wrong)?;
        let near = kinds.iter().map(|kind| match kind.as_str() {
            Some("full_attention") => Ok(false),
            Some("sliding_attention") => Ok(true),
            _ => Err(wrong()),
        });
        return near.collect();
    }
    match family {
        "gemma3_text" => {
            let every = every.map_or(GEMMA_PATTERN, |every| every as usize).max(1);
            Ok(near_but_every(every, blocks))
        }
        "mistral" => Ok(vec![true; blocks]),
        _ => Ok(vec![config.opt_bool("use_sliding_window")? == Some(true); blocks]),
    }
}

/// The angles of blocks with and without a window.
fn ropes(config: &Config, family: &str, head_dim: u32) -> Result<(Rope, Rope), Error> {
    let part = config.opt_f64("partial_rotary_factor")?.unwrap_or(1.0);
    let dims = (f64::from(head_dim) * part) as u32;
    if dims == 0 || !dims.is_multiple_of(2) || dims > head_dim {
        return Err(config.wrong("partial_rotary_factor", "an even part of a head is due"));
    }
    let local = config.opt_f64("rope_local_base_freq")?;
    let base = config.opt_f64("rope_theta")?;
    let parameters = config.inner("rope_parameters")?;
    let scaling = config.inner("rope_scaling")?;
    if family == "gemma3_text" && parameters.is_none() && (local.is_none() || base.is_none()) {
        // Their defaults are not those of the other families.
        return Err(config.missing("rope_local_base_freq, or rope_theta,"));
    }
    if let Some(parameters) = &parameters
        && parameters.get("full_attention").is_some()
    {
        let inner = |key: &str| {
            let inner = parameters.inner(key)?.ok_or_else(|| parameters.missing(key))?;
            rope(&inner, None, dims)
        };
        let both = (inner("sliding_attention")?, inner("full_attention")?);
        parameters.finish(&[])?;
        return Ok(both);
    }
    let far = match (&parameters, &scaling) {
        (Some(_), Some(_)) => {
            return Err(config.wrong("rope_scaling", "rope_parameters already say it"));
        }
        (Some(inner), None) | (None, Some(inner)) => rope(inner, base, dims)?,
        (None, None) => {
            Rope { base: positive(config, "rope_theta", base)?, dims, scaling: Scaling::None }
        }
    };
    let near = match local {
        None => far.clone(),
        Some(_) => {
            let base = positive(config, "rope_local_base_freq", local)?;
            Rope { base, dims, scaling: Scaling::None }
        }
    };
    Ok((near, far))
}

/// The angles of an object that names a base or a scaling or both.
fn rope(inner: &Config, base: Option<f64>, dims: u32) -> Result<Rope, Error> {
    let base = inner.opt_f64("rope_theta")?.or(base);
    let kind = match inner.text("rope_type")? {
        Some(kind) => Some(kind),
        None => inner.text("type")?,
    };
    inner.text("type")?;
    let number = |key: &str| inner.opt_f64(key)?.ok_or_else(|| inner.missing(key));
    let scaling = match kind {
        None | Some("default") => Scaling::None,
        Some("linear") => Scaling::Linear(number("factor")?),
        Some("llama3") => Scaling::Llama3 {
            factor: number("factor")?,
            low: number("low_freq_factor")?,
            high: number("high_freq_factor")?,
            context: number("original_max_position_embeddings")?,
        },
        Some(_) => {
            let what = "\"default\", \"linear\" or \"llama3\" is due";
            return Err(inner.wrong("rope_type", what));
        }
    };
    let sound = match &scaling {
        Scaling::None | Scaling::Factors(_) => true,
        Scaling::Linear(factor) => STRETCH.contains(factor),
        Scaling::Llama3 { factor, low, high, context } => {
            STRETCH.contains(factor) && *low > 0.0 && high > low && *context > 0.0
        }
    };
    if !sound {
        return Err(inner.wrong("factor", &format!("{STRETCH:?} is due, with low below high")));
    }
    inner.finish(&[])?;
    Ok(Rope { base: positive(inner, "rope_theta", base)?, dims, scaling })
}

fn positive(config: &Config, key: &str, base: Option<f64>) -> Result<f64, Error> {
    let base = base.unwrap_or(ROPE_BASE);
    if base < 1.0 {
        return Err(config.wrong(key, "at least one is due"));
    }
    Ok(base)
}
