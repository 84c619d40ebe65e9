//! The words of `serve`.
//!
//! Invariant: secrets come from files, never from the command line.

use super::Threads;
use std::path::PathBuf;
use terroir_node::Limits;
use terroir_node::server::HttpLimits;

/// `serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ctrl-C or SIGTERM lets running answers end, then stops; a second one stops \
at once."
)]
pub struct Serve {
    /// Name or id of the model [default: SmolLM2-135M-Instruct, fetched on first use]
    #[arg(long)]
    pub model: Option<String>,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8377")]
    pub listen: std::net::SocketAddr,
    /// File with one API key per line, readable by its owner only; without it everyone may ask
    #[arg(long, value_name = "FILE")]
    pub api_keys: Option<PathBuf>,
    /// Threads.
    #[command(flatten)]
    pub threads: Threads,
    /// Answers that may be under way at once; each may need memory for a whole context
    #[arg(long, value_name = "N", default_value_t = Limits::SERVER.sequences_max as u16,
        value_parser = clap::value_parser!(u16).range(1..=128))]
    pub sequences: u16,
    /// Requests that may wait; more are refused with 429
    #[arg(long, value_name = "N", default_value_t = Limits::SERVER.queue_max as u16)]
    pub queue: u16,
    /// Longest prompt, in tokens [default: the model's context]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub prompt_tokens: Option<u32>,
    /// Largest body of a request, in MiB
    #[arg(long, value_name = "MIB",
        default_value_t = (HttpLimits::DEFAULT.body_bytes_max >> 20) as u16,
        value_parser = clap::value_parser!(u16).range(1..=64))]
    pub body: u16,
    /// Memory for prompts that begin as earlier ones did, in MiB; each key has its own beginnings
    #[arg(long, value_name = "MIB",
        default_value_t = (Limits::SERVER.cached_bytes_max >> 20) as u32)]
    pub cache: u32,
    /// Seconds that answers under way may go on after the signal to end
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub drain: u16,
    /// What is told on stderr: error, warn, info or debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log: tracing::Level,
    /// Write the port number to a file once the server is ready
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
}
