//! Where a chain begins: its id, validators, accounts and parameters, in one TOML file.
//!
//! The file's meaning is hashed, not its bytes: block 0 has the root of the state that it makes, and
//! its hash names the chain. Guide: `docs/guide/genesis.md`. Invariant: two nodes with the
//! same hash of block 0 agree on everything that is fixed before the first block.

use crate::block::{Block, Seal, VERSION};
use crate::error::Error;
use crate::evm::{Journaled, machine};
use crate::execute::param;
use crate::native::abi::IStaking;
use crate::native::params::{self, BASE_FEE_MIN, BLOCK_GAS, PARAMS};
use crate::native::staking;
use crate::native::{self, ALL, CODE, GOVERNANCE, Input, Now, STAKING};
use crate::predeploy::PREDEPLOYS;
use crate::state::{Changes, Memory, View};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;
use alloy_trie::EMPTY_ROOT_HASH;
use revm::context::{BlockEnv, JournalTr};
use revm::handler::{ExecuteCommitEvm, SYSTEM_ADDRESS};
use revm::state::Bytecode;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most bytes of a genesis file.
pub const BYTES_MAX: usize = 16 << 20;
/// All money at the beginning is below this, so that sums of it never reach 2^256.
const SUPPLY_BITS: usize = 128;
/// Blocks of an epoch: at least so many, so that a committee is known before it sits.
pub const EPOCH_BLOCKS_MIN: u64 = 8;

/// A genesis file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The chain's name, for people.
    pub name: String,
    /// Its id, for transactions: EIP-155.
    pub chain_id: u64,
    /// Unix seconds of block 0.
    pub time: u64,
    /// Blocks of an epoch.
    pub epoch_blocks: u64,
    /// Parameters that are not at their default, by name; amounts as decimal text.
    #[serde(default)]
    pub parameters: BTreeMap<String, Amount>,
    /// Those who sit in the committee of the first two epochs.
    pub validators: Vec<Validator>,
    /// Accounts that hold something at the beginning.
    #[serde(default)]
    pub accounts: BTreeMap<Address, Account>,
}

/// A number of any size: small ones as they are, greater ones as text.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Amount {
    /// As TOML has it.
    Small(u64),
    /// Decimal digits.
    Text(String),
}

/// A validator at the beginning.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Its address.
    pub address: Address,
    /// Its ed25519 identity.
    pub key: B256,
    /// That key's signature over `possessionMessage(address)`.
    pub possession: Bytes,
    /// Its key for votes.
    pub vote_key: Bytes,
    /// That key's proof of possession.
    pub vote_possession: Bytes,
    /// Its stake.
    pub stake: Amount,
}

/// An account at the beginning.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// What it holds.
    #[serde(default = "Amount::nothing")]
    pub balance: Amount,
    /// Its code, where it is a contract.
    #[serde(default)]
    pub code: Bytes,
}

impl Amount {
    fn nothing() -> Amount {
        Amount::Small(0)
    }

    fn value(&self, what: &str) -> Result<u128, Error> {
        match self {
            Amount::Small(value) => Ok(u128::from(*value)),
            Amount::Text(text) => text
                .parse()
                .map_err(|_| Error::Genesis(format!("{what}: {text:?} is not a decimal number"))),
        }
    }
}

/// What is fixed about a chain, beside its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its id.
    pub id: u64,
    /// Blocks of an epoch.
    pub epoch_blocks: u64,
}

impl Chain {
    /// The epoch of the block `number`.
    pub fn epoch(&self, number: u64) -> u64 {
        number / self.epoch_blocks
    }

    /// Whether the block `number` is the last of its epoch.
    pub fn is_last(&self, number: u64) -> bool {
        (number + 1).is_multiple_of(self.epoch_blocks)
    }
}

/// A chain at its beginning.
pub struct Beginning {
    /// What is fixed.
    pub chain: Chain,
    /// Block 0.
    pub block: Block,
    /// Its hash: the name of the chain.
    pub hash: B256,
    /// All accounts, code and nodes.
    pub changes: Arc<Changes>,
}

impl Genesis {
    /// Reads a file. Errors: `Genesis`, naming the line.
    pub fn parse(text: &str) -> Result<Genesis, Error> {
        if text.len() > BYTES_MAX {
            let got = text.len();
            return Err(Error::Genesis(format!("{got} bytes, and {BYTES_MAX} is the most")));
        }
        toml::from_str(text).map_err(|error| Error::Genesis(error.to_string()))
    }

    /// Makes the state of block 0.
    ///
    /// Errors: `Genesis` for values out of bounds, and for keys that their owners did not sign for.
    pub fn begin(&self) -> Result<Beginning, Error> {
        self.check()?;
        let empty = View::new(Arc::new(Memory::default()), EMPTY_ROOT_HASH);
        let env = BlockEnv { timestamp: U256::from(self.time), ..BlockEnv::default() };
        let mut machine = machine(empty.clone(), self.chain_id, env, ());
        let fault = |error: crate::evm::Fault| error.0;
        let journal = &mut machine.ctx.journaled_state;
        self.accounts(journal).map_err(fault)?;
        self.parameters(journal).map_err(fault)?;
        for validator in &self.validators {
            self.join(journal, validator)?;
        }
        let now = Now { chain_id: self.chain_id, number: 0, time: self.time };
        staking::first_committees(&mut Journaled(journal), now)
            .map_err(|stop| Error::Genesis(format!("validators: {stop:?}")))?;
        let state = journal.finalize();
        machine.commit(state);
        let (changes, state_root) = machine.ctx.journaled_state.database.finish()?;
        self.block(changes, state_root, &empty)
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |why: String| Err(Error::Genesis(why));
        if !(1..=64).contains(&self.name.len()) {
            return wrong(format!("name has {} bytes, and 1 to 64 are right", self.name.len()));
        }
        // EIP-2294's bound, so that v of a legacy signature fits everywhere.
        if self.chain_id == 0 || self.chain_id > (u64::MAX >> 1) - 36 {
            return wrong(format!("chain_id {} is out of range", self.chain_id));
        }
        if self.epoch_blocks < EPOCH_BLOCKS_MIN {
            let got = self.epoch_blocks;
            return wrong(format!("epoch_blocks is {got}, and {EPOCH_BLOCKS_MIN} is the least"));
        }
        if self.validators.is_empty() {
            return wrong("validators: there is none".into());
        }
        let stakes = self.validators.iter().map(|one| one.stake.value("stake"));
        let balances = self.accounts.values().map(|one| one.balance.value("balance"));
        let mut sum = U256::ZERO;
        for amount in stakes.chain(balances) {
            sum += U256::from(amount?);
        }
        if sum.bit_len() > SUPPLY_BITS {
            return wrong(format!("all stakes and balances are {sum}, 2^128 or more"));
        }
        for (name, value) in &self.parameters {
            let Some(bounds) = PARAMS.iter().find(|param| param.name == name) else {
                let known: Vec<_> = PARAMS.iter().map(|param| param.name).collect();
                return wrong(format!("parameters: no {name:?}; there are {}", known.join(", ")));
            };
            let value = value.value(name)?;
            if !(bounds.min..=bounds.max).contains(&value) {
                let (min, max) = (bounds.min, bounds.max);
                return wrong(format!("parameters: {name} is {value}, not within {min} to {max}"));
            }
        }
        let taken = |address: &Address| {
            let fixed = PREDEPLOYS.iter().any(|one| one.address == *address);
            fixed || ALL.contains(address) || *address == SYSTEM_ADDRESS
        };
        if let Some(address) = self.accounts.keys().find(|address| taken(address)) {
            return wrong(format!("accounts: {address} belongs to the network itself"));
        }
        // The EVM takes such code for a loan of another account's, and nothing else: EIP-3541, 7702.
        match self.accounts.iter().find(|(_, account)| account.code.starts_with(&[0xef])) {
            Some((address, _)) => {
                wrong(format!("accounts: the code of {address} begins with 0xef, as none can"))
            }
            None => Ok(()),
        }
    }

    fn accounts<J>(&self, journal: &mut J) -> Result<(), <J::Database as revm::Database>::Error>
    where
        J: JournalTr,
    {
        let fixed = ALL.iter().map(|address| (*address, Bytes::from_static(&CODE)));
        let fixed = fixed.chain(PREDEPLOYS.iter().map(|one| (one.address, one.code())));
        let given = self.accounts.iter().map(|(address, account)| (*address, account.code.clone()));
        for (address, code) in fixed.chain(given).filter(|(_, code)| !code.is_empty()) {
            journal.load_account(address)?;
            let hash = keccak256(&code);
            journal.set_code_with_hash(address, Bytecode::new_raw(code), hash);
            // As of a contract that was made by another: EIP-161.
            let mut account = journal.load_account_mut(address)?;
            revm::context_interface::journaled_state::account::JournaledAccountTr::set_nonce(
                &mut account.data,
                1,
            );
        }
        for (address, account) in &self.accounts {
            let balance = account.balance.value("balance").unwrap_or_default();
            journal.balance_incr(*address, U256::from(balance))?;
        }
        Ok(())
    }

    fn parameters<J>(&self, journal: &mut J) -> Result<(), <J::Database as revm::Database>::Error>
    where
        J: JournalTr,
    {
        journal.touch_account(GOVERNANCE);
        for (place, param) in PARAMS.iter().enumerate() {
            if let Some(value) = self.parameters.get(param.name) {
                let value = value.value(param.name).unwrap_or_default();
                let slot = params::slot(u16::try_from(place).expect("a few"));
                journal.sstore(GOVERNANCE, slot.0, params::kept(value))?;
            }
        }
        Ok(())
    }

    /// Calls `join` of staking, as `validator` would.
    fn join<J: JournalTr>(&self, journal: &mut J, validator: &Validator) -> Result<(), Error> {
        let address = validator.address;
        let stake = U256::from(validator.stake.value("stake")?);
        let ask = IStaking::joinCall {
            key: validator.key,
            possession: validator.possession.clone(),
            blsKey: validator.vote_key.clone(),
            blsPossession: validator.vote_possession.clone(),
            payout: address,
            commission: 0,
        };
        let data = ask.abi_encode();
        let input = Input {
            to: STAKING,
            caller: address,
            value: stake,
            data: &data,
            gas: u64::MAX,
            write: true,
        };
        let now = Now { chain_id: self.chain_id, number: 0, time: self.time };
        let wrong = |why: String| Error::Genesis(format!("validator {address}: {why}"));
        let mut host = Journaled(journal);
        native::Host::mint(&mut host, STAKING, stake).map_err(wrong)?;
        let outcome = native::run(&mut host, now, input).expect("staking is a native contract");
        match outcome.result {
            Ok(_) => Ok(()),
            Err(native::Stop::Revert(why) | native::Stop::Fatal(why)) => Err(wrong(why)),
            Err(native::Stop::OutOfGas) => Err(wrong("out of gas".into())),
        }
    }

    /// What stands where block 0 has no parent: all of the file that no other field and no state
    /// follows from, so that chains that differ in it have other names.
    fn origin(&self) -> B256 {
        let numbers = [self.chain_id, self.epoch_blocks].map(u64::to_be_bytes);
        keccak256([numbers.as_flattened(), self.name.as_bytes()].concat())
    }

    fn block(&self, changes: Changes, state_root: B256, empty: &View) -> Result<Beginning, Error> {
        let mut changes = changes;
        let view = empty.after(Arc::new(changes.clone()), state_root);
        let next = staking::digest(&staking::seats_of(&view, 1)?);
        let seal = Seal {
            version: VERSION,
            time_ms: self.time.saturating_mul(1_000),
            next,
            ..Seal::default()
        };
        let header = Header {
            parent_hash: self.origin(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            state_root,
            transactions_root: EMPTY_ROOT_HASH,
            receipts_root: EMPTY_ROOT_HASH,
            gas_limit: param(&view, BLOCK_GAS)?,
            timestamp: self.time,
            extra_data: seal.hash().into(),
            base_fee_per_gas: Some(param(&view, BASE_FEE_MIN)?),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        };
        let block = Block { header, seal, transactions: Vec::new() };
        let hash = block.hash();
        changes.hash = hash;
        let chain = Chain { id: self.chain_id, epoch_blocks: self.epoch_blocks };
        Ok(Beginning { chain, block, hash, changes: Arc::new(changes) })
    }
}
