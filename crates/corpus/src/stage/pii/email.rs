//! E-mail addresses: the part of RFC 5322 that is in use.
//!
//! Invariant: the search to either side of an `@` ends at the next one, so a text is read twice at
//! most.

use super::{byte, run};
use std::ops::Range;

/// Longest local part, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_MAX: usize = 64;
/// Longest domain, in bytes (RFC 1035, 2.3.4).
const DOMAIN_MAX: usize = 253;

/// Last labels that look like a top-level domain and are the suffix of a file or a system unit.
const NO_DOMAINS: &[&str] = &[
    "css", "device", "gif", "htm", "html", "jpeg", "jpg", "js", "json", "mount", "path", "png",
    "scope", "service", "slice", "socket", "svg", "swap", "target", "tgz", "timer", "txt", "webp",
    "xml",
];

/// The address that has its `@` at `at`.
pub fn around(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at - local(&bytes[at.saturating_sub(LOCAL_MAX)..at])?;
    let end = at + 1 + domain(&bytes[at + 1..])?;
    Some(start..end)
}

/// The length of the local part at the end of `before`.
fn local(before: &[u8]) -> Option<usize> {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._%+'-".contains(byte);
    let length = before.iter().rev().take_while(is_part).count();
    let part = &before[before.len() - length..];
    let skipped = run(part, |byte| b".%'-".contains(byte));
    let part = &part[skipped..];
    let whole =
        !part.is_empty() && !part.ends_with(b".") && !part.windows(2).any(|two| two == b"..");
    whole.then_some(part.len())
}

/// The length of the domain at the start of `behind`.
fn domain(behind: &[u8]) -> Option<usize> {
    let behind = &behind[..behind.len().min(DOMAIN_MAX)];
    let length = run(behind, |byte| byte.is_ascii_alphanumeric() || b".-".contains(byte));
    // The end of a sentence, or a dash behind it.
    let marks = behind[..length].iter().rev().take_while(|byte| b".-".contains(byte)).count();
    let length = length - marks;
    let name = std::str::from_utf8(&behind[..length]).ok()?;
    let label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    let (rest, top) = name.rsplit_once('.')?;
    let letters = top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    let known = letters || top.starts_with("xn--");
    let suffix = NO_DOMAINS.iter().any(|suffix| top.eq_ignore_ascii_case(suffix));
    let ends = byte(behind, length) != b'_';
    (known && !suffix && ends && rest.split('.').all(label)).then_some(length)
}
