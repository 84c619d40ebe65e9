//! Money: a whole number of base units, never a float.

use std::fmt;
use std::str::FromStr;

/// An amount in base units, 0 to 2^128 - 1. Arithmetic is checked: there is no wrapping path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u128);

/// Text that is not the decimal form of an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Something else than digits, no digit at all, or a leading zero.
    #[error("an amount is decimal digits without sign, space or leading zero")]
    NotCanonical,
    /// More than 2^128 - 1.
    #[error("an amount is at most {}", u128::MAX)]
    TooLarge,
}

impl Amount {
    /// So many base units.
    pub fn new(units: u128) -> Amount {
        Amount(units)
    }

    /// The number of base units.
    pub fn units(self) -> u128 {
        self.0
    }

    /// The sum; `None` past 2^128 - 1.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// The difference; `None` below zero.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// The product with a count; `None` past 2^128 - 1.
    pub fn checked_mul(self, count: u128) -> Option<Amount> {
        self.0.checked_mul(count).map(Amount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Amount {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Amount, ParseError> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || (text.len() > 1 && text.starts_with('0')) {
            return Err(ParseError::NotCanonical);
        }
        text.parse().map(Amount).map_err(|_| ParseError::TooLarge)
    }
}

#[cfg(test)]
mod tests;
