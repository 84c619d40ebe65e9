//! Transactions: Ethereum's types 0, 1, 2 and 4, signed for this chain, by whom.
//!
//! What is checked here needs no state, so that a transaction is checked once and never again.
//! Blobs (type 3) have no place on this chain and are refused.

use crate::error::Refused;
use alloy_consensus::transaction::SignerRecoverable;
use alloy_consensus::{Transaction as _, TxEnvelope, Typed2718};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, TxKind};
use revm::context::TxEnv;
use revm::context::either::Either;
use revm::interpreter::gas::calculate_initial_tx_gas;
use revm::primitives::hardfork::SpecId;

/// Most bytes of an encoded transaction: 128 KiB, as Ethereum's nodes take.
pub const BYTES_MAX: usize = 128 << 10;
/// Most gas of a transaction: EIP-7825.
pub const GAS_MAX: u64 = 1 << 24;
/// Most bytes of code that makes a contract: EIP-3860.
pub const INITCODE_MAX: usize = 49_152;

/// A transaction that can be in a block, if the state allows, and its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The signed transaction.
    pub envelope: TxEnvelope,
    /// Who signed it.
    pub sender: Address,
    /// Its hash.
    pub hash: B256,
}

impl Transaction {
    /// Reads an encoded transaction (EIP-2718) for the chain `chain_id`.
    pub fn decode(bytes: &[u8], chain_id: u64) -> Result<Transaction, Refused> {
        if bytes.len() > BYTES_MAX {
            return Err(Refused::Size { got: bytes.len(), max: BYTES_MAX });
        }
        // Blobs come with kilobytes that no error about their encoding would help with.
        if bytes.first() == Some(&3) {
            return Err(Refused::Type(3));
        }
        let envelope = TxEnvelope::decode_2718_exact(bytes)
            .map_err(|error| Refused::Encoding(error.to_string()))?;
        Transaction::check(envelope, chain_id)
    }

    /// Checks `envelope` for the chain `chain_id` and finds its sender.
    pub fn check(envelope: TxEnvelope, chain_id: u64) -> Result<Transaction, Refused> {
        if envelope.ty() == 3 {
            return Err(Refused::Type(3));
        }
        // A legacy transaction for any chain could be played again on others.
        match envelope.chain_id() {
            Some(got) if got == chain_id => {}
            got => {
                return Err(Refused::ChainId { got: got.unwrap_or_default(), want: chain_id });
            }
        }
        if envelope.gas_limit() > GAS_MAX {
            return Err(Refused::GasLimit { got: envelope.gas_limit(), max: GAS_MAX });
        }
        if envelope.max_priority_fee_per_gas().is_some_and(|tip| tip > envelope.max_fee_per_gas()) {
            return Err(Refused::Tip);
        }
        if envelope.kind().is_create() && envelope.input().len() > INITCODE_MAX {
            return Err(Refused::Initcode { got: envelope.input().len(), max: INITCODE_MAX });
        }
        let authorizations = envelope.authorization_list();
        if authorizations.is_some_and(|list| list.is_empty() || envelope.kind().is_create()) {
            return Err(Refused::Authorizations);
        }
        let want = least_gas(&envelope);
        if envelope.gas_limit() < want {
            return Err(Refused::Gas { got: envelope.gas_limit(), want });
        }
        // Low s only: EIP-2.
        let sender = envelope.recover_signer().map_err(|_| Refused::Signature)?;
        if envelope.nonce() == u64::MAX {
            return Err(Refused::NonceMax(sender));
        }
        let hash = *envelope.tx_hash();
        Ok(Transaction { envelope, sender, hash })
    }

    /// As the EVM wants it.
    pub fn env(&self) -> TxEnv {
        let tx = &self.envelope;
        TxEnv {
            tx_type: tx.ty(),
            caller: self.sender,
            gas_limit: tx.gas_limit(),
            gas_price: tx.max_fee_per_gas(),
            kind: tx.kind(),
            value: tx.value(),
            data: tx.input().clone(),
            nonce: tx.nonce(),
            chain_id: tx.chain_id(),
            access_list: tx.access_list().cloned().unwrap_or_default(),
            gas_priority_fee: tx.max_priority_fee_per_gas(),
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: tx
                .authorization_list()
                .unwrap_or_default()
                .iter()
                .cloned()
                .map(Either::Left)
                .collect(),
        }
    }
}

/// What a transaction costs before anything of it runs: EIP-2028, 2930, 3860, 7623 and 7702.
fn least_gas(tx: &TxEnvelope) -> u64 {
    let (mut addresses, mut slots) = (0, 0);
    if let Some(list) = tx.access_list() {
        addresses = list.0.len() as u64;
        slots = list.0.iter().map(|item| item.storage_keys.len() as u64).sum();
    }
    let authorizations = tx.authorization_list().map_or(0, |list| list.len() as u64);
    let create = tx.kind() == TxKind::Create;
    let gas = calculate_initial_tx_gas(
        SpecId::OSAKA,
        tx.input(),
        create,
        addresses,
        slots,
        authorizations,
        None,
    );
    gas.initial_total_gas().max(gas.floor_gas())
}
