//! Bits of JSON text: what may stand in `meta`, and how texts are put there.

use std::borrow::Cow;

/// Deepest nesting in a field of a record.
pub(super) const DEPTH_MAX: usize = 64;

/// The JSON text of a text: the one way in which the readers write it.
pub(super) fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a text has a JSON form")
}

/// Whether valid JSON text is a number.
pub(super) fn is_number(raw: &str) -> bool {
    raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// The items of a JSON list of texts.
pub(super) fn texts(raw: &str) -> Option<Vec<Cow<'_, str>>> {
    let list: Vec<String> = serde_json::from_str(raw).ok()?;
    Some(list.into_iter().map(Cow::Owned).collect())
}

/// Whether valid JSON text is nested no deeper than [`DEPTH_MAX`].
pub(super) fn is_shallow(raw: &str) -> bool {
    let mut depth = 0usize;
    let mut inside = false;
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => inside = !inside,
            b'\\' if inside => {
                bytes.next();
            }
            b'[' | b'{' if !inside => depth += 1,
            b']' | b'}' if !inside => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return false;
        }
    }
    true
}
