//! Lines, paragraphs, sentences and spaces, as Python's `str` and `re` see them.
//!
//! For the rules that were published with them. Invariant: nothing is copied; a piece is a part of
//! the text.

use super::class::{BREAK, SPACE, classes};
use memchr::{memchr, memmem};

/// Whether `c` is white space.
pub fn is_space(c: char) -> bool {
    classes().of(c) & SPACE != 0
}

/// `text` without the white space at both ends: `str.strip`.
pub fn strip(text: &str) -> &str {
    strip_start(strip_end(text))
}

/// `text` without the white space at its start: `str.lstrip`.
pub fn strip_start(text: &str) -> &str {
    // Most lines start and end with a visible character of ASCII.
    match text.as_bytes() {
        [b'!'..=b'~', ..] => text,
        _ => text.trim_start_matches(is_space),
    }
}

/// `text` without the white space at its end: `str.rstrip`.
pub fn strip_end(text: &str) -> &str {
    match text.as_bytes() {
        [.., b'!'..=b'~'] => text,
        _ => text.trim_end_matches(is_space),
    }
}

/// Whether `text` has at least `count` words, as white space divides it: `len(str.split())`.
pub fn has_words(text: &str, count: usize) -> bool {
    let (mut words, mut before) = (0, 1);
    // A few bytes at a time without a branch: most lines have their first words there.
    for bytes in text.as_bytes().chunks(16) {
        if !bytes.is_ascii() {
            let words = text.split(is_space).filter(|word| !word.is_empty());
            return words.take(count).count() == count;
        }
        for byte in bytes {
            let space = usize::from(*byte == b' ' || byte.wrapping_sub(9) < 5)
                | usize::from(byte.wrapping_sub(0x1c) < 4);
            words += before & !space;
            before = space;
        }
        if words >= count {
            return true;
        }
    }
    words >= count
}

/// The parts of `text` between ends of lines of any kind: `str.splitlines`.
pub fn lines(text: &str) -> Lines<'_> {
    Lines { rest: text, plain: !has_rare_breaks(text) }
}

/// See [`lines`].
#[derive(Clone)]
pub struct Lines<'t> {
    rest: &'t str,
    /// Only line feeds end lines in it.
    plain: bool,
}

impl<'t> Iterator for Lines<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        let is_break = |c: char| classes().of(c) & BREAK != 0;
        let end = match self.plain {
            true => memchr(b'\n', self.rest.as_bytes()),
            false => self.rest.find(is_break),
        };
        let Some(end) = end else {
            return Some(std::mem::take(&mut self.rest));
        };
        let (line, rest) = self.rest.split_at(end);
        let both = rest.starts_with("\r\n").then_some(2);
        let length = both.or(rest.chars().next().map(char::len_utf8)).unwrap_or_default();
        self.rest = &rest[length..];
        Some(line)
    }
}

/// Whether anything but a line feed ends a line of `text`.
fn has_rare_breaks(text: &str) -> bool {
    // Whole blocks at a time, which the compiler does in wide registers.
    let rare = |byte: &u8| u8::from(byte.wrapping_sub(0x0b) < 3 || byte.wrapping_sub(0x1c) < 3);
    let count = |block: &[u8]| block.iter().map(rare).sum::<u8>();
    let (blocks, rest) = text.as_bytes().as_chunks::<64>();
    let wide = |mark: &str| memmem::find(text.as_bytes(), mark.as_bytes()).is_some();
    blocks.iter().any(|block| count(block) > 0)
        || count(rest) > 0
        || !text.is_ascii() && ["\u{85}", "\u{2028}", "\u{2029}"].into_iter().any(wide)
}

/// The parts of `text` between runs of at least `feeds` line feeds: `re.split(r"\n{feeds,}")`.
pub fn pieces(text: &str, feeds: usize) -> Pieces<'_> {
    Pieces { rest: Some(text), feeds }
}

/// See [`pieces`].
#[derive(Clone)]
pub struct Pieces<'t> {
    rest: Option<&'t str>,
    feeds: usize,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let text = self.rest?;
        let bytes = text.as_bytes();
        let mut from = 0;
        while let Some(found) = memchr(b'\n', &bytes[from..]) {
            let start = from + found;
            let run = bytes[start..].iter().take_while(|byte| **byte == b'\n').count();
            from = start + run;
            if run >= self.feeds {
                self.rest = Some(&text[from..]);
                return Some(&text[..start]);
            }
        }
        self.rest = None;
        Some(text)
    }
}

/// How many sentences `line` has: the matches of `[^.!?]+[.!?]*`, and one where there is none.
///
/// These are the spans that datatrove counts with a tokenizer of regular expressions; so `1.0` is
/// two.
pub fn sentences(line: &str) -> usize {
    let bytes = line.as_bytes();
    let starts = |at: usize| bytes.get(at).is_some_and(|byte| !b".!?".contains(byte));
    let ends = memchr::memchr3_iter(b'.', b'!', b'?', bytes);
    let behind = ends.filter(|at| starts(at + 1)).count();
    (behind + usize::from(starts(0))).max(1)
}
