//! One transaction: what was asked, what came of it, and what it cost.

use super::Ask;
use super::decode::{self, Decoded};
use super::html::{Html, tag, text};
use super::page::{Page, facts, note, onward, section};
use super::reader::{Miss, Placed, Reader};
use super::show;
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::{B256, Log, TxKind};
use alloy_sol_types::decode_revert_reason;
use revm::ExecuteEvm;
use revm::context::result::{ExecutionResult, ResultAndState};
use terroir_ledger::Transaction;
use terroir_ledger::execute::replay;

/// Bytes of the input that are shown.
const INPUT_MAX: usize = 1_024;
/// Bytes of a log's data that are shown.
const DATA_MAX: usize = 512;
/// Logs of a page.
const LOGS_MAX: usize = 50;
/// Letters of a reason that are shown.
const REASON_MAX: usize = 512;
/// Most gas of the transactions that are executed again to find why one failed.
const REPLAY_GAS_MAX: u64 = 10_000_000;

/// The page `/tx/{id}`.
pub(super) fn transaction(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let unknown = || Miss::Unknown("There is no such transaction, final or waiting here.".into());
    let hash: B256 = ask.id.parse().map_err(|_| unknown())?;
    let Some((number, place)) = reader.tip.kept.place_of(&hash)? else {
        let waiting = reader.chain.mempool().get(&hash).ok_or_else(unknown)?;
        return Ok(Page::live("Transaction", waits(&waiting)));
    };
    let place = usize::try_from(place).map_err(|_| unknown())?;
    let placed = Placed { block: reader.block(number)?, place };
    let mut lines = asked(&placed, reader)?;
    lines.extend(cost(&placed));
    let envelope = placed.envelope();
    let mut body = facts(lines);
    if let TxKind::Call(to) = envelope.kind()
        && let Some(call) = decode::call(&to, envelope.input())
    {
        body = body.and(section("Call", said(call)));
    }
    let body = body.and(section("Logs", logs(&placed, ask)));
    let input = section("Input", show::bytes(envelope.input(), INPUT_MAX));
    Ok(Page::still("Transaction", body.and(input)))
}

/// One that waits for a block.
fn waits(waiting: &Transaction) -> Html {
    let envelope = &waiting.envelope;
    let to = envelope.to().map(|to| show::whole_address(&to));
    let lines = facts([
        ("Hash", show::whole(waiting.hash)),
        ("Status", show::badge("plain", "waits for a block")),
        ("From", show::whole_address(&waiting.sender)),
        ("To", Html::from(to)),
        ("Value", show::money(envelope.value())),
        ("Nonce", text(show::count(envelope.nonce()))),
        ("At most a gas", show::price(envelope.max_fee_per_gas())),
    ]);
    let call = envelope.to().and_then(|to| decode::call(&to, envelope.input()));
    let call = call.map(|call| section("Call", said(call)));
    lines.and(call).and(section("Input", show::bytes(envelope.input(), INPUT_MAX)))
}

type Lines = Vec<(&'static str, Html)>;

fn asked(placed: &Placed, reader: &Reader<'_>) -> Result<Lines, Miss> {
    let envelope = placed.envelope();
    let header = &placed.block.block.header;
    let status = match placed.succeeded() {
        true => show::badge("good", "done"),
        false => {
            let why = reason(placed, reader)?;
            let why = why.chars().take(REASON_MAX).collect::<String>();
            show::badge("bad", "failed").then(tag("span").set("class", "why").of(why))
        }
    };
    let from = placed.sender();
    let (label, to) = match envelope.kind() {
        TxKind::Call(to) => ("To", Some(to)),
        TxKind::Create => ("Makes", from.map(|from| from.create(envelope.nonce()))),
    };
    let place = format!(", number {} in it", placed.place);
    Ok(vec![
        ("Hash", show::whole(placed.hash())),
        ("Status", status),
        ("Block", show::block(header.number).and(place)),
        ("Made", show::time(header.timestamp)),
        ("From", from.map(|from| show::whole_address(&from)).into()),
        (label, to.map(|to| show::whole_address(&to)).into()),
        ("Value", show::money(envelope.value())),
        ("Nonce", text(show::count(envelope.nonce()))),
        ("Type", text(envelope.ty())),
    ])
}

fn cost(placed: &Placed) -> Lines {
    let envelope = placed.envelope();
    let used = format!(
        "{} of {} ({})",
        show::count(placed.gas_used()),
        show::count(envelope.gas_limit()),
        show::percent(placed.gas_used(), envelope.gas_limit())
    );
    vec![
        ("Gas", text(used)),
        ("Paid a gas", show::price(placed.gas_price())),
        ("At most a gas", show::price(envelope.max_fee_per_gas())),
        ("Fee", show::money(placed.fee())),
    ]
}

/// Why a transaction failed, which its receipt does not say: found by executing it again.
fn reason(placed: &Placed, reader: &Reader<'_>) -> Result<String, Miss> {
    let header = &placed.block.block.header;
    let (number, place) = (header.number, placed.place);
    let gas = placed.receipt().cumulative_gas_used();
    let Some(before) = number.checked_sub(1).filter(|_| gas <= REPLAY_GAS_MAX) else {
        return Ok("executing it again to find out why is too much work for a page".into());
    };
    let chain_id = reader.chain.chain().id;
    let envelopes = &placed.block.block.transactions[..=place];
    let checked = envelopes.iter().map(|one| Transaction::check(one.clone(), chain_id));
    // They were checked when the block was.
    let Ok(transactions) = checked.collect::<Result<Vec<_>, _>>() else {
        return Ok(String::new());
    };
    let view = reader.tip.kept.view(before, reader.block(before)?.block.header.state_root);
    let mut machine = replay(&view, chain_id, header, &transactions[..place], ())?;
    match machine.transact(transactions[place].env()) {
        Ok(ResultAndState { result: ExecutionResult::Revert { output, .. }, .. }) => {
            let none = || "it gave no reason".into();
            Ok(decode_revert_reason(&output).unwrap_or_else(none))
        }
        Ok(ResultAndState { result: ExecutionResult::Halt { reason, .. }, .. }) => {
            Ok(format!("{reason:?}"))
        }
        _ => Ok(String::new()),
    }
}

/// A call or an event, with its parameters.
fn said(decoded: Decoded) -> Html {
    let Decoded { contract, name, parameters } = decoded;
    let name = tag("p").of(show::badge("plain", &format!("{contract}: {name}")));
    name.and(facts(parameters))
}

fn logs(placed: &Placed, ask: &Ask) -> Html {
    let all = placed.receipt().logs();
    let first = ask.query.number("logs").and_then(|first| usize::try_from(first).ok());
    let first = first.unwrap_or(0).min(all.len());
    let last = first.saturating_add(LOGS_MAX).min(all.len());
    if all.is_empty() {
        return note("None.");
    }
    let shown: Html = all[first..last].iter().map(log).collect();
    let next = (last < all.len()).then(|| format!("/tx/{}?logs={last}", placed.hash()));
    shown.and(onward(next, "More logs"))
}

fn log(log: &Log) -> Html {
    let from = tag("p").of(text("From ").and(show::whole_address(&log.address)));
    let inside = match decode::event(&log.address, &log.data) {
        Some(event) => said(event),
        None => {
            let topic = |topic: &B256| tag("li").of(show::whole(topic));
            let topics = log.topics().iter().map(topic).collect::<Html>();
            let topics = tag("ul").set("class", "lines").of(topics);
            facts([("Topics", topics), ("Data", show::bytes(&log.data.data, DATA_MAX))])
        }
    };
    tag("div").set("class", "log").of(from.and(inside))
}
