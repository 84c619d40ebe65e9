//! Validators: who has stake, whose it is, and who sits in which epoch's committee.
//!
//! A seat is one vote, whatever its stake; stake decides who gets a seat. A validator's stake is in
//! tokens, and belongs to those who hold its shares: rewards add tokens, slashing takes some, and
//! both move what a share is worth for all alike. At the last block of an epoch the committee of the
//! epoch after the next is fixed, so that every node knows it a whole epoch ahead.

mod committee;
mod end;
mod equivocation;
mod stake;

pub(crate) use committee::first_committees;
pub use committee::{Seated, digest, seats_of};
pub use end::{End, leader};
pub use equivocation::Conviction;

use super::abi::IStaking;
use super::abi::IStaking::{IStakingCalls as Calls, Status};
use super::params::{self, SEAT_BOND};
use super::slots::Slot;
use super::{Call, Part, decoded, from_address, possession, refuse, require, small, to_address};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolInterface, SolValue};
use terroir_proof::bls;

/// Most validators there can be; more than seats, so that they can be gone through in one block.
const VALIDATORS_MAX: u64 = 256;
/// A whole, in the unit of commissions and slashing.
const WHOLE: u64 = 1_000_000;
/// Most of the rewards that a validator may keep for itself.
const COMMISSION_MAX: u32 = 500_000;

/// Validators in the order in which they joined.
const LIST: Slot = Slot::number(0);
/// Validators by address.
const BY_ADDRESS: Slot = Slot::number(1);
/// Addresses of validators by their ed25519 key.
const BY_KEY: Slot = Slot::number(2);
/// Addresses of validators by the keccak-256 of their key for votes.
const BY_VOTE_KEY: Slot = Slot::number(3);
/// Shares by validator, then by who holds them.
const SHARES: Slot = Slot::number(4);
/// Money on its way out, by whose it is: a list.
const UNBONDINGS: Slot = Slot::number(5);
/// Committees by epoch: lists of addresses.
const COMMITTEES: Slot = Slot::number(6);
/// The epoch.
const EPOCH: Slot = Slot::number(7);
/// The hash of block 0, from block 1 on.
const GENESIS: Slot = Slot::number(8);
/// When epochs ended, in Unix seconds.
const ENDED: Slot = Slot::number(9);

/// Fields of a validator.
mod field {
    pub const STATUS: u64 = 0;
    pub const KEY: u64 = 1;
    pub const PAYOUT: u64 = 2;
    pub const COMMISSION: u64 = 3;
    pub const TOKENS: u64 = 4;
    pub const SHARES: u64 = 5;
    /// What is left of a token that was taken back before slashing, in 2^-128; zero for all of it.
    pub const LEFT: u64 = 6;
    pub const JAILED_UNTIL: u64 = 7;
    /// Blocks made and views missed in this epoch.
    pub const PRODUCED: u64 = 8;
    pub const MISSED: u64 = 9;
    pub const VOTE_KEY: u64 = 10;
    /// Whether it contradicted itself.
    pub const EQUIVOCATED: u64 = 11;
    /// Tokens on their way out, at least: what is owed may be less by parts of base units.
    pub const UNBONDING: u64 = 12;
}

/// The call `input` of the contract of staking.
pub fn run(call: &mut Call<'_>, input: &[u8]) -> Part<Vec<u8>> {
    if let Some(end) = End::read(call.caller, input)? {
        return call.end_block(&end);
    }
    if let Some(Conviction { reporter, evidence }) = Conviction::read(call.caller, input) {
        return call.report(evidence, reporter);
    }
    match decoded(Calls::abi_decode_validate(input))? {
        Calls::join(ask) => call.join_validator(ask),
        Calls::update(ask) => call.update_validator(ask.payout, ask.commission),
        Calls::resign(_) => call.resign(),
        Calls::unjail(_) => call.unjail(),
        Calls::delegate(ask) => call.delegate(ask.validator),
        Calls::undelegate(ask) => call.undelegate(ask.validator, ask.shares),
        Calls::reportEquivocation(ask) => call.report(&ask.evidence, call.caller),
        Calls::withdraw(_) => call.withdraw_stake(),
        Calls::validator(ask) => call.validator(ask.validator),
        Calls::count(_) => Ok(small(call.load(LIST)?).abi_encode()),
        Calls::byIndex(ask) => Ok(to_address(call.load(LIST.at(ask.index))?).abi_encode()),
        Calls::sharesOf(ask) => {
            let slot = SHARES.of(ask.validator.into_word()).of(ask.delegator.into_word());
            Ok(call.load(slot)?.abi_encode())
        }
        Calls::unbonding(ask) => call.unbonding(ask.delegator, ask.index),
        Calls::unbondings(ask) => {
            let list = UNBONDINGS.of(ask.delegator.into_word());
            Ok(small(call.load(list)?).abi_encode())
        }
        Calls::epoch(_) => Ok(call.epoch_now()?.abi_encode()),
        Calls::committee(ask) => call.committee(ask.epoch),
        Calls::possessionMessage(ask) => {
            Ok(Bytes::from(possession::message(call.now.chain_id, ask.validator)).abi_encode())
        }
    }
}

fn slot_of(validator: Address) -> Slot {
    BY_ADDRESS.of(validator.into_word())
}

impl Call<'_> {
    fn status(&mut self, validator: Address) -> Part<Status> {
        let status = self.load(slot_of(validator).field(field::STATUS))?.saturating_to::<u8>();
        Ok(Status::try_from(status).unwrap_or(Status::None))
    }

    fn set_status(&mut self, validator: Address, status: Status) -> Part<()> {
        self.store(slot_of(validator).field(field::STATUS), U256::from(status as u8))
    }

    /// Refuses an address that is no validator.
    fn known(&mut self, validator: Address) -> Part<Status> {
        match self.status(validator)? {
            Status::None => refuse(format!("{validator} is no validator")),
            status => Ok(status),
        }
    }

    fn join_validator(&mut self, ask: IStaking::joinCall) -> Part<Vec<u8>> {
        self.writes()?;
        let least = U256::from(self.param(SEAT_BOND)?);
        let (me, tokens) = (self.caller, self.value);
        require(tokens >= least, || format!("a stake of {tokens}, and {least} is the least"))?;
        require(matches!(self.status(me)?, Status::None), || {
            format!("{me} is a validator already")
        })?;
        self.returns(me, ask.key, &ask.blsKey)?;
        require(small(self.load(LIST)?) < VALIDATORS_MAX, || {
            format!("there are {VALIDATORS_MAX} validators, and no more can be")
        })?;
        require(ask.commission <= COMMISSION_MAX, || {
            format!("commission of {} is above {COMMISSION_MAX}", ask.commission)
        })?;
        self.possessed(ask.key, &ask.possession)?;
        self.possesses_vote_key(&ask.blsKey, &ask.blsPossession)?;
        self.claim_keys(me, ask.key, &ask.blsKey)?;
        let slot = slot_of(me);
        self.set_status(me, Status::Active)?;
        self.store(slot.field(field::KEY), ask.key.into())?;
        self.store_bytes(slot.field(field::VOTE_KEY), &ask.blsKey)?;
        self.set_terms(me, ask.payout, ask.commission)?;
        self.push(LIST, from_address(me))?;
        self.add_shares(me, me, tokens)?;
        let IStaking::joinCall { key, blsKey, .. } = ask;
        self.emit(&IStaking::ValidatorJoined { validator: me, key, blsKey, tokens })?;
        Ok(Vec::new())
    }

    /// Refuses one that was punished for good, and one that was here with other keys: what it signed
    /// then must stay its own, and the committees that it sat in what they were.
    fn returns(&mut self, me: Address, key: B256, vote_key: &[u8]) -> Part<()> {
        let slot = slot_of(me);
        require(self.load(slot.field(field::EQUIVOCATED))?.is_zero(), || {
            format!("{me} contradicted itself and never sits again")
        })?;
        let before = B256::from(self.load(slot.field(field::KEY))?);
        let same = key == before && self.load_bytes(slot.field(field::VOTE_KEY))? == vote_key;
        require(before.is_zero() || same, || {
            format!("{me} was a validator with other keys, which it must bring again")
        })
    }

    /// Refuses a key for votes that did not sign for the caller.
    fn possesses_vote_key(&mut self, key: &[u8], signature: &[u8]) -> Part<()> {
        self.gas.pairings()?;
        let bytes = <&[u8; bls::KEY_BYTES]>::try_from(key).ok();
        let signature = <&[u8; bls::SIGNATURE_BYTES]>::try_from(signature).ok();
        let message = possession::message(self.now.chain_id, self.caller);
        let key = bytes.and_then(bls::VoteKey::decode);
        let holds = key.zip(signature).is_some_and(|(key, proof)| key.possessed(&message, proof));
        require(holds, || {
            "blsPossession is not this key's proof of possession under possessionMessage".into()
        })
    }

    /// No key is two validators', also of those that left: a vote must say whose it is.
    fn claim_keys(&mut self, owner: Address, key: B256, vote_key: &[u8]) -> Part<()> {
        self.gas.hash()?;
        let vote_key = alloy_primitives::keccak256(vote_key);
        for slot in [BY_KEY.of(key), BY_VOTE_KEY.of(vote_key)] {
            let before = self.load(slot)?;
            require(before.is_zero() || to_address(before) == owner, || {
                "the key is another validator's".into()
            })?;
            self.store(slot, from_address(owner))?;
        }
        Ok(())
    }

    fn set_terms(&mut self, me: Address, payout: Address, commission: u32) -> Part<()> {
        let slot = slot_of(me);
        let payout = if payout.is_zero() { me } else { payout };
        self.store(slot.field(field::PAYOUT), from_address(payout))?;
        self.store(slot.field(field::COMMISSION), U256::from(commission))
    }

    fn update_validator(&mut self, payout: Address, commission: u32) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let validator = self.caller;
        self.known(validator)?;
        require(commission <= COMMISSION_MAX, || {
            format!("commission of {commission} is above {COMMISSION_MAX}")
        })?;
        self.set_terms(validator, payout, commission)?;
        self.emit(&IStaking::Updated { validator, payout, commission })?;
        Ok(Vec::new())
    }

    fn resign(&mut self) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let me = self.caller;
        match self.known(me)? {
            Status::Active | Status::Jailed => self.set_status(me, Status::Leaving)?,
            _ => return refuse(format!("{me} is on its way out already")),
        }
        Ok(Vec::new())
    }

    fn unjail(&mut self) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let validator = self.caller;
        require(matches!(self.known(validator)?, Status::Jailed), || {
            format!("{validator} is not in jail")
        })?;
        let until = small(self.load(slot_of(validator).field(field::JAILED_UNTIL))?);
        require(self.now.time >= until, || format!("{validator} is in jail until {until}"))?;
        self.set_status(validator, Status::Active)?;
        self.emit(&IStaking::Unjailed { validator })?;
        Ok(Vec::new())
    }

    fn validator(&mut self, validator: Address) -> Part<Vec<u8>> {
        let status = self.known(validator)?;
        let slot = slot_of(validator);
        let answer = IStaking::Validator {
            status,
            key: self.load(slot.field(field::KEY))?.into(),
            blsKey: self.load_bytes(slot.field(field::VOTE_KEY))?.into(),
            payout: to_address(self.load(slot.field(field::PAYOUT))?),
            commission: self.load(slot.field(field::COMMISSION))?.saturating_to(),
            tokens: self.load(slot.field(field::TOKENS))?,
            shares: self.load(slot.field(field::SHARES))?,
            jailedUntil: small(self.load(slot.field(field::JAILED_UNTIL))?),
            produced: small(self.load(slot.field(field::PRODUCED))?),
            missed: small(self.load(slot.field(field::MISSED))?),
        };
        Ok(answer.abi_encode())
    }
}
