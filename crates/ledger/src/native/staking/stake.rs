//! Shares of a validator's stake: given, taken back, rewarded and slashed.

use super::{BY_ADDRESS, SHARES, Status, UNBONDINGS, WHOLE, field, params, slot_of};
use crate::native::abi::IStaking;
use crate::native::slots::Slot;
use crate::native::{Call, Part, STAKING, Stop, from_address, refuse, require, small, to_address};
use alloy_primitives::{Address, U256, U512};
use alloy_sol_types::SolValue;

/// Most parts of one delegator's money that are on their way out at a time.
const UNBONDINGS_MAX: u64 = 32;

/// Fields of money on its way out.
const FROM: u64 = 0;
const TOKENS: u64 = 1;
const READY: u64 = 2;
/// What was left of a token of the validator when it was taken back.
const LEFT: u64 = 3;

/// `a * b / c`, rounded down; zero when `c` is.
fn part(a: U256, b: U256, c: U256) -> U256 {
    if c.is_zero() {
        return U256::ZERO;
    }
    let wide: U512 = a.widening_mul(b);
    (wide / U512::from(c)).saturating_to()
}

impl Call<'_> {
    /// What the shares that `validator` has in itself are worth: what it has to lose.
    pub(super) fn own_stake(&mut self, validator: Address) -> Part<U256> {
        let slot = slot_of(validator);
        let shares = self.load(SHARES.of(validator.into_word()).of(validator.into_word()))?;
        let (all, total) =
            (self.load(slot.field(field::TOKENS))?, self.load(slot.field(field::SHARES))?);
        Ok(part(all, shares, total))
    }

    /// Adds `tokens` to the stake of `validator` and gives `holder` the shares for them.
    pub(super) fn add_shares(
        &mut self,
        validator: Address,
        holder: Address,
        tokens: U256,
    ) -> Part<U256> {
        let slot = slot_of(validator);
        let (held, shares) =
            (self.load(slot.field(field::TOKENS))?, self.load(slot.field(field::SHARES))?);
        let new = match shares.is_zero() {
            true => tokens,
            false => part(tokens, shares, held),
        };
        require(!new.is_zero(), || {
            format!("{tokens} is less than one share of {validator} is worth")
        })?;
        self.store(slot.field(field::TOKENS), held + tokens)?;
        self.store(slot.field(field::SHARES), shares + new)?;
        let own = SHARES.of(validator.into_word()).of(holder.into_word());
        let before = self.load(own)?;
        self.store(own, before + new)?;
        Ok(new)
    }

    pub(super) fn delegate(&mut self, validator: Address) -> Part<Vec<u8>> {
        self.writes()?;
        let status = self.known(validator)?;
        require(matches!(status, Status::Active), || format!("{validator} takes no stake now"))?;
        let (delegator, tokens) = (self.caller, self.value);
        require(!tokens.is_zero(), || "no value came along to delegate".into())?;
        let shares = self.add_shares(validator, delegator, tokens)?;
        self.emit(&IStaking::Delegated { validator, delegator, tokens, shares })?;
        Ok(Vec::new())
    }

    pub(super) fn undelegate(&mut self, validator: Address, shares: U256) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        // Not only of a validator: what others had with one outlasts its place on the list.
        let status = self.status(validator)?;
        let delegator = self.caller;
        let slot = slot_of(validator);
        let own = SHARES.of(validator.into_word()).of(delegator.into_word());
        let held = self.load(own)?;
        require(!shares.is_zero() && shares <= held, || {
            format!("{shares} of {held} shares cannot be taken back")
        })?;
        let (all, total) =
            (self.load(slot.field(field::TOKENS))?, self.load(slot.field(field::SHARES))?);
        let tokens = part(all, shares, total);
        if delegator == validator && matches!(status, Status::Active | Status::Jailed) {
            // Also in jail, or it would come back from there with nothing to lose.
            let stays = part(all, held - shares, total);
            let least = U256::from(self.param(params::SEAT_BOND)?);
            require(stays >= least, || {
                format!("{stays} of its own would stay, and {least} is the least: leave first")
            })?;
        }
        self.store(own, held - shares)?;
        self.store(slot.field(field::TOKENS), all - tokens)?;
        self.store(slot.field(field::SHARES), total - shares)?;
        let unbonding = self.load(slot.field(field::UNBONDING))?;
        self.store(slot.field(field::UNBONDING), unbonding + tokens)?;
        let ready = self.now.time.saturating_add(self.param_small(params::UNBOND_SECONDS)?);
        let list = UNBONDINGS.of(delegator.into_word());
        let count = small(self.load(list)?);
        require(count < UNBONDINGS_MAX, || {
            format!("{count} parts are on their way out: withdraw what is ready first")
        })?;
        let entry = list.at(count);
        let left = self.load(slot.field(field::LEFT))?;
        self.store(entry.field(FROM), from_address(validator))?;
        self.store(entry.field(TOKENS), tokens)?;
        self.store(entry.field(READY), U256::from(ready))?;
        self.store(entry.field(LEFT), left)?;
        self.store(list, U256::from(count + 1))?;
        self.emit(&IStaking::Undelegated { validator, delegator, tokens, shares, ready })?;
        Ok(Vec::new())
    }

    /// What the money in `entry` is worth now, whose it was, and when it is ready.
    fn leaving(&mut self, entry: Slot) -> Part<(Address, U256, u64)> {
        let validator = to_address(self.load(entry.field(FROM))?);
        let tokens = self.load(entry.field(TOKENS))?;
        let ready = small(self.load(entry.field(READY))?);
        let then = whole(self.load(entry.field(LEFT))?);
        let now = whole(self.load(BY_ADDRESS.of(validator.into_word()).field(field::LEFT))?);
        Ok((validator, part(tokens, now, then), ready))
    }

    pub(super) fn withdraw_stake(&mut self) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let delegator = self.caller;
        let list = UNBONDINGS.of(delegator.into_word());
        let before = small(self.load(list)?);
        let (mut at, mut count, mut sum) = (0, before, U256::ZERO);
        while at < count {
            let (validator, tokens, ready) = self.leaving(list.at(at))?;
            if self.now.time < ready {
                at += 1;
                continue;
            }
            sum += tokens;
            let unbonding = slot_of(validator).field(field::UNBONDING);
            let all = self.load(unbonding)?;
            self.store(unbonding, all.saturating_sub(tokens))?;
            count -= 1;
            // The last one takes its place.
            for place in [FROM, TOKENS, READY, LEFT] {
                let last = self.load(list.at(count).field(place))?;
                self.store(list.at(at).field(place), last)?;
                self.store(list.at(count).field(place), U256::ZERO)?;
            }
        }
        // What slashing left worthless goes too: it would take up its places in the list for good.
        require(count < before, || "nothing is ready to be withdrawn".into())?;
        self.store(list, U256::from(count))?;
        self.emit(&IStaking::Withdrawn { delegator, tokens: sum })?;
        self.pay(delegator, sum)?;
        Ok(sum.abi_encode())
    }

    pub(super) fn unbonding(&mut self, delegator: Address, index: u64) -> Part<Vec<u8>> {
        let list = UNBONDINGS.of(delegator.into_word());
        if index >= small(self.load(list)?) {
            return refuse(format!("{delegator} has no part {index} on its way out"));
        }
        let leaving = self.leaving(list.at(index))?;
        Ok(leaving.abi_encode_params())
    }

    /// Gives `validator` new `tokens`: its commission as shares, the rest to all shares.
    pub(super) fn reward(&mut self, validator: Address, tokens: U256) -> Part<()> {
        let slot = slot_of(validator);
        let shares = self.load(slot.field(field::SHARES))?;
        if shares.is_zero() {
            // It left with all it had, and would own this alone.
            return Ok(());
        }
        self.host.mint(STAKING, tokens).map_err(Stop::Fatal)?;
        let commission = self.load(slot.field(field::COMMISSION))?;
        let own = part(tokens, commission, U256::from(WHOLE));
        let held = self.load(slot.field(field::TOKENS))?;
        self.store(slot.field(field::TOKENS), held + (tokens - own))?;
        // A commission below one share's worth goes to all.
        match part(own, shares, held + (tokens - own)).is_zero() {
            true => self.store(slot.field(field::TOKENS), held + tokens),
            false => self.add_shares(validator, validator, own).map(drop),
        }
    }

    /// Takes `millionths` of the stake of `validator`, also of what left it and is not paid out yet;
    /// gives what was taken.
    pub(super) fn slash(&mut self, validator: Address, millionths: u64) -> Part<U256> {
        let slot = slot_of(validator);
        let (stays, all) = (U256::from(WHOLE - millionths.min(WHOLE)), U256::from(WHOLE));
        let held = self.load(slot.field(field::TOKENS))?;
        let left = part(held, stays, all);
        self.store(slot.field(field::TOKENS), left)?;
        let factor = part(whole(self.load(slot.field(field::LEFT))?), stays, all);
        // Never zero, which would say that nothing was ever taken.
        self.store(slot.field(field::LEFT), factor.max(U256::from(1)))?;
        let unbonding = self.load(slot.field(field::UNBONDING))?;
        // What is owed goes down by this much at least, but where the factor could not. It can where
        // nothing is left: a factor of 2^-128 makes less than a base unit of all money there is.
        let out = match factor.is_zero() && !stays.is_zero() {
            true => U256::ZERO,
            false => part(unbonding, all - stays, all),
        };
        self.store(slot.field(field::UNBONDING), unbonding - out)?;
        Ok(held - left + out)
    }
}

/// What is left of a token, in 2^-128: zero stands for all of it.
fn whole(left: U256) -> U256 {
    match left.is_zero() {
        true => U256::from(1) << 128,
        false => left,
    }
}
