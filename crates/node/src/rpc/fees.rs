//! What gas costs: the next block's price, and what others paid.
//!
//! Invariant: advice follows from final blocks alone.

use super::args::Args;
use super::failure::Failure;
use super::{Answer, Method, Rpc, read, say, shape};
use crate::chain::{Final, Tip};
use alloy_consensus::Transaction as _;
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::U256;
use alloy_rpc_types_eth::FeeHistory;
use serde::Deserialize;
use std::time::Instant;
use terroir_ledger::execute::{next_base_fee, param};
use terroir_ledger::native::params::BASE_FEE_MIN;

/// Blocks that a history is of, at most.
const HISTORY_MAX: u64 = 1_024;
/// The same where it says what tips were.
const REWARDS_MAX: u64 = 128;
/// Percentiles that are asked for, at most.
const PERCENTILES_MAX: usize = 100;
/// Blocks that advice looks at.
const ADVICE_BLOCKS: u64 = 16;

pub(super) const METHODS: &[Method] = &[
    Method::light("eth_gasPrice", 0, gas_price),
    Method::light("eth_maxPriorityFeePerGas", 0, |rpc, _| {
        say(&U256::from(tip_advice(rpc, &rpc.chain.tip())?))
    }),
    Method::light("eth_blobBaseFee", 0, |_, _| say(&U256::from(1))),
    Method::heavy("eth_feeHistory", 3, history),
];

fn gas_price(rpc: &Rpc, _: &mut Args) -> Answer {
    let tip = rpc.chain.tip();
    say(&U256::from(u128::from(tip.next_base_fee()?) + tip_advice(rpc, &tip)?))
}

/// The middle of the tips of late; without any, what the least base fee is.
fn tip_advice(rpc: &Rpc, tip: &Tip) -> Result<u128, Failure> {
    let newest = tip.header.number;
    let mut tips = Vec::new();
    for number in newest.saturating_sub(ADVICE_BLOCKS - 1)..=newest {
        let Some(found) = rpc.chain.block(tip, number)? else { continue };
        tips.extend(paid(&found).into_iter().map(|(tip, _)| tip));
    }
    tips.sort_unstable();
    match tips.get(tips.len() / 2) {
        Some(middle) => Ok((*middle).max(1)),
        None => Ok(u128::from(param(&tip.view, BASE_FEE_MIN)?)),
    }
}

/// The tip a gas of each transaction, and the gas that it used.
fn paid(found: &Final) -> Vec<(u128, u64)> {
    let base_fee = found.block.header.base_fee_per_gas.unwrap_or_default();
    let one = |(place, one): (usize, &alloy_consensus::TxEnvelope)| {
        (one.effective_tip_per_gas(base_fee).unwrap_or_default(), shape::gas_used(found, place))
    };
    found.block.transactions.iter().enumerate().map(one).collect()
}

/// A number of blocks: of hexadecimal digits, or as it is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Text(alloy_primitives::U64),
}

fn history(rpc: &Rpc, args: &mut Args) -> Answer {
    let count = match args.required()? {
        Count::Number(count) => count,
        Count::Text(count) => count.to(),
    };
    let newest: BlockNumberOrTag = args.required()?;
    let percentiles: Option<Vec<f64>> = args.optional()?;
    check(percentiles.as_deref().unwrap_or_default())?;
    let tip = rpc.chain.tip();
    let newest = read::number(&tip, newest.into())?.ok_or_else(|| Failure::no_block(newest))?;
    let most = if percentiles.is_some() { REWARDS_MAX } else { HISTORY_MAX };
    let count = count.min(most).min(newest + 1);
    let mut history = FeeHistory { oldest_block: newest + 1 - count, ..FeeHistory::default() };
    let mut rewards = Vec::new();
    let mut next = 0;
    let until = Instant::now() + rpc.limits.search;
    for number in newest + 1 - count..=newest {
        if Instant::now() > until {
            return Err(Failure::too_long());
        }
        let none = || Failure::no_block(number);
        let header = match &percentiles {
            None => tip.kept.header(number)?.ok_or_else(none)?,
            Some(asked) => {
                let found = rpc.chain.block(&tip, number)?.ok_or_else(none)?;
                rewards.push(reward(&found, asked));
                found.block.header.clone()
            }
        };
        history.base_fee_per_gas.push(header.base_fee_per_gas.unwrap_or_default().into());
        history.base_fee_per_blob_gas.push(1);
        history.blob_gas_used_ratio.push(0.0);
        #[expect(clippy::cast_precision_loss, reason = "a ratio that people look at")]
        let ratio = header.gas_used as f64 / header.gas_limit as f64;
        history.gas_used_ratio.push(ratio);
        next = next_base_fee(&header, param(&tip.view, BASE_FEE_MIN)?);
    }
    if count > 0 {
        history.base_fee_per_gas.push(next.into());
        history.base_fee_per_blob_gas.push(1);
    }
    history.reward = percentiles.map(|_| rewards);
    say(&history)
}

fn check(percentiles: &[f64]) -> Result<(), Failure> {
    let ascending = percentiles.windows(2).all(|pair| pair[0] <= pair[1]);
    let within = percentiles.iter().all(|one| (0.0..=100.0).contains(one));
    match ascending && within && percentiles.len() <= PERCENTILES_MAX {
        true => Ok(()),
        false => Err(Failure::invalid(format!(
            "invalid reward percentile: at most {PERCENTILES_MAX}, ascending, from 0 to 100"
        ))),
    }
}

/// For each percentile, the tip at that part of the block's gas, when it is ordered by tips.
fn reward(found: &Final, percentiles: &[f64]) -> Vec<u128> {
    let mut paid = paid(found);
    paid.sort_unstable();
    let at = |percentile: &f64| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a position among tips that people look at"
        )]
        let threshold = (found.block.header.gas_used as f64 * percentile / 100.0) as u64;
        let mut sum = 0;
        let reached = paid.iter().find(|(_, gas)| {
            sum += gas;
            sum >= threshold
        });
        reached.map_or(0, |(tip, _)| *tip)
    };
    percentiles.iter().map(at).collect()
}
