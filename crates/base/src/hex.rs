//! Lower-case hexadecimal, the text form of digests, keys and salts.
//!
//! One text per byte string: upper case, spaces and odd lengths are refused.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two lower-case digits per byte.
pub fn encode(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .filter_map(|nibble| DIGITS.get(usize::from(nibble)))
        .map(|digit| char::from(*digit))
        .collect()
}

/// The `N` bytes that `text` spells; `None` unless it is exactly 2 `N` lower-case digits.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn every_byte_survives_the_round_trip() {
        let all: [u8; 256] = std::array::from_fn(|i| i as u8);
        assert_eq!(decode::<256>(&encode(&all)), Some(all));
        assert_eq!(encode(&[0, 9, 10, 15, 16, 255]), "00090a0f10ff");
    }

    #[test]
    fn anything_but_the_one_text_is_refused() {
        for text in ["", "0", "000", "0000", "0A", "0g", "0 ", " 0", "+1", "é"] {
            assert_eq!(decode::<1>(text), None, "{text:?}");
        }
    }
}
