//! Parameters of a request, one after the other.
//!
//! Invariant: a parameter that is there and cannot be read is an error that names it.

use super::failure::Failure;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

/// The parameters that are left.
pub(super) struct Args {
    values: std::vec::IntoIter<Value>,
    place: usize,
}

impl Args {
    /// Takes the parameters of a request, at most `max`; trailing nulls are none.
    pub fn parse(text: Option<&str>, max: usize) -> Result<Args, Failure> {
        let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or("[]");
        if !text.starts_with('[') {
            return Err(Failure::invalid("non-array args"));
        }
        let mut values: Vec<Value> =
            serde_json::from_str(text).map_err(|error| Failure::invalid(error.to_string()))?;
        while values.last().is_some_and(Value::is_null) {
            values.pop();
        }
        if values.len() > max {
            return Err(Failure::invalid(format!("too many arguments, want at most {max}")));
        }
        Ok(Args { values: values.into_iter(), place: 0 })
    }

    /// Whether the last of the parameters is `true`; found without taking them.
    pub fn end_in_true(text: &str) -> bool {
        let values: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
        let last = values.iter().map(|value| value.get()).rfind(|value| *value != "null");
        last == Some("true")
    }

    /// The next parameter, if there is one.
    pub fn optional<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        let place = self.place;
        self.place += 1;
        let Some(value) = self.values.next().filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let read = serde_json::from_value(value).map(Some);
        read.map_err(|error| Failure::invalid(format!("invalid argument {place}: {error}")))
    }

    /// The next parameter.
    pub fn required<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let place = self.place;
        let missing = || Failure::invalid(format!("missing value for required argument {place}"));
        self.optional()?.ok_or_else(missing)
    }
}
