//! Parameters, and the proposals that move them.

use super::Ask;
use super::html::{Html, tag, text};
use super::page::{Page, facts, onward, table};
use super::reader::{Miss, Reader};
use super::show;
use alloy_primitives::U256;
use terroir_ledger::native::GOVERNANCE;
use terroir_ledger::native::abi::IGovernance::{self, State};
use terroir_ledger::native::params::{
    BASE_FEE_MIN, BLOCK_REWARD, DOWNTIME_LIMIT, JAIL_SECONDS, NODE_BOND, PARAMS, SEAT_BOND,
    SLASH_DOWNTIME, TIMELOCK_SECONDS, UNBOND_SECONDS, VOTING_SECONDS,
};

/// Rows of a page.
const ROWS_MAX: u64 = 25;
/// The whole of parameters that are parts.
const WHOLE: u64 = 1_000_000;

/// A value of the parameter at `place`, in its unit.
fn value(place: u16, value: U256) -> Html {
    let small = value.saturating_to::<u64>();
    let inside = match place {
        SEAT_BOND | BLOCK_REWARD | NODE_BOND => return show::money(value),
        BASE_FEE_MIN => return show::price(value.saturating_to()),
        UNBOND_SECONDS | JAIL_SECONDS | VOTING_SECONDS | TIMELOCK_SECONDS => show::duration(small),
        SLASH_DOWNTIME | DOWNTIME_LIMIT => show::percent(small, WHOLE),
        _ => show::count(value),
    };
    tag("span").set("title", show::count(value)).of(inside)
}

/// What a parameter is called.
fn name(place: u16) -> &'static str {
    PARAMS.get(usize::from(place)).map_or("unknown", |param| param.name)
}

/// The page `/parameters`.
pub(super) fn parameters(reader: &Reader<'_>, _: &Ask) -> Result<Page, Miss> {
    let mut rows = Vec::new();
    for (index, param) in (0..).zip(PARAMS) {
        let now = reader.ask(GOVERNANCE, &IGovernance::parameterCall { index })?;
        let default = U256::from(param.default);
        let changed = (now.value != default).then(|| text(" ").and(show::badge("plain", "set")));
        rows.push([
            tag("code").of(param.name),
            value(index, now.value).and(changed),
            value(index, default),
            value(index, now.min),
            value(index, now.max),
        ]);
    }
    let list = table(["Parameter", "#Value", "#Default", "#At least", "#At most"], rows, "None.");
    let what = "Validators vote on values; no vote leaves the bounds. Hold the pointer over a value \
                for its exact number.";
    Ok(Page::live("Parameters", tag("p").of(what).and(list)))
}

fn state(state: State) -> Html {
    match state {
        State::Voting => show::badge("plain", "votes are open"),
        State::Passed => show::badge("good", "passed"),
        State::Failed => show::badge("bad", "failed"),
        State::Executed => show::badge("good", "executed"),
        _ => show::badge("plain", "unknown"),
    }
}

/// The page `/proposals`.
pub(super) fn proposals(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let count = reader.ask(GOVERNANCE, &IGovernance::proposalsCall {})?;
    let before = ask.query.number("before").filter(|before| *before <= count);
    let first = before.unwrap_or(count);
    let last = first.saturating_sub(ROWS_MAX);
    let mut rows = Vec::new();
    for id in (last..first).rev() {
        let proposal = reader.ask(GOVERNANCE, &IGovernance::proposalCall { id })?;
        rows.push([
            tag("a").set("href", format!("/proposal/{id}")).of(id.to_string()),
            tag("code").of(name(proposal.parameter)),
            value(proposal.parameter, proposal.value),
            state(proposal.state),
            text(tally(&proposal)),
            show::time(proposal.closes),
        ]);
    }
    let heads = ["#Proposal", "Parameter", "#To", "State", "#For / against / seats", "Votes close"];
    let older = (last > 0).then(|| format!("/proposals?before={last}"));
    let body = table(heads, rows, "None yet.").and(onward(older, "Older"));
    Ok(Page { title: "Proposals".into(), live: before.is_none(), body })
}

fn tally(proposal: &IGovernance::Proposal) -> String {
    format!("{} / {} / {}", proposal.votesFor, proposal.votesAgainst, proposal.seats)
}

/// The page `/proposal/{id}`.
pub(super) fn proposal(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let unknown = |_| Miss::Unknown("That is no number of a proposal.".into());
    let id: u64 = ask.id.parse().map_err(unknown)?;
    let proposal = reader.ask(GOVERNANCE, &IGovernance::proposalCall { id })?;
    let index = proposal.parameter;
    let now = reader.ask(GOVERNANCE, &IGovernance::parameterCall { index })?;
    let lines = facts([
        ("Parameter", tag("code").of(name(index))),
        ("To", value(index, proposal.value)),
        ("Now", value(index, now.value)),
        ("State", state(proposal.state)),
        ("Reason", tag("span").set("class", "why").of(proposal.reason.as_str())),
        ("Proposed by", show::whole_address(&proposal.proposer)),
        ("For / against / seats", text(tally(&proposal))),
        ("Votes of", text(format!("the committee of epoch {}", proposal.epoch))),
        ("Votes close", show::time(proposal.closes)),
        ("Can be executed", text("from ").and(show::time(proposal.executable))),
    ]);
    Ok(Page::live(format!("Proposal {id}"), lines))
}
