//! Everything that is kept, as it was after one block: the state, and all blocks until then.
//!
//! Invariant: later commits change nothing here; whoever takes a snapshot once sees one chain.

use super::error::{Error, failed, unreadable};
use super::past::Past;
use super::tables::{self, Place};
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use alloy_rlp::Decodable;
use alloy_trie::TrieAccount;
use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase};
use std::sync::Arc;
use terroir_ledger::{Block, Store, View};

/// How many hashes of blocks an execution can ask for.
const HASHES_MAX: u64 = 256;

/// What is kept, after the block [`Snapshot::number`].
pub struct Snapshot {
    number: u64,
    accounts: ReadOnlyTable<&'static [u8; 20], &'static [u8]>,
    slots: ReadOnlyTable<&'static Place, &'static [u8; 32]>,
    codes: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    nodes: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    hashes: ReadOnlyTable<u64, &'static [u8; 32]>,
    transaction: ReadTransaction,
}

type Opened<K, V> = Result<ReadOnlyTable<K, V>, Error>;

impl Snapshot {
    pub(super) fn open(database: &redb::Database) -> Result<Snapshot, Error> {
        let transaction = database.begin_read().map_err(failed)?;
        let meta = transaction.open_table(tables::META).map_err(failed)?;
        let tip = meta.get(tables::META_TIP).map_err(failed)?;
        let tip = tip.ok_or_else(|| Error::damaged("tip", "there is none"))?;
        let number = tables::decode_number(tip.value(), "tip")?;
        Ok(Snapshot {
            number,
            accounts: transaction.open_table(tables::ACCOUNTS).map_err(failed)?,
            slots: transaction.open_table(tables::SLOTS).map_err(failed)?,
            codes: transaction.open_table(tables::CODES).map_err(failed)?,
            nodes: transaction.open_table(tables::NODES).map_err(failed)?,
            hashes: transaction.open_table(tables::HASHES).map_err(failed)?,
            transaction,
        })
    }

    fn table<K: redb::Key, V: redb::Value>(&self, table: tables::Table<K, V>) -> Opened<K, V> {
        self.transaction.open_table(table).map_err(failed)
    }

    fn bytes(&self, table: tables::Table<u64, &'static [u8]>, key: u64) -> Kept<Vec<u8>> {
        let found = self.table(table)?.get(key).map_err(failed)?;
        Ok(found.map(|found| found.value().to_vec()))
    }

    /// The number of the last block.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The hash of the block `number`.
    pub fn hash(&self, number: u64) -> Kept<B256> {
        let found = self.hashes.get(number).map_err(failed)?;
        Ok(found.map(|found| tables::hash(found.value())))
    }

    /// The number of the block whose hash is `hash`.
    pub fn number_of(&self, hash: &B256) -> Kept<u64> {
        let found = self.table(tables::NUMBERS)?.get(&hash.0).map_err(failed)?;
        Ok(found.map(|found| found.value()))
    }

    /// The block `number`.
    pub fn block(&self, number: u64) -> Kept<Block> {
        let bytes = self.bytes(tables::BLOCKS, number)?;
        let decode =
            |bytes: Vec<u8>| Block::decode(&bytes).map_err(|error| Error::damaged("block", error));
        bytes.map(decode).transpose()
    }

    /// The header of the block `number`, without the rest of it.
    pub fn header(&self, number: u64) -> Kept<Header> {
        let found = self.table(tables::BLOCKS)?.get(number).map_err(failed)?;
        let read = |mut bytes: &[u8]| {
            alloy_rlp::Header::decode_bytes(&mut bytes, true)
                .and_then(|mut fields| Header::decode(&mut fields))
                .map_err(|error| Error::damaged("header", error))
        };
        found.map(|found| read(found.value())).transpose()
    }

    /// The bytes of the block `number`.
    pub fn block_bytes(&self, number: u64) -> Kept<Bytes> {
        Ok(self.bytes(tables::BLOCKS, number)?.map(Bytes::from))
    }

    /// The receipts of the block `number`, one a transaction.
    pub fn receipts(&self, number: u64) -> Kept<Vec<ReceiptEnvelope>> {
        let bytes = self.bytes(tables::RECEIPTS, number)?;
        bytes.map(|bytes| tables::decode_receipts(&bytes)).transpose()
    }

    /// The certificate of finality of the block `number`, where there is one.
    pub fn certificate(&self, number: u64) -> Kept<Bytes> {
        Ok(self.bytes(tables::CERTIFICATES, number)?.map(Bytes::from))
    }

    /// Where the transaction with the hash `hash` is: the number of the block, its place in it.
    pub fn place_of(&self, hash: &B256) -> Kept<(u64, u32)> {
        let found = self.table(tables::TRANSACTIONS)?.get(&hash.0).map_err(failed)?;
        Ok(found.map(|found| found.value()))
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
        let table = self.table(tables::HISTORY)?;
        let (block, place) = before.unwrap_or((u64::MAX, u32::MAX));
        let range = tables::moment(address, 0, 0)..tables::moment(address, block, place);
        let keys = table.range::<&tables::Moment>(&range.start..&range.end).map_err(failed)?;
        let when = |entry: Result<(redb::AccessGuard<'_, _>, _), _>| {
            Ok(tables::when(entry.map_err(failed)?.0.value()))
        };
        keys.rev().take(max).map(when).collect()
    }

    /// Blocks of `range` whose bloom passes `wanted`, ascending.
    pub fn blooming(
        &self,
        range: std::ops::RangeInclusive<u64>,
        wanted: impl Fn(&Bloom) -> bool,
    ) -> Result<Vec<u64>, Error> {
        let table = self.table(tables::BLOOMS)?;
        let mut found = Vec::new();
        for entry in table.range(range).map_err(failed)? {
            let (number, bloom) = entry.map_err(failed)?;
            if wanted(&Bloom::from(bloom.value())) {
                found.push(number.value());
            }
        }
        Ok(found)
    }

    /// All accounts, ascending.
    pub fn accounts(&self) -> Result<Vec<(Address, TrieAccount)>, Error> {
        let entries = self.accounts.range::<&[u8; 20]>(..).map_err(failed)?;
        let account = |entry: Result<(redb::AccessGuard<'_, &[u8; 20]>, _), _>| {
            let (address, account): (_, redb::AccessGuard<'_, &[u8]>) = entry.map_err(failed)?;
            let address = Address::from(address.value());
            Ok((address, tables::decode_account(account.value(), &address)?))
        };
        entries.map(account).collect()
    }

    /// All slots that are not zero, with their accounts and values, ascending.
    pub fn slots(&self) -> Result<Vec<(Address, U256, U256)>, Error> {
        let entries = self.slots.range::<&Place>(..).map_err(failed)?;
        let slot = |entry: Result<(redb::AccessGuard<'_, &Place>, _), _>| {
            let (place, value): (_, redb::AccessGuard<'_, &[u8; 32]>) = entry.map_err(failed)?;
            let (address, slot) = tables::slot(place.value());
            Ok((address, slot, U256::from_be_bytes(*value.value())))
        };
        entries.map(slot).collect()
    }

    /// The genesis file.
    pub fn genesis(&self) -> Result<String, Error> {
        let meta = self.table(tables::META)?;
        let text = meta.get(tables::META_GENESIS).map_err(failed)?;
        let text = text.ok_or_else(|| Error::damaged("genesis file", "there is none"))?;
        String::from_utf8(text.value().to_vec())
            .map_err(|error| Error::damaged("genesis file", error))
    }

    /// The state after the block `number`, whose root is `root`: the newest is read flat, others
    /// through their tree.
    pub fn view(self: &Arc<Self>, number: u64, root: B256) -> View {
        let flat: Arc<dyn Store> = self.clone();
        match number == self.number {
            true => View::new(flat, root),
            false => View::new(Arc::new(Past::new(View::new(flat, root), number)), root),
        }
    }
}

/// What may not be there.
type Kept<T> = Result<Option<T>, Error>;

impl Store for Snapshot {
    fn account(&self, address: &Address) -> Result<Option<TrieAccount>, terroir_ledger::Error> {
        let found = self.accounts.get(&address.0.0).map_err(unreadable)?;
        found.map(|found| tables::decode_account(found.value(), address)).transpose()
    }

    fn slot(&self, address: &Address, slot: &U256) -> Result<U256, terroir_ledger::Error> {
        let found = self.slots.get(&tables::place(address, slot)).map_err(unreadable)?;
        Ok(found.map_or(U256::ZERO, |found| U256::from_be_bytes(*found.value())))
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, terroir_ledger::Error> {
        let found = self.codes.get(&hash.0).map_err(unreadable)?;
        Ok(found.map(|found| Bytes::copy_from_slice(found.value())))
    }

    fn node(&self, hash: &B256) -> Result<Option<Bytes>, terroir_ledger::Error> {
        let found = self.nodes.get(&hash.0).map_err(unreadable)?;
        Ok(found.map(|found| Bytes::copy_from_slice(found.value())))
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, terroir_ledger::Error> {
        if number > self.number || number + HASHES_MAX <= self.number {
            return Ok(None);
        }
        let found = self.hashes.get(number).map_err(unreadable)?;
        Ok(found.map(|found| tables::hash(found.value())))
    }
}
