//! Decimal numbers as millionths: no float is ever made of them.
//!
//! For fractions in requests and for those that people type. Invariant: one rule for all of them:
//! the nearest millionth, of two that are equally near the even one.

/// Why a text is not a count of millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMicro {
    /// The text is no decimal number.
    #[error("not a decimal number such as 0.7")]
    NoNumber,
    /// Below zero.
    #[error("below 0")]
    Negative,
    /// More millionths than a `u32` holds.
    #[error("above 4294.967295, the largest number that can be kept")]
    TooLarge,
}

/// Digits after the point that count.
const PLACES: i64 = 6;
/// No `u32` has more digits.
const DIGITS_MAX: i64 = 10;

/// The millionths that a decimal number says: `0.7`, `1`, `.95`, `7e-1`.
///
/// Every JSON number is read. What is beyond the sixth decimal rounds to the nearest, halves to
/// even.
pub fn micro(number: &str) -> Result<u32, NotMicro> {
    let (negative, unsigned) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        None => (unsigned, 0),
        Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = [whole, fraction].concat().into_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NotMicro::NoNumber);
    }
    // The value is 0.DIGITS times ten to the power of `point`.
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = &digits[zeros..];
    if digits.is_empty() {
        return Ok(0);
    }
    if negative {
        return Err(NotMicro::Negative);
    }
    let point = whole.len() as i64 - zeros as i64 + exponent;
    round(digits, point.saturating_add(PLACES))
}

/// The nearest integer to 0.DIGITS times ten to the power of `kept`, halves to even.
fn round(digits: &[u8], kept: i64) -> Result<u32, NotMicro> {
    if kept > DIGITS_MAX {
        return Err(NotMicro::TooLarge);
    }
    if kept < 0 {
        return Ok(0);
    }
    let digit = |at: i64| digits.get(at as usize).map_or(0, |digit| u64::from(digit - b'0'));
    let whole = (0..kept).fold(0, |value, at| value * 10 + digit(at));
    let beyond = digits.iter().skip(kept as usize + 1).any(|digit| *digit != b'0');
    let up = match digit(kept) {
        0..5 => false,
        5 => beyond || whole % 2 == 1,
        _ => true,
    };
    u32::try_from(whole + u64::from(up)).map_err(|_| NotMicro::TooLarge)
}

/// Exponents beyond these are as good as these, whatever the digits of a request.
fn read_exponent(text: &str) -> Result<i64, NotMicro> {
    const FAR: i64 = 1 << 40;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotMicro::NoNumber);
    }
    let size = digits.parse().unwrap_or(FAR).min(FAR);
    Ok(if text.starts_with('-') { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::{NotMicro, micro};
    use proptest::prelude::*;

    #[track_caller]
    fn check(number: &str, want: u32) {
        assert_eq!(micro(number), Ok(want), "{number}");
    }

    #[test]
    fn decimals_are_read_exactly() {
        check("0", 0);
        check("-0.0", 0);
        check("1", 1_000_000);
        check("0.7", 700_000);
        check(".95", 950_000);
        check("2.", 2_000_000);
        check("1.10000000000", 1_100_000);
        check("1e-6", 1);
        check("1E+1", 10_000_000);
        check("0.05e1", 500_000);
        check("4294.967295", u32::MAX);
    }

    #[test]
    fn what_is_beyond_millionths_rounds_to_the_nearest() {
        check("0.1234567", 123_457);
        check("0.30000000000000004", 300_000);
        check("0.0000004", 0);
        check("0.00000049999999", 0);
        check("4e-7", 0);
        check("6e-7", 1);
        check("0.00000051", 1);
        check("5.0000001e-7", 1);
        check("9e-8", 0);
        check("1e-99999999999999999999", 0);
        check("0e99999999999999999999", 0);
    }

    #[test]
    fn halves_round_to_even() {
        check("0.0000005", 0);
        check("5e-7", 0);
        check("0.0000015", 2);
        check("0.0000025000", 2);
        check("0.1234565", 123_456);
        check("0.1234575", 123_458);
        check("0.12345650000000000000000000000001", 123_457);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for number in ["4294.9672955", "1e4", "1e99999999999999999999", "99999999999"] {
            assert_eq!(micro(number), Err(NotMicro::TooLarge), "{number}");
        }
        assert_eq!(micro("-0.1"), Err(NotMicro::Negative));
        let no_numbers =
            ["", "-", ".", "true", "\"1\"", "1e", "e1", "NaN", "+1", "0,7", "1.2.3", "٣", " 1"];
        for text in no_numbers {
            assert_eq!(micro(text), Err(NotMicro::NoNumber), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_spelling_of_a_number_means_the_same(value in 0_u32.., shift in 0_i32..20) {
            check(&format!("{}.{:06}", value / 1_000_000, value % 1_000_000), value);
            check(&format!("{value}e-6"), value);
            let zeros = "0".repeat(shift as usize);
            check(&format!("{value}{zeros}e-{}", shift + 6), value);
            check(&format!("0.{zeros}{value:010}E{}", shift + 4), value);
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE]{0,30}") {
            let _ = micro(&text);
        }
    }
}
