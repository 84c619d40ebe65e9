//! One text under measurement, and what several stages want to know of it.
//!
//! Each view is made once, on demand, and kept until the text changes; buffers are kept from record
//! to record. Words are what the regular expression `\w+|[^\w\s]` finds in Python, so that rules
//! published with such words give the same verdicts here. Invariant: a view is a function of the
//! text alone, whatever texts the same [`Doc`] held before.

pub(crate) mod class;
pub(crate) mod lines;
pub(crate) mod repeats;
pub(crate) mod seen;
mod short;
mod words;

use class::classes;
use repeats::Repeats;
use std::ops::Range;
use terroir_base::Digest;

/// Longest text whose buffers are kept for the next one, in bytes.
const KEPT_BYTES: usize = 1 << 20;

/// A text and the views of it that were asked for.
#[derive(Default)]
pub struct Doc {
    text: String,
    url: String,
    words: Vec<Word>,
    worded: bool,
    chars: Option<usize>,
    lowered: String,
    is_lowered: bool,
    repeats: Repeats,
}

/// A word or a single symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it starts, in bytes.
    pub start: u32,
    /// Where it ends, in bytes.
    pub end: u32,
    /// Hash of its lower-case form (`str::to_lowercase`); seed 0 of XXH3.
    pub folded: u64,
    /// Its length in characters, that is, code points.
    pub chars: u32,
    /// A symbol (`[^\w\s]`) rather than a word (`\w+`).
    pub symbol: bool,
    /// It has a letter.
    pub letters: bool,
    /// It has nothing but characters that datatrove counts as punctuation.
    pub punctuation: bool,
    /// Its lower-case form may be another, so `folded` may not be the hash of the word itself.
    pub cased: bool,
}

impl Doc {
    /// Starts over with another text. The URL stays: stages that edit do not move a record.
    pub fn reset(&mut self, text: &str) {
        if self.text.capacity() > KEPT_BYTES && text.len() <= KEPT_BYTES {
            // The views of a text of many megabytes take many times as much.
            *self = Doc { url: std::mem::take(&mut self.url), ..Doc::default() };
        }
        self.text.clear();
        self.text.push_str(text);
        self.worded = false;
        self.chars = None;
        self.is_lowered = false;
    }

    /// Says where the record was found; empty where that is not known.
    pub fn locate(&mut self, url: &str) {
        self.url.clear();
        self.url.push_str(url);
    }

    /// The text as the stages before left it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the record was found.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Length of the text in characters, that is, code points.
    pub fn chars(&mut self) -> usize {
        *self.chars.get_or_insert_with(|| self.text.chars().count())
    }

    /// Its words and symbols, in order.
    pub fn words(&mut self) -> &[Word] {
        self.split().1
    }

    /// The text together with its words, for those who need both at a time.
    pub fn split(&mut self) -> (&str, &[Word]) {
        if !self.worded {
            words::split(&self.text, &mut self.words);
            self.worded = true;
        }
        (&self.text, &self.words)
    }

    /// The bytes of `word`.
    pub fn word(&self, word: &Word) -> &str {
        word.of(&self.text)
    }

    /// The text, and the text with the capitals of ASCII in lower case, byte for byte.
    pub(crate) fn lowered(&mut self) -> (&str, &str) {
        if !self.is_lowered {
            self.lowered.clear();
            self.lowered.push_str(&self.text);
            self.lowered.make_ascii_lowercase();
            self.is_lowered = true;
        }
        (&self.text, &self.lowered)
    }

    /// The text, its words and the buffers that find repeated ones.
    pub(crate) fn repeats(&mut self) -> (&str, &[Word], &mut Repeats) {
        self.split();
        (&self.text, &self.words, &mut self.repeats)
    }
}

impl Word {
    /// What stands in `text`, the text that the word was found in.
    pub fn of<'t>(&self, text: &'t str) -> &'t str {
        &text[Range { start: self.start as usize, end: self.end as usize }]
    }
}

/// The digest of what this module takes characters for: their kinds and their lower-case forms.
pub fn digest() -> Digest {
    classes().digest()
}

#[cfg(test)]
mod tests;
