//! One list: a file with an entry a line.
//!
//! Lists of domains have millions of entries, so those that need no automaton are kept as hashes,
//! eight bytes each. Invariant: a list without a file has no entry.

use crate::error::{Error, disk};
use aho_corasick::AhoCorasick;
use std::path::Path;
use terroir_base::Digest;
use xxhash_rust::xxh3::xxh3_64;

/// The entries of a file.
pub struct File {
    digest: Option<Digest>,
    entries: Vec<String>,
}

/// Entries that are looked up whole.
pub struct List {
    /// The digest of the file.
    pub digest: Option<Digest>,
    /// Of all entries, ascending.
    hashes: Vec<u64>,
}

/// Entries that are looked for inside of a text.
pub struct Phrases {
    /// The digest of the file.
    pub digest: Option<Digest>,
    /// Finds them all; none where there are none.
    pub automaton: Option<AhoCorasick>,
}

impl File {
    /// Reads the file at `path` and puts each entry into the form that `fold` gives it.
    pub fn read(key: &str, path: Option<&Path>, fold: fn(&str) -> String) -> Result<File, Error> {
        let Some(path) = path else {
            return Ok(File { digest: None, entries: Vec::new() });
        };
        let bytes = std::fs::read(path).map_err(disk(path))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let what = format!("{} is not UTF-8 at byte {}", path.display(), error.valid_up_to());
            Error::Recipe { key: key.to_owned(), what }
        })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let entries = lines.map(fold).filter(|entry| !entry.is_empty());
        let mut entries: Vec<String> = entries.collect();
        entries.sort_unstable();
        entries.dedup();
        Ok(File { digest: Some(Digest::of(&bytes)), entries })
    }

    /// For looking entries up.
    pub fn list(self) -> List {
        let mut hashes: Vec<u64> =
            self.entries.iter().map(|entry| xxh3_64(entry.as_bytes())).collect();
        hashes.sort_unstable();
        List { digest: self.digest, hashes }
    }

    /// For finding entries inside of a text.
    pub fn phrases(self, key: &str) -> Result<Phrases, Error> {
        let wrong = |error: aho_corasick::BuildError| Error::Recipe {
            key: key.to_owned(),
            what: format!("{} entries are too many: {error}", self.entries.len()),
        };
        let some = !self.entries.is_empty();
        let automaton = some.then(|| AhoCorasick::new(&self.entries)).transpose().map_err(wrong)?;
        Ok(Phrases { digest: self.digest, automaton })
    }
}

impl List {
    /// Whether `entry` is on the list.
    pub fn has(&self, entry: &str) -> bool {
        self.hashes.binary_search(&xxh3_64(entry.as_bytes())).is_ok()
    }
}

/// An entry as it stands.
pub fn same(entry: &str) -> String {
    entry.to_owned()
}

/// In lower case.
pub fn lowered(entry: &str) -> String {
    entry.to_lowercase()
}

/// A host: in lower case, without dots around it.
pub fn host(entry: &str) -> String {
    entry.trim_matches('.').to_lowercase()
}

/// Letters and digits of ASCII alone, in lower case.
pub fn joined(entry: &str) -> String {
    let kept = entry.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}
