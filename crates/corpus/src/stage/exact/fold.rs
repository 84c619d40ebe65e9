//! The normal form of a text: its words in one case, with a space between them.
//!
//! Invariant: a text in capitals has the form of the text, also where capitals are spelt otherwise.

use crate::text::class::{CASED_LAST, WORD, classes};
use crate::text::{Doc, Word};
use std::sync::OnceLock;
use terroir_base::Digest;

/// The normal form of `doc`; nothing for a text without words.
pub fn normal(doc: &mut Doc) -> Vec<u8> {
    match doc.text().is_ascii() {
        true => of_ascii(doc.text().as_bytes()),
        false => {
            let (text, words) = doc.split();
            of_words(text, words)
        }
    }
}

fn of_words(text: &str, words: &[Word]) -> Vec<u8> {
    let mut form = String::with_capacity(text.len());
    for word in words.iter().filter(|word| !word.symbol) {
        if !form.is_empty() {
            form.push(' ');
        }
        let word = word.of(text);
        match !word.is_ascii() && word.chars().any(|c| folds().changes(c)) {
            true => form.extend(word.chars().flat_map(fold)),
            false => form.push_str(word),
        }
    }
    // Capitals of ASCII are left, and only those.
    form.make_ascii_lowercase();
    form.into_bytes()
}

/// The same for ASCII, byte by byte.
fn of_ascii(text: &[u8]) -> Vec<u8> {
    let folds = folds();
    let mut form = vec![0; text.len()];
    let (mut end, mut gap) = (0, true);
    for byte in text {
        let folded = folds.ascii[usize::from(*byte)];
        form[end] = folded;
        let space = folded == b' ';
        end += usize::from(!(space && gap));
        gap = space;
    }
    form.truncate(end - usize::from(end > 0 && gap));
    form
}

/// Up and down again: the capitals of ß are SS, and both spell the same word.
fn fold(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

/// What folding does to characters.
struct Folds {
    /// A bit for every character beyond ASCII that folding changes.
    changes: Vec<u64>,
    /// The lower-case form of an ASCII character of words; a space for any other one.
    ascii: [u8; 256],
    digest: Digest,
}

impl Folds {
    fn changes(&self, c: char) -> bool {
        let at = c as usize;
        self.changes[at / 64] >> (at % 64) & 1 == 1
    }
}

fn folds() -> &'static Folds {
    static FOLDS: OnceLock<Folds> = OnceLock::new();
    FOLDS.get_or_init(|| {
        let mut changes = vec![0_u64; (char::MAX as usize + 1) / 64];
        let mut table = String::new();
        for c in ('\u{80}'..=CASED_LAST).filter(|c| !fold(*c).eq([*c])) {
            changes[c as usize / 64] |= 1 << (c as usize % 64);
            table.push(c);
            table.extend(fold(c));
            table.push('\n');
        }
        let ascii = std::array::from_fn(|at| match u8::try_from(at) {
            Ok(byte) if byte.is_ascii() && classes().of(char::from(byte)) & WORD != 0 => {
                byte.to_ascii_lowercase()
            }
            _ => b' ',
        });
        let digest = Digest::derive("terroir 2026-11 folds", &[table.as_bytes()]);
        Folds { changes, ascii, digest }
    })
}

/// The digest of what folding does to characters beyond ASCII.
pub fn digest() -> Digest {
    folds().digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition.
    fn plain(text: &str) -> String {
        let word = |c: char| c == '_' || c.is_alphanumeric();
        let words = text.split(|c| !word(c)).filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(|word| word.chars().flat_map(fold).collect()).collect();
        words.join(" ")
    }

    fn normal_of(text: &str) -> String {
        let mut doc = Doc::default();
        doc.reset(text);
        String::from_utf8(normal(&mut doc)).unwrap()
    }

    #[test]
    fn no_character_beyond_the_last_cased_one_folds() {
        assert!((CASED_LAST..=char::MAX).all(|c| fold(c).eq([c]) && c.to_lowercase().eq([c])));
    }

    #[test]
    fn capitals_have_the_form_of_their_text() {
        for text in ["Straße", "ﬁn ŉ", "ǅ Σς", "K Å ſ", "naïve ÿ", "ßẞ", "日本語 abc"]
        {
            assert_eq!(normal_of(&text.to_uppercase()), normal_of(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_forms_are_the_plain_one(text in "[ -~\n]{0,60}", other in "\\PC{0,40}") {
            prop_assert_eq!(normal_of(&text), plain(&text));
            let mixed = format!("{text}é{text}ß");
            prop_assert_eq!(normal_of(&mixed), plain(&mixed));
            // Beyond ASCII, what a word is is for the module `text` to say.
            let _ = normal_of(&other);
        }
    }
}
