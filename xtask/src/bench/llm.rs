//! Speed and memory against llama.cpp on the same weights.
//!
//! llama.cpp runs the file as it is, and the two forms it is fastest with (Q8_0 and Q4_0), which are
//! made here from the same weights. Invariant: within a round every contender runs once, so a busy
//! machine slows all of them.

mod rows;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::table::Table;
use crate::place::Place;
use crate::product::{Product, Pulled, SOURCE, field, number};
use crate::python::{BENCH, Python};
use crate::shell;

const THREADS: [u32; 2] = [1, 2];

/// Tokens of `prompt.txt` and of `short.txt`; both sides must count the same.
const PROMPT_TOKENS: f64 = 512.0;
const SHORT_TOKENS: f64 = 16.0;

const DECODE_TOKENS: u32 = 128;

/// The contenders, ready to run.
struct Contest<'a> {
    place: &'a Place,
    product: Product,
    model: Pulled,
    python: Python,
    /// llama.cpp's files, by the name of their form; the first is the file as published.
    forms: Vec<(&'static str, PathBuf)>,
}

/// All measurements with one number of threads.
struct Samples {
    threads: u32,
    ours: Vec<Value>,
    peers: Vec<Vec<Value>>,
}

/// Measures everything `rounds` times.
pub fn measure(place: &Place, rounds: usize) -> Result<Table> {
    if rounds == 0 {
        bail!("at least one round is needed");
    }
    let contest = Contest::prepare(place)?;
    let mut samples = THREADS.map(|threads| Samples {
        threads,
        ours: Vec::new(),
        peers: vec![Vec::new(); contest.forms.len()],
    });
    for round in 1..=rounds {
        for sample in &mut samples {
            eprintln!("--- round {round} of {rounds}, threads {}", sample.threads);
            sample.ours.push(contest.ours(sample.threads)?);
            for (form, into) in contest.forms.iter().zip(&mut sample.peers) {
                into.push(contest.peer(&form.1, sample.threads)?);
            }
        }
    }
    let mut table = Table::default();
    for sample in &samples {
        rows::against_peer(&mut table, &contest, sample)?;
    }
    for sample in &samples {
        rows::against_ourselves(&mut table, sample)?;
        table.rows.push(rows::memory(sample)?);
    }
    Ok(table)
}

impl<'a> Contest<'a> {
    fn prepare(place: &'a Place) -> Result<Contest<'a>> {
        let product = Product::build(place)?;
        let model = product.pull(SOURCE, "fast")?;
        let python = Python::with(place, BENCH)?;
        let mut forms = vec![("Q4_1", model.file.clone())];
        for form in ["Q8_0", "Q4_0"] {
            let file = place.cache.join("peer").join(format!("smollm2-135m.{form}.gguf"));
            if !file.is_file() {
                std::fs::create_dir_all(place.cache.join("peer")).context("no place for files")?;
                let mut make = python.script(place, "requantise.py");
                shell::run(make.arg(&model.file).arg(&file).arg(form))?;
            }
            forms.push((form, file));
        }
        Ok(Contest { place, product, model, python, forms })
    }

    /// One measurement of the product: three questions as a user asks them, then its own phases.
    fn ours(&self, threads: u32) -> Result<Value> {
        let first = self.ask("short.txt", 1, threads)?;
        let decode = self.ask("short.txt", 1 + DECODE_TOKENS, threads)?;
        let prefill = self.ask("prompt.txt", 1, threads)?;
        let (before, decoded) = (&first.cpu_ms, decode.tokens - first.tokens);
        if first.prompt_tokens != SHORT_TOKENS {
            bail!("short.txt has {} tokens, not {SHORT_TOKENS}", first.prompt_tokens);
        }
        let peaks = [&first, &decode, &prefill].map(|asked| asked.peak_bytes);
        let mut bench = self.product.command();
        bench.args(["model", "bench", &self.model.id, "--json", "--runs", "1", "--threads"]);
        let phases = self.product.json(bench.arg(threads.to_string()))?;
        let said = json!({
            "decode": {
                "tokens": decoded,
                "tok_s": decode.decode_tok_s,
                "cpu_ms_per_token": (decode.cpu_ms - before) / decoded,
            },
            "prefill": {
                "tokens": prefill.prompt_tokens,
                "tok_s": prefill.prefill_tok_s,
                "cpu_ms_per_token": (prefill.cpu_ms - before) / (PROMPT_TOKENS - SHORT_TOKENS),
            },
            "peak_bytes": peaks.into_iter().fold(0.0, f64::max),
            "phases": phases,
        });
        same_work(&said, "the product").map(|()| said)
    }

    /// Asks in a fresh process, without the chat template, and measures that process.
    fn ask(&self, prompt: &str, max_tokens: u32, threads: u32) -> Result<Asked> {
        let mut ask = self.product.command();
        ask.args(["ask", "--json", "--raw", "--temperature", "0", "--repetition-penalty", "1"]);
        ask.args(["--model", &self.model.id, "--threads", &threads.to_string()]);
        ask.args(["--max-tokens", &max_tokens.to_string()]);
        ask.arg("--prompt-file").arg(self.place.script(prompt));
        let mut measure = self.python.script(self.place, "measure.py");
        measure.envs(self.product.environment());
        let cost = self.product.json(measure.arg(ask.get_program()).args(ask.get_args()))?;
        let stdout = field(&cost, "/stdout")?.as_str().context("stdout is text")?;
        let said: Value = serde_json::from_str(stdout).context("ask --json prints JSON")?;
        Ok(Asked {
            prompt_tokens: number(&said, "/usage/prompt_tokens")?,
            tokens: number(&said, "/usage/completion_tokens")?,
            prefill_tok_s: number(&said, "/timing/prefill_tok_s")?,
            decode_tok_s: number(&said, "/timing/decode_tok_s").unwrap_or_default(),
            cpu_ms: number(&cost, "/cpu_ms")?,
            peak_bytes: number(&cost, "/peak_bytes")?,
        })
    }

    /// One measurement of llama.cpp.
    fn peer(&self, file: &Path, threads: u32) -> Result<Value> {
        let mut command = self.python.script(self.place, "peer.py");
        command.arg(file).arg(threads.to_string());
        command.args(["prompt.txt", "short.txt"].map(|prompt| self.place.script(prompt)));
        command.arg(DECODE_TOKENS.to_string());
        // llama.cpp tells its whole start-up on stderr.
        let said = self.product.json(command.stderr(Stdio::null()))?;
        same_work(&said, "llama.cpp").map(|()| said)
    }
}

/// What one question cost, seen from inside (speeds) and from outside (the rest).
struct Asked {
    prompt_tokens: f64,
    tokens: f64,
    prefill_tok_s: f64,
    /// 0 where only one token was asked for.
    decode_tok_s: f64,
    cpu_ms: f64,
    peak_bytes: f64,
}

/// Both sides must have computed what was asked, or their speeds compare nothing.
fn same_work(said: &Value, who: &str) -> Result<()> {
    for (phase, wanted) in [("prefill", PROMPT_TOKENS), ("decode", f64::from(DECODE_TOKENS))] {
        let tokens = number(said, &format!("/{phase}/tokens"))?;
        if tokens != wanted {
            bail!("{who} ran {tokens} tokens of {phase}, not {wanted}");
        }
    }
    Ok(())
}
