//! `cargo xtask bench NAME`: measures the product against a peer, side by side in one run.
//!
//! For whoever makes a claim about speed or quality; docs/benchmarks.md holds the results. Invariant:
//! both sides get the same file, the same words and the same number of threads, in turn.

mod chain;
mod corpus;
mod llm;
mod quality;
mod sample;
mod table;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::place::Place;
use crate::shell;
use table::Table;

/// What can be measured.
#[derive(Subcommand)]
pub enum Bench {
    /// Speed and memory against llama.cpp (Python package `xllamacpp`), on the same model file.
    Llm {
        /// How often each figure is measured; the median counts.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Exit with an error when a gate is missed.
        #[arg(long)]
        check: bool,
    },
    /// The data chain against datatrove, on a corpus of known truth (needs Debian's `apt-get`).
    Corpus {
        /// How often each speed is measured; the median counts.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Exit with an error when a gate is missed.
        #[arg(long)]
        check: bool,
    },
    /// Four validators on this machine: finality, transfers, kills, memory.
    Chain {
        /// How long transfers are sent.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Exit with an error when a gate is missed.
        #[arg(long)]
        check: bool,
    },
    /// Both numeric profiles against a float32 reference of the same model file.
    Quality {
        /// Exit with an error when a gate is missed.
        #[arg(long)]
        check: bool,
    },
}

/// Measures, prints the table, and writes it to `target/bench`.
///
/// Errors: a side that cannot run, or a missed gate where gates are checked.
pub fn run(place: &Place, what: &Bench) -> Result<()> {
    let (name, table, check) = match what {
        Bench::Llm { rounds, check } => ("llm", llm::measure(place, *rounds)?, *check),
        Bench::Corpus { rounds, check } => ("corpus", corpus::measure(place, *rounds)?, *check),
        Bench::Chain { seconds, check } => ("chain", chain::measure(place, *seconds)?, *check),
        Bench::Quality { check } => ("quality", quality::measure(place)?, *check),
    };
    finish(place, name, &table, check)
}

fn finish(place: &Place, name: &str, table: &Table, check: bool) -> Result<()> {
    let folder = place.bench();
    std::fs::create_dir_all(&folder).context("cannot make the folder for results")?;
    let (json, text) = (folder.join(format!("{name}.json")), folder.join(format!("{name}.md")));
    let report = format!("{}\n{}", conditions(place, name), table.markdown());
    std::fs::write(&json, table.json()).context("cannot write the rows")?;
    std::fs::write(&text, &report).context("cannot write the table")?;
    println!("{report}");
    eprintln!("written to {} and {}", json.display(), text.display());
    table.check(check)
}

/// The lines above a table that make it repeatable: command, commit and machine.
fn conditions(place: &Place, name: &str) -> String {
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        shell::text(git.current_dir(&place.root).args(args)).unwrap_or_default().trim().to_owned()
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let changed = if git(&["status", "--porcelain"]).is_empty() { "" } else { " with changes" };
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "Command: `cargo xtask bench {name}`\nCommit: {commit}{changed}\nMachine: {}, {cores} cores\n",
        cpu.trim_start_matches([' ', '\t', ':'])
    )
}
