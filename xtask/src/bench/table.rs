//! Rows of a bench: what was measured on both sides, their ratio, and what the ratio must be.

use anyhow::{Result, bail};
use serde_json::{Value, json};

/// What a ratio must reach.
#[derive(Clone, Copy)]
pub enum Bound {
    /// It is shown and judged by nobody.
    None,
    /// It must be at least the gate, and hopes for the goal.
    AtLeast(f64, f64),
    /// It must be at most the gate, and hopes for the goal.
    AtMost(f64, f64),
}

/// One row.
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The product's figure.
    pub ours: f64,
    /// The other side's figure.
    pub peer: f64,
    /// What the bound is about; `ours / peer` in all rows but those whose figure is itself a
    /// distance.
    pub ratio: f64,
    /// The unit of both figures.
    pub unit: &'static str,
    /// What the ratio must reach.
    pub bound: Bound,
}

impl Row {
    /// A row whose ratio is ours divided by the peer's.
    pub fn new(what: String, unit: &'static str, ours: f64, peer: f64, bound: Bound) -> Row {
        Row { what, ours, peer, ratio: ours / peer, unit, bound }
    }

    /// A row whose figure is a distance from the peer, and so is its own ratio.
    pub fn distance(what: String, unit: &'static str, ours: f64, bound: Bound) -> Row {
        Row { what, ours, peer: 0.0, ratio: ours, unit, bound }
    }

    fn passes(&self) -> bool {
        match self.bound {
            Bound::None => true,
            Bound::AtLeast(gate, _) => self.ratio >= gate,
            Bound::AtMost(gate, _) => self.ratio <= gate,
        }
    }

    fn json(&self) -> Value {
        let (gate, goal) = match self.bound {
            Bound::None => (Value::Null, Value::Null),
            Bound::AtLeast(gate, goal) | Bound::AtMost(gate, goal) => (json!(gate), json!(goal)),
        };
        json!({
            "what": self.what, "ours": self.ours, "peer": self.peer, "ratio": self.ratio,
            "unit": self.unit, "gate": gate, "goal": goal,
        })
    }

    fn markdown(&self) -> String {
        let (sign, gate, goal) = match self.bound {
            Bound::None => ("", String::new(), String::new()),
            Bound::AtLeast(gate, goal) => ("≥ ", gate.to_string(), goal.to_string()),
            Bound::AtMost(gate, goal) => ("≤ ", gate.to_string(), goal.to_string()),
        };
        let missed = if self.passes() { "" } else { " (missed)" };
        format!(
            "| {} | {} | {} | {} | {} | {sign}{gate}{missed} | {sign}{goal} |\n",
            self.what,
            figure(self.ours),
            figure(self.peer),
            figure(self.ratio),
            self.unit,
        )
    }
}

/// The rows of one bench.
#[derive(Default)]
pub struct Table {
    /// In the order in which they are shown.
    pub rows: Vec<Row>,
}

impl Table {
    /// The rows as a JSON array, one line each.
    pub fn json(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(|row| row.json().to_string()).collect();
        format!("[\n{}\n]\n", rows.join(",\n"))
    }

    /// The rows as a Markdown table.
    pub fn markdown(&self) -> String {
        let head =
            "| what | ours | peer | ratio | unit | gate | goal |\n|---|---|---|---|---|---|---|\n";
        let rows: String = self.rows.iter().map(Row::markdown).collect();
        format!("{head}{rows}")
    }

    /// Errors: when asked to check, and a row misses its gate.
    pub fn check(&self, wanted: bool) -> Result<()> {
        let missed = self.rows.iter().filter(|row| !row.passes()).count();
        if wanted && missed != 0 {
            bail!("{missed} of {} rows miss their gate", self.rows.len());
        }
        Ok(())
    }
}

/// Four significant digits, which is more than these measurements carry.
fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    let decimals = (3.0 - magnitude).clamp(0.0, 8.0);
    // Not negative after the clamp, and small.
    format!("{value:.*}", decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ratio: f64, bound: Bound) -> Row {
        Row::new("a".to_owned(), "b", ratio, 1.0, bound)
    }

    #[test]
    fn a_missed_gate_is_told_from_a_passed_one() {
        assert!(row(1.2, Bound::AtLeast(1.2, 2.0)).passes());
        assert!(!row(1.1, Bound::AtLeast(1.2, 2.0)).passes());
        assert!(row(0.4, Bound::AtMost(0.4, 0.2)).passes());
        assert!(!row(0.5, Bound::AtMost(0.4, 0.2)).passes());
        let table = Table { rows: vec![row(0.5, Bound::AtMost(0.4, 0.2))] };
        assert!(table.check(false).is_ok() && table.check(true).is_err());
        assert!(table.markdown().contains("(missed)"));
    }

    #[test]
    fn rows_have_exactly_the_agreed_fields() {
        let table = Table { rows: vec![row(1.0, Bound::None), row(2.0, Bound::AtLeast(1.0, 3.0))] };
        let rows: Value = serde_json::from_str(&table.json()).unwrap();
        let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["gate", "goal", "ours", "peer", "ratio", "unit", "what"]);
        assert_eq!((&rows[0]["gate"], &rows[1]["goal"]), (&Value::Null, &json!(3.0)));
    }

    #[test]
    fn figures_have_four_digits() {
        let check = |value, want: &str| assert_eq!(figure(value), want);
        check(123.456, "123.5");
        check(0.012_345_6, "0.01235");
        check(98_765.4, "98765");
        check(0.0, "0");
    }
}
