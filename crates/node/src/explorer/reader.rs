//! One state of a chain, as pages read it.
//!
//! Invariant: all that a page shows is of one block, whatever comes meanwhile.

use super::page::About;
use crate::chain::{Chain, Error, Final, Tip};
use alloy_consensus::Transaction as _;
use alloy_consensus::transaction::SignerRecoverable;
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use std::sync::Arc;
use terroir_ledger::native::abi::IStaking;
use terroir_ledger::native::{self, Now, STAKING};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(super) enum Miss {
    /// There is nothing of that name.
    #[error("{0}")]
    Unknown(String),
    /// It is on another page.
    #[error("see {0}")]
    Elsewhere(String),
    /// The chain cannot be read.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<terroir_ledger::Error> for Miss {
    fn from(error: terroir_ledger::Error) -> Miss {
        Miss::Failed(error.into())
    }
}

/// A chain until one block.
pub(super) struct Reader<'a> {
    pub chain: &'a Chain,
    pub tip: Arc<Tip>,
}

impl<'a> Reader<'a> {
    /// Until the newest block.
    pub fn new(chain: &'a Chain) -> Reader<'a> {
        Reader { chain, tip: chain.tip() }
    }

    /// The number of the newest block.
    pub fn height(&self) -> u64 {
        self.tip.header.number
    }

    /// What all pages say.
    pub fn about(&self) -> About {
        let (chain_id, genesis) = (self.chain.chain().id, self.chain.genesis());
        About { chain_id, genesis, height: self.height() }
    }

    /// What the native contract `to` answers, or why it refuses.
    fn answer<C: SolCall>(&self, to: Address, ask: &C) -> Result<Result<C::Return, String>, Miss> {
        let (number, time) = (self.height(), self.tip.header.timestamp);
        let now = Now { chain_id: self.chain.chain().id, number, time };
        Ok(native::read(&self.tip.view, now, to, ask)?)
    }

    /// What the native contract `to` answers; what it refuses is unknown.
    pub fn ask<C: SolCall>(&self, to: Address, ask: &C) -> Result<C::Return, Miss> {
        self.answer(to, ask)?.map_err(Miss::Unknown)
    }

    /// What the native contract `to` answers, unless it refuses.
    pub fn find<C: SolCall>(&self, to: Address, ask: &C) -> Result<Option<C::Return>, Miss> {
        Ok(self.answer(to, ask)?.ok())
    }

    /// The block `number`.
    pub fn block(&self, number: u64) -> Result<Arc<Final>, Miss> {
        let unknown = || Miss::Unknown(format!("There is no block {number} yet."));
        self.chain.block(&self.tip, number)?.ok_or_else(unknown)
    }

    /// A validator's terms, where `address` is or was one.
    pub fn validator(&self, address: Address) -> Result<Option<IStaking::Validator>, Miss> {
        self.find(STAKING, &IStaking::validatorCall { validator: address })
    }
}

/// A transaction in its block.
pub(super) struct Placed {
    pub block: Arc<Final>,
    pub place: usize,
}

impl Placed {
    /// Who signed it; none where its signature does not read back.
    pub fn sender(&self) -> Option<Address> {
        self.envelope().recover_signer().ok()
    }

    pub fn envelope(&self) -> &alloy_consensus::TxEnvelope {
        &self.block.block.transactions[self.place]
    }

    pub fn hash(&self) -> B256 {
        *self.envelope().tx_hash()
    }

    pub fn receipt(&self) -> &alloy_consensus::ReceiptEnvelope {
        &self.block.receipts[self.place]
    }

    pub fn succeeded(&self) -> bool {
        self.receipt().status()
    }

    /// Gas that it used.
    pub fn gas_used(&self) -> u64 {
        let until = |place: usize| self.block.receipts[place].cumulative_gas_used();
        until(self.place) - self.place.checked_sub(1).map_or(0, until)
    }

    /// What it paid for a gas.
    pub fn gas_price(&self) -> u128 {
        self.envelope().effective_gas_price(self.block.block.header.base_fee_per_gas)
    }

    /// What it paid for all of it.
    pub fn fee(&self) -> U256 {
        U256::from(self.gas_used()) * U256::from(self.gas_price())
    }
}
