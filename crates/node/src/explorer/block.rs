//! One block: its header, what consensus says of it, and its transactions.

use super::Ask;
use super::home::{TRANSACTIONS, row};
use super::html::{Html, tag, text};
use super::page::{Page, facts, note, onward, section, table};
use super::reader::{Miss, Placed, Reader};
use super::show;
use crate::chain::Final;
use alloy_primitives::B256;
use std::sync::Arc;
use terroir_ledger::native::staking;
use terroir_proof::finality::{Certificate, Equivocation};

/// Transactions of a page.
const ROWS_MAX: usize = 50;

/// The page `/block/{id}`: by number or by hash.
pub(super) fn block(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let unknown = || Miss::Unknown("There is no such block.".into());
    let number = match ask.id.parse::<B256>() {
        Ok(hash) => reader.tip.kept.number_of(&hash)?.ok_or_else(unknown)?,
        Err(_) => ask.id.parse().map_err(|_| unknown())?,
    };
    let found = reader.block(number)?;
    let beside = beside(reader, number);
    let body = beside.and(head(&found)).and(section("Finality", finality(reader, &found)?));
    let body = body.and(section("Transactions", transactions(&found, ask)));
    // A block stays as it is; that there is one after it does not.
    let live = number == reader.height();
    Ok(Page { title: format!("Block {}", show::count(number)), live, body })
}

/// Ways to the blocks before and after.
fn beside(reader: &Reader<'_>, number: u64) -> Html {
    let link = |number: u64, rel: &str, name: &str| {
        tag("a").set("href", format!("/block/{number}")).set("rel", rel.to_owned()).of(name)
    };
    let before = number.checked_sub(1).map(|before| link(before, "prev", "← Before"));
    let after = (number < reader.height()).then(|| link(number + 1, "next", "After →"));
    tag("p").set("class", "beside").of(Html::from(before).then(after))
}

fn head(found: &Final) -> Html {
    let header = &found.block.header;
    let used = format!(
        "{} of {} ({})",
        show::count(header.gas_used),
        show::count(header.gas_limit),
        show::percent(header.gas_used, header.gas_limit)
    );
    let before = match header.number {
        0 => show::whole(header.parent_hash),
        number => {
            let link = tag("a").set("href", format!("/block/{}", number - 1));
            link.of(show::whole(header.parent_hash))
        }
    };
    facts([
        ("Hash", show::whole(found.hash)),
        ("Made", show::time(header.timestamp)),
        ("Gas", text(used)),
        ("Base fee", show::price(header.base_fee_per_gas.unwrap_or_default().into())),
        ("Tips go to", show::whole_address(&header.beneficiary)),
        ("Before it", before),
        ("State", show::whole(header.state_root)),
        ("Receipts", show::whole(header.receipts_root)),
        ("Bytes", text(show::count(found.block.encode().len()))),
    ])
}

fn finality(reader: &Reader<'_>, found: &Final) -> Result<Html, Miss> {
    let (header, seal) = (&found.block.header, &found.block.seal);
    if header.number == 0 {
        return Ok(note("Block 0 is made by the genesis file. Its hash is the name of the chain."));
    }
    let seats = staking::seats_of(&reader.tip.view, seal.epoch)?;
    let leader = usize::try_from(seal.leader).ok().and_then(|leader| seats.get(leader));
    let leader = leader.map(|seat| text(" ").and(show::address(&seat.validator)));
    let mut lines = vec![
        ("Epoch", text(seal.epoch)),
        ("View", text(show::count(seal.view))),
        ("Proposed by", text(format!("seat {}", seal.leader)).and(leader)),
        ("Next committee", show::whole(seal.next)),
    ];
    for evidence in &seal.evidence {
        lines.push(("Convicted", convicted(reader, evidence)?));
    }
    let certificate = reader.tip.kept.certificate(header.number)?;
    let Some(certificate) = certificate else {
        let why = "This node keeps no certificate of this block: later ones cover it.";
        return Ok(facts(lines).and(note(why)));
    };
    match Certificate::decode(&certificate) {
        Ok(certificate) => {
            let signers = certificate.signers.iter().filter(|signed| **signed).count();
            let all = certificate.signers.len();
            lines.push(("Signed by", text(format!("{signers} of {all} seats"))));
            let missing = certificate.signers.iter().zip(&seats).filter(|(signed, _)| !**signed);
            let missing = missing.map(|(_, seat)| show::address(&seat.validator).and(" "));
            let missing: Html = missing.collect();
            if missing != Html::default() {
                lines.push(("Not in it", missing));
            }
            lines.push(("Checked by you", check(reader, found)));
        }
        Err(_) => lines.push(("Certificate", show::badge("bad", "cannot be read"))),
    }
    Ok(facts(lines))
}

/// Whose votes `evidence` is, and where they contradict each other.
fn convicted(reader: &Reader<'_>, evidence: &[u8]) -> Result<Html, Miss> {
    let Ok(found) = Equivocation::decode(evidence) else {
        return Ok(show::badge("bad", "cannot be read"));
    };
    let seats = staking::seats_of(&reader.tip.view, found.epoch)?;
    let seat = usize::try_from(found.seat).ok().and_then(|seat| seats.get(seat));
    let who = seat.map(|seat| show::address(&seat.validator).and(" "));
    let Equivocation { epoch, view, .. } = found;
    Ok(Html::default().and(who).and(format!("signed two votes in view {view} of epoch {epoch}")))
}

/// Where the script offers to check the certificate in the browser, and what it needs for that.
fn check(reader: &Reader<'_>, found: &Final) -> Html {
    let place = tag("span").set("class", "soft").set("id", "check");
    let place = place.set("data-number", found.block.header.number).set("data-hash", found.hash);
    let place = place.set("data-epoch-blocks", reader.chain.chain().epoch_blocks);
    let place = place.set("data-genesis", reader.chain.genesis());
    place.of("A browser with JavaScript can; others ask terroir chain verify-header.")
}

fn transactions(found: &Arc<Final>, ask: &Ask) -> Html {
    let all = found.block.transactions.len();
    let first = ask.query.number("from").and_then(|from| usize::try_from(from).ok()).unwrap_or(0);
    let last = first.saturating_add(ROWS_MAX).min(all);
    let placed = (first.min(all)..last).map(|place| Placed { block: Arc::clone(found), place });
    let rows = placed.map(|placed| row(&placed)).collect();
    let number = found.block.header.number;
    let next = (last < all && first < last).then(|| format!("/block/{number}?from={last}"));
    let count = match first < last {
        true => note(format!("{} to {} of {}", first + 1, last, show::count(all))),
        false => Html::default(),
    };
    count.and(table(TRANSACTIONS, rows, "None.")).and(onward(next, "More of this block"))
}
