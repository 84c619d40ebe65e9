//! The manifest's bytes.

use super::*;
use crate::golden;
use crate::hostile;
use crate::version::VersionId;
use proptest::prelude::*;
use terroir_base::sign::sign1;

fn manifest() -> Manifest {
    let part = |seed: u8| Part {
        contributor: format!("c{seed}"),
        records: tree(vec![RecordId(Digest([seed; 32])), RecordId(Digest([9; 32]))]),
        plain: Digest([seed + 1; 32]),
        plain_bytes: 1000 * u64::from(seed),
        sealed: Digest([seed + 2; 32]),
        sealed_bytes: 2000 * u64::from(seed),
    };
    Manifest { version: VersionId(Digest([5; 32])), parts: vec![part(1), part(2)] }
}

#[test]
fn the_manifest_is_frozen() {
    let bytes = manifest().encode();
    assert_eq!(Manifest::decode(&bytes).unwrap(), manifest());
    let key = SecretKey::from_seed([3; 32]);
    let signed = manifest().sign(&key);
    assert_eq!(Manifest::open(&signed), Ok((manifest(), key.public())));
    let lines = [golden::hex(&bytes), golden::hex(&signed)];
    golden::check("sealed.txt", "a manifest of two parts; the same, signed", &lines);
}

#[test]
fn a_changed_manifest_is_refused_or_another_one() {
    let bytes = manifest().encode();
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert_ne!(Manifest::decode(&bytes).ok(), Some(manifest()), "byte {at}");
    }
    let signed = manifest().sign(&SecretKey::from_seed([3; 32]));
    for at in 0..signed.len() {
        let mut signed = signed.clone();
        signed[at] ^= 1;
        assert!(Manifest::open(&signed).is_err(), "byte {at}");
    }
    let other = sign1(&bytes, &SecretKey::from_seed([3; 32]), "text/plain");
    assert_eq!(Manifest::open(&other), Err(format!("is a text/plain, not {CONTENT_TYPE}")));
}

#[test]
fn the_tree_of_a_part_does_not_depend_on_order() {
    let records = [1, 2, 3].map(|seed| RecordId(Digest([seed; 32])));
    let mut turned = records.to_vec();
    turned.reverse();
    assert_eq!(tree(records.to_vec()), tree(turned));
    assert_ne!(tree(records.to_vec()), tree(records[..2].to_vec()));
}

proptest! {
    #[test]
    fn hostile_bytes_are_refused_or_read_as_they_are(bytes in hostile::bytes(manifest().encode())) {
        let key = SecretKey::from_seed([3; 32]);
        if let Ok((read, _)) = Manifest::open(&sign1(&bytes, &key, CONTENT_TYPE)) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn hostile_envelopes_are_refused(bytes in hostile::bytes(manifest().sign(&SecretKey::from_seed([3; 32])))) {
        if let Ok((read, _)) = Manifest::open(&bytes) {
            prop_assert_eq!(read, manifest());
        }
    }
}
