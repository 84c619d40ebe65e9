//! Openings: every shape of tree verifies, and nothing but the truth does.

use super::{CHUNK_BYTES, CONTENT_BYTES_MAX, Error, Opening, RANGE_BYTES_MAX, open};
use crate::Digest;
use crate::cbor::{self, Value};
use proptest::prelude::*;
use std::ops::Range;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

fn opened(bytes: &[u8], range: Range<u64>) -> Opening {
    open(bytes, range).expect("the range lies inside")
}

/// Around one chunk, around powers of two of chunks, and trees with a ragged right edge.
const LENGTHS: [usize; 16] = [
    1, 2, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 3073, 4096, 4097, 5120, 16_384, 16_385, 70_001,
];

#[test]
fn every_boundary_of_every_shape_verifies() {
    for length in LENGTHS {
        let bytes = content(length);
        let root = Digest::of(&bytes);
        let edges = [0, 1, 1023, 1024, 1025, 2048, 4096, 16_384, length / 2, length - 1, length];
        for &start in edges.iter().filter(|edge| **edge < length) {
            for &end in edges.iter().filter(|edge| **edge > start && **edge <= length) {
                let opening = opened(&bytes, start as u64..end as u64);
                let slice = opening.verify(&root).unwrap();
                assert_eq!((slice.offset, &slice.bytes[..]), (start as u64, &bytes[start..end]));
            }
        }
    }
}

#[test]
fn constants_are_those_of_blake3() {
    assert_eq!(CHUNK_BYTES, blake3::CHUNK_LEN as u64);
}

#[test]
fn ranges_must_lie_inside_and_hold_something() {
    let bytes = content(100);
    for (start, end) in [(0, 0), (100, 100), (99, 101), (5, 4), (u64::MAX, u64::MAX)] {
        let want = Error::Range { start, end, content_bytes: 100 };
        assert_eq!(open(&bytes, start..end), Err(want));
    }
    let got = RANGE_BYTES_MAX + 1;
    assert_eq!(open(&bytes, 0..got), Err(Error::TooLong { got }));
    assert!(matches!(open(&[], 0..1), Err(Error::Range { .. })));
}

#[test]
fn the_longest_range_fits_its_encoding() {
    let bytes = content(RANGE_BYTES_MAX as usize + 3000);
    let opening = opened(&bytes, 1000..1000 + RANGE_BYTES_MAX);
    let decoded = Opening::decode(&opening.encode()).unwrap();
    assert_eq!(decoded.verify(&Digest::of(&bytes)).unwrap().bytes.len() as u64, RANGE_BYTES_MAX);
}

#[test]
fn every_node_byte_counts() {
    let bytes = content(5000);
    let root = Digest::of(&bytes);
    let opening = opened(&bytes, 1000..3000);
    for at in 0..opening.nodes.len() {
        let mut forged = opening.clone();
        forged.nodes[at] ^= 1;
        assert!(matches!(forged.verify(&root), Err(Error::Mismatch { .. })), "byte {at}");
    }
}

#[test]
fn nodes_may_be_neither_short_nor_long() {
    let bytes = content(5000);
    let root = Digest::of(&bytes);
    let mut opening = opened(&bytes, 1000..3000);
    for end in 0..opening.nodes.len() {
        let short = Opening { nodes: opening.nodes[..end].to_vec(), ..opening.clone() };
        assert!(matches!(short.verify(&root), Err(Error::Truncated { .. })), "{end} bytes");
    }
    opening.nodes.push(0);
    assert_eq!(opening.verify(&root), Err(Error::Trailing { extra: 1 }));
}

#[test]
fn another_place_or_content_is_not_proved() {
    let bytes = content(4096);
    let root = Digest::of(&bytes);
    let honest = opened(&bytes, 0..1024);
    for offset in [1024, 2048, 3072] {
        let moved = Opening { offset, ..honest.clone() };
        assert!(matches!(moved.verify(&root), Err(Error::Mismatch { .. })), "moved to {offset}");
    }
    let other = Digest::of(&content(4097));
    assert_eq!(honest.verify(&other), Err(Error::Mismatch { start: 0, end: 4096 }));
}

/// In a tree of 5 chunks the last hangs where the last of 3 would: its number tells them apart.
#[test]
fn a_chunk_keeps_its_number() {
    let bytes = content(5120);
    let last = opened(&bytes, 4096..5120);
    let forged = Opening { content_bytes: 3072, offset: 2048, ..last };
    let want = Error::Mismatch { start: 2048, end: 3072 };
    assert_eq!(forged.verify(&Digest::of(&bytes)), Err(want));
}

/// The root is hashed apart, so that neither an inner chunk nor an inner parent can stand for it.
#[test]
fn a_part_is_not_the_whole() {
    let bytes = content(4096);
    let opening = opened(&bytes, 0..1024);
    let (left, right) = (&opening.nodes[..32], &opening.nodes[32..64]);
    let merged = blake3::hazmat::merge_subtrees_non_root(
        left.try_into().unwrap(),
        right.try_into().unwrap(),
        blake3::hazmat::Mode::Hash,
    );
    assert!(opening.verify(&Digest(merged)).is_err());
    let inner =
        Opening { content_bytes: 2048, nodes: opening.nodes[64..].to_vec(), ..opening.clone() };
    assert!(inner.verify(&Digest(left.try_into().unwrap())).is_err());
    let leaf =
        Opening { content_bytes: 1024, nodes: opening.nodes[128..].to_vec(), ..opening.clone() };
    assert!(leaf.verify(&Digest(opening.nodes[64..96].try_into().unwrap())).is_err());
}

#[test]
fn absurd_lengths_are_refused_without_harm() {
    let bytes = content(5000);
    let honest = opened(&bytes, 0..10);
    let lying = |content_bytes, offset, length| {
        Opening { content_bytes, offset, length, ..honest.clone() }.verify(&Digest::of(&bytes))
    };
    let got = CONTENT_BYTES_MAX + 1;
    assert_eq!(lying(got, 0, 10), Err(Error::Content { got }));
    assert_eq!(lying(u64::MAX, 0, 10), Err(Error::Content { got: u64::MAX }));
    assert!(matches!(lying(CONTENT_BYTES_MAX, 0, 10), Err(Error::Mismatch { .. })));
    assert!(matches!(
        lying(CONTENT_BYTES_MAX, CONTENT_BYTES_MAX - 1, 1),
        Err(Error::Mismatch { .. })
    ));
    assert!(matches!(lying(5000, u64::MAX, 10), Err(Error::Range { .. })));
    assert!(matches!(lying(5000, u64::MAX - 3, u64::MAX), Err(Error::Range { .. })));
    assert!(matches!(lying(5000, 0, 0), Err(Error::Range { .. })));
    assert!(matches!(lying(5000, 0, u64::MAX), Err(Error::TooLong { .. })));
}

#[test]
fn every_byte_of_the_encoding_counts() {
    let bytes = content(3000);
    let root = Digest::of(&bytes);
    let opening = opened(&bytes, 1500..1600);
    let encoded = opening.encode();
    let truth = opening.verify(&root).unwrap();
    assert_eq!(Opening::decode(&encoded), Ok(opening));
    for at in 0..encoded.len() {
        for flip in [1, 0x10, 0x80, 0xff] {
            let mut forged = encoded.clone();
            forged[at] ^= flip;
            let proved = Opening::decode(&forged).and_then(|opening| opening.verify(&root));
            // A changed range of the same chunk, or hint of the same shape, still proves the truth.
            if let Ok(slice) = proved {
                let start = slice.offset as usize;
                let place = start..start + slice.bytes.len();
                assert_eq!(slice.bytes, bytes[place], "byte {at}");
                assert!((2..14).contains(&at) || slice == truth, "byte {at}");
            }
        }
    }
}

#[test]
fn other_versions_and_forms_are_refused() {
    let with = |version: u64, offset: u64, more: &[u64]| {
        let fields = [
            (1, version.into()),
            (2, 10_u64.into()),
            (3, offset.into()),
            (4, 1_u64.into()),
            (5, Value::bytes([0; 10])),
        ];
        let more = more.iter().map(|key| (*key, Value::Null));
        Opening::decode(&cbor::encode(&Value::record(fields.into_iter().chain(more))))
    };
    assert!(with(1, 9, &[]).is_ok());
    assert_eq!(with(2, 9, &[]), Err(Error::Version { got: 2 }));
    let outside = Error::Range { start: 10, end: 11, content_bytes: 10 };
    assert_eq!(with(1, 10, &[]), Err(outside));
    let unknown = cbor::Error::Unknown { record: "opening", key: 6 };
    assert_eq!(with(1, 9, &[6]), Err(Error::Malformed(unknown)));
    assert!(matches!(Opening::decode(&[]), Err(Error::Malformed(_))));
}

proptest! {
    #[test]
    fn any_range_opens_and_reads_back(length in 1..40_000_usize, a: usize, b: usize) {
        let bytes = content(length);
        let (start, end) = (a % length, b % length);
        let (start, end) = (start.min(end), start.max(end) + 1);
        let opening = opened(&bytes, start as u64..end as u64);
        let decoded = Opening::decode(&opening.encode()).unwrap();
        prop_assert_eq!(&decoded, &opening);
        let slice = decoded.verify(&Digest::of(&bytes)).unwrap();
        prop_assert_eq!(&slice.bytes[..], &bytes[start..end]);
    }

    #[test]
    fn random_openings_do_no_harm(
        content_bytes: u64, offset: u64, length: u64,
        nodes in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        let forged = Opening { content_bytes, offset, length, nodes };
        prop_assert!(forged.verify(&Digest::of(b"")).is_err());
    }
}
