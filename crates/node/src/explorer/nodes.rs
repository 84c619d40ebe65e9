//! Nodes that work for others, and the batches of receipts that they settled.

use super::Ask;
use super::html::{Html, tag, text};
use super::page::{Page, facts, onward, section, table};
use super::reader::{Miss, Reader};
use super::show;
use alloy_primitives::B256;
use terroir_ledger::native::abi::{INodes, IReceipts};
use terroir_ledger::native::{NODES, RECEIPTS};

/// Rows of a page.
const ROWS_MAX: u64 = 25;
/// What the bits of a node's roles mean, the least first.
const ROLES: [&str; 4] = ["worker", "auditor", "storage", "gateway"];

/// Which rows a page has, of so many that are numbered from 0, the newest first: the last of them and
/// the one after the first.
fn rows(ask: &Ask, count: u64) -> (std::ops::Range<u64>, bool) {
    let before = ask.query.number("before").filter(|before| *before <= count);
    let first = before.unwrap_or(count);
    (first.saturating_sub(ROWS_MAX)..first, before.is_none())
}

fn older(path: &str, rows: &std::ops::Range<u64>) -> Html {
    onward((rows.start > 0).then(|| format!("{path}?before={}", rows.start)), "Older")
}

fn roles(bits: u32) -> Html {
    let named = ROLES.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
    let named: Html = named.map(|(_, name)| show::badge("plain", name).and(" ")).collect();
    match bits {
        0 => tag("span").set("class", "soft").of("none"),
        _ => named,
    }
}

/// The page `/nodes`.
pub(super) fn nodes(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let (range, live) = rows(ask, reader.ask(NODES, &INodes::countCall {})?);
    let older = older("/nodes", &range);
    let mut rows = Vec::new();
    for index in range.rev() {
        let key = reader.ask(NODES, &INodes::byIndexCall { index })?;
        let node = reader.ask(NODES, &INodes::nodeCall { key })?;
        rows.push([
            show::node(&key),
            roles(node.roles),
            show::money(node.bond),
            show::address(&node.operator),
            show::url(&node.endpoint),
            show::time(node.seen),
        ]);
    }
    let heads = ["Node", "Roles", "#Bond", "Run by", "Where", "Last sign of life"];
    let body = table(heads, rows, "None yet.").and(older);
    Ok(Page { title: "Nodes".into(), live, body })
}

/// The page `/node/{id}`.
pub(super) fn node(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let unknown = |_| Miss::Unknown("That is no key of a node.".into());
    let key: B256 = ask.id.parse().map_err(unknown)?;
    let node = reader.ask(NODES, &INodes::nodeCall { key })?;
    let item = |digest: &B256| tag("li").of(show::whole(digest));
    let offers: Html = node.capabilities.iter().map(item).collect();
    let offers = match node.capabilities.is_empty() {
        true => tag("span").set("class", "soft").of("nothing named"),
        false => tag("ul").set("class", "lines").of(offers),
    };
    let mut lines = vec![
        ("Key", show::whole(key)),
        ("Roles", roles(node.roles)),
        ("Bond", show::money(node.bond)),
        ("Run by", show::whole_address(&node.operator)),
        ("Where", show::url(&node.endpoint)),
        ("Offers", offers),
        ("Joined", show::time(node.joined)),
        ("Last sign of life", show::time(node.seen)),
    ];
    if !node.leaving.is_zero() {
        let ready = text(" from ").and(show::time(node.ready));
        lines.push(("Leaving the bond", show::money(node.leaving).and(ready)));
    }
    let (range, live) = rows(ask, reader.ask(RECEIPTS, &IReceipts::batchesCall { key })?);
    let older = older(&format!("/node/{key}"), &range);
    let mut rows = Vec::new();
    for index in range.rev() {
        rows.push(batch(reader, key, index)?);
    }
    let list = table(BATCHES, rows, "None yet.").and(older);
    let body = facts(lines).and(section("Batches of receipts", list));
    Ok(Page { title: "Node".into(), live, body })
}

const BATCHES: [&str; 6] = ["#Batch", "#Receipts", "#From number", "Root", "#Block", "Status"];

fn batch(reader: &Reader<'_>, key: B256, index: u64) -> Result<[Html; 6], Miss> {
    let batch = reader.ask(RECEIPTS, &IReceipts::batchCall { key, index })?;
    let status = match batch.finalAt.checked_sub(reader.height()).filter(|left| *left > 0) {
        None => show::badge("good", "final"),
        Some(left) => show::badge("plain", &format!("final in {} blocks", show::count(left))),
    };
    Ok([
        text(show::count(index)),
        text(show::count(batch.count)),
        text(show::count(batch.first)),
        show::short(&batch.root),
        show::block(batch.block_),
        status,
    ])
}

/// The page `/receipts`: the last batch of each node.
pub(super) fn receipts(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let (range, live) = rows(ask, reader.ask(NODES, &INodes::countCall {})?);
    let older = older("/receipts", &range);
    let mut rows = Vec::new();
    for index in range.rev() {
        let key = reader.ask(NODES, &INodes::byIndexCall { index })?;
        let count = reader.ask(RECEIPTS, &IReceipts::batchesCall { key })?;
        let Some(last) = count.checked_sub(1) else {
            let none = || text("");
            let no = tag("span").set("class", "soft").of("none yet");
            rows.push([show::node(&key), no, none(), none(), none(), none(), none()]);
            continue;
        };
        let [index, receipts, first, root, block, status] = batch(reader, key, last)?;
        rows.push([show::node(&key), index, receipts, first, root, block, status]);
    }
    let [index, receipts, first, root, block, status] = BATCHES;
    let heads = ["Node", index, receipts, first, root, block, status];
    let body = table(heads, rows, "There is no node yet.").and(older);
    let what =
        tag("p").of("The last batch of each node; a node's own page has all of its batches.");
    Ok(Page { title: "Receipts".into(), live, body: what.and(body) })
}
