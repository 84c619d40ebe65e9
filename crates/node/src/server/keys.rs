//! API keys: who may ask.
//!
//! Invariant: how long a check takes does not depend on how much of a key was guessed, and the
//! keys themselves are not kept, only their digests.

use std::hint::black_box;
use terroir_base::Digest;
use terroir_model::Space;

/// Shorter keys can be guessed.
const KEY_BYTES_MIN: usize = 16;
/// Longer ones are a mistake.
const KEY_BYTES_MAX: usize = 512;
/// Scheme of the `authorization` header, in lower case.
const SCHEME: &[u8] = b"bearer ";

/// The keys of a server.
pub(super) struct Keys(Vec<Digest>);

impl Keys {
    /// One key a line; empty lines and lines that begin with `#` do not count.
    ///
    /// Errors: in words, without the key.
    pub(super) fn parse(file: &[u8]) -> Result<Keys, String> {
        let text = std::str::from_utf8(file).map_err(|_| "it is not text".to_owned())?;
        let mut digests = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let key = line.trim();
            if key.is_empty() || key.starts_with('#') {
                continue;
            }
            let length = (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len());
            if !length || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!(
                    "line {} is not {KEY_BYTES_MIN} to {KEY_BYTES_MAX} printable characters",
                    index + 1
                ));
            }
            digests.push(digest(key.as_bytes()));
        }
        if digests.is_empty() { Err("it has no keys".to_owned()) } else { Ok(Keys(digests)) }
    }

    /// The space of the key that an `authorization` header carries, if it is one of these.
    pub(super) fn admit(&self, authorization: &[u8]) -> Option<Space> {
        let (scheme, key) = authorization.split_at_checked(SCHEME.len())?;
        let got = digest(key.trim_ascii());
        let numbered = (1..).zip(&self.0);
        let found = numbered.fold(None, |found, (number, key)| {
            let here = same(&got, key).then_some(Space(number));
            found.or(here)
        });
        found.filter(|_| scheme.eq_ignore_ascii_case(SCHEME))
    }
}

fn digest(key: &[u8]) -> Digest {
    Digest::derive("terroir 2026-11 api key", &[key])
}

/// Compares all bytes, wherever the first difference is.
fn same(one: &Digest, other: &Digest) -> bool {
    let differences = one.0.iter().zip(&other.0).fold(0, |all, (a, b)| all | (a ^ b));
    black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::{Keys, Space};

    const FILE: &[u8] = b"# team\n\nsk-0123456789abcdef\n  sk-fedcba9876543210  \n";

    fn check(header: &str, want: Option<u32>) {
        let got = Keys::parse(FILE).unwrap().admit(header.as_bytes());
        assert_eq!(got, want.map(Space), "{header:?}");
    }

    #[test]
    fn a_key_of_the_file_is_let_into_its_own_space() {
        check("Bearer sk-0123456789abcdef", Some(1));
        check("bearer  sk-fedcba9876543210", Some(2));
    }

    #[test]
    fn nothing_else_is() {
        for header in ["", "Bearer", "Bearer ", "Bearer sk-0123456789abcde", "# team"] {
            check(header, None);
        }
        check("Basic! sk-0123456789abcdef", None);
        check("sk-0123456789abcdef", None);
        check("Bearer sk-0123456789abcdef sk-fedcba9876543210", None);
    }

    #[test]
    fn files_that_protect_nothing_are_refused() {
        for file in [&b""[..], b"# none\n", b"short\n", b"with space inside it\n", b"\xff\xfe"] {
            assert!(Keys::parse(file).is_err(), "{file:?}");
        }
    }
}
