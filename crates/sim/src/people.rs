//! Who is there: four validators, accounts that pay each other, and the genesis file that names them.
//!
//! Their keys are known to everybody: they follow from numbers.

use alloy_consensus::TxEnvelope;
use alloy_consensus::transaction::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex};
use commonware_codec::DecodeExt as _;
use commonware_cryptography::ed25519::PublicKey;
use k256::ecdsa::SigningKey;
use terroir_base::sign::SecretKey;
use terroir_consensus::Keys;
use terroir_ledger::genesis::{Beginning, Genesis};
use terroir_ledger::native::possession;
use terroir_ledger::native::staking::{Seated, seats_of};
use terroir_ledger::{Error, View};

/// How many validators there are.
pub const SEATS: usize = 4;
/// How many accounts pay each other.
pub(crate) const ACCOUNTS: usize = 4;
/// Blocks of an epoch: the fewest that a genesis file allows, so that many epochs end in a run.
pub(crate) const EPOCH: u64 = 8;
const CHAIN_ID: u64 = 7_701;
/// When block 0 was, in seconds since 1970.
pub(crate) const BEGINNING_SECONDS: u64 = 1_790_000_000;

/// A validator.
pub(crate) struct Validator {
    pub(crate) keys: Keys,
    /// The secret half of its key for votes.
    pub(crate) vote: [u8; 32],
    /// Who it is among peers.
    pub(crate) key: PublicKey,
    identity: SecretKey,
    address: Address,
}

/// Whoever holds money.
#[derive(Clone)]
pub(crate) struct Account {
    signer: SigningKey,
    pub(crate) address: Address,
}

/// All of them, and where their chain begins.
pub(crate) struct People {
    pub(crate) validators: Vec<Validator>,
    pub(crate) accounts: Vec<Account>,
    /// The genesis file.
    pub(crate) text: String,
    pub(crate) beginning: Beginning,
}

impl Account {
    fn new(number: u8) -> Account {
        let signer = SigningKey::from_slice(&[number; 32]).expect("such a number is a key");
        let address = Address::from_public_key(signer.verifying_key());
        Account { signer, address }
    }

    /// The encoded transaction number `nonce` of this account, which pays `value` to `to`; its hash.
    pub(crate) fn pay(&self, nonce: u64, to: Address, value: u64) -> (B256, Bytes) {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(to),
            value: U256::from(value),
            access_list: Default::default(),
            input: Bytes::new(),
        };
        let hash = tx.signature_hash();
        let signed = self.signer.sign_prehash_recoverable(hash.as_slice());
        let signature = Signature::from(signed.expect("a hash can be signed"));
        let envelope: TxEnvelope = tx.into_signed(signature).into();
        (*envelope.tx_hash(), envelope.encoded_2718().into())
    }
}

impl Validator {
    fn new(number: u8) -> Validator {
        let mut vote = [number; 32];
        // Below the order of the group.
        vote[0] = 0;
        let keys = Keys::new(&[number; 32], &vote).expect("such numbers are keys");
        let key = PublicKey::decode(keys.identity().to_vec()).expect("it is a public key");
        let identity = SecretKey::from_seed([number; 32]);
        Validator { keys, vote, key, identity, address: Account::new(number).address }
    }

    /// Its entry in the genesis file.
    fn entry(&self) -> String {
        let message = possession::message(CHAIN_ID, self.address);
        format!(
            "[[validators]]\naddress = \"{}\"\nkey = \"{}\"\npossession = \"{}\"\n\
             vote_key = \"{}\"\nvote_possession = \"{}\"\nstake = \"{}\"\n",
            self.address,
            hex::encode_prefixed(self.keys.identity()),
            hex::encode_prefixed(self.identity.sign(&message)),
            hex::encode_prefixed(self.keys.vote_key()),
            hex::encode_prefixed(self.keys.vote_possession(&message)),
            10_u128.pow(22),
        )
    }
}

impl People {
    pub(crate) fn new() -> People {
        let mut validators: Vec<Validator> = (1..=SEATS as u8).map(Validator::new).collect();
        // As seats are.
        validators.sort_by_key(|one| one.keys.identity());
        let accounts: Vec<Account> = (101..).take(ACCOUNTS).map(Account::new).collect();
        // Whoever is down for a while is not sent to jail: committees stay as they are.
        let mut text = format!(
            "name = \"sim\"\nchain_id = {CHAIN_ID}\ntime = {BEGINNING_SECONDS}\n\
             epoch_blocks = {EPOCH}\n[parameters]\ndowntime_limit = 1000000\n"
        );
        text.extend(validators.iter().map(Validator::entry));
        for account in &accounts {
            text +=
                &format!("[accounts.\"{}\"]\nbalance = \"{}\"\n", account.address, 10_u128.pow(24));
        }
        let beginning = Genesis::parse(&text).and_then(|genesis| genesis.begin());
        let beginning = beginning.expect("the genesis file is in order");
        People { validators, accounts, text, beginning }
    }

    /// Whose the seat is in `epoch`, in the state `view`; seats move when somebody goes.
    pub(crate) fn seated(&self, view: &View, epoch: u64) -> Result<Vec<usize>, Error> {
        let place = |seat: Seated| {
            let of = |one: &Validator| one.keys.identity() == seat.key;
            self.validators.iter().position(of).expect("nobody else has a stake")
        };
        Ok(seats_of(view, epoch)?.into_iter().map(place).collect())
    }

    /// Whose the key is.
    pub(crate) fn place(&self, key: &PublicKey) -> Option<usize> {
        self.validators.iter().position(|one| one.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::{EPOCH, People, SEATS};
    use std::sync::Arc;
    use terroir_ledger::native::staking::seats_of;
    use terroir_ledger::{Memory, View};

    #[test]
    fn a_seat_is_looked_up_in_the_committee_of_its_epoch() {
        let mut people = People::new();
        let mut store = Memory::default();
        store.apply(&people.beginning.changes);
        let view = View::new(Arc::new(store), people.beginning.block.header.state_root);
        assert_eq!(people.seated(&view, 0).unwrap(), [0, 1, 2, 3]);
        // Whoever stands elsewhere is found by its key.
        people.validators.rotate_left(1);
        assert_eq!(people.seated(&view, 1).unwrap(), [3, 0, 1, 2]);
        assert_eq!(seats_of(&view, 1).unwrap().len(), SEATS);
        assert!(people.seated(&view, EPOCH).unwrap().is_empty(), "it is not fixed yet");
    }
}
