//! The state while a block is executed: what its transactions changed so far, over its parent's.
//!
//! When the block is whole, [`Pending::finish`] makes the trees of what changed and gives the new root.

use crate::error::Error;
use crate::evm::Fault;
use crate::state::{Changes, View};
use crate::tree::Tree;
use alloy_primitives::map::{AddressMap, B256Map, HashMap};
use alloy_primitives::{Address, B256, U256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY, TrieAccount};
use revm::state::{Account, AccountInfo, Bytecode};
use revm::{Database, DatabaseCommit};

/// A state that transactions change.
#[derive(Clone)]
pub struct Pending {
    view: View,
    accounts: AddressMap<Option<AccountInfo>>,
    slots: HashMap<(Address, U256), U256>,
    codes: B256Map<Bytecode>,
}

impl Pending {
    /// Nothing changed yet.
    pub fn new(view: View) -> Pending {
        Pending {
            view,
            accounts: AddressMap::default(),
            slots: HashMap::default(),
            codes: B256Map::default(),
        }
    }

    /// What changed, and the root of the state after it. `number` and `hash` of the block are
    /// for the caller to fill in.
    pub fn finish(self) -> Result<(Changes, B256), Error> {
        let Pending { view, accounts, slots, codes } = self;
        let mut changes = Changes::default();
        for ((address, slot), value) in slots {
            if view.slot(&address, &slot)? != value {
                changes.slots.insert((address, slot), value);
            }
        }
        let mut of: AddressMap<Vec<(U256, U256)>> = AddressMap::default();
        for ((address, slot), value) in &changes.slots {
            of.entry(*address).or_default().push((*slot, *value));
        }
        let mut tree = Tree::open(&view, view.root())?;
        for (address, info) in accounts {
            let before = view.account(&address)?;
            let now = match info {
                None => None,
                Some(info) => {
                    let root = before.map_or(EMPTY_ROOT_HASH, |before| before.storage_root);
                    let slots = of.remove(&address).unwrap_or_default();
                    let storage_root = storage(&view, root, &slots, &mut changes)?;
                    let AccountInfo { nonce, balance, code_hash, .. } = info;
                    Some(TrieAccount { nonce, balance, storage_root, code_hash })
                }
            };
            if now != before {
                tree.set_account(&address, now.as_ref())?;
                changes.accounts.insert(address, now);
            }
        }
        changes.codes =
            codes.into_iter().map(|(hash, code)| (hash, code.original_bytes())).collect();
        let (root, nodes) = tree.finish()?;
        changes.nodes.extend(nodes);
        Ok((changes, root))
    }
}

/// The root of a tree of slots after `slots` were set.
fn storage(
    view: &View,
    root: B256,
    slots: &[(U256, U256)],
    changes: &mut Changes,
) -> Result<B256, Error> {
    if slots.is_empty() {
        return Ok(root);
    }
    let mut tree = Tree::open(view, root)?;
    for (slot, value) in slots {
        tree.set_slot(slot, *value)?;
    }
    let (root, nodes) = tree.finish()?;
    changes.nodes.extend(nodes);
    Ok(root)
}

impl Database for Pending {
    type Error = Fault;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Fault> {
        if let Some(info) = self.accounts.get(&address) {
            return Ok(info.clone());
        }
        let account = self.view.account(&address)?;
        Ok(account.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Fault> {
        match self.codes.get(&hash) {
            Some(code) => Ok(code.clone()),
            None => Ok(Bytecode::new_raw(self.view.code(&hash)?)),
        }
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Fault> {
        match self.slots.get(&(address, slot)) {
            Some(value) => Ok(*value),
            None => Ok(self.view.slot(&address, &slot)?),
        }
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Fault> {
        Ok(self.view.block_hash(number)?.unwrap_or_default())
    }
}

impl DatabaseCommit for Pending {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            // Only what was made in the same transaction goes (EIP-6780), so it had no slots before;
            // and an empty account that was touched is none (EIP-161).
            if account.is_selfdestructed() || account.info.is_empty() {
                self.accounts.insert(address, None);
                continue;
            }
            for (slot, value) in &account.storage {
                if value.is_changed() {
                    self.slots.insert((address, *slot), value.present_value);
                }
            }
            let mut info = account.info;
            if let Some(code) = info.code.take()
                && info.code_hash != KECCAK_EMPTY
            {
                self.codes.entry(info.code_hash).or_insert(code);
            }
            self.accounts.insert(address, Some(info));
        }
    }
}
