//! Both numeric profiles against a float32 reference, over the same English text.
//!
//! The reference is `xtask/py/reference.py`: numpy on weights that another package dequantised.
//! Invariant: the reference reads the model file itself and shares only the token ids.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::table::{Bound, Row, Table};
use crate::place::Place;
use crate::product::{Product, SOURCE, number};
use crate::python::{BENCH, Python};
use crate::shell;

/// Fewest tokens that count as a measurement.
const TOKENS_MIN: f64 = 2000.0;

/// About 550 tokens of English.
const WINDOW_BYTES: usize = 2400;

/// Texts of Debian's base system and of its package `fortunes`: a path, and how many windows of it.
const TEXTS: &[(&str, usize)] = &[
    ("/usr/share/games/fortunes/literature", 2),
    ("/usr/share/games/fortunes/science", 2),
    ("/usr/share/common-licenses/GPL-3", 1),
    ("/usr/share/common-licenses/Artistic", 1),
    ("/usr/share/common-licenses/MPL-2.0", 1),
];

/// A profile with its gates and goals: perplexity ratio, then KL.
struct Profile(&'static str, Bound, Bound);

const PROFILES: &[Profile] = &[
    Profile("fast", Bound::AtMost(1.01, 1.003), Bound::AtMost(0.015, 0.010)),
    Profile("high", Bound::None, Bound::AtMost(0.003, 0.001)),
];

/// Compares perplexity, first choices and KL.
pub fn measure(place: &Place) -> Result<Table> {
    let product = Product::build(place)?;
    let python = Python::with(place, BENCH)?;
    let folder = place.cache.join("quality");
    fs::create_dir_all(&folder).context("no place for logits")?;
    let windows = write_windows(&windows(place)?, &folder)?;
    let mut models = Vec::new();
    for profile in PROFILES {
        models.push((profile.0, product.pull(SOURCE, profile.0)?));
    }
    let mut compare = python.script(place, "quality.py");
    compare.arg(&models.first().context("there are profiles")?.1.file);
    for window in &windows {
        let (mut tokens, mut files) = (Value::Null, json!({}));
        for (profile, model) in &models {
            let logits = window.with_extension(format!("{profile}.logits"));
            tokens = write_logits(&product, &model.id, window, &logits)?;
            files[profile] = json!(logits);
        }
        let description = window.with_extension("json");
        fs::write(&description, json!({"tokens": tokens, "logits": files}).to_string())
            .context("cannot write a window")?;
        compare.arg(description);
    }
    let said = product.json(&mut compare)?;
    fs::remove_dir_all(&folder).context("cannot remove the logits")?;
    rows(&said)
}

/// One row of logits per token into a file; gives the tokens.
fn write_logits(product: &Product, model: &str, window: &Path, logits: &Path) -> Result<Value> {
    let tokens = window.with_extension("tokens");
    let mut command = product.command();
    command.args(["model", "logits", model]).arg(window).arg("--out").arg(logits);
    shell::text(command.arg("--tokens-out").arg(&tokens))?;
    let text = fs::read_to_string(&tokens).context("the product wrote no tokens")?;
    serde_json::from_str(&text).context("the tokens are not a JSON array")
}

fn rows(said: &Value) -> Result<Table> {
    let tokens = number(said, "/tokens")?;
    if tokens < TOKENS_MIN {
        bail!("only {tokens} tokens of text: install Debian's package fortunes for more");
    }
    let reference = number(said, "/perplexity")?;
    let mut table = Table::default();
    for Profile(name, ratio_bound, kl_bound) in PROFILES {
        let figure = |what: &str| number(said, &format!("/profiles/{name}/{what}"));
        let what = format!("{name}: perplexity over {tokens} tokens");
        let perplexity = figure("perplexity")?;
        table.rows.push(Row::new(what, "perplexity", perplexity, reference, *ratio_bound));
        let what = format!("{name}: first choice agrees");
        table.rows.push(Row::new(what, "share", figure("top1")?, 1.0, Bound::None));
        let what = format!("{name}: KL to the reference");
        table.rows.push(Row::distance(what, "nats", figure("kl")?, *kl_bound));
    }
    Ok(table)
}

/// Pieces of text of about [`WINDOW_BYTES`] each, cut at the ends of lines.
fn windows(place: &Place) -> Result<Vec<String>> {
    let missing = TEXTS.iter().any(|(path, _)| !Path::new(path).is_file());
    if missing && shell::answers("apt-get", &["install", "-y", "fortunes"]) {
        eprintln!("installed Debian's package fortunes, for its texts");
    }
    let mut windows = vec![fs::read_to_string(place.script("prompt.txt"))?];
    for (path, count) in TEXTS {
        match fs::read_to_string(path) {
            Ok(text) => windows.extend(pieces(&text).take(*count)),
            Err(error) => eprintln!("without {path}: {error}"),
        }
    }
    Ok(windows)
}

fn pieces(text: &str) -> impl Iterator<Item = String> {
    let mut lines = text.lines();
    std::iter::from_fn(move || {
        let mut piece = String::new();
        while piece.len() < WINDOW_BYTES {
            piece.push_str(lines.next()?);
            piece.push('\n');
        }
        Some(piece)
    })
}

fn write_windows(windows: &[String], folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (index, window) in windows.iter().enumerate() {
        let path = folder.join(format!("{index}.txt"));
        fs::write(&path, window).context("cannot write a window of text")?;
        paths.push(path);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_with_a_line_and_lose_only_the_rest() {
        let text = "a line of text\n".repeat(500);
        let cut: Vec<String> = pieces(&text).collect();
        assert_eq!(cut.len(), 3);
        assert!(cut.iter().all(|piece| piece.ends_with('\n') && piece.len() >= WINDOW_BYTES));
        assert!(text.starts_with(&cut.concat()));
    }

    #[test]
    fn too_little_text_is_no_measurement() {
        assert!(rows(&json!({"tokens": 1999, "perplexity": 1.0})).is_err());
    }
}
