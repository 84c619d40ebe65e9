//! The end of a block, which is no transaction: who made it is rewarded, who was away is counted,
//! and at the end of an epoch the absent go to jail and the next committee but one is fixed.

use super::{ENDED, EPOCH, LIST, Status, WHOLE, field, params, slot_of};
use crate::native::{Call, Part, STAKING, Stop, require, small, to_address};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolValue;
use revm::handler::SYSTEM_ADDRESS;

/// What a system call to [`STAKING`] begins with: no selector of its interface.
pub const END: [u8; 4] = *b"end\0";

/// What happened in a block, as consensus says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The seat that made the block.
    pub leader: u64,
    /// Its view.
    pub view: u64,
    /// The view of the block before it in the same epoch; 0 for the first.
    pub before: u64,
    /// Whether this is the last block of its epoch.
    pub last: bool,
    /// The hash of the block before it.
    pub parent: B256,
}

impl End {
    /// The input of the system call.
    pub fn input(&self) -> Vec<u8> {
        let End { leader, view, before, last, parent } = *self;
        [END.to_vec(), (leader, view, before, last, parent).abi_encode_params()].concat()
    }

    /// Reads `input` where the system calls; nobody else can.
    pub(super) fn read(caller: Address, input: &[u8]) -> Part<Option<End>> {
        let Some(rest) = input.strip_prefix(&END).filter(|_| caller == SYSTEM_ADDRESS) else {
            return Ok(None);
        };
        let decoded = <(u64, u64, u64, bool, B256)>::abi_decode_params_validate(rest);
        let (leader, view, before, last, parent) =
            decoded.map_err(|error| Stop::Fatal(format!("the end of a block: {error}")))?;
        Ok(Some(End { leader, view, before, last, parent }))
    }
}

/// The seat that leads `view` in an epoch with so many seats: each in turn.
pub fn leader(epoch: u64, view: u64, seats: u64) -> u64 {
    epoch.wrapping_add(view).checked_rem(seats).unwrap_or_default()
}

impl Call<'_> {
    pub(super) fn end_block(&mut self, end: &End) -> Part<Vec<u8>> {
        self.begin(end.parent)?;
        let epoch = self.epoch_now()?;
        let seats = self.seat_list(epoch)?;
        let made = seats.get(usize::try_from(end.leader).unwrap_or(usize::MAX)).copied();
        let Some(made) = made else {
            return Err(Stop::Fatal(format!("epoch {epoch} has no seat {}", end.leader)));
        };
        require(end.view > end.before, || "views do not ascend".into())?;
        self.count(made, field::PRODUCED)?;
        // More missed views than seats say nothing new of anybody.
        let count = seats.len() as u64;
        for view in (end.before + 1).max(end.view.saturating_sub(count))..end.view {
            let place = usize::try_from(leader(epoch, view, count)).expect("a seat");
            self.count(seats[place], field::MISSED)?;
        }
        let reward = U256::from(self.param(params::BLOCK_REWARD)?);
        if !reward.is_zero() {
            self.reward(made, reward)?;
        }
        if end.last {
            self.end_epoch(epoch, &seats)?;
        }
        Ok(Vec::new())
    }

    fn count(&mut self, validator: Address, place: u64) -> Part<()> {
        let slot = slot_of(validator).field(place);
        let before = self.load(slot)?;
        self.store(slot, before + U256::from(1))
    }

    fn end_epoch(&mut self, epoch: u64, seats: &[Address]) -> Part<()> {
        let limit = self.param_small(params::DOWNTIME_LIMIT)?;
        let until = self.now.time.saturating_add(self.param_small(params::JAIL_SECONDS)?);
        for validator in seats {
            let slot = slot_of(*validator);
            let produced = small(self.load(slot.field(field::PRODUCED))?);
            let missed = small(self.load(slot.field(field::MISSED))?);
            self.store(slot.field(field::PRODUCED), U256::ZERO)?;
            self.store(slot.field(field::MISSED), U256::ZERO)?;
            let away = u128::from(missed) * u128::from(WHOLE)
                > u128::from(limit) * u128::from(missed + produced);
            if away && matches!(self.status(*validator)?, Status::Active) {
                let millionths = self.param_small(params::SLASH_DOWNTIME)?;
                let taken = self.slash(*validator, millionths)?;
                self.burn(taken)?;
                self.set_status(*validator, Status::Jailed)?;
                self.store(slot.field(field::JAILED_UNTIL), U256::from(until))?;
            }
        }
        let before = self.seat_list(epoch + 1)?;
        self.elect(epoch + 2, &before)?;
        self.forget(epoch + 1)?;
        self.store(ENDED.at(epoch), U256::from(self.now.time))?;
        self.store(EPOCH, U256::from(epoch + 1))
    }

    /// Takes validators off the list that leave, have less of their own than a place costs and sit in no
    /// committee from `epoch` on: without that, a list that was full once would stay so. What others
    /// have with them is no ground to stay, or anybody could hold a place for next to nothing.
    fn forget(&mut self, epoch: u64) -> Part<()> {
        let mut seated = self.seat_list(epoch)?;
        seated.extend(self.seat_list(epoch + 1)?);
        let least = U256::from(self.param(params::SEAT_BOND)?);
        let (mut at, mut count) = (0, small(self.load(LIST)?));
        while at < count {
            let validator = to_address(self.load(LIST.at(at))?);
            let leaves = matches!(self.status(validator)?, Status::Leaving);
            let gone = leaves && self.own_stake(validator)? < least;
            if !gone || seated.contains(&validator) {
                at += 1;
                continue;
            }
            count -= 1;
            let last = self.load(LIST.at(count))?;
            self.store(LIST.at(at), last)?;
            self.store(LIST.at(count), U256::ZERO)?;
            self.store(LIST, U256::from(count))?;
            self.set_status(validator, Status::None)?;
        }
        Ok(())
    }

    pub(super) fn burn(&mut self, tokens: U256) -> Part<()> {
        match self.host.transfer(STAKING, Address::ZERO, tokens).map_err(Stop::Fatal)? {
            true => Ok(()),
            false => Err(Stop::Fatal("staking holds less than it owes".into())),
        }
    }
}
