//! The words of `data` that lead a version into training.
//!
//! Invariant: a manifest is named by its id, the start of one or its folder everywhere in the same
//! way.

use super::Threads;
use super::data::Drawn;
use clap::ValueEnum;
use std::path::PathBuf;

/// Which version, and by which recipe.
#[derive(Debug, clap::Args)]
pub struct Lead {
    /// Version
    pub version: String,
    /// The recipe whose sections tokenize, mixture and gate hold [default: the version's own]
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Another value for a key, e.g. tokenize.sequence=2048 or mixture.weights.wiki=0.5
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Form of batches.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BatchForm {
    /// NumPy: sequences x tokens
    Npy,
    /// Parquet: position, source and place of each sequence, and its tokens
    Parquet,
    /// The tokens alone, little-endian
    Raw,
}

/// `data batches`.
#[derive(Debug, clap::Args)]
pub struct Batches {
    /// Manifest: its id, the start of one, its folder, or the address that --serve printed
    pub manifest: String,
    /// The first batch
    #[arg(long, value_name = "T", default_value_t = 0)]
    pub from: u64,
    /// How many batches
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,
    /// Sequences of a batch
    #[arg(long, value_name = "B", required_unless_present = "serve",
        value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub size: Option<u64>,
    /// The folder that they go to
    #[arg(long, value_name = "DIR", required_unless_present = "serve")]
    pub out: Option<PathBuf>,
    /// Form of the files
    #[arg(long, value_enum, default_value = "npy")]
    pub format: BatchForm,
    /// Write nothing: serve batches of any size over HTTP, to all who reach the address; port 0 takes
    /// a free one
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8378",
        conflicts_with_all = ["from", "count", "size", "out", "format", "json"])]
    pub serve: Option<std::net::SocketAddr>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 all that was made again is equal, 1 something differs.")]
pub struct Check {
    /// Manifest: its id, the start of one, or its folder
    pub manifest: String,
    /// How much; leaves are stored sequences.
    #[command(flatten)]
    pub drawn: Drawn,
}

/// A batch, where one is named.
#[derive(Debug, clap::Args)]
pub struct Batch {
    /// All sequences of this batch, with --size
    #[arg(long, value_name = "T", requires = "size")]
    pub batch: Option<u64>,
    /// Sequences of a batch
    #[arg(long, value_name = "B", requires = "batch",
        value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub size: Option<u64>,
}

/// `data prove-present`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 the proof is written, 1 no sequence has the record.")]
pub struct ProvePresent {
    /// Manifest: its id, the start of one, or its folder
    pub manifest: String,
    /// About all sequences that have tokens of this record: its id, the start of one, or its source's
    /// name
    #[arg(
        long,
        value_name = "RECORD",
        required_unless_present = "batch",
        conflicts_with = "batch"
    )]
    pub record: Option<String>,
    /// Which batch.
    #[command(flatten)]
    pub of: Batch,
    /// The proof
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data check-present`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 the proof shows it, 1 the proof is refused.")]
pub struct CheckPresent {
    /// The proof
    pub proof: PathBuf,
    /// The manifest that it must be about [default: the one that it names]
    #[arg(long, value_name = "ID")]
    pub manifest: Option<String>,
    /// A record that must be there; its id
    #[arg(long, value_name = "ID")]
    pub record: Option<String>,
    /// Which batch.
    #[command(flatten)]
    pub of: Batch,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
