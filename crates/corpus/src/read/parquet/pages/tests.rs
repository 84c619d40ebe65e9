use super::*;
use proptest::prelude::*;

fn header_of(bytes: &[u8]) -> Option<(Header, usize)> {
    let mut thrift = Thrift { bytes, at: 0 };
    thrift.header().map(|header| (header, thrift.at))
}

#[test]
fn a_header_is_read_by_its_field_numbers() {
    // type 0, 1000 bytes open, 500 packed, crc, data page {20 values, encodings, statistics}.
    let bytes = [
        0x15, 0x00, 0x15, 0xd0, 0x0f, 0x15, 0xe8, 0x07, 0x15, 0x02, // 1, 2, 3, 4
        0x1c, // 5: struct
        0x15, 0x28, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, // values, encodings
        0x1c, 0x18, 0x02, b'a', b'b', 0x11, 0x00, 0x00, // statistics {binary, true}
        0x00, 0xaa,
    ];
    let header = Header { kind: Kind::Data, opened: 1000, packed: 500, values: 20 };
    assert_eq!(header_of(&bytes), Some((header, bytes.len() - 1)));
    assert_eq!(header_of(&bytes[..bytes.len() - 2]), None);
}

#[test]
fn a_header_says_what_its_page_holds() {
    // The same sizes, then one header: its place, its fields.
    let of = |kind: u8, field: u8, fields: &[u8]| {
        let start = [0x15, kind, 0x15, 0x02, 0x15, 0x02, (field - 3) << 4 | 0x0c];
        header_of(&[&start[..], fields, &[0, 0]].concat()).map(|(header, _)| header)
    };
    let header = |kind, values| Some(Header { kind, opened: 1, packed: 1, values });
    let data2 = [0x15, 0x0a, 0x15, 0x00, 0x15, 0x06, 0x15, 0x00, 0x15, 0x00, 0x15, 0x00, 0x11];
    assert_eq!(of(0, 5, &[0x15, 0x0a]), header(Kind::Data, 5));
    assert_eq!(of(4, 7, &[0x15, 0x0a, 0x15, 0x00, 0x11]), header(Kind::Dictionary, 5));
    assert_eq!(of(6, 8, &data2), header(Kind::Data2(3), 5));
    assert_eq!(of(2, 6, &[]), header(Kind::Other, 0));
    // The header of another kind, or without values.
    assert_eq!(of(0, 7, &[0x15, 0x0a]), None);
    assert_eq!(of(6, 5, &data2), None);
    assert_eq!(of(0, 5, &[]), None);
}

#[test]
fn what_the_decoder_would_read_in_another_way_is_no_header() {
    let start: &[u8] = &[0x15, 0x00, 0x15, 0x02, 0x15, 0x02];
    let whole = [start, &[0x2c, 0x15, 0x0a, 0x00, 0x00]].concat();
    assert!(header_of(&whole).is_some());
    let others: [&[u8]; 7] = [
        // A byte for a length, a checksum and a number of values.
        &[0x15, 0x00, 0x13, 0x02, 0x15, 0x02, 0x2c, 0x15, 0x0a, 0x00, 0x00],
        &[0x15, 0x00, 0x15, 0x02, 0x15, 0x02, 0x13, 0x02, 0x1c, 0x15, 0x0a, 0x00, 0x00],
        &[0x15, 0x00, 0x15, 0x02, 0x15, 0x02, 0x2c, 0x13, 0x0a, 0x00, 0x00],
        // An encoding that is a text, and a number where a header should be.
        &[0x15, 0x00, 0x15, 0x02, 0x15, 0x02, 0x2c, 0x15, 0x0a, 0x18, 0x00, 0x00, 0x00],
        &[0x15, 0x00, 0x15, 0x02, 0x15, 0x02, 0x2c, 0x15, 0x0a, 0x00, 0x35, 0x02, 0x00],
        // Of more than 32 bits, and a field that is 1 once it is cut off: 65,537.
        &[0x15, 0x00, 0x15, 0x82, 0x80, 0x80, 0x80, 0x20, 0x15, 0x02, 0x2c, 0x15, 0x0a, 0x00, 0],
        &[0x15, 0x00, 0x15, 0x02, 0x15, 0x02, 0x2c, 0x15, 0x0a, 0x00, 0x05, 0x82, 0x80, 0x08, 2, 0],
    ];
    for bytes in others {
        assert_eq!(header_of(bytes), None, "{bytes:?}");
    }
}

#[test]
fn headers_without_end_are_refused() {
    for bytes in [
        &[0x1c; 100][..],
        &[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
        &[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..],
        &[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..],
        &[0x1f, 0x00][..],
        &[][..],
    ] {
        assert_eq!(header_of(bytes), None, "{bytes:?}");
    }
}

#[test]
fn parts_are_disjoint_where_none_begins_before_another_ends() {
    let cases: [(&[(u64, u64)], bool); 7] = [
        (&[], true),
        (&[(8, 4), (4, 4), (12, 1)], true),
        (&[(8, 4), (4, 5)], false),
        (&[(4, 9), (5, 1)], false),
        (&[(4, 2), (4, 2)], false),
        (&[(4, 2), (4, 0), (5, 0)], true),
        (&[(u64::MAX, 2), (4, u64::MAX)], false),
    ];
    for (parts, good) in cases {
        assert_eq!(disjoint(parts.to_vec()), good, "{parts:?}");
    }
}

proptest! {
    #[test]
    fn no_header_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = header_of(&bytes);
    }
}
