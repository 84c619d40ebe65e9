//! What kind of character a character is, as published rules mean it.
//!
//! Python's `str` and `re` decide what a word, a space and a line are, since the rules were
//! published with them; the categories themselves are those of one Unicode version. Invariant: the
//! whole table has a digest, which every stage that looks at characters has in its identity.

use regex_syntax::hir::{Class, HirKind};
use std::sync::LazyLock;
use terroir_base::Digest;
use xxhash_rust::xxh3::xxh3_64;

/// `\w` of Python: a letter, any number, or `_`. Combining marks are not.
pub const WORD: u8 = 1;
/// `\s` of Python, which has four control characters more than Unicode's white space.
pub const SPACE: u8 = 1 << 1;
/// A letter of any kind: `str.isalpha`.
pub const LETTER: u8 = 1 << 2;
/// A decimal digit of any script: `\d`.
pub const DIGIT: u8 = 1 << 3;
/// One of datatrove's punctuation characters, which are not only punctuation to Unicode.
pub const PUNCTUATION: u8 = 1 << 4;
/// Ends a sentence in some script.
pub const TERMINAL: u8 = 1 << 5;
/// Its lower-case form is another.
pub const CASED: u8 = 1 << 6;
/// Ends a line: `str.splitlines`.
pub const BREAK: u8 = 1 << 7;

/// White space to Python and not to Unicode: the separators of files, groups, records and units.
const SEPARATORS: &[char] = &['\x1c', '\x1d', '\x1e', '\x1f'];

/// What ends a line besides carriage return and line feed.
const BREAKS: &[char] =
    &['\n', '\x0b', '\x0c', '\r', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];

/// Punctuation outside ASCII that does not end a sentence, in the order of code points.
const MARKS: &str = "«´»–—’“”„…∶━►、〈〉《》「」【】％（），１：；～";

/// Ends of sentences that Unicode does not count as such: three Khmer signs.
const KHMER_ENDS: &[char] = &['\u{17d6}', '\u{17d9}', '\u{17da}'];

/// To Unicode the end of a sentence, to the rules not: the leader of a table of contents.
const LEADER: char = '\u{2024}';

const BLOCK: usize = 256;

/// The kinds of all characters.
pub struct Classes {
    /// Hashes of the characters of ASCII, each alone.
    hashes: [u64; 128],
    blocks: Vec<[u8; BLOCK]>,
    /// Which of `blocks`, by code point / 256.
    places: Vec<u16>,
    digest: Digest,
}

static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::new);

/// No character after this one has another in upper or lower case: there, Unicode has ideographs and
/// private ones. To ask each of a million takes longer than a small run.
pub const CASED_LAST: char = '\u{1ffff}';

/// The one table there is.
pub fn classes() -> &'static Classes {
    &CLASSES
}

impl Classes {
    /// The kinds of `c`, one bit each.
    pub fn of(&self, c: char) -> u8 {
        let point = c as usize;
        self.blocks[usize::from(self.places[point / BLOCK])][point % BLOCK]
    }

    /// The hash of a byte below 128.
    pub fn hash(&self, byte: u8) -> u64 {
        self.hashes[usize::from(byte & 0x7f)]
    }

    /// The digest of the kinds and lower-case forms of all characters.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    fn new() -> Classes {
        let mut flat = vec![0; char::MAX as usize + 1];
        for (pattern, bits) in [
            (r"[\p{L}\p{N}_]", WORD),
            (r"[\p{Zs}\p{Zl}\p{Zp}\t-\r\x85]", SPACE),
            (r"\p{L}", LETTER),
            (r"\p{Nd}", DIGIT),
            (r"[!-/:-@\[-`{-~]", PUNCTUATION),
            (r"[\x00-\x08\x0b-\x1f\x7f-\x{9f}]", PUNCTUATION),
            (r"\p{Sentence_Terminal}", PUNCTUATION | TERMINAL),
        ] {
            mark(&mut flat, pattern, bits);
        }
        let mut set = |chars: &[char], bits| chars.iter().for_each(|c| flat[*c as usize] |= bits);
        set(SEPARATORS, SPACE);
        set(BREAKS, BREAK);
        set(KHMER_ENDS, PUNCTUATION | TERMINAL);
        set(&MARKS.chars().collect::<Vec<char>>(), PUNCTUATION);
        flat[LEADER as usize] &= !(PUNCTUATION | TERMINAL);
        let mut lower = Vec::new();
        for c in '\0'..=CASED_LAST {
            if !c.to_lowercase().eq([c]) {
                flat[c as usize] |= CASED;
                lower.push(c);
                lower.extend(c.to_lowercase());
            }
        }
        let lower: String = lower.into_iter().collect();
        let digest = Digest::derive("terroir 2026-11 text classes", &[&flat, lower.as_bytes()]);
        Classes::pack(&flat, digest)
    }

    fn pack(flat: &[u8], digest: Digest) -> Classes {
        let mut blocks: Vec<[u8; BLOCK]> = Vec::new();
        let place = |block: &[u8]| {
            let block: [u8; BLOCK] = block.try_into().expect("code points fill their last block");
            let place = blocks.iter().position(|known| *known == block).unwrap_or_else(|| {
                blocks.push(block);
                blocks.len() - 1
            });
            u16::try_from(place).expect("there are fewer than 65536 blocks")
        };
        let places = flat.chunks(BLOCK).map(place).collect();
        let hashes = std::array::from_fn(|byte| xxh3_64(&[byte as u8]));
        Classes { hashes, blocks, places, digest }
    }
}

/// Sets `bits` for every character that the one-character `pattern` matches.
fn mark(flat: &mut [u8], pattern: &str, bits: u8) {
    let parsed = regex_syntax::parse(pattern).expect("a pattern of this file is a character class");
    let HirKind::Class(Class::Unicode(class)) = parsed.into_kind() else {
        unreachable!("a class of more than one character stays a class");
    };
    for range in class.ranges() {
        flat[range.start() as usize..=range.end() as usize].iter_mut().for_each(|c| *c |= bits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bit: u8) -> Vec<u32> {
        let is = |c: &char| classes().of(*c) & bit != 0;
        ('\0'..=char::MAX).filter(is).map(u32::from).collect()
    }

    #[test]
    fn spaces_and_breaks_are_those_of_python() {
        let mut spaces: Vec<u32> = (0x09..=0x0d).chain(0x1c..=0x20).collect();
        spaces.extend([0x85, 0xa0, 0x1680]);
        spaces.extend(0x2000..=0x200a);
        spaces.extend([0x2028, 0x2029, 0x202f, 0x205f, 0x3000]);
        assert_eq!(all(SPACE), spaces);
        assert_eq!(all(BREAK), [0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029]);
    }

    #[test]
    fn words_have_letters_and_numbers_but_no_marks() {
        let word = |c: char| classes().of(c) & WORD != 0;
        for c in "aZ09_ßжあ漢½Ⅷ²٣ªʰ".chars() {
            assert!(word(c), "{c}");
        }
        for c in "-' \u{301}\u{93e}\u{200d}€™°".chars() {
            assert!(!word(c), "{c}");
        }
    }

    #[test]
    fn letters_and_digits_are_parts_of_words() {
        let bits = |c: char| classes().of(c) & (WORD | LETTER | DIGIT);
        assert_eq!(bits('é'), WORD | LETTER);
        assert_eq!(bits('٣'), WORD | DIGIT);
        assert_eq!(bits('½'), WORD);
        assert_eq!(bits('_'), WORD);
        assert_eq!(bits('ⅷ'), WORD);
    }

    #[test]
    fn every_ascii_symbol_is_punctuation_and_some_others() {
        let is = |c: char| classes().of(c) & PUNCTUATION != 0;
        assert!(('!'..='~').all(|c| is(c) != c.is_ascii_alphanumeric()));
        assert!("…—１।。\u{17d9}\0\x7f".chars().all(is));
        assert!("\t\n ©€２\u{2024}".chars().all(|c| !is(c)));
        assert_eq!(all(PUNCTUATION).len(), 32 + 30 + 33 + 30 + 169);
    }

    /// A new Unicode version or compiler may change this; then texts measure differently, and so do
    /// the ids of all stages that look at characters.
    #[test]
    fn the_table_is_frozen() {
        assert_eq!(
            classes().digest().to_string(),
            "41295a0de5b82e9e3661cbf71cdc25df9793d290b28d1193f40a8cc7c5e93d54"
        );
        assert_eq!(all(TERMINAL).len(), 172);
        assert!(all(CASED).len() > 1400);
    }
}
