//! The GGUF parser: sound files read, every lie refused with its field and place.

use crate::make::{Gguf, array, text, value};
use proptest::prelude::*;
use terroir_import::gguf::{Array, Value, read};
use terroir_import::quant::Kind;

/// The message for a sound file with one change.
fn refusal(change: impl FnOnce(&mut Gguf)) -> String {
    let mut file = Gguf::sound();
    change(&mut file);
    read(&file.bytes()).unwrap_err().to_string()
}

fn check(want: &str, change: impl FnOnce(&mut Gguf)) {
    let got = refusal(change);
    assert!(got.contains(want), "{want:?} is due: {got}");
}

#[test]
fn a_sound_file_is_read() {
    for version in [2, 3] {
        let file = Gguf { version, ..Gguf::sound() };
        let bytes = file.bytes();
        let header = read(&bytes).unwrap();
        assert_eq!(header.version, version);
        assert_eq!(header.metadata["llama.block_count"], Value::Uint(2));
        let list = Array::Texts(vec!["x".into(), "yz".into()]);
        assert_eq!(header.metadata["a.list"], Value::Array(list));
        let place = &header.tensors["a"];
        assert_eq!((place.kind, &place.shape[..], place.bytes), (Kind::Q8_0, &[2, 32][..], 68));
        assert_eq!(header.tensors["b"].offset + 20, bytes.len() as u64);
    }
}

#[test]
fn every_kind_of_value_is_read() {
    let cases = [
        (value(0, &[200]), Value::Uint(200)),
        (value(1, &[200]), Value::Int(-56)),
        (value(2, &[1, 2]), Value::Uint(513)),
        (value(3, &[255, 255]), Value::Int(-1)),
        (value(5, &(-7i32).to_le_bytes()), Value::Int(-7)),
        (value(6, &0.5f32.to_le_bytes()), Value::Float(0.5)),
        (value(7, &[1]), Value::Bool(true)),
        (value(10, &u64::MAX.to_le_bytes()), Value::Uint(u64::MAX)),
        (value(11, &i64::MIN.to_le_bytes()), Value::Int(i64::MIN)),
        (value(12, &1e300f64.to_le_bytes()), Value::Float(1e300)),
        (array(7, 2, &[0, 1]), Value::Array(Array::Bools(vec![false, true]))),
        (array(6, 1, &2f32.to_le_bytes()), Value::Array(Array::Floats(vec![2.0]))),
    ];
    for (bytes, want) in cases {
        let mut file = Gguf::sound();
        file.keys.push(("k".into(), bytes));
        assert_eq!(read(&file.bytes()).unwrap().metadata["k"], want);
    }
}

#[test]
fn the_start_of_the_file_is_checked() {
    check("byte 0, magic: not a GGUF file", |f| f.magic = *b"GGML");
    check("byte 4, version: version 1, only 2 and 3", |f| f.version = 1);
    check("big endian", |f| f.version = 3u32.swap_bytes());
    check("byte 8, tensor count: 18446744073709551615", |f| f.tensor_count = Some(u64::MAX));
    check("byte 16, metadata count: 1000000, at most", |f| f.key_count = Some(1_000_000));
}

#[test]
fn counts_and_lengths_that_lie_are_refused() {
    check("metadata", |f| f.key_count = Some(9));
    check("tensor[", |f| f.tensor_count = Some(9));
    check("metadata k: 16777217 bytes of text, at most", |f| {
        f.keys.push(("k".into(), value(8, &(1u64 << 24 | 1).to_le_bytes())));
    });
    check("metadata k: 1000000 items of at least 1 bytes, the file ends", |f| {
        f.keys.push(("k".into(), value(8, &1_000_000u64.to_le_bytes())));
    });
    check("metadata k: 4000000 items of at least 8 bytes", |f| {
        f.keys.push(("k".into(), array(8, 4_000_000, &[])));
    });
    check("elements, the file may have", |f| f.keys.push(("k".into(), array(0, u64::MAX, &[]))));
    check("items of at least 8 bytes", |f| f.keys.push(("k".into(), array(10, 1 << 21, &[]))));
}

#[test]
fn values_that_make_no_sense_are_refused() {
    check("metadata k: value type 13 does not exist", |f| {
        f.keys.push(("k".into(), value(13, &[])));
    });
    check("metadata k: element type 99 does not exist", |f| {
        f.keys.push(("k".into(), array(99, 1, &[0])));
    });
    check("metadata k: an array of arrays is not read", |f| {
        f.keys.push(("k".into(), array(9, 1, &array(9, 1, &[]))));
    });
    check("metadata k: truth value 2, must be 0 or 1", |f| {
        f.keys.push(("k".into(), value(7, &[2])));
    });
    check("metadata k: not UTF-8 from byte 1", |f| {
        f.keys.push(("k".into(), value(8, &text(b"a\xff"))));
    });
    check("metadata llama.block_count: the key occurs twice", |f| {
        f.keys.push(f.keys[1].clone());
    });
    check("key: empty key", |f| f.keys.push((String::new(), value(7, &[1]))));
    check("key general.alignment: 33 is not a power of two", |f| {
        f.keys.push(("general.alignment".into(), value(4, &33u32.to_le_bytes())));
    });
    check("key general.alignment: 4294967296 is not", |f| {
        f.keys.push(("general.alignment".into(), value(10, &(1u64 << 32).to_le_bytes())));
    });
}

#[test]
fn tensors_that_lie_are_refused() {
    check("tensor b: the name occurs twice", |f| f.tensors.push(f.tensors[1].clone()));
    check("name: empty name", |f| f.tensors[0].name.clear());
    check("name: 65 bytes of text, at most 64", |f| f.tensors[0].name = vec![b'x'; 65]);
    check("tensor b dimension count: 0, allowed", |f| f.tensors[1].shape.clear());
    check("tensor b dimension count: 5, allowed", |f| f.tensors[1].shape = vec![1; 5]);
    check("tensor b shape: [0] has a dimension of zero", |f| f.tensors[1].shape = vec![0]);
    check("overflows", |f| f.tensors[1].shape = vec![1 << 40, 1 << 40]);
    check("overflows", |f| f.tensors[1].shape = vec![u64::MAX]);
    check("tensor a shape: a row of 33 values is not made of Q8_0 blocks", |f| {
        f.tensors[0].shape[0] = 33;
    });
    check("tensor b type: type 4 is not read", |f| f.tensors[1].kind = 4);
    check("tensor b offset: 97 is not a multiple of 32", |f| f.tensors[1].offset = 97);
    check("tensor b offset: 20 bytes at 128 of the data", |f| f.tensors[1].offset = 128);
    check("tensor b offset", |f| f.tensors[1].offset = !31);
    check("tensor b offset: the tensor overlaps a", |f| f.tensors[1].offset = 64);
    check("tensor b offset", |f| f.tensors[1].shape = vec![1 << 50]);
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = Gguf::sound().bytes();
    for length in 0..bytes.len() {
        let error = read(&bytes[..length].to_vec()).unwrap_err().to_string();
        assert!(error.starts_with("gguf header, byte "), "{length} bytes: {error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = Gguf::sound().bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(header) = read(&bytes) {
            for place in header.tensors.values() {
                prop_assert!(place.offset + place.bytes <= bytes.len() as u64);
            }
        }
    }

    #[test]
    fn no_noise_makes_the_parser_panic(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(tail);
        let _ = read(&bytes);
    }
}
