//! Everything that is kept, as it was after one block: the state, and all blocks until then.
//!
//! The file has all but the newest blocks, and these are in memory. Invariant: later commits change
//! nothing here; whoever takes a snapshot once sees one chain.

use super::error::Error;
use super::file::{File, Kept};
use super::past::Past;
use super::tables;
use super::unwritten::Unwritten;
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use alloy_rlp::Decodable;
use alloy_trie::TrieAccount;
use revm::state::Bytecode;
use std::sync::Arc;
use terroir_ledger::{Block, Changes, Store, View};

/// How many hashes of blocks an execution can ask for.
const HASHES_MAX: u64 = 256;

/// What is kept, after the block [`Snapshot::number`].
pub struct Snapshot {
    file: Arc<File>,
    /// The blocks after those of the file, ascending.
    newest: Vec<Arc<Unwritten>>,
}

impl Snapshot {
    pub(super) fn new(file: Arc<File>, newest: Vec<Arc<Unwritten>>) -> Snapshot {
        Snapshot { file, newest }
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(super) fn newest(&self) -> &[Arc<Unwritten>] {
        &self.newest
    }

    /// The number of the last block.
    pub fn number(&self) -> u64 {
        self.file.number() + self.newest.len() as u64
    }

    /// The block `number`, where the file does not have it.
    fn unwritten(&self, number: u64) -> Option<&Unwritten> {
        let place = number.checked_sub(self.file.number() + 1)?;
        self.newest.get(usize::try_from(place).ok()?).map(|one| &**one)
    }

    /// What the newest block says that says anything, where one does that the file does not have.
    fn newer<T>(&self, find: impl Fn(&Changes) -> Option<T>) -> Option<T> {
        self.newest.iter().rev().find_map(|one| find(&one.changes))
    }

    /// The hash of the block `number`.
    pub fn hash(&self, number: u64) -> Kept<B256> {
        match self.unwritten(number) {
            Some(one) => Ok(Some(one.block.hash)),
            None => self.file.hash(number),
        }
    }

    /// The number of the block whose hash is `hash`.
    pub fn number_of(&self, hash: &B256) -> Kept<u64> {
        match self.newest.iter().find(|one| one.block.hash == *hash) {
            Some(one) => Ok(Some(one.number())),
            None => self.file.number_of(hash),
        }
    }

    /// The block `number`.
    pub fn block(&self, number: u64) -> Kept<Block> {
        match self.unwritten(number) {
            Some(one) => Ok(Some(Block::clone(&one.block.block))),
            None => self.file.block(number, |bytes| {
                Block::decode(bytes).map_err(|error| Error::damaged("block", error))
            }),
        }
    }

    /// The header of the block `number`, without the rest of it.
    pub fn header(&self, number: u64) -> Kept<Header> {
        match self.unwritten(number) {
            Some(one) => Ok(Some(one.block.block.header.clone())),
            None => self.file.block(number, |mut bytes| {
                alloy_rlp::Header::decode_bytes(&mut bytes, true)
                    .and_then(|mut fields| Header::decode(&mut fields))
                    .map_err(|error| Error::damaged("header", error))
            }),
        }
    }

    /// The bytes of the block `number`.
    pub fn block_bytes(&self, number: u64) -> Kept<Bytes> {
        match self.unwritten(number) {
            Some(one) => Ok(Some(one.block.block.encode().into())),
            None => self.file.block(number, |bytes| Ok(Bytes::copy_from_slice(bytes))),
        }
    }

    /// The receipts of the block `number`, one a transaction.
    pub fn receipts(&self, number: u64) -> Kept<Vec<ReceiptEnvelope>> {
        match self.unwritten(number) {
            Some(one) => Ok(Some(one.block.receipts.to_vec())),
            None => self.file.receipts(number),
        }
    }

    /// The certificate of finality of the block `number`, where there is one.
    pub fn certificate(&self, number: u64) -> Kept<Bytes> {
        match self.unwritten(number) {
            Some(one) => Ok(one.certificate.clone()),
            None => self.file.certificate(number),
        }
    }

    /// Where the transaction with the hash `hash` is: the number of the block, its place in it.
    pub fn place_of(&self, hash: &B256) -> Kept<(u64, u32)> {
        let found = self.newest.iter().find_map(|one| Some((one.number(), one.place(hash)?)));
        match found {
            Some(found) => Ok(Some(found)),
            None => self.file.place_of(hash),
        }
    }

    /// Transactions that `address` has to do with, the newest first, at most `max`: block and place
    /// of each, where `before` is given only earlier ones. Whom a transaction has to do with: who sent
    /// it, whom it calls or makes, and who gives or gets tokens (ERC-20) by one of its first 16 logs.
    pub fn history(
        &self,
        address: &Address,
        before: Option<(u64, u32)>,
        max: usize,
    ) -> Result<Vec<(u64, u32)>, Error> {
        let (last, end) = before.unwrap_or((u64::MAX, u32::MAX));
        let mut found = Vec::new();
        let mut take = |block: u64, places: &[u32]| {
            let places = places.iter().rev().map(|place| (block, *place));
            let places = places.filter(|at| *at < (last, end));
            found.extend(places.take(max - found.len()));
            found.len() == max
        };
        let mut newest = self.newest.iter().rev().filter(|one| one.number() <= last);
        if !newest.any(|one| take(one.number(), one.history(address))) {
            self.file.history(address, last, |block, places| take(block, &places))?;
        }
        Ok(found)
    }

    /// Blocks of `range` whose bloom passes `wanted`, ascending.
    pub fn blooming(
        &self,
        range: std::ops::RangeInclusive<u64>,
        wanted: impl Fn(&Bloom) -> bool,
    ) -> Result<Vec<u64>, Error> {
        let mut found = self.file.blooming(range.clone(), &wanted)?;
        let headers = self.newest.iter().map(|one| &one.block.block.header);
        let passes = headers.filter(|one| range.contains(&one.number) && wanted(&one.logs_bloom));
        found.extend(passes.map(|one| one.number));
        Ok(found)
    }

    /// All accounts, ascending.
    pub fn accounts(&self) -> Result<Vec<(Address, TrieAccount)>, Error> {
        let mut all = self.file.accounts()?;
        for (address, account) in self.newest.iter().flat_map(|one| &one.changes.accounts) {
            match account {
                Some(account) => all.insert(*address, *account),
                None => all.remove(address),
            };
        }
        Ok(all.into_iter().collect())
    }

    /// All slots that are not zero, with their accounts and values, ascending.
    pub fn slots(&self) -> Result<Vec<(Address, U256, U256)>, Error> {
        let mut all = self.file.slots()?;
        for (place, value) in self.newest.iter().flat_map(|one| &one.changes.slots) {
            match value.is_zero() {
                true => all.remove(place),
                false => all.insert(*place, *value),
            };
        }
        Ok(all.into_iter().map(|((address, slot), value)| (address, slot, value)).collect())
    }

    /// The genesis file.
    pub fn genesis(&self) -> Result<String, Error> {
        self.file.genesis()
    }

    /// The state after the block `number`, whose root is `root`: the newest is read flat, others
    /// through their tree.
    pub fn view(self: &Arc<Self>, number: u64, root: B256) -> View {
        match number == self.number() {
            true => View::new(self.clone(), root),
            false => View::new(Arc::new(Past::new(self.clone(), number, root)), root),
        }
    }

    /// The hash of the block `number`, among those that the block after `last` can ask for.
    pub(super) fn hash_before(
        &self,
        last: u64,
        number: u64,
    ) -> Result<Option<B256>, terroir_ledger::Error> {
        if number > last || last - number >= HASHES_MAX {
            return Ok(None);
        }
        self.hash(number).map_err(|error| terroir_ledger::Error::Store(error.to_string()))
    }
}

impl Store for Snapshot {
    fn account(&self, address: &Address) -> Result<Option<TrieAccount>, terroir_ledger::Error> {
        match self.newer(|changes| changes.accounts.get(address).copied()) {
            Some(account) => Ok(account),
            None => self.file.account(address),
        }
    }

    fn slot(&self, address: &Address, slot: &U256) -> Result<U256, terroir_ledger::Error> {
        match self.newer(|changes| changes.slots.get(&(*address, *slot)).copied()) {
            Some(value) => Ok(value),
            None => Ok(self.file.slot(&tables::place(address, slot))?.unwrap_or_default()),
        }
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytecode>, terroir_ledger::Error> {
        match self.newer(|changes| changes.codes.get(hash).cloned()) {
            Some(code) => Ok(Some(code)),
            None => self.file.code(hash),
        }
    }

    fn node(&self, hash: &B256) -> Result<Option<Bytes>, terroir_ledger::Error> {
        match self.newer(|changes| changes.nodes.get(hash).cloned()) {
            Some(node) => Ok(Some(node)),
            None => self.file.node(hash),
        }
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, terroir_ledger::Error> {
        self.hash_before(self.number(), number)
    }
}
