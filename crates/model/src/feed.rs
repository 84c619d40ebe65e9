//! Running a model over tokens that are known beforehand, many at a time.
//!
//! For replay, scoring and inspection. Invariant: results do not depend on how the tokens are cut.

use crate::Error;
use std::ops::ControlFlow;
use terroir_tensor::{Cache, Executor, Run, Wanted};

/// Rows of one call. More would be little faster and need more memory for logits.
pub(crate) const ROWS: usize = 128;

/// Feeds `tokens` to a fresh `cache`, and gives the logits after each of them, in order, but for the
/// first `silent`; stops early when `each` breaks.
///
/// Errors: those of the executor.
pub(crate) fn feed(
    executor: &mut Executor,
    cache: &mut Cache,
    tokens: &[u32],
    silent: usize,
    each: &mut dyn FnMut(&[i32]) -> ControlFlow<()>,
) -> Result<(), Error> {
    while cache.len() < tokens.len() {
        let start = cache.len();
        let (end, logits) =
            if start < silent { (silent, Wanted::None) } else { (tokens.len(), Wanted::All) };
        let tokens = &tokens[start..end.min(start + ROWS)];
        let logits = executor.forward(&mut [Run { cache, tokens, logits }])?;
        for row in 0..logits.rows() {
            if each(logits.row(row)).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
