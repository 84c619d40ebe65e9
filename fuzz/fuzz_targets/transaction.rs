//! Transactions: this chain takes what alloy takes, in its only encoding, within limits that it names.

#![no_main]

use alloy_consensus::transaction::SignerRecoverable;
use alloy_consensus::{Transaction as _, TxEnvelope, Typed2718};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::keccak256;
use libfuzzer_sys::fuzz_target;
use terroir_ledger::transaction::{BYTES_MAX, GAS_MAX, INITCODE_MAX};
use terroir_ledger::{Refused, Transaction};

const CHAIN_ID: u64 = 7_701;

fuzz_target!(|bytes: &[u8]| {
    let theirs = TxEnvelope::decode_2718_exact(bytes).ok();
    match (Transaction::decode(bytes, CHAIN_ID), theirs) {
        (Ok(ours), theirs) => {
            let theirs = theirs.expect("alloy takes it too");
            assert_eq!(ours.envelope, theirs);
            assert_eq!(theirs.encoded_2718(), bytes);
            assert_eq!(ours.hash, keccak256(bytes));
            assert_eq!(Some(ours.sender), theirs.recover_signer().ok());
            assert_eq!(theirs.chain_id(), Some(CHAIN_ID));
        }
        (Err(_), None) => {}
        (Err(why), Some(tx)) => assert!(holds(&why, &tx, bytes), "{why}: {tx:?}"),
    }
});

/// Whether `tx`, which alloy takes, is beyond the limit that `why` names.
fn holds(why: &Refused, tx: &TxEnvelope, bytes: &[u8]) -> bool {
    let create = tx.kind().is_create();
    match why {
        Refused::Encoding(_) => tx.encoded_2718() != bytes,
        Refused::Size { .. } => bytes.len() > BYTES_MAX,
        Refused::Type(_) => tx.ty() == 3,
        Refused::ChainId { .. } => tx.chain_id() != Some(CHAIN_ID),
        Refused::Signature => tx.recover_signer().is_err(),
        Refused::Gas { got, want } => got < want && tx.gas_limit() == *got,
        Refused::GasLimit { .. } => tx.gas_limit() > GAS_MAX,
        Refused::Tip => tx.max_priority_fee_per_gas() > Some(tx.max_fee_per_gas()),
        Refused::Initcode { .. } => create && tx.input().len() > INITCODE_MAX,
        Refused::NonceMax(_) => tx.nonce() == u64::MAX,
        Refused::Authorizations => {
            tx.authorization_list().is_some_and(|list| list.is_empty() || create)
        }
    }
}
