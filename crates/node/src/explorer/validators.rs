//! Validators: who sits in this epoch and the next, with what stake, and who does not.

use super::Ask;
use super::html::{Html, text};
use super::page::{Page, facts, note, section, table};
use super::reader::{Miss, Reader};
use super::show;
use alloy_primitives::{Address, U256};
use terroir_ledger::native::STAKING;
use terroir_ledger::native::abi::IStaking::{self, Status};

/// The whole of commissions.
const WHOLE: u64 = 1_000_000;

/// The page `/validators`.
pub(super) fn validators(reader: &Reader<'_>, _: &Ask) -> Result<Page, Miss> {
    let chain = reader.chain.chain();
    let number = reader.height() + 1;
    let epoch = chain.epoch(number);
    let until = (epoch + 1).saturating_mul(chain.epoch_blocks) - 1;
    let mut known = Vec::new();
    for index in 0..reader.ask(STAKING, &IStaking::countCall {})? {
        let address = reader.ask(STAKING, &IStaking::byIndexCall { index })?;
        if let Some(validator) = reader.validator(address)? {
            known.push((address, validator));
        }
    }
    let (now, next) = (seats(reader, epoch)?, seats(reader, epoch + 1)?);
    let all: U256 = known.iter().map(|(_, validator)| validator.tokens).sum();
    let rows = known.iter().map(|(address, validator)| {
        let seat = |list: &[Address]| match list.iter().position(|one| one == address) {
            Some(place) => text(format!("seat {place}")),
            None => text("no"),
        };
        [
            show::address(address),
            status(validator.status),
            show::money(validator.tokens),
            seat(&now),
            seat(&next),
            text(show::percent(validator.commission.into(), WHOLE)),
            text(format!(
                "{} / {}",
                show::count(validator.produced),
                show::count(validator.missed)
            )),
        ]
    });
    let heads =
        ["Validator", "Status", "#Stake", "Now", "Next epoch", "#Commission", "#Made / missed"];
    let list = table(heads, rows.collect(), "None.");
    let head = facts([
        ("Epoch", text(format!("{epoch}, until block {}", show::count(until)))),
        ("Seats", text(format!("{} now, {} next", now.len(), next.len()))),
        ("Stake of all", show::money(all)),
    ]);
    let order = note("Made and missed count blocks and turns of this epoch.");
    let body = head.and(section("All validators", list.and(order)));
    let body = body.and(committee(reader, "This committee", &now)?);
    Ok(Page::live("Validators", body.and(committee(reader, "The next committee", &next)?)))
}

fn seats(reader: &Reader<'_>, epoch: u64) -> Result<Vec<Address>, Miss> {
    let seats = reader.ask(STAKING, &IStaking::committeeCall { epoch })?;
    Ok(seats.into_iter().map(|seat| seat.validator).collect())
}

fn committee(reader: &Reader<'_>, title: &str, seats: &[Address]) -> Result<Html, Miss> {
    let mut rows = Vec::new();
    for (place, address) in seats.iter().enumerate() {
        let validator = reader.validator(*address)?;
        let (key, stake) = match validator {
            Some(one) => (show::short(&one.key), show::money(one.tokens)),
            None => (text("gone"), text("")),
        };
        rows.push([text(place), show::address(address), key, stake]);
    }
    let list = table(["#Seat", "Validator", "Key", "#Stake"], rows, "It is not fixed yet.");
    Ok(section(title, list))
}

fn status(status: Status) -> Html {
    match status {
        Status::Active => show::badge("good", "active"),
        Status::Leaving => show::badge("plain", "leaving"),
        Status::Jailed => show::badge("bad", "jailed"),
        _ => show::badge("plain", "gone"),
    }
}

/// What a validator is and has.
pub(super) fn terms(
    reader: &Reader<'_>,
    address: Address,
    validator: &IStaking::Validator,
) -> Result<Html, Miss> {
    let ask = IStaking::sharesOfCall { validator: address, delegator: address };
    let own = reader.ask(STAKING, &ask)?;
    let percent = |part: U256| {
        // Both are far below 2^128, and so is what they are scaled to.
        let scaled = (part * U256::from(WHOLE)).checked_div(validator.shares).unwrap_or_default();
        show::percent(scaled.saturating_to(), WHOLE)
    };
    let mut lines = vec![
        ("Status", status(validator.status)),
        ("Stake", show::money(validator.tokens)),
        ("Shares", text(show::count(validator.shares))),
        ("Its own", text(format!("{} of the shares", percent(own)))),
        ("Commission", text(show::percent(validator.commission.into(), WHOLE))),
        ("Tips go to", show::whole_address(&validator.payout)),
        ("Key", show::whole(validator.key)),
        ("Key for votes", show::bytes(&validator.blsKey, 96)),
        ("Blocks of this epoch", text(format!("{} made", show::count(validator.produced)))),
        ("Turns of this epoch", text(format!("{} missed", show::count(validator.missed)))),
    ];
    if validator.jailedUntil > 0 {
        lines.push(("In jail until", show::time(validator.jailedUntil)));
    }
    Ok(facts(lines))
}
