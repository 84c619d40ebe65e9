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
        let buffers = buffers(&program, &types);
        let tail = tail(&program);
        let together = together(&program);
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
fn last_uses(program: &Program) -> Vec<usize> {
    let mut last: Vec<usize> = (0..program.ops.len()).collect();
    for (index, op) in program.ops.iter().enumerate() {
        for input in op.inputs() {
            last[input as usize] = index;
        }
    }
    last[program.logits as usize] = program.ops.len();
    last
}

/// Gives every value a buffer; a buffer holds values of one kind only.
fn buffers(program: &Program, types: &[Type]) -> Vec<usize> {
    let last = last_uses(program);
    let mut free_from: Vec<(bool, usize)> = Vec::new();
    let mut assigned = Vec::with_capacity(types.len());
    for (index, kind) in types.iter().enumerate() {
        let quantised = matches!(kind, Type::Quantised { .. });
        let free = free_from.iter().position(|&(q, until)| q == quantised && until < index);
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
fn together(program: &Program) -> Vec<usize> {
    let input = |op: &Op| match op {
        Op::Linear { x, .. } => Some(*x),
        _ => None,
    };
    let run = |at: usize| {
        let first = input(&program.ops[at]);
        let rest = program.ops[at..].iter();
        if first.is_none() { 1 } else { rest.take_while(|op| input(op) == first).count() }
    };
    (0..program.ops.len()).map(run).collect()
}
