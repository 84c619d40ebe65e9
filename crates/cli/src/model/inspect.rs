//! `model logits` and `model trace`: the inside of a run, for measuring quality and for disputes.
//!
//! Invariant: the text is read as it stands, and what is written is what every machine computes.

use crate::Verdict;
use crate::args;
use crate::output;
use crate::progress::{Bar, Unit};
use crate::settings::Settings;
use anyhow::{Context, Result};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use terroir_import::Progress;
use terroir_model::{Input, inspect};

pub(super) fn logits(settings: &Settings, typed: &args::Logits) -> Result<Verdict> {
    let text = output::read_text(&typed.file)?;
    let model = super::open(settings, &typed.model)?;
    let mut tokens = model.prompt(&Input::Text(text))?;
    let most = typed.max_tokens.unwrap_or(u32::MAX).min(model.manifest.context_max);
    tokens.truncate(most as usize);
    let failed = || format!("cannot write {}", typed.out.display());
    let mut out = BufWriter::new(File::create(&typed.out).with_context(failed)?);
    let mut written = Ok(());
    let (mut bar, mut done) = (Bar::new(Unit::Count), 0);
    let mut each = |row: &[i32]| {
        done += 1;
        bar.update("writing rows of logits", done, Some(tokens.len() as u64));
        let bytes: Vec<u8> = row.iter().flat_map(|logit| logit.to_le_bytes()).collect();
        if written.is_ok() {
            written = out.write_all(&bytes);
        }
    };
    let threads = settings.threads(typed.threads);
    inspect::logits(&model, threads, settings.isa, &tokens, &mut each)?;
    drop(bar);
    written.and_then(|()| out.flush()).with_context(failed)?;
    if let Some(path) = &typed.tokens_out {
        let text = format!("{}\n", json!(tokens));
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let (rows, vocab) = (tokens.len(), model.manifest.vocab);
    if typed.json {
        let model = model.id.to_string();
        output::json(&json!({ "model": model, "tokens": rows, "vocab": vocab, "out": typed.out }))?;
    } else {
        output::data(format_args!("{rows} rows of {vocab} logits in {}", typed.out.display()))?;
    }
    Ok(Verdict::Yes)
}

pub(super) fn trace(settings: &Settings, typed: &args::Trace) -> Result<Verdict> {
    let text = output::read_text(&typed.prompt_file)?;
    let model = super::open(settings, &typed.model)?;
    let tokens = model.prompt(&Input::Text(text))?;
    let threads = settings.threads(typed.threads);
    let mut lines = String::new();
    let mut printed = Ok(());
    let mut each = |traced: inspect::Traced| {
        let inspect::Traced { position, operator, name, digest } = traced;
        let digest = digest.to_string();
        lines.push_str(&match typed.json {
            false => format!("{position} {operator} {name} {digest}\n"),
            true => {
                let (at, op) = (position, operator);
                let line =
                    json!({ "position": at, "operator": op, "name": name, "digest": digest });
                format!("{line}\n")
            }
        });
        if lines.len() > 1 << 16 && printed.is_ok() {
            printed = output::piece(std::mem::take(&mut lines));
        }
    };
    let root = inspect::trace(&model, threads, settings.isa, &tokens, &mut each)?;
    printed.and_then(|()| output::piece(lines))?;
    match typed.json {
        false => output::data(format_args!("root {root}"))?,
        true => output::data(json!({ "root": root.to_string() }))?,
    }
    Ok(Verdict::Yes)
}
