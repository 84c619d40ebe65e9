//! The words of `devnet` and `node`.

use clap::Subcommand;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use terroir_base::sign::PublicKey;

/// The verbs of `devnet`.
#[derive(Debug, Subcommand)]
pub enum Devnet {
    /// Start validators as processes on this machine, with funded accounts
    Up(DevnetUp),
    /// End them; the chain stays, and `up` goes on with it
    Down {
        /// Where it lies [default: devnet in the home folder]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Also remove the chain and its keys
        #[arg(long)]
        forget: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say which processes run and how far they are
    Status {
        /// Where it lies [default: devnet in the home folder]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Measure it: payments one by one, then as many as it takes
    Load {
        /// Where it lies [default: devnet in the home folder]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Payments that are sent one by one
        #[arg(long, value_name = "N", default_value_t = 100)]
        alone: u64,
        /// Seconds in which as many are sent as are taken
        #[arg(long, value_name = "SECONDS", default_value_t = 20)]
        seconds: u64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print what a validator says
    Logs {
        /// Which: 0 is the first
        #[arg(default_value_t = 0)]
        validator: usize,
        /// Where it lies [default: devnet in the home folder]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// `devnet up`.
#[derive(Debug, clap::Args)]
pub struct DevnetUp {
    /// Where everything is kept [default: devnet in the home folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Validators
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=10))]
    pub validators: u16,
    /// The first port for wallets; the others follow, and those for peers begin 1000 above
    #[arg(long, value_name = "PORT", default_value_t = 8545,
        value_parser = clap::value_parser!(u16).range(1..=64_000))]
    pub port: u16,
    /// The chain's id
    #[arg(long, value_name = "N", default_value_t = 7_701)]
    pub chain_id: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The verbs of `node`.
#[derive(Debug, Subcommand)]
pub enum Node {
    /// Make the folder of a node: its keys, and its settings where a genesis file is given
    Init(Box<NodeInit>),
    /// Run the node until it is told to end
    Run {
        /// Its settings, in the folder that has everything else
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// What is told on stderr: error, warn, info or debug
        #[arg(long, value_name = "LEVEL", default_value = "info")]
        log: tracing::Level,
    },
}

/// `node init`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --genesis it prints the entry of a genesis file for this node as a \
validator: give --chain-id and --address."
)]
pub struct NodeInit {
    /// The folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Where the chain begins
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// Where to listen for peers
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:30301")]
    pub listen: SocketAddr,
    /// Where peers reach it, if elsewhere
    #[arg(long, value_name = "ADDRESS")]
    pub public: Option<SocketAddr>,
    /// Where to listen for wallets
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8545")]
    pub rpc: SocketAddr,
    /// Another node, as KEY@ADDRESS; may be given again
    #[arg(long = "peer", value_name = "KEY@ADDRESS")]
    pub peers: Vec<PeerArg>,
    /// The port for wallets of a node to follow, without keys and without a seat; may be given again
    #[arg(long, value_name = "URL", requires = "genesis",
        conflicts_with_all = ["listen", "public", "peers"])]
    pub follow: Vec<String>,
    /// The id of the chain that the entry is for
    #[arg(long, value_name = "N", requires = "address", conflicts_with = "genesis")]
    pub chain_id: Option<u64>,
    /// The account of the validator
    #[arg(long, value_name = "0x...", requires = "chain_id")]
    pub address: Option<String>,
    /// What it stakes, in tokens
    #[arg(long, value_name = "TOKENS", default_value_t = 10_000)]
    pub stake: u64,
}

/// Another node and where it is.
#[derive(Clone, Debug)]
pub struct PeerArg {
    /// Its identity.
    pub identity: PublicKey,
    /// Where it listens.
    pub address: SocketAddr,
}

impl FromStr for PeerArg {
    type Err = String;

    fn from_str(text: &str) -> Result<PeerArg, String> {
        let (key, address) = text.split_once('@').ok_or("expected KEY@ADDRESS")?;
        let identity = key.parse().map_err(|error| format!("{error}"))?;
        let address = address.parse().map_err(|error| format!("{address:?}: {error}"))?;
        Ok(PeerArg { identity, address })
    }
}
