//! What the ledger knows at a block: accounts, slots, code, and the nodes of the tree over them.
//!
//! A [`Store`] is a snapshot of what is final, flat, so that a read is one lookup. Blocks that are
//! not final yet are [`Changes`] on top of it; a [`View`] is both. Old states stay readable by their
//! root, through the nodes of the tree alone ([`crate::tree`]). Invariant: a view never changes.

use crate::error::Error;
use alloy_primitives::map::{AddressMap, B256Map, HashMap};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::TrieAccount;
use revm::state::Bytecode;
use std::sync::Arc;

/// A snapshot of the state after one block, with all nodes of all trees until then.
///
/// Errors: `Store` when it cannot be read.
pub trait Store: Send + Sync {
    /// The account at `address`, if there is one.
    fn account(&self, address: &Address) -> Result<Option<TrieAccount>, Error>;
    /// The value of a slot; zero where nothing was stored.
    fn slot(&self, address: &Address, slot: &U256) -> Result<U256, Error>;
    /// Code by its keccak-256, ready to run. It is asked for in every transaction that calls it.
    fn code(&self, hash: &B256) -> Result<Option<Bytecode>, Error>;
    /// A node of a tree by its keccak-256.
    fn node(&self, hash: &B256) -> Result<Option<Bytes>, Error>;
    /// The hash of the block `number`, among the last 256 before the one after the snapshot.
    fn block_hash(&self, number: u64) -> Result<Option<B256>, Error>;
}

/// What one block changed.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Number of the block.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Accounts as they are now; `None` where one is gone.
    pub accounts: AddressMap<Option<TrieAccount>>,
    /// Slots as they are now; zero where one is gone.
    pub slots: HashMap<(Address, U256), U256>,
    /// Code that is new.
    pub codes: B256Map<Bytecode>,
    /// Nodes of the trees that are new.
    pub nodes: B256Map<Bytes>,
}

/// The state after a block.
#[derive(Clone)]
pub struct View {
    store: Arc<dyn Store>,
    /// Of the blocks after the snapshot, ascending.
    layers: Vec<Arc<Changes>>,
    root: B256,
}

impl View {
    /// What `store` has, whose root is `root`.
    pub fn new(store: Arc<dyn Store>, root: B256) -> View {
        View { store, layers: Vec::new(), root }
    }

    /// The state after a block that changed `changes`, to the root `root`.
    pub fn after(&self, changes: Arc<Changes>, root: B256) -> View {
        let mut layers = self.layers.clone();
        layers.push(changes);
        View { store: self.store.clone(), layers, root }
    }

    /// The same state over a newer snapshot, which has all that blocks up to `number` changed.
    pub fn over(&self, store: Arc<dyn Store>, number: u64) -> View {
        let later = |layer: &&Arc<Changes>| layer.number > number;
        let layers = self.layers.iter().filter(later).cloned().collect();
        View { store, layers, root: self.root }
    }

    /// The root of the tree over all accounts.
    pub fn root(&self) -> B256 {
        self.root
    }

    fn newest<T>(&self, find: impl Fn(&Changes) -> Option<T>) -> Option<T> {
        self.layers.iter().rev().find_map(|layer| find(layer))
    }

    /// The account at `address`, if there is one.
    pub fn account(&self, address: &Address) -> Result<Option<TrieAccount>, Error> {
        match self.newest(|layer| layer.accounts.get(address).copied()) {
            Some(account) => Ok(account),
            None => self.store.account(address),
        }
    }

    /// The value of a slot; zero where nothing was stored.
    pub fn slot(&self, address: &Address, slot: &U256) -> Result<U256, Error> {
        match self.newest(|layer| layer.slots.get(&(*address, *slot)).copied()) {
            Some(value) => Ok(value),
            None => self.store.slot(address, slot),
        }
    }

    /// Code by its keccak-256; the empty code is always there.
    pub fn code(&self, hash: &B256) -> Result<Bytecode, Error> {
        if *hash == alloy_trie::KECCAK_EMPTY {
            return Ok(Bytecode::default());
        }
        let found = match self.newest(|layer| layer.codes.get(hash).cloned()) {
            Some(code) => Some(code),
            None => self.store.code(hash)?,
        };
        found.ok_or_else(|| Error::Store(format!("code {hash} is missing")))
    }

    /// A node of a tree by its keccak-256.
    pub fn node(&self, hash: &B256) -> Result<Option<Bytes>, Error> {
        match self.newest(|layer| layer.nodes.get(hash).cloned()) {
            Some(node) => Ok(Some(node)),
            None => self.store.node(hash),
        }
    }

    /// The hash of the block `number`, where it is one of the last 256.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, Error> {
        match self.newest(|layer| (layer.number == number).then_some(layer.hash)) {
            Some(hash) => Ok(Some(hash)),
            None => self.store.block_hash(number),
        }
    }
}

/// A store in memory: what the one on disk is held against, and where genesis begins.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    accounts: AddressMap<TrieAccount>,
    slots: HashMap<(Address, U256), U256>,
    codes: B256Map<Bytecode>,
    nodes: B256Map<Bytes>,
    hashes: HashMap<u64, B256>,
}

impl Memory {
    /// Takes the changes of the next block.
    pub fn apply(&mut self, changes: &Changes) {
        self.hashes.insert(changes.number, changes.hash);
        for (address, account) in &changes.accounts {
            match account {
                Some(account) => self.accounts.insert(*address, *account),
                None => self.accounts.remove(address),
            };
        }
        for (place, value) in &changes.slots {
            match value.is_zero() {
                true => self.slots.remove(place),
                false => self.slots.insert(*place, *value),
            };
        }
        self.codes.extend(changes.codes.iter().map(|(hash, code)| (*hash, code.clone())));
        self.nodes.extend(changes.nodes.iter().map(|(hash, node)| (*hash, node.clone())));
    }
}

impl Store for Memory {
    fn account(&self, address: &Address) -> Result<Option<TrieAccount>, Error> {
        Ok(self.accounts.get(address).copied())
    }

    fn slot(&self, address: &Address, slot: &U256) -> Result<U256, Error> {
        Ok(self.slots.get(&(*address, *slot)).copied().unwrap_or_default())
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytecode>, Error> {
        Ok(self.codes.get(hash).cloned())
    }

    fn node(&self, hash: &B256) -> Result<Option<Bytes>, Error> {
        Ok(self.nodes.get(hash).cloned())
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, Error> {
        Ok(self.hashes.get(&number).copied())
    }
}
