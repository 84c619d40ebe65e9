//! Openings against the golden file, and against `bao`, whose slices have the same nodes.

use crate::golden::{check, lines, unhex};
use std::io::{Cursor, Read};
use terroir_base::cbor::{self, Limits};
use terroir_base::opening::{Opening, open};
use terroir_base::{Digest, hex};

/// The input of BLAKE3's published test vectors.
fn content(length: u64) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

/// Length of the content, first byte, one past the last byte.
const CASES: [(u64, u64, u64); 12] = [
    (1, 0, 1),
    (1023, 3, 5),
    (1024, 0, 1024),
    (1025, 1024, 1025),
    (2048, 1023, 1025),
    (2049, 2048, 2049),
    (3072, 0, 1),
    (4097, 1024, 2048),
    (8193, 4095, 4097),
    (31_744, 17_000, 17_001),
    (102_400, 0, 1),
    (102_400, 102_399, 102_400),
];

#[test]
fn openings_are_frozen() {
    let line = |(length, start, end): (u64, u64, u64)| {
        let bytes = content(length);
        let opening = open(&bytes, start..end).expect("the case lies inside");
        format!("{length} {start} {end} {} {}", Digest::of(&bytes), hex::encode(&opening.encode()))
    };
    let comment = "content bytes (byte i is i mod 251), start, end, root, opening";
    check("opening.txt", comment, &CASES.map(line));
}

#[test]
fn golden_openings_prove_their_range() {
    for [_, start, end, root, opening] in lines("opening.txt") {
        let opening = Opening::decode(&unhex(&opening)).unwrap();
        let slice = opening.verify(&root.parse().unwrap()).unwrap();
        let (start, end): (u64, u64) = (start.parse().unwrap(), end.parse().unwrap());
        assert_eq!(slice.offset, start);
        assert_eq!(slice.bytes, &content(end)[start as usize..]);
    }
}

/// Digests that the authors of BLAKE3 published for these lengths.
#[test]
fn golden_roots_are_those_of_blake3() {
    let published = [
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
        (102_400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"),
    ];
    for (length, root) in published {
        assert_eq!(Digest::of(&content(length)).to_string(), root);
    }
}

#[test]
fn the_nodes_are_a_bao_slice() {
    let limits = Limits { bytes_max: 1 << 20, depth_max: 1, items_max: 16 };
    for (length, start, end) in CASES {
        let bytes = content(length);
        let (encoded, root) = bao::encode::encode(&bytes);
        assert_eq!(root.as_bytes(), Digest::of(&bytes).as_bytes());
        let mut theirs = Vec::new();
        bao::encode::SliceExtractor::new(Cursor::new(encoded), start, end - start)
            .read_to_end(&mut theirs)
            .unwrap();
        let ours = open(&bytes, start..end).unwrap().encode();
        let mut fields = cbor::decode(&ours, &limits).unwrap().into_map("opening").unwrap();
        let nodes = fields.take_bytes(5, "nodes", 1 << 20).unwrap();
        assert_eq!([&length.to_le_bytes()[..], &nodes].concat(), theirs, "{length} {start}..{end}");
    }
}
