//! Parameters of the network, each between bounds that no vote can move.
//!
//! Governance keeps a value in the slot of its place; where nobody set one the default holds. The
//! table is part of the protocol: places never change, new ones come after.

use super::slots::Slot;
use super::{Call, GOVERNANCE, Part};
use alloy_primitives::U256;

/// A parameter: what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name, in genesis files and in the interface.
    pub name: &'static str,
    /// The value where genesis says nothing.
    pub default: u128,
    /// The least value.
    pub min: u128,
    /// The greatest value.
    pub max: u128,
}

const TOKEN: u128 = 1_000_000_000_000_000_000;
const HOUR: u128 = 3_600;
const DAY: u128 = 24 * HOUR;

const fn param(name: &'static str, default: u128, min: u128, max: u128) -> Param {
    Param { name, default, min, max }
}

/// The gas of a block.
pub const BLOCK_GAS: u16 = 0;
/// The least base fee, in base units a gas.
pub const BASE_FEE_MIN: u16 = 1;
/// A validator's own stake, and what it takes to have a seat.
pub const SEAT_BOND: u16 = 2;
/// Most seats of a committee.
pub const SEATS_MAX: u16 = 3;
/// Seconds that money rests after it left a bond or a stake.
pub const UNBOND_SECONDS: u16 = 4;
/// New money for the validator that made a block.
pub const BLOCK_REWARD: u16 = 5;
/// Millionths of its stake that a validator loses who is jailed for being away.
pub const SLASH_DOWNTIME: u16 = 6;
/// Millionths of its views of an epoch that a validator may miss.
pub const DOWNTIME_LIMIT: u16 = 7;
/// Seconds in jail.
pub const JAIL_SECONDS: u16 = 8;
/// The least bond of a node.
pub const NODE_BOND: u16 = 9;
/// Blocks until a settled batch of receipts is final.
pub const RECEIPT_WINDOW: u16 = 10;
/// Seconds in which a proposal can be voted on.
pub const VOTING_SECONDS: u16 = 11;
/// Seconds between the end of a vote and its effect.
pub const TIMELOCK_SECONDS: u16 = 12;
/// Millionths of its stake that a validator loses who contradicts itself.
pub const SLASH_EQUIVOCATION: u16 = 13;

/// All parameters, by place.
pub const PARAMS: [Param; 14] = [
    param("block_gas", 30_000_000, 5_000_000, 200_000_000),
    param("base_fee_min", 1_000_000, 7, 1_000_000_000_000),
    param("seat_bond", 10_000 * TOKEN, TOKEN, 100_000_000 * TOKEN),
    param("seats_max", 64, 4, 128),
    param("unbond_seconds", 21 * DAY, HOUR, 90 * DAY),
    param("block_reward", TOKEN / 100, 0, 10 * TOKEN),
    param("slash_downtime", 100, 0, 10_000),
    param("downtime_limit", 500_000, 100_000, 1_000_000),
    param("jail_seconds", 600, 60, 30 * DAY),
    param("node_bond", 1_000 * TOKEN, TOKEN, 10_000_000 * TOKEN),
    param("receipt_window", 7_200, 10, 10_000_000),
    param("voting_seconds", 3 * DAY, HOUR, 30 * DAY),
    param("timelock_seconds", 2 * DAY, HOUR, 30 * DAY),
    param("slash_equivocation", 50_000, 10_000, 1_000_000),
];

/// Where governance keeps the values.
pub const VALUES: Slot = Slot::number(0);

/// What the slot of a parameter holds for `value`: one more, as zero says that nothing was set.
pub fn kept(value: u128) -> U256 {
    U256::from(value) + U256::from(1)
}

/// The value of the parameter at `place` whose slot holds `kept`.
pub fn value(place: u16, kept: U256) -> u128 {
    match kept.checked_sub(U256::from(1)) {
        Some(value) => value.saturating_to(),
        None => PARAMS[usize::from(place)].default,
    }
}

/// Where governance keeps the parameter at `place`.
pub fn slot(place: u16) -> Slot {
    VALUES.at(u64::from(place))
}

impl Call<'_> {
    /// The value of the parameter at `place`.
    pub fn param(&mut self, place: u16) -> Part<u128> {
        Ok(value(place, self.load_of(GOVERNANCE, slot(place))?))
    }

    /// The value of a parameter that counts seconds, blocks or seats.
    pub fn param_small(&mut self, place: u16) -> Part<u64> {
        Ok(u64::try_from(self.param(place)?).expect("its bounds are below 2^64"))
    }
}
