//! A chain of many blocks with nothing in them, and a node that comes late.
//!
//! Invariant: the blocks are made by four validators that agree on each, as always; their settings
//! let none of them wait between two.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{ALL, forget, resume};
use crate::devnet::Devnet;
use crate::product::Product;

/// Blocks before the late one comes.
pub(super) const BLOCKS: u64 = 10_000;
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Time in which one more block must come.
const STALL: Duration = Duration::from_secs(30);

/// Seconds from the start of a node with nothing until it has what the others had by then.
pub(super) fn join(product: &Product) -> Result<f64> {
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
    resume(&mut devnet, newest)
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
