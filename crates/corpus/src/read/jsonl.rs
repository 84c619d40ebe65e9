//! JSONL: one object a line, read in one pass without a tree of values.

use super::input::Input;
use super::lines::{Line, Lines};
use super::mapping::{Field, Fields, Mapping, duplicate};
use super::{Fault, LINE_BYTES_MAX, Reader, Reason, Stop, at, json};
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads all lines; empty ones are no items.
pub(super) fn read(input: &mut Input, reader: &mut Reader<'_, '_>) -> Result<(), Stop> {
    let start = reader.found.range.map_or(0, |range| range.start);
    let mut lines = Lines::new(input.stream(), start);
    let mapping = reader.mapping;
    let mut text = String::new();
    loop {
        let here = lines.offset();
        match lines.next().map_err(at(here))? {
            None => return Ok(()),
            Some(Line::TooLong { offset, bytes }) => {
                let what = format!("a line of {bytes} bytes, at most {LINE_BYTES_MAX}");
                reader.skip(Fault::new(Reason::TooLong, what), offset)?;
            }
            Some(Line::Whole { offset, bytes }) => {
                let marked = if offset == 0 { bytes.strip_prefix(BYTE_ORDER_MARK) } else { None };
                let line = marked.unwrap_or(bytes);
                if !line.trim_ascii().is_empty() {
                    let fields = object(line, mapping, &mut text);
                    reader.item(offset, fields)?;
                }
            }
        }
    }
}

/// The fields of the object on a line. The text goes to `text`.
fn object<'a>(
    line: &'a [u8],
    mapping: &Mapping,
    text: &'a mut String,
) -> Result<Fields<'a>, Fault> {
    let line = std::str::from_utf8(line).map_err(|error| {
        let place = error.valid_up_to();
        Fault::new(Reason::NotText, format!("not utf-8 at byte {place} of the line"))
    })?;
    let mut object = Object { mapping, text: &mut *text, fields: mapping.fields(), fault: None };
    let mut from = serde_json::Deserializer::from_str(line);
    let read = from.deserialize_map(&mut object).and_then(|has_text| {
        from.end()?;
        Ok(has_text)
    });
    if let Some(fault) = object.fault.take() {
        return Err(fault);
    }
    let mut fields = object.fields;
    let has_text = read.map_err(|error| Fault::new(Reason::Syntax, tell(&error)))?;
    if has_text {
        fields.named[0] = Some(Field::Text(Cow::Borrowed(text)));
    }
    Ok(fields)
}

/// The parser's words, without the line number, which is always 1.
fn tell(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(words) => format!("not a JSON object: {words} at byte {}", error.column()),
        None => format!("not a JSON object: {text}"),
    }
}

/// Takes an object apart. Its own faults go to `fault`, since the parser has one kind of error.
struct Object<'a, 'b> {
    mapping: &'b Mapping,
    text: &'b mut String,
    fields: Fields<'a>,
    fault: Option<Fault>,
}

impl Object<'_, '_> {
    fn fail<E: serde::de::Error>(&mut self, fault: Fault) -> E {
        let error = E::custom(&fault.what);
        self.fault = Some(fault);
        error
    }
}

impl<'a> Visitor<'a> for &mut Object<'a, '_> {
    /// Whether there was a text.
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut has_text = false;
        let mut seen = vec![false; self.fields.named.len()];
        while let Some(Name(name)) = map.next_key()? {
            let place = self.mapping.place(&name);
            if let Some(place) = place
                && std::mem::replace(&mut seen[place], true)
            {
                return Err(self.fail(duplicate(&name)));
            }
            if place == Some(0) {
                match map.next_value_seed(Text(self.text))? {
                    Texted::Text => has_text = true,
                    Texted::Null => {}
                    Texted::Other => {
                        let what = format!("field {name:?} is no text");
                        return Err(self.fail(Fault::new(Reason::WrongType, what)));
                    }
                }
                continue;
            }
            let raw: &RawValue = map.next_value()?;
            let raw = raw.get();
            if raw.len() > json::DEPTH_MAX && !json::is_shallow(raw) {
                let what = format!("field {name:?} is nested deeper than {}", json::DEPTH_MAX);
                return Err(self.fail(Fault::new(Reason::TooDeep, what)));
            }
            match place {
                None => self.fields.rest.push((name, Cow::Borrowed(raw))),
                Some(_) if raw == "null" => {}
                Some(place) => {
                    self.fields.named[place] = Some(field(raw).map_err(A::Error::custom)?)
                }
            }
        }
        Ok(has_text)
    }
}

fn field(raw: &str) -> Result<Field<'_>, serde_json::Error> {
    Ok(if raw.starts_with('"') {
        Field::Text(serde_json::from_str::<Name<'_>>(raw)?.0)
    } else {
        Field::Raw(Cow::Borrowed(raw))
    })
}

/// A text that is borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'a> serde::Deserialize<'a> for Name<'a> {
    fn deserialize<D: serde::Deserializer<'a>>(from: D) -> Result<Name<'a>, D::Error> {
        struct Borrow;
        impl<'a> Visitor<'a> for Borrow {
            type Value = Name<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Borrow)
    }
}

/// Puts a text into a buffer that is used again and again.
struct Text<'a>(&'a mut String);

enum Texted {
    Text,
    Null,
    Other,
}

impl<'a> DeserializeSeed<'a> for Text<'_> {
    type Value = Texted;

    fn deserialize<D: serde::Deserializer<'a>>(self, from: D) -> Result<Texted, D::Error> {
        self.0.clear();
        self.0.shrink_to(1 << 20);
        from.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Text<'_> {
    type Value = Texted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Texted, E> {
        self.0.push_str(text);
        Ok(Texted::Text)
    }

    fn visit_unit<E>(self) -> Result<Texted, E> {
        Ok(Texted::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Texted, E> {
        Ok(Texted::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Texted, E> {
        Ok(Texted::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Texted, E> {
        Ok(Texted::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Texted, E> {
        Ok(Texted::Other)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Texted, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Texted::Other)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Texted, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Texted::Other)
    }
}
