//! CBOR against the golden files, and against `ciborium`, which others wrote.

use crate::golden::{lines, unhex};
use ciborium::value::Value as Peer;
use proptest::prelude::*;
use terroir_base::cbor::{Limits, Value, decode, encode};
use terroir_base::hex;

const LIMITS: Limits = Limits { bytes_max: 1024, depth_max: 4, items_max: 64 };

/// RFC 8949, section 8.
fn diagnostic(value: &Value) -> String {
    match value {
        Value::Uint(number) => number.to_string(),
        Value::Nint(number) => (-1 - i128::from(*number)).to_string(),
        Value::Bytes(bytes) => format!("h'{}'", hex::encode(bytes)),
        Value::Text(text) => format!("{text:?}"),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(diagnostic).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entry = |(key, value): &_| format!("{}: {}", diagnostic(key), diagnostic(value));
            let entries: Vec<_> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Bool(truth) => truth.to_string(),
        Value::Null => "null".to_owned(),
    }
}

#[test]
fn golden_encodings_are_accepted_and_written() {
    for [bytes, want] in lines("cbor.txt") {
        let bytes = unhex(&bytes);
        let value = decode(&bytes, &LIMITS).unwrap_or_else(|error| panic!("{want}: {error}"));
        assert_eq!(diagnostic(&value), want);
        assert_eq!(encode(&value), bytes, "{want}");
    }
}

#[test]
fn golden_mistakes_are_refused_with_their_reason() {
    for [bytes, reason] in lines("cbor-refused.txt") {
        let error = decode(&unhex(&bytes), &LIMITS).expect_err(&bytes);
        assert_eq!(error.to_string(), reason, "{bytes}");
    }
}

fn peer(value: &Value) -> Peer {
    match value {
        Value::Uint(number) => Peer::Integer((*number).into()),
        Value::Nint(number) => {
            Peer::Integer((-1 - i128::from(*number)).try_into().expect("cbor has this number"))
        }
        Value::Bytes(bytes) => Peer::Bytes(bytes.clone()),
        Value::Text(text) => Peer::Text(text.clone()),
        Value::Array(items) => Peer::Array(items.iter().map(peer).collect()),
        Value::Map(entries) => {
            Peer::Map(entries.iter().map(|(key, value)| (peer(key), peer(value))).collect())
        }
        Value::Bool(truth) => Peer::Bool(*truth),
        Value::Null => Peer::Null,
    }
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<u64>().prop_map(Value::Uint),
        (0..300_u64).prop_map(Value::Nint),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        "\\PC{0,20}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    scalar.prop_recursive(3, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(0..1000_u64, inner, 0..4).prop_map(Value::record),
        ]
    })
}

proptest! {
    #[test]
    fn the_peer_writes_and_reads_the_same(value in values()) {
        let bytes = encode(&value);
        let theirs: Peer = ciborium::from_reader(&bytes[..]).unwrap();
        prop_assert_eq!(&theirs, &peer(&value));
        let mut written = Vec::new();
        ciborium::into_writer(&theirs, &mut written).unwrap();
        prop_assert_eq!(written, bytes);
    }

    /// What we accept, everybody reads: strictness only ever narrows.
    #[test]
    fn the_peer_reads_whatever_we_accept(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        if let Ok(value) = decode(&bytes, &LIMITS) {
            let theirs: Peer = ciborium::from_reader(&bytes[..]).unwrap();
            prop_assert_eq!(theirs, peer(&value));
        }
    }
}
