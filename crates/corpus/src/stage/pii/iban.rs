//! International bank account numbers: the countries' lengths and the remainder by 97.
//!
//! Invariant: at most 34 letters and digits and a space between each four of them are read.

use super::{before, byte, is_word};
use std::ops::Range;

/// Country and length (ISO 13616-1 registry).
const LENGTHS: &str = "\
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 \
    DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 \
    HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 \
    MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 \
    RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 \
    VG24 XK20 YE30";

/// The number whose check digits start the run `digits`.
pub fn at(bytes: &[u8], digits: &Range<usize>) -> Option<Range<usize>> {
    let start = digits.start.checked_sub(2)?;
    let country = &bytes[start..digits.start];
    let capitals = country.iter().all(u8::is_ascii_uppercase);
    if digits.len() < 2 || !capitals || is_word(before(bytes, start)) {
        return None;
    }
    let entry = LENGTHS.split(' ').find(|entry| entry.as_bytes().starts_with(country))?;
    let length = entry[2..].parse().ok()?;
    let mut remainder = 0;
    // The country and its check digits count last.
    let mut head = [0; 4];
    let mut at = start;
    for place in 0..length {
        if place > 0 && place % 4 == 0 && byte(bytes, at) == b' ' {
            at += 1;
        }
        let symbol = byte(bytes, at);
        match head.get_mut(place) {
            Some(early) => *early = symbol,
            None => remainder = joined(remainder, symbol)?,
        }
        at += 1;
    }
    for symbol in head {
        remainder = joined(remainder, symbol)?;
    }
    (remainder == 1 && !is_word(byte(bytes, at))).then_some(start..at)
}

/// The remainder by 97 with one more symbol behind: a digit, or a letter as 10 to 35.
fn joined(remainder: u32, symbol: u8) -> Option<u32> {
    match symbol {
        b'0'..=b'9' => Some((remainder * 10 + u32::from(symbol - b'0')) % 97),
        b'A'..=b'Z' => Some((remainder * 100 + u32::from(symbol - b'A') + 10) % 97),
        _ => None,
    }
}
