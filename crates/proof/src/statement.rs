//! The trust statement: what a check established, and what nobody looked at.
//!
//! For people (its `Display`) and for programs ([`Statement::established`], codes and numbers).
//! Invariant: every [`Point`] is either established or listed with the reason why not, so nothing
//! is passed over in silence, and no single word stands for the whole.

mod point;

pub use point::{Point, Why};

use crate::receipt::{Body, Opened, Receipt};
use crate::{Chain, Given};
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
        let body = &opened.receipt.body;
        let (established, open): (Vec<_>, Vec<_>) =
            Point::of(body).partition(|point| held.contains(point));
        let open = open.into_iter();
        let open = open.map(|point: Point| Unchecked { point, why: point.why_open(given, body) });
        let open = open.collect();
        Statement { id: opened.id, receipt: opened.receipt, established, not_checked: open }
    }

    /// Takes in what several receipts of the node establish together, this one among them.
    pub fn join(&mut self, chain: &Chain) {
        let place = (self.receipt.place.seq, self.id);
        if chain.receipts.contains(&place) && chain.encloses(self.receipt.place.seq) {
            self.establish(&[Point::Chain]);
        }
    }

    /// Adds points that a further check established.
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
        let receipt = &self.receipt;
        writeln!(f, "receipt {}", self.id)?;
        writeln!(f, "node    {}", receipt.node)?;
        match &receipt.body {
            Body::Inference(inference) => {
                let output = &inference.output;
                let (prompt, answer) = (output.prompt_tokens, output.answer_tokens);
                let finish = output.finish.name();
                writeln!(f, "model   {}", inference.model.manifest)?;
                writeln!(f, "answer  {answer} tokens to a prompt of {prompt}, finish {finish}")?;
            }
            Body::Stage(stage) => {
                writeln!(f, "stage   {} {}", stage.name, stage.program)?;
                writeln!(f, "inputs  {}, {} leaves", stage.inputs.root, stage.inputs.count)?;
                writeln!(f, "outputs {}, {} leaves", stage.outputs.root, stage.outputs.count)?;
            }
        }
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
