//! Words and symbols: the fast form of `\w+|[^\w\s]`.
//!
//! For every stage that counts words. A block of up to 64 bytes becomes one bit a byte for each kind
//! of character, and words are read off the bits. Invariant: equal to the plain form in
//! `text/tests.rs`.

use super::Word;
use super::class::{CASED, Classes, LETTER, PUNCTUATION, SPACE, WORD, classes};
use super::short;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes in a block, and bits in a mask.
const BLOCK: usize = 64;

/// Puts the words of `text` into `words`, instead of those that are there.
pub fn split(text: &str, words: &mut Vec<Word>) {
    words.clear();
    let classes = classes();
    let mut at = 0;
    while at < text.len() {
        let block = Block::read(text, classes, at);
        let mut starts = block.starts();
        let mut next = at + block.length;
        if next < text.len() && block.word >> (block.length - 1) != 0 {
            // The last word may go on: look at it again from its start, or alone if it is all.
            let last = starts.ilog2() as usize;
            starts ^= 1 << last;
            next = if last > 0 { at + last } else { long(text, classes, at, words) };
        }
        while starts != 0 {
            let start = starts.trailing_zeros() as usize;
            starts &= starts - 1;
            if block.punctuation & !block.wide & !block.word & 1 << start != 0 {
                words.push(mark(text.as_bytes()[at + start], at + start, classes));
                continue;
            }
            let length = block.token(start);
            let token = block.describe(start, length);
            words.push(token.word(text, at + start, length));
        }
        at = next;
    }
}

/// The kinds of up to 64 bytes, whole characters of a text; bits behind the last byte are 0.
struct Block {
    length: usize,
    /// Bytes of characters of words.
    word: u64,
    /// Bytes of white space.
    space: u64,
    /// Bytes of letters.
    letter: u64,
    /// Bytes of characters with another lower-case form.
    cased: u64,
    /// Bytes of punctuation.
    punctuation: u64,
    /// Bytes of characters outside of ASCII.
    wide: u64,
    /// Bytes of characters that are not their first.
    inner: u64,
}

impl Block {
    fn read(text: &str, classes: &Classes, at: usize) -> Block {
        let rest = &text.as_bytes()[at..];
        if let Some(bytes) = rest.first_chunk::<BLOCK>() {
            let length = (BLOCK - 3..=BLOCK).rev().find(|end| text.is_char_boundary(at + end));
            let length = length.expect("a character has at most four bytes");
            return Block::kinds(bytes, length).with_wide(&text[at..at + length], classes);
        }
        let mut bytes = [0; BLOCK];
        bytes[..rest.len()].copy_from_slice(rest);
        Block::kinds(&bytes, rest.len()).with_wide(&text[at..], classes)
    }

    /// The kinds of ASCII, by comparisons that the compiler does for many bytes at a time.
    fn kinds(bytes: &[u8; BLOCK], length: usize) -> Block {
        let all = u64::MAX >> (BLOCK - length);
        let blank = |byte: u8| byte == b' ' || byte.wrapping_sub(9) < 5;
        let letter = bits(bytes, |byte| (byte | 0x20).wrapping_sub(b'a') < 26);
        let figure = bits(bytes, |byte| byte == b'_' || byte.wrapping_sub(b'0') < 10);
        let space = bits(bytes, |byte| blank(byte) || byte.wrapping_sub(0x1c) < 4);
        let wide = bits(bytes, |byte| byte >= 0x80) & all;
        let line = bits(bytes, |byte| byte == b'_');
        Block {
            length,
            word: (letter | figure) & all,
            space: space & all,
            letter: letter & all,
            cased: bits(bytes, |byte| byte.wrapping_sub(b'A') < 26) & all,
            punctuation: !(letter | figure & !line | space | wide) & all,
            wide,
            inner: 0,
        }
    }

    /// The kinds of the other characters, one by one.
    fn with_wide(mut self, text: &str, classes: &Classes) -> Block {
        let mut rest = self.wide;
        while rest != 0 {
            let start = rest.trailing_zeros() as usize;
            let c = text[start..].chars().next().expect("a byte belongs to a character");
            let (kinds, length) = (classes.of(c), c.len_utf8());
            let bytes = ((1 << length) - 1) << start;
            let mark = |mask: &mut u64, kind| *mask |= if kinds & kind != 0 { bytes } else { 0 };
            mark(&mut self.word, WORD);
            mark(&mut self.space, SPACE);
            mark(&mut self.letter, LETTER);
            mark(&mut self.cased, CASED);
            mark(&mut self.punctuation, PUNCTUATION);
            self.inner |= bytes & bytes << 1;
            rest &= !bytes;
        }
        self
    }

    /// The bytes at which a token starts.
    fn starts(&self) -> u64 {
        let all = u64::MAX >> (BLOCK - self.length);
        all & !(self.space | self.inner | self.word & self.word << 1)
    }

    /// The length of the token at `start`, in bytes.
    fn token(&self, start: usize) -> usize {
        let more = if self.word >> start & 1 != 0 { self.word } else { self.inner | 1 << start };
        (more >> start).trailing_ones() as usize
    }

    /// What the characters of a token are.
    #[inline(always)]
    fn describe(&self, start: usize, length: usize) -> Token {
        let bytes = u64::MAX >> (BLOCK - length) << start;
        Token {
            chars: match self.inner & bytes {
                0 => length as u32,
                inner => length as u32 - inner.count_ones(),
            },
            symbol: self.word & bytes == 0,
            letters: self.letter & bytes != 0,
            punctuation: self.punctuation & bytes == bytes,
            cased: self.cased & bytes != 0,
            wide: self.wide & bytes != 0,
        }
    }
}

/// A symbol of ASCII, which is always punctuation.
#[inline(always)]
fn mark(byte: u8, start: usize, classes: &Classes) -> Word {
    Word {
        start: start as u32,
        end: start as u32 + 1,
        folded: classes.hash(byte),
        chars: 1,
        symbol: true,
        letters: false,
        punctuation: true,
        cased: false,
    }
}

/// One bit for each byte that is `like` this.
fn bits(bytes: &[u8; BLOCK], like: impl Fn(u8) -> bool) -> u64 {
    let mut ones = [0; BLOCK];
    for (one, byte) in ones.iter_mut().zip(bytes) {
        *one = u8::from(like(*byte));
    }
    let mut mask = 0;
    for (place, eight) in ones.as_chunks::<8>().0.iter().enumerate() {
        // Each factor moves the one of a byte to a bit of its own in the highest byte.
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= gathered << (8 * place);
    }
    mask
}

/// Puts the word of more than a block that starts at `start` into `words`; gives where it ends.
fn long(text: &str, classes: &Classes, start: usize, words: &mut Vec<Word>) -> usize {
    let inside = |c: &char| classes.of(*c) & WORD != 0;
    let (mut any, mut all, mut chars, mut end) = (0, 0xff, 0, start);
    for c in text[start..].chars().take_while(inside) {
        any |= classes.of(c);
        all &= classes.of(c);
        chars += 1;
        end += c.len_utf8();
    }
    let token = Token {
        chars,
        symbol: false,
        letters: any & LETTER != 0,
        punctuation: all & PUNCTUATION != 0,
        cased: any & CASED != 0,
        wide: chars as usize != end - start,
    };
    words.push(token.word(text, start, end - start));
    end
}

/// What the characters of a word are.
struct Token {
    chars: u32,
    symbol: bool,
    letters: bool,
    punctuation: bool,
    cased: bool,
    /// Not only ASCII.
    wide: bool,
}

impl Token {
    #[inline(always)]
    fn word(self, text: &str, start: usize, length: usize) -> Word {
        let bytes = text.as_bytes();
        let folded = match bytes.get(start..start + short::BYTES).and_then(<[u8]>::first_chunk) {
            Some(eight) if length <= short::BYTES && !self.wide => short::folded(*eight, length),
            _ => folded(&text[start..start + length], self.cased),
        };
        Word {
            start: start as u32,
            end: (start + length) as u32,
            folded,
            chars: self.chars,
            symbol: self.symbol,
            letters: self.letters,
            punctuation: self.punctuation,
            cased: self.cased,
        }
    }
}

/// The hash of the lower-case form of `word`.
fn folded(word: &str, cased: bool) -> u64 {
    let mut buffer = [0; BLOCK];
    match buffer.get_mut(..word.len()) {
        _ if !cased => xxh3_64(word.as_bytes()),
        Some(lower) if word.is_ascii() => {
            lower.copy_from_slice(word.as_bytes());
            lower.make_ascii_lowercase();
            xxh3_64(lower)
        }
        _ => xxh3_64(word.to_lowercase().as_bytes()),
    }
}
