//! Claims: program + inputs -> outputs, for each stage on each shard and for the version over them.
//!
//! Whoever runs a recipe signs them, one receipt each, beside the file that it is about and as soon
//! as that is written: a table without a claim is as good as none. The version's claim commits to
//! all the others and to the ingest log, so its signature fixes every byte before an audit draws
//! anything. Format: `docs/format/claim.md`.

use crate::catalogue::{Catalogue, write};
use crate::error::{Error, damaged, disk};
use crate::merge::Tree;
use crate::run::table_key;
use crate::shard::digest;
use crate::stage::{Stage, Work};
use crate::tree::Builder;
use crate::version::Version;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, Value, encode};
use terroir_base::sign::PublicKey;
use terroir_proof::{self as proof, Body, Files, Given, Leaves, check as check_receipt};

/// What is claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Kind of the stage, with [`KEYS`] after it for a run of its keys and [`PAIRS`] for pairs that it
    /// compared; or [`VERSION`].
    pub kind: String,
    /// Id of the stage; for a version, of its policy.
    pub program: Digest,
    /// The records that went in; for a version, all that it rests on ([`over`]).
    pub inputs: Tree,
    /// The rows that came out; for a run its digest and its items, for pairs their digest and number;
    /// for a version its id, and how many records pass.
    pub outputs: Tree,
    /// The files that hold it: one table or run; for a version all in its folder but three.
    pub files: Vec<Bytes>,
}

/// A file, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// Its path below the data folder, with `/`.
    pub name: String,
    /// BLAKE3 of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub length: u64,
}

/// What follows the kind of a stage in a claim about a run of its keys.
pub const KEYS: &str = " keys";
/// What follows the kind of a stage in a claim about the pairs that it compared.
pub const PAIRS: &str = " pairs";
/// Kind of the claim about a version.
pub const VERSION: &str = "version";
/// Ending of receipts.
const RECEIPT: &str = "rcpt";
/// Ending of the lists of files that lie beside them.
const LIST: &str = "files";
/// Most files of a claim: shards of a version, and a few.
const FILES_MAX: usize = 1 << 18;
/// Longest name of a file.
const NAME_BYTES_MAX: usize = 1 << 10;
const LIMITS: Limits = Limits { bytes_max: 64 << 20, depth_max: 3, items_max: 1 << 21 };

impl Claim {
    /// What its receipt says: `docs/format/receipt.md`, kind `stage`.
    pub fn stage(&self) -> proof::Stage {
        let leaves = |tree: &Tree| Leaves { root: tree.root, count: tree.leaves };
        proof::Stage {
            name: self.kind.clone(),
            program: self.program,
            inputs: leaves(&self.inputs),
            outputs: leaves(&self.outputs),
            files: Files { list: Digest::of(&self.list()), count: self.files.len() as u64 },
        }
    }

    /// The list of its files: `docs/format/claim.md`.
    pub fn list(&self) -> Vec<u8> {
        let file = |file: &Bytes| {
            let Bytes { name, digest, length } = file;
            Value::Array(vec![name.as_str().into(), (*digest).into(), (*length).into()])
        };
        encode(&Value::array(self.files.iter().map(file)))
    }

    /// Writes the list of files, then the receipt that `signer` gives, to `path`.
    ///
    /// Errors: `Disk`, `Sign`.
    pub fn keep(&self, path: &Path, signer: &Sign<'_>) -> Result<(), Error> {
        write(&path.with_extension(LIST), &self.list())?;
        write(path, &signer(&self.stage())?)
    }

    /// Opens the receipt in the file `path`, and the list beside it: its signature holds. Whether
    /// the signer is the right one is not asked.
    ///
    /// Errors: `Disk`, `Damaged`.
    pub fn open(path: &Path) -> Result<(Claim, PublicKey), Error> {
        let bytes = fs::read(path).map_err(disk(path))?;
        let beside = path.with_extension(LIST);
        let list = fs::read(&beside).map_err(disk(&beside))?;
        Claim::decode(&bytes, &list).map_err(|what| damaged(path, what))
    }

    /// Opens a receipt, with the list of files that it names: [`Claim::open`] of bytes.
    ///
    /// Errors: in words.
    pub fn decode(receipt: &[u8], list: &[u8]) -> Result<(Claim, PublicKey), String> {
        let statement = check_receipt(receipt, Given::default());
        let receipt = statement.map_err(|error| error.to_string())?.receipt;
        let Body::Stage(stage) = receipt.body else {
            return Err("is a receipt about something else than a stage".to_owned());
        };
        if Digest::of(list) != stage.files.list {
            return Err("the list of files beside it is not the list that it names".to_owned());
        }
        let files = read_list(list);
        let files = files.map_err(|error| format!("the list of files beside it: {error}"))?;
        if files.len() as u64 != stage.files.count {
            return Err("counts other files than its list has".to_owned());
        }
        let tree = |leaves: Leaves| Tree { root: leaves.root, leaves: leaves.count };
        let (kind, program) = (stage.name, stage.program);
        let (inputs, outputs) = (tree(stage.inputs), tree(stage.outputs));
        Ok((Claim { kind, program, inputs, outputs, files }, receipt.node))
    }
}

fn read_list(bytes: &[u8]) -> Result<Vec<Bytes>, cbor::Error> {
    let file = |value: Value| {
        let [name, digest, length] = value.into_array_n("file")?;
        Ok(Bytes {
            name: name.into_text("name", NAME_BYTES_MAX)?,
            digest: digest.into_digest("digest")?,
            length: length.into_uint("length")?,
        })
    };
    let all = cbor::decode(bytes, &LIMITS)?.into_array("files", FILES_MAX)?;
    all.into_iter().map(file).collect()
}

impl Bytes {
    /// The bytes that the file `path` has now, under the name that it has in `catalogue`.
    pub fn of(catalogue: &Catalogue, path: &Path) -> Result<Bytes, Error> {
        Bytes::named(catalogue.below(path), path)
    }

    /// The bytes that the file `path` has now, under `name`.
    pub fn named(name: String, path: &Path) -> Result<Bytes, Error> {
        let (digest, length) = digest(path)?;
        Ok(Bytes { name, digest, length })
    }
}

/// Signs what a receipt says, and gives the receipt.
pub type Sign<'a> = dyn Fn(&proof::Stage) -> Result<Vec<u8>, Error> + Sync + 'a;

/// Where the receipt of a table or run lies.
pub fn path(table: &Path) -> PathBuf {
    table.with_extension(RECEIPT)
}

/// Whether the table or run `table` is there with its claim: one without is made again.
pub fn known(table: &Path) -> bool {
    table.exists() && path(table).exists()
}

/// Refuses a table, run or file of pairs that is not, byte for byte, what its claim is about, or whose
/// claim is about something else than `stage`, or was signed by somebody else than `node`: whoever
/// can write into the folder cannot have others vouch for it.
///
/// Errors: `Disk`; `Damaged` naming the claim or the file.
pub fn check(
    catalogue: &Catalogue,
    stage: &Stage,
    node: &PublicKey,
    table: &Path,
) -> Result<(), Error> {
    let path = path(table);
    let (claim, signer) = Claim::open(&path)?;
    if signer != *node {
        let what = format!(
            "is signed by {signer}, not by {node}: work on it in that node's home, or remove it, and \
             {} is made again",
            table.display()
        );
        return Err(damaged(&path, what));
    }
    let kind = stage.facts().kind;
    let ending = claim.kind.strip_prefix(kind);
    let fits = ending.is_some_and(|ending| ["", KEYS, PAIRS].contains(&ending));
    if !fits || claim.program != stage.id {
        let what = format!("is about {} of the stage {}, not {kind}", claim.kind, claim.program);
        return Err(damaged(&path, what));
    }
    match &claim.files[..] {
        [file] if *file == Bytes::of(catalogue, table)? => Ok(()),
        [file] if file.name == catalogue.below(table) => {
            Err(damaged(table, format!("its bytes are not those of {}", path.display())))
        }
        _ => Err(damaged(&path, format!("is not about {}", table.display()))),
    }
}

/// Who signed the claim about `table`. Errors: those of [`Claim::open`].
pub fn signer(table: &Path) -> Result<PublicKey, Error> {
    Ok(Claim::open(&path(table))?.1)
}

/// The signed envelopes that a version rests on: those of all tables and runs of `stages` over the
/// shards and of the pairs that these compared, those of the units in the ingest log, and the tables
/// of what these skipped. `records` is the tree over all records, and `parts` are the names of the shards and of the units.
pub fn envelopes(
    catalogue: &Catalogue,
    stages: &[Stage],
    records: &Tree,
    parts: (&[String], &[String]),
) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = parts.1.iter().map(|unit| catalogue.unit(unit)).collect();
    // An entry says what its table of skips holds; that it has one is seen by its being there.
    let skips = parts.1.iter().map(|unit| catalogue.skips(unit));
    paths.extend(skips.filter(|path| path.exists()));
    for stage in stages {
        let key = table_key(stage, records);
        for shard in parts.0 {
            paths.push(path(&catalogue.rows(&key, shard)));
            if let Work::Global(_) = stage.work {
                paths.push(path(&catalogue.keys(&stage.key, shard)));
            }
        }
        // Not every stage compares pairs.
        paths.extend(Some(path(&catalogue.pairs(&key))).filter(|path| path.exists()));
    }
    paths
}

/// The files in the folder of a version over `shards` that its claim is about, below that folder.
pub fn version_files(shards: &[String]) -> Vec<String> {
    let verdicts = shards.iter().map(|shard| format!("verdicts/{shard}.parquet"));
    ["recipe.toml", "shards", "units"].map(str::to_owned).into_iter().chain(verdicts).collect()
}

/// The tree over signed envelopes: those of all tables, runs and units of a version, by digest.
///
/// Errors: `Missing` for an envelope that is not there, `Disk`.
pub fn over(envelopes: &[PathBuf]) -> Result<Tree, Error> {
    let mut digests = Vec::with_capacity(envelopes.len());
    for path in envelopes {
        let bytes = fs::read(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Error::Missing { kind: "signed envelope", name: path.display().to_string() }
            }
            _ => disk(path)(error),
        })?;
        digests.push(Digest::of(&bytes));
    }
    digests.sort_unstable();
    digests.dedup();
    let mut tree = Builder::default();
    digests.into_iter().for_each(|one| tree.push(one));
    Ok(Tree { root: tree.root(), leaves: tree.leaves() })
}

/// The digest of all that decides what passes: thresholds, who wins among copies, who withdrew.
pub fn policy(version: &Version) -> Digest {
    let judged = version.stages.iter().map(|stage| stage.judged.clone());
    let texts = |texts: &[String]| Value::array(texts.iter().cloned().map(Value::Text));
    let policy = encode(&Value::array([
        Value::array(judged),
        texts(&version.priority),
        texts(&version.withdrawn),
    ]));
    Digest::derive("terroir 2026-11 policy", &[&policy])
}

/// The claim of a version over what it rests on, and over the files in its folder.
pub fn version(version: &Version, claimed: Tree, files: Vec<Bytes>) -> Claim {
    Claim {
        kind: VERSION.to_owned(),
        program: policy(version),
        inputs: claimed,
        outputs: Tree { root: version.id().0, leaves: version.kept },
        files,
    }
}

#[cfg(test)]
mod tests;
