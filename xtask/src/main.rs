//! `cargo xtask`: every chore of this repository, as one program with nothing to install.
//!
//! For contributors and for CI, which runs `cargo xtask ci` and holds no second truth.
//! Invariant: each command sets up what it needs (the model, Python packages, targets) by itself.

mod bench;
mod ci;
mod clients;
mod cluster;
mod contracts;
mod demo;
mod devnet;
mod digests;
mod node;
mod place;
mod product;
mod python;
mod shell;
mod sim;
mod slow;
mod spec;
mod state_tests;
mod test;
mod tidy;
mod wallets;
mod wasm;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::place::Place;

/// The chores of the Terroir repository.
#[derive(Parser)]
#[command(name = "cargo xtask", version, about)]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Ask the packaged model a question, then check the receipt of its answer, with a replay.
    Demo {
        /// The question.
        #[arg(default_value = "How do plants make food?")]
        question: String,
    },
    /// Check the house rules: crate edges, sizes, module docs, banned words and calls.
    Tidy,
    /// Run every test: documentation tests, then unit and integration tests.
    Test,
    /// Drive running servers with published clients: `openai`, `opengradient`, and those of `wallets`.
    Clients,
    /// Drive the JSON-RPC of a chain with viem and web3.py, and a contract compiled by solc.
    Wallets {
        /// The node; without, a chain of four is started.
        #[arg(long, value_name = "URL", requires = "key")]
        rpc: Option<String>,
        /// The private key of an account there that has money.
        #[arg(long)]
        key: Option<String>,
    },
    /// Build the checker for wasm32, and check receipts and finality with it and with the explorer's.
    Wasm {
        /// Write the one that the explorer gives to browsers.
        #[arg(long)]
        write: bool,
    },
    /// Run the golden cases of the exact dialect with the Python beside its specification.
    Spec,
    /// Compare answer digests across instruction sets and thread counts.
    Digests,
    /// Lint and test the crate for clusters, which has its own workspace: compiles 320 packages more.
    Cluster,
    /// Compile the contracts with the published compiler and compare the code of block 0.
    Contracts {
        /// Write the code instead.
        #[arg(long)]
        write: bool,
    },
    /// Run Ethereum's state tests, of a release of its execution-spec-tests, on this chain's EVM.
    StateTests {
        /// The folder `state_tests` of a release.
        folder: PathBuf,
    },
    /// Run what CI runs: format, lints, tidy, docs, spec, wasm, clients, digests, tests.
    Ci,
    /// Run whole validators in simulated time, with faults and a liar that follow from a seed.
    Sim {
        /// The first seed; alone, it is run again and its report printed.
        #[arg(long)]
        seed: u64,
        /// How many seeds, from the first on.
        #[arg(long, default_value_t = 1)]
        count: u64,
    },
    /// Run the slow suite: the aarch64 build under emulation, every digest combination, 1,000 seeds.
    Slow,
    /// Measure against a peer, print a ratio table and write `target/bench/NAME.json`.
    Bench {
        #[command(subcommand)]
        what: bench::Bench,
    },
}

fn main() -> ExitCode {
    match run(Args::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    let place = Place::find()?;
    match chore {
        Chore::Demo { question } => demo::run(&place, &question),
        Chore::Tidy => tidy::run(&place),
        Chore::Test => test::run(&place),
        Chore::Clients => clients::run(&place),
        Chore::Wallets { rpc, key } => wallets::run(&place, rpc.as_deref(), key.as_deref()),
        Chore::Wasm { write } => wasm::run(&place, write),
        Chore::Spec => spec::run(&place),
        Chore::Digests => digests::run(&place),
        Chore::Cluster => cluster::run(&place),
        Chore::Contracts { write } => contracts::run(&place, write),
        Chore::StateTests { folder } => state_tests::run(&place, &folder),
        Chore::Ci => ci::run(&place),
        Chore::Sim { seed, count } => sim::run(&place, seed, count),
        Chore::Slow => slow::run(&place),
        Chore::Bench { what } => bench::run(&place, &what),
    }
}
