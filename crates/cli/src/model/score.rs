//! `model score`: how well a model predicts a text.
//!
//! Invariant: the integers are exact and equal everywhere; only what is printed for people is
//! computed from them in floats.

use crate::Verdict;
use crate::args;
use crate::output;
use crate::progress::{Bar, Unit};
use crate::settings::Settings;
use anyhow::{Result, ensure};
use serde_json::json;
use terroir_import::Progress;

pub(super) fn run(settings: &Settings, typed: &args::Score) -> Result<Verdict> {
    let text = output::read_text(&typed.file)?;
    let model = super::open(settings, &typed.model)?;
    let threads = settings.threads(typed.threads);
    let mut bar = Bar::new(Unit::Count);
    let mut each = |so_far: &terroir_model::Score| {
        bar.update("scoring tokens", so_far.predicted, Some(so_far.tokens));
    };
    let score = terroir_model::score(&model, threads, settings.isa, &text, &mut each)?;
    drop(bar);
    ensure!(
        score.predicted > 0,
        "the text is one token: nothing comes before it to predict it from"
    );
    let bits = score.neg_log2_sum_q16 as f64 / 65_536.0;
    let perplexity = (bits / score.predicted as f64).exp2();
    let bits_per_byte = bits / score.bytes as f64;
    let top1 = score.top1 as f64 / score.predicted as f64;
    if typed.json {
        output::json(&json!({
            "model": model.id.to_string(),
            "tokens": score.tokens,
            "predicted": score.predicted,
            "bytes": score.bytes,
            "neg_log2_sum_q16": score.neg_log2_sum_q16,
            "perplexity": perplexity,
            "bits_per_byte": bits_per_byte,
            "top1": top1,
        }))?;
    } else {
        output::data(format_args!("tokens      {}", score.tokens))?;
        output::data(format_args!("perplexity  {perplexity:.4}"))?;
        output::data(format_args!("bits/byte   {bits_per_byte:.4}"))?;
    }
    Ok(Verdict::Yes)
}
