//! A chain of four validators and accounts that sign, block after block, each verified.

use alloy_consensus::transaction::{SignableTransaction, TxEip1559};
use alloy_consensus::{Header, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_sol_types::SolCall;
use ark_bls12_381::{Fr, G1Projective, G2Affine, g1};
use ark_ec::hashing::HashToCurve;
use ark_ec::hashing::curve_maps::wb::WBMap;
use ark_ec::hashing::map_to_curve_hasher::MapToCurveBasedHasher;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::PrimeField;
use ark_ff::field_hashers::DefaultFieldHasher;
use ark_serialize::CanonicalSerialize;
use k256::ecdsa::SigningKey;
use sha2_old::Sha256;
use std::sync::Arc;
use terroir_base::sign::SecretKey;
use terroir_ledger::execute::{Executed, Parent, Place, build, verify};
use terroir_ledger::native::{self, ALL, Now};
use terroir_ledger::{Block, Chain, Genesis, Memory, Seal, Transaction, View};

pub const CHAIN_ID: u64 = 7_701;
pub const TOKEN: u128 = 1_000_000_000_000_000_000;
pub const EPOCH: u64 = 8;

/// Someone with an account.
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

    pub fn sign(&self, tx: TxEip1559) -> TxEnvelope {
        let signature = self.sign_hash(tx.signature_hash());
        tx.into_signed(signature).into()
    }

    pub fn sign_hash(&self, hash: B256) -> Signature {
        let (signature, recovery) = self.key.sign_prehash_recoverable(hash.as_slice()).unwrap();
        Signature::from((signature, recovery))
    }
}

/// The keys of a validator, and its account.
pub struct Validator {
    pub account: Account,
    pub identity: SecretKey,
    vote: Fr,
}

fn g1(suite: &[u8], message: &[u8]) -> G1Projective {
    type Hasher =
        MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256, 128>, WBMap<g1::Config>>;
    Hasher::new(suite).unwrap().hash(message).unwrap().into()
}

fn compressed(point: &impl CanonicalSerialize) -> Bytes {
    let mut bytes = Vec::new();
    point.serialize_compressed(&mut bytes).unwrap();
    bytes.into()
}

impl Validator {
    pub fn new(seed: u8) -> Validator {
        let identity = SecretKey::from_seed([seed; 32]);
        let vote = Fr::from_le_bytes_mod_order(&[seed; 32]);
        Validator { account: Account::new(seed), identity, vote }
    }

    pub fn message(&self) -> Vec<u8> {
        let context = b"terroir 2026-11 key possession";
        [&context[..], &CHAIN_ID.to_be_bytes(), self.account.address.as_slice()].concat()
    }

    pub fn key(&self) -> B256 {
        B256::from(self.identity.public().0)
    }

    pub fn possession(&self) -> Bytes {
        Bytes::from(self.identity.sign(&self.message()).to_vec())
    }

    pub fn vote_key(&self) -> Bytes {
        compressed(&(G2Affine::generator() * self.vote).into_affine())
    }

    /// A vote of the seat `place.2` in epoch and view, as `docs/format/evidence.md` has it; of a
    /// proposal, also the view of its parent and its hash. All numbers are below 128.
    pub fn vote(
        &self,
        genesis: B256,
        kind: &str,
        place: (u8, u8, u8),
        proposal: Option<(u8, B256)>,
    ) -> Vec<u8> {
        let mut message = vec![place.0, place.1];
        if let Some((parent, block)) = proposal {
            message.push(parent);
            message.extend(block);
        }
        let namespace = [b"terroir 2026-11 chain ", genesis.as_slice(), kind.as_bytes()].concat();
        let bytes = [&[namespace.len() as u8][..], &namespace, &message].concat();
        let point = g1(b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_", &bytes) * self.vote;
        let signature = compressed(&point.into_affine());
        [&message[..], &[place.2], &signature].concat()
    }

    pub fn vote_possession(&self) -> Bytes {
        let message = self.message();
        let bytes = [&[message.len() as u8][..], &message, &self.vote_key()].concat();
        let point = g1(b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_", &bytes) * self.vote;
        compressed(&point.into_affine())
    }
}

/// A chain, its head, and who is on it.
pub struct World {
    pub chain: Chain,
    pub genesis: B256,
    pub header: Header,
    pub seal: Seal,
    pub hash: B256,
    pub view: View,
    pub validators: Vec<Validator>,
    pub alice: Account,
    pub bob: Account,
    pub blocks: Vec<Block>,
}

/// The text of a genesis file.
pub fn genesis(validators: &[Validator], more: &str) -> String {
    let mut text = format!(
        "name = \"test\"\nchain_id = {CHAIN_ID}\ntime = 1790000000\nepoch_blocks = {EPOCH}\n{more}\n"
    );
    for one in validators {
        text += &format!(
            "[[validators]]\naddress = \"{}\"\nkey = \"{}\"\npossession = \"{}\"\n\
             vote_key = \"{}\"\nvote_possession = \"{}\"\nstake = \"{}\"\n",
            one.account.address,
            one.key(),
            one.possession(),
            one.vote_key(),
            one.vote_possession(),
            10_000 * TOKEN,
        );
        text += &format!(
            "[accounts.\"{}\"]\nbalance = \"{}\"\n",
            one.account.address,
            1_000_000 * TOKEN
        );
    }
    for seed in [101, 102] {
        let address = Account::new(seed).address;
        text += &format!("[accounts.\"{address}\"]\nbalance = \"{}\"\n", 1_000_000 * TOKEN);
    }
    text
}

impl World {
    pub fn new() -> World {
        World::with("")
    }

    pub fn with(more: &str) -> World {
        let mut validators: Vec<Validator> = (1..=4).map(Validator::new).collect();
        validators.sort_by_key(Validator::key);
        let beginning = Genesis::parse(&genesis(&validators, more)).unwrap().begin().unwrap();
        let mut store = Memory::default();
        store.apply(&beginning.changes);
        let view = View::new(Arc::new(store), beginning.block.header.state_root);
        World {
            chain: beginning.chain,
            genesis: beginning.hash,
            header: beginning.block.header,
            seal: beginning.block.seal,
            hash: beginning.hash,
            view,
            validators,
            alice: Account::new(101),
            bob: Account::new(102),
            blocks: Vec::new(),
        }
    }

    pub fn parent(&self) -> Parent<'_> {
        Parent { header: &self.header, seal: &self.seal, hash: self.hash, view: &self.view }
    }

    /// The place of the next block, `skipped` views later than it could be.
    pub fn place(&self, skipped: u64) -> Place {
        let number = self.header.number + 1;
        let epoch = self.chain.epoch(number);
        let before = if self.seal.epoch == epoch { self.seal.view } else { 0 };
        let view = before + 1 + skipped;
        Place { view, time_ms: self.seal.time_ms + 500 }
    }

    /// Builds the next block of `transactions`, verifies it after its way over the wire, moves on.
    pub fn block(&mut self, transactions: &[Transaction]) -> Executed {
        self.block_at(self.place(0), transactions)
    }

    pub fn block_at(&mut self, place: Place, transactions: &[Transaction]) -> Executed {
        self.block_with(place, &[], transactions)
    }

    pub fn block_with(
        &mut self,
        place: Place,
        evidence: &[Bytes],
        transactions: &[Transaction],
    ) -> Executed {
        let refused = |one: &Transaction, why| panic!("{} is left out: {why}", one.hash);
        let all = transactions.iter();
        let built = build(&self.chain, &self.parent(), &place, evidence, all, refused).unwrap();
        let block = Block::decode(&built.block.encode()).unwrap();
        let again: Vec<Transaction> = block
            .transactions
            .iter()
            .map(|one| Transaction::check(one.clone(), CHAIN_ID).unwrap())
            .collect();
        let verified = verify(&self.chain, &self.parent(), &block, &again).unwrap();
        assert_eq!(verified.hash, built.hash);
        assert_eq!(verified.receipts, built.receipts);
        self.header = block.header.clone();
        self.seal = block.seal.clone();
        self.hash = built.hash;
        self.view = built.view.clone();
        self.blocks.push(block);
        built
    }

    pub fn nonce(&self, address: Address) -> u64 {
        self.view.account(&address).unwrap().map_or(0, |account| account.nonce)
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.view.account(&address).unwrap().map_or(U256::ZERO, |account| account.balance)
    }

    /// A transaction of `from`, `ahead` of its next nonce.
    pub fn tx(
        &self,
        from: &Account,
        ahead: u64,
        to: TxKind,
        value: u128,
        input: Vec<u8>,
    ) -> Transaction {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce(from.address) + ahead,
            gas_limit: if input.is_empty() { 21_000 } else { 3_000_000 },
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to,
            value: U256::from(value),
            access_list: Default::default(),
            input: input.into(),
        };
        Transaction::check(from.sign(tx), CHAIN_ID).unwrap()
    }

    /// One call in a block of its own: whether it went well, and its logs.
    pub fn call(
        &mut self,
        from: &Account,
        to: Address,
        value: u128,
        call: &impl SolCall,
    ) -> Result<Executed, String> {
        let tx = self.tx(from, 0, TxKind::Call(to), value, call.abi_encode());
        let reason = self.read_as(from.address, to, U256::from(value), call.abi_encode());
        let done = self.block(&[tx]);
        match done.receipts[0].status() {
            true => Ok(done),
            false => Err(reason.unwrap_err()),
        }
    }

    /// What a call gives that changes nothing, or why it gives nothing; whoever asks a native
    /// contract without the EVM must hear the same.
    pub fn read<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, String> {
        let output = self.read_as(self.alice.address, to, U256::ZERO, call.abi_encode());
        if ALL.contains(&to) {
            let (number, time) = (self.header.number + 1, self.place(0).time_ms / 1_000);
            let now = Now { chain_id: CHAIN_ID, number, time };
            let direct = native::read(&self.view, now, to, call).unwrap();
            match (&output, &direct) {
                (Ok(output), Ok(direct)) => assert_eq!(C::abi_encode_returns(direct), output[..]),
                (Err(output), Err(direct)) => assert!(output.contains(direct), "{output}"),
                _ => panic!("{to} answers {output:?}, and without the EVM otherwise"),
            }
        }
        Ok(C::abi_decode_returns_validate(&output?).unwrap())
    }

    fn read_as(
        &self,
        from: Address,
        to: Address,
        value: U256,
        data: Vec<u8>,
    ) -> Result<Bytes, String> {
        use revm::ExecuteEvm;
        use revm::context::result::ExecutionResult;
        let place = self.place(0);
        let block = revm::context::BlockEnv {
            number: U256::from(self.header.number + 1),
            timestamp: U256::from(place.time_ms / 1_000),
            ..Default::default()
        };
        let mut machine = terroir_ledger::evm::machine(self.view.clone(), CHAIN_ID, block, ());
        let env = revm::context::TxEnv {
            caller: from,
            kind: TxKind::Call(to),
            value,
            data: data.into(),
            gas_limit: 3_000_000,
            nonce: self.nonce(from),
            chain_id: Some(CHAIN_ID),
            ..Default::default()
        };
        match machine.transact(env).unwrap().result {
            ExecutionResult::Success { output, .. } => Ok(output.into_data()),
            ExecutionResult::Revert { output, .. } => {
                let reason = alloy_sol_types::decode_revert_reason(&output);
                Err(reason.unwrap_or_else(|| output.to_string()))
            }
            ExecutionResult::Halt { reason, .. } => Err(format!("{reason:?}")),
        }
    }
}

impl Clone for Account {
    fn clone(&self) -> Account {
        Account { key: self.key.clone(), address: self.address }
    }
}
