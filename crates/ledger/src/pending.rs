//! The state while a block is executed: what its transactions changed so far, over its parent's.
//!
//! When the block is whole, [`Pending::finish`] makes the trees of what changed and gives the new root.

use crate::error::Error;
use crate::evm::Fault;
use crate::state::{Changes, View};
use crate::tree::Tree;
use alloy_primitives::map::{AddressMap, B256Map, Entry, HashMap};
use alloy_primitives::{Address, B256, U256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY, TrieAccount};
use revm::state::{Account, AccountInfo, Bytecode};
use revm::{Database, DatabaseCommit};

/// A state that transactions change. What the parent has is asked for once.
#[derive(Clone)]
pub struct Pending {
    view: View,
    accounts: AddressMap<HeldAccount>,
    slots: HashMap<(Address, U256), HeldSlot>,
    /// Code that is new.
    codes: B256Map<Bytecode>,
    /// Code that the parent has.
    known: B256Map<Bytecode>,
}

/// An account that was asked for or changed.
#[derive(Clone)]
struct HeldAccount {
    /// As the parent has it, if it was asked for.
    before: Option<Option<TrieAccount>>,
    now: Option<AccountInfo>,
    changed: bool,
}

/// A slot that was asked for or changed.
#[derive(Clone, Copy)]
struct HeldSlot {
    /// As the parent has it, if it was asked for: nobody asks for one of an account that is new.
    before: Option<U256>,
    now: U256,
}

impl Pending {
    /// Nothing changed yet.
    pub fn new(view: View) -> Pending {
        Pending {
            view,
            accounts: AddressMap::default(),
            slots: HashMap::default(),
            codes: B256Map::default(),
            known: B256Map::default(),
        }
    }

    /// What changed, and the root of the state after it. `number` and `hash` of the block are
    /// for the caller to fill in.
    pub fn finish(self) -> Result<(Changes, B256), Error> {
        let Pending { view, accounts, slots, codes, .. } = self;
        let mut changes = Changes::default();
        let mut of: AddressMap<Vec<(U256, U256)>> = AddressMap::default();
        for ((address, slot), HeldSlot { before, now }) in slots {
            let before = before.map_or_else(|| view.slot(&address, &slot), Ok)?;
            if before != now {
                changes.slots.insert((address, slot), now);
                of.entry(address).or_default().push((slot, now));
            }
        }
        let mut tree = Tree::open(&view, view.root())?;
        for (address, HeldAccount { before, now, .. }) in
            accounts.into_iter().filter(|(_, held)| held.changed)
        {
            let before = before.map_or_else(|| view.account(&address), Ok)?;
            let now = match now {
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
        changes.codes = codes;
        let (root, nodes) = tree.finish()?;
        changes.nodes.extend(nodes);
        Ok((changes, root))
    }

    fn set(&mut self, address: Address, now: Option<AccountInfo>) {
        match self.accounts.entry(address) {
            Entry::Occupied(mut held) => {
                let held = held.get_mut();
                (held.now, held.changed) = (now, true);
            }
            Entry::Vacant(place) => {
                place.insert(HeldAccount { before: None, now, changed: true });
            }
        }
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
        let place = match self.accounts.entry(address) {
            Entry::Occupied(held) => return Ok(held.get().now.clone()),
            Entry::Vacant(place) => place,
        };
        let before = self.view.account(&address)?;
        let now = before.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        });
        place.insert(HeldAccount { before: Some(before), now: now.clone(), changed: false });
        Ok(now)
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Fault> {
        if let Some(code) = self.codes.get(&hash) {
            return Ok(code.clone());
        }
        match self.known.entry(hash) {
            Entry::Occupied(code) => Ok(code.get().clone()),
            Entry::Vacant(place) => Ok(place.insert(self.view.code(&hash)?).clone()),
        }
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Fault> {
        match self.slots.entry((address, slot)) {
            Entry::Occupied(held) => Ok(held.get().now),
            Entry::Vacant(place) => {
                let value = self.view.slot(&address, &slot)?;
                Ok(place.insert(HeldSlot { before: Some(value), now: value }).now)
            }
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
                self.set(address, None);
                continue;
            }
            for (slot, value) in &account.storage {
                if value.is_changed() {
                    let (before, now) = (None, value.present_value);
                    let held = self.slots.entry((address, *slot));
                    held.or_insert(HeldSlot { before, now }).now = now;
                }
            }
            let mut info = account.info;
            // Code comes with every account that was called; it is new where it was another.
            let held = self.accounts.get(&address).and_then(|held| held.now.as_ref());
            let same = held.is_some_and(|held| held.code_hash == info.code_hash);
            if let Some(code) = info.code.take()
                && !same
                && info.code_hash != KECCAK_EMPTY
            {
                self.codes.entry(info.code_hash).or_insert(code);
            }
            self.set(address, Some(info));
        }
    }
}
