//! JSON objects read field by field, so that every complaint can name its field.
//!
//! Invariant: no value is silently taken for another: no field twice, no string for a number, no
//! float for an integer. And nothing is built before it was counted: a body takes little more
//! memory than its bytes, whatever is in it.

use crate::Problem;
use crate::decimal::{self, NotMicro};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Most fields of an object; no request that is known has half as many.
const FIELDS_MAX: usize = 100;
/// Longest text of a value that is compared with others, in bytes.
const COMPARED_BYTES_MAX: usize = 1 << 10;

/// The fields of one object that were not taken yet.
pub(crate) struct Fields<'a> {
    /// What to put before the name of a field, such as `messages[3].`.
    path: String,
    fields: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

/// A field with its place in the request.
pub(crate) struct Field<'a> {
    pub(crate) path: String,
    pub(crate) raw: &'a RawValue,
}

impl<'a> Fields<'a> {
    /// The object that is the whole body.
    pub(crate) fn of_body(body: &'a [u8]) -> Result<Fields<'a>, Problem> {
        let bad = |error: serde_json::Error| {
            Problem::request(400, "invalid_json", format!("the body is not valid JSON: {error}"))
        };
        let raw: &RawValue = serde_json::from_slice(body).map_err(bad)?;
        if kind(raw) != "an object" {
            let message = format!("the body must be a JSON object, got {}", kind(raw));
            return Err(Problem::request(400, "wrong_type", message));
        }
        let Object(fields) = serde_json::from_str(raw.get()).map_err(bad)?;
        Ok(Fields { path: String::new(), fields })
    }

    /// Takes a field; `null` counts as absent.
    pub(crate) fn take(&mut self, name: &str) -> Option<Field<'a>> {
        let raw = self.fields.remove(name).filter(|raw| raw.get() != "null")?;
        Some(Field { path: format!("{}{name}", self.path), raw })
    }

    /// Takes a field that must be there.
    pub(crate) fn need(&mut self, name: &str) -> Result<Field<'a>, Problem> {
        let path = format!("{}{name}", self.path);
        let message = format!("{path} is missing");
        self.take(name).ok_or_else(|| Problem::field("missing_field", path, message))
    }

    /// Some field that nobody has taken, `null` ones left out.
    pub(crate) fn rest(self) -> Option<Field<'a>> {
        let mut rest = self.fields.into_iter().filter(|(_, raw)| raw.get() != "null");
        let (name, raw) = rest.next()?;
        Some(Field { path: format!("{}{name}", self.path), raw })
    }
}

impl<'a> Field<'a> {
    /// The value as a `T`; `expected` says in words what that is.
    fn read<T: Deserialize<'a>>(&self, expected: &str) -> Result<T, Problem> {
        serde_json::from_str(self.raw.get()).map_err(|_| self.wrong(expected))
    }

    /// The complaint that the value is not `expected`.
    pub(crate) fn wrong(&self, expected: &str) -> Problem {
        let message = format!("{} must be {expected}, got {}", self.path, shown(self.raw));
        Problem::field("wrong_type", self.path.as_str(), message)
    }

    pub(crate) fn text(&self) -> Result<String, Problem> {
        self.read("a string")
    }

    pub(crate) fn flag(&self) -> Result<bool, Problem> {
        self.read("true or false")
    }

    pub(crate) fn u32(&self, least: u32) -> Result<u32, Problem> {
        let expected = format!("an integer between {least} and {}", u32::MAX);
        let value = self.read(&expected)?;
        if value < least { Err(self.wrong(&expected)) } else { Ok(value) }
    }

    pub(crate) fn u64(&self) -> Result<u64, Problem> {
        self.read(&format!("an integer between 0 and {}", u64::MAX))
    }

    /// A number, in millionths.
    pub(crate) fn micro(&self) -> Result<u32, Problem> {
        decimal::micro(self.raw.get()).map_err(|error| match error {
            NotMicro::NoNumber => self.wrong("a number"),
            NotMicro::Negative => self.wrong("a number of at least 0"),
            NotMicro::TooLarge => self.wrong("a number below 4295"),
        })
    }

    /// The elements of an array, each with its index in its path.
    ///
    /// Errors: another value than `expected`, which says in words what is due; more elements than
    /// `max`, which are counted and not kept.
    pub(crate) fn array(
        &self,
        max: usize,
        expected: &str,
    ) -> Result<impl ExactSizeIterator<Item = Field<'a>>, Problem> {
        let mut json = serde_json::Deserializer::from_str(self.raw.get());
        let Elements { kept, count } =
            AtMost(max).deserialize(&mut json).map_err(|_| self.wrong(expected))?;
        if count > max {
            let message = format!("{} has {count} elements, at most {max} are taken", self.path);
            return Err(Problem::field("too_many_elements", self.path.as_str(), message));
        }
        let named = |(at, raw)| Field { path: format!("{}[{at}]", self.path), raw };
        Ok(kept.into_iter().enumerate().map(named))
    }

    /// The fields of an object.
    pub(crate) fn object(&self) -> Result<Fields<'a>, Problem> {
        if kind(self.raw) != "an object" {
            return Err(self.wrong("an object"));
        }
        // An object that is JSON, as the whole body is, fails only on a field given twice.
        let Object(fields) = serde_json::from_str(self.raw.get()).map_err(|error| {
            let message = format!("{}: {error}", self.path);
            Problem::field("invalid_json", self.path.as_str(), message)
        })?;
        Ok(Fields { path: format!("{}.", self.path), fields })
    }

    pub(crate) fn is_text(&self) -> bool {
        kind(self.raw) == "a string"
    }

    /// The value, for comparing only; none where it is too long to be one of those that are known.
    pub(crate) fn value(&self) -> Option<Value> {
        let text = Some(self.raw.get()).filter(|text| text.len() <= COMPARED_BYTES_MAX);
        text.and_then(|text| serde_json::from_str(text).ok())
    }
}

/// What kind of value it is, in words.
fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The value as a complaint shows it: numbers and booleans themselves, of all else the kind.
fn shown(raw: &RawValue) -> &str {
    const BYTES_MAX: usize = 40;
    match kind(raw) {
        "a number" | "a boolean" if raw.get().len() <= BYTES_MAX => raw.get(),
        other => other,
    }
}

/// An object whose values stay as they were written.
struct Object<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key<'de>, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'de>, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((Key(key), raw)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    if fields.contains_key(&key) {
                        let shown: String = key.chars().take(100).collect();
                        return Err(A::Error::custom(format!("the field {shown:?} comes twice")));
                    }
                    if fields.len() == FIELDS_MAX {
                        let message = format!("an object has more than {FIELDS_MAX} fields");
                        return Err(A::Error::custom(message));
                    }
                    fields.insert(key, raw);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// Elements of an array that stay as they were written, and how many there are of them.
struct Elements<'a> {
    kept: Vec<&'a RawValue>,
    count: usize,
}

/// Reads an array and keeps so many of its elements.
struct AtMost(usize);

impl<'de> DeserializeSeed<'de> for AtMost {
    type Value = Elements<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Elements<'de>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AtMost {
    type Value = Elements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Elements<'de>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < self.0
            && let Some(raw) = array.next_element()?
        {
            kept.push(raw);
        }
        let mut count = kept.len();
        while array.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Elements { kept, count })
    }
}
