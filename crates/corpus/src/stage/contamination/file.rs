//! Reading evaluation sets: JSON objects, or the keyed hashes that an owner gives.

use super::evals::Evals;
use crate::error::{Error, disk};
use crate::text::Doc;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// Longest file, in bytes.
const BYTES_MAX: u64 = 1 << 30;

/// Adds the set in the file `path`; `fields` are those that make the text of an item.
///
/// Errors: `Disk`; `Source` with the item that is wrong.
pub fn read(path: &Path, fields: &[String], evals: &mut Evals) -> Result<(), Error> {
    let length = fs::metadata(path).map_err(disk(path))?.len();
    let refused = |record: u64, what: String| Error::Source {
        file: path.display().to_string(),
        offset: 0,
        record,
        what,
    };
    if length > BYTES_MAX {
        return Err(refused(0, format!("{length} bytes, at most {BYTES_MAX} are read")));
    }
    let bytes = fs::read(path).map_err(disk(path))?;
    let objects: Vec<Map<String, Value>> = match bytes.trim_ascii_start().first() {
        Some(b'{') => {
            let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let lines = (0..).zip(lines).filter(|(_, line)| !line.is_empty());
            let object = |(at, line)| {
                serde_json::from_slice(line).map_err(|error| refused(at, error.to_string()))
            };
            lines.map(object).collect::<Result<_, Error>>()?
        }
        Some(b'[') => {
            serde_json::from_slice(&bytes).map_err(|error| refused(0, error.to_string()))?
        }
        _ => return evals.add_keyed(&bytes).map_err(|what| refused(0, what)),
    };
    let mut doc = Doc::default();
    for (at, object) in (0..).zip(&objects) {
        let Some(text) = text(object, fields) else {
            return Err(refused(at, format!("has none of the fields {}", fields.join(", "))));
        };
        doc.reset(&text);
        evals.add(&mut doc);
    }
    Ok(())
}

/// The texts of `fields`, one after the other, so that a run may begin in a question and end in its
/// answer.
fn text(object: &Map<String, Value>, fields: &[String]) -> Option<String> {
    let mut texts: Vec<&str> = Vec::new();
    for value in fields.iter().filter_map(|field| object.get(field)) {
        match value {
            Value::String(text) => texts.push(text),
            Value::Array(items) => texts.extend(items.iter().filter_map(Value::as_str)),
            _ => {}
        }
    }
    (!texts.is_empty()).then(|| texts.join("\n"))
}
