//! A dataset version: the roots of all that was read, measured and judged, under one name.
//!
//! Its id is the digest of its canonical bytes, which hold nothing of files, shards, machines or
//! times: whoever runs the same recipe over the same records gets the same id.
//! Format: `docs/format/version.md`.

use crate::merge::Tree;
use std::fmt;
use std::str::FromStr;
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, MapReader, Value};
use terroir_base::digest::ParseError;

/// Version of the format.
const FORMAT: u64 = 4;
/// Largest encoded version, in bytes.
pub const VERSION_BYTES_MAX: usize = 1 << 20;
const LIMITS: Limits = Limits { bytes_max: VERSION_BYTES_MAX, depth_max: 8, items_max: 1 << 16 };

/// Names a version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(pub Digest);

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionId({self})")
    }
}

impl FromStr for VersionId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<VersionId, ParseError> {
        text.parse().map(VersionId)
    }
}

/// What a version is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The recipe's name.
    pub name: String,
    /// The versions it came from, by id, ascending.
    pub parents: Vec<VersionId>,
    /// All records that came in.
    pub records: Tree,
    /// Each stage's table, in the order of the recipe.
    pub stages: Vec<StageEntry>,
    /// Sources that win among copies, best first.
    pub priority: Vec<String>,
    /// Contributors who took their consent back, ascending.
    pub withdrawn: Vec<String>,
    /// The verdict on each record.
    pub verdicts: Tree,
    /// Records that pass.
    pub kept: u64,
    /// Bytes of text that came in.
    pub bytes_in: u64,
    /// Bytes of text that pass, as read.
    pub bytes_kept: u64,
}

/// One stage of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageEntry {
    /// What the recipe calls it.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// What it measures by.
    pub id: Digest,
    /// Its rows.
    pub rows: Tree,
    /// The keys of all records ([`crate::keys::tree`]), where the stage compares records.
    pub keys: Option<Tree>,
    /// How its scores were judged: [`crate::recipe::Judge::to_value`].
    pub judged: Value,
}

impl Version {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let texts = |texts: &[String]| Value::array(texts.iter().cloned().map(Value::Text));
        let parents = self.parents.iter().map(|id| Value::bytes(id.0.0));
        cbor::encode(&Value::record([
            (1, Value::Uint(FORMAT)),
            (2, Value::Text(self.name.clone())),
            (3, Value::array(parents)),
            (4, tree(&self.records)),
            (5, Value::array(self.stages.iter().map(StageEntry::to_value))),
            (6, texts(&self.priority)),
            (7, texts(&self.withdrawn)),
            (8, tree(&self.verdicts)),
            (9, Value::Uint(self.kept)),
            (10, Value::Uint(self.bytes_in)),
            (11, Value::Uint(self.bytes_kept)),
        ]))
    }

    /// The version with these canonical bytes.
    ///
    /// Errors: what [`cbor::decode`] refuses, and any field that is missing, unknown or too large.
    pub fn decode(bytes: &[u8]) -> Result<Version, cbor::Error> {
        let mut map = MapReader::new(cbor::decode(bytes, &LIMITS)?, "version")?;
        map.take_version(1, FORMAT)?;
        let version = Version {
            name: map.take_text(2, "name", 64)?,
            parents: digests(map.take_array(3, "parents", 64)?)?,
            records: read_tree(map.take(4, "records")?)?,
            stages: map
                .take_array(5, "stages", crate::recipe::STAGES_MAX)?
                .into_iter()
                .map(StageEntry::from_value)
                .collect::<Result<_, _>>()?,
            priority: texts(map.take_array(6, "priority", 4096)?)?,
            withdrawn: texts(map.take_array(7, "withdrawn", 4096)?)?,
            verdicts: read_tree(map.take(8, "verdicts")?)?,
            kept: map.take_uint(9, "kept")?,
            bytes_in: map.take_uint(10, "bytes in")?,
            bytes_kept: map.take_uint(11, "bytes kept")?,
        };
        map.finish()?;
        Ok(version)
    }

    /// One digest over all trees: equal for whoever runs the same stages and policy over the same
    /// records, whatever the version is called and comes from.
    pub fn root(&self) -> Digest {
        let mut parts = vec![self.records.root.0];
        for stage in &self.stages {
            parts.push(stage.rows.root.0);
            parts.extend(stage.keys.map(|keys| keys.root.0));
        }
        parts.push(self.verdicts.root.0);
        let parts: Vec<&[u8]> = parts.iter().map(<[u8; 32]>::as_slice).collect();
        Digest::derive("terroir 2026-11 dataset root", &parts)
    }

    /// The id.
    pub fn id(&self) -> VersionId {
        VersionId(Digest::derive("terroir 2026-11 dataset version", &[&self.encode()]))
    }
}

impl StageEntry {
    fn to_value(&self) -> Value {
        let fields = [
            (1, Value::Text(self.name.clone())),
            (2, Value::Text(self.kind.clone())),
            (3, Value::bytes(self.id.0)),
            (4, tree(&self.rows)),
            (5, self.judged.clone()),
        ];
        Value::record(fields.into_iter().chain(self.keys.map(|keys| (6, tree(&keys)))))
    }

    fn from_value(value: Value) -> Result<StageEntry, cbor::Error> {
        let mut map = MapReader::new(value, "stage")?;
        let entry = StageEntry {
            name: map.take_text(1, "name", 64)?,
            kind: map.take_text(2, "kind", 64)?,
            id: map.take_digest(3, "id")?,
            rows: read_tree(map.take(4, "rows")?)?,
            judged: map.take(5, "judged")?,
            keys: map.take_opt(6).map(read_tree).transpose()?,
        };
        map.finish()?;
        Ok(entry)
    }
}

/// A tree as it stands in versions and claims.
pub(crate) fn tree(tree: &Tree) -> Value {
    Value::array([Value::bytes(tree.root.0), Value::Uint(tree.leaves)])
}

/// Reads what [`tree`] gave.
pub(crate) fn read_tree(value: Value) -> Result<Tree, cbor::Error> {
    let [root, leaves] = value.into_array_n("tree")?;
    Ok(Tree { root: root.into_digest("root")?, leaves: leaves.into_uint("leaves")? })
}

fn texts(items: Vec<Value>) -> Result<Vec<String>, cbor::Error> {
    items.into_iter().map(|item| item.into_text("name", 4096)).collect()
}

fn digests(items: Vec<Value>) -> Result<Vec<VersionId>, cbor::Error> {
    items.into_iter().map(|item| item.into_digest("parent").map(VersionId)).collect()
}

#[cfg(test)]
mod tests;
