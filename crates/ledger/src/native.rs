//! Contracts in Rust at fixed addresses: what the network needs to know, metered like any contract.
//!
//! Each keeps its state in slots of its own account, so it is under the state root, in proofs and in
//! traces as if it were Solidity; the interfaces are in `contracts/`. The account has one byte of
//! code (INVALID), so that callers which look for code find some. Invariant: what a call does is a
//! function of the state, the block and its input alone; hostile input reverts with a reason.

pub mod abi;
pub mod governance;
mod meter;
pub mod nodes;
pub mod params;
pub mod possession;
mod reader;
pub mod receipts;
pub mod registry;
mod slots;
pub mod staking;

pub use reader::read;

use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, address};
use alloy_sol_types::{Revert, SolError, SolEvent};
use meter::Meter;
use revm::handler::SYSTEM_ADDRESS;

/// The registry of models, datasets and programs.
pub const REGISTRY: Address = address!("0000000000000000000000000000000000007e01");
/// Nodes that host, execute, audit and store.
pub const NODES: Address = address!("0000000000000000000000000000000000007e02");
/// Validators and committees.
pub const STAKING: Address = address!("0000000000000000000000000000000000007e03");
/// Settled batches of receipts.
pub const RECEIPTS: Address = address!("0000000000000000000000000000000000007e04");
/// Parameters and votes on them.
pub const GOVERNANCE: Address = address!("0000000000000000000000000000000000007e05");
/// All of them.
pub const ALL: [Address; 5] = [REGISTRY, NODES, STAKING, RECEIPTS, GOVERNANCE];
/// The code of their accounts: INVALID, which nobody ever runs.
pub const CODE: [u8; 1] = [0xfe];

/// What a native contract needs of the machine around it.
///
/// Errors: texts about this machine's disk, which end the whole execution.
pub trait Host {
    /// Reads a slot; whether it was cold.
    fn load(&mut self, address: Address, slot: U256) -> Result<(U256, bool), String>;
    /// Writes a slot; what was there before, and whether it was cold.
    fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<(U256, bool), String>;
    /// Keeps an event.
    fn event(&mut self, log: Log);
    /// Moves money; `false` when there is not enough.
    fn transfer(&mut self, from: Address, to: Address, value: U256) -> Result<bool, String>;
    /// Makes money at `address`.
    fn mint(&mut self, address: Address, value: U256) -> Result<(), String>;
}

/// Where in the chain a call happens.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Id of the chain.
    pub chain_id: u64,
    /// Number of the block.
    pub number: u64,
    /// Its time in Unix seconds.
    pub time: u64,
}

/// A call of a native contract.
pub struct Call<'a> {
    host: &'a mut dyn Host,
    /// Where it is.
    pub now: Now,
    me: Address,
    caller: Address,
    value: U256,
    write: bool,
    gas: Meter,
}

/// Why a call gave nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// It was refused, for this reason.
    Revert(String),
    /// It cost more than was given.
    OutOfGas,
    /// This machine failed.
    Fatal(String),
}

/// What a part of a call gives.
pub type Part<T> = Result<T, Stop>;

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it gives back, or why it gave nothing.
    pub result: Part<Bytes>,
    /// Gas that it used.
    pub gas: u64,
}

/// What a call is told.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The contract.
    pub to: Address,
    /// Who calls.
    pub caller: Address,
    /// The money that came along.
    pub value: U256,
    /// Selector and arguments.
    pub data: &'a [u8],
    /// Gas that it may use.
    pub gas: u64,
    /// Whether it may change anything.
    pub write: bool,
}

/// Runs the call `input`; `None` where there is no native contract.
pub fn run(host: &mut dyn Host, now: Now, input: Input<'_>) -> Option<Outcome> {
    let contract = match input.to {
        REGISTRY => registry::run,
        NODES => nodes::run,
        STAKING => staking::run,
        RECEIPTS => receipts::run,
        GOVERNANCE => governance::run,
        _ => return None,
    };
    let Input { to: me, caller, value, data, gas, write } = input;
    let mut call = Call { host, now, me, caller, value, write, gas: Meter::new(gas) };
    let result = call.gas.input(data.len()).and_then(|()| contract(&mut call, data));
    Some(Outcome { result: result.map(Bytes::from), gas: call.gas.used() })
}

impl Stop {
    /// What a caller gets to see: `Error(string)`, as Solidity's `require` gives it.
    pub fn output(&self) -> Bytes {
        match self {
            Stop::Revert(reason) => Revert::from(reason.as_str()).abi_encode().into(),
            Stop::OutOfGas | Stop::Fatal(_) => Bytes::new(),
        }
    }
}

/// Refuses the call.
fn refuse<T>(reason: impl Into<String>) -> Part<T> {
    Err(Stop::Revert(reason.into()))
}

/// Refuses the call unless `holds`.
fn require(holds: bool, reason: impl FnOnce() -> String) -> Part<()> {
    if holds { Ok(()) } else { refuse(reason()) }
}

/// The call that `decoded` is.
fn decoded<T>(decoded: alloy_sol_types::Result<T>) -> Part<T> {
    decoded.map_err(|error| Stop::Revert(format!("input is not a call of this contract: {error}")))
}

/// Refuses a text that is empty or longer than `max` bytes.
fn sized(what: &str, text: &str, min: usize, max: usize) -> Part<()> {
    require((min..=max).contains(&text.len()), || {
        format!("{what} has {} bytes, and {min} to {max} are right", text.len())
    })
}

impl<'a> Call<'a> {
    /// A call of the network itself at `me`, which nobody pays for.
    fn system(host: &'a mut dyn Host, now: Now, me: Address) -> Call<'a> {
        let (caller, value, gas) = (SYSTEM_ADDRESS, U256::ZERO, Meter::new(u64::MAX));
        Call { host, now, me, caller, value, write: true, gas }
    }

    /// Refuses calls that may not change anything.
    fn writes(&mut self) -> Part<()> {
        require(self.write, || "this changes state, which a static call may not".into())
    }

    /// Refuses calls that may not change anything, or bring money.
    fn writes_unpaid(&mut self) -> Part<()> {
        self.writes()?;
        require(self.value.is_zero(), || "this takes no value".into())
    }

    fn emit(&mut self, event: &impl SolEvent) -> Part<()> {
        let data: LogData = event.encode_log_data();
        self.gas.event(data.topics().len(), data.data.len())?;
        self.host.event(Log { address: self.me, data });
        Ok(())
    }

    /// Pays out of what this contract holds.
    fn pay(&mut self, to: Address, value: U256) -> Part<()> {
        self.gas.transfer()?;
        match self.host.transfer(self.me, to, value).map_err(Stop::Fatal)? {
            true => Ok(()),
            false => Err(Stop::Fatal(format!("{} holds less than it owes", self.me))),
        }
    }
}

/// A number of at most 64 bits, as a slot has it.
fn small(value: U256) -> u64 {
    value.saturating_to()
}

/// The address in the low bytes of a slot.
fn to_address(value: U256) -> Address {
    Address::from_word(B256::from(value))
}

/// A slot with `address` in its low bytes.
fn from_address(address: Address) -> U256 {
    address.into_word().into()
}
