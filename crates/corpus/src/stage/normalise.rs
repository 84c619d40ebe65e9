//! One spelling for the same text: Unicode's composed form (NFC), and plain white space.
//!
//! First in a chain, so that nothing after it depends on how a source spells. Line ends of any kind
//! become line feeds, and at most two stand together; other white space becomes spaces, of which a
//! line keeps those at its start (they carry meaning in code and lists), one between words, and none
//! at its end. Invariant: a text that was normalised stays as it is.

use super::{Facts, Identity, Local, Rule, When};
use crate::error::Error;
use crate::text::lines::{is_space, lines};
use crate::text::{self, Doc};
use serde::Deserialize;
use std::borrow::Cow;
use terroir_base::cbor::Value;
use unicode_normalization::{IsNormalized, UNICODE_VERSION, UnicodeNormalization, is_nfc_quick};

static FACTS: Facts = Facts {
    kind: "normalise",
    scores: &["bytes_in", "bytes_out"],
    rules: &[Rule::new("empty", "empty", "bytes_out", When::Less, 1)],
    published: "Unicode Standard Annex 15, NFC",
};

/// There is nothing to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {}

/// The stage.
pub struct Normalise;

impl Normalise {
    /// Errors: never.
    pub fn new(_: &Params) -> Result<Normalise, Error> {
        Ok(Normalise)
    }
}

impl Local for Normalise {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        let version = [UNICODE_VERSION.0, UNICODE_VERSION.1, UNICODE_VERSION.2];
        let version = Value::array(version.map(u64::from));
        vec![("classes", text::digest().into()), ("nfc", version)]
    }

    fn edits(&self) -> bool {
        true
    }

    fn measure(&self, doc: &mut Doc, scores: &mut [i64]) -> Option<String> {
        let out = spaced(&composed(doc.text()));
        scores.copy_from_slice(&[doc.text().len() as i64, out.len() as i64]);
        (out != doc.text()).then_some(out)
    }
}

fn composed(text: &str) -> Cow<'_, str> {
    let known = text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes;
    if known { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// `text` with plain white space.
fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Line feeds that are due before the next word; none at the start of the text.
    let mut feeds = 0;
    for line in lines(text) {
        let words = line.trim_start_matches(is_space);
        if !words.is_empty() {
            out.extend(std::iter::repeat_n('\n', feeds));
            feeds = 0;
            let indent = &line[..line.len() - words.len()];
            out.extend(indent.chars().map(|c| if c == '\t' { '\t' } else { ' ' }));
            for (at, word) in words.split(is_space).filter(|word| !word.is_empty()).enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                out.push_str(word);
            }
        }
        feeds = if out.is_empty() { 0 } else { (feeds + 1).min(2) };
    }
    out
}

#[cfg(test)]
mod tests;
