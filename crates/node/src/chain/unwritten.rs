//! A final block that the file does not have yet, and what is looked up of it.

use super::Final;
use super::history;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::map::B256Map;
use alloy_primitives::{Address, B256, Bytes};
use std::sync::Arc;
use terroir_ledger::genesis::Beginning;
use terroir_ledger::{Changes, Executed};

/// What a transaction and its receipt, a log, a node or a slot takes beside its bytes, about.
const ENTRY_BYTES: usize = 256;

/// A block that is in memory alone.
pub(super) struct Unwritten {
    pub(super) block: Arc<Final>,
    pub(super) changes: Arc<Changes>,
    pub(super) certificate: Option<Bytes>,
    /// Whom its transactions have to do with, ascending, and their places, ascending.
    pub(super) history: Vec<(Address, Vec<u32>)>,
    /// Where its transactions are.
    places: B256Map<u32>,
    bytes: usize,
}

impl Unwritten {
    /// A block that was executed.
    pub(super) fn new(executed: &Executed, certificate: Option<&[u8]>) -> Unwritten {
        let Executed { block, hash, receipts, changes, .. } = executed;
        let hashes = block.transactions.iter().map(|one| *one.tx_hash());
        Unwritten {
            places: hashes.zip(0_u32..).collect(),
            history: history::of(executed),
            block: Arc::new(Final::new(block.clone(), *hash, receipts.clone())),
            changes: changes.clone(),
            certificate: certificate.map(Bytes::copy_from_slice),
            bytes: bytes(executed),
        }
    }

    /// Block 0.
    pub(super) fn first(beginning: &Beginning) -> Unwritten {
        let Beginning { block, hash, changes, .. } = beginning;
        Unwritten {
            places: B256Map::default(),
            history: Vec::new(),
            block: Arc::new(Final::new(Arc::new(block.clone()), *hash, Arc::default())),
            changes: changes.clone(),
            certificate: None,
            bytes: 0,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.block.block.header.number
    }

    /// The place of a transaction in it.
    pub(super) fn place(&self, hash: &B256) -> Option<u32> {
        self.places.get(hash).copied()
    }

    /// The transactions in it, and their places.
    pub(super) fn places(&self) -> impl Iterator<Item = (&B256, u32)> {
        self.places.iter().map(|(hash, place)| (hash, *place))
    }

    /// The places of those that `address` has to do with, ascending.
    pub(super) fn history(&self, address: &Address) -> &[u32] {
        match self.history.binary_search_by_key(address, |(address, _)| *address) {
            Ok(at) => &self.history[at].1,
            Err(_) => &[],
        }
    }

    /// The memory that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn bytes(executed: &Executed) -> usize {
    let Executed { block, receipts, changes, .. } = executed;
    let sent = block.transactions.iter().map(|one| one.encode_2718_len());
    let logs = receipts.iter().flat_map(|one| one.logs()).map(|log| log.data.data.len());
    let nodes = changes.nodes.values().map(|node| node.len());
    let codes = changes.codes.values().map(|code| code.len());
    let slots = changes.slots.keys().map(|_| 0);
    sent.chain(logs).chain(nodes).chain(codes).chain(slots).map(|bytes| bytes + ENTRY_BYTES).sum()
}
