//! What stands in the file of a chain, and as which bytes.
//!
//! Invariant: [`FORMAT`] changes with anything here; a file of another format is refused, not guessed.

use super::error::Error;
use alloy_consensus::ReceiptEnvelope;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, Bytes, U256};
use alloy_rlp::Decodable;
use alloy_trie::TrieAccount;
use redb::{AccessGuard, TableDefinition};
use terroir_ledger::block::encode_list;

/// The format of the file.
pub(super) const FORMAT: u64 = 3;

/// A table whose keys are hashes or numbers.
pub(super) type Table<K, V> = TableDefinition<'static, K, V>;
/// A key of the table of slots: an address and a slot.
pub(super) type Place = [u8; 52];

/// A key of the table of histories: an address and a block; ascending in time for each address.
pub(super) type Moment = [u8; 28];

/// Format, genesis file, number of the tip.
pub(super) const META: Table<&str, &[u8]> = Table::new("meta");
/// RLP of accounts as they are at the tip.
pub(super) const ACCOUNTS: Table<&[u8; 20], &[u8]> = Table::new("accounts");
/// Slots that are not zero at the tip.
pub(super) const SLOTS: Table<&Place, &[u8; 32]> = Table::new("slots");
/// Code by its keccak-256.
pub(super) const CODES: Table<&[u8; 32], &[u8]> = Table::new("codes");
/// Nodes of all trees, block after block, some together. By their hash each would have a page of its own
/// to be written.
pub(super) const NODES: Table<u64, &[u8]> = Table::new("nodes");
/// Where a node is among them, by its keccak-256: the entry, and where in it the node begins.
pub(super) const NODE_PLACES: Table<&[u8; 32], (u64, u32)> = Table::new("node places");
/// Most bytes of an entry of [`NODES`] with more than one node: with what the database adds, a page.
pub(super) const NODES_BYTES: usize = 4_000;
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
/// Which transactions of a block an account has to do with: their places, ascending, four bytes each.
pub(super) const HISTORY: Table<&Moment, &[u8]> = Table::new("history");

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

pub(super) fn moment(address: &Address, block: u64) -> Moment {
    let mut key = [0; 28];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&block.to_be_bytes());
    key
}

/// The block of a key that [`moment`] made.
pub(super) fn when(key: &Moment) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *key;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

pub(super) fn encode_places(places: &[u32]) -> Vec<u8> {
    places.iter().flat_map(|place| place.to_be_bytes()).collect()
}

pub(super) fn decode_places(bytes: &[u8]) -> Result<Vec<u32>, Error> {
    let (places, []) = bytes.as_chunks() else {
        return Err(Error::damaged("history", "a place is not four bytes"));
    };
    Ok(places.iter().map(|place| u32::from_be_bytes(*place)).collect())
}

/// The node that begins at `start` of an entry of [`NODES`]; none where there is none.
pub(super) fn node(entry: &[u8], start: u32) -> Option<&[u8]> {
    let rest = entry.get(usize::try_from(start).ok()?..)?;
    let mut inner = rest;
    let header = alloy_rlp::Header::decode(&mut inner).ok()?;
    rest.get(..rest.len() - inner.len() + header.payload_length)
}

pub(super) fn encode_number(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

pub(super) fn decode_number(bytes: &[u8], what: &'static str) -> Result<u64, Error> {
    let bytes = bytes.try_into().map_err(|_| Error::damaged(what, "it is not eight bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// The number of the last block, as [`META`] has it; one more can be counted.
pub(super) fn decode_tip(kept: Option<AccessGuard<'_, &[u8]>>) -> Result<u64, Error> {
    let kept = kept.ok_or_else(|| Error::damaged("tip", "there is none"))?;
    match decode_number(kept.value(), "tip")? {
        u64::MAX => Err(Error::damaged("tip", "no block can come after it")),
        number => Ok(number),
    }
}

pub(super) fn decode_account(
    mut bytes: &[u8],
    address: &Address,
) -> Result<TrieAccount, terroir_ledger::Error> {
    TrieAccount::decode(&mut bytes)
        .map_err(|error| terroir_ledger::Error::Store(format!("account {address}: {error}")))
}

pub(super) fn encode_receipts(receipts: &[ReceiptEnvelope]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_list(receipts, &mut bytes);
    bytes
}

pub(super) fn decode_receipts(mut bytes: &[u8]) -> Result<Vec<ReceiptEnvelope>, Error> {
    let damaged = |why: &dyn std::fmt::Display| Error::damaged("receipts", why);
    let list = Vec::<Bytes>::decode(&mut bytes).map_err(|error| damaged(&error))?;
    list.iter()
        .map(|one| ReceiptEnvelope::decode_2718_exact(one).map_err(|error| damaged(&error)))
        .collect()
}
