//! The words of `account` and `chain`.

use clap::Subcommand;
use std::path::PathBuf;

/// Where a node is asked.
#[derive(Clone, Debug, clap::Args)]
pub struct Rpc {
    /// The node's port for wallets
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8545")]
    pub rpc: String,
}

/// Where a password comes from.
#[derive(Clone, Debug, clap::Args)]
pub struct Password {
    /// File whose first line is the password [default: it is asked for]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// The verbs of `account`.
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Make a key and keep it, encrypted
    New {
        /// Password.
        #[command(flatten)]
        password: Password,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Keep a key that is there already
    Import {
        /// File with the key in 64 hexadecimal digits; `-` is stdin
        key: PathBuf,
        /// Password.
        #[command(flatten)]
        password: Password,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the addresses of the keys that are kept
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print a key, for another wallet
    Export {
        /// Its address
        address: String,
        /// Password.
        #[command(flatten)]
        password: Password,
    },
    /// Print what an account holds
    Balance {
        /// Its address
        address: String,
        /// Node.
        #[command(flatten)]
        rpc: Rpc,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Send tokens, and wait until that is final
    Send {
        /// The address that pays, whose key is kept here
        #[arg(long, value_name = "0x...")]
        from: String,
        /// The address that is paid
        #[arg(long, value_name = "0x...")]
        to: String,
        /// Tokens, with up to 18 digits after the point
        #[arg(long, value_name = "TOKENS")]
        value: String,
        /// Node.
        #[command(flatten)]
        rpc: Rpc,
        /// Password.
        #[command(flatten)]
        password: Password,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// The verbs of `chain`.
#[derive(Debug, Subcommand)]
pub enum Chain {
    /// Say how far a node's chain is
    Status {
        /// Node.
        #[command(flatten)]
        rpc: Rpc,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Fetch a block's header with the proof that it is final
    Header {
        /// Number of the block
        number: u64,
        /// Node.
        #[command(flatten)]
        rpc: Rpc,
        /// Where to write the proof
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check such a proof offline, with the genesis file alone
    #[command(after_help = "Exit status: 0 the block is final, 1 refused.")]
    VerifyHeader {
        /// What `chain header` wrote
        file: PathBuf,
        /// Where the chain begins
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the name of the chain that a genesis file makes: the hash of its block 0
    Genesis {
        /// The file
        file: PathBuf,
    },
}
