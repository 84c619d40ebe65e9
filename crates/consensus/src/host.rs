//! What consensus needs of the node around it: what is kept, and what waits to be in a block.
//!
//! All methods are called from threads that may block; none may call back into consensus and wait.

use alloy_primitives::{B256, Bytes};
use std::sync::Arc;
use terroir_ledger::{Block, Error, Executed, Store, Transaction, View};

/// The newest block that is kept, and the state after it.
#[derive(Clone)]
pub struct Tip {
    /// The block.
    pub block: Block,
    /// The state after it, over a snapshot alone.
    pub view: View,
}

/// A block that is final.
#[derive(Clone)]
pub struct Final {
    /// The block with all that came of it. Its `view` is not the state over the newest snapshot.
    pub executed: Arc<Executed>,
    /// Its certificate (`docs/format/finality.md`), where this block itself was voted final; without
    /// one it is final because a later block is. Other nodes may have others.
    pub certificate: Option<Vec<u8>>,
}

/// Two votes of one validator that contradict each other (`docs/format/evidence.md`). Both
/// signatures were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The epoch.
    pub epoch: u64,
    /// The seat.
    pub seat: u32,
    /// Kind and votes.
    pub bytes: Vec<u8>,
}

/// What became of transactions that a peer sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Whether any is new and could be in a block.
    pub new: bool,
    /// How many were looked at in vain: their sender had to be found, and then they were refused. What
    /// waits here already costs nothing and is not among them.
    pub refused: usize,
}

/// A final block as a host keeps it, and its certificate where it has one.
pub type KeptBlock = (Block, Option<Vec<u8>>);

/// Most blocks that a host may have lost when it comes back after a crash.
pub const CRASH_BLOCKS_MAX: u64 = 64;

/// The node around consensus: its database and its mempool.
pub trait Host: Send + Sync + 'static {
    /// The newest block that is kept. Asked once, at the start.
    fn tip(&self) -> Result<Tip, Error>;

    /// Keeps `blocks`, which follow the newest one in order, and gives the snapshot after the last; all
    /// or none of them. A crash may take the newest again, [`CRASH_BLOCKS_MAX`] at most, but not the last
    /// block of an epoch: consensus has them on disk and hands them over again, and forgets its votes
    /// when an epoch ends.
    ///
    /// An error stops consensus: the block is final, and a node that cannot keep it is of no use.
    fn commit(&self, blocks: &[Final]) -> Result<Arc<dyn Store>, Error>;

    /// The final block `number` and its certificate, for those that come late: consensus itself keeps
    /// the newest alone. `None` where it is not kept.
    fn block(&self, number: u64) -> Result<Option<KeptBlock>, Error>;

    /// The number of the final block with this hash. `None` where it is not kept.
    fn number(&self, hash: &B256) -> Result<Option<u64>, Error>;

    /// Transactions for a block after `view`, best first; those of one sender in the order of their
    /// nonces. Called again whenever transactions arrive while a block waits for its first.
    fn candidates(&self, view: &View) -> Vec<Transaction>;

    /// Told that a candidate cannot be in a block on the view that it was given for.
    fn left_out(&self, transaction: &Transaction, why: &str);

    /// The transaction with this hash where the host has checked it before, so that its signature is
    /// not checked again.
    fn known(&self, hash: &B256) -> Option<Transaction>;

    /// Encoded transactions (EIP-2718) that a peer sent, at most 128 KiB each and otherwise
    /// unchecked.
    fn receive(&self, transactions: Vec<Bytes>) -> Received;

    /// Told of contradicting votes; may be told twice. Keep it at once: it is in memory alone.
    fn evidence(&self, evidence: Evidence);

    /// Evidence that convicts somebody who is not punished yet, for the next block of this node.
    fn convictions(&self) -> Vec<Bytes>;
}
