//! Sending transactions, and looking at those that wait: `eth_sendRawTransaction` and `txpool_`.
//!
//! Invariant: nothing here signs; a transaction comes signed or not at all.

use super::args::Args;
use super::{Answer, Method, Rpc, say, shape};
use crate::chain::Origin;
use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Bytes, U64};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Most transactions that one look at the pool shows.
const LIST_MAX: usize = 4_096;

pub(super) const METHODS: &[Method] = &[
    Method::light("eth_sendRawTransaction", 1, send),
    Method::light("txpool_status", 0, status),
    Method::heavy("txpool_content", 0, |rpc, _| say(&list(rpc, shape::waiting))),
    Method::heavy("txpool_inspect", 0, |rpc, _| say(&list(rpc, summary))),
];

fn send(rpc: &Rpc, args: &mut Args) -> Answer {
    let bytes: Bytes = args.required()?;
    say(&rpc.chain.mempool().add(&bytes, Origin::Local)?)
}

fn status(rpc: &Rpc, _: &mut Args) -> Answer {
    let waiting = rpc.chain.mempool().waiting();
    say(&json!({ "pending": U64::from(waiting.pending), "queued": U64::from(waiting.queued) }))
}

/// By sender and nonce.
type Lanes<T> = BTreeMap<String, BTreeMap<String, T>>;

#[derive(Default, Serialize)]
struct Content<T> {
    pending: Lanes<T>,
    queued: Lanes<T>,
}

fn list<T>(rpc: &Rpc, of: impl Fn(&terroir_ledger::Transaction) -> T) -> Content<T> {
    let mut content = Content { pending: Lanes::new(), queued: Lanes::new() };
    let mut bytes_left = rpc.limits.response_bytes / 4;
    for (one, pending) in rpc.chain.mempool().list(LIST_MAX) {
        // As JSON it is at least twice as long.
        let Some(left) = bytes_left.checked_sub(one.envelope.encode_2718_len()) else { break };
        bytes_left = left;
        let lanes = if pending { &mut content.pending } else { &mut content.queued };
        let lane = lanes.entry(one.sender.to_string()).or_default();
        lane.insert(one.envelope.nonce().to_string(), of(&one));
    }
    content
}

fn summary(one: &terroir_ledger::Transaction) -> String {
    let tx = &one.envelope;
    let to = tx.to().map_or_else(|| "contract creation".to_owned(), |to| to.to_string());
    let (value, gas, price) = (tx.value(), tx.gas_limit(), tx.max_fee_per_gas());
    format!("{to}: {value} wei + {gas} gas × {price} wei")
}
