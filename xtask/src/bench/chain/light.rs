//! A chain of many blocks with nothing in them, and a node that comes late.
//!
//! Invariant: the blocks are made by four validators that agree on each, as always; their settings
//! let none of them wait between two.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{ALL, forget, resume};
use crate::devnet::Devnet;
use crate::product::{Product, number};
use crate::shell;

/// Blocks before the late one comes.
pub(super) const BLOCKS: u64 = 10_000;
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// The same, where what is measured ends with one.
const PAUSE: Duration = Duration::from_millis(20);
/// Time in which one more block must come.
const STALL: Duration = Duration::from_secs(30);

/// Seconds from the start of a node with nothing until it has what the others had by then.
pub(super) struct Joined {
    /// Of a validator.
    pub(super) validator: f64,
    /// Of a node without a seat, which asks one of the others.
    pub(super) follower: f64,
}

/// Makes the chain and measures both.
pub(super) fn join(product: &Product) -> Result<Joined> {
    let mut devnet = Devnet::new(product)?;
    devnet.up()?;
    let usual = pace(&devnet)?;
    devnet.kill(&ALL)?;
    set_pace(&devnet, &usual, "[pace]\nblock_ms = 0\nidle_ms = 0\n")?;
    let begun = Instant::now();
    devnet.up()?;
    let (mut newest, mut moved) = (0, Instant::now());
    while newest < BLOCKS {
        let now = devnet.blocks()?[0].context("a node answers")?;
        if now > newest {
            (newest, moved) = (now, Instant::now());
        }
        ensure!(moved.elapsed() < STALL, "the nodes stand at block {newest}");
        std::thread::park_timeout(LOOK);
    }
    eprintln!("{newest} blocks in {:.0} s", begun.elapsed().as_secs_f64());
    devnet.kill(&ALL)?;
    set_pace(&devnet, "[pace]\nblock_ms = 0\nidle_ms = 0\n", &usual)?;
    forget(&devnet)?;
    let validator = resume(&mut devnet, newest)?;
    Ok(Joined { validator, follower: follow(product, &devnet, newest)? })
}

/// Starts a node that follows the first one.
fn follow(product: &Product, devnet: &Devnet<'_>, newest: u64) -> Result<f64> {
    let folder = devnet.folder().join("follower");
    let mut init = product.command();
    init.args(["node", "init", "--rpc", "127.0.0.1:0", "--follow", &devnet.urls()?[0], "--dir"]);
    init.arg(&folder).arg("--genesis").arg(devnet.folder().join("node-0/genesis.toml"));
    shell::run(&mut init)?;
    let begun = Instant::now();
    let mut run = product.command();
    run.args(["node", "run", "--log", "error", "--config"]).arg(folder.join("node.toml"));
    let mut node = run.stdout(Stdio::piped()).spawn().context("cannot start the follower")?;
    let reached = reach(product, &mut node, newest);
    node.kill().context("cannot end the follower")?;
    node.wait().context("cannot end the follower")?;
    reached.map(|()| begun.elapsed().as_secs_f64())
}

/// Waits until `node` has the block `newest`.
fn reach(product: &Product, node: &mut Child, newest: u64) -> Result<()> {
    let mut line = String::new();
    let out = node.stdout.as_mut().context("its output is taken")?;
    BufReader::new(out).read_line(&mut line).context("the follower says nothing")?;
    let url = line.trim().strip_prefix("listening on ").context("the follower does not listen")?;
    let mut moved = (0.0, Instant::now());
    while moved.0 < newest as f64 {
        let mut status = product.command();
        let said = product.json(status.args(["chain", "status", "--json", "--rpc", url]))?;
        let block = number(&said, "/block")?;
        if block > moved.0 {
            moved = (block, Instant::now());
        }
        ensure!(moved.1.elapsed() < STALL, "the follower stands at block {block}");
        std::thread::park_timeout(PAUSE);
    }
    Ok(())
}

/// The lines of the settings that say how fast blocks follow each other: the last ones.
fn pace(devnet: &Devnet<'_>) -> Result<String> {
    let text = fs::read_to_string(devnet.folder().join("node-0/node.toml"))?;
    let at = text.find("[pace]").context("no pace in node.toml")?;
    Ok(text[at..].to_owned())
}

fn set_pace(devnet: &Devnet<'_>, from: &str, to: &str) -> Result<()> {
    for place in ALL {
        let path = devnet.folder().join(format!("node-{place}/node.toml"));
        let text = fs::read_to_string(&path)?;
        ensure!(text.contains(from), "{} has another pace", path.display());
        fs::write(&path, text.replace(from, to))?;
    }
    Ok(())
}
