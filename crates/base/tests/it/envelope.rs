//! Envelopes against the golden file, and against `coset`, which others wrote.

use crate::golden::{check, lines, unhex};
use coset::iana::{Algorithm, EnumI64};
use coset::{CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable};
use proptest::prelude::*;
use terroir_base::cbor::Limits;
use terroir_base::hex;
use terroir_base::sign::{PublicKey, SecretKey, sign1, verify1};

const LIMITS: Limits = Limits { bytes_max: 4096, depth_max: 4, items_max: 64 };

#[test]
fn envelopes_are_frozen() {
    let cases: [(u8, &str, &[u8]); 4] = [
        (0, "", b""),
        (7, "application/vnd.terroir.receipt+cbor", b"\xa1\x01\x01"),
        (7, "text/plain", &[b'x'; 300]),
        (255, "application/octet-stream", &[0; 23]),
    ];
    let line = |(seed, kind, payload): (u8, &str, &[u8])| {
        let envelope = sign1(payload, &SecretKey::from_seed([seed; 32]), kind);
        let dash = |text: String| {
            if text.is_empty() { "-".to_owned() } else { text }
        };
        let (payload, envelope) = (dash(hex::encode(payload)), hex::encode(&envelope));
        format!("{} {payload} {envelope} {kind}", hex::encode(&[seed; 32]))
    };
    check("envelope.txt", "seed, payload, envelope, content type", &cases.map(line));
}

#[test]
fn golden_envelopes_open() {
    for [seed, payload, envelope, kind] in lines("envelope.txt") {
        let verified = verify1(&unhex(&envelope), &LIMITS).unwrap();
        let key = SecretKey::from_seed(unhex(&seed).try_into().unwrap());
        assert_eq!(verified.signer, key.public());
        assert_eq!(verified.payload, unhex(&payload));
        assert_eq!(verified.content_type, kind);
        assert_eq!(verified.unprotected, []);
    }
}

fn theirs(payload: &[u8], key: &SecretKey, kind: &str) -> Vec<u8> {
    let protected = HeaderBuilder::new()
        .algorithm(Algorithm::EdDSA)
        .content_type(kind.to_owned())
        .key_id(key.public().0.to_vec())
        .build();
    let builder = CoseSign1Builder::new().protected(protected).payload(payload.to_vec());
    let envelope = builder.create_signature(&[], |message| key.sign(message).to_vec()).build();
    envelope.to_tagged_vec().unwrap()
}

proptest! {
    #[test]
    fn the_peer_writes_the_same(payload: Vec<u8>, seed: [u8; 32], kind in "[a-z]{1,9}/[a-z]{1,99}") {
        let key = SecretKey::from_seed(seed);
        prop_assert_eq!(theirs(&payload, &key, &kind), sign1(&payload, &key, &kind));
    }

    #[test]
    fn the_peer_reads_the_same(payload: Vec<u8>, seed: [u8; 32]) {
        let key = SecretKey::from_seed(seed);
        let envelope = sign1(&payload, &key, "application/test");
        let read = CoseSign1::from_tagged_slice(&envelope).unwrap();
        prop_assert_eq!(read.payload.as_deref(), Some(&payload[..]));
        let header = &read.protected.header;
        let algorithm = coset::Algorithm::Assigned(Algorithm::EdDSA);
        prop_assert_eq!(header.alg.as_ref(), Some(&algorithm));
        prop_assert_eq!(Algorithm::EdDSA.to_i64(), -8);
        let signer = PublicKey(header.key_id.clone().try_into().unwrap());
        read.verify_signature(&[], |signature, message| {
            signer.verify(message, signature.try_into().unwrap())
        }).unwrap();
    }
}
