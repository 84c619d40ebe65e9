//! What a program *is* and what running it *means*: the `int` dialect, exact to the last bit.
//!
//! Read in this order: [`program`] (operators, constants, types and the proof that nothing
//! overflows), [`spec`] (the meaning, one integer at a time), [`Plan`] and [`Executor`] (the same
//! meaning, fast), [`trace`] (what a run commits to). `docs/spec/exact.md` says it in words.
//!
//! Invariant: the result of a program depends on its tokens alone; not on the instruction set, the
//! number of threads, the batch, or how the tokens were cut into calls.

mod check;
mod constants;
mod error;
mod exec;
pub mod fixed;
mod isa;
mod kernel;
#[cfg(any(test, feature = "laws"))]
pub mod laws;
mod plan;
pub mod program;
pub mod spec;
pub mod trace;

pub use constants::{Bytes, Fetch};
pub use error::Error;
pub use exec::{Cache, Executor, Logits, ROWS_MAX, Run, Traced, Tracer, Wanted};
pub use isa::Isa;
pub use plan::Plan;
pub use program::Program;
pub use trace::{Row, trace_root};

/// Name of the specification that this crate implements (`docs/spec/exact.md`).
pub const SPEC_VERSION: &str = "terroir-int-1";
