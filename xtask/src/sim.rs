//! `cargo xtask sim`: seeds of the simulator.
//!
//! For whoever has a failing seed, and for the slow suite. Guide: `docs/guide/simulation.md`.

use std::thread::available_parallelism;

use anyhow::Result;

use crate::place::Place;
use crate::product::cargo;
use crate::shell;

/// Runs `count` seeds from `first` on, as many at a time as there are cores.
///
/// Errors: when a law was broken; what happened stands on stdout.
pub fn run(place: &Place, first: u64, count: u64) -> Result<()> {
    let jobs = available_parallelism().map_or(1, usize::from);
    let mut seeds = cargo(place);
    seeds.args(["run", "--release", "--package", "terroir-sim", "--"]);
    shell::run(seeds.args([first.to_string(), count.to_string(), jobs.to_string()]))
}
