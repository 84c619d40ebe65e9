//! A program made ready to run: proved, its constants at hand, its buffers assigned.
//!
//! For [`crate::Executor`]; shared between threads. Weights are used where they lie (a mapped
//! file): their stored layout is the kernels' layout, so nothing is packed or copied at load.
//! Invariant: a value's buffer is not given to another value while an operator still reads it.

use crate::Error;
use crate::constants::{Constants, Fetch};
use crate::program::*;
use terroir_base::Digest;

/// A loaded program.
pub struct Plan {
    pub(crate) program: Program,
    pub(crate) types: Vec<Type>,
    pub(crate) constants: Constants,
    /// Buffer of every value.
    pub(crate) buffers: Vec<usize>,
    /// First operator that is needed for logits only.
    pub(crate) tail: usize,
    /// Linear operators that follow one another on the same input run as one.
    pub(crate) together: Vec<usize>,
    digest: Digest,
    weight_bytes: u64,
}

impl Plan {
    /// Proves `program`, fetches and examines its constants, and plans its buffers.
    ///
    /// Errors: [`Error::Operator`] for what cannot be proved, [`Error::Constant`] for a constant
    /// that is missing or has another length.
    pub fn load(program: Program, fetch: &mut Fetch<'_>) -> Result<Plan, Error> {
        let types = program.types()?;
        let constants = Constants::load(&program, fetch)?;
        let weight_bytes = program.constants().iter().map(|(_, bytes)| bytes).sum();
        let tail = tail(&program);
        let together = together(&program, tail);
        let buffers = buffers(&program, &types, &together);
        let digest = program.digest();
        Ok(Plan { program, types, constants, buffers, tail, together, digest, weight_bytes })
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The program's digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Number of tokens that the program knows.
    pub fn vocab(&self) -> usize {
        let embed = self.program.ops.iter().find_map(|op| match op {
            Op::Embed { table, .. } => Some(table.rows as usize),
            _ => None,
        });
        embed.expect("proved: one embed operator")
    }

    /// Length of a row of logits.
    pub fn logits(&self) -> usize {
        width(&self.types[self.program.logits as usize])
    }

    /// Longest context in tokens.
    pub fn positions_max(&self) -> usize {
        self.program.positions_max as usize
    }

    /// Bytes that one row of a call takes in all buffers and checkpoints, at most.
    pub(crate) fn row_bytes(&self) -> u64 {
        let mut widest = vec![0u64; self.buffers.len()];
        for (&buffer, kind) in self.buffers.iter().zip(&self.types) {
            widest[buffer] = widest[buffer].max(width(kind) as u64);
        }
        let checkpoints = self.program.checkpoints.iter();
        let checkpoints = checkpoints.map(|&v| width(&self.types[v as usize]) as u64);
        4 * (widest.iter().sum::<u64>() + checkpoints.sum::<u64>())
    }

    /// Bytes of all constants.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }
}

pub(crate) fn width(kind: &Type) -> usize {
    match kind {
        Type::Fixed { width, .. } | Type::Quantised { width, .. } => *width,
    }
}

/// Index of the last operator that reads each value; the logits are read by the caller.
///
/// A value lives at least as long as the operators that run together with its own.
fn last_uses(program: &Program, together: &[usize]) -> Vec<usize> {
    let mut last: Vec<usize> = together.iter().enumerate().map(|(i, n)| i + n - 1).collect();
    for (index, op) in program.ops.iter().enumerate() {
        for input in op.inputs() {
            last[input as usize] = last[input as usize].max(index);
        }
    }
    last[program.logits as usize] = program.ops.len();
    last
}

/// Gives every value a buffer; a buffer holds values of one kind only. The logits, the longest
/// rows, have their own: it keeps its length from call to call, and nothing is cleared.
fn buffers(program: &Program, types: &[Type], together: &[usize]) -> Vec<usize> {
    let last = last_uses(program, together);
    let mut free_from: Vec<(bool, usize)> = Vec::new();
    let mut assigned = Vec::with_capacity(types.len());
    for (index, kind) in types.iter().enumerate() {
        let quantised = matches!(kind, Type::Quantised { .. });
        let fits = |&(q, until): &(bool, usize)| q == quantised && until < index;
        let shared = index != program.logits as usize;
        let free = free_from.iter().position(fits).filter(|_| shared);
        let buffer = free.unwrap_or_else(|| {
            free_from.push((quantised, 0));
            free_from.len() - 1
        });
        free_from[buffer].1 = last[index];
        assigned.push(buffer);
    }
    assigned
}

/// One past the last operator whose effect outlives the call: the caches and the checkpoints.
fn tail(program: &Program) -> usize {
    let attention = program.ops.iter().rposition(|op| matches!(op, Op::Attention { .. }));
    let checkpoint = program.checkpoints.last().map(|&v| v as usize);
    attention.max(checkpoint).map_or(0, |last| last + 1)
}

/// For every operator, how many from it on are linear and read the same value (at least 1).
///
/// No group crosses `tail`: what follows it runs on other rows.
fn together(program: &Program, tail: usize) -> Vec<usize> {
    let input = |at: usize| match program.ops[at] {
        Op::Linear { x, .. } => Some(x),
        _ => None,
    };
    let mut together = vec![1; program.ops.len()];
    for at in (1..program.ops.len()).rev() {
        if at != tail && input(at).is_some() && input(at) == input(at - 1) {
            together[at - 1] = together[at] + 1;
        }
    }
    together
}
