//! Bytes of web pages as text, in the character set that they say they are in.

use super::{Fault, Reason};
use encoding_rs::{Encoding, UTF_8};
use std::borrow::Cow;

/// A page says its character set within so many bytes, as in the HTML standard.
const MARK_BYTES: usize = 1024;

/// Decodes `bytes`: by their byte order mark, else as `said` by whoever sent them, else as they say
/// themselves, else as UTF-8. Bytes that are not of that set are refused.
pub(super) fn decode<'a>(bytes: &'a [u8], said: Option<&str>) -> Result<Cow<'a, str>, Fault> {
    let (set, bytes) = match Encoding::for_bom(bytes) {
        Some((set, length)) => (set, &bytes[length..]),
        None => (named(bytes, said)?, bytes),
    };
    set.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(|| {
        Fault::new(Reason::NotText, format!("the page is not {}", set.name().to_lowercase()))
    })
}

fn named(bytes: &[u8], said: Option<&str>) -> Result<&'static Encoding, Fault> {
    let head = &bytes[..bytes.len().min(MARK_BYTES)];
    let name = match said.map(str::as_bytes).or_else(|| marked(head)) {
        Some(name) => name,
        None => return Ok(UTF_8),
    };
    let name = name.trim_ascii();
    let set = Encoding::for_label(name).ok_or_else(|| {
        let name = String::from_utf8_lossy(name).into_owned();
        Fault::new(Reason::NotText, format!("no known character set: {name:?}"))
    })?;
    // A page whose mark can be read byte by byte is not in an encoding of two bytes.
    let wide = set == encoding_rs::UTF_16LE || set == encoding_rs::UTF_16BE;
    Ok(if wide { UTF_8 } else { set })
}

/// What follows `charset=` in the head of a page.
fn marked(head: &[u8]) -> Option<&[u8]> {
    let lower = head.to_ascii_lowercase();
    let meta = memchr::memmem::find(&lower, b"<meta")?;
    let key = meta + memchr::memmem::find(&lower[meta..], b"charset")? + b"charset".len();
    let rest = head[key..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or(rest.strip_prefix(b"'")).unwrap_or(rest);
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(byte);
    let end = rest.iter().position(|byte| !name(byte)).unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}
