//! Whole validators on a deterministic runtime, with faults and a lying twin.
//!
//! A [`Plan`] follows from a seed: links that are slow, lossy or cut, processes that are killed, disks
//! that lose power in the middle of a write, a validator that is two and lies. [`run`] carries it out
//! on the production node over its production host (`world`), mends everything at the end, and says
//! which law was broken, if one was (`laws`, `check`). Guide: `docs/guide/simulation.md`.
//!
//! Invariant: a run is a function of its plan; nothing in it asks a clock, a socket or chance of this
//! machine.

#![forbid(unsafe_code)]

mod check;
mod dice;
mod disk;
mod host;
mod laws;
mod liar;
mod load;
mod people;
mod plan;
mod run;
mod world;

pub use laws::Violation;
pub use people::SEATS;
pub use plan::{Event, Hears, Lie, Plan, Step, Weather};
pub use run::{Failure, Report, run};
