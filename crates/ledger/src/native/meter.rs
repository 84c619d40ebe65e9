//! Gas of native contracts, by Ethereum's own prices.
//!
//! A slot costs what EIP-2929 says, an event what the Yellow Paper says (appendix G). Writing is dearer
//! than EIP-2200 in one case: a slot written twice in a transaction pays twice, and nothing is
//! refunded. Invariant: nothing is done that was not paid for before.

use super::{Part, Stop};

const CALL: u64 = 700;
const INPUT_WORD: u64 = 16;
const LOAD_WARM: u64 = 100;
const LOAD_COLD: u64 = 2_100;
const STORE_NEW: u64 = 20_000;
const STORE: u64 = 2_900;
const LOG: u64 = 375;
const LOG_BYTE: u64 = 8;
const HASH: u64 = 60;
const TRANSFER: u64 = 9_000 + 25_000;
/// One ed25519 signature: EIP-665 asks 2,000; ten microseconds a hundred of gas, as ecrecover.
const SIGNATURE: u64 = 5_000;
/// Two pairings and two subgroup checks by EIP-2537's table, rounded up.
const PAIRINGS: u64 = 120_000;

/// What is left of a call's gas.
pub struct Meter {
    limit: u64,
    left: u64,
}

impl Meter {
    pub fn new(limit: u64) -> Meter {
        Meter { limit, left: limit }
    }

    pub fn used(&self) -> u64 {
        self.limit - self.left
    }

    fn take(&mut self, gas: u64) -> Part<()> {
        match self.left.checked_sub(gas) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Stop::OutOfGas)
            }
        }
    }

    /// Decoding an input of so many bytes.
    pub fn input(&mut self, bytes: usize) -> Part<()> {
        self.take(CALL + INPUT_WORD * (bytes as u64).div_ceil(32))
    }

    /// Before a slot is read: as if it were warm.
    pub fn load(&mut self) -> Part<()> {
        self.take(LOAD_WARM)
    }

    /// After a slot was read that turned out to be cold.
    pub fn cold(&mut self) -> Part<()> {
        self.take(LOAD_COLD - LOAD_WARM)
    }

    /// Before a slot is written: as if it held something.
    pub fn store(&mut self) -> Part<()> {
        self.take(STORE)
    }

    /// After a slot was written that turned out to be empty.
    pub fn grow(&mut self) -> Part<()> {
        self.take(STORE_NEW - STORE)
    }

    pub fn event(&mut self, topics: usize, bytes: usize) -> Part<()> {
        self.take(LOG * (1 + topics as u64) + LOG_BYTE * bytes as u64)
    }

    pub fn hash(&mut self) -> Part<()> {
        self.take(HASH)
    }

    pub fn transfer(&mut self) -> Part<()> {
        self.take(TRANSFER)
    }

    pub fn signature(&mut self) -> Part<()> {
        self.take(SIGNATURE)
    }

    pub fn pairings(&mut self) -> Part<()> {
        self.take(PAIRINGS)
    }
}
