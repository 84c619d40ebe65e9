//! What stands behind the question mark of an address.
//!
//! Invariant: whatever it is, reading it fails nothing; what cannot be read counts as not given.

/// Most bytes that are read.
const BYTES_MAX: usize = 1_024;

/// Names and values.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query as forms send it.
    pub fn parse(text: &str) -> Query {
        let text = text.get(..text.len().min(BYTES_MAX)).unwrap_or_default();
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decoded(name)?, decoded(value)?))
        };
        Query(text.split('&').filter_map(pair).collect())
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// A place in the chain: a block and a place in it, as `BLOCK.PLACE`.
    pub fn place(&self, name: &str) -> Option<(u64, u32)> {
        let (block, place) = self.get(name)?.split_once('.')?;
        Some((block.parse().ok()?, place.parse().ok()?))
    }
}

/// What `%41` and `+` stand for.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                out.push(u8::try_from(16 * high + low).ok()?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn queries_are_read_as_forms_send_them() {
        let query = Query::parse("q=a+b%2Fc%C3%A9&before=12&at=3.4&empty&q=second");
        assert_eq!(query.get("q"), Some("a b/c\u{e9}"));
        assert_eq!((query.number("before"), query.place("at")), (Some(12), Some((3, 4))));
        assert_eq!((query.get("empty"), query.get("none")), (Some(""), None));
    }

    #[test]
    fn what_cannot_be_read_was_not_given() {
        for hostile in ["q=%", "q=%4", "q=%zz", "q=%ff", "=&=&&", "q=%+1"] {
            assert_eq!(Query::parse(hostile).get("q"), None, "{hostile}");
        }
        let query = Query::parse("before=-1&at=1.99999999999&at2=1");
        assert_eq!(
            (query.number("before"), query.place("at"), query.place("at2")),
            (None, None, None)
        );
        let long = format!("q={}\u{e9}", "a".repeat(1_021));
        assert_eq!(Query::parse(&long).get("q"), None);
    }
}
