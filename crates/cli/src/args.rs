//! What was typed, and nothing else: the grammar of the command line.
//!
//! For `main`. Invariant: parsing touches no file, and nothing below the command's own module reads
//! these structures; each command resolves them once into what is meant.

mod account;
mod ask;
mod chain;
mod data;
mod lead;
mod model;
mod serve;

pub use account::{Account, Chain, Password, Rpc};
pub use ask::Ask;
pub use chain::{Devnet, DevnetUp, Node, NodeInit, PeerArg};
pub use data::{
    Append, Audit, CheckAbsent, Data, Explain, Export, Form, Plan, ProveAbsent, Report, Run, Seal,
    Unseal, Value, Withdraw, Work,
};
pub use lead::{BatchForm, Batches, Check as CheckManifest, CheckPresent, Lead, ProvePresent};
pub use model::{Bench, Logits, Model, Pull, Score, Trace};
pub use serve::Serve;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use terroir_base::sign::PublicKey;

/// An open network where data, models and answers carry receipts that anyone can check.
#[derive(Debug, Parser)]
#[command(name = "terroir", version = crate::VERSION, disable_help_subcommand = true)]
pub struct Args {
    /// Where models, keys and receipts are kept [default: $TERROIR_HOME, else
    /// $XDG_DATA_HOME/terroir, else ~/.local/share/terroir]
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The first word.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask a model on this machine; the answer streams to stdout and leaves a receipt
    Ask(Box<Ask>),
    /// Check and show receipts
    #[command(subcommand)]
    Receipt(Receipt),
    /// Get, list, measure and inspect models
    #[command(subcommand)]
    Model(Model),
    /// Turn raw data into dataset versions whose every verdict can be recomputed
    #[command(subcommand)]
    Data(Box<Data>),
    /// Serve models over HTTP, as OpenAI clients expect it, with a receipt for each answer
    Serve(Serve),
    /// Keep keys, send tokens
    #[command(subcommand)]
    Account(Account),
    /// Look at a chain, and check offline that a block is final
    #[command(subcommand)]
    Chain(Chain),
    /// Start, watch and end a chain of several validators on this machine, for development
    #[command(subcommand)]
    Devnet(Devnet),
    /// Run a node of a chain
    #[command(subcommand)]
    Node(Node),
    /// Look after the files of all models
    #[command(subcommand)]
    Store(Store),
}

/// How many threads compute.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Threads {
    /// Threads that compute; changes the speed, never the result [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

/// The verbs of `receipt`.
#[derive(Debug, Subcommand)]
pub enum Receipt {
    /// Check receipts offline; prints what was established and what was not looked at
    Check(Check),
    /// Print the key that signs the receipts of this home, for others to give as --node
    Key {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print every field of a receipt; checks only its form and its signature
    Show {
        /// The receipt
        file: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// `receipt check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 all that was checked holds, 1 rejected, 2 not decided.")]
pub struct Check {
    /// The receipt; of several, also how they follow one another in the chain of their node
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The node that must have signed; see `terroir receipt key` [default: any]
    #[arg(long, value_name = "KEY")]
    pub node: Option<PublicKey>,
    /// The request it is for [default: ID.request.json beside ID.rcpt, where there is one]
    #[arg(long, value_name = "FILE")]
    pub request: Option<PathBuf>,
    /// The answer it is for [default: ID.answer.json beside ID.rcpt, where there is one]
    #[arg(long, value_name = "FILE")]
    pub answer: Option<PathBuf>,
    /// Also run the model on the request and compare every token
    #[arg(long)]
    pub replay: bool,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The verbs of `store`.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Read every file that a model needs and compare it with its name
    Check {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove the files that no model needs
    Sweep {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::Args;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent() {
        Args::command().debug_assert();
    }
}
