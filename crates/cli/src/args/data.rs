//! The words of `data`.
//!
//! Invariant: a version is named by its id, the start of one or a tag everywhere in the same way.

use super::Threads;
use super::lead::{Batches, Check, CheckPresent, Lead, ProvePresent};
use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;
use terroir_node::process::bytes;

/// The verbs of `data`.
#[derive(Debug, Subcommand)]
pub enum Data {
    /// Execute a recipe: read, measure, judge, and keep the version that comes out
    Run(Run),
    /// Show what a run would do and what is known already
    Plan(Plan),
    /// List the versions that are here
    List {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Print what a version is
    Show {
        /// Version
        version: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Tell the whole story of one record: what each stage said and why it is in or out
    Explain(Explain),
    /// Compare two versions: records, verdicts, reasons
    Diff {
        /// The earlier version
        a: String,
        /// The later version
        b: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Add files to a version; only they and what they touch are measured
    Append(Append),
    /// Take back what a contributor gave: a new version, and the versions that had it
    Withdraw(Withdraw),
    /// Recompute verdicts and compare them with what was committed
    Audit(Audit),
    /// Write a proof that no other record shares a key with one, or no evaluation set its words
    ProveAbsent(ProveAbsent),
    /// Check such a proof with a version's version.cbor and recipe and the record's text, offline
    CheckAbsent(CheckAbsent),
    /// Write the records that pass to files
    Export(Export),
    /// Estimate what records and those who gave them are worth to a scorer, apart from what was used
    Value(Value),
    /// Write the records that pass by contributor, encrypted to named readers
    Seal(Seal),
    /// Open what `seal` wrote, and compare it with its manifest
    Unseal(Unseal),
    /// Write one HTML page that shows what happened to the data
    Report(Report),
    /// Say which records stand in the way of training, gate by gate
    #[command(after_help = "Exit status: 0 every gate is passed, 1 records stand in the way.")]
    Gate(Lead),
    /// Pass the gates, then make tokens and a signed manifest that fixes every batch
    #[command(after_help = "Exit status: 0 it is done, 1 records stand in the way.")]
    Lead(Lead),
    /// Write batches of a manifest to files, or serve them; every digest is checked
    Batches(Batches),
    /// Make sequences of a manifest again from the records and compare
    Check(Check),
    /// Write a proof of which records stand in a batch, or in which batches a record stands
    ProvePresent(ProvePresent),
    /// Check such a proof, offline and with nothing else
    CheckPresent(CheckPresent),
    /// Let a short name stand for a version
    Tag {
        /// The name
        tag: String,
        /// Version
        version: String,
    },
}

/// What decides how a run runs, and never what comes out.
#[derive(Debug, clap::Args)]
pub struct Work {
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Memory to stay within, with K, M or G
    #[arg(long, value_name = "BYTES", default_value = "2G", value_parser = bytes)]
    pub memory: u64,
    /// Text in one shard, with K, M or G [default: 64M, less where memory is small]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub shard: Option<u64>,
}

/// What every verb that makes a version is told.
#[derive(Debug, clap::Args)]
pub struct Make {
    /// Work.
    #[command(flatten)]
    pub work: Work,
    /// Let this tag stand for the new version
    #[arg(long)]
    pub tag: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A recipe, and what is changed in it.
#[derive(Debug, clap::Args)]
pub struct Changed {
    /// The recipe, TOML
    pub recipe: PathBuf,
    /// Another value for a key, e.g. source.path=DIR or policy.thresholds.minhash.threshold=0.8
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// `data run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// Which recipe.
    #[command(flatten)]
    pub changed: Changed,
    /// How, and what to say.
    #[command(flatten)]
    pub make: Make,
}

/// `data plan`.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// Which recipe.
    #[command(flatten)]
    pub changed: Changed,
    /// Work.
    #[command(flatten)]
    pub work: Work,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data explain`.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// Id of the record, the start of one, or the name that its source gave it
    pub record: String,
    /// Version [default: the latest that was made here]
    #[arg(long)]
    pub version: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data append`.
#[derive(Debug, clap::Args)]
pub struct Append {
    /// Version
    pub version: String,
    /// Files, folders or globs to add
    #[arg(required = true)]
    pub paths: Vec<String>,
    /// How, and what to say.
    #[command(flatten)]
    pub make: Make,
}

/// `data withdraw`.
#[derive(Debug, clap::Args)]
pub struct Withdraw {
    /// Version
    pub version: String,
    /// The contributor, as records name them
    #[arg(long, required = true)]
    pub contributor: Vec<String>,
    /// How, and what to say.
    #[command(flatten)]
    pub make: Make,
}

/// `data audit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 all that was recomputed is equal, 1 something differs.")]
pub struct Audit {
    /// Version
    pub version: String,
    /// How much.
    #[command(flatten)]
    pub drawn: Drawn,
}

/// What is made again, and how that is told.
#[derive(Debug, clap::Args)]
pub struct Drawn {
    /// Leaves to draw; 459 miss a cheat on 1 % of them with probability 1 %
    #[arg(long, value_name = "N", default_value_t = 459,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: u32,
    /// Something nobody knew when it was signed, e.g. a later block; mixed into the draw
    #[arg(long, value_name = "TEXT")]
    pub beacon: Option<String>,
    /// Make every leaf again
    #[arg(long, conflicts_with = "sample")]
    pub full: bool,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data prove-absent`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 the proof is written, 1 something else has what the record has."
)]
pub struct ProveAbsent {
    /// Version
    pub version: String,
    /// Id of the record, the start of one, or the name that its source gave it
    pub record: String,
    /// A stage that compares records or has evaluation sets [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// The file that the proof goes to
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data check-absent`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 the proof shows it, 1 the proof is refused.")]
pub struct CheckAbsent {
    /// The proof
    pub proof: PathBuf,
    /// The version, its version.cbor
    #[arg(long, value_name = "FILE")]
    pub version: PathBuf,
    /// The record's text as it was read; - is stdin
    #[arg(long, value_name = "FILE")]
    pub text: PathBuf,
    /// The version's recipe [default: recipe.toml beside the version]
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// The stage that it must be about [default: the one that it names]
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// The record that it must be about [default: the one that it names]
    #[arg(long, value_name = "ID")]
    pub record: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Form of exported files.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Form {
    /// One JSON object a line
    Jsonl,
    /// Parquet, zstd
    Parquet,
}

/// `data export`.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Version
    pub version: String,
    /// Form of the files
    #[arg(long, value_enum, default_value = "jsonl")]
    pub format: Form,
    /// The folder that they go to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data value`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status of --check: 0 the document is what a replay gives, 1 it is not."
)]
pub struct Value {
    /// Version
    pub version: String,
    /// What to value by, TOML: seed, validation, label, group
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The document; its signed claim goes beside it
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write nothing: replay, and compare with the document that is there
    #[arg(long)]
    pub check: bool,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data seal`.
#[derive(Debug, clap::Args)]
pub struct Seal {
    /// Version
    pub version: String,
    /// Who may read: a key as `age-keygen` prints it, age1...; several times for several
    #[arg(long, value_name = "KEY", required = true)]
    pub recipient: Vec<String>,
    /// The folder that they go to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data unseal`.
#[derive(Debug, clap::Args)]
pub struct Unseal {
    /// The folder that `seal` wrote
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The file of one's own key, as `age-keygen` writes it
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// The node that must have sealed it [default: any; it is named]
    #[arg(long, value_name = "KEY")]
    pub node: Option<String>,
    /// The folder that records go to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data report`.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// Version
    pub version: String,
    /// The file [default: NAME-report.html here]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
