//! Raw data to training sets, with a verdict on every record that a stranger can recompute.
//!
//! Read in the order of the data: a [`recipe`] names everything; `read` opens files of any kind and
//! gives [`record`]s; `ingest` writes them as `shard`s and signs what came in; [`stage`]s measure
//! each record on its [`text`] and judge by published rules; `run` drives them over shards and keeps
//! what is known already; `fold` makes a dataset version of their verdicts; `claim`s, [`tree`]s
//! and `audit` let others check it; `value` estimates who helped; `lead` turns a version into batches.
//!
//! Invariant: nothing that is hashed depends on the order of files, on shards, threads or machines.

#![forbid(unsafe_code)]

pub mod absent;
pub mod audit;
pub mod catalogue;
pub mod claim;
mod clock;
pub mod diff;
mod envelope;
pub mod error;
pub mod explain;
pub mod export;
pub mod fold;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
pub mod ingest;
pub mod keys;
pub mod lead;
pub mod measure;
pub mod merge;
pub mod pairs;
pub mod present;
pub mod publish;
pub mod read;
pub mod recipe;
pub mod record;
pub mod report;
pub mod rows;
pub mod run;
pub mod seal;
pub mod shard;
mod spill;
pub mod stage;
mod table;
pub mod text;
pub mod tree;
pub mod value;
pub mod verdicts;
pub mod version;
pub mod withdraw;

pub use error::Error;
pub use record::{Record, RecordId};
