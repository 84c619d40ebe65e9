//! The stages of the data chain beyond one machine: in a DataFusion plan on Ballista.
//!
//! Read [`job`] for what a run tells its executors, [`plan`] and [`codec`] for the operator that
//! does passes and how it travels, [`worker`] for what an executor does with it, [`drive`] for how a
//! run hands passes out and takes them back, [`serve`] for the two programs of a cluster. [`run`]
//! is the embedded driver with passes done elsewhere; [`sql`] asks about what came out.
//!
//! Invariant: roots are those of the embedded driver, whatever is lost on the way.

#![forbid(unsafe_code)]

pub mod codec;
pub mod drive;
pub mod error;
pub mod functions;
pub mod job;
pub mod plan;
pub mod report;
pub mod run;
pub mod serve;
pub mod session;
pub mod sql;
pub mod worker;

pub use error::Error;
