//! Blocks, transactions, receipts and logs as clients of Ethereum's nodes read them.
//!
//! Invariant: what is final has all its fields; what waits has none that only a block gives.

use super::failure::Failure;
use crate::chain::Final;
use alloy_consensus::transaction::{Recovered, SignerRecoverable};
use alloy_consensus::{ReceiptEnvelope, Transaction as _, TxEnvelope};
use alloy_primitives::{Address, TxKind, U256};
use alloy_rpc_types_eth::{Block, BlockTransactions, Header, Log, Transaction, TransactionReceipt};

pub(super) type Receipt = TransactionReceipt<ReceiptEnvelope<Log>>;

fn sender(envelope: &TxEnvelope) -> Result<Address, Failure> {
    // It was checked when the block was.
    envelope.recover_signer().map_err(|error| Failure::internal(&error))
}

pub(super) fn header(found: &Final) -> Header {
    let inner = found.block.header.clone();
    let size = Some(U256::from(found.size()));
    Header { hash: found.hash, inner, total_difficulty: None, size }
}

/// The block, with whole transactions or with their hashes.
pub(super) fn block(found: &Final, full: bool) -> Result<Block, Failure> {
    let count = found.block.transactions.len();
    let transactions = match full {
        true => {
            let all = (0..count).map(|place| transaction(found, place));
            BlockTransactions::Full(all.collect::<Result<_, _>>()?)
        }
        false => {
            let hashes = found.block.transactions.iter().map(|one| *one.tx_hash());
            BlockTransactions::Hashes(hashes.collect())
        }
    };
    let withdrawals = Some(Default::default());
    Ok(Block { header: header(found), uncles: Vec::new(), transactions, withdrawals })
}

/// The transaction at `place`, which is one of the block's.
pub(super) fn transaction(found: &Final, place: usize) -> Result<Transaction, Failure> {
    let envelope = &found.block.transactions[place];
    let header = &found.block.header;
    Ok(Transaction {
        inner: Recovered::new_unchecked(envelope.clone(), sender(envelope)?),
        block_hash: Some(found.hash),
        block_number: Some(header.number),
        transaction_index: Some(place as u64),
        effective_gas_price: Some(envelope.effective_gas_price(header.base_fee_per_gas)),
        block_timestamp: Some(header.timestamp),
    })
}

/// A transaction that waits.
pub(super) fn waiting(one: &terroir_ledger::Transaction) -> Transaction {
    Transaction {
        inner: Recovered::new_unchecked(one.envelope.clone(), one.sender),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        effective_gas_price: Some(one.envelope.effective_gas_price(None)),
        block_timestamp: None,
    }
}

/// Gas that the transaction at `place` used.
pub(super) fn gas_used(found: &Final, place: usize) -> u64 {
    let until = |place: usize| found.receipts[place].cumulative_gas_used();
    until(place) - place.checked_sub(1).map_or(0, until)
}

/// The receipt of the transaction at `place`, which is one of the block's.
pub(super) fn receipt(found: &Final, place: usize) -> Result<Receipt, Failure> {
    let envelope = &found.block.transactions[place];
    let header = &found.block.header;
    let from = sender(envelope)?;
    let first = found.receipts[..place].iter().map(|one| one.logs().len()).sum();
    let mut index = first;
    let inner = found.receipts[place].clone().map_logs(|inner| {
        let shaped = log(found, place, index, inner);
        index += 1;
        shaped
    });
    let contract = match envelope.kind() {
        TxKind::Create => Some(from.create(envelope.nonce())),
        TxKind::Call(_) => None,
    };
    Ok(TransactionReceipt {
        inner,
        transaction_hash: *envelope.tx_hash(),
        transaction_index: Some(place as u64),
        block_hash: Some(found.hash),
        block_number: Some(header.number),
        gas_used: gas_used(found, place),
        effective_gas_price: envelope.effective_gas_price(header.base_fee_per_gas),
        blob_gas_used: None,
        blob_gas_price: None,
        from,
        to: envelope.to(),
        contract_address: contract,
    })
}

/// A log of the transaction at `place`, the `index`th of the block.
pub(super) fn log(found: &Final, place: usize, index: usize, inner: alloy_primitives::Log) -> Log {
    let header = &found.block.header;
    Log {
        inner,
        block_hash: Some(found.hash),
        block_number: Some(header.number),
        block_timestamp: Some(header.timestamp),
        transaction_hash: Some(*found.block.transactions[place].tx_hash()),
        transaction_index: Some(place as u64),
        log_index: Some(index as u64),
        removed: false,
    }
}
