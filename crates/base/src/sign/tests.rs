//! Keys and envelopes: every check of the reader has a test that needs it.

use super::{CONTENT_TYPE_BYTES_MAX, Error, PublicKey, SecretKey, sign1, verify1};
use crate::cbor::{self, Limits, Value};
use crate::hex;
use proptest::prelude::*;

const LIMITS: Limits = Limits { bytes_max: 4096, depth_max: 4, items_max: 64 };
const TYPE: &str = "application/test";

fn key() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

/// The parts of an envelope, each replaceable, signed honestly over what they then say.
struct Forge {
    header: Vec<(u64, Value)>,
    unprotected: Value,
    payload: Value,
    signature: Option<Value>,
    extra: Option<Value>,
}

impl Forge {
    fn new() -> Forge {
        let header =
            vec![(1, (-8_i64).into()), (3, TYPE.into()), (4, Value::bytes(key().public().0))];
        let unprotected = Value::Map(Vec::new());
        Forge {
            header,
            unprotected,
            payload: Value::bytes(*b"payload"),
            signature: None,
            extra: None,
        }
    }

    fn build(self) -> Vec<u8> {
        let header = Value::Bytes(cbor::encode(&Value::record(self.header)));
        let signed = Value::Array(vec![
            "Signature1".into(),
            header.clone(),
            Value::bytes([]),
            self.payload.clone(),
        ]);
        let signature = key().sign(&cbor::encode(&signed));
        let signature = self.signature.unwrap_or(Value::bytes(signature));
        let mut parts = vec![header, self.unprotected, self.payload, signature];
        parts.extend(self.extra);
        [vec![0xd2], cbor::encode(&Value::Array(parts))].concat()
    }
}

fn refused(forge: Forge, want: &str) {
    let error = verify1(&forge.build(), &LIMITS).expect_err(want);
    let chain = [Some(error.to_string()), std::error::Error::source(&error).map(|e| e.to_string())];
    let text = chain.into_iter().flatten().collect::<Vec<_>>().join(": ");
    assert_eq!(text, want);
}

#[test]
fn an_honest_envelope_opens() {
    let bytes = sign1(b"payload", &key(), TYPE);
    assert_eq!(bytes, Forge::new().build());
    let verified = verify1(&bytes, &LIMITS).unwrap();
    assert_eq!(verified.payload, b"payload");
    assert_eq!(verified.signer, key().public());
    assert_eq!(verified.content_type, TYPE);
    assert_eq!(verified.unprotected, []);
}

#[test]
fn every_changed_byte_is_refused() {
    let bytes = sign1(b"payload of some length", &key(), TYPE);
    for at in 0..bytes.len() {
        for flip in 1..=255 {
            let mut forged = bytes.clone();
            forged[at] ^= flip;
            assert!(verify1(&forged, &LIMITS).is_err(), "byte {at} flipped by {flip:#x}");
        }
        assert!(verify1(&bytes[..at], &LIMITS).is_err(), "cut at {at}");
    }
    assert!(verify1(&[&bytes[..], &[0]].concat(), &LIMITS).is_err());
}

/// An envelope whose header was changed before signing.
fn header(change: impl Fn(&mut Vec<(u64, Value)>)) -> Forge {
    let mut forge = Forge::new();
    change(&mut forge.header);
    forge
}

#[test]
fn the_header_has_one_form() {
    refused(header(|h| h[0].1 = (-7_i64).into()), "algorithm -7, expected -8 (eddsa)");
    let malformed = |rest: &str| format!("protected header is not well formed: {rest}");
    let missing =
        |key, field| malformed(&format!("protected header: field {key} ({field}) is missing"));
    for (index, want) in [missing(1, "algorithm"), missing(3, "content type"), missing(4, "key id")]
        .iter()
        .enumerate()
    {
        refused(header(|h| drop(h.remove(index))), want);
    }
    let unknown = malformed("protected header: unknown field 2");
    refused(header(|h| h.push((2, Value::Array(vec![])))), &unknown);
    let short = malformed("key id: expected 32 bytes, got 31");
    refused(header(|h| h[2].1 = Value::bytes([1; 31])), &short);
    let long = "x".repeat(CONTENT_TYPE_BYTES_MAX + 1);
    let want = malformed("content type: length at most 127, got 128");
    refused(header(|h| h[1].1 = long.as_str().into()), &want);
}

#[test]
fn the_envelope_has_one_form() {
    let malformed = |rest: &str| format!("envelope is not well formed: {rest}");
    let payload = Forge { payload: "text".into(), ..Forge::new() };
    refused(payload, &malformed("payload: expected a byte string, got a text string"));
    let detached = Forge { payload: Value::Null, ..Forge::new() };
    refused(detached, &malformed("payload: expected a byte string, got null"));
    let unprotected = Forge { unprotected: Value::Null, ..Forge::new() };
    refused(unprotected, &malformed("unprotected header: expected a map, got null"));
    let signature = Forge { signature: Some(Value::bytes([0; 63])), ..Forge::new() };
    refused(signature, &malformed("signature: expected 64 bytes, got 63"));
    refused(Forge { extra: Some(Value::Null), ..Forge::new() }, "envelope has 5 parts, expected 4");
    let untagged = &Forge::new().build()[1..];
    assert_eq!(verify1(untagged, &LIMITS), Err(Error::Tag));
    let long = sign1(&[0; 4096], &key(), TYPE);
    assert!(matches!(verify1(&long, &LIMITS), Err(Error::Envelope(cbor::Error::TooLong { .. }))));
}

#[test]
fn unsigned_entries_are_handed_over_as_such() {
    let entries = vec![(Value::Uint(396), Value::Null)];
    let forge = Forge { unprotected: Value::Map(entries.clone()), ..Forge::new() };
    assert_eq!(verify1(&forge.build(), &LIMITS).unwrap().unprotected, entries);
}

#[test]
fn nobody_signs_for_another() {
    let other = SecretKey::from_seed([8; 32]).public();
    let mut forge = Forge::new();
    forge.header[2].1 = Value::bytes(other.0);
    assert_eq!(verify1(&forge.build(), &LIMITS), Err(Error::Signature { signer: other }));
}

/// The neutral element as key and as R: plain Ed25519 checking accepts it for every message.
#[test]
fn weak_keys_are_refused() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let weak = PublicKey(neutral);
    assert_eq!(weak.verify(b"anything", &signature), Err(Error::Signature { signer: weak }));
}

/// S + L signs as well as S does in arithmetic; only one of them is the signature.
#[test]
fn a_second_form_of_a_signature_is_refused() {
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order = hex::decode::<32>(ORDER).unwrap();
    let mut signature = key().sign(b"message");
    assert_eq!(key().public().verify(b"message", &signature), Ok(()));
    let mut carry = 0_u16;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
    let signer = key().public();
    assert_eq!(signer.verify(b"message", &signature), Err(Error::Signature { signer }));
}

#[test]
fn bytes_that_are_no_point_are_no_key() {
    let key = PublicKey([2; 32]);
    assert_eq!(key.verify(b"", &[0; 64]), Err(Error::NotAKey { key }));
}

/// RFC 8032, section 7.1, test 2.
#[test]
fn signatures_are_those_of_the_rfc() {
    let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                     085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    let key = SecretKey::from_seed(hex::decode(seed).unwrap());
    assert_eq!(key.public().to_string(), public);
    assert_eq!(hex::encode(&key.sign(&[0x72])), signature);
    assert_eq!(public.parse(), Ok(key.public()));
}

#[test]
fn key_text_has_one_form() {
    let text = key().to_text();
    assert_eq!(text.as_str(), format!("terroir-ed25519-secret-v1 {}\n", "07".repeat(32)));
    assert_eq!(SecretKey::from_text(&text).unwrap().public(), key().public());
    assert!(SecretKey::from_text(text.trim_end()).is_ok());
    let line = text.trim_end();
    let refused = [
        String::new(),
        format!("{line}\n\n"),
        format!("{line}\r\n"),
        format!(" {line}"),
        format!("{line} "),
        format!("{line}0"),
        line[..line.len() - 1].to_owned(),
        line.replace("v1 ", "v1  "),
        line.replace("v1", "v2"),
        line.replace("07", "0A"),
        "07".repeat(32),
    ];
    for text in refused {
        assert!(matches!(SecretKey::from_text(&text), Err(Error::SecretText)), "{text:?}");
    }
    for text in ["", "00", &"0A".repeat(32), &"00".repeat(33)] {
        let got_bytes = text.len();
        assert_eq!(text.parse::<PublicKey>(), Err(Error::PublicText { got_bytes }));
    }
}

#[test]
fn secrets_are_not_printed() {
    let key = SecretKey::from_seed([0xab; 32]);
    let shown = format!("{key:?} {}", SecretKey::from_text("abab").unwrap_err());
    assert!(!shown.contains("abab") && !shown.contains("171"), "{shown}");
}

proptest! {
    #[test]
    fn whatever_is_signed_opens(payload: Vec<u8>, seed: [u8; 32], kind in "[ -~]{0,127}") {
        let key = SecretKey::from_seed(seed);
        let verified = verify1(&sign1(&payload, &key, &kind), &LIMITS).unwrap();
        prop_assert_eq!(verified.payload, payload);
        prop_assert_eq!(verified.signer, key.public());
        prop_assert_eq!(verified.content_type, kind);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes: Vec<u8>) {
        prop_assert!(verify1(&[&[0xd2], &bytes[..]].concat(), &LIMITS).is_err());
    }
}
