//! The state after an older block, read through the nodes of its tree.
//!
//! For questions about the past. Invariant: it says what the flat state said when that block was new.

use super::snapshot::Snapshot;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use revm::state::Bytecode;
use std::sync::Arc;
use terroir_ledger::tree::Tree;
use terroir_ledger::{Error, Store, View};

/// An old state. A read takes as many lookups as the tree is deep.
pub(super) struct Past {
    /// Nodes, code and hashes of a newer state.
    kept: Arc<Snapshot>,
    /// The nodes under the root of the old one.
    nodes: View,
    number: u64,
}

impl Past {
    pub(super) fn new(kept: Arc<Snapshot>, number: u64, root: B256) -> Past {
        Past { nodes: View::new(kept.clone(), root), kept, number }
    }
}

impl Store for Past {
    fn account(&self, address: &Address) -> Result<Option<TrieAccount>, Error> {
        Tree::open(&self.nodes, self.nodes.root())?.account(address)
    }

    fn slot(&self, address: &Address, slot: &U256) -> Result<U256, Error> {
        match self.account(address)? {
            Some(account) if account.storage_root != EMPTY_ROOT_HASH => {
                Tree::open(&self.nodes, account.storage_root)?.slot(slot)
            }
            _ => Ok(U256::ZERO),
        }
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytecode>, Error> {
        self.kept.code(hash)
    }

    fn node(&self, hash: &B256) -> Result<Option<Bytes>, Error> {
        self.kept.node(hash)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, Error> {
        self.kept.hash_before(self.number, number)
    }
}
