//! Refuses pages that a tree builder would choke on, before one is built.
//!
//! Browsers' rules for broken pages let a few bytes open many elements. One pass over the tags
//! follows those rules closely enough to bound, up to a small factor, how deep the tree gets and
//! how many elements are made. Where the rules are subtle, it counts too much rather than too little.
//! Source: the HTML standard, section 13.2.6, "tree construction".

use crate::read::{Fault, Reason};

/// Deepest nesting, as in browsers.
const DEPTH_MAX: usize = 512;
/// Most start tags, and most elements that are opened again because nobody closed them.
const ELEMENTS_MAX: usize = 1 << 18;

/// Elements that are never open.
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "keygen", "link", "meta", "param",
    "source", "track", "wbr",
];
/// Elements that close the one before them, or are opened once: these do not nest by themselves.
const FLAT: &[&str] = &[
    "body", "caption", "colgroup", "dd", "dt", "frame", "head", "html", "li", "option", "p",
    "tbody", "td", "tfoot", "th", "thead", "tr",
];
/// Parts of a table: each closes all that is open in the part before it.
const CELLS: &[&str] = &["caption", "tbody", "td", "tfoot", "th", "thead", "tr"];
/// Elements that are opened again after a block was closed over them.
const FORMATTING: &[&str] = &[
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
];
/// Elements that only their own end tag, or that of a block around them, closes.
const BLOCK: &[&str] = &[
    "address",
    "applet",
    "article",
    "aside",
    "blockquote",
    "button",
    "center",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "iframe",
    "listing",
    "main",
    "marquee",
    "menu",
    "nav",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "ol",
    "plaintext",
    "pre",
    "script",
    "search",
    "section",
    "select",
    "style",
    "summary",
    "table",
    "template",
    "textarea",
    "title",
    "ul",
    "xmp",
];
/// Blocks that end tags do not reach through.
const WALL: &[&str] = &["applet", "marquee", "object", "table", "template"];
/// Roots of drawings and formulas, in which every element nests.
const FOREIGN: &[&str] = &["math", "svg"];
/// Elements of drawings and formulas that hold HTML again.
const PORTAL: &[&str] =
    &["annotation-xml", "desc", "foreignobject", "mi", "mn", "mo", "ms", "mtext", "title"];
/// HTML elements that end a drawing.
const BREAKOUT: &[&str] = &[
    "blockquote",
    "body",
    "center",
    "code",
    "div",
    "dl",
    "dd",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "li",
    "ol",
    "p",
    "pre",
    "span",
    "table",
    "ul",
];

/// Refuses a page that nests too deep or has too many elements.
pub(super) fn check(html: &str) -> Result<(), Fault> {
    let mut open = Open::default();
    let bytes = html.as_bytes();
    for at in memchr::memchr_iter(b'<', bytes) {
        let rest = &html[at + 1..];
        let (closing, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
        if !rest.starts_with(|first: char| first.is_ascii_alphabetic()) {
            continue;
        }
        let ends = |byte: u8| byte.is_ascii_whitespace() || byte == b'/' || byte == b'>';
        let end = rest.bytes().position(ends).unwrap_or(rest.len());
        // The longest name that any rule knows has 14 letters.
        let name = rest[..floor(rest, end.min(16))].to_ascii_lowercase();
        if closing {
            open.close(&name);
        } else {
            open.open(name, rest)?;
        }
    }
    Ok(())
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The elements that are open, and the formatting that would be opened again.
#[derive(Default)]
struct Open {
    stack: Vec<String>,
    formatting: Vec<String>,
    tags: usize,
    again: usize,
    foreign: usize,
}

impl Open {
    fn open(&mut self, name: String, tag: &str) -> Result<(), Fault> {
        let is = |table: &[&str]| table.contains(&name.as_str());
        self.tags += 1;
        self.again += self.formatting.len();
        if self.tags.max(self.again) > ELEMENTS_MAX {
            let what = format!("the page has more than {ELEMENTS_MAX} elements");
            return Err(Fault::new(Reason::TooLong, what));
        }
        if self.foreign > 0 && is(BREAKOUT) {
            let place = self.stack.iter().rposition(|open| FOREIGN.contains(&open.as_str()));
            self.cut(place.unwrap_or(self.stack.len()));
        }
        if self.foreign > 0 {
            if self.in_drawing() && is_empty(tag) {
                return Ok(());
            }
        } else if is(VOID) || is(FLAT) {
            self.cell(&name);
            return Ok(());
        }
        if is(FORMATTING) {
            if name == "a" || name == "nobr" {
                self.close(&name);
            }
            // More than three alike are not opened again.
            let tag = tag[..floor(tag, tag.find('>').unwrap_or(tag.len()).min(256))].to_owned();
            if self.formatting.iter().filter(|other| **other == tag).count() < 3 {
                self.formatting.push(tag);
            }
        }
        self.foreign += usize::from(is(FOREIGN));
        self.stack.push(name);
        if self.stack.len() > DEPTH_MAX {
            let what = format!("the page is nested deeper than {DEPTH_MAX}");
            return Err(Fault::new(Reason::TooDeep, what));
        }
        Ok(())
    }

    fn close(&mut self, name: &str) {
        if FORMATTING.contains(&name) {
            let named = |tag: &String| {
                let end = tag.bytes().position(|byte| !byte.is_ascii_alphanumeric());
                tag[..end.unwrap_or(tag.len())].eq_ignore_ascii_case(name)
            };
            if let Some(place) = self.formatting.iter().rposition(named) {
                self.formatting.remove(place);
            }
        }
        if self.foreign == 0 {
            self.cell(name);
        }
        let block = BLOCK.contains(&name);
        for place in (0..self.stack.len()).rev() {
            let open = self.stack[place].as_str();
            if open == name {
                return self.cut(place);
            }
            let wall = WALL.contains(&open) && name != "table";
            let stops = if block { wall } else { BLOCK.contains(&open) };
            if stops {
                // Formatting is taken out of the middle; others stay open.
                if FORMATTING.contains(&name)
                    && let Some(place) = self.stack.iter().rposition(|open| open == name)
                {
                    self.stack.remove(place);
                }
                return;
            }
        }
    }

    /// A part of a table starts or ends.
    fn cell(&mut self, name: &str) {
        let bounds = |open: &String| open == "table" || open == "template";
        if CELLS.contains(&name)
            && let Some(place) = self.stack.iter().rposition(bounds)
            && self.stack[place] == "table"
        {
            self.cut(place + 1);
        }
    }

    fn cut(&mut self, length: usize) {
        for name in self.stack.drain(length..) {
            self.foreign -= usize::from(FOREIGN.contains(&name.as_str()));
        }
    }

    /// Whether the innermost element belongs to a drawing or a formula.
    fn in_drawing(&self) -> bool {
        let known =
            |name: &&String| FOREIGN.contains(&name.as_str()) || PORTAL.contains(&name.as_str());
        let last = self.stack.iter().rev().find(known);
        last.is_some_and(|name| FOREIGN.contains(&name.as_str()))
    }
}

/// Whether the tag ends in `/>`.
fn is_empty(tag: &str) -> bool {
    tag.find('>').is_some_and(|end| tag[..end].ends_with('/'))
}
