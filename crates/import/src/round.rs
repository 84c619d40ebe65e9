//! The last steps from floats to integers, for every constant of a program.
//!
//! Invariant: comparisons and one rounding rule only, so every machine gets the same integers.

/// The largest magnitude; 0 of nothing.
pub(crate) fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |largest: f64, value| largest.max(value.abs()))
}

/// Nearest integer, halves away from zero; the nearest there is, beyond all integers.
pub(crate) fn nearest(value: f64) -> i64 {
    (if value < 0.0 { value - 0.5 } else { value + 0.5 }) as i64
}
