//! `config.json`, asked key by key, with a record of what was asked.
//!
//! Invariant: as for GGUF keys, a key that nobody asked for and that is not known to change nothing
//! is refused by name. A key whose value is null counts as absent.

use crate::Error;
use crate::json::{self, Object};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One object of a configuration.
pub(super) struct Config {
    path: PathBuf,
    values: BTreeMap<String, Value>,
    asked: RefCell<BTreeSet<String>>,
}

impl Config {
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Config, Error> {
        let Object(values) = json::parse(path, bytes)?;
        Ok(Config::of(path, values))
    }

    fn of(path: &Path, mut values: BTreeMap<String, Value>) -> Config {
        values.retain(|_, value| !value.is_null());
        Config { path: path.into(), values, asked: RefCell::default() }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.values.get(key)
    }

    /// An object inside, if the key is there.
    pub(super) fn inner(&self, key: &str) -> Result<Option<Config>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                let values = map.iter().map(|(key, value)| (key.clone(), value.clone()));
                Ok(Some(Config::of(&self.path, values.collect())))
            }
            Some(_) => Err(self.wrong(key, "an object is due")),
        }
    }

    /// A whole number, if the key is there.
    pub(super) fn opt_u32(&self, key: &str) -> Result<Option<u32>, Error> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
        number.map(Some).ok_or_else(|| self.wrong(key, "a whole number below 2^32 is due"))
    }

    /// A number from 1 to `max`.
    pub(super) fn size(&self, key: &str, max: u32) -> Result<u32, Error> {
        self.opt_size(key, max)?.ok_or_else(|| self.missing(key))
    }

    /// A number from 1 to `max`, if the key is there.
    pub(super) fn opt_size(&self, key: &str, max: u32) -> Result<Option<u32>, Error> {
        match self.opt_u32(key)? {
            Some(size) if size == 0 || size > max => {
                Err(self.wrong(key, &format!("1 to {max} is due")))
            }
            size => Ok(size),
        }
    }

    /// A number, if the key is there.
    pub(super) fn opt_f64(&self, key: &str) -> Result<Option<f64>, Error> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = value.as_f64().filter(|x| x.is_finite());
        number.map(Some).ok_or_else(|| self.wrong(key, "a number is due"))
    }

    /// A truth value, if the key is there.
    pub(super) fn opt_bool(&self, key: &str) -> Result<Option<bool>, Error> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        value.as_bool().map(Some).ok_or_else(|| self.wrong(key, "true or false is due"))
    }

    /// Text, if the key is there.
    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, Error> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        value.as_str().map(Some).ok_or_else(|| self.wrong(key, "text is due"))
    }

    /// An error about the value of a key.
    pub(super) fn wrong(&self, key: &str, what: &str) -> Error {
        let got = self.values.get(key).map_or("nothing".into(), |value| {
            let text = value.to_string();
            text.chars().take(60).collect::<String>()
        });
        Error::Companion { path: self.path.clone(), what: format!("key {key}: {what}, got {got}") }
    }

    /// The error for a key that must be there.
    pub(super) fn missing(&self, key: &str) -> Error {
        Error::Companion { path: self.path.clone(), what: format!("key {key} is missing") }
    }

    /// Refuses every key that was not asked for and is not one of `silent`.
    pub(super) fn finish(&self, silent: &[&str]) -> Result<(), Error> {
        let asked = self.asked.borrow();
        let known = |key: &String| asked.contains(key) || silent.contains(&key.as_str());
        match self.values.keys().find(|key| !known(key)) {
            None => Ok(()),
            Some(key) => Err(self.wrong(key, "not understood")),
        }
    }
}
