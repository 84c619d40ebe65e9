//! Network addresses of IPv4 and IPv6 that someone on the internet can have.
//!
//! Private, local, shared and group addresses belong to nobody. Addresses set aside for
//! documentation count: in a text they stand for real ones. Four small numbers are a section or a
//! version, as nearly always, unless they stand where only an address does. Invariant: at most 40
//! bytes behind the first digit are read.

use super::{before, byte, is_word};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Sections and versions have smaller numbers than this; one address in 200 has only such.
const SMALL: u8 = 64;

/// Longest address of IPv6 without an embedded one of IPv4, in bytes.
const LONGEST: usize = 39;

/// The address that starts with the run `digits`.
pub fn at(bytes: &[u8], digits: &Range<usize>) -> Option<Range<usize>> {
    match byte(bytes, digits.end) {
        b'.' if digits.len() <= 3 => four(bytes, digits.start),
        b':' | b'a'..=b'f' | b'A'..=b'F' => six(bytes, digits.start),
        _ => None,
    }
}

fn four(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let left = before(bytes, start);
    // Behind a hyphen and a letter: the version of a package.
    let version = left == b'-' && start > 1 && bytes[start - 2].is_ascii_alphabetic();
    if is_word(left) || left == b'.' || version {
        return None;
    }
    let mut end = start;
    let mut octets = [0; 4];
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            if byte(bytes, end) != b'.' {
                return None;
            }
            end += 1;
        }
        let length = bytes[end..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let digits = std::str::from_utf8(&bytes[end..end + length]).ok()?;
        if length > 1 && digits.starts_with('0') {
            return None;
        }
        *octet = digits.parse().ok()?;
        end += length;
    }
    let right = byte(bytes, end);
    let goes_on = right == b'.' && is_word(byte(bytes, end + 1));
    let suffix = right == b'-' && byte(bytes, end + 1).is_ascii_alphabetic();
    // Behind `//` or a user's name, or before a port or the length of a prefix.
    let marked = left == b'@'
        || left == b'/' && before(bytes, start - 1) == b'/'
        || b":/".contains(&right) && byte(bytes, end + 1).is_ascii_digit()
        || octets.iter().any(|octet| *octet >= SMALL);
    let whole = !is_word(right) && !goes_on && !suffix;
    (whole && marked && is_someones(octets)).then_some(start..end)
}

/// Whether an address can be one machine's on the internet.
fn is_someones(octets: [u8; 4]) -> bool {
    let address = Ipv4Addr::from(octets);
    let shared = octets[0] == 100 && octets[1] & 0xc0 == 64;
    let protocols = octets[..3] == [192, 0, 0];
    let benchmark = octets[0] == 198 && octets[1] & 0xfe == 18;
    !(octets[0] == 0
        || octets[0] >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || shared
        || protocols
        || benchmark)
}

/// Addresses of one machine are those of 2000::/3, so the first digit is 2 or 3.
fn six(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let left = before(bytes, start);
    if !matches!(bytes[start], b'2' | b'3') || is_word(left) || b":.".contains(&left) {
        return None;
    }
    let part = |byte: &&u8| byte.is_ascii_hexdigit() || **byte == b':';
    let length = bytes[start..].iter().take(LONGEST + 1).take_while(part).count();
    let text = std::str::from_utf8(&bytes[start..start + length]).ok()?;
    // A colon behind an address belongs to the sentence, two are part of it.
    let text = match text.strip_suffix(':') {
        Some(rest) if !rest.ends_with(':') => rest,
        _ => text,
    };
    let address: Ipv6Addr = text.parse().ok()?;
    let end = start + text.len();
    let whole = !is_word(byte(bytes, end)) && text.split(':').next()?.len() == 4;
    (whole && address.octets()[0] & 0xe0 == 0x20).then_some(start..end)
}
