//! Logs of final blocks, found by their blooms.
//!
//! Invariant: a request looks at a bounded number of blocks, for a bounded time, and gives a bounded
//! number of logs, or those of one block; more is an error, never a part.

use super::args::Args;
use super::failure::Failure;
use super::{Answer, Method, Rpc, read, say, shape};
use crate::chain::{Final, Tip};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};
use serde::Deserialize;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::time::Instant;

/// Addresses and topics that a filter may name: each takes memory as long as the filter is kept, and
/// time with every block.
const NAMES_MAX: usize = 256;
/// What a log takes in an answer beside its data, with four topics.
const LOG_BYTES: usize = 800;

pub(super) const METHODS: &[Method] = &[Method::heavy("eth_getLogs", 1, logs)];

fn logs(rpc: &Rpc, args: &mut Args) -> Answer {
    let Bounded(filter) = args.required()?;
    let tip = rpc.chain.tip();
    say(&asked(rpc, &tip, &filter)?)
}

/// A filter that names no more than one may.
#[derive(Default, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Bounded(pub Filter);

impl TryFrom<Value> for Bounded {
    type Error = String;

    fn try_from(value: Value) -> Result<Bounded, String> {
        // As they are written: what is said twice takes room twice.
        let got: usize = [&value["address"], &value["topics"]].into_iter().map(names).sum();
        if got > NAMES_MAX {
            return Err(format!("{got} addresses and topics, at most {NAMES_MAX} are taken"));
        }
        serde_json::from_value(value).map(Bounded).map_err(|error| error.to_string())
    }
}

fn names(value: &Value) -> usize {
    match value {
        Value::Array(all) => all.iter().map(names).sum(),
        value => value.is_string().into(),
    }
}

/// The logs that `filter` asks for, with the blocks that it names.
pub(super) fn asked(rpc: &Rpc, tip: &Tip, filter: &Filter) -> Result<Vec<Log>, Failure> {
    let newest = tip.header.number;
    let number = |tag: Option<BlockNumberOrTag>| match tag {
        // Blocks to come have no logs yet.
        Some(BlockNumberOrTag::Number(number)) => Ok::<_, Failure>(number),
        Some(tag) => Ok(read::number(tip, tag.into())?.unwrap_or(newest)),
        None => Ok(newest),
    };
    let range = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let found = read::number(tip, BlockId::from(hash))?;
            let number = found.ok_or_else(|| Failure::server(format!("unknown block {hash}")))?;
            number..=number
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let (from, to) = (number(from_block)?, number(to_block)?);
            // Where only one end is a number, the other is where the chain is by now.
            let named = |tag: Option<BlockNumberOrTag>| tag.is_some_and(|tag| tag.is_number());
            if from > to && named(from_block) && named(to_block) {
                let message = format!("invalid block range params: from {from}, to {to}");
                return Err(Failure::invalid(message));
            }
            from..=to.min(newest)
        }
    };
    let found = within(rpc, tip, filter, range)?;
    match found.rest {
        None => Ok(found.logs),
        Some((_, why)) => Err(why),
    }
}

/// Logs of whole blocks, as many as a request may have.
pub(super) struct Found {
    pub logs: Vec<Log>,
    /// The first block whose logs are not among them, and why it is not.
    pub rest: Option<(u64, Failure)>,
}

/// The logs of the blocks of `range` that pass `filter`. Those of a single block come whole, however
/// many they are, as long as they fit into an answer: nobody could ask for fewer.
pub(super) fn within(
    rpc: &Rpc,
    tip: &Tip,
    filter: &Filter,
    range: RangeInclusive<u64>,
) -> Result<Found, Failure> {
    let (first, blocks_max) = (*range.start(), rpc.limits.log_blocks);
    let blocks = range.end().saturating_sub(first);
    if blocks >= blocks_max {
        let message = format!("exceed maximum block range: {blocks_max}");
        return Err(Failure::limit(message));
    }
    let (mut logs, mut bytes) = (Vec::new(), 0);
    let until = Instant::now() + rpc.limits.search;
    for number in tip.kept.blooming(range, |bloom| filter.matches_bloom(*bloom))? {
        let stop = |why, logs| Ok(Found { logs, rest: Some((number, why)) });
        if Instant::now() > until {
            return stop(Failure::too_long(), logs);
        }
        let receipts = tip.kept.receipts(number)?.unwrap_or_default();
        let mut passing =
            receipts.iter().flat_map(|one| one.logs()).filter(|log| filter.matches(log));
        if passing.next().is_none() {
            continue;
        }
        let Some(found) = rpc.chain.block(tip, number)? else { continue };
        let before = logs.len();
        for log in of_block(&found, filter) {
            bytes += LOG_BYTES + 2 * log.inner.data.data.len();
            let many = logs.len() == rpc.limits.logs && number != first;
            if many || bytes > rpc.limits.response_bytes {
                logs.truncate(before);
                let most = rpc.limits.logs;
                let message = format!("query returned more than {most} results");
                return stop(Failure::limit(message), logs);
            }
            logs.push(log);
        }
    }
    Ok(Found { logs, rest: None })
}

/// The logs of one block that pass `filter`.
pub(super) fn of_block<'a>(found: &'a Final, filter: &'a Filter) -> impl Iterator<Item = Log> + 'a {
    let places = found.receipts.iter().enumerate();
    let all =
        places.flat_map(|(place, receipt)| receipt.logs().iter().map(move |log| (place, log)));
    let passing = all.enumerate().filter(|(_, (_, log))| filter.matches(log));
    passing.map(|(index, (place, log))| shape::log(found, place, index, log.clone()))
}
