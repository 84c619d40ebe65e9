//! The trust statement: what a check established, and what nobody looked at.
//!
//! For people (its `Display`) and for programs ([`Statement::established`], codes and numbers).
//! Invariant: every [`Point`] is either established or listed with the reason why not, so nothing
//! is passed over in silence, and no single word stands for the whole.

mod point;

pub use point::{Point, Why};

use crate::Given;
use crate::receipt::{Opened, Receipt};
use std::fmt;
use terroir_base::id::ReceiptId;

/// What a check can say about one receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The receipt's name.
    pub id: ReceiptId,
    /// What it says.
    pub receipt: Receipt,
    /// What holds, in the order of [`Point::ALL`].
    pub established: Vec<Point>,
    /// Everything else, in the same order.
    pub not_checked: Vec<Unchecked>,
}

/// A point that was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// What was left open.
    pub point: Point,
    /// The reason.
    pub why: Why,
}

impl Statement {
    pub(crate) fn new(opened: Opened, given: &Given<'_>, held: &[Point]) -> Statement {
        let (established, open): (Vec<_>, Vec<_>) =
            Point::ALL.into_iter().partition(|point| held.contains(point));
        let open = open.into_iter().map(|point| Unchecked { point, why: point.why_open(given) });
        Statement {
            id: opened.id,
            receipt: opened.receipt,
            established,
            not_checked: open.collect(),
        }
    }

    /// Adds points that a further check established.
    #[cfg(feature = "run")]
    pub(crate) fn establish(&mut self, points: &[Point]) {
        self.not_checked.retain(|open| !points.contains(&open.point));
        self.established.extend(points);
        self.established.sort();
    }

    /// Bit `n` is set where the point with number `n` is established.
    pub fn mask(&self) -> u32 {
        let bit = |point: &Point| 1u32.checked_shl(point.number()).unwrap_or(0);
        self.established.iter().map(bit).fold(0, |mask, bit| mask | bit)
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (receipt, output) = (&self.receipt, &self.receipt.output);
        writeln!(f, "receipt {}", self.id)?;
        writeln!(f, "node    {}", receipt.node)?;
        writeln!(f, "model   {}", receipt.model.manifest)?;
        let (prompt, answer) = (output.prompt_tokens, output.answer_tokens);
        let finish = output.finish.name();
        writeln!(f, "answer  {answer} tokens to a prompt of {prompt}, finish {finish}")?;
        writeln!(f, "promise {}: {}", receipt.mode.name(), receipt.mode.promise())?;
        writeln!(f, "established:")?;
        for point in &self.established {
            writeln!(f, "  - {}", point.claim())?;
        }
        writeln!(f, "not checked:")?;
        for open in &self.not_checked {
            writeln!(f, "  - whether {}: {}", open.point.claim(), open.why.reason())?;
        }
        Ok(())
    }
}
