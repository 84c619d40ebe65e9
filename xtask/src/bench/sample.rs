//! Repeated measurements, and the one figure that stands for them.

use anyhow::Result;
use serde_json::Value;

use crate::product::number;

/// The median over the rounds of the number at a pointer.
///
/// Errors: a round that lacks it.
pub fn median_of(rounds: &[Value], pointer: &str) -> Result<f64> {
    let figures = rounds.iter().map(|round| number(round, pointer));
    Ok(median(figures.collect::<Result<Vec<_>>>()?))
}

/// The median; of an even number of values, the mean of the middle two.
///
/// Panics: when there is no value.
pub fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty(), "a median needs a value");
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_order_and_outliers() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 100.0]), 3.0);
    }

    #[test]
    fn every_round_must_have_the_figure() {
        let round = |speed| serde_json::json!({"decode": {"tok_s": speed}});
        let rounds = [round(50), round(70), round(60)];
        assert_eq!(median_of(&rounds, "/decode/tok_s").unwrap(), 60.0);
        assert!(median_of(&rounds, "/prefill/tok_s").is_err());
    }
}
