//! The answer of a web server, as far as it is needed to find the page in it.

use super::html::{PAGE_BYTES_MAX, Page};
use super::{get, text};
use crate::read::{Fault, Reason};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::borrow::Cow;
use std::io::Read;

/// Kinds of content that hold text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Page,
    Text,
}

/// What a `Content-Type` says: the kind, and the character set.
pub(super) fn kind(said: &str) -> (Option<Kind>, Option<&str>) {
    let mut parts = said.split(';').map(str::trim);
    let kind = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "text/html" | "application/xhtml+xml" => Some(Kind::Page),
        "text/plain" => Some(Kind::Text),
        _ => None,
    };
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    });
    (kind, charset)
}

/// The page of an answer; `None` for answers that are no page: errors, pictures.
pub(super) fn page(answer: &[u8]) -> Result<Option<Page>, Fault> {
    let wrong = |what: &str| Fault::new(Reason::Syntax, what);
    let (head, body) =
        split(answer).ok_or_else(|| wrong("an answer without the end of its header"))?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().filter(|line| line.starts_with("HTTP/"));
    let status = status.ok_or_else(|| wrong("an answer that is not HTTP"))?;
    if !status.split_ascii_whitespace().nth(1).is_some_and(|code| code.starts_with('2')) {
        return Ok(None);
    }
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let content = get(&fields, "content-type").unwrap_or_default();
    if kind(content).0.is_none() {
        return Ok(None);
    }
    let mut body = Cow::Borrowed(body);
    if get(&fields, "transfer-encoding").is_some_and(|way| way.eq_ignore_ascii_case("chunked")) {
        // Many crawlers put the chunks together and leave the header as it was.
        if let Some(whole) = unchunk(&body) {
            body = Cow::Owned(whole);
        }
    }
    if let Some(packing) = get(&fields, "content-encoding") {
        body = unpack(body, &packing.to_ascii_lowercase())?;
    }
    text(&body, content)
}

/// Header and body, around the first empty line.
fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let strict = memchr::memmem::find(answer, b"\r\n\r\n").map(|at| (at, at + 4));
    let loose = || memchr::memmem::find(answer, b"\n\n").map(|at| (at, at + 2));
    let (end, start) = strict.or_else(loose)?;
    Some((&answer[..end], &answer[start..]))
}

/// The chunks of a body as one; `None` if it has none.
fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = memchr::memmem::find(body, b"\r\n")?;
        let size = std::str::from_utf8(&body[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        body = &body[end + 2..];
        if size == 0 {
            return Some(whole);
        }
        let chunk = body.get(..size)?;
        whole.extend_from_slice(chunk);
        body = body[size..].strip_prefix(b"\r\n")?;
    }
}

/// Decompresses a body, if it is still as its header says.
fn unpack<'a>(body: Cow<'a, [u8]>, packing: &str) -> Result<Cow<'a, [u8]>, Fault> {
    let limit = PAGE_BYTES_MAX as u64 + 1;
    let mut whole = Vec::new();
    let read = match (packing, &body[..]) {
        ("identity" | "", _) => return Ok(body),
        ("gzip" | "x-gzip", [0x1f, 0x8b, ..]) => {
            MultiGzDecoder::new(&body[..]).take(limit).read_to_end(&mut whole)
        }
        ("gzip" | "x-gzip", _) => return Ok(body),
        ("deflate", [0x78, ..]) => ZlibDecoder::new(&body[..]).take(limit).read_to_end(&mut whole),
        ("deflate", [b'<', ..]) => return Ok(body),
        ("deflate", _) => DeflateDecoder::new(&body[..]).take(limit).read_to_end(&mut whole),
        _ => {
            let what = format!("content encoding {packing:?} cannot be read");
            return Err(Fault::new(Reason::NotText, what));
        }
    };
    match read {
        Ok(_) => Ok(Cow::Owned(whole)),
        Err(error) => Err(Fault::new(Reason::Corrupt, format!("compressed body: {error}"))),
    }
}
