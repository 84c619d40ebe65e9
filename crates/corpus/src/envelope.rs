//! Opening what was signed, of one type of content.

use terroir_base::cbor::Limits;
use terroir_base::sign::{PublicKey, verify1};

/// The payload of the signed `bytes`, and who signed it. Whether that is the right one is not asked.
///
/// Errors: in words.
pub(crate) fn open(
    bytes: &[u8],
    limits: &Limits,
    content_type: &str,
) -> Result<(Vec<u8>, PublicKey), String> {
    let verified = verify1(bytes, limits).map_err(|error| error.to_string())?;
    if verified.content_type != content_type || !verified.unprotected.is_empty() {
        return Err(format!("is a {}, not {content_type}", verified.content_type));
    }
    Ok((verified.payload, verified.signer))
}
