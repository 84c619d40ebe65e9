//! The safetensors reader: sound files read, every lie refused.

use proptest::prelude::*;
use terroir_import::quant::Kind;
use terroir_import::safetensors::{Folder, read};

pub fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

pub const SOUND: &str = r#"{"__metadata__": {"format": "pt"},
 "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
 "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]}}"#;

fn check(want: &str, header: &str, data: usize) {
    let got = read(&file(header, data), 0).unwrap_err().to_string();
    assert!(got.contains(want), "{want:?} is due: {got}");
}

/// The message for the sound header with one part replaced.
fn check_change(want: &str, from: &str, to: &str) {
    assert!(SOUND.contains(from), "{from} is part of the header");
    check(want, &SOUND.replace(from, to), 32);
}

#[test]
fn a_sound_file_is_read() {
    let bytes = file(SOUND, 32);
    let places = read(&bytes, 7).unwrap();
    let place = &places["b"];
    assert_eq!((place.kind, &place.shape[..], place.bytes), (Kind::Bf16, &[4][..], 8));
    assert_eq!((place.file, place.offset + 8), (7, bytes.len() as u64));
}

#[test]
fn lengths_that_lie_are_refused() {
    for (bytes, want) in [
        (vec![], "byte 0, header length: the file has 0 bytes"),
        (vec![0; 7], "byte 0, header length: the file has 7 bytes"),
        (vec![255; 64], "byte 0, header length: 18446744073709551615 in a file of 64"),
        (file("{}", 0)[..9].to_vec(), "byte 0, header length: 2 in a file of 9"),
    ] {
        let got = read(&bytes, 0).unwrap_err().to_string();
        assert!(got.contains(want), "{got}");
    }
    check("tensors end at byte", SOUND, 33);
    check("tensors end at byte", SOUND, 31);
}

#[test]
fn json_that_is_not_a_header_is_refused() {
    check("header: invalid type: sequence", "[1]", 0);
    check("header: EOF", r#"{"a": "#, 0);
    check("header: invalid type", &format!(r#"{{"a": {}"#, "[".repeat(1000)), 0);
    check_change("\"a\" occurs twice", "\"b\"", "\"a\"");
    check_change("unknown field `extra`", "\"shape\": [4]", "\"shape\": [4], \"extra\": 1");
    check_change("missing field `dtype`", "\"dtype\": \"BF16\", ", "");
    check_change("invalid value: integer `-4`", "[4]", "[-4]");
    check_change("invalid type", "\"pt\"", "[]");
}

#[test]
fn tensors_that_lie_are_refused() {
    check_change("tensor b: type I64 is not read", "BF16", "I64");
    check_change("tensor b: [0] has a dimension of zero", "[4]", "[0]");
    check_change("overflows", "[4]", "[9223372036854775807, 9]");
    check_change("tensor b: no dimension", "[4]", "[]");
    check_change("tensor b: 9 dimensions", "[4]", "[1,1,1,1,1,1,1,1,4]");
    check_change("data from 24 to 32, its shape needs 10 bytes", "[4]", "[5]");
    check_change("its shape needs 8 bytes", "[24, 32]", "[32, 24]");
    check_change("must neither overlap nor leave a gap", "[24, 32]", "[16, 24]");
    check_change("must neither overlap nor leave a gap", "[24, 32]", "[32, 40]");
    let far = "[18446744073709551600, 18446744073709551608]";
    check_change("overflows", "[24, 32]", far);
}

#[test]
fn an_index_must_agree_with_its_shards() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let index = |map: &str| put("model.safetensors.index.json", map.as_bytes());
    put("one.safetensors", &file(SOUND, 32));
    let open = || Folder::open(folder.path()).map(|folder| folder.tensors.places.len());
    index(r#"{"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}"#);
    assert_eq!(open().unwrap(), 2);
    for (map, want) in [
        (r#"{"weight_map": {"a": "one.safetensors"}}"#, "tensor b stands in one.safetensors"),
        (
            r#"{"weight_map": {"a": "one.safetensors", "b": "one.safetensors",
                "c": "one.safetensors"}}"#,
            "tensor c is not in one.safetensors",
        ),
        (r#"{"weight_map": {"a": "../one.safetensors"}}"#, "is not a plain file name"),
        (r#"{"weight_map": {"a": "/etc/passwd"}}"#, "is not a plain file name"),
        (r#"{"weight_map": {"a": ".."}}"#, "is not a plain file name"),
        (r#"{"weight_map": {}}"#, "0 shards"),
        (r#"{"weight_map": {"a": "two.safetensors"}}"#, "two.safetensors"),
    ] {
        index(map);
        let got = open().unwrap_err().to_string();
        assert!(got.contains(want), "{want}: {got}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = file(SOUND, 32);
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length].to_vec(), 0).is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = file(SOUND, 32);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(places) = read(&bytes, 0) {
            for place in places.values() {
                prop_assert!(place.offset + place.bytes <= bytes.len() as u64);
            }
        }
    }
}
