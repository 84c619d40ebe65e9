//! The words of `terroir-cluster`.

use clap::{Parser, Subcommand};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use terroir_node::process::bytes;

/// The data chain on several machines that share a home, and SQL over what it made.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Say more on stderr: what the engine does
    #[arg(long, global = true)]
    pub verbose: bool,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Hand out work to executors
    Scheduler(Scheduler),
    /// Do the work of a scheduler, in a home that all share
    Executor(Executor),
    /// Execute a recipe as `terroir data run` does, with each shard measured by an executor
    Run(Run),
    /// Ask about the data of a home: tables versions, records, verdicts, rows.STAGE
    Sql(Sql),
}

/// `scheduler`.
#[derive(Debug, clap::Args)]
pub struct Scheduler {
    /// Address to listen on; whoever reaches it can run anything that a query or recipe can
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 for any
    #[arg(long, default_value_t = 50050)]
    pub port: u16,
    /// Seconds of silence after which an executor is lost and its work is done again
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(12..=3600))]
    pub lost_after: u64,
}

/// `executor`.
#[derive(Debug, clap::Args)]
pub struct Executor {
    /// The scheduler
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub scheduler: (String, u16),
    /// The home that all share [default: TERROIR_HOME]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Address to listen on: other executors and runs fetch results there
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    pub host: Ipv4Addr,
    /// Port to listen on; 0 for any
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Shards to measure at a time [default: one per core]
    #[arg(long)]
    pub threads: Option<NonZeroU16>,
    /// A folder of its own, for results on their way [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
}

/// `run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The recipe, TOML
    pub recipe: PathBuf,
    /// The scheduler
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub scheduler: (String, u16),
    /// The home that all share [default: TERROIR_HOME]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Another value for a key, e.g. source.path=DIR
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Threads of this process, for all but measuring [default: one per core]
    #[arg(long)]
    pub threads: Option<NonZeroU16>,
    /// Memory that this process should stay within, with K, M or G
    #[arg(long, value_name = "BYTES", default_value = "2G", value_parser = bytes)]
    pub memory: u64,
    /// Text in one shard, with K, M or G [default: 64M, less where memory is small]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub shard: Option<u64>,
    /// Let this tag stand for the version
    #[arg(long)]
    pub tag: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `sql`.
#[derive(Debug, clap::Args)]
pub struct Sql {
    /// One query; `-` or nothing for stdin
    pub query: Option<String>,
    /// The home [default: TERROIR_HOME]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Which version's records, verdicts and rows [default: the latest that was made here]
    #[arg(long)]
    pub version: Option<String>,
    /// Let the executors of this scheduler answer
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub cluster: Option<(String, u16)>,
    /// Memory to answer with here, with K, M or G
    #[arg(long, value_name = "BYTES", default_value = "2G", value_parser = bytes)]
    pub memory: u64,
    /// Most rows of an answer
    #[arg(long, default_value_t = 1000)]
    pub rows: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn address(text: &str) -> Result<(String, u16), String> {
    let wrong = || format!("expected HOST:PORT, got {text:?}");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    (!host.is_empty()).then(|| (host.to_owned(), port)).ok_or_else(wrong)
}
