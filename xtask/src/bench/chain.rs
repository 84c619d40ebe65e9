//! Four validators on this machine: how fast payments are final, how many, and what a kill costs.
//!
//! Invariant: what is measured is what clients see over JSON-RPC; nothing of a node is opened while it
//! runs.

mod light;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::table::{Bound, Row, Table};
use crate::devnet::Devnet;
use crate::place::Place;
use crate::product::{Product, cargo, number};
use crate::shell;

/// Payments that are sent alone.
const ALONE: &str = "200";
/// Nodes of the chain.
const ALL: [usize; 4] = [0, 1, 2, 3];

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
    devnet.kill(&ALL)?;
    row(
        "resume after kill -9 of all four",
        "s",
        resume(&mut devnet, tip)?,
        Bound::AtMost(10.0, 5.0),
    );
    row("late joiner, full blocks", "blocks a second", join(&mut devnet)?, Bound::None);
    devnet.kill(&ALL)?;
    let share = share(place, &devnet)?;
    let each = |name: &str| number(&share, name);
    let what = "share of execution in block time";
    row(what, "%", each("/share_percent")?, Bound::AtLeast(40.0, 80.0));
    row("a transfer by revm alone", "us of a core", each("/revm_us")?, Bound::None);
    row("a transfer in a block, by a node", "us of a core", each("/node_us")?, Bound::None);
    row("of that, without keeping it", "us of a core", each("/judge_us")?, Bound::None);
    row("who sent a transfer", "us of a core", each("/recover_us")?, Bound::None);
    drop(devnet);
    let joined = light::join(&product)?;
    let what = |who| format!("late {who}, {} light blocks", light::BLOCKS);
    let bound = Bound::AtMost(60.0, 15.0);
    row(&what("validator"), "s", joined.validator, bound);
    row(&what("node without a seat"), "s", joined.follower, bound);
    Ok(table)
}

/// How much of what a node does with the blocks of a chain that does not run is the EVM.
fn share(place: &Place, devnet: &Devnet<'_>) -> Result<serde_json::Value> {
    let mut example = cargo(place);
    example.args(["run", "--release", "--package", "terroir-node", "--example", "share", "--"]);
    example.arg(devnet.folder().join("node-0")).arg("5");
    serde_json::from_str(&shell::text(&mut example)?).context("the example prints no JSON")
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

/// Blocks a second of a node that begins with nothing, until it is where the others are.
fn join(devnet: &mut Devnet<'_>) -> Result<f64> {
    devnet.kill(&[3])?;
    forget(devnet)?;
    let tip = devnet.blocks()?[0].context("a node answers")?;
    Ok(tip as f64 / resume(devnet, tip)?)
}

/// Takes everything but its keys from the last node. (Its votes are lost too, which only a bench may
/// do.)
fn forget(devnet: &Devnet<'_>) -> Result<()> {
    let member = devnet.folder().join("node-3");
    fs::remove_file(member.join("chain.redb"))?;
    fs::remove_dir_all(member.join("consensus"))?;
    Ok(())
}
