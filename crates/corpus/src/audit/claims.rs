//! What was signed, against what lies here: the claims of all tables and runs, and the version's.

use super::records::Part;
use super::{Audit, Auditor, Difference, difference};
use crate::claim::{self, Bytes, Claim, version_files};
use crate::error::Error;
use crate::fold::leaves;
use crate::keys::{self, Run};
use crate::merge::{self, Tree};
use crate::pairs::Pairs;
use crate::record::RecordId;
use crate::run::table_key;
use crate::shard::digest;
use crate::stage::{Stage, Work};
use crate::tree::Builder;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use terroir_base::Digest;

/// Tables, by the places of stage and shard, whose every row must be looked at.
pub type Suspects = BTreeSet<(usize, usize)>;

/// What one stage has to answer for.
type Found = (u64, Vec<Difference>, Suspects);

impl Auditor<'_> {
    /// The version's claim is signed, is about this version, and covers every file and envelope.
    pub(super) fn version_claim(&self, audit: &mut Audit) {
        let folder = self.catalogue.version(&self.kept.id);
        let path = folder.join("version.rcpt");
        let mut wrong = |what: String| audit.differences.push(difference("version", None, what));
        let claim = match Claim::open(&path) {
            Ok((claim, signer)) => {
                audit.signer = Some(signer);
                claim
            }
            Err(error) => return wrong(error.to_string()),
        };
        let parts = (&self.kept.shards[..], &self.kept.units[..]);
        let records = &self.kept.version.records;
        let rests = claim::over(&claim::envelopes(self.catalogue, self.stages, records, parts));
        let rests = rests.unwrap_or_else(|error| {
            wrong(error.to_string());
            claim.inputs
        });
        if rests != claim.inputs {
            let (got, expected) = (rests.root, claim.inputs.root);
            let what = "the claims and entries that it rests on";
            wrong(format!("{what} have the root {got}, not {expected}"));
        }
        let made = claim::version(&self.kept.version, claim.inputs, claim.files.clone());
        if made != claim {
            wrong(format!("{}: is not about this version", path.display()));
        }
        let names = version_files(&self.kept.shards);
        let id = self.kept.id;
        let expected: Vec<String> =
            names.iter().map(|name| format!("versions/{id}/{name}")).collect();
        if !claim.files.iter().map(|file| &file.name).eq(&expected) {
            wrong(format!("{}: names other files than the version has", path.display()));
        }
        for file in &claim.files {
            let path = self.catalogue.folder().join(&file.name);
            let named = expected.contains(&file.name).then(|| Bytes::of(self.catalogue, &path));
            match named {
                Some(Ok(bytes)) if bytes == *file => {}
                Some(Err(error)) => wrong(error.to_string()),
                _ => wrong(format!("{}: its bytes are not those that were signed", path.display())),
            }
        }
    }

    /// The root over each table is the one in the version, and each table and run is, byte for byte
    /// and leaf for leaf, what its claim says.
    pub(super) fn tables(&self, parts: &[Option<Part>], audit: &mut Audit) -> Suspects {
        let one = |(place, stage): (usize, &Stage)| self.stage(place, stage, parts);
        let found: Vec<Found> = self.stages.par_iter().enumerate().map(one).collect();
        let mut all = Suspects::new();
        for (trees, differences, suspects) in found {
            audit.trees += trees;
            audit.differences.extend(differences);
            all.extend(suspects);
        }
        all
    }

    fn stage(&self, place: usize, stage: &Stage, parts: &[Option<Part>]) -> Found {
        let (mut found, mut suspects) = (Vec::new(), Suspects::new());
        let key = table_key(stage, &self.kept.version.records);
        let mut tables = Vec::with_capacity(parts.len());
        for ((shard, part), name) in parts.iter().enumerate().zip(&self.kept.shards) {
            let path = self.catalogue.rows(&key, name);
            let before = found.len();
            match read(&path) {
                Ok((tree, leaves)) => {
                    let inputs = part.as_ref().map(|part| part.tree);
                    self.about(stage, "", &path, (inputs, tree), &mut found);
                    tables.push(leaves);
                }
                Err(error) => found.push(difference(&stage.name, None, error.to_string())),
            }
            if found.len() > before {
                suspects.insert((place, shard));
            }
            if let Work::Global(_) = stage.work {
                self.run(stage, name, part, &mut found);
            }
        }
        if let Work::Global(_) = stage.work {
            self.pairs(stage, &self.catalogue.pairs(&key), &mut found);
        }
        let mut trees = self.keys(place, stage, &mut found);
        if tables.len() < parts.len() {
            return (trees, found, suspects);
        }
        trees += 1;
        let streams = tables.into_iter().map(|leaves| leaves.into_iter().map(Ok)).collect();
        let root = merge::root(streams, |record| Error::Missing {
            kind: "single leaf for record",
            name: record.to_string(),
        });
        let what = match root {
            Ok(tree) if self.kept.version.stages.get(place).is_some_and(|e| e.rows == tree) => {
                return (trees, found, suspects);
            }
            Ok(tree) => format!("its leaves have the root {}, not that of the version", tree.root),
            Err(error) => error.to_string(),
        };
        found.push(difference(&stage.name, None, what));
        // Somewhere in it there is a leaf to be named.
        suspects.extend((0..parts.len()).map(|shard| (place, shard)));
        (trees, found, suspects)
    }

    /// The root over the keys of all runs is the one in the version. Gives how many trees were made.
    fn keys(&self, place: usize, stage: &Stage, found: &mut Vec<Difference>) -> u64 {
        let told = self.kept.version.stages.get(place).and_then(|entry| entry.keys);
        let made = match stage.work {
            Work::Global(_) => {
                let shards = self.kept.shards.iter();
                let runs: Vec<PathBuf> =
                    shards.map(|name| self.catalogue.keys(&stage.key, name)).collect();
                keys::tree(&runs).map(Some)
            }
            Work::Local(_) => Ok(None),
        };
        let trees = u64::from(matches!(made, Ok(Some(_))));
        let root =
            |tree: Option<Tree>| tree.map_or("none".to_owned(), |tree| tree.root.to_string());
        let what = match made {
            Ok(made) if made == told => return trees,
            Ok(made) => {
                let (made, told) = (root(made), root(told));
                format!("its keys have the root {made}, the version says {told}")
            }
            Err(error) => error.to_string(),
        };
        found.push(difference(&stage.name, None, what));
        trees
    }

    /// The claim beside `file` is signed and about it: `made` are the records that went in and what
    /// came out.
    fn about(
        &self,
        stage: &Stage,
        keys: &str,
        file: &Path,
        made: (Option<Tree>, Tree),
        found: &mut Vec<Difference>,
    ) {
        let path = claim::path(file);
        let mut wrong = |what: String| found.push(difference(&stage.name, None, what));
        let opened = Claim::open(&path);
        let bytes = Bytes::of(self.catalogue, file);
        let (claim, bytes) = match (opened, bytes) {
            (Ok((claim, _)), Ok(bytes)) => (claim, bytes),
            (Err(error), _) | (_, Err(error)) => return wrong(error.to_string()),
        };
        let inputs = made.0.unwrap_or(claim.inputs);
        let expected = Claim {
            kind: format!("{}{keys}", stage.facts().kind),
            program: stage.id,
            inputs,
            outputs: made.1,
            files: vec![bytes],
        };
        if claim.files != expected.files {
            wrong(format!("{}: its bytes are not those that were signed", file.display()));
        }
        if (&claim.kind, claim.program) != (&expected.kind, expected.program) {
            wrong(format!("{}: is not a claim of this stage", path.display()));
        }
        if claim.inputs != expected.inputs {
            wrong(format!("{}: is not about these records", path.display()));
        }
        if claim.outputs != expected.outputs && claim.files == expected.files {
            wrong(format!("{}: claims other leaves than the table has", path.display()));
        }
    }

    /// The pairs that the stage compared: signed, and about all records. What they say is compared
    /// where records are drawn.
    fn pairs(&self, stage: &Stage, path: &Path, found: &mut Vec<Difference>) {
        if !path.exists() {
            // Those of a version that had them are missed as one of the claims that it rests on.
            return;
        }
        let made = Pairs::open(path, |_| ())
            .and_then(|pairs| Ok(Tree { root: digest(path)?.0, leaves: pairs.total() }));
        match made {
            Ok(out) => {
                let inputs = Some(self.kept.version.records);
                self.about(stage, claim::PAIRS, path, (inputs, out), found);
            }
            Err(error) => found.push(difference(&stage.name, None, error.to_string())),
        }
    }

    /// The run of keys over the shard `name`: signed, and of records of the shard alone.
    fn run(&self, stage: &Stage, name: &str, part: &Option<Part>, found: &mut Vec<Difference>) {
        let path = self.catalogue.keys(&stage.key, name);
        let run = Run::open(&path).and_then(|run| Ok((run, Bytes::of(self.catalogue, &path)?)));
        let (run, bytes) = match run {
            Ok(run) => run,
            Err(error) => {
                return found.push(difference(&stage.name, None, error.to_string()));
            }
        };
        let out = Tree { root: bytes.digest, leaves: run.items() };
        let inputs = part.as_ref().map(|part| part.tree);
        self.about(stage, claim::KEYS, &path, (inputs, out), found);
        let Some(part) = part else { return };
        let here = |record: &RecordId| part.ids.binary_search_by_key(record, |one| one.0).is_ok();
        if let Some(record) = run.records().iter().find(|record| !here(record)) {
            let what = format!("{}: the shard has no such record", path.display());
            found.push(difference(&stage.name, Some(*record), what));
        }
    }
}

/// The tree over the leaves of one table, and the leaves.
fn read(path: &Path) -> Result<(Tree, Vec<(RecordId, Digest)>), Error> {
    let all: Vec<(RecordId, Digest)> = leaves(path)?.collect::<Result<_, _>>()?;
    let mut tree = Builder::default();
    all.iter().for_each(|(_, leaf)| tree.push(*leaf));
    Ok((Tree { root: tree.root(), leaves: tree.leaves() }, all))
}
