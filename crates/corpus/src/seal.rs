//! Private shards: the records that pass, by contributor, each readable by whoever has its key.
//!
//! A part is encrypted to a key of its own, and that key, in a file beside it, to named recipients;
//! all by the `age` format. Without the file of the key nobody reads the part again, and everything
//! that is signed or rooted stands as before. Invariant: what `unseal` gives was compared with the
//! digests and the tree of the manifest, whose signature holds. Format: `docs/format/sealed.md`.

mod files;
mod manifest;
mod open;

pub use age::x25519::{Identity, Recipient};
pub use manifest::{CONTENT_TYPE, MANIFEST_BYTES_MAX, Manifest, PARTS_MAX, Part};
pub use open::{Opened, identities, unseal};

use crate::catalogue::{Catalogue, Kept, write};
use crate::error::{Error, damaged, disk};
use crate::export::{Passing, object};
use crate::merge::Tree;
use crate::record::RecordId;
use crate::rows::digest;
use crate::stage::chain;
use crate::table::persist;
use crate::tree::{Builder, SaltKey};
use crate::verdicts;
use age::Encryptor;
use age::secrecy::ExposeSecret;
use age::stream::StreamWriter;
use arrow_array::cast::AsArray;
use files::Counted;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use terroir_base::Digest;
use terroir_base::sign::SecretKey;

/// Name of the signed manifest in its folder.
const MANIFEST: &str = "manifest.cose";
/// Trees of a manifest are over ids that are no secret.
const SALT: SaltKey = SaltKey([0; 32]);

/// Writes the records of `kept` that pass into the folder `out`, which must hold no manifest yet;
/// `key` signs that, and `salt` is that of the version's leaves.
///
/// Errors: `Disk`; `Damaged` where a text is not what the version says, `out` holds a manifest, or
/// there are more than [`PARTS_MAX`] contributors.
pub fn seal(
    catalogue: &Catalogue,
    kept: &Kept,
    recipients: &[Recipient],
    out: &Path,
    (key, salt): (&SecretKey, &SaltKey),
) -> Result<Manifest, Error> {
    verdicts::check(catalogue, kept, salt)?;
    fs::create_dir_all(out).map_err(disk(out))?;
    let path = out.join(MANIFEST);
    if path.exists() {
        return Err(damaged(&path, "is there already: seal into an empty folder"));
    }
    let stages = chain(&kept.recipe)?;
    let mut writers: BTreeMap<String, Writer> = BTreeMap::new();
    let mut seen = HashSet::new();
    for shard in &kept.shards {
        for batch in Passing::open(catalogue, kept, &stages, shard)? {
            let batch = batch?;
            let column = |name: &str| {
                let column = batch.column_by_name(name);
                column.ok_or_else(|| damaged(&catalogue.shard(shard), format!("has no {name}")))
            };
            let (rids, names) = (column("rid")?.as_fixed_size_binary(), column("contributor")?);
            for at in 0..batch.num_rows() {
                let record = RecordId(digest(rids, at).expect("never null"));
                // A record that stands in two shards leaves once.
                if !seen.insert(record) {
                    continue;
                }
                let name = names.as_string::<i32>().value(at);
                if !writers.contains_key(name) {
                    if writers.len() == PARTS_MAX {
                        let what = format!("has more than {PARTS_MAX} contributors");
                        return Err(damaged(&catalogue.version(&kept.id), what));
                    }
                    writers.insert(name.to_owned(), Writer::new(out)?);
                }
                let writer = writers.get_mut(name).expect("it was made");
                let line = object(&batch, at);
                let line = line.map_err(|what| damaged(&catalogue.shard(shard), what))?;
                writer.push(record, &line.json)?;
            }
        }
    }
    let mut parts = Vec::with_capacity(writers.len());
    for (place, (contributor, writer)) in writers.into_iter().enumerate() {
        parts.push(writer.finish(contributor, recipients, out, place)?);
    }
    let manifest = Manifest { version: kept.id, parts };
    write(&path, &manifest.sign(key))?;
    Ok(manifest)
}

/// Where part `place` lies in `folder`.
pub fn part_path(folder: &Path, place: usize) -> PathBuf {
    folder.join(format!("part-{place:05}.age"))
}

/// Where the key of part `place` lies in `folder`. Without this file the part is erased.
pub fn key_path(folder: &Path, place: usize) -> PathBuf {
    folder.join(format!("part-{place:05}.key.age"))
}

/// The digest of a part's plain bytes begins here: keyed with the part's secret, so that nobody who
/// lacks it can try what the bytes may have been.
fn plain_hasher(key: &Identity) -> blake3::Hasher {
    let secret = key.to_string();
    let secret = secret.expose_secret().as_bytes();
    let key = Digest::derive("terroir 2026-11 sealed plain", &[secret]);
    blake3::Hasher::new_keyed(key.as_bytes())
}

/// The tree over `records`, in any order.
fn tree(mut records: Vec<RecordId>) -> Tree {
    records.sort_unstable();
    let mut tree = Builder::default();
    records.iter().for_each(|record| tree.push(record.leaf(&SALT)));
    Tree { root: tree.root(), leaves: tree.leaves() }
}

/// A part while it is written.
struct Writer {
    key: Identity,
    records: Vec<RecordId>,
    plain: blake3::Hasher,
    plain_bytes: u64,
    sealed: StreamWriter<Counted<BufWriter<NamedTempFile>>>,
    folder: PathBuf,
}

impl Writer {
    fn new(folder: &Path) -> Result<Writer, Error> {
        let key = Identity::generate();
        let file = NamedTempFile::new_in(folder).map_err(disk(folder))?;
        let sealed = encryptor(&[key.to_public()])
            .wrap_output(Counted::new(BufWriter::new(file)))
            .map_err(disk(folder))?;
        let plain = plain_hasher(&key);
        let folder = folder.to_owned();
        Ok(Writer { key, records: Vec::new(), plain, plain_bytes: 0, sealed, folder })
    }

    fn push(&mut self, record: RecordId, json: &str) -> Result<(), Error> {
        for bytes in [json.as_bytes(), b"\n"] {
            self.plain.update(bytes);
            self.plain_bytes += bytes.len() as u64;
            self.sealed.write_all(bytes).map_err(disk(&self.folder))?;
        }
        self.records.push(record);
        Ok(())
    }

    fn finish(
        self,
        contributor: String,
        recipients: &[Recipient],
        out: &Path,
        place: usize,
    ) -> Result<Part, Error> {
        let path = part_path(out, place);
        let sealed = self.sealed.finish().map_err(disk(&path))?;
        let (file, sealed, sealed_bytes) = sealed.finish();
        let file = file.into_inner().map_err(|error| disk(&path)(error.into_error()))?;
        persist(file, &path)?;
        let path = key_path(out, place);
        let mut wrapped = encryptor(recipients).wrap_output(Vec::new()).map_err(disk(&path))?;
        let secret = self.key.to_string();
        wrapped.write_all(secret.expose_secret().as_bytes()).map_err(disk(&path))?;
        write(&path, &wrapped.finish().map_err(disk(&path))?)?;
        Ok(Part {
            contributor,
            records: tree(self.records),
            plain: Digest(*self.plain.finalize().as_bytes()),
            plain_bytes: self.plain_bytes,
            sealed,
            sealed_bytes,
        })
    }
}

fn encryptor(recipients: &[Recipient]) -> Encryptor {
    let recipients = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
    Encryptor::with_recipients(recipients).expect("X25519 recipients mix, and there is one")
}

#[cfg(test)]
mod tests;
