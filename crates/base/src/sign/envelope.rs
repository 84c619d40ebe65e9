//! COSE_Sign1 (RFC 9052, section 4.2), in one fixed form.
//!
//! Tag 18, protected header `{1: -8, 3: content type, 4: public key}`, payload inside, Ed25519.

use super::{Error, PublicKey, SecretKey};
use crate::cbor::{self, Limits, Value};

/// The longest content type.
pub const CONTENT_TYPE_BYTES_MAX: usize = 127;

/// First byte of a tagged COSE_Sign1: CBOR tag 18.
const TAG: u8 = 0xd2;
/// EdDSA in the registry of COSE algorithms.
const EDDSA: i64 = -8;
/// Keys of the protected header.
const ALGORITHM: u64 = 1;
const CONTENT_TYPE: u64 = 3;
const KEY_ID: u64 = 4;
/// Room for what a stranger may have added, so that the error can name it.
const HEADER_LIMITS: Limits = Limits { bytes_max: 256, depth_max: 2, items_max: 32 };

/// An envelope whose signature fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The signed bytes.
    pub payload: Vec<u8>,
    /// Who signed them. Nothing is said about who that is.
    pub signer: PublicKey,
    /// What kind of bytes they are; signed too.
    pub content_type: String,
    /// The unprotected header. Not signed: anybody can have written it.
    pub unprotected: Vec<(Value, Value)>,
}

/// Signs `payload` as `content_type` and wraps both; the unprotected header stays empty.
///
/// Panics: when `content_type` is longer than [`CONTENT_TYPE_BYTES_MAX`], a mistake of the caller.
pub fn sign1(payload: &[u8], key: &SecretKey, content_type: &str) -> Vec<u8> {
    assert!(content_type.len() <= CONTENT_TYPE_BYTES_MAX, "a content type is short");
    let header = cbor::encode(&Value::record([
        (ALGORITHM, EDDSA.into()),
        (CONTENT_TYPE, content_type.into()),
        (KEY_ID, Value::bytes(key.public().0)),
    ]));
    let signature = key.sign(&to_be_signed(&header, payload));
    let parts = Value::Array(vec![
        Value::Bytes(header),
        Value::Map(Vec::new()),
        Value::bytes(payload),
        Value::bytes(signature),
    ]);
    [&[TAG], cbor::encode(&parts).as_slice()].concat()
}

/// Opens an envelope and checks its form and its signature. `limits` hold for the whole envelope.
///
/// The caller decides which signers, content types and unprotected entries mean anything.
pub fn verify1(bytes: &[u8], limits: &Limits) -> Result<Verified, Error> {
    if bytes.len() > limits.bytes_max {
        let max = limits.bytes_max;
        return Err(Error::Envelope(cbor::Error::TooLong { got: bytes.len(), max }));
    }
    let untagged = bytes.strip_prefix(&[TAG]).ok_or(Error::Tag)?;
    let value = cbor::decode(untagged, limits).map_err(Error::Envelope)?;
    let parts = value.into_array("envelope", usize::MAX).map_err(Error::Envelope)?;
    let [header, unprotected, payload, signature]: [Value; 4] =
        parts.try_into().map_err(|parts: Vec<Value>| Error::Parts { got: parts.len() })?;
    let header = header.into_bytes("protected header", usize::MAX).map_err(Error::Envelope)?;
    let unprotected = unprotected.into_entries("unprotected header").map_err(Error::Envelope)?;
    let payload = payload.into_bytes("payload", usize::MAX).map_err(Error::Envelope)?;
    let signature = signature.into_bytes_n("signature").map_err(Error::Envelope)?;
    let (signer, content_type) = read_header(&header)?;
    signer.verify(&to_be_signed(&header, &payload), &signature)?;
    Ok(Verified { payload, signer, content_type, unprotected })
}

fn read_header(header: &[u8]) -> Result<(PublicKey, String), Error> {
    let value = cbor::decode(header, &HEADER_LIMITS).map_err(Error::Header)?;
    let mut fields = value.into_map("protected header").map_err(Error::Header)?;
    let algorithm = fields.take_int(ALGORITHM, "algorithm").map_err(Error::Header)?;
    if algorithm != EDDSA {
        return Err(Error::Algorithm { got: algorithm });
    }
    let content_type = fields
        .take_text(CONTENT_TYPE, "content type", CONTENT_TYPE_BYTES_MAX)
        .map_err(Error::Header)?;
    let signer = PublicKey(fields.take_bytes_n(KEY_ID, "key id").map_err(Error::Header)?);
    fields.finish().map_err(Error::Header)?;
    Ok((signer, content_type))
}

/// The bytes under the signature: `Sig_structure` of RFC 9052, section 4.4, without external data.
fn to_be_signed(header: &[u8], payload: &[u8]) -> Vec<u8> {
    cbor::encode(&Value::Array(vec![
        "Signature1".into(),
        Value::bytes(header),
        Value::Bytes(Vec::new()),
        Value::bytes(payload),
    ]))
}
