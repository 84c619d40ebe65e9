//! What the records of this crate have in common: field 0 is the version of the encoding.
//!
//! Invariant: a record of another version is refused before any other field is read.

use terroir_base::cbor::{Error, MapReader};

/// The version that this crate writes and reads.
pub(crate) const VERSION: u64 = 1;

/// Takes field 0.
pub(crate) fn take_version(map: &mut MapReader) -> Result<(), Error> {
    match map.take_uint(0, "version")? {
        VERSION => Ok(()),
        got => Err(Error::OutOfRange { field: "version", max: VERSION, got }),
    }
}
