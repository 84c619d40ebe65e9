//! Contracts of others at work on a chain: what four validators take, and what of it is the EVM.
//!
//! Invariant: the mix is one that others published, and no transaction of it fails.

use anyhow::{Context, Result};
use serde_json::Value;

use super::share;
use crate::devnet::Devnet;
use crate::node::{Node, OPENZEPPELIN, UNISWAP_CORE, UNISWAP_PERIPHERY, VIEM};
use crate::place::Place;
use crate::product::{Product, number};
use crate::shell;

/// Transactions that are counted.
const COUNT: &str = "16384";

/// What was done, and how much of it is the EVM.
pub(super) struct Traded {
    /// What the script says: `per_s`, `gas`, `transactions` and more.
    pub(super) sustained: Value,
    /// What the example says.
    pub(super) share: Value,
}

pub(super) fn measure(place: &Place, product: &Product) -> Result<Traded> {
    let node = Node::with(place, &[VIEM, UNISWAP_CORE, UNISWAP_PERIPHERY, OPENZEPPELIN])?;
    let mut devnet = Devnet::new(product)?;
    devnet.up()?;
    let mut script = node.script(place, "trade.mjs");
    script.arg(devnet.key()?).arg(COUNT).args(devnet.urls()?);
    let said = shell::text(&mut script)?;
    let sustained: Value = serde_json::from_str(&said).context("the script prints no JSON")?;
    devnet.down()?;
    let block = |name: &str| Ok::<_, anyhow::Error>(number(&sustained, name)? as u64);
    let share = share(place, &devnet, block("/from")?, block("/to")?)?;
    Ok(Traded { sustained, share })
}
