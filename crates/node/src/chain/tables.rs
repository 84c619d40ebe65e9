//! What stands in the file of a chain, and as which bytes.
//!
//! Invariant: [`FORMAT`] changes with anything here; a file of another format is refused, not guessed.

use super::error::Error;
use alloy_consensus::ReceiptEnvelope;
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::Decodable;
use alloy_trie::TrieAccount;
use redb::TableDefinition;

/// The format of the file.
pub(super) const FORMAT: u64 = 2;

/// A table whose keys are hashes or numbers.
pub(super) type Table<K, V> = TableDefinition<'static, K, V>;
/// A key of the table of slots: an address and a slot.
pub(super) type Place = [u8; 52];

/// A key of the table of histories; ascending in time for each address.
pub(super) type Moment = [u8; 32];

/// Format, genesis file, number of the tip.
pub(super) const META: Table<&str, &[u8]> = Table::new("meta");
/// RLP of accounts as they are at the tip.
pub(super) const ACCOUNTS: Table<&[u8; 20], &[u8]> = Table::new("accounts");
/// Slots that are not zero at the tip.
pub(super) const SLOTS: Table<&Place, &[u8; 32]> = Table::new("slots");
/// Code by its keccak-256.
pub(super) const CODES: Table<&[u8; 32], &[u8]> = Table::new("codes");
/// Nodes of all trees by their keccak-256.
pub(super) const NODES: Table<&[u8; 32], &[u8]> = Table::new("nodes");
/// Encoded blocks.
pub(super) const BLOCKS: Table<u64, &[u8]> = Table::new("blocks");
/// RLP lists of encoded receipts, one a transaction.
pub(super) const RECEIPTS: Table<u64, &[u8]> = Table::new("receipts");
/// Blooms of logs.
pub(super) const BLOOMS: Table<u64, &[u8; 256]> = Table::new("blooms");
/// Certificates of finality, where there are any.
pub(super) const CERTIFICATES: Table<u64, &[u8]> = Table::new("certificates");
/// Hashes of blocks by number.
pub(super) const HASHES: Table<u64, &[u8; 32]> = Table::new("hashes");
/// Numbers of blocks by hash.
pub(super) const NUMBERS: Table<&[u8; 32], u64> = Table::new("numbers");
/// Where transactions are: block and place in it.
pub(super) const TRANSACTIONS: Table<&[u8; 32], (u64, u32)> = Table::new("transactions");
/// Which transactions an account has to do with: its address, the block, the place in it.
pub(super) const HISTORY: Table<&Moment, ()> = Table::new("history");

/// Keys of [`META`].
pub(super) const META_FORMAT: &str = "format";
pub(super) const META_GENESIS: &str = "genesis";
pub(super) const META_TIP: &str = "tip";

pub(super) fn place(address: &Address, slot: &U256) -> Place {
    let mut key = [0; 52];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&slot.to_be_bytes::<32>());
    key
}

/// Address and slot of a key that [`place`] made.
pub(super) fn slot(key: &Place) -> (Address, U256) {
    let (address, slot) = key.split_at(20);
    (Address::from_slice(address), U256::from_be_slice(slot))
}

pub(super) fn moment(address: &Address, block: u64, place: u32) -> Moment {
    let mut key = [0; 32];
    key[..20].copy_from_slice(address.as_slice());
    key[20..28].copy_from_slice(&block.to_be_bytes());
    key[28..].copy_from_slice(&place.to_be_bytes());
    key
}

/// Block and place of a key that [`moment`] made.
pub(super) fn when(key: &Moment) -> (u64, u32) {
    let [.., a, b, c, d, e, f, g, h, i, j, k, l] = *key;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u32::from_be_bytes([i, j, k, l]))
}

pub(super) fn encode_number(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

pub(super) fn decode_number(bytes: &[u8], what: &'static str) -> Result<u64, Error> {
    let bytes = bytes.try_into().map_err(|_| Error::damaged(what, "it is not eight bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

pub(super) fn decode_account(
    mut bytes: &[u8],
    address: &Address,
) -> Result<TrieAccount, terroir_ledger::Error> {
    TrieAccount::decode(&mut bytes)
        .map_err(|error| terroir_ledger::Error::Store(format!("account {address}: {error}")))
}

pub(super) fn encode_receipts(receipts: &[ReceiptEnvelope]) -> Vec<u8> {
    let bytes: Vec<Bytes> = receipts.iter().map(|one| one.encoded_2718().into()).collect();
    alloy_rlp::encode(bytes)
}

pub(super) fn decode_receipts(mut bytes: &[u8]) -> Result<Vec<ReceiptEnvelope>, Error> {
    let damaged = |why: &dyn std::fmt::Display| Error::damaged("receipts", why);
    let list = Vec::<Bytes>::decode(&mut bytes).map_err(|error| damaged(&error))?;
    list.iter()
        .map(|one| ReceiptEnvelope::decode_2718_exact(one).map_err(|error| damaged(&error)))
        .collect()
}

pub(super) fn hash(bytes: &[u8; 32]) -> B256 {
    B256::from(*bytes)
}
