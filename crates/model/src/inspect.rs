//! Looking inside a run: the logits after every token, the digest of every operator's output.
//!
//! For measuring quality and for disputes. Invariant: what is shown is what every other run of these
//! tokens computes, since results do not depend on how a run is cut or watched.

use crate::feed::{ROWS, feed};
use crate::{Error, Model};
use std::ops::ControlFlow::Continue;
use terroir_base::Digest;
use terroir_tensor::program::Type;
use terroir_tensor::{Cache, Executor, Isa, Run, Wanted, trace_root};

/// The output of one operator at one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Position in the text, from 0.
    pub position: usize,
    /// Index of the operator in the program.
    pub operator: usize,
    /// What kind of operator it is.
    pub name: &'static str,
    /// Digest of its output (`docs/spec/exact.md`).
    pub digest: Digest,
}

/// Gives the logits after each of `tokens`, Q16, in order.
///
/// Errors: `Error::Tensor`, for unknown tokens or more than the program's context.
pub fn logits(
    model: &Model,
    threads: usize,
    isa: Isa,
    tokens: &[u32],
    each: &mut dyn FnMut(&[i32]),
) -> Result<(), Error> {
    let mut executor = Executor::new(model.plan.clone(), threads, isa)?;
    let mut cache = Cache::new(&model.plan);
    feed(&mut executor, &mut cache, tokens, 0, &mut |row| {
        each(row);
        Continue(())
    })
}

/// Gives the digest of every operator's output at every position, by position and operator; then
/// the root over the checkpoints, as in `Outcome`.
///
/// Errors: as [`logits`].
pub fn trace(
    model: &Model,
    threads: usize,
    isa: Isa,
    tokens: &[u32],
    each: &mut dyn FnMut(Traced),
) -> Result<Digest, Error> {
    let mut executor = Executor::new(model.plan.clone(), threads, isa)?;
    let mut cache = Cache::new(&model.plan);
    let ops = &model.plan.program().ops;
    for tokens in tokens.chunks(ROWS) {
        let mut seen = Vec::with_capacity(tokens.len() * ops.len());
        let run = Run { cache: &mut cache, tokens, logits: Wanted::All };
        executor.forward_traced(&mut [run], &mut |traced| {
            seen.push((traced.position, traced.operator, traced.digest));
        })?;
        seen.sort_unstable_by_key(|&(position, operator, _)| (position, operator));
        for (position, operator, digest) in seen {
            each(Traced { position, operator, name: ops[operator].name(), digest });
        }
    }
    Ok(trace_root(cache.steps()))
}

/// Bytes of checkpoint rows that the trace hashes at each position.
pub fn step_bytes(model: &Model) -> usize {
    let program = model.plan.program();
    let types = program.types().expect("a plan holds a proved program");
    let width = |value: &u32| match types[*value as usize] {
        Type::Fixed { width, .. } => 4 * width,
        Type::Quantised { .. } => 0,
    };
    program.checkpoints.iter().map(width).sum()
}
