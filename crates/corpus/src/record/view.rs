//! Records that borrow: what a reader has just read, and what a shard holds.

use super::bytes::{Cursor, head, text};
use super::{
    FIELD_BYTES_MAX, FIELDS_BYTES_MAX, META_MAX, PURPOSES_MAX, Record, RecordId, TEXT_BYTES_MAX,
};

/// A record whose fields are somewhere else. The fields are those of [`Record`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View<'a> {
    /// The text itself.
    pub text: &'a str,
    /// The name that the source gives the record.
    pub id: &'a str,
    /// Where it is from.
    pub source: &'a str,
    /// SPDX licence expression, as given.
    pub licence: &'a str,
    /// Who gave it.
    pub contributor: &'a str,
    /// What it may be used for, sorted, none twice.
    pub purposes: &'a [&'a str],
    /// Where it was found.
    pub url: &'a str,
    /// Every other field: name and raw JSON text, sorted by name, none twice.
    pub meta: &'a [(&'a str, &'a str)],
}

impl View<'_> {
    /// Appends the canonical bytes: those of [`Record::canonical`].
    pub fn write(&self, out: &mut Vec<u8>) {
        let before = [self.text, self.id, self.source, self.licence, self.contributor];
        let texts = before.iter().chain([&self.url]).filter(|text| !text.is_empty()).count();
        let lists = usize::from(!self.purposes.is_empty()) + usize::from(!self.meta.is_empty());
        head(5, texts + lists, out);
        for (key, field) in (1u8..).zip(before) {
            if !field.is_empty() {
                out.push(key);
                text(field, out);
            }
        }
        if !self.purposes.is_empty() {
            out.push(6);
            head(4, self.purposes.len(), out);
            self.purposes.iter().for_each(|purpose| text(purpose, out));
        }
        if !self.url.is_empty() {
            out.push(7);
            text(self.url, out);
        }
        if !self.meta.is_empty() {
            out.push(8);
            head(4, self.meta.len(), out);
            for (name, raw) in self.meta {
                head(4, 2, out);
                text(name, out);
                text(raw, out);
            }
        }
    }

    /// The id.
    pub fn rid(&self) -> RecordId {
        let mut bytes = Vec::with_capacity(self.text.len() + 256);
        self.write(&mut bytes);
        RecordId::of(&bytes)
    }

    /// Which limit of `docs/format/record.md` the record exceeds.
    pub fn excess(&self) -> Option<String> {
        let fields = [
            ("id", self.id),
            ("source", self.source),
            ("licence", self.licence),
            ("contributor", self.contributor),
            ("url", self.url),
        ];
        let too_long = |name: &str, field: &str| {
            let long = field.len() > FIELD_BYTES_MAX;
            long.then(|| format!("{name} has {} bytes, at most {FIELD_BYTES_MAX}", field.len()))
        };
        if self.text.len() > TEXT_BYTES_MAX {
            return Some(format!("text has {} bytes, at most {TEXT_BYTES_MAX}", self.text.len()));
        }
        if self.purposes.len() > PURPOSES_MAX {
            return Some(format!("{} purposes, at most {PURPOSES_MAX}", self.purposes.len()));
        }
        if self.meta.len() > META_MAX {
            return Some(format!("{} other fields, at most {META_MAX}", self.meta.len()));
        }
        let named = fields.iter().find_map(|(name, field)| too_long(name, field));
        let purpose = || self.purposes.iter().find_map(|purpose| too_long("a purpose", purpose));
        let other = || {
            let of = |(name, raw): &(&str, &str)| {
                too_long("a field's name", name).or_else(|| too_long(name, raw))
            };
            self.meta.iter().find_map(of)
        };
        named.or_else(purpose).or_else(other).or_else(|| {
            let all = self.bytes() - self.text.len();
            let long = all > FIELDS_BYTES_MAX;
            long.then(|| format!("the fields have {all} bytes, at most {FIELDS_BYTES_MAX}"))
        })
    }

    /// Bytes of all fields together.
    pub fn bytes(&self) -> usize {
        let texts = [self.text, self.id, self.source, self.licence, self.contributor, self.url];
        let purposes: usize = self.purposes.iter().map(|purpose| purpose.len()).sum();
        let meta: usize = self.meta.iter().map(|(name, raw)| name.len() + raw.len()).sum();
        texts.iter().map(|text| text.len()).sum::<usize>() + purposes + meta
    }

    /// A copy that owns its fields.
    pub fn to_record(&self) -> Record {
        Record {
            text: self.text.to_owned(),
            id: self.id.to_owned(),
            source: self.source.to_owned(),
            licence: self.licence.to_owned(),
            contributor: self.contributor.to_owned(),
            purposes: self.purposes.iter().map(|purpose| (*purpose).to_owned()).collect(),
            url: self.url.to_owned(),
            meta: self.meta.iter().map(|(name, raw)| (name.to_string(), raw.to_string())).collect(),
        }
    }
}

/// Canonical bytes as fields: what a [`View`] borrows its lists from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened<'a> {
    texts: [&'a str; 8],
    purposes: Vec<&'a str>,
    meta: Vec<(&'a str, &'a str)>,
}

impl<'a> Opened<'a> {
    /// Reads bytes that [`View::write`] made; `None` for others, as far as reading them shows it.
    pub fn new(canonical: &'a [u8]) -> Option<Opened<'a>> {
        let mut cursor = Cursor(canonical);
        let mut opened = Opened::default();
        for _ in 0..cursor.head(5)? {
            match cursor.head(0)? {
                6 => {
                    for _ in 0..cursor.head(4)? {
                        opened.purposes.push(cursor.text()?);
                    }
                }
                8 => {
                    for _ in 0..cursor.head(4)? {
                        (cursor.head(4)? == 2).then_some(())?;
                        opened.meta.push((cursor.text()?, cursor.text()?));
                    }
                }
                key => *opened.texts.get_mut(key)? = cursor.text()?,
            }
        }
        cursor.0.is_empty().then_some(opened)
    }

    /// The record.
    pub fn view(&self) -> View<'_> {
        View {
            text: self.texts[1],
            id: self.texts[2],
            source: self.texts[3],
            licence: self.texts[4],
            contributor: self.texts[5],
            purposes: &self.purposes,
            url: self.texts[7],
            meta: &self.meta,
        }
    }
}
