//! `cargo xtask digests`: one request, many ways to compute it, one answer.
//!
//! For CI; the slow suite runs more combinations through the same code. Invariant: a combination
//! differs only in how the answer is computed, never in what is asked.

use anyhow::{Result, bail};

use crate::place::Place;
use crate::product::{Product, SOURCE, field};
use crate::shell;

/// One way to compute an answer.
#[derive(Clone, Copy)]
pub struct Way {
    /// The forced instruction set, as `TERROIR_ISA` names it.
    pub isa: &'static str,
    /// The number of threads.
    pub threads: u32,
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The model's id.
    pub model: &'a str,
    /// The question.
    pub question: &'a str,
    /// The answer's length at most, in tokens.
    pub max_tokens: u32,
}

/// Asks one sampled question in several ways on this machine.
pub fn run(place: &Place) -> Result<()> {
    let product = Product::build(place)?;
    let model = product.pull(SOURCE, "fast")?.id;
    let ask = Ask { model: &model, question: "Name three rivers of Europe.", max_tokens: 32 };
    let digests = native()
        .iter()
        .flat_map(|&isa| [1, 2].map(|threads| Way { isa, threads }))
        .map(|way| digest(&product, &ask, way))
        .collect::<Result<Vec<_>>>()?;
    all_equal(&digests)
}

/// The instruction sets that this machine can run.
pub fn native() -> &'static [&'static str] {
    if cfg!(target_arch = "aarch64") {
        return &["portable", "neon"];
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        let vnni = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512vnni");
        return if vnni { &["portable", "avx2", "avx512"] } else { &["portable", "avx2"] };
    }
    &["portable"]
}

/// The output digest of one way, printed with the way.
pub fn digest(product: &Product, ask: &Ask<'_>, way: Way) -> Result<String> {
    let mut command = product.command();
    command.env("TERROIR_ISA", way.isa).args(["ask", "--json", "--seed", "7"]).args([
        "--temperature",
        "0.9",
        "--model",
        ask.model,
        "--threads",
        &way.threads.to_string(),
        "--max-tokens",
        &ask.max_tokens.to_string(),
        ask.question,
    ]);
    let said = product.json(&mut command)?;
    let Some(digest) = field(&said, "/output_digest")?.as_str() else {
        bail!("output_digest is not a string, from: {}", shell::line(&command));
    };
    eprintln!("{digest}  {} threads={}", way.isa, way.threads);
    Ok(digest.to_owned())
}

/// Errors: when two digests differ, or there is none.
pub fn all_equal(digests: &[String]) -> Result<()> {
    match digests.split_first() {
        None => bail!("no digest was computed"),
        Some((first, rest)) if rest.iter().all(|other| other == first) => {
            eprintln!("{} ways, one digest", digests.len());
            Ok(())
        }
        Some(_) => bail!("the digests differ: exactness is broken"),
    }
}
