//! The file of a chain as it was when blocks were last written to it.
//!
//! Invariant: later writes change nothing here.

use super::codes::Codes;
use super::error::{Error, failed, unreadable};
use super::tables::{self, Moment, Place};
use alloy_consensus::ReceiptEnvelope;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use alloy_trie::TrieAccount;
use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase};
use revm::state::Bytecode;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What the file has, until the block [`File::number`].
pub(super) struct File {
    number: u64,
    accounts: ReadOnlyTable<&'static [u8; 20], &'static [u8]>,
    slots: ReadOnlyTable<&'static Place, &'static [u8; 32]>,
    codes: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    nodes: ReadOnlyTable<u64, &'static [u8]>,
    node_places: ReadOnlyTable<&'static [u8; 32], (u64, u32)>,
    hashes: ReadOnlyTable<u64, &'static [u8; 32]>,
    transaction: ReadTransaction,
    known: Arc<Codes>,
}

/// What may not be there.
pub(super) type Kept<T> = Result<Option<T>, Error>;
/// The same where the ledger reads.
type Stored<T> = Result<Option<T>, terroir_ledger::Error>;
type Opened<K, V> = Result<ReadOnlyTable<K, V>, Error>;

impl File {
    pub(super) fn open(database: &redb::Database, known: Arc<Codes>) -> Result<File, Error> {
        let transaction = database.begin_read().map_err(failed)?;
        let meta = transaction.open_table(tables::META).map_err(failed)?;
        let tip = meta.get(tables::META_TIP).map_err(failed)?;
        let number = tables::decode_tip(tip)?;
        Ok(File {
            number,
            accounts: transaction.open_table(tables::ACCOUNTS).map_err(failed)?,
            slots: transaction.open_table(tables::SLOTS).map_err(failed)?,
            codes: transaction.open_table(tables::CODES).map_err(failed)?,
            nodes: transaction.open_table(tables::NODES).map_err(failed)?,
            node_places: transaction.open_table(tables::NODE_PLACES).map_err(failed)?,
            hashes: transaction.open_table(tables::HASHES).map_err(failed)?,
            transaction,
            known,
        })
    }

    fn table<K: redb::Key, V: redb::Value>(&self, table: tables::Table<K, V>) -> Opened<K, V> {
        self.transaction.open_table(table).map_err(failed)
    }

    fn bytes(&self, table: tables::Table<u64, &'static [u8]>, key: u64) -> Kept<Bytes> {
        let found = self.table(table)?.get(key).map_err(failed)?;
        Ok(found.map(|found| Bytes::copy_from_slice(found.value())))
    }

    /// The number of its last block.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn hash(&self, number: u64) -> Kept<B256> {
        let found = self.hashes.get(number).map_err(failed)?;
        Ok(found.map(|found| B256::from(*found.value())))
    }

    pub(super) fn number_of(&self, hash: &B256) -> Kept<u64> {
        let found = self.table(tables::NUMBERS)?.get(&hash.0).map_err(failed)?;
        Ok(found.map(|found| found.value()))
    }

    /// What `read` makes of the bytes of the block `number`.
    pub(super) fn block<T>(
        &self,
        number: u64,
        read: impl Fn(&[u8]) -> Result<T, Error>,
    ) -> Kept<T> {
        let found = self.table(tables::BLOCKS)?.get(number).map_err(failed)?;
        found.map(|found| read(found.value())).transpose()
    }

    pub(super) fn receipts(&self, number: u64) -> Kept<Vec<ReceiptEnvelope>> {
        let bytes = self.bytes(tables::RECEIPTS, number)?;
        bytes.map(|bytes| tables::decode_receipts(&bytes)).transpose()
    }

    pub(super) fn certificate(&self, number: u64) -> Kept<Bytes> {
        self.bytes(tables::CERTIFICATES, number)
    }

    pub(super) fn place_of(&self, hash: &B256) -> Kept<(u64, u32)> {
        let found = self.table(tables::TRANSACTIONS)?.get(&hash.0).map_err(failed)?;
        Ok(found.map(|found| found.value()))
    }

    /// Places of transactions that `address` has to do with, the newest first: the blocks until `last`
    /// one by one, and the places in each, ascending, until `enough` says so.
    pub(super) fn history(
        &self,
        address: &Address,
        last: u64,
        mut enough: impl FnMut(u64, Vec<u32>) -> bool,
    ) -> Result<(), Error> {
        let table = self.table(tables::HISTORY)?;
        let (from, until) = (tables::moment(address, 0), tables::moment(address, last));
        for entry in table.range::<&Moment>(&from..=&until).map_err(failed)?.rev() {
            let (key, places) = entry.map_err(failed)?;
            if enough(tables::when(key.value()), tables::decode_places(places.value())?) {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn blooming(
        &self,
        range: RangeInclusive<u64>,
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

    /// All accounts.
    pub(super) fn accounts(&self) -> Result<BTreeMap<Address, TrieAccount>, Error> {
        let mut all = BTreeMap::new();
        for entry in self.accounts.range::<&[u8; 20]>(..).map_err(failed)? {
            let (address, account) = entry.map_err(failed)?;
            let address = Address::from(address.value());
            all.insert(address, tables::decode_account(account.value(), &address)?);
        }
        Ok(all)
    }

    /// All slots that are not zero.
    pub(super) fn slots(&self) -> Result<BTreeMap<(Address, U256), U256>, Error> {
        let mut all = BTreeMap::new();
        for entry in self.slots.range::<&Place>(..).map_err(failed)? {
            let (place, value) = entry.map_err(failed)?;
            all.insert(tables::slot(place.value()), U256::from_be_bytes(*value.value()));
        }
        Ok(all)
    }

    pub(super) fn genesis(&self) -> Result<String, Error> {
        let meta = self.table(tables::META)?;
        let text = meta.get(tables::META_GENESIS).map_err(failed)?;
        let text = text.ok_or_else(|| Error::damaged("genesis file", "there is none"))?;
        String::from_utf8(text.value().to_vec())
            .map_err(|error| Error::damaged("genesis file", error))
    }

    pub(super) fn account(&self, address: &Address) -> Stored<TrieAccount> {
        let found = self.accounts.get(&address.0.0).map_err(unreadable)?;
        found.map(|found| tables::decode_account(found.value(), address)).transpose()
    }

    pub(super) fn slot(&self, place: &Place) -> Stored<U256> {
        let found = self.slots.get(place).map_err(unreadable)?;
        Ok(found.map(|found| U256::from_be_bytes(*found.value())))
    }

    pub(super) fn code(&self, hash: &B256) -> Stored<Bytecode> {
        self.known.get(hash, || {
            let found = self.codes.get(&hash.0).map_err(unreadable)?;
            let read = |bytes: &[u8]| {
                Bytecode::new_raw_checked(Bytes::copy_from_slice(bytes))
                    .map_err(|error| terroir_ledger::Error::Store(format!("code {hash}: {error}")))
            };
            found.map(|found| read(found.value())).transpose()
        })
    }

    pub(super) fn node(&self, hash: &B256) -> Stored<Bytes> {
        let Some(place) = self.node_places.get(&hash.0).map_err(unreadable)? else {
            return Ok(None);
        };
        let (entry, start) = place.value();
        let gone =
            || terroir_ledger::Error::Store(format!("node {hash} is not where it should be"));
        let entry = self.nodes.get(entry).map_err(unreadable)?.ok_or_else(gone)?;
        let node = tables::node(entry.value(), start).ok_or_else(gone)?;
        Ok(Some(Bytes::copy_from_slice(node)))
    }
}
