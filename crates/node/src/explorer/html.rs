//! HTML that is made of parts: whatever the chain says is text in it, never markup.
//!
//! Invariant: [`Html`] is balanced and escaped, as there is no other way to make one than through
//! [`text`] and [`tag`].

use std::fmt::{Display, Write};

/// A piece of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

/// An element that is begun.
pub(super) struct Tag {
    name: &'static str,
    start: String,
}

/// Text as it is.
pub(super) fn text(what: impl Display) -> Html {
    Html(escape(&what.to_string()))
}

/// An element; its name and the names of its attributes are the code's own.
pub(super) fn tag(name: &'static str) -> Tag {
    Tag { name, start: format!("<{name}") }
}

impl Tag {
    /// With an attribute.
    pub fn set(mut self, name: &'static str, value: impl Display) -> Tag {
        let _ = write!(self.start, " {name}=\"{}\"", escape(&value.to_string()));
        self
    }

    /// With something inside.
    pub fn of(self, inside: impl Into<Html>) -> Html {
        let Tag { name, start } = self;
        Html(format!("{start}>{}</{name}>", inside.into().0))
    }

    /// As one of the elements that have no end.
    pub fn void(self) -> Html {
        Html(self.start + ">")
    }
}

impl Html {
    /// With more behind it.
    pub fn and(mut self, more: impl Into<Html>) -> Html {
        self.0.push_str(&more.into().0);
        self
    }

    /// With a space and more behind it.
    pub fn then(self, more: impl Into<Html>) -> Html {
        self.and(" ").and(more)
    }

    /// As a whole document.
    pub fn document(self) -> String {
        format!("<!doctype html>{}\n", self.0)
    }
}

impl From<&str> for Html {
    fn from(what: &str) -> Html {
        text(what)
    }
}

impl From<String> for Html {
    fn from(what: String) -> Html {
        text(what)
    }
}

impl From<Option<Html>> for Html {
    fn from(what: Option<Html>) -> Html {
        what.unwrap_or_default()
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<T: IntoIterator<Item = Html>>(parts: T) -> Html {
        Html(parts.into_iter().map(|part| part.0).collect())
    }
}

impl<const N: usize> From<[Html; N]> for Html {
    fn from(parts: [Html; N]) -> Html {
        parts.into_iter().collect()
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Controls have no place in HTML, and marks that turn the direction of what follows
            // would let a name on the chain rewrite the line that it stands in.
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => {
                out.push('\u{fffd}');
            }
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{tag, text};

    #[test]
    fn what_the_chain_says_is_never_markup() {
        let hostile = "<script>alert('1')</script> \" onload=x & \u{202e}gnp.exe\u{0}";
        let html = tag("a").set("href", hostile).of(text(hostile)).document();
        assert_eq!(html.matches('<').count(), 3, "{html}");
        assert_eq!(html.matches('"').count(), 2, "{html}");
        assert!(!html.contains(['\'', '\u{202e}', '\u{0}']), "{html}");
        assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"), "{html}");
    }
}
