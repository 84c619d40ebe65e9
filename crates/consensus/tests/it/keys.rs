//! Who is there: validators with their keys, accounts, and the genesis file that names them.

use alloy_consensus::transaction::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use alloy_sol_types::SolCall as _;
use k256::ecdsa::SigningKey;
use terroir_base::sign::SecretKey;
use terroir_consensus::Keys;
use terroir_ledger::Transaction;
use terroir_ledger::genesis::{Beginning, Genesis};
use terroir_ledger::native::STAKING;
use terroir_ledger::native::abi::IStaking;

pub const CHAIN_ID: u64 = 7_701;
pub const TOKEN: u128 = 1_000_000_000_000_000_000;
/// Blocks of an epoch.
pub const EPOCH: u64 = 8;

/// A person with all keys of a validator, whether it is one or not.
pub struct Person {
    pub keys: Keys,
    /// The secret half of its key for votes.
    pub vote: [u8; 32],
    pub identity: SecretKey,
    account: SigningKey,
    pub address: Address,
}

impl Person {
    pub fn new(seed: u8) -> Person {
        let account = SigningKey::from_slice(&[seed; 32]).unwrap();
        let mut vote = [seed; 32];
        vote[0] = 0;
        Person {
            keys: Keys::new(&[seed; 32], &vote).unwrap(),
            vote,
            identity: SecretKey::from_seed([seed; 32]),
            address: Address::from_public_key(account.verifying_key()),
            account,
        }
    }

    fn possession(&self) -> Vec<u8> {
        let context = b"terroir 2026-11 key possession";
        [&context[..], &CHAIN_ID.to_be_bytes(), self.address.as_slice()].concat()
    }

    /// The encoded transaction number `nonce` of this person.
    pub fn call(&self, nonce: u64, to: Address, value: u128, input: Vec<u8>) -> Bytes {
        let gas_limit = if input.is_empty() { 21_000 } else { 3_000_000 };
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(to),
            value: U256::from(value),
            access_list: Default::default(),
            input: input.into(),
        };
        let hash = tx.signature_hash();
        let signed = self.account.sign_prehash_recoverable(hash.as_slice()).unwrap();
        let envelope: alloy_consensus::TxEnvelope = tx.into_signed(Signature::from(signed)).into();
        envelope.encoded_2718().into()
    }

    /// A call that makes this person a validator.
    pub fn join(&self, nonce: u64) -> Bytes {
        let call = IStaking::joinCall {
            key: self.keys.identity().into(),
            possession: self.identity.sign(&self.possession()).to_vec().into(),
            blsKey: self.keys.vote_key().to_vec().into(),
            blsPossession: self.keys.vote_possession(&self.possession()).to_vec().into(),
            payout: Address::ZERO,
            commission: 100_000,
        };
        self.call(nonce, STAKING, 20_000 * TOKEN, call.abi_encode())
    }

    /// A call that takes this validator's seat away.
    pub fn resign(&self, nonce: u64) -> Bytes {
        self.call(nonce, STAKING, 0, IStaking::resignCall {}.abi_encode())
    }
}

/// Four validators in the order of identities.
pub fn validators(count: u8) -> Vec<Person> {
    let mut people: Vec<Person> = (1..=count).map(Person::new).collect();
    people.sort_by_key(|one| one.keys.identity());
    people
}

/// A chain whose committee is `validators`, and on which they and `others` hold money.
pub fn beginning(validators: &[Person], others: &[&Person]) -> Beginning {
    // A little lost time must not send anybody to jail here.
    let mut text = format!(
        "name = \"test\"\nchain_id = {CHAIN_ID}\ntime = 1790000000\nepoch_blocks = {EPOCH}\n\
         [parameters]\ndowntime_limit = 1000000\n"
    );
    for one in validators {
        let hex = |bytes: &[u8]| Bytes::copy_from_slice(bytes).to_string();
        text += &format!(
            "[[validators]]\naddress = \"{}\"\nkey = \"{}\"\npossession = \"{}\"\n\
             vote_key = \"{}\"\nvote_possession = \"{}\"\nstake = \"{}\"\n",
            one.address,
            hex(&one.keys.identity()),
            hex(&one.identity.sign(&one.possession())),
            hex(&one.keys.vote_key()),
            hex(&one.keys.vote_possession(&one.possession())),
            10_000 * TOKEN,
        );
    }
    for one in validators.iter().chain(others.iter().copied()) {
        text += &format!("[accounts.\"{}\"]\nbalance = \"{}\"\n", one.address, 1_000_000 * TOKEN);
    }
    Genesis::parse(&text).unwrap().begin().unwrap()
}

/// A checked transaction.
pub fn checked(bytes: &[u8]) -> Transaction {
    Transaction::decode(bytes, CHAIN_ID).unwrap()
}
