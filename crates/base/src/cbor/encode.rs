//! Writing: shortest numbers, definite lengths, map keys sorted by their encoded bytes.

use super::Value;

/// The one encoding of `value`.
///
/// Panics: when a map holds the same key twice, which is a mistake of the caller, not of the input.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Uint(number) => head(0, *number, out),
        Value::Nint(number) => head(1, *number, out),
        Value::Bytes(bytes) => {
            head(2, length(bytes.len()), out);
            out.extend_from_slice(bytes);
        }
        Value::Text(text) => {
            head(3, length(text.len()), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, length(items.len()), out);
            items.iter().for_each(|item| write(item, out));
        }
        Value::Map(entries) => write_map(entries, out),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Null => out.push(0xf6),
    }
}

fn write_map(entries: &[(Value, Value)], out: &mut Vec<u8>) {
    let mut keyed: Vec<_> = entries.iter().map(|(key, value)| (encode(key), value)).collect();
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(
        keyed.iter().zip(keyed.iter().skip(1)).all(|((one, _), (next, _))| one != next),
        "a map has each key once"
    );
    head(5, length(keyed.len()), out);
    for (key, value) in keyed {
        out.extend_from_slice(&key);
        write(value, out);
    }
}

/// Writes the initial byte of an item of type `major` (0 to 5), and its argument in the shortest form.
fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let top = major << 5;
    if let Ok(byte) = u8::try_from(argument) {
        if byte < 24 {
            out.push(top | byte);
        } else {
            out.extend_from_slice(&[top | 24, byte]);
        }
    } else if let Ok(short) = u16::try_from(argument) {
        out.push(top | 25);
        out.extend_from_slice(&short.to_be_bytes());
    } else if let Ok(word) = u32::try_from(argument) {
        out.push(top | 26);
        out.extend_from_slice(&word.to_be_bytes());
    } else {
        out.push(top | 27);
        out.extend_from_slice(&argument.to_be_bytes());
    }
}

fn length(len: usize) -> u64 {
    u64::try_from(len).expect("a length in memory is below 2^64")
}
