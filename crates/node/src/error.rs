//! What can go wrong with a node, and with which file or which request.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use terroir_base::id::{ModelId, ReceiptId};
use terroir_proof::Rejected;

/// Why a call on a node failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk failed: full, not permitted, broken.
    #[error("disk operation on {} failed", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The folder is not a home, or one of another version.
    #[error("{} is not a home of this version", path.display())]
    HomeVersion {
        /// The file that should say so.
        path: PathBuf,
    },
    /// A file with secrets that others may read.
    #[error("{} has mode {mode:03o}, others must not read it: chmod 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file with secrets that does not hold what it should.
    #[error("{} holds no usable key: {problem}", path.display())]
    Secrets {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never its content.
        problem: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Entropy(getrandom::Error),
    /// The file with the names of the models was changed.
    #[error("{} line {line}: {problem}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A name that a model cannot have.
    #[error("model name {name:?} is not 1 to 100 letters, digits, `-`, `_` or inner `.`")]
    ModelName {
        /// The name.
        name: String,
    },
    /// No model is called so.
    #[error("there is no model {wanted:?} here")]
    NoModel {
        /// The name or the beginning of an id.
        wanted: String,
    },
    /// Several models have ids that start so.
    #[error("{matches} models have an id that starts with {wanted:?}")]
    AmbiguousModel {
        /// The beginning of an id.
        wanted: String,
        /// How many.
        matches: usize,
    },
    /// The log holds no such receipt.
    #[error("receipt {id} is not in the log")]
    NoReceipt {
        /// The receipt asked for.
        id: ReceiptId,
    },
    /// A receipt in the log whose bytes are not what its id says.
    #[error("receipt {id} is damaged in {}", path.display())]
    CorruptReceipt {
        /// The receipt asked for.
        id: ReceiptId,
        /// The chain that it is in.
        path: PathBuf,
    },
    /// The chain has lost a receipt that somebody may have, so it cannot be continued.
    #[error(
        "{} has lost receipt {seq}, which was given out: put the file back, or move it and \
        node.key away to begin a new chain",
        path.display()
    )]
    ChainDamaged {
        /// The chain.
        path: PathBuf,
        /// Number of the first receipt that is known to be lost.
        seq: u64,
    },
    /// Receipts that could not be written could not be taken back either.
    #[error("nothing is signed any more, because the disk failed under {}", folder.display())]
    SigningStopped {
        /// Where the chain lies.
        folder: PathBuf,
    },
    /// A file that should open a receipt does not hold what it should.
    #[error("{what}: {problem}")]
    Opening {
        /// "request file" or "answer file".
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A receipt that a checker would refuse, so it was not signed.
    #[error("no receipt can be made of this run")]
    Receipt(#[from] Rejected),
    /// The node's chain has no number left.
    #[error("the chain of receipts is full")]
    ChainFull,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] terroir_store::Error),
    /// The model refused: see its message.
    #[error(transparent)]
    Model(#[from] terroir_model::Error),
    /// A file of a model is damaged or gone.
    #[error("a file of model {id} is damaged: {problem}")]
    ModelDamaged {
        /// The model.
        id: ModelId,
        /// Which file, and what is wrong with it.
        problem: String,
    },
    /// A prompt longer than this node takes.
    #[error("prompt of {got} tokens, at most {max} are taken")]
    PromptTooLong {
        /// Its tokens.
        got: usize,
        /// Most of them.
        max: usize,
    },
    /// As many requests wait as may; come back later.
    #[error("{waiting} requests are waiting already, try again in {retry_s} s")]
    Busy {
        /// Requests in the queue.
        waiting: usize,
        /// When a place may be free, in seconds.
        retry_s: u64,
    },
    /// The engine takes nothing new: the node is shutting down.
    #[error("the node is shutting down")]
    Closing,
    /// The job was cancelled before the model began, so there is nothing to put into a receipt.
    #[error("the request was cancelled before the model began")]
    CancelledEarly,
    /// The server cannot listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The server's threads or signal handlers could not be set up.
    #[error("cannot set up the server")]
    Setup(#[source] io::Error),
    /// Dataset versions, manifests or batches: see its message.
    #[error(transparent)]
    Corpus(#[from] terroir_corpus::Error),
    /// What was asked for at an address did not come, or is not what was signed.
    #[error("{address}: {problem}")]
    Remote {
        /// The address.
        address: String,
        /// What is wrong.
        problem: String,
    },
    /// A file that says how a node runs and is not understood.
    #[error("{}: {problem}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The chain on this machine: see its message.
    #[error(transparent)]
    Chain(Box<crate::chain::Error>),
    /// The consensus engine did not start, or ended by itself.
    #[error("consensus: {0}")]
    Consensus(String),
    /// The development chain: see the message.
    #[error("devnet: {0}")]
    Devnet(String),
    /// An account on this machine.
    #[error("account {address} {problem}")]
    Account {
        /// Its address.
        address: alloy_primitives::Address,
        /// What is wrong.
        problem: String,
    },
    /// The engine's thread is gone; the log says why.
    #[error("the engine has stopped")]
    Stopped,
}

impl Error {
    /// For files whose secrets others may read or which hold no key.
    pub(crate) fn secrets<E: Display>(path: &Path) -> impl FnOnce(E) -> Error {
        let path = path.to_owned();
        move |problem| Error::Secrets { path, problem: problem.to_string() }
    }
}

/// For `map_err`: a disk error at `path`.
pub(crate) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Disk { path, source }
}
