//! Ethereum's Merkle-Patricia trees over accounts and slots: roots, old states and proofs.
//!
//! Keys are keccak-256 of addresses and slots, values RLP (Yellow Paper, appendix D), so every client
//! that checks `eth_getProof` checks ours. Nodes are named by their hash and never removed: every
//! final state stays readable by its root. Invariant: a root is a function of the state alone.

use crate::error::Error;
use crate::state::View;
use alloy_primitives::map::B256Map;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use eth_trie::{DB, EthTrie, Trie, TrieError};
use std::sync::{Arc, Mutex, PoisonError};

/// An account with the proof of it, or of its absence, under a state root.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The account, if there is one.
    pub account: Option<TrieAccount>,
    /// RLP nodes from the root down.
    pub proof: Vec<Bytes>,
    /// For each slot that was asked for, its value and nodes from the storage root down.
    pub slots: Vec<(U256, Vec<Bytes>)>,
}

/// One tree, read through a view; new nodes stay here.
pub struct Tree {
    trie: EthTrie<Nodes>,
}

struct Nodes {
    view: View,
    new: Mutex<B256Map<Bytes>>,
}

/// What the trie is told when its nodes cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreadable(String);

impl DB for Nodes {
    type Error = Unreadable;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        let Ok(hash) = B256::try_from(key) else { return Ok(None) };
        if let Some(node) = self.lock().get(&hash) {
            return Ok(Some(node.to_vec()));
        }
        let node = self.view.node(&hash).map_err(|error| Unreadable(error.to_string()))?;
        Ok(node.map(|node| node.to_vec()))
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> Result<(), Unreadable> {
        self.lock().insert(B256::from_slice(key), value.into());
        Ok(())
    }

    fn remove(&self, _: &[u8]) -> Result<(), Unreadable> {
        // Older states still have it.
        Ok(())
    }

    fn flush(&self) -> Result<(), Unreadable> {
        Ok(())
    }
}

impl Nodes {
    fn lock(&self) -> std::sync::MutexGuard<'_, B256Map<Bytes>> {
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(error: TrieError) -> Error {
    match error {
        TrieError::MissingTrieNode { node_hash, .. } => Error::Node(node_hash),
        other => Error::Store(other.to_string()),
    }
}

impl Tree {
    /// The tree with the root `root`. Errors: `Node` when its root is not there.
    pub fn open(view: &View, root: B256) -> Result<Tree, Error> {
        let nodes = Arc::new(Nodes { view: view.clone(), new: Mutex::default() });
        let trie = match root == EMPTY_ROOT_HASH {
            true => EthTrie::new(nodes),
            false => EthTrie::from(nodes, root).map_err(|error| match error {
                TrieError::InvalidStateRoot => Error::Node(root),
                other => failed(other),
            })?,
        };
        Ok(Tree { trie })
    }

    /// The account at `address`.
    pub fn account(&self, address: &Address) -> Result<Option<TrieAccount>, Error> {
        let found = self.trie.get(keccak256(address).as_slice()).map_err(failed)?;
        let decode = |bytes: Vec<u8>| {
            TrieAccount::decode(&mut bytes.as_slice())
                .map_err(|error| Error::Store(format!("account {address}: {error}")))
        };
        found.map(decode).transpose()
    }

    /// The value of `slot`, in a tree of slots.
    pub fn slot(&self, slot: &U256) -> Result<U256, Error> {
        let key = keccak256(B256::from(*slot));
        let found = self.trie.get(key.as_slice()).map_err(failed)?;
        let decode = |bytes: Vec<u8>| {
            U256::decode(&mut bytes.as_slice())
                .map_err(|error| Error::Store(format!("slot {slot}: {error}")))
        };
        Ok(found.map(decode).transpose()?.unwrap_or_default())
    }

    /// Sets or removes the account at `address`.
    pub fn set_account(
        &mut self,
        address: &Address,
        account: Option<&TrieAccount>,
    ) -> Result<(), Error> {
        self.set(keccak256(address), account.map(alloy_rlp::encode))
    }

    /// Sets `slot`; zero removes it.
    pub fn set_slot(&mut self, slot: &U256, value: U256) -> Result<(), Error> {
        let value = (!value.is_zero()).then(|| alloy_rlp::encode(value));
        self.set(keccak256(B256::from(*slot)), value)
    }

    fn set(&mut self, key: B256, value: Option<Vec<u8>>) -> Result<(), Error> {
        match value {
            Some(value) => self.trie.insert(key.as_slice(), &value),
            None => self.trie.remove(key.as_slice()).map(drop),
        }
        .map_err(failed)
    }

    /// The root, and the nodes that are new.
    pub fn finish(mut self) -> Result<(B256, B256Map<Bytes>), Error> {
        let root = self.trie.root_hash().map_err(failed)?;
        let nodes = std::mem::take(&mut *self.trie.db.lock());
        Ok((root, nodes))
    }

    fn prove(&mut self, key: B256) -> Result<Vec<Bytes>, Error> {
        let nodes = self.trie.get_proof(key.as_slice()).map_err(failed)?;
        Ok(nodes.into_iter().map(Bytes::from).collect())
    }
}

/// Proves the account at `address` and some of its `slots` under the root of `view`, as
/// `eth_getProof` does (EIP-1186).
pub fn prove(view: &View, address: &Address, slots: &[U256]) -> Result<Proven, Error> {
    let mut accounts = Tree::open(view, view.root())?;
    let account = accounts.account(address)?;
    let proof = accounts.prove(keccak256(address))?;
    let root = account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
    let mut storage = Tree::open(view, root)?;
    let slot = |slot: &U256| {
        // A tree without leaves has no node to show.
        let proof = match root == EMPTY_ROOT_HASH {
            true => Vec::new(),
            false => storage.prove(keccak256(B256::from(*slot)))?,
        };
        Ok((storage.slot(slot)?, proof))
    };
    let slots = slots.iter().map(slot).collect::<Result<_, Error>>()?;
    Ok(Proven { account, proof, slots })
}
