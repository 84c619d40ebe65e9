//! The names of models: one text file, a line per name, sorted.
//!
//! Invariant: a file that was damaged is refused with the line, never read in part.

use crate::disk::{PUBLIC, read_small, replace};
use crate::error::Error;
use std::collections::BTreeMap;
use std::path::Path;
use terroir_base::id::ModelId;

/// First line of the file.
const HEADER: &str = "terroir-models-1";
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// Longest file, in bytes.
const INDEX_BYTES_MAX: usize = 4 << 20;
/// Digits of an id that are enough to look for.
const PREFIX_DIGITS_MIN: usize = 6;
/// Digits of a whole id.
const ID_DIGITS: usize = 64;

/// Reads the file; no file means no models.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, ModelId>, Error> {
    let bad = |line: usize, problem: &str| Error::Index {
        path: path.to_owned(),
        line,
        problem: problem.to_owned(),
    };
    let Some(bytes) = read_small(path, INDEX_BYTES_MAX)? else { return Ok(BTreeMap::new()) };
    let text = String::from_utf8(bytes).map_err(|_| bad(1, "the file is not text"))?;
    let body = text.strip_suffix('\n').ok_or_else(|| bad(1, "the end of the file is missing"))?;
    let mut lines = body.split('\n').enumerate();
    if lines.next().is_none_or(|(_, line)| line != HEADER) {
        return Err(bad(1, "not a list of models of this version"));
    }
    let mut models = BTreeMap::new();
    for (index, line) in lines {
        let (id, name) = line.split_once(' ').ok_or_else(|| bad(index + 1, "no id and name"))?;
        let id = id.parse().map_err(|_| bad(index + 1, "not a model id"))?;
        check_name(name).map_err(|error| bad(index + 1, &error.to_string()))?;
        if models.last_key_value().is_some_and(|(last, _): (&String, _)| last.as_str() >= name) {
            return Err(bad(index + 1, "names are not sorted"));
        }
        models.insert(name.to_owned(), id);
    }
    Ok(models)
}

/// Replaces the file.
pub(super) fn write(path: &Path, models: &BTreeMap<String, ModelId>) -> Result<(), Error> {
    let lines = models.iter().map(|(name, id)| format!("{id} {name}\n"));
    let text: String = [format!("{HEADER}\n")].into_iter().chain(lines).collect();
    replace(path, text.as_bytes(), PUBLIC)
}

/// Names go into URLs, JSON and shells, and clients cut them at slashes.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let inner = !name.starts_with('.') && !name.ends_with('.');
    let is_id = name.len() == ID_DIGITS && name.parse::<ModelId>().is_ok();
    let short = (1..=NAME_BYTES_MAX).contains(&name.len());
    match short && inner && !is_id && name.bytes().all(letters) {
        true => Ok(()),
        false => Err(Error::ModelName { name: name.to_owned() }),
    }
}

/// By name first, then by the beginning of an id.
pub(super) fn find(models: &BTreeMap<String, ModelId>, wanted: &str) -> Result<ModelId, Error> {
    if let Some(id) = models.get(wanted) {
        return Ok(*id);
    }
    if let Ok(id) = wanted.parse() {
        return Ok(id);
    }
    let mut matches: Vec<ModelId> = match wanted.len() >= PREFIX_DIGITS_MIN {
        true => models.values().filter(|id| id.to_string().starts_with(wanted)).copied().collect(),
        false => Vec::new(),
    };
    matches.sort();
    matches.dedup();
    match matches[..] {
        [] => Err(Error::NoModel { wanted: wanted.to_owned() }),
        [id] => Ok(id),
        _ => Err(Error::AmbiguousModel { wanted: wanted.to_owned(), matches: matches.len() }),
    }
}
