//! An open chain in a folder of its own, and accounts that sign.

use super::leader::{self, open};
use alloy_consensus::TxEnvelope;
use alloy_consensus::transaction::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Signature, TxKind, U256, address};
use k256::ecdsa::SigningKey;
use std::sync::Arc;
use tempfile::TempDir;
use terroir_ledger::Executed;
use terroir_node::chain::{Chain, Origin, Refused};

pub const CHAIN_ID: u64 = 7_701;
pub const TOKEN: u128 = 1_000_000_000_000_000_000;
/// The ERC-20 over the native token.
pub const WRAPPED: Address = address!("0000000000000000000000000000000000007e10");

/// Someone with an account.
#[derive(Clone)]
pub struct Account {
    key: SigningKey,
    pub address: Address,
}

impl Account {
    pub fn new(seed: u8) -> Account {
        let key = SigningKey::from_slice(&[seed; 32]).unwrap();
        let address = Address::from_public_key(key.verifying_key());
        Account { key, address }
    }

    pub fn sign<T: SignableTransaction<Signature>>(&self, tx: T) -> TxEnvelope
    where
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let hash = tx.signature_hash();
        let (signature, recovery) = self.key.sign_prehash_recoverable(hash.as_slice()).unwrap();
        tx.into_signed(Signature::from((signature, recovery))).into()
    }
}

/// A transaction that pays enough, for tests to change.
pub fn draft(nonce: u64, to: Address) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(to),
        value: U256::from(1),
        access_list: Default::default(),
        input: Default::default(),
    }
}

/// An open chain, and its folder.
pub struct World {
    pub chain: Arc<Chain>,
    pub folder: TempDir,
    pub alice: Account,
    pub bob: Account,
}

impl World {
    pub fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let chain = Arc::new(open(&folder.path().join("chain.redb")));
        World { chain, folder, alice: Account::new(101), bob: Account::new(102) }
    }

    /// Gives `envelope` to the mempool.
    pub fn send(&self, envelope: &TxEnvelope) -> Result<B256, Refused> {
        self.chain.mempool().add(&envelope.encoded_2718(), Origin::Local)
    }

    /// Signs and gives to the mempool what `from` sends next.
    pub fn pay(&self, from: &Account, change: impl FnOnce(&mut TxEip1559)) -> B256 {
        let nonce = self.chain.mempool().next_nonce(&from.address).unwrap();
        let mut tx = draft(nonce, Address::repeat_byte(7));
        change(&mut tx);
        self.send(&from.sign(tx)).unwrap()
    }

    /// The next block of what waits, committed.
    pub fn block(&self) -> Executed {
        leader::block(&self.chain)
    }
}
