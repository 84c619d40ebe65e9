//! Amounts at their edges.

use super::{Amount, ParseError};
use proptest::prelude::*;

#[test]
fn nothing_wraps() {
    let (zero, one, most) = (Amount::new(0), Amount::new(1), Amount::new(u128::MAX));
    assert_eq!(most.checked_add(one), None);
    assert_eq!(zero.checked_sub(one), None);
    assert_eq!(most.checked_mul(2), None);
    assert_eq!(most.checked_add(zero), Some(most));
    assert_eq!(one.checked_mul(u128::MAX), Some(most));
    assert_eq!(most.checked_sub(most), Some(zero));
}

#[test]
fn one_text_per_amount() {
    for text in ["", "+1", "-1", "01", "00", " 1", "1 ", "1.0", "1_0", "0x1", "١"] {
        assert_eq!(text.parse::<Amount>(), Err(ParseError::NotCanonical), "{text:?}");
    }
    let past = "340282366920938463463374607431768211456";
    assert_eq!(past.parse::<Amount>(), Err(ParseError::TooLarge));
    assert_eq!("0".parse(), Ok(Amount::new(0)));
}

proptest! {
    #[test]
    fn text_and_amount_are_one(units: u128) {
        let amount = Amount::new(units);
        prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        prop_assert_eq!(amount.units(), units);
    }
}
