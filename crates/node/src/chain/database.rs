//! The file of a chain: what is final, written block by block, each in one transaction.
//!
//! Blocks are readable at once. The disk is waited for every [`SYNC_BLOCKS`] and at the end of an
//! epoch: a crash takes those after the last wait, which consensus has in its archive and followers
//! find where they found them.
//! Invariant: a crash leaves the file after some block, whole; never between two.

use super::error::{Error, failed};
use super::history;
use super::snapshot::Snapshot;
use super::tables::{self, FORMAT};
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::B256;
use redb::{
    DatabaseError, Durability, ReadableDatabase, StorageBackend, TableError, WriteTransaction,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use terroir_ledger::execute::{next_base_fee, param};
use terroir_ledger::genesis::Beginning;
use terroir_ledger::native::params::BASE_FEE_MIN;
use terroir_ledger::{Block, Changes, Executed, Genesis, Parent, Seal, View};

/// A crash takes fewer blocks than this. Waiting for the disk, and noting for the next start what it
/// would have to read all of the file for, costs more than all else about a small block.
pub const SYNC_BLOCKS: u64 = 16;
/// Memory that the database may use for pages of the file.
const CACHE_BYTES: usize = 64 << 20;

/// The end of a chain, and all of the chain until there.
pub struct Tip {
    /// Its header.
    pub header: Header,
    /// Its seal.
    pub seal: Seal,
    /// Its hash.
    pub hash: B256,
    /// The state after it.
    pub view: View,
    /// Everything that is kept, as it was after it.
    pub kept: Arc<Snapshot>,
}

impl Tip {
    /// As the parent of the next block.
    pub fn parent(&self) -> Parent<'_> {
        Parent { header: &self.header, seal: &self.seal, hash: self.hash, view: &self.view }
    }

    /// The base fee of the block after it.
    pub fn next_base_fee(&self) -> Result<u64, terroir_ledger::Error> {
        Ok(next_base_fee(&self.header, param(&self.view, BASE_FEE_MIN)?))
    }

    /// Whether `executed` comes after it.
    pub(super) fn is_below(&self, executed: &Executed) -> bool {
        self.header.number < executed.block.header.number
    }

    fn of(database: &redb::Database) -> Result<Tip, Error> {
        let kept = Arc::new(Snapshot::open(database)?);
        let gone = || Error::damaged("tip", "its block is missing");
        let hash = kept.hash(kept.number())?.ok_or_else(gone)?;
        let Block { header, seal, .. } = kept.block(kept.number())?.ok_or_else(gone)?;
        let view = kept.view(header.number, header.state_root);
        Ok(Tip { header, seal, hash, view, kept })
    }
}

/// The open file of a chain.
pub struct Database {
    database: redb::Database,
    chain: terroir_ledger::Chain,
    genesis: B256,
    /// The newest block that no crash takes.
    synced: AtomicU64,
}

impl Database {
    /// Opens the file at `path` for the chain of the genesis file `text`, or makes it with block 0.
    ///
    /// Errors: `Ledger` for the genesis file; `Format` and `Genesis` for a file of another format or
    /// chain; `Disk` where it cannot be opened, because another process has it for example.
    pub fn open(path: &Path, text: &str) -> Result<Database, Error> {
        Database::new(path, text, |builder| builder.create(path))
    }

    /// The same on any storage; `name` stands for it in errors.
    pub fn open_on(
        storage: impl StorageBackend,
        name: &Path,
        text: &str,
    ) -> Result<Database, Error> {
        Database::new(name, text, |builder| builder.create_with_backend(storage))
    }

    fn new(
        path: &Path,
        text: &str,
        open: impl FnOnce(&redb::Builder) -> Result<redb::Database, DatabaseError>,
    ) -> Result<Database, Error> {
        let beginning = Genesis::parse(text)?.begin()?;
        let mut builder = redb::Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = open(&builder)
            .map_err(|source| Error::Disk { path: path.into(), source: Box::new(source.into()) })?;
        check(&database, path, &beginning, text)?;
        let synced = AtomicU64::new(Snapshot::open(&database)?.number());
        let Beginning { chain, hash: genesis, .. } = beginning;
        Ok(Database { database, chain, genesis, synced })
    }

    /// What is fixed about the chain.
    pub fn chain(&self) -> &terroir_ledger::Chain {
        &self.chain
    }

    /// The hash of block 0: the name of the chain.
    pub fn genesis(&self) -> B256 {
        self.genesis
    }

    /// The last block.
    pub fn tip(&self) -> Result<Tip, Error> {
        Tip::of(&self.database)
    }

    /// Writes the blocks after `tip`, each with a certificate of its finality where there is one; all
    /// or none. Gives the new tip; none where all were kept already. A crash takes fewer than
    /// [`SYNC_BLOCKS`] of them and never the last of an epoch; a file that is closed has all.
    ///
    /// Errors: `Gap`, `Parent` and `Fork` for a block that is not next; `Database`.
    pub fn commit(&self, tip: &Tip, blocks: &[Certified<'_>]) -> Result<Option<Tip>, Error> {
        let new = following(tip, blocks)?;
        let Some((last, _)) = new.last() else { return Ok(None) };
        let number = last.block.header.number;
        // With an epoch consensus forgets its votes in it: a node must not come back inside of it.
        let ends = |(one, _): &Certified<'_>| self.chain.is_last(one.block.header.number);
        let due = number >= self.synced.load(Ordering::Relaxed) + SYNC_BLOCKS;
        let sync = due || new.iter().any(ends);
        let write = begin_write(&self.database, sync)?;
        for (executed, certificate) in new {
            let Executed { block, hash, receipts, changes, .. } = executed;
            put_block(&write, block, *hash, receipts)?;
            put_changes(&write, changes)?;
            history::put(&write, executed)?;
            if let Some(certificate) = certificate {
                let mut table = write.open_table(tables::CERTIFICATES).map_err(failed)?;
                table.insert(block.header.number, *certificate).map_err(failed)?;
            }
        }
        write.commit().map_err(failed)?;
        if sync {
            self.synced.store(number, Ordering::Relaxed);
        }
        let kept = Arc::new(Snapshot::open(&self.database)?);
        let Block { header, seal, .. } = last.block.clone();
        let view = kept.view(header.number, header.state_root);
        Ok(Some(Tip { header, seal, hash: last.hash, view, kept }))
    }
}

/// A final block, and its certificate.
pub type Certified<'a> = (&'a Executed, Option<&'a [u8]>);

/// Those of `blocks` that are not kept yet: they follow `tip` and each other.
fn following<'a, 'b>(tip: &Tip, blocks: &'b [Certified<'a>]) -> Result<&'b [Certified<'a>], Error> {
    let mut kept = 0;
    let (mut expected, mut parent) = (tip.header.number + 1, tip.hash);
    for (executed, _) in blocks {
        let header = &executed.block.header;
        let number = header.number;
        if number <= tip.header.number {
            let there = tip.kept.hash(number)?.unwrap_or_default();
            if there != executed.hash {
                return Err(Error::Fork { number, got: executed.hash, kept: there });
            }
            kept += 1;
            continue;
        }
        if number != expected {
            return Err(Error::Gap { number, expected });
        }
        if header.parent_hash != parent {
            let (got, expected) = (header.parent_hash, parent);
            return Err(Error::Parent { number, got, expected });
        }
        (expected, parent) = (number + 1, executed.hash);
    }
    Ok(&blocks[kept..])
}

/// Makes sure that the file begins as the genesis file says; an empty one gets block 0.
fn check(
    database: &redb::Database,
    path: &Path,
    beginning: &Beginning,
    text: &str,
) -> Result<(), Error> {
    let read = database.begin_read().map_err(failed)?;
    let meta = match read.open_table(tables::META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return begin(database, beginning, text),
        Err(error) => return Err(failed(error)),
    };
    let format = meta.get(tables::META_FORMAT).map_err(failed)?;
    let format = format.ok_or_else(|| Error::damaged("format", "there is none"))?;
    let got = tables::decode_number(format.value(), "format")?;
    if got != FORMAT {
        return Err(Error::Format { path: PathBuf::from(path), got, expected: FORMAT });
    }
    let got = Snapshot::open(database)?.hash(0)?.unwrap_or_default();
    match got == beginning.hash {
        true => Ok(()),
        false => Err(Error::Genesis { path: path.into(), got, expected: beginning.hash }),
    }
}

/// A transaction. Where `sync`, it is on disk when it is committed, with all before it, and the file
/// opens at once, whatever ends the process: without what it then notes, the next start reads all of
/// the file.
fn begin_write(database: &redb::Database, sync: bool) -> Result<WriteTransaction, Error> {
    let mut write = database.begin_write().map_err(failed)?;
    write.set_quick_repair(sync);
    if !sync {
        write.set_durability(Durability::None).map_err(failed)?;
    }
    Ok(write)
}

fn begin(database: &redb::Database, beginning: &Beginning, text: &str) -> Result<(), Error> {
    let write = begin_write(database, true)?;
    {
        let mut meta = write.open_table(tables::META).map_err(failed)?;
        meta.insert(tables::META_FORMAT, &tables::encode_number(FORMAT)[..]).map_err(failed)?;
        meta.insert(tables::META_GENESIS, text.as_bytes()).map_err(failed)?;
    }
    put_block(&write, &beginning.block, beginning.hash, &[])?;
    put_changes(&write, &beginning.changes)?;
    // Readers find all tables, also those that no block has filled.
    write.open_table(tables::CERTIFICATES).map_err(failed)?;
    write.open_table(tables::HISTORY).map_err(failed)?;
    write.commit().map_err(failed)
}

fn put_block(
    write: &WriteTransaction,
    block: &Block,
    hash: B256,
    receipts: &[ReceiptEnvelope],
) -> Result<(), Error> {
    let number = block.header.number;
    let mut meta = write.open_table(tables::META).map_err(failed)?;
    meta.insert(tables::META_TIP, &tables::encode_number(number)[..]).map_err(failed)?;
    let mut blocks = write.open_table(tables::BLOCKS).map_err(failed)?;
    blocks.insert(number, block.encode().as_slice()).map_err(failed)?;
    let mut kept = write.open_table(tables::RECEIPTS).map_err(failed)?;
    kept.insert(number, tables::encode_receipts(receipts).as_slice()).map_err(failed)?;
    let mut blooms = write.open_table(tables::BLOOMS).map_err(failed)?;
    blooms.insert(number, &block.header.logs_bloom.0.0).map_err(failed)?;
    let mut hashes = write.open_table(tables::HASHES).map_err(failed)?;
    hashes.insert(number, &hash.0).map_err(failed)?;
    let mut numbers = write.open_table(tables::NUMBERS).map_err(failed)?;
    numbers.insert(&hash.0, number).map_err(failed)?;
    let mut places = write.open_table(tables::TRANSACTIONS).map_err(failed)?;
    let hashes = block.transactions.iter().map(|one| one.tx_hash());
    for (hash, place) in sorted(hashes.zip(0_u32..)) {
        places.insert(&hash.0, &(number, place)).map_err(failed)?;
    }
    Ok(())
}

fn put_changes(write: &WriteTransaction, changes: &Changes) -> Result<(), Error> {
    let mut accounts = write.open_table(tables::ACCOUNTS).map_err(failed)?;
    for (address, account) in sorted(changes.accounts.iter()) {
        match account {
            Some(account) => {
                accounts.insert(&address.0.0, alloy_rlp::encode(account).as_slice()).map(drop)
            }
            None => accounts.remove(&address.0.0).map(drop),
        }
        .map_err(failed)?;
    }
    let mut slots = write.open_table(tables::SLOTS).map_err(failed)?;
    for ((address, slot), value) in sorted(changes.slots.iter()) {
        let key = tables::place(address, slot);
        match value.is_zero() {
            true => slots.remove(&key).map(drop),
            false => slots.insert(&key, &value.to_be_bytes::<32>()).map(drop),
        }
        .map_err(failed)?;
    }
    let mut codes = write.open_table(tables::CODES).map_err(failed)?;
    for (hash, code) in sorted(changes.codes.iter()) {
        codes.insert(&hash.0, &code[..]).map_err(failed)?;
    }
    let mut nodes = write.open_table(tables::NODES).map_err(failed)?;
    for (hash, node) in sorted(changes.nodes.iter()) {
        nodes.insert(&hash.0, &node[..]).map_err(failed)?;
    }
    Ok(())
}

/// In the order of keys, in which a tree on disk takes them fastest.
fn sorted<'a, K: Ord + 'a, V>(entries: impl Iterator<Item = (&'a K, V)>) -> Vec<(&'a K, V)> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}
