//! JSON objects, strictly: a key given twice is refused, and so is a file that is too long.
//!
//! For the readers of safetensors headers and of the JSON files beside them. Invariant: nothing
//! recurses deeper than `serde_json` allows (128 levels).

use crate::Error;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

/// An object whose keys are all different.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) BTreeMap<String, T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Object(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Keys<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<T>, A::Error> {
                let mut all = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if all.contains_key(&key) {
                        return Err(A::Error::custom(format_args!("key {key:?} occurs twice")));
                    }
                    let value = map.next_value()?;
                    all.insert(key, value);
                }
                Ok(Object(all))
            }
        }

        deserializer.deserialize_map(Keys(PhantomData))
    }
}

/// Reads a small file whole.
///
/// Errors: [`Error::Io`]; [`Error::Companion`] when it is longer than `bytes_max`.
pub(crate) fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > bytes_max {
        let what = format!("{bytes} bytes, at most {bytes_max} are read");
        return Err(Error::Companion { path: path.to_owned(), what });
    }
    std::fs::read(path).map_err(io)
}

/// Parses the bytes of the file at `path`.
///
/// Errors: [`Error::Companion`] with line and column.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Companion { path: path.to_owned(), what: error.to_string() })
}
