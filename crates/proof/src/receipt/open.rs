//! From the bytes of a file to a signed receipt: envelope, signature, payload.

use super::{CONTENT_TYPE, RECEIPT_BYTES_MAX, Receipt};
use crate::Rejected;
use terroir_base::cbor::Limits;
use terroir_base::id::ReceiptId;
use terroir_base::sign;

/// Room for an unprotected header, so that it is refused by name.
const LIMITS: Limits = Limits { bytes_max: RECEIPT_BYTES_MAX, depth_max: 4, items_max: 64 };

/// A receipt whose form and signature hold.
pub(crate) struct Opened {
    pub(crate) id: ReceiptId,
    pub(crate) receipt: Receipt,
}

pub(crate) fn open(bytes: &[u8]) -> Result<Opened, Rejected> {
    if bytes.len() > RECEIPT_BYTES_MAX {
        return Err(Rejected::TooLong { got: bytes.len(), max: RECEIPT_BYTES_MAX });
    }
    let envelope = sign::verify1(bytes, &LIMITS)?;
    if envelope.content_type != CONTENT_TYPE {
        return Err(Rejected::ContentType { got: envelope.content_type });
    }
    if !envelope.unprotected.is_empty() {
        return Err(Rejected::Unprotected { entries: envelope.unprotected.len() });
    }
    let receipt = Receipt::decode(&envelope.payload)?;
    if receipt.node != envelope.signer {
        return Err(Rejected::NodeKey { stated: receipt.node, signer: envelope.signer });
    }
    Ok(Opened { id: ReceiptId::of(bytes), receipt })
}
