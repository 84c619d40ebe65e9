//! The head of the chain, and lists of blocks and transactions.

use super::Ask;
use super::html::{Html, tag, text};
use super::page::{Page, facts, onward, section, table};
use super::reader::{Miss, Placed, Reader};
use super::{decode, show};
use crate::chain::Final;
use alloy_consensus::Transaction as _;
use alloy_primitives::TxKind;
use std::sync::Arc;
use terroir_ledger::native::STAKING;
use terroir_ledger::native::abi::IStaking;

/// Rows of the lists on the first page.
const FEW: usize = 10;
/// Rows of a page of a list.
const MANY: usize = 25;
/// Blocks that are looked through for transactions.
const SCAN_MAX: u64 = 500;

/// The page `/`.
pub(super) fn home(reader: &Reader<'_>, _: &Ask) -> Result<Page, Miss> {
    let tip = &reader.tip;
    let header = &tip.header;
    let epoch = tip.seal.epoch;
    let chain = reader.chain.chain();
    let seats = reader.ask(STAKING, &IStaking::committeeCall { epoch })?.len();
    let waiting = reader.chain.mempool().waiting();
    let into = format!("{} of {}", header.number % chain.epoch_blocks + 1, chain.epoch_blocks);
    let gas = format!(
        "{} of {} ({})",
        show::count(header.gas_used),
        show::count(header.gas_limit),
        show::percent(header.gas_used, header.gas_limit)
    );
    let head = facts([
        ("Last final block", show::block(header.number)),
        ("Made", show::time(header.timestamp)),
        ("Epoch", text(format!("{epoch}, block {into}"))),
        ("Committee", tag("a").set("href", "/validators").of(format!("{seats} seats"))),
        ("Gas", text(gas)),
        ("Base fee", show::price(header.base_fee_per_gas.unwrap_or_default().into())),
        ("Next base fee", show::price(tip.next_base_fee()?.into())),
        (
            "Waiting transactions",
            text(format!("{} for the next block, {} later", waiting.pending, waiting.queued)),
        ),
    ]);
    let (transactions, _) = walk(reader, None, FEW)?;
    let rows = transactions.iter().map(row).collect();
    let none = format!("None in the last {SCAN_MAX} blocks.");
    let blocks = table(BLOCKS, block_rows(reader, header.number, FEW)?, "None.");
    let blocks = blocks.and(onward(Some("/blocks".into()), "All blocks"));
    let transactions = table(TRANSACTIONS, rows, &none);
    let transactions = transactions.and(onward(Some("/transactions".into()), "All transactions"));
    let lists = section("Latest blocks", blocks).and(section("Latest transactions", transactions));
    Ok(Page::live(format!("Chain {}", chain.id), head.and(lists)))
}

const BLOCKS: [&str; 5] = ["#Block", "Made", "#Transactions", "#Gas", "Proposer"];

/// Rows of the blocks from `number` down.
fn block_rows(reader: &Reader<'_>, number: u64, count: usize) -> Result<Vec<[Html; 5]>, Miss> {
    let row = |number| {
        let found = reader.block(number)?;
        let header = &found.block.header;
        Ok([
            show::block(number),
            show::time(header.timestamp),
            text(show::count(found.block.transactions.len())),
            text(show::percent(header.gas_used, header.gas_limit)),
            if number == 0 { text("genesis") } else { show::address(&header.beneficiary) },
        ])
    };
    (0..=number).rev().take(count).map(row).collect()
}

/// The page `/blocks`.
pub(super) fn blocks(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let before = ask.query.number("before").filter(|before| *before <= reader.height());
    let first = match before {
        Some(0) => return Err(Miss::Unknown("There is no block before block 0.".into())),
        Some(before) => before - 1,
        None => reader.height(),
    };
    let rows = block_rows(reader, first, MANY)?;
    let older = (first + 1).checked_sub(MANY as u64).filter(|next| *next > 0);
    let older = onward(older.map(|next| format!("/blocks?before={next}")), "Older");
    let body = table(BLOCKS, rows, "None.").and(older);
    Ok(Page { title: "Blocks".into(), live: before.is_none(), body })
}

/// Transactions before a place in the chain, the newest first, and where the next ones begin.
type Walked = (Vec<Placed>, Option<(u64, u32)>);

fn walk(reader: &Reader<'_>, before: Option<(u64, u32)>, max: usize) -> Result<Walked, Miss> {
    let (first, until) = before.unwrap_or((reader.height(), u32::MAX));
    let first = first.min(reader.height());
    let last = (first + 1).saturating_sub(SCAN_MAX);
    let mut found = Vec::new();
    for number in (last..=first).rev() {
        let block: Arc<Final> = reader.block(number)?;
        let until = if number == first { until } else { u32::MAX };
        let count =
            block.block.transactions.len().min(usize::try_from(until).unwrap_or(usize::MAX));
        for place in (0..count).rev() {
            found.push(Placed { block: Arc::clone(&block), place });
            if found.len() == max {
                let more = number > 0 || place > 0;
                return Ok((
                    found,
                    more.then(|| (number, u32::try_from(place).unwrap_or(u32::MAX))),
                ));
            }
        }
    }
    Ok((found, last.checked_sub(1).map(|next| (next, u32::MAX))))
}

pub(super) const TRANSACTIONS: [&str; 6] =
    ["Transaction", "#Block", "From", "To", "What", "#Value"];

/// A row of a list of transactions.
pub(super) fn row(placed: &Placed) -> [Html; 6] {
    let envelope = placed.envelope();
    let from = placed.sender();
    let to = match envelope.kind() {
        TxKind::Call(to) => show::address(&to),
        TxKind::Create => from.map(|from| show::address(&from.create(envelope.nonce()))).into(),
    };
    let failed = (!placed.succeeded()).then(|| text(" ").and(show::badge("bad", "failed")));
    [
        show::transaction(&placed.hash()),
        show::block(placed.block.block.header.number),
        from.map(|from| show::address(&from)).into(),
        to,
        what(placed).and(failed),
        show::money(envelope.value()),
    ]
}

/// What a transaction does, in a word or two.
pub(super) fn what(placed: &Placed) -> Html {
    let envelope = placed.envelope();
    let TxKind::Call(to) = envelope.kind() else { return show::badge("plain", "new contract") };
    match decode::call(&to, envelope.input()) {
        Some(call) => show::badge("plain", &format!("{}: {}", call.contract, call.name)),
        None if envelope.input().is_empty() => show::badge("plain", "payment"),
        None => show::badge("plain", "call"),
    }
}

/// The page `/transactions`.
pub(super) fn transactions(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let before = ask.query.place("before");
    let (found, next) = walk(reader, before, MANY)?;
    let none = format!("None in these {SCAN_MAX} blocks.");
    let rows = found.iter().map(row).collect();
    let older = next.map(|(block, place)| format!("/transactions?before={block}.{place}"));
    let body = table(TRANSACTIONS, rows, &none).and(onward(older, "Older"));
    Ok(Page { title: "Transactions".into(), live: before.is_none(), body })
}
