//! One account: what it has, what it is, and what it had to do with.

use super::Ask;
use super::home::{TRANSACTIONS, row};
use super::html::{Html, tag, text};
use super::page::{Page, facts, note, onward, section, table};
use super::reader::{Miss, Placed, Reader};
use super::{show, validators};
use alloy_primitives::{Address, KECCAK256_EMPTY};
use terroir_ledger::native::abi::{INodes, IRegistry};
use terroir_ledger::native::{ALL, GOVERNANCE, NODES, RECEIPTS, REGISTRY, STAKING};
use terroir_ledger::predeploy::PREDEPLOYS;

/// Transactions of a page.
const ROWS_MAX: usize = 25;
/// Newest entries of the registry and nodes that are asked whether they are the account's.
const SCAN_MAX: u64 = 256;
/// Bytes of code that are shown.
const CODE_MAX: usize = 512;

/// The page `/address/{id}`.
pub(super) fn account(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let unknown = || Miss::Unknown("That is no address.".into());
    let address: Address = ask.id.parse().map_err(|_| unknown())?;
    let account = reader.tip.view.account(&address)?.unwrap_or_default();
    let mut lines = vec![
        ("Address", show::whole(address)),
        ("Balance", show::money(account.balance)),
        ("Nonce", text(show::count(account.nonce))),
    ];
    if let Some(name) = name(&address) {
        lines.push(("Known as", show::badge("plain", name)));
    }
    let mut code = Html::default();
    if account.code_hash != KECCAK256_EMPTY {
        let ready = reader.tip.view.code(&account.code_hash)?;
        let bytes = ready.original_byte_slice();
        if let Some(lent) = ready.eip7702_address() {
            lines.push(("Acts with the code of", show::whole_address(&lent)));
        } else if !ALL.contains(&address) {
            lines.push(("Code", text(format!("{} bytes", show::count(bytes.len())))));
            lines.push(("Hash of the code", show::whole(account.code_hash)));
            code = section("Code", show::bytes(bytes, CODE_MAX));
        }
    }
    let body = facts(lines).and(role(reader, address)?);
    let body = body.and(section("Transactions", history(reader, &address, ask)?)).and(code);
    let title = if account.code_hash == KECCAK256_EMPTY { "Account" } else { "Contract" };
    Ok(Page { title: title.into(), live: ask.query.get("before").is_none(), body })
}

/// What everybody calls an address that is fixed.
fn name(address: &Address) -> Option<&'static str> {
    match *address {
        REGISTRY => Some("Registry"),
        NODES => Some("Nodes"),
        STAKING => Some("Staking"),
        RECEIPTS => Some("Receipts"),
        GOVERNANCE => Some("Governance"),
        _ => PREDEPLOYS.iter().find(|one| one.address == *address).map(|one| one.name),
    }
}

/// What the account is to the network.
fn role(reader: &Reader<'_>, address: Address) -> Result<Html, Miss> {
    let mut parts = Html::default();
    if let Some(validator) = reader.validator(address)? {
        parts = parts.and(section("Validator", validators::terms(reader, address, &validator)?));
    }
    let mut rows = Vec::new();
    let count = reader.ask(REGISTRY, &IRegistry::countCall {})?;
    for index in (count.saturating_sub(SCAN_MAX)..count).rev() {
        let id = reader.ask(REGISTRY, &IRegistry::byIndexCall { index })?;
        let entry = reader.ask(REGISTRY, &IRegistry::entryCall { id })?;
        if entry.owner == address {
            let link = tag("a").set("href", format!("/entry/{id}")).of(entry.name);
            rows.push([link, text(super::registry::kind_name(entry.kind))]);
        }
    }
    if !rows.is_empty() {
        let more = note(format!("Among the newest {SCAN_MAX} entries."));
        let more = (count > SCAN_MAX).then_some(more);
        parts = parts.and(section("Owns", table(["Name", "Kind"], rows, "").and(more)));
    }
    let mut rows = Vec::new();
    let count = reader.ask(NODES, &INodes::countCall {})?;
    for index in (count.saturating_sub(SCAN_MAX)..count).rev() {
        let key = reader.ask(NODES, &INodes::byIndexCall { index })?;
        let node = reader.ask(NODES, &INodes::nodeCall { key })?;
        if node.operator == address {
            rows.push([show::node(&key), show::money(node.bond)]);
        }
    }
    if !rows.is_empty() {
        let more = note(format!("Among the newest {SCAN_MAX} nodes."));
        let more = (count > SCAN_MAX).then_some(more);
        parts = parts.and(section("Runs", table(["Node", "#Bond"], rows, "").and(more)));
    }
    Ok(parts)
}

fn history(reader: &Reader<'_>, address: &Address, ask: &Ask) -> Result<Html, Miss> {
    let before = ask.query.place("before");
    let mut found = reader.tip.kept.history(address, before, ROWS_MAX + 1)?;
    let more = found.len() > ROWS_MAX;
    found.truncate(ROWS_MAX);
    let mut rows = Vec::new();
    for (number, place) in &found {
        let place = usize::try_from(*place).unwrap_or(usize::MAX);
        let block = reader.block(*number)?;
        if place < block.block.transactions.len() {
            rows.push(row(&Placed { block, place }));
        }
    }
    let older = found.last().filter(|_| more);
    let older = older.map(|(block, place)| format!("/address/{address}?before={block}.{place}"));
    let what = "Sent by it, sent to it, or about tokens of it. What contracts pay within a \
                transaction of others is not listed.";
    Ok(table(TRANSACTIONS, rows, "None.").and(onward(older, "Older")).and(note(what)))
}
