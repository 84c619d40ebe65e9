//! Blocks written to the file of a chain.
//!
//! Many at once, in the order of keys: a tree on disk takes them fastest so, and writes each of its
//! pages once. Invariant: what is written is a function of the blocks.

use super::error::{Error, failed};
use super::tables;
use super::unwritten::Unwritten;
use redb::{ReadableTable, WriteTransaction};
use std::sync::Arc;

/// Adds `blocks`, which ascend and follow what is there.
pub(super) fn put(write: &WriteTransaction, blocks: &[Arc<Unwritten>]) -> Result<(), Error> {
    put_blocks(write, blocks)?;
    put_indexes(write, blocks)?;
    put_state(write, blocks)?;
    let Some(last) = blocks.last() else { return Ok(()) };
    let mut meta = write.open_table(tables::META).map_err(failed)?;
    let number = tables::encode_number(last.number());
    meta.insert(tables::META_TIP, &number[..]).map_err(failed)?;
    Ok(())
}

/// The number of the last block that is there.
pub(super) fn last(write: &WriteTransaction) -> Result<u64, Error> {
    let meta = write.open_table(tables::META).map_err(failed)?;
    let tip = meta.get(tables::META_TIP).map_err(failed)?;
    tables::decode_tip(tip)
}

fn put_blocks(write: &WriteTransaction, blocks: &[Arc<Unwritten>]) -> Result<(), Error> {
    let mut encoded = write.open_table(tables::BLOCKS).map_err(failed)?;
    let mut receipts = write.open_table(tables::RECEIPTS).map_err(failed)?;
    let mut blooms = write.open_table(tables::BLOOMS).map_err(failed)?;
    let mut hashes = write.open_table(tables::HASHES).map_err(failed)?;
    let mut certificates = write.open_table(tables::CERTIFICATES).map_err(failed)?;
    for one in blocks {
        let (number, block) = (one.number(), &one.block);
        encoded.insert(number, block.block.encode().as_slice()).map_err(failed)?;
        let bytes = tables::encode_receipts(&block.receipts);
        receipts.insert(number, bytes.as_slice()).map_err(failed)?;
        blooms.insert(number, &block.block.header.logs_bloom.0.0).map_err(failed)?;
        hashes.insert(number, &block.hash.0).map_err(failed)?;
        if let Some(certificate) = &one.certificate {
            certificates.insert(number, &certificate[..]).map_err(failed)?;
        }
    }
    Ok(())
}

fn put_indexes(write: &WriteTransaction, blocks: &[Arc<Unwritten>]) -> Result<(), Error> {
    let mut numbers = write.open_table(tables::NUMBERS).map_err(failed)?;
    for (hash, number) in newest(blocks, |one| [(&one.block.hash, one.number())]) {
        numbers.insert(&hash.0, number).map_err(failed)?;
    }
    let mut places = write.open_table(tables::TRANSACTIONS).map_err(failed)?;
    let numbered = |one| Unwritten::places(one).map(move |(hash, at)| (hash, (one.number(), at)));
    for (hash, place) in newest(blocks, numbered) {
        places.insert(&hash.0, &place).map_err(failed)?;
    }
    let mut history = write.open_table(tables::HISTORY).map_err(failed)?;
    let of = blocks.iter().flat_map(|one| one.history.iter().map(|entry| (one.number(), entry)));
    let mut of: Vec<_> = of.map(|(block, (who, at))| (tables::moment(who, block), at)).collect();
    of.sort_unstable_by_key(|(moment, _)| *moment);
    for (moment, places) in of {
        history.insert(&moment, &tables::encode_places(places)[..]).map_err(failed)?;
    }
    Ok(())
}

fn put_state(write: &WriteTransaction, blocks: &[Arc<Unwritten>]) -> Result<(), Error> {
    let mut accounts = write.open_table(tables::ACCOUNTS).map_err(failed)?;
    for (address, account) in newest(blocks, |one| &one.changes.accounts) {
        match account {
            Some(account) => {
                accounts.insert(&address.0.0, alloy_rlp::encode(account).as_slice()).map(drop)
            }
            None => accounts.remove(&address.0.0).map(drop),
        }
        .map_err(failed)?;
    }
    let mut slots = write.open_table(tables::SLOTS).map_err(failed)?;
    for ((address, slot), value) in newest(blocks, |one| &one.changes.slots) {
        let key = tables::place(address, slot);
        match value.is_zero() {
            true => slots.remove(&key).map(drop),
            false => slots.insert(&key, &value.to_be_bytes::<32>()).map(drop),
        }
        .map_err(failed)?;
    }
    let mut codes = write.open_table(tables::CODES).map_err(failed)?;
    for (hash, code) in newest(blocks, |one| &one.changes.codes) {
        codes.insert(&hash.0, code.original_byte_slice()).map_err(failed)?;
    }
    put_nodes(write, blocks)
}

fn put_nodes(write: &WriteTransaction, blocks: &[Arc<Unwritten>]) -> Result<(), Error> {
    let mut nodes = write.open_table(tables::NODES).map_err(failed)?;
    let last = nodes.last().map_err(failed)?.map(|(number, _)| number.value());
    let full = || Error::damaged("nodes", "there is no number for one more");
    let mut number = last.map_or(Some(0), |last| last.checked_add(1)).ok_or_else(full)?;
    let (mut entry, mut places) = (Vec::new(), Vec::new());
    for one in blocks {
        let mut new: Vec<_> = one.changes.nodes.iter().collect();
        new.sort_unstable_by_key(|(hash, _)| *hash);
        for (hash, node) in new {
            if !entry.is_empty() && entry.len() + node.len() > tables::NODES_BYTES {
                nodes.insert(number, &entry[..]).map_err(failed)?;
                entry.clear();
                number = number.checked_add(1).ok_or_else(full)?;
            }
            let start = u32::try_from(entry.len()).expect("entries are small");
            places.push((hash, (number, start)));
            entry.extend_from_slice(node);
        }
    }
    if !entry.is_empty() {
        nodes.insert(number, &entry[..]).map_err(failed)?;
    }
    // A state that was there before may come again: then its nodes are there twice, and are the same.
    places.sort_unstable();
    let mut of = write.open_table(tables::NODE_PLACES).map_err(failed)?;
    for (hash, place) in places {
        of.insert(&hash.0, &place).map_err(failed)?;
    }
    Ok(())
}

/// All entries of `blocks`, by key; of those with the same key the newest.
fn newest<'a, K: Ord + 'a, V, I: IntoIterator<Item = (&'a K, V)>>(
    blocks: &'a [Arc<Unwritten>],
    entries: impl Fn(&'a Unwritten) -> I,
) -> Vec<(&'a K, V)> {
    let mut all: Vec<(&K, V)> = blocks.iter().rev().flat_map(|one| entries(one)).collect();
    // Stable: of equals the first stays first.
    all.sort_by_key(|(key, _)| *key);
    all.dedup_by_key(|(key, _)| *key);
    all
}
