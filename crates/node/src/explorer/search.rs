//! Search: whatever somebody has of a thing, and the page that it is on.
//!
//! Invariant: nothing is looked through; every question is answered by a few look-ups.

use super::Ask;
use super::html::{tag, text};
use super::page::{Page, note};
use super::reader::{Miss, Reader};
use alloy_primitives::{Address, B256};
use terroir_ledger::native::abi::{INodes, IRegistry};
use terroir_ledger::native::{NODES, REGISTRY};

/// Letters of a question that are repeated.
const SHOWN_MAX: usize = 80;

/// The page `/search`: sends on to what was found.
pub(super) fn search(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let asked = ask.query.get("q").unwrap_or_default().trim();
    if let Some(path) = path(reader, asked)? {
        return Err(Miss::Elsewhere(path));
    }
    let shown: String = asked.chars().take(SHOWN_MAX).collect();
    let found = tag("p").of(text("Nothing here is called ").and(tag("code").of(shown)).and("."));
    let what = "Found are numbers and hashes of blocks, hashes of transactions, addresses, ids of \
                entries, digests of manifests and keys of nodes.";
    Ok(Page::still("Search", found.and(note(what))))
}

fn path(reader: &Reader<'_>, asked: &str) -> Result<Option<String>, Miss> {
    let plain = asked.replace([',', '_', '#'], "");
    if let Ok(number) = plain.parse::<u64>() {
        return Ok((number <= reader.height()).then(|| format!("/block/{number}")));
    }
    if let Ok(address) = asked.parse::<Address>() {
        return Ok(Some(format!("/address/{address}")));
    }
    let Ok(word) = asked.parse::<B256>() else { return Ok(None) };
    let kept = &reader.tip.kept;
    if let Some(number) = kept.number_of(&word)? {
        return Ok(Some(format!("/block/{number}")));
    }
    if kept.place_of(&word)?.is_some() || reader.chain.mempool().get(&word).is_some() {
        return Ok(Some(format!("/tx/{word}")));
    }
    if reader.find(REGISTRY, &IRegistry::entryCall { id: word })?.is_some() {
        return Ok(Some(format!("/entry/{word}")));
    }
    if reader.find(REGISTRY, &IRegistry::releaseOfCall { manifest: word })?.is_some() {
        return Ok(Some(format!("/release/{word}")));
    }
    let node = reader.find(NODES, &INodes::nodeCall { key: word })?;
    Ok(node.map(|_| format!("/node/{word}")))
}
