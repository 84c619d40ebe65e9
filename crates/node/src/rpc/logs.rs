//! Logs of final blocks, found by their blooms.
//!
//! Invariant: a request looks at a bounded number of blocks and gives a bounded number of logs; more
//! is an error, never a part.

use super::args::Args;
use super::failure::Failure;
use super::{Answer, Method, Rpc, read, say, shape};
use crate::chain::{Final, Tip};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};
use std::ops::RangeInclusive;

/// Addresses, or topics of one place, that a filter may name.
const NAMES_MAX: usize = 1_000;

pub(super) const METHODS: &[Method] = &[Method::heavy("eth_getLogs", 1, logs)];

fn logs(rpc: &Rpc, args: &mut Args) -> Answer {
    let filter: Filter = args.required()?;
    check(&filter)?;
    let tip = rpc.chain.tip();
    say(&asked(rpc, &tip, &filter)?)
}

/// Refuses a filter that names more than one may.
pub(super) fn check(filter: &Filter) -> Result<(), Failure> {
    let most = filter.topics.iter().map(|set| set.len()).chain([filter.address.len()]).max();
    match most.unwrap_or_default() <= NAMES_MAX {
        true => Ok(()),
        false => Err(Failure::invalid(format!(
            "exceed max addresses or topics per search position: {NAMES_MAX}"
        ))),
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
            if from > to {
                let message = format!("invalid block range params: from {from}, to {to}");
                return Err(Failure::invalid(message));
            }
            from..=to.min(newest)
        }
    };
    within(rpc, tip, filter, range)
}

/// The logs of the blocks of `range` that pass `filter`.
pub(super) fn within(
    rpc: &Rpc,
    tip: &Tip,
    filter: &Filter,
    range: RangeInclusive<u64>,
) -> Result<Vec<Log>, Failure> {
    let (blocks, blocks_max) = (range.end().saturating_sub(*range.start()), rpc.limits.log_blocks);
    if blocks >= blocks_max {
        let message = format!("exceed maximum block range: {blocks_max}");
        return Err(Failure::limit(message));
    }
    let mut logs = Vec::new();
    let mut bytes = 0;
    for number in tip.kept.blooming(range, |bloom| filter.matches_bloom(*bloom))? {
        let Some(found) = rpc.chain.block(tip, number)? else { continue };
        for log in of_block(&found, filter) {
            bytes += log.inner.data.data.len();
            if logs.len() == rpc.limits.logs || bytes > rpc.limits.response_bytes {
                let most = rpc.limits.logs;
                let message = format!("query returned more than {most} results");
                return Err(Failure::limit(message));
            }
            logs.push(log);
        }
    }
    Ok(logs)
}

/// The logs of one block that pass `filter`.
pub(super) fn of_block<'a>(found: &'a Final, filter: &'a Filter) -> impl Iterator<Item = Log> + 'a {
    let places = found.receipts.iter().enumerate();
    let all =
        places.flat_map(|(place, receipt)| receipt.logs().iter().map(move |log| (place, log)));
    let passing = all.enumerate().filter(|(_, (_, log))| filter.matches(log));
    passing.map(|(index, (place, log))| shape::log(found, place, index, log.clone()))
}
