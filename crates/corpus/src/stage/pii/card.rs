//! Numbers of payment cards: the networks' first digits and lengths, and the check digit of Luhn.
//!
//! Invariant: at most 19 digits and a mark between groups are read.

use super::{before, byte, is_word};
use std::ops::Range;

/// Longest number, in digits (ISO/IEC 7812-1).
const DIGITS_MAX: usize = 19;

/// How the digits are written in groups.
const GROUPS: &[&[usize]] = &[&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4]];

/// The number that starts with the run `digits`.
pub fn at(bytes: &[u8], digits: &Range<usize>) -> Option<Range<usize>> {
    let start = digits.start;
    let left = before(bytes, start);
    if !(b'2'..=b'6').contains(&bytes[start]) || is_word(left) || b".-+,".contains(&left) {
        return None;
    }
    let (number, end) = match digits.len() {
        14..=DIGITS_MAX => (bytes[digits.clone()].to_vec(), digits.end),
        4 => GROUPS.iter().find_map(|groups| grouped(bytes, start, groups))?,
        _ => return None,
    };
    let right = byte(bytes, end);
    let goes_on = b".-,".contains(&right) && is_word(byte(bytes, end + 1));
    (!is_word(right) && !goes_on && is_issued(&number) && is_checked(&number)).then_some(start..end)
}

/// Groups of digits with one space or hyphen between them, and no further one behind.
fn grouped(bytes: &[u8], start: usize, groups: &[usize]) -> Option<(Vec<u8>, usize)> {
    let mark = byte(bytes, start + groups[0]);
    if mark != b' ' && mark != b'-' {
        return None;
    }
    let mut number = Vec::with_capacity(DIGITS_MAX);
    let mut at = start;
    for (place, length) in groups.iter().enumerate() {
        if place > 0 {
            if byte(bytes, at) != mark {
                return None;
            }
            at += 1;
        }
        let group = bytes.get(at..at + length)?;
        if !group.iter().all(u8::is_ascii_digit) {
            return None;
        }
        number.extend(group);
        at += length;
    }
    let goes_on = byte(bytes, at) == mark && byte(bytes, at + 1).is_ascii_digit();
    (!goes_on && !byte(bytes, at).is_ascii_digit()).then_some((number, at))
}

/// Whether a network issues numbers that start so, of this length.
fn is_issued(number: &[u8]) -> bool {
    let first = |count: usize| {
        number[..count].iter().fold(0, |all, digit| all * 10 + u32::from(digit - b'0'))
    };
    match number.len() {
        14 => matches!(first(3), 300..=305 | 309 | 360..=369 | 380..=389),
        15 => matches!(first(2), 34 | 37),
        16 => {
            matches!(first(1), 4)
                || matches!(first(2), 51..=55 | 62 | 65)
                || matches!(first(3), 644..=649)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011)
        }
        19 => matches!(first(1), 4) || matches!(first(2), 62),
        _ => false,
    }
}

/// The check digit (ISO/IEC 7812-1, annex B).
fn is_checked(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .zip(0..)
        .map(|(digit, place)| match (u32::from(digit - b'0'), place % 2) {
            (digit, 0) => digit,
            (digit, _) => digit * 2 - if digit > 4 { 9 } else { 0 },
        })
        .sum();
    sum.is_multiple_of(10)
}
