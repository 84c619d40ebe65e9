//! The words of `ask`.
//!
//! Invariant: fractions are kept in millionths from the first moment, never as floats.

use super::Threads;
use std::path::PathBuf;
use terroir_api::decimal::micro;

/// `ask`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The defaults of sampling suit small models: mostly the likeliest token, a \
little variety. The same model, settings, seed and question give the same answer on every machine."
)]
pub struct Ask {
    /// The question
    #[arg(required_unless_present = "prompt_file")]
    pub question: Option<String>,
    /// Name or id of a model; see `terroir model list` [default: SmolLM2-135M-Instruct, fetched on
    /// first use]
    #[arg(long)]
    pub model: Option<String>,
    /// How tokens are drawn.
    #[command(flatten)]
    pub sampling: Sampling,
    /// Text that ends the answer and is left out of it; may be given again
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub stop: Vec<String>,
    /// Longest answer, in tokens [default: 512, or what the context leaves]
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u32>,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Take the question from a file; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "question")]
    pub prompt_file: Option<PathBuf>,
    /// Continue the text as it stands, without the model's chat template
    #[arg(long, conflicts_with = "system")]
    pub raw: bool,
    /// What the model is told before the question
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub system: Option<String>,
    /// Print one JSON object at the end instead of the answer as it comes
    #[arg(long)]
    pub json: bool,
}

/// How tokens are drawn; fractions in millionths.
#[derive(Debug, clap::Args)]
pub struct Sampling {
    /// Names the random choices; the same seed gives the same answer [default: a random one]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// 0 takes the likeliest token; 1 draws as the model has learnt
    #[arg(long, value_name = "T", default_value = "0.2", value_parser = micro)]
    pub temperature: u32,
    /// Draw from the K likeliest tokens only; 0 is off
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub top_k: u32,
    /// Draw from the likeliest tokens that together have the share P; 1 is off
    #[arg(long, value_name = "P", default_value = "0.9", value_parser = micro)]
    pub top_p: u32,
    /// Draw from tokens at least P times as likely as the likeliest; 0 is off
    #[arg(long, value_name = "P", default_value = "0", value_parser = micro)]
    pub min_p: u32,
    /// Make tokens that occurred less likely; 1 is off
    #[arg(long, value_name = "R", default_value = "1.05", value_parser = micro)]
    pub repetition_penalty: u32,
}
