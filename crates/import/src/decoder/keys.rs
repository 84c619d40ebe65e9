//! GGUF metadata, asked key by key, with a record of what was asked.
//!
//! Invariant: [`Keys::finish`] passes only when every key of the namespaces that describe the network
//! was either asked for or is known to change nothing.

use crate::Error;
use crate::gguf::{Array, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Metadata with a record of what was asked.
pub(crate) struct Keys<'a> {
    metadata: &'a BTreeMap<String, Value>,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(metadata: &'a BTreeMap<String, Value>) -> Keys<'a> {
        Keys { metadata, asked: RefCell::default() }
    }

    /// The value of a key, if it is there.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.metadata.get(key)
    }

    /// A whole number, if the key is there.
    pub(crate) fn opt_u32(&self, key: &str) -> Result<Option<u32>, Error> {
        let number = match self.get(key) {
            None => return Ok(None),
            Some(Value::Uint(n)) => u32::try_from(*n).ok(),
            Some(Value::Int(n)) => u32::try_from(*n).ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| self.wrong(key, "a whole number below 2^32 is due"))
    }

    /// A finite number, if the key is there.
    pub(crate) fn opt_f64(&self, key: &str) -> Result<Option<f64>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Float(x)) if x.is_finite() => Ok(Some(*x)),
            Some(_) => Err(self.wrong(key, "a finite number is due")),
        }
    }

    /// A truth value, if the key is there.
    pub(crate) fn opt_bool(&self, key: &str) -> Result<Option<bool>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(*b)),
            Some(_) => Err(self.wrong(key, "true or false is due")),
        }
    }

    /// Text, if the key is there.
    pub(crate) fn opt_text(&self, key: &str) -> Result<Option<&'a str>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "text is due")),
        }
    }

    /// Texts; empty if the key is not there.
    pub(crate) fn texts(&self, key: &str) -> Result<&'a [String], Error> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(Array::Texts(all))) => Ok(all),
            Some(_) => Err(self.wrong(key, "a list of texts is due")),
        }
    }

    /// An error about the value of a key.
    pub(crate) fn wrong(&self, key: &str, what: &str) -> Error {
        let got = self.metadata.get(key).map_or("nothing".into(), Value::to_string);
        Error::Key { key: key.into(), what: format!("{what}, got {got}") }
    }

    /// Refuses every key below `space` that was not asked for.
    pub(crate) fn finish(&self, space: &str) -> Result<(), Error> {
        let asked = self.asked.borrow();
        let mut below = self.metadata.keys().filter(|key| key.starts_with(space));
        match below.find(|key| !asked.contains(*key)) {
            None => Ok(()),
            Some(key) => Err(Error::Key { key: key.clone(), what: "not understood".into() }),
        }
    }
}

/// The error for a key that must be there.
pub(crate) fn missing(key: &str) -> Error {
    Error::Key { key: key.into(), what: "missing".into() }
}
