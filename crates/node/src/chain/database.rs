//! What is final: the newest blocks in memory, all others in the file.
//!
//! Blocks are readable at once. They are written in one transaction every [`SYNC_BLOCKS`] and at the end
//! of an epoch: a crash takes those since then, which consensus has in its archive and followers find
//! where they found them.
//! Invariant: a crash leaves the file after some block, whole; never between two.

use super::Final;
use super::codes::Codes;
use super::error::{Error, failed};
use super::file::File;
use super::snapshot::Snapshot;
use super::tables::{self, FORMAT};
use super::unwritten::Unwritten;
use super::write;
use alloy_consensus::Header;
use alloy_primitives::B256;
use redb::{DatabaseError, ReadableDatabase, StorageBackend, TableError, WriteTransaction};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terroir_ledger::execute::{next_base_fee, param};
use terroir_ledger::genesis::Beginning;
use terroir_ledger::native::params::BASE_FEE_MIN;
use terroir_ledger::{Block, Executed, Genesis, Parent, Seal, View};

#[cfg(test)]
mod tests;

/// A crash takes fewer blocks than this. Keys are hashes: each block alone would write a page of the
/// file for nearly every one of them, and wait for the disk.
pub const SYNC_BLOCKS: u64 = 16;
/// Bytes of blocks that are in memory alone, about; with more they are written.
const UNWRITTEN_BYTES: usize = 16 << 20;
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

    fn new(kept: Snapshot, header: Header, seal: Seal, hash: B256) -> Tip {
        let kept = Arc::new(kept);
        let view = kept.view(header.number, header.state_root);
        Tip { header, seal, hash, view, kept }
    }
}

/// The open file of a chain.
pub(super) struct Database {
    database: redb::Database,
    chain: terroir_ledger::Chain,
    genesis: B256,
    codes: Arc<Codes>,
}

impl Database {
    /// Opens the file at `path` for the chain of the genesis file `text`, or makes it with block 0.
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
        let Beginning { chain, hash: genesis, .. } = beginning;
        Ok(Database { database, chain, genesis, codes: Arc::default() })
    }

    /// What is fixed about the chain.
    pub fn chain(&self) -> &terroir_ledger::Chain {
        &self.chain
    }

    /// The hash of block 0: the name of the chain.
    pub fn genesis(&self) -> B256 {
        self.genesis
    }

    /// The last block that the file has.
    pub fn tip(&self) -> Result<Tip, Error> {
        let kept = Snapshot::new(self.file()?, Vec::new());
        let gone = || Error::damaged("tip", "its block is missing");
        let hash = kept.hash(kept.number())?.ok_or_else(gone)?;
        let Block { header, seal, .. } = kept.block(kept.number())?.ok_or_else(gone)?;
        Ok(Tip::new(kept, header, seal, hash))
    }

    /// Takes the blocks after `tip`, each with a certificate of its finality where there is one; all
    /// or none. Gives the new tip, and the blocks that were not kept already. A crash takes fewer than
    /// [`SYNC_BLOCKS`] of them and never the last of an epoch.
    ///
    /// Errors: `Gap`, `Parent` and `Fork` for a block that is not next; `Database`.
    pub fn commit(&self, tip: &Tip, blocks: &[Certified<'_>]) -> Result<Option<Grown>, Error> {
        let new = following(tip, blocks)?;
        let Some((last, _)) = new.last() else { return Ok(None) };
        let mut newest = tip.kept.newest().to_vec();
        let kept = newest.len();
        let unwritten = new.iter().map(|(one, certificate)| Unwritten::new(one, *certificate));
        newest.extend(unwritten.map(Arc::new));
        let blocks = newest[kept..].iter().map(|one| one.block.clone()).collect();
        let full = newest.len() as u64 >= SYNC_BLOCKS
            || newest.iter().map(|one| one.bytes()).sum::<usize>() > UNWRITTEN_BYTES;
        // With an epoch consensus forgets its votes in it: a node must not come back inside of it.
        let ends = |(one, _): &Certified<'_>| self.chain.is_last(one.block.header.number);
        let kept = match full || new.iter().any(ends) {
            true => Snapshot::new(self.write(&newest)?, Vec::new()),
            false => Snapshot::new(tip.kept.file().clone(), newest),
        };
        let Block { header, seal, .. } = &*last.block;
        let tip = Tip::new(kept, header.clone(), seal.clone(), last.hash);
        Ok(Some(Grown { tip: Arc::new(tip), blocks }))
    }

    /// Writes what `tip` has in memory alone: no crash takes it from then on. Gives the tip as it is then.
    pub fn settle(&self, tip: &Tip) -> Result<Tip, Error> {
        let file = match tip.kept.newest() {
            [] => tip.kept.file().clone(),
            newest => self.write(newest)?,
        };
        let (header, seal) = (tip.header.clone(), tip.seal.clone());
        Ok(Tip::new(Snapshot::new(file, Vec::new()), header, seal, tip.hash))
    }

    /// Gives the file with `blocks`; those that it has are not written again.
    fn write(&self, blocks: &[Arc<Unwritten>]) -> Result<Arc<File>, Error> {
        let write = begin_write(&self.database)?;
        let next = write::last(&write)? + 1;
        let there = blocks.partition_point(|one| one.number() < next);
        if let Some(first) = blocks.get(there) {
            if first.number() != next {
                return Err(Error::Gap { number: first.number(), expected: next });
            }
            write::put(&write, &blocks[there..])?;
            write.commit().map_err(failed)?;
        }
        self.file()
    }

    fn file(&self) -> Result<Arc<File>, Error> {
        Ok(Arc::new(File::open(&self.database, self.codes.clone())?))
    }
}

/// What came of a commit.
pub struct Grown {
    /// The new tip.
    pub tip: Arc<Tip>,
    /// The blocks that are new, ascending.
    pub blocks: Vec<Arc<Final>>,
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
    let got = File::open(database, Arc::default())?.hash(0)?.unwrap_or_default();
    match got == beginning.hash {
        true => Ok(()),
        false => Err(Error::Genesis { path: path.into(), got, expected: beginning.hash }),
    }
}

/// A transaction: on disk when it is committed. The file opens at once, whatever ends the process;
/// without what that notes, the next start would read all of the file.
fn begin_write(database: &redb::Database) -> Result<WriteTransaction, Error> {
    let mut write = database.begin_write().map_err(failed)?;
    write.set_quick_repair(true);
    Ok(write)
}

fn begin(database: &redb::Database, beginning: &Beginning, text: &str) -> Result<(), Error> {
    let write = begin_write(database)?;
    {
        let mut meta = write.open_table(tables::META).map_err(failed)?;
        meta.insert(tables::META_FORMAT, &tables::encode_number(FORMAT)[..]).map_err(failed)?;
        meta.insert(tables::META_GENESIS, text.as_bytes()).map_err(failed)?;
    }
    let first = Unwritten::first(beginning);
    write::put(&write, &[Arc::new(first)])?;
    write.commit().map_err(failed)
}
