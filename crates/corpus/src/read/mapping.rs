//! Which field of an item becomes which field of a record.

use super::{Fault, Format, Reason, json};
use crate::record::View;
use std::borrow::Cow;
use terroir_base::cbor::{Error, Value};

/// Where one field of a record comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Given {
    /// Nowhere: it stays empty.
    #[default]
    Nothing,
    /// It is this for every record. Purposes are separated by commas.
    Fixed(String),
    /// The field of that name; an item without it is at fault.
    Field(String),
    /// The field of that name, where there is one.
    Maybe(String),
}

/// Everything that decides which records are made of the bytes of a file.
///
/// Formats without names of their own have these: text and HTML `text`, `id` (the file's name below
/// the source) and HTML `title`; WARC `text`, `id`, `url`, `date` and for pages `title`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The format of every file, where its ending is not to be asked.
    pub format: Option<Format>,
    /// Name of the field with the text.
    pub text: String,
    /// The name of the record.
    pub id: Given,
    /// Where it is from.
    pub source: Given,
    /// SPDX licence expression.
    pub licence: Given,
    /// Who gave it.
    pub contributor: Given,
    /// What it may be used for: a field with a list of texts, or one text with commas.
    pub purposes: Given,
    /// Where it was found.
    pub url: Given,
}

impl Default for Reading {
    /// `text`, `id` and `url` by those names; nothing else is said.
    fn default() -> Reading {
        Reading {
            format: None,
            text: "text".into(),
            id: Given::Maybe("id".into()),
            source: Given::Nothing,
            licence: Given::Nothing,
            contributor: Given::Nothing,
            purposes: Given::Nothing,
            url: Given::Maybe("url".into()),
        }
    }
}

/// Longest name of a field, and longest fixed value, in bytes.
const NAME_BYTES_MAX: usize = 1 << 16;

impl Given {
    fn to_value(&self) -> Value {
        let pair = |kind: u64, text: &String| {
            Value::Array(vec![Value::Uint(kind), Value::Text(text.clone())])
        };
        match self {
            Given::Nothing => Value::Array(Vec::new()),
            Given::Fixed(text) => pair(1, text),
            Given::Field(name) => pair(2, name),
            Given::Maybe(name) => pair(3, name),
        }
    }

    fn from_value(value: Value, field: &'static str) -> Result<Given, Error> {
        let mut parts = value.into_array(field, 2)?.into_iter();
        let Some(kind) = parts.next() else { return Ok(Given::Nothing) };
        let got = kind.into_uint(field)?;
        let text = parts.next().ok_or(Error::Missing { record: field, field, key: 1 })?;
        let text = text.into_text(field, NAME_BYTES_MAX)?;
        match got {
            1 => Ok(Given::Fixed(text)),
            2 => Ok(Given::Field(text)),
            3 => Ok(Given::Maybe(text)),
            _ => Err(Error::OutOfRange { field, max: 3, got }),
        }
    }
}

impl Reading {
    fn givens(&self) -> [&Given; 6] {
        [&self.id, &self.source, &self.licence, &self.contributor, &self.purposes, &self.url]
    }

    /// As it is hashed into units and signed in the ingest log; the format is told per file.
    pub fn to_value(&self) -> Value {
        let texts = (2u64..).zip(self.givens()).map(|(key, given)| (key, given.to_value()));
        Value::record([(1, Value::Text(self.text.clone()))].into_iter().chain(texts))
    }

    /// Reads what [`Reading::to_value`] wrote.
    pub fn from_value(value: Value) -> Result<Reading, Error> {
        let mut map = value.into_map("reading")?;
        let text = map.take_text(1, "text field", NAME_BYTES_MAX)?;
        let mut given = |key, field| Given::from_value(map.take(key, field)?, field);
        let reading = Reading {
            format: None,
            text,
            id: given(2, "id")?,
            source: given(3, "source")?,
            licence: given(4, "licence")?,
            contributor: given(5, "contributor")?,
            purposes: given(6, "purposes")?,
            url: given(7, "url")?,
        };
        map.finish()?;
        Ok(reading)
    }
}

/// A field of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// Anything else, as JSON text.
    Raw(Cow<'a, str>),
}

impl Field<'_> {
    /// Its length in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Field::Text(text) | Field::Raw(text) => text.len(),
        }
    }
}

/// The fields of one item: those with a name in [`Mapping::names`], by their place there, and the
/// rest by name with their JSON text, in any order.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) named: Vec<Option<Field<'a>>>,
    pub(super) rest: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// A [`Reading`] made ready: which names are looked for, and what they are for.
#[derive(Debug)]
pub(super) struct Mapping {
    /// Names that are looked for, each once; the first is that of the text.
    names: Vec<String>,
    /// For id, source, licence, contributor, purposes, url.
    wanted: [Wanted; 6],
}

#[derive(Debug)]
enum Wanted {
    Nothing,
    Fixed(String),
    Place { place: usize, must: bool },
}

/// Places in [`Mapping::wanted`].
const PURPOSES: usize = 4;

impl Mapping {
    pub(super) fn new(reading: &Reading, format: Format) -> Mapping {
        // Formats with names of their own have no other name for the text.
        let fixed = format.is_single() || format == Format::Warc;
        let text = if fixed { "text".to_owned() } else { reading.text.clone() };
        let mut names = vec![text];
        let mut place = |name: &String| {
            names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.clone());
                names.len() - 1
            })
        };
        let wanted = |given: &Given| match given {
            Given::Nothing => Wanted::Nothing,
            Given::Fixed(text) => Wanted::Fixed(text.clone()),
            Given::Field(name) => Wanted::Place { place: place(name), must: true },
            Given::Maybe(name) => Wanted::Place { place: place(name), must: false },
        };
        let wanted = reading.givens().map(wanted);
        Mapping { names, wanted }
    }

    /// The place of `name` among the names that are looked for.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The fault of a table whose columns `names` lack one that every record needs, or have one
    /// twice.
    pub(super) fn missing(&self, names: &[String]) -> Option<Fault> {
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(Fault { rest: true, ..duplicate(twice[0]) });
        }
        let of = |wanted: &Wanted| match wanted {
            Wanted::Place { place, must: true } => Some(*place),
            _ => None,
        };
        let mut needed = [0].into_iter().chain(self.wanted.iter().filter_map(of));
        let absent = needed.find(|place| !names.contains(&self.names[*place]))?;
        let what = format!("no column {:?} among {}", self.names[absent], names.join(", "));
        Some(Fault::rest(Reason::Schema, what))
    }

    /// No fields at all, with room for those that are looked for.
    pub(super) fn fields<'a>(&self) -> Fields<'a> {
        Fields { named: vec![None; self.names.len()], rest: Vec::new() }
    }

    /// Gives `then` the record that `fields` make.
    pub(super) fn build<R>(
        &self,
        fields: &Fields<'_>,
        then: impl FnOnce(View<'_>) -> R,
    ) -> Result<R, Fault> {
        let text = match &fields.named[0] {
            Some(Field::Text(text)) => text,
            Some(Field::Raw(_)) => return Err(wrong_type(&self.names[0], "text")),
            None => return Err(no_field(&self.names[0])),
        };
        let mut taken = [""; 6];
        for (place, slot) in taken.iter_mut().enumerate().filter(|(place, _)| *place != PURPOSES) {
            *slot = self.one(&self.wanted[place], fields)?;
        }
        let list = self.purposes(fields)?;
        let mut purposes: Vec<&str> = list.iter().map(|purpose| &**purpose).collect();
        purposes.sort_unstable();
        purposes.dedup();
        let mut meta: Vec<(&str, &str)> =
            fields.rest.iter().map(|(name, raw)| (&**name, &**raw)).collect();
        meta.sort_unstable();
        if let Some(twice) = meta.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(duplicate(twice[0].0));
        }
        let [id, source, licence, contributor, _, url] = taken;
        let (purposes, meta) = (&*purposes, &*meta);
        let view = View { text, id, source, licence, contributor, purposes, url, meta };
        check(&view)?;
        Ok(then(view))
    }

    fn one<'a>(&'a self, wanted: &'a Wanted, fields: &'a Fields<'_>) -> Result<&'a str, Fault> {
        let (place, must) = match wanted {
            Wanted::Nothing => return Ok(""),
            Wanted::Fixed(text) => return Ok(text),
            Wanted::Place { place, must } => (*place, *must),
        };
        match &fields.named[place] {
            None if must => Err(no_field(&self.names[place])),
            None => Ok(""),
            Some(Field::Text(text)) => Ok(text),
            Some(Field::Raw(raw)) if json::is_number(raw) => Ok(raw),
            Some(Field::Raw(_)) => Err(wrong_type(&self.names[place], "text or number")),
        }
    }

    fn purposes<'a>(&'a self, fields: &'a Fields<'_>) -> Result<Vec<Cow<'a, str>>, Fault> {
        let place = match &self.wanted[PURPOSES] {
            Wanted::Place { place, .. } => *place,
            Wanted::Nothing => return Ok(Vec::new()),
            Wanted::Fixed(text) => return Ok(split(text)),
        };
        match (&fields.named[place], &self.wanted[PURPOSES]) {
            (None, Wanted::Place { must: true, .. }) => Err(no_field(&self.names[place])),
            (None, _) => Ok(Vec::new()),
            (Some(Field::Text(text)), _) => Ok(split(text)),
            (Some(Field::Raw(raw)), _) => json::texts(raw)
                .ok_or_else(|| wrong_type(&self.names[place], "text or list of texts")),
        }
    }
}

/// Purposes are separated by commas.
fn split(text: &str) -> Vec<Cow<'_, str>> {
    let parts = text.split(',').map(str::trim).filter(|purpose| !purpose.is_empty());
    parts.map(Cow::Borrowed).collect()
}

/// Refuses what a record may not hold: too much of something, or a NUL.
fn check(view: &View<'_>) -> Result<(), Fault> {
    if let Some(excess) = view.excess() {
        return Err(Fault::new(Reason::TooLong, excess));
    }
    let texts = [view.text, view.id, view.source, view.licence, view.contributor, view.url];
    let meta = view.meta.iter().flat_map(|(name, raw)| [*name, *raw]);
    let mut all = texts.into_iter().chain(view.purposes.iter().copied()).chain(meta);
    match all.find_map(|text| memchr::memchr(0, text.as_bytes())) {
        None => Ok(()),
        Some(place) => Err(Fault::new(Reason::Nul, format!("NUL at byte {place} of a field"))),
    }
}

/// The fault of a name that comes twice.
pub(super) fn duplicate(name: &str) -> Fault {
    Fault::new(Reason::DuplicateField, format!("field {name:?} comes twice"))
}

fn no_field(name: &str) -> Fault {
    Fault::new(Reason::NoField, format!("there is no field {name:?}"))
}

fn wrong_type(name: &str, expected: &str) -> Fault {
    Fault::new(Reason::WrongType, format!("field {name:?} is no {expected}"))
}
