//! Four validators on this machine: how fast payments are final, how many, and what a kill costs.
//!
//! Invariant: what is measured is what clients see over JSON-RPC; nothing of a node is opened while it
//! runs.

mod light;
mod trade;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

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
    let mut table = Table::default();
    payments(place, &product, seconds, &mut table)?;
    let traded = trade::measure(place, &product)?;
    let each = |name: &str| number(&traded.sustained, name);
    row(&mut table, "final trades", "a second", each("/per_s")?, Bound::None);
    let gas = each("/gas")? / each("/transactions")?;
    row(&mut table, "gas of a trade", "gas", gas, Bound::None);
    shares(&mut table, "trade", &traded.share, Bound::AtLeast(40.0, 80.0))?;
    let joined = light::join(&product)?;
    let what = |who| format!("late {who}, {} light blocks", light::BLOCKS);
    let bound = Bound::AtMost(60.0, 15.0);
    row(&mut table, &what("validator"), "s", joined.validator, bound);
    row(&mut table, &what("node without a seat"), "s", joined.follower, bound);
    Ok(table)
}

fn row(table: &mut Table, what: &str, unit: &'static str, figure: f64, bound: Bound) {
    eprintln!("{what}: {figure:.3} {unit}");
    table.rows.push(Row::distance(what.into(), unit, figure, bound));
}

/// Payments to four validators that are killed now and then.
fn payments(place: &Place, product: &Product, seconds: u64, table: &mut Table) -> Result<()> {
    let mut devnet = Devnet::new(product)?;
    let mut row = |what: &str, unit, figure, bound| row(table, what, unit, figure, bound);
    row("ready after `devnet up`", "s", devnet.up()?, Bound::AtMost(5.0, 2.0));
    let idle = devnet.load(&["--alone", ALONE, "--seconds", "0"])?;
    row("finality, idle, p50", "ms", number(&idle, "/alone/p50_ms")?, Bound::AtMost(200.0, 80.0));
    row("finality, idle, p99", "ms", number(&idle, "/alone/p99_ms")?, Bound::AtMost(600.0, 200.0));
    row("memory of an idle validator", "MiB", devnet.memory()?, Bound::AtMost(300.0, 150.0));
    let before = tip(&devnet)?;
    let load = devnet.load(&["--alone", "0", "--seconds", &seconds.to_string()])?;
    let after = tip(&devnet)?;
    let what = format!("final transfers, sustained {seconds} s");
    row(&what, "a second", number(&load, "/sustained/per_s")?, Bound::AtLeast(1_500.0, 5_000.0));
    row("memory of a validator after that", "MiB", devnet.memory()?, Bound::None);
    let now = tip(&devnet)?;
    devnet.kill(&[3])?;
    row("resume after kill -9 of one", "s", resume(&mut devnet, now)?, Bound::AtMost(5.0, 2.0));
    let now = tip(&devnet)?;
    devnet.kill(&ALL)?;
    let what = "resume after kill -9 of all four";
    row(what, "s", resume(&mut devnet, now)?, Bound::AtMost(10.0, 5.0));
    row("late joiner, full blocks", "blocks a second", join(&mut devnet)?, Bound::None);
    devnet.kill(&ALL)?;
    let share = share(place, &devnet, before + 1, after)?;
    row("who sent a transfer", "us of a core", number(&share, "/recover_us")?, Bound::None);
    shares(table, "transfer", &share, Bound::None)
}

/// Rows of what `share` gave for blocks of `kind`s.
fn shares(table: &mut Table, kind: &str, share: &Value, bound: Bound) -> Result<()> {
    let mut row = |what: &str, unit, name, bound| {
        row(table, what, unit, number(share, name)?, bound);
        anyhow::Ok(())
    };
    let what = format!("share of execution in block time, {kind}s");
    row(&what, "%", "/share_percent", bound)?;
    let us = "us of a core";
    row(&format!("a {kind} by revm alone"), us, "/revm_us", Bound::None)?;
    row(&format!("a {kind} in a block, by a node"), us, "/node_us", Bound::None)?;
    row("of that, without keeping it", us, "/judge_us", Bound::None)
}

/// The newest block of the first node.
fn tip(devnet: &Devnet<'_>) -> Result<u64> {
    devnet.blocks()?[0].context("a node answers")
}

/// How much of what a node does with the blocks `from` to `to` of a chain that does not run is the EVM.
fn share(place: &Place, devnet: &Devnet<'_>, from: u64, to: u64) -> Result<Value> {
    let mut example = cargo(place);
    example.args(["run", "--release", "--package", "terroir-node", "--example", "share", "--"]);
    example.arg(devnet.folder().join("node-0")).arg("5").args([from, to].map(|at| at.to_string()));
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
    let tip = tip(devnet)?;
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
