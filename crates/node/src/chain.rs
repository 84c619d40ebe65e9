//! A chain on this machine: what is final, what waits for a block, and who is told.
//!
//! Consensus and the JSON-RPC server meet here. Invariant: whoever is told of a block finds it in
//! [`Chain::tip`], and its transactions gone from the mempool.

mod codes;
mod database;
mod error;
mod file;
mod history;
mod lane;
mod mempool;
mod past;
mod pool;
mod refused;
mod snapshot;
mod tables;
mod unwritten;
mod write;

pub use database::{Certified, SYNC_BLOCKS, Tip};
pub use error::Error;
pub use mempool::{Added, Mempool, Origin};
pub use pool::{PoolLimits, Waiting};
pub use refused::Refused;
pub use snapshot::Snapshot;

use alloy_consensus::ReceiptEnvelope;
use alloy_primitives::B256;
use database::{Database, Grown};
use redb::StorageBackend;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use terroir_ledger::{Block, Executed};
use tokio::sync::watch;

/// Blocks that are kept in memory, because everybody asks for them.
const RECENT_MAX: usize = 32;

/// A block that is final, and what it did.
#[derive(Debug)]
pub struct Final {
    /// The block.
    pub block: Arc<Block>,
    /// Its hash.
    pub hash: B256,
    /// Receipts, one a transaction.
    pub receipts: Arc<Vec<ReceiptEnvelope>>,
    size: OnceLock<usize>,
}

impl Final {
    fn new(block: Arc<Block>, hash: B256, receipts: Arc<Vec<ReceiptEnvelope>>) -> Final {
        Final { block, hash, receipts, size: OnceLock::new() }
    }

    /// Bytes of the block.
    pub fn size(&self) -> usize {
        // Many ask for a new one, and encoding it takes time.
        *self.size.get_or_init(|| self.block.encode().len())
    }
}

/// What consensus knows of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Nodes that are connected.
    pub peers: usize,
    /// The highest block that others have; of no use once it is here.
    pub highest: u64,
}

/// A chain that is open.
pub struct Chain {
    database: Database,
    mempool: Mempool,
    tip: watch::Sender<Arc<Tip>>,
    network: watch::Sender<Network>,
    /// Held while a block is committed.
    committing: Mutex<()>,
    /// Ascending.
    recent: Mutex<VecDeque<Arc<Final>>>,
}

impl Chain {
    /// Opens the file at `path` for the chain of the genesis file `text`, or makes it.
    ///
    /// Errors: `Ledger` for the genesis file; `Format` and `Genesis` for a file of another format or
    /// chain; `Disk` where it cannot be opened, because another process has it for example.
    pub fn open(path: &Path, text: &str, limits: PoolLimits) -> Result<Chain, Error> {
        Chain::new(Database::open(path, text)?, limits)
    }

    /// The same on any storage; `name` stands for it in errors. For the simulator's disks.
    pub fn open_on(
        storage: impl StorageBackend,
        name: &Path,
        text: &str,
        limits: PoolLimits,
    ) -> Result<Chain, Error> {
        Chain::new(Database::open_on(storage, name, text)?, limits)
    }

    fn new(database: Database, limits: PoolLimits) -> Result<Chain, Error> {
        let tip = database.tip()?;
        let mempool = Mempool::new(database.chain().id, limits, &tip)?;
        let tip = watch::Sender::new(Arc::new(tip));
        let (network, committing, recent) = Default::default();
        Ok(Chain { database, mempool, tip, network, committing, recent })
    }

    /// What is fixed about the chain.
    pub fn chain(&self) -> &terroir_ledger::Chain {
        self.database.chain()
    }

    /// The hash of block 0: the name of the chain.
    pub fn genesis(&self) -> B256 {
        self.database.genesis()
    }

    /// What waits for a block.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// The last final block, and everything until then.
    pub fn tip(&self) -> Arc<Tip> {
        self.tip.borrow().clone()
    }

    /// The tip, and every later one; who is slow sees the newest only.
    pub fn tips(&self) -> watch::Receiver<Arc<Tip>> {
        self.tip.subscribe()
    }

    /// What is known of the network: written by consensus, read by clients.
    pub fn network(&self) -> &watch::Sender<Network> {
        &self.network
    }

    /// Takes the block after the tip, as [`Chain::commit_all`] does.
    pub fn commit(
        &self,
        executed: &Executed,
        certificate: Option<&[u8]>,
    ) -> Result<Arc<Tip>, Error> {
        self.commit_all(&[(executed, certificate)])
    }

    /// Takes the blocks after the tip, which are final: readable, and out of the mempool, on return;
    /// all or none of them. A crash takes fewer than [`SYNC_BLOCKS`] blocks, and never the last of an
    /// epoch; the end of the value takes none. Those that are kept already change nothing. Blocks on the
    /// disk.
    ///
    /// Errors: `Gap`, `Parent` and `Fork` for a block that is not next; `Database`.
    pub fn commit_all(&self, blocks: &[Certified<'_>]) -> Result<Arc<Tip>, Error> {
        let _committing = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.tip();
        let Some(Grown { tip, blocks: new }) = self.database.commit(&before, blocks)? else {
            return Ok(before);
        };
        self.remember(new);
        let mut new = blocks.iter().filter(|(executed, _)| before.is_below(executed));
        let cleared = new.try_for_each(|(executed, _)| self.mempool.committed(&tip, executed));
        self.tip.send_replace(tip.clone());
        cleared?;
        Ok(tip)
    }

    /// Writes the blocks that are in memory alone: no crash takes them from then on. Blocks on the disk.
    ///
    /// Errors: `Database`.
    pub fn settle(&self) -> Result<(), Error> {
        let _committing = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = Arc::new(self.database.settle(&self.tip())?);
        // The same block, so nobody is told.
        self.tip.send_if_modified(|tip| {
            *tip = settled;
            false
        });
        Ok(())
    }

    fn remember(&self, blocks: Vec<Arc<Final>>) {
        let mut recent = self.recent();
        recent.extend(blocks);
        let old = recent.len().saturating_sub(RECENT_MAX);
        recent.drain(..old);
    }

    fn recent(&self) -> MutexGuard<'_, VecDeque<Arc<Final>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block `number` and what it did, as `tip` has it.
    pub fn block(&self, tip: &Tip, number: u64) -> Result<Option<Arc<Final>>, Error> {
        if number > tip.header.number {
            return Ok(None);
        }
        let found = self.recent().iter().find(|one| one.block.header.number == number).cloned();
        if found.is_some() {
            return Ok(found);
        }
        let gone = || Error::damaged("block", format!("block {number} is missing"));
        let block = tip.kept.block(number)?.ok_or_else(gone)?;
        let hash = tip.kept.hash(number)?.ok_or_else(gone)?;
        let receipts = tip.kept.receipts(number)?.ok_or_else(gone)?;
        Ok(Some(Arc::new(Final::new(Arc::new(block), hash, Arc::new(receipts)))))
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // A crash would take the newest blocks, and an end that was asked for takes none.
        if let Err(error) = self.settle() {
            tracing::warn!(%error, "the newest blocks are not in the file; they are fetched again");
        }
    }
}
