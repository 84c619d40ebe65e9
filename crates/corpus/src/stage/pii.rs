//! Personal data: e-mail and network addresses, telephone numbers, cards, accounts, secret keys.
//!
//! To tag records, so that a policy or a gate can judge by what they hold, or to mask what is found.
//! Rules are by shape and check digits; no list of names. Every search starts at a mark that such
//! data must have (`@`, a digit, the prefix of a key) and looks at a bounded stretch around it, or
//! never looks at it again, so hostile text costs no more than other text. Invariant: what is found
//! does not overlap.

mod card;
mod email;
mod iban;
mod ip;
mod key;
mod phone;

use super::{Facts, Identity, Local, Rule, When};
use crate::error::Error;
use crate::text::Doc;
use aho_corasick::AhoCorasick;
use memchr::memchr_iter;
use serde::Deserialize;
use std::cmp::Reverse;
use std::ops::Range;

static FACTS: Facts = Facts {
    kind: "pii",
    scores: &["emails", "ips", "phones", "cards", "ibans", "keys"],
    rules: &[
        most("max_emails", "has_email", "emails"),
        most("max_ips", "has_ip", "ips"),
        most("max_phones", "has_phone", "phones"),
        most("max_cards", "has_card", "cards"),
        most("max_ibans", "has_iban", "ibans"),
        most("max_keys", "has_key", "keys"),
    ],
    published: "RFC 5322 and 1035, RFC 791 and 4291, E.164, ISO/IEC 7812-1, ISO 13616-1",
};

/// Drops nothing unless a policy says so.
const fn most(key: &'static str, reason: &'static str, score: &'static str) -> Rule {
    Rule::new(key, reason, score, When::More, i64::MAX)
}

/// What is found, in the order of the scores; of two that start and end alike the first is it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Email,
    Ip,
    Phone,
    Card,
    Iban,
    Key,
}

impl Kind {
    /// What a masked text has instead.
    fn mask(self) -> &'static str {
        match self {
            Kind::Email => "<EMAIL>",
            Kind::Ip => "<IP>",
            Kind::Phone => "<PHONE>",
            Kind::Card => "<CARD>",
            Kind::Iban => "<IBAN>",
            Kind::Key => "<KEY>",
        }
    }
}

/// What to do with what is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Count it.
    #[default]
    Tag,
    /// Count it, and put its kind in its place.
    Mask,
}

/// What changes a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Tag or mask.
    pub mode: Mode,
}

/// The stage.
pub struct Pii {
    mode: Mode,
    prefixes: AhoCorasick,
}

impl Pii {
    /// Errors: never.
    pub fn new(params: &Params) -> Result<Pii, Error> {
        Ok(Pii { mode: params.mode, prefixes: key::prefixes() })
    }

    /// Everything there is in `text`, in order.
    fn find(&self, text: &str) -> Vec<(Range<usize>, Kind)> {
        let bytes = text.as_bytes();
        let mut names = Vec::new();
        let emails = memchr_iter(b'@', bytes).filter_map(|at| email::around(bytes, at));
        names.extend(emails.map(|range| (range, Kind::Email)));
        names.extend(key::all(bytes, &self.prefixes).map(|range| (range, Kind::Key)));
        names.sort_unstable_by_key(|(range, kind)| (range.start, Reverse(range.end), *kind));
        // Numbers are looked for between names, and a name is no part of a number beside it.
        let (mut found, mut end) = (Vec::new(), 0);
        for (range, kind) in names {
            if range.start >= end {
                numbers(bytes, end..range.start, &mut found);
                end = range.end;
                found.push((range, kind));
            }
        }
        numbers(bytes, end..bytes.len(), &mut found);
        found
    }
}

impl Local for Pii {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        vec![("mask", (self.mode == Mode::Mask).into())]
    }

    fn edits(&self) -> bool {
        self.mode == Mode::Mask
    }

    fn measure(&self, doc: &mut Doc, scores: &mut [i64]) -> Option<String> {
        let text = doc.text();
        let found = self.find(text);
        for (_, kind) in &found {
            scores[*kind as usize] += 1;
        }
        if self.mode == Mode::Tag || found.is_empty() {
            return None;
        }
        let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
        for (range, kind) in found {
            masked.push_str(&text[end..range.start]);
            masked.push_str(kind.mask());
            end = range.end;
        }
        masked.push_str(&text[end..]);
        Some(masked)
    }
}

/// Everything within `part` of `all` that starts at, or just before, a run of digits.
fn numbers(all: &[u8], mut part: Range<usize>, found: &mut Vec<(Range<usize>, Kind)>) {
    let mut from = 0;
    // The part starts anew behind each find, so that what is found does not depend on it.
    while let Some(start) = next_digit(&all[part.clone()], from) {
        let bytes = &all[part.clone()];
        let end = start + run(&bytes[start..], u8::is_ascii_digit);
        let digits = start..end;
        let hit = None
            .or_else(|| Some((ip::at(bytes, &digits)?, Kind::Ip)))
            .or_else(|| Some((phone::at(bytes, &digits)?, Kind::Phone)))
            .or_else(|| Some((iban::at(bytes, &digits)?, Kind::Iban)))
            .or_else(|| Some((card::at(bytes, &digits)?, Kind::Card)));
        from = end;
        if let Some((range, kind)) = hit {
            found.push((part.start + range.start..part.start + range.end, kind));
            part.start += range.end;
            from = 0;
        }
    }
}

/// Where the next digit is.
fn next_digit(bytes: &[u8], from: usize) -> Option<usize> {
    const BLOCK: usize = 32;
    let mut at = from;
    // Whole blocks at a time, which the compiler does in wide registers.
    while let Some(block) = bytes.get(at..at + BLOCK) {
        if block.iter().map(|byte| u8::from(byte.is_ascii_digit())).sum::<u8>() > 0 {
            break;
        }
        at += BLOCK;
    }
    bytes[at..].iter().position(u8::is_ascii_digit).map(|place| at + place)
}

/// How many bytes at the start are `like` this.
fn run(bytes: &[u8], like: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| like(byte)).count()
}

/// The byte before `at`; a space at the start of the text.
fn before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(b' ', |at| byte(bytes, at))
}

/// The byte at `at`; a space behind the end of the text.
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(b' ')
}

/// Part of a name or number, so that nothing may start or end beside it. Letters outside of ASCII do
/// not count: some scripts put no space around numbers.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests;
