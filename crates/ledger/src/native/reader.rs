//! Questions to native contracts without a transaction: for those who show the state.
//!
//! Invariant: the same code answers as in a transaction, over a state that cannot be written.

use super::{Host, Input, Now, Stop, run};
use crate::error::Error;
use crate::state::View;
use alloy_primitives::{Address, Log, U256};
use alloy_sol_types::SolCall;

/// What the native contract at `to` answers to `ask` in the state `view`, or why it refuses.
///
/// Errors: `Store` where the state cannot be read, or where there is no native contract.
pub fn read<C: SolCall>(
    view: &View,
    now: Now,
    to: Address,
    ask: &C,
) -> Result<Result<C::Return, String>, Error> {
    let (data, gas) = (ask.abi_encode(), u64::MAX);
    let input =
        Input { to, caller: Address::ZERO, value: U256::ZERO, data: &data, gas, write: false };
    let Some(outcome) = run(&mut Reader(view), now, input) else {
        return Err(Error::Store(format!("{to} is no native contract")));
    };
    match outcome.result {
        Ok(bytes) => C::abi_decode_returns(&bytes)
            .map(Ok)
            .map_err(|error| Error::Store(format!("the answer of {to}: {error}"))),
        Err(Stop::Revert(why)) => Ok(Err(why)),
        Err(Stop::OutOfGas) => Err(Error::Store(format!("{to} ran out of gas"))),
        Err(Stop::Fatal(why)) => Err(Error::Store(why)),
    }
}

/// A state that is only read.
struct Reader<'a>(&'a View);

/// What a contract gets to hear that would write all the same.
const READ_ONLY: &str = "a question cannot change the state";

impl Host for Reader<'_> {
    fn load(&mut self, address: Address, slot: U256) -> Result<(U256, bool), String> {
        let value = self.0.slot(&address, &slot).map_err(|error| error.to_string())?;
        Ok((value, false))
    }

    fn store(&mut self, _: Address, _: U256, _: U256) -> Result<(U256, bool), String> {
        Err(READ_ONLY.into())
    }

    fn event(&mut self, _: Log) {}

    fn transfer(&mut self, _: Address, _: Address, _: U256) -> Result<bool, String> {
        Err(READ_ONLY.into())
    }

    fn mint(&mut self, _: Address, _: U256) -> Result<(), String> {
        Err(READ_ONLY.into())
    }
}
