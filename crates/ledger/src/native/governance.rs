//! Governance: the parameters of [`params`], and the votes that move them.
//!
//! A proposal is voted on by the committee of the epoch in which it was made, one seat one vote. It
//! passes with more than two thirds of all seats, and waits out a timelock. Bounds are part of the
//! protocol: no vote leaves them, and nothing else can be voted on.

use super::abi::IGovernance;
use super::abi::IGovernance::{IGovernanceCalls as Calls, State};
use super::params::{self, PARAMS, TIMELOCK_SECONDS, VOTING_SECONDS};
use super::slots::Slot;
use super::{Call, Part, decoded, from_address, refuse, require, sized, small, to_address};
use alloy_primitives::U256;
use alloy_sol_types::{SolInterface, SolValue};

const REASON_BYTES_MAX: usize = 256;

// Slot 0: the values, in `params`.
/// Number of proposals, and each by number.
const PROPOSALS: Slot = Slot::number(1);
/// Who voted on what: 1 for, 2 against.
const VOTES: Slot = Slot::number(2);

const PROPOSER: u64 = 0;
const PARAMETER: u64 = 1;
const VALUE: u64 = 2;
const EPOCH: u64 = 3;
const CLOSES: u64 = 4;
const EXECUTABLE: u64 = 5;
const FOR: u64 = 6;
const AGAINST: u64 = 7;
const SEATS: u64 = 8;
const EXECUTED: u64 = 9;
const REASON: u64 = 10;

/// The call `input` of governance.
pub fn run(call: &mut Call<'_>, input: &[u8]) -> Part<Vec<u8>> {
    match decoded(Calls::abi_decode_validate(input))? {
        Calls::propose(ask) => call.propose(ask),
        Calls::vote(ask) => call.vote(ask.proposal, ask.support),
        Calls::execute(ask) => call.execute(ask.proposal),
        Calls::parameter(ask) => call.parameter(ask.index),
        Calls::parameters(_) => Ok((PARAMS.len() as u64).abi_encode()),
        Calls::proposal(ask) => {
            let proposal = call.proposal(ask.id)?;
            Ok(proposal.abi_encode())
        }
        Calls::proposals(_) => Ok(small(call.load(PROPOSALS)?).abi_encode()),
    }
}

impl Call<'_> {
    fn propose(&mut self, ask: IGovernance::proposeCall) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        sized("reason", &ask.reason, 0, REASON_BYTES_MAX)?;
        let Some(bounds) = PARAMS.get(usize::from(ask.parameter)) else {
            return refuse(format!("there is no parameter {}", ask.parameter));
        };
        let within = ask.value >= U256::from(bounds.min) && ask.value <= U256::from(bounds.max);
        require(within, || {
            let params::Param { name, min, max, .. } = bounds;
            format!("{name} of {} is not within {min} to {max}", ask.value)
        })?;
        let epoch = self.epoch_now()?;
        let seats = self.seats(epoch)?;
        self.seated(epoch)?;
        let closes = self.now.time.saturating_add(self.param_small(VOTING_SECONDS)?);
        let executable = closes.saturating_add(self.param_small(TIMELOCK_SECONDS)?);
        let id = small(self.load(PROPOSALS)?);
        let slot = PROPOSALS.at(id);
        self.store(PROPOSALS, U256::from(id + 1))?;
        self.store(slot.field(PROPOSER), from_address(self.caller))?;
        self.store(slot.field(PARAMETER), U256::from(ask.parameter))?;
        self.store(slot.field(VALUE), ask.value)?;
        self.store(slot.field(EPOCH), U256::from(epoch))?;
        self.store(slot.field(CLOSES), U256::from(closes))?;
        self.store(slot.field(EXECUTABLE), U256::from(executable))?;
        self.store(slot.field(SEATS), U256::from(seats))?;
        self.store_bytes(slot.field(REASON), ask.reason.as_bytes())?;
        let IGovernance::proposeCall { parameter, value, reason } = ask;
        let (proposal, proposer) = (id, self.caller);
        self.emit(&IGovernance::Proposed { proposal, proposer, parameter, value, reason })?;
        Ok(id.abi_encode())
    }

    /// Refuses a caller without a seat in `epoch`.
    fn seated(&mut self, epoch: u64) -> Part<()> {
        let has = self.has_seat(epoch, self.caller)?;
        require(has, || format!("{} has no seat in epoch {epoch}", self.caller))
    }

    fn vote(&mut self, id: u64, support: bool) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let proposal = self.proposal(id)?;
        require(self.now.time < proposal.closes, || format!("votes on {id} are closed"))?;
        self.seated(proposal.epoch)?;
        let voted = VOTES.at(id).of(self.caller.into_word());
        require(self.load(voted)?.is_zero(), || {
            format!("{} has voted on {id} already", self.caller)
        })?;
        self.store(voted, U256::from(if support { 1 } else { 2 }))?;
        let tally = PROPOSALS.at(id).field(if support { FOR } else { AGAINST });
        let votes = self.load(tally)?;
        self.store(tally, votes + U256::from(1))?;
        let validator = self.caller;
        self.emit(&IGovernance::Voted { proposal: id, validator, support })?;
        Ok(Vec::new())
    }

    fn execute(&mut self, id: u64) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let proposal = self.proposal(id)?;
        require(matches!(proposal.state, State::Passed), || match proposal.state {
            State::Voting => format!("votes on {id} are open until {}", proposal.closes),
            State::Executed => format!("{id} was executed already"),
            _ => format!("{id} did not pass"),
        })?;
        require(self.now.time >= proposal.executable, || {
            format!("{id} can be executed from {} on", proposal.executable)
        })?;
        let parameter = proposal.parameter;
        let from = U256::from(self.param(parameter)?);
        // Checked against its bounds when it was proposed, and bounds never change.
        self.store(params::slot(parameter), params::kept(proposal.value.saturating_to()))?;
        self.store(PROPOSALS.at(id).field(EXECUTED), U256::from(1))?;
        let to = proposal.value;
        self.emit(&IGovernance::Executed { proposal: id, parameter, from, to })?;
        Ok(Vec::new())
    }

    fn parameter(&mut self, index: u16) -> Part<Vec<u8>> {
        let Some(bounds) = PARAMS.get(usize::from(index)) else {
            return refuse(format!("there is no parameter {index}"));
        };
        let parameter = IGovernance::Parameter {
            name: bounds.name.to_owned(),
            value: U256::from(self.param(index)?),
            min: U256::from(bounds.min),
            max: U256::from(bounds.max),
        };
        Ok(parameter.abi_encode())
    }

    fn proposal(&mut self, id: u64) -> Part<IGovernance::Proposal> {
        let slot = PROPOSALS.at(id);
        let proposer = self.load(slot.field(PROPOSER))?;
        require(!proposer.is_zero(), || format!("there is no proposal {id}"))?;
        let closes = small(self.load(slot.field(CLOSES))?);
        let votes_for = small(self.load(slot.field(FOR))?);
        let seats = small(self.load(slot.field(SEATS))?);
        let executed = !self.load(slot.field(EXECUTED))?.is_zero();
        let state = match self.now.time < closes {
            true => State::Voting,
            false if executed => State::Executed,
            false if votes_for * 3 > seats * 2 => State::Passed,
            false => State::Failed,
        };
        Ok(IGovernance::Proposal {
            state,
            proposer: to_address(proposer),
            parameter: self.load(slot.field(PARAMETER))?.saturating_to(),
            value: self.load(slot.field(VALUE))?,
            reason: self.load_text(slot.field(REASON))?,
            epoch: small(self.load(slot.field(EPOCH))?),
            closes,
            executable: small(self.load(slot.field(EXECUTABLE))?),
            votesFor: votes_for,
            votesAgainst: small(self.load(slot.field(AGAINST))?),
            seats,
        })
    }
}
