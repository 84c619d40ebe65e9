//! Four validators on this machine: how fast payments are final, how many, and what a kill costs.
//!
//! Invariant: what is measured is what clients see over JSON-RPC; nothing of a node is opened.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::table::{Bound, Row, Table};
use crate::devnet::Devnet;
use crate::place::Place;
use crate::product::{Product, number};

/// Payments that are sent alone.
const ALONE: &str = "200";
/// Blocks that a late joiner must have in a minute.
const JOINER_BLOCKS: f64 = 10_000.0;

pub(super) fn measure(place: &Place, seconds: u64) -> Result<Table> {
    let product = Product::build(place)?;
    let mut devnet = Devnet::new(&product)?;
    let mut table = Table::default();
    let mut row = |what: &str, unit, figure, bound| {
        eprintln!("{what}: {figure:.3} {unit}");
        table.rows.push(Row::distance(what.into(), unit, figure, bound));
    };
    row("ready after `devnet up`", "s", devnet.up()?, Bound::AtMost(5.0, 2.0));
    let idle = devnet.load(&["--alone", ALONE, "--seconds", "0"])?;
    row("finality, idle, p50", "ms", number(&idle, "/alone/p50_ms")?, Bound::AtMost(200.0, 80.0));
    row("finality, idle, p99", "ms", number(&idle, "/alone/p99_ms")?, Bound::AtMost(600.0, 200.0));
    row("memory of an idle validator", "MiB", devnet.memory()?, Bound::AtMost(300.0, 150.0));
    let load = devnet.load(&["--alone", "0", "--seconds", &seconds.to_string()])?;
    let what = format!("final transfers, sustained {seconds} s");
    row(&what, "a second", number(&load, "/sustained/per_s")?, Bound::AtLeast(1_500.0, 5_000.0));
    row("memory of a validator after that", "MiB", devnet.memory()?, Bound::None);

    let tip = devnet.blocks()?[0].context("a node answers")?;
    devnet.kill(&[3])?;
    row("resume after kill -9 of one", "s", resume(&mut devnet, tip)?, Bound::AtMost(5.0, 2.0));
    let tip = devnet.blocks()?[0].context("a node answers")?;
    devnet.kill(&[0, 1, 2, 3])?;
    row(
        "resume after kill -9 of all four",
        "s",
        resume(&mut devnet, tip)?,
        Bound::AtMost(10.0, 5.0),
    );
    let rate = join(&mut devnet)?;
    row(
        "late joiner",
        "blocks a second",
        rate,
        Bound::AtLeast(JOINER_BLOCKS / 60.0, JOINER_BLOCKS / 15.0),
    );
    Ok(table)
}

/// Starts what does not run; seconds until every node has a block above `tip`.
fn resume(devnet: &mut Devnet<'_>, tip: u64) -> Result<f64> {
    let begun = Instant::now();
    devnet.up()?;
    while !devnet.blocks()?.iter().all(|block| block.is_some_and(|number| number > tip)) {
        ensure!(begun.elapsed() < Duration::from_secs(120), "the nodes do not go on");
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Takes everything but its keys from one node, and starts it: blocks a second until it is where the
/// others are. (Its votes are lost too, which only a bench may do.)
fn join(devnet: &mut Devnet<'_>) -> Result<f64> {
    devnet.kill(&[3])?;
    let member = devnet.folder().join("node-3");
    fs::remove_file(member.join("chain.redb"))?;
    fs::remove_dir_all(member.join("consensus"))?;
    let tip = devnet.blocks()?[0].context("a node answers")?;
    let took = resume(devnet, tip)?;
    Ok(tip as f64 / took)
}
