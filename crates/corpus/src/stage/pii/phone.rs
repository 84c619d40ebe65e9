//! Telephone numbers: international ones with a plus sign, and those of North America.
//!
//! Other national forms cannot be told from other numbers. Invariant: at most 15 digits and a mark
//! between each two of them are read.

use super::{before, byte, is_word};
use std::ops::Range;

/// Most digits of an international number (E.164, 6.1).
const DIGITS_MAX: usize = 15;
/// Fewest digits of one that is written in groups.
const GROUPED_MIN: usize = 8;
/// Fewest digits of one that is not.
const PLAIN_MIN: usize = 10;

/// Country codes in use (ITU-T E.164, annex of the Operational Bulletin).
const CODES: &str = "\
    1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 \
    62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 \
    225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 243 244 245 246 \
    247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 \
    290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 \
    377 378 379 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 \
    508 509 590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 \
    681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 878 880 881 \
    882 883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 \
    992 993 994 995 996 998";

/// The number whose first run of digits is `digits`.
pub fn at(bytes: &[u8], digits: &Range<usize>) -> Option<Range<usize>> {
    let left = before(bytes, digits.start);
    if left == b'+' {
        let outer = before(bytes, digits.start - 1);
        let apart = !is_word(outer) && !b"+-.)".contains(&outer);
        return apart.then(|| international(bytes, digits.start)).flatten();
    }
    national(bytes, digits)
}

/// Digits, and where each group of them ends.
#[derive(Default)]
struct Groups {
    digits: [u8; DIGITS_MAX],
    /// Number of digits up to there, and the place in the text.
    ends: [(usize, usize); DIGITS_MAX],
    count: usize,
}

impl Groups {
    /// The groups from `start` on that have no more digits together than there may be.
    fn read(bytes: &[u8], start: usize) -> Groups {
        let mut groups = Groups::default();
        let (mut digits, mut next) = (0, Some(start));
        while let Some(mut at) = next {
            while byte(bytes, at).is_ascii_digit() {
                let Some(place) = groups.digits.get_mut(digits) else {
                    return groups;
                };
                *place = bytes[at];
                digits += 1;
                at += 1;
            }
            groups.ends[groups.count] = (digits, at);
            groups.count += 1;
            next = next_group(bytes, at);
        }
        groups
    }

    fn ends(&self) -> &[(usize, usize)] {
        &self.ends[..self.count]
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.ends().last().map_or(0, |last| last.0)]
    }
}

/// Where the group behind the mark at `at` starts: a space, `-`, `.` or `/`, with brackets or not.
fn next_group(bytes: &[u8], at: usize) -> Option<usize> {
    let close = usize::from(byte(bytes, at) == b')');
    let mark = match byte(bytes, at + close) {
        b' ' | b'-' | b'.' | b'/' => 1,
        0xc2 if byte(bytes, at + close + 1) == 0xa0 => 2,
        _ => 0,
    };
    let open = usize::from(byte(bytes, at + close + mark) == b'(');
    let next = at + close + mark + open;
    (next > at && byte(bytes, next).is_ascii_digit()).then_some(next)
}

/// The number whose country code starts at `start`, behind a plus sign.
fn international(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let groups = Groups::read(bytes, start);
    let digits = groups.digits();
    if !has_code(digits) {
        return None;
    }
    if digits[0] == b'1' {
        let end = groups.ends().iter().find(|(count, _)| *count == 11)?.1;
        let whole = is_north_american(&digits[1..11]) && ends(bytes, end);
        return whole.then_some(start - 1..end);
    }
    // Other numbers may follow: only the second group may be a single digit, an area or a zero.
    let mut last = None;
    let mut known = 0;
    for (place, (count, end)) in groups.ends().iter().enumerate() {
        if place > 1 && count - known < 2 {
            break;
        }
        known = *count;
        let least = if place == 0 { PLAIN_MIN } else { GROUPED_MIN };
        if *count >= least && ends(bytes, *end) {
            last = Some(start - 1..*end);
        }
    }
    last
}

/// Whether `digits` start with a country code.
fn has_code(digits: &[u8]) -> bool {
    CODES.split(' ').any(|code| digits.starts_with(code.as_bytes()))
}

/// A number such as (415) 555-2671, 415-555-2671 or 1-415-555-2671.
fn national(bytes: &[u8], digits: &Range<usize>) -> Option<Range<usize>> {
    let bracket = |at: usize| usize::from(byte(bytes, at) == b'(');
    let (area, start) = match (digits.len(), byte(bytes, digits.end)) {
        (1, b'-' | b'.' | b' ') if bytes[digits.start] == b'1' => {
            (digits.end + 1 + bracket(digits.end + 1), digits.start)
        }
        (3, b'-' | b'.') => (digits.start, digits.start),
        (3, b')') if before(bytes, digits.start) == b'(' => (digits.start, digits.start - 1),
        _ => return None,
    };
    let outer = before(bytes, start);
    if is_word(outer) || b"+-./#$".contains(&outer) {
        return None;
    }
    let group = |at: usize, length: usize| {
        let found = bytes.get(at..at + length)?;
        found.iter().all(u8::is_ascii_digit).then_some(found)
    };
    let mark = byte(bytes, area + 3);
    let (exchange, marks) = match mark {
        b')' if before(bytes, area) == b'(' => {
            (area + 4 + usize::from(b" -.".contains(&byte(bytes, area + 4))), &b" -."[..])
        }
        // One mark throughout.
        b'-' => (area + 4, &b"-"[..]),
        b'.' => (area + 4, &b"."[..]),
        _ => return None,
    };
    if !marks.contains(&byte(bytes, exchange + 3)) {
        return None;
    }
    let number = [group(area, 3)?, group(exchange, 3)?, group(exchange + 4, 4)?].concat();
    let end = exchange + 8;
    (is_north_american(&number) && ends(bytes, end)).then_some(start..end)
}

/// Area and exchange start with 2 to 9, and are not among the short numbers such as 911.
fn is_north_american(number: &[u8]) -> bool {
    let part = |part: &[u8]| part[0] >= b'2' && part[1..3] != *b"11";
    number.len() == 10 && part(&number[..3]) && part(&number[3..6])
}

/// Whether a number can end at `end`.
fn ends(bytes: &[u8], end: usize) -> bool {
    let right = byte(bytes, end);
    let goes_on = b"-./".contains(&right) && is_word(byte(bytes, end + 1));
    !is_word(right) && !goes_on
}
