//! Decimal numbers as people type them, read exactly to millionths.
//!
//! For the sampling options. Invariant: no float is ever involved, so every machine reads the same
//! number, and what cannot be kept exactly is refused instead of rounded.

/// Digits after the point that are kept.
const PLACES: usize = 6;

/// Reads a plain decimal such as `0.7`, `1` or `.95` as millionths.
///
/// Errors: anything but digits with at most one point, more than six decimals that are not zero,
/// or a number above 4294.967295.
pub fn micro(text: &str) -> Result<u32, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return Err("a plain decimal number such as 0.7 is due".into());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > PLACES {
        return Err(format!("at most {PLACES} decimals are kept"));
    }
    let text = format!("{whole}{fraction:0<PLACES$}");
    text.parse().map_err(|_| "4294.967295 is the largest number that can be kept".to_owned())
}

#[cfg(test)]
mod tests {
    use super::micro;

    #[track_caller]
    fn check(text: &str, wanted: Option<u32>) {
        assert_eq!(micro(text).ok(), wanted, "{text:?}");
    }

    #[test]
    fn decimals_are_read_exactly() {
        check("0.7", Some(700_000));
        check("1", Some(1_000_000));
        check(".95", Some(950_000));
        check("0.000001", Some(1));
        check("1.10000000000", Some(1_100_000));
        check("2.", Some(2_000_000));
        check("4294.967295", Some(u32::MAX));
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for text in
            ["", ".", "-1", "+1", "1e3", "0,7", "0.0000001", "4294.967296", "1.2.3", "٣", " 1"]
        {
            check(text, None);
        }
    }
}
