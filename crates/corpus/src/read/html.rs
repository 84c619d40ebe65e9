//! Web pages: their article as text, as a browser's reader view finds it. And plain text files.
//!
//! A page without an article gives the text of its whole body; the field `extracted` says which.

mod guard;

use super::input::Input;
use super::mapping::{Field, Fields, Mapping};
use super::{Fault, Reader, Reason, Stop, at, charset, json};
use crate::record::TEXT_BYTES_MAX;
use dom_query::Document;
use dom_smoothie::{Article, Config, Readability, TextMode};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Longest page, in bytes.
pub(super) const PAGE_BYTES_MAX: usize = 16 << 20;

/// A page taken apart.
pub(super) struct Page {
    pub(super) text: String,
    pub(super) title: String,
    /// `article` or `body`.
    pub(super) extracted: &'static str,
}

/// Reads a file of plain text: one record.
pub(super) fn read_text(input: &mut Input, reader: &mut Reader<'_, '_>) -> Result<(), Stop> {
    let bytes = input.whole(TEXT_BYTES_MAX).map_err(at(0))?;
    let text = bytes.ok_or_else(|| too_long(TEXT_BYTES_MAX)).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            Fault::new(Reason::NotText, format!("not utf-8 at byte {place}"))
        })
    });
    let (mapping, name) = (reader.mapping, &reader.found.name);
    match text {
        Err(fault) => reader.skip(fault, 0)?,
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            reader.item(0, Ok(fields(mapping, &[("text", text), ("id", name)])))?;
        }
    }
    Ok(())
}

/// Reads a file that is a page: one record.
pub(super) fn read_page(input: &mut Input, reader: &mut Reader<'_, '_>) -> Result<(), Stop> {
    let bytes = input.whole(PAGE_BYTES_MAX).map_err(at(0))?;
    let page = bytes.ok_or_else(|| too_long(PAGE_BYTES_MAX)).and_then(|bytes| page(&bytes, None));
    let (mapping, name) = (reader.mapping, &reader.found.name);
    match page {
        Err(fault) => reader.skip(fault, 0)?,
        Ok(Page { text, title, extracted }) => {
            let named =
                [("text", &*text), ("id", name), ("title", &title), ("extracted", extracted)];
            reader.item(0, Ok(fields(mapping, &named)))?;
        }
    }
    Ok(())
}

fn too_long(bytes_max: usize) -> Fault {
    Fault::new(Reason::TooLong, format!("more than {bytes_max} bytes"))
}

/// Fields of a format whose names are fixed; empty ones are left out, the text excepted.
pub(super) fn fields<'a>(mapping: &Mapping, named: &[(&'a str, &'a str)]) -> Fields<'a> {
    let mut fields = mapping.fields();
    for (place, (name, text)) in named.iter().enumerate() {
        match mapping.place(name) {
            _ if place > 0 && text.is_empty() => {}
            Some(place) => fields.named[place] = Some(Field::Text(Cow::Borrowed(text))),
            None => fields.rest.push((Cow::Borrowed(name), Cow::Owned(json::quote(text)))),
        }
    }
    fields
}

/// The article of a page, or else all its text. `charset` is what its sender says.
pub(super) fn page(bytes: &[u8], charset: Option<&str>) -> Result<Page, Fault> {
    let html = charset::decode(bytes, charset)?;
    guard::check(&html)?;
    // The reader view is a heuristic of many parts; if one of them breaks over a page, it is that
    // page which is lost, not the work on all the others.
    catch_unwind(AssertUnwindSafe(|| extract(&html)))
        .map_err(|_| Fault::new(Reason::Syntax, "the reader view gives up on this page"))
}

fn extract(html: &str) -> Page {
    let config =
        Config { text_mode: TextMode::Formatted, disable_json_ld: true, ..Config::default() };
    let read = Readability::new(html, None, Some(config)).and_then(|mut page| page.parse());
    match read {
        Ok(Article { title, text_content, .. }) if !text_content.trim().is_empty() => {
            let text = text_content.trim().to_owned();
            Page { text, title: title.trim().to_owned(), extracted: "article" }
        }
        _ => {
            let document = Document::from(html);
            let title = document.select("title").text().trim().to_owned();
            document.select("script, style, noscript, template, head").remove();
            let text = document.formatted_text().trim().to_owned();
            Page { text, title, extracted: "body" }
        }
    }
}
