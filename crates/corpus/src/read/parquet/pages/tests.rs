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
    let header = Header { opened: 1000, packed: 500, values: 20 };
    assert_eq!(header_of(&bytes), Some((header, bytes.len() - 1)));
    assert_eq!(header_of(&bytes[..bytes.len() - 2]), None);
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

proptest! {
    #[test]
    fn no_header_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = header_of(&bytes);
    }
}
