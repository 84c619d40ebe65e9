//! Committees: who has a seat in an epoch, in the order in which votes are counted.

use super::{COMMITTEES, EPOCH, LIST, Status, field, params, slot_of};
use crate::error::Error;
use crate::native::abi::IStaking;
use crate::native::{Call, Host, Now, Part, STAKING, from_address, small, to_address};
use crate::state::View;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;

/// The fewest seats that bear one fault: a committee does not become smaller than that.
const SEATS_MIN: usize = 4;

/// Who has a seat, and the keys of whoever does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seated {
    /// The validator.
    pub validator: Address,
    /// Its ed25519 identity.
    pub key: B256,
    /// Its key for votes, 96 bytes.
    pub vote_key: Vec<u8>,
    /// Where tips of its blocks go.
    pub payout: Address,
}

/// What a header says of a committee: the keccak-256 over the keys of all seats, in their order.
pub fn digest(seats: &[Seated]) -> B256 {
    let keys = seats.iter().flat_map(|seat| [seat.key.as_slice(), &seat.vote_key].concat());
    keccak256(keys.collect::<Vec<u8>>())
}

/// The committee of `epoch` in the state `view`, in the order of identities; empty where it is not
/// fixed yet.
pub fn seats_of(view: &View, epoch: u64) -> Result<Vec<Seated>, Error> {
    let slot = |slot: crate::native::slots::Slot| view.slot(&STAKING, &slot.0);
    let list = COMMITTEES.at(epoch);
    let count = small(slot(list)?);
    let seat = |place| {
        let validator = to_address(slot(list.at(place))?);
        let at = slot_of(validator);
        let bytes = at.field(field::VOTE_KEY);
        let mut vote_key = Vec::new();
        for word in 0..small(slot(bytes)?).div_ceil(32) {
            vote_key.extend(slot(bytes.at(word))?.to_be_bytes::<32>());
        }
        let key = slot(at.field(field::KEY))?.into();
        let payout = to_address(slot(at.field(field::PAYOUT))?);
        Ok(Seated { validator, key, vote_key, payout })
    };
    (0..count).map(seat).collect()
}

impl Call<'_> {
    /// The epoch of this block.
    pub(in crate::native) fn epoch_now(&mut self) -> Part<u64> {
        Ok(small(self.load_of(STAKING, EPOCH)?))
    }

    /// How many seats the committee of `epoch` has.
    pub(in crate::native) fn seats(&mut self, epoch: u64) -> Part<u64> {
        Ok(small(self.load_of(STAKING, COMMITTEES.at(epoch))?))
    }

    /// Whether `validator` has a seat in `epoch`.
    pub(in crate::native) fn has_seat(&mut self, epoch: u64, validator: Address) -> Part<bool> {
        let list = COMMITTEES.at(epoch);
        for place in 0..self.seats(epoch)? {
            if to_address(self.load_of(STAKING, list.at(place))?) == validator {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Addresses of the committee of `epoch`, in the order of identities.
    pub(super) fn seat_list(&mut self, epoch: u64) -> Part<Vec<Address>> {
        let list = COMMITTEES.at(epoch);
        let seats = small(self.load(list)?);
        (0..seats).map(|place| Ok(to_address(self.load(list.at(place))?))).collect()
    }

    pub(super) fn committee(&mut self, epoch: u64) -> Part<Vec<u8>> {
        let mut seats = Vec::new();
        for validator in self.seat_list(epoch)? {
            let slot = slot_of(validator);
            seats.push(IStaking::Seat {
                validator,
                key: self.load(slot.field(field::KEY))?.into(),
                blsKey: self.load_bytes(slot.field(field::VOTE_KEY))?.into(),
            });
        }
        Ok(seats.abi_encode())
    }

    /// Those of `seats` that never contradicted themselves; all where nobody else is left.
    fn trusted(&mut self, seats: &[Address]) -> Part<Vec<Address>> {
        let mut trusted = Vec::new();
        for validator in seats {
            if self.load(slot_of(*validator).field(field::EQUIVOCATED))?.is_zero() {
                trusted.push(*validator);
            }
        }
        Ok(if trusted.is_empty() { seats.to_vec() } else { trusted })
    }

    /// Fixes the committee of `epoch`: those with the most stake, of those who want a seat and have
    /// enough of their own. When they are too few, the committee `before` stays, without those that were convicted.
    pub(super) fn elect(&mut self, epoch: u64, before: &[Address]) -> Part<()> {
        let least = U256::from(self.param(params::SEAT_BOND)?);
        let most = usize::try_from(self.param_small(params::SEATS_MAX)?).expect("a few");
        let mut fit = Vec::new();
        for place in 0..small(self.load(LIST)?) {
            let validator = to_address(self.load(LIST.at(place))?);
            let tokens = self.load(slot_of(validator).field(field::TOKENS))?;
            let active = matches!(self.status(validator)?, Status::Active);
            if active && self.own_stake(validator)? >= least {
                fit.push((std::cmp::Reverse(tokens), validator));
            }
        }
        fit.sort_unstable();
        fit.truncate(most);
        let chosen = match fit.len() < SEATS_MIN.min(before.len()) {
            true => self.trusted(before)?,
            false => fit.into_iter().map(|(_, validator)| validator).collect(),
        };
        let mut seats = Vec::new();
        for validator in chosen {
            let key = B256::from(self.load(slot_of(validator).field(field::KEY))?);
            seats.push((key, validator));
        }
        seats.sort_unstable();
        let list = COMMITTEES.at(epoch);
        self.store(list, U256::from(seats.len()))?;
        for (place, (_, validator)) in seats.iter().enumerate() {
            self.store(list.at(place as u64), from_address(*validator))?;
        }
        Ok(())
    }
}

/// Fixes the committees of the first two epochs: all who joined in genesis.
pub(crate) fn first_committees(host: &mut dyn Host, now: Now) -> Part<()> {
    let mut call = Call::system(host, now, STAKING);
    call.elect(0, &[])?;
    call.elect(1, &[])
}
