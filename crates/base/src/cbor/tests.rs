//! CBOR: what the decoder takes, what it refuses and why, and what reading fields says.

use super::{DEPTH_MAX, Error, Limits, MapReader, Value, decode, encode};
use crate::Digest;
use proptest::prelude::*;

const WIDE: Limits = Limits { bytes_max: 1 << 16, depth_max: 16, items_max: 1 << 12 };

fn refused(bytes: &[u8], want: Error) {
    assert_eq!(decode(bytes, &WIDE), Err(want), "{bytes:02x?}");
}

#[test]
fn longer_numbers_than_needed_are_refused() {
    let forms: [&[u8]; 8] = [
        &[0x18, 23],
        &[0x19, 0, 255],
        &[0x1a, 0, 0, 255, 255],
        &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255],
        &[0x38, 0],
        &[0x58, 1, 0],
        &[0x78, 1, b'a'],
        &[0x98, 0],
    ];
    for bytes in forms {
        refused(bytes, Error::NotShortest { at: 0 });
    }
    refused(&[0x82, 0x00, 0x18, 0x00], Error::NotShortest { at: 2 });
}

#[test]
fn unused_kinds_are_refused() {
    // Tags, half, single and double floats, undefined, other simple values, indefinite lengths, break.
    for initial in
        [0xc0, 0xd8, 0xf9, 0xfa, 0xfb, 0xf7, 0xe0, 0xf3, 0xf8, 0x5f, 0x7f, 0x9f, 0xbf, 0xff]
    {
        let bytes = [initial, 0, 0, 0, 0, 0, 0, 0, 0, 0xff];
        refused(&bytes, Error::Unsupported { at: 0, initial });
    }
    // The three reserved argument forms, under each of the six types in use.
    for initial in (0..6_u8).flat_map(|major| (28..31).map(move |low| major << 5 | low)) {
        refused(&[initial, 0, 0, 0], Error::Unsupported { at: 0, initial });
    }
}

#[test]
fn unsorted_and_repeated_keys_are_refused() {
    refused(&[0xa2, 0x02, 0x00, 0x01, 0x00], Error::Unsorted { at: 3 });
    refused(&[0xa2, 0x01, 0x00, 0x01, 0x00], Error::Unsorted { at: 3 });
    // Order is that of the encoded bytes: 10 before -1 before "a".
    assert!(decode(&[0xa3, 0x0a, 0, 0x20, 0, 0x61, b'a', 0], &WIDE).is_ok());
    refused(&[0xa2, 0x20, 0, 0x0a, 0], Error::Unsorted { at: 3 });
}

#[test]
fn bytes_after_the_value_are_refused() {
    refused(&[0xf6, 0xf6], Error::Trailing { at: 1, extra: 1 });
    refused(&[], Error::Truncated { at: 0 });
}

#[test]
fn text_must_be_utf8() {
    refused(&[0x61, 0xff], Error::NotUtf8 { at: 0 });
    refused(&[0x63, 0xed, 0xa0, 0x80], Error::NotUtf8 { at: 0 });
}

#[test]
fn announced_lengths_are_not_believed() {
    let many = Limits { items_max: usize::MAX, ..WIDE };
    for major in 2..5_u8 {
        let huge = [major << 5 | 27, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(decode(&huge, &many), Err(Error::Truncated { at: 0 }));
    }
    // A map of 2^63 entries has more items than a number can count.
    let wraps = [0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0];
    let max = usize::MAX;
    assert_eq!(decode(&wraps, &many), Err(Error::TooMany { at: 0, max }));
    // Below the limit of items, but more than there are bytes.
    refused(&[0x98, 200, 0], Error::Truncated { at: 0 });
    refused(&[0xa2, 0, 0, 1], Error::Truncated { at: 0 });
}

#[test]
fn each_limit_holds_exactly() {
    let limits = Limits { bytes_max: 6, depth_max: 2, items_max: 4 };
    assert!(decode(&[0x82, 0x81, 0x00, 0x00], &limits).is_ok());
    let too_many = Error::TooMany { at: 0, max: 4 };
    assert_eq!(decode(&[0x84, 0, 0, 0, 0], &limits), Err(too_many.clone()));
    assert_eq!(decode(&[0xa2, 0, 0, 1, 0], &limits), Err(too_many));
    let hidden = [0x83, 0x81, 0x00, 0x00, 0x00];
    assert_eq!(decode(&hidden, &limits), Err(Error::TooMany { at: 4, max: 4 }));
    assert_eq!(decode(&[0x81, 0x81, 0x80], &limits), Err(Error::TooDeep { at: 2, max: 2 }));
    assert_eq!(decode(&[0x81, 0x81, 0xa0], &limits), Err(Error::TooDeep { at: 2, max: 2 }));
    assert!(decode(&[0x45, 1, 2, 3, 4, 5], &limits).is_ok());
    let long = [0x46, 1, 2, 3, 4, 5, 6];
    assert_eq!(decode(&long, &limits), Err(Error::TooLong { got: 7, max: 6 }));
    let none = Limits { bytes_max: 6, depth_max: 0, items_max: 0 };
    assert_eq!(decode(&[0x00], &none), Err(Error::TooMany { at: 0, max: 0 }));
}

#[test]
fn no_limit_allows_more_depth_than_the_stack_bears() {
    let limits = Limits { bytes_max: 1 << 20, depth_max: usize::MAX, items_max: usize::MAX };
    let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
    assert!(decode(&nested(DEPTH_MAX), &limits).is_ok());
    let got = decode(&nested(1 << 19), &limits);
    assert_eq!(got, Err(Error::TooDeep { at: DEPTH_MAX, max: DEPTH_MAX }));
}

#[test]
fn signed_numbers_reach_both_ends() {
    for number in [0, 1, -1, 23, -24, i64::MAX, i64::MIN] {
        assert_eq!(Value::from(number).into_int("n"), Ok(number));
    }
    assert_eq!(encode(&Value::from(-500_i64)), [0x39, 0x01, 0xf3]);
    let past = u64::MAX / 2 + 1;
    let want = Error::OutOfRange { field: "n", max: past - 1, got: past };
    assert_eq!(Value::Uint(past).into_int("n"), Err(want.clone()));
    assert_eq!(Value::Nint(past).into_int("n"), Err(want));
}

#[test]
#[should_panic(expected = "a map has each key once")]
fn a_repeated_key_is_not_written() {
    encode(&Value::record([(1, Value::Null), (1, Value::Null)]));
}

fn sample() -> MapReader {
    let record = Value::record([
        (1, 7_u64.into()),
        (2, (1_u64 << 32).into()),
        (3, "text".into()),
        (4, Value::bytes([1, 2, 3])),
        (5, Value::array([1_u64, 2, 3])),
        (6, true.into()),
        (7, Value::record([(9, (-3_i64).into())])),
        (8, Digest::of(b"x").into()),
    ]);
    MapReader::new(decode(&encode(&record), &WIDE).unwrap(), "sample").unwrap()
}

#[test]
fn every_field_can_be_taken_and_none_may_be_left() {
    let mut fields = sample();
    assert_eq!(fields.take_uint(2, "two"), Ok(1 << 32));
    assert_eq!(fields.take_u32(1, "one"), Ok(7));
    assert_eq!(fields.take_text(3, "three", 4).as_deref(), Ok("text"));
    assert_eq!(fields.take_bytes_n(4, "four"), Ok([1, 2, 3]));
    assert_eq!(fields.take_array(5, "five", 3).map(|items| items.len()), Ok(3));
    assert_eq!(fields.take_bool(6, "six"), Ok(true));
    let mut inner = fields.take_map(7, "seven").unwrap();
    assert_eq!(inner.take_int(9, "nine"), Ok(-3));
    assert_eq!(inner.finish(), Ok(()));
    assert_eq!(fields.take_opt_uint(10, "ten"), Ok(None));
    assert_eq!(fields.finish(), Err(Error::Unknown { record: "sample", key: 8 }));
}

#[test]
fn what_is_short_or_of_a_fixed_length_is_so() {
    let number = |item: Value| item.into_u32("item");
    assert_eq!(sample().take_u8(1, "one"), Ok(7));
    let past = Error::OutOfRange { field: "two", max: 255, got: 1 << 32 };
    assert_eq!(sample().take_u8(2, "two"), Err(past));
    assert_eq!(sample().take_list(5, "five", 3, number), Ok(vec![1, 2, 3]));
    let large = Error::TooLarge { field: "five", max: 2, got: 3 };
    assert_eq!(sample().take_list(5, "five", 2, number), Err(large));
    let text = |item: Value| item.into_text("item", 9);
    assert!(matches!(sample().take_list(5, "five", 3, text), Err(Error::WrongType { .. })));
    let three = [1_u64, 2, 3].map(Value::from);
    assert_eq!(sample().take_array_n(5, "five"), Ok(three));
    for (expected, got) in [
        (2, sample().take_array_n::<2>(5, "five").map(|_| ())),
        (4, sample().take_array_n::<4>(5, "five").map(|_| ())),
    ] {
        assert_eq!(got, Err(Error::WrongItems { field: "five", expected, got: 3 }));
    }
}

#[test]
fn a_record_has_the_version_that_its_reader_knows() {
    assert_eq!(sample().take_version(1, 7), Ok(()));
    for expected in [6, 8] {
        let error = Error::Version { record: "sample", expected, got: 7 };
        assert_eq!(sample().take_version(1, expected), Err(error));
    }
    assert!(matches!(sample().take_version(3, 7), Err(Error::WrongType { .. })));
    assert!(matches!(sample().take_version(9, 7), Err(Error::Missing { field: "version", .. })));
}

#[test]
fn errors_name_the_field() {
    let wrong = |field, expected, got| Error::WrongType { field, expected, got };
    let large = |field, max, got| Error::TooLarge { field, max, got };
    let mut fields = sample();
    let missing = Error::Missing { record: "sample", field: "ten", key: 10 };
    assert_eq!(fields.take_uint(10, "ten"), Err(missing));
    let past = Error::OutOfRange { field: "two", max: u32::MAX.into(), got: 1 << 32 };
    assert_eq!(fields.take_u32(2, "two"), Err(past));
    assert_eq!(fields.take_text(3, "three", 3), Err(large("three", 3, 4)));
    assert_eq!(sample().take_bytes(4, "four", 2), Err(large("four", 2, 3)));
    assert_eq!(sample().take_array(5, "five", 2), Err(large("five", 2, 3)));
    let short = Error::WrongLength { field: "four", expected: 32, got: 3 };
    assert_eq!(sample().take_digest(4, "four"), Err(short));
    let of_text = |expected| wrong("three", expected, "a text string");
    assert_eq!(sample().take_uint(3, "three"), Err(of_text("an unsigned integer")));
    assert_eq!(sample().take_int(3, "three"), Err(of_text("an integer")));
    assert_eq!(sample().take_opt_bytes(3, "three", 9), Err(of_text("a byte string")));
    assert_eq!(sample().take_bool(3, "three"), Err(of_text("a boolean")));
    assert_eq!(sample().take_array(3, "three", 9), Err(of_text("an array")));
    assert_eq!(sample().take_map(3, "three").unwrap_err(), of_text("a map"));
    let number = wrong("one", "a text string", "an unsigned integer");
    assert_eq!(sample().take_opt_text(1, "one", 9), Err(number));
    let keyed = Value::Map(vec![("a".into(), Value::Null)]);
    let want = wrong("record", "an unsigned integer", "a text string");
    assert_eq!(MapReader::new(keyed, "record").unwrap_err(), want);
}

/// Any value that the format has, nested up to 4 deep.
fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<u64>().prop_map(Value::Uint),
        (0..70_000_u64).prop_map(Value::Uint),
        any::<u64>().prop_map(Value::Nint),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        any::<String>().prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    scalar.prop_recursive(4, 64, 8, |inner| {
        let entries = prop::collection::vec((inner.clone(), inner.clone()), 0..8);
        prop_oneof![
            prop::collection::vec(inner, 0..8).prop_map(Value::Array),
            entries.prop_map(|mut entries| {
                entries.sort_by_key(|(key, _)| encode(key));
                entries.dedup_by_key(|(key, _)| encode(key));
                Value::Map(entries)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_survives_the_round_trip(value in values()) {
        prop_assert_eq!(decode(&encode(&value), &WIDE), Ok(value));
    }

    #[test]
    fn the_order_of_entries_does_not_matter(value in values()) {
        if let Value::Map(entries) = &value {
            let reversed = Value::Map(entries.iter().rev().cloned().collect());
            prop_assert_eq!(encode(&reversed), encode(&value));
        }
    }

    #[test]
    fn no_prefix_is_a_value(value in values()) {
        let bytes = encode(&value);
        for end in 0..bytes.len() {
            prop_assert!(decode(&bytes[..end], &WIDE).is_err());
        }
    }

    /// The property that makes signing safe: nothing has two encodings.
    #[test]
    fn what_is_accepted_is_what_would_be_written(value in values(), at: usize, flip in 1..=255_u8) {
        let mut bytes = encode(&value);
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(other) = decode(&bytes, &WIDE) {
            prop_assert_eq!(encode(&other), bytes);
            prop_assert_ne!(other, value);
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = decode(&bytes, &WIDE) {
            prop_assert_eq!(encode(&value), bytes);
        }
    }
}
