//! The node's signing key on disk. Invariant: nobody but the owner of the file can read it.

use crate::disk::{PRIVATE, read_small, refuse_exposed, replace};
use crate::error::Error;
use std::path::Path;
use terroir_base::sign::SecretKey;
use zeroize::Zeroizing;

/// Longer than any key file.
const KEY_BYTES_MAX: usize = 256;

/// The key in the file at `path`; none where there is no file. Errors: `Exposed`, `Secrets`.
pub(crate) fn load(path: &Path) -> Result<Option<SecretKey>, Error> {
    let Some(bytes) = read_small(path, KEY_BYTES_MAX)? else { return Ok(None) };
    let bytes = Zeroizing::new(bytes);
    refuse_exposed(path)?;
    let no_text = || Error::Secrets { path: path.to_owned(), problem: "it is not text".into() };
    let text = std::str::from_utf8(&bytes).map_err(|_| no_text())?;
    SecretKey::from_text(text).map(Some).map_err(Error::secrets(path))
}

/// Makes a key and keeps it in a new file. The caller holds the lock of the home.
pub(crate) fn make(path: &Path) -> Result<SecretKey, Error> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(Error::Entropy)?;
    let key = SecretKey::from_seed(*seed);
    replace(path, key.to_text().as_bytes(), PRIVATE)?;
    Ok(key)
}
