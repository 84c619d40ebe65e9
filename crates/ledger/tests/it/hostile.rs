//! Bytes that strangers wrote: valid ones that were bent, cut and spliced, and what becomes of them.
//!
//! The fuzz targets of `fuzz/` hold the same, for longer.

use crate::support::{Account, CHAIN_ID, Validator, World, genesis};
use alloy_consensus::transaction::{
    SignableTransaction, SignerRecoverable, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
};
use alloy_consensus::{Signed, Transaction as _, TxEnvelope, Typed2718};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolInterface, decode_revert_reason};
use proptest::prelude::*;
use proptest::sample::Index;
use revm::ExecuteEvm;
use revm::context::result::ExecutionResult;
use revm::context::{BlockEnv, TxEnv};
use std::sync::LazyLock;
use terroir_ledger::evm::machine;
use terroir_ledger::native::abi::{IGovernance, INodes, IReceipts, IRegistry, IStaking};
use terroir_ledger::native::{ALL, STAKING};
use terroir_ledger::transaction::{BYTES_MAX, GAS_MAX, INITCODE_MAX};
use terroir_ledger::{Block, Genesis, Refused, Transaction};
use terroir_proof::finality::{Certificate, Equivocation};

/// Gas of one call.
const GAS: u64 = 3_000_000;

/// One change of some bytes.
#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Set(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    /// From here on the bytes of another.
    Splice(Index, Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 0_u8..8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        1 => at().prop_map(Edit::Cut),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, new)| Edit::Insert(at, new)),
        1 => (at(), at(), at()).prop_map(|(at, which, from)| Edit::Splice(at, which, from)),
    ]
}

/// One of `honest`, changed in up to five places.
fn bent(honest: &'static [Vec<u8>]) -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), prop::collection::vec(edit(), 0..5)).prop_map(move |(which, edits)| {
        let mut bytes = which.get(honest).clone();
        for edit in edits {
            apply(&mut bytes, edit, honest);
        }
        bytes
    })
}

fn apply(bytes: &mut Vec<u8>, edit: Edit, honest: &[Vec<u8>]) {
    match edit {
        _ if bytes.is_empty() => {}
        Edit::Flip(at, bit) => *at.get_mut(bytes) ^= 1 << bit,
        Edit::Set(at, byte) => *at.get_mut(bytes) = byte,
        Edit::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Edit::Insert(at, new) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, new);
        }
        Edit::Splice(at, which, from) => {
            bytes.truncate(at.index(bytes.len()));
            let other = which.get(honest);
            bytes.extend(&other[from.index(other.len())..]);
        }
    }
}

fn signed<T: SignableTransaction<Signature>>(who: &Account, tx: T) -> Vec<u8>
where
    TxEnvelope: From<Signed<T>>,
{
    let signature = who.sign_hash(tx.signature_hash());
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
}

/// A transaction of every kind, also of those that this chain does not take.
static TRANSACTIONS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let (who, to) = (Account::new(101), TxKind::Call(Address::repeat_byte(1)));
    let (gas_limit, value) = (100_000, U256::from(1_u64 << 40));
    let input = Bytes::from(vec![1, 0, 2, 0x80, 0xff]);
    let slots = vec![B256::ZERO, B256::repeat_byte(9)];
    let item = AccessListItem { address: Address::repeat_byte(2), storage_keys: slots };
    let access_list = AccessList(vec![item]);
    let legacy = |chain_id| TxLegacy {
        chain_id,
        nonce: 127,
        gas_price: 10_000_000_000,
        gas_limit,
        to,
        value,
        input: input.clone(),
    };
    let made = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_limit,
        max_fee_per_gas: 128,
        max_priority_fee_per_gas: 0,
        to: TxKind::Create,
        value: U256::ZERO,
        access_list: AccessList::default(),
        input: input.clone(),
    };
    let call = TxEip1559 { to, value, access_list: access_list.clone(), ..made.clone() };
    let permission =
        Authorization { chain_id: U256::ZERO, address: Address::repeat_byte(3), nonce: 5 };
    let permission =
        permission.clone().into_signed(Account::new(102).sign_hash(permission.signature_hash()));
    let code = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 0,
        gas_limit,
        max_fee_per_gas: 256,
        max_priority_fee_per_gas: 255,
        to: Address::repeat_byte(4),
        value,
        access_list: access_list.clone(),
        authorization_list: vec![permission],
        input: input.clone(),
    };
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 2,
        gas_price: 7,
        gas_limit,
        to,
        value,
        access_list,
        input: input.clone(),
    };
    vec![
        signed(&who, legacy(Some(CHAIN_ID))),
        signed(&who, legacy(None)),
        signed(&who, listed),
        signed(&who, made),
        signed(&who, call),
        signed(&who, code),
    ]
});

/// This chain takes what alloy takes, in its only encoding, within limits that it names.
fn as_alloy_has_it(bytes: &[u8]) {
    let theirs = TxEnvelope::decode_2718_exact(bytes).ok();
    let (why, tx) = match (Transaction::decode(bytes, CHAIN_ID), theirs) {
        (Ok(ours), theirs) => {
            let theirs = theirs.expect("alloy takes it too");
            assert_eq!(ours.envelope, theirs);
            assert_eq!(theirs.encoded_2718(), bytes);
            assert_eq!(ours.hash, keccak256(bytes));
            assert_eq!(ours.sender, theirs.recover_signer().unwrap());
            assert_eq!(theirs.chain_id(), Some(CHAIN_ID));
            assert_eq!(Transaction::check(theirs, CHAIN_ID), Ok(ours));
            return;
        }
        (Err(_), None) => return,
        (Err(why), Some(theirs)) => (why, theirs),
    };
    let create = tx.kind().is_create();
    let holds = match &why {
        Refused::Encoding(_) => tx.encoded_2718() != bytes,
        Refused::Size { .. } => bytes.len() > BYTES_MAX,
        Refused::Type(kind) => *kind == 3 && tx.ty() == 3,
        Refused::ChainId { .. } => tx.chain_id() != Some(CHAIN_ID),
        Refused::Signature => tx.recover_signer().is_err(),
        Refused::Gas { got, want } => tx.gas_limit() == *got && got < want && *want >= 21_000,
        Refused::GasLimit { .. } => tx.gas_limit() > GAS_MAX,
        Refused::Tip => tx.max_priority_fee_per_gas() > Some(tx.max_fee_per_gas()),
        Refused::Initcode { .. } => create && tx.input().len() > INITCODE_MAX,
        Refused::NonceMax(_) => tx.nonce() == u64::MAX,
        Refused::Authorizations => {
            tx.authorization_list().is_some_and(|list| list.is_empty() || create)
        }
    };
    assert!(holds, "{why}: {tx:?}");
}

/// A block with a transaction of every kind that can be in one.
static BLOCKS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut world = World::new();
    let empty = world.block(&[]).block;
    let mut full = Block::clone(&empty);
    let taken = TRANSACTIONS.iter().filter_map(|one| TxEnvelope::decode_2718_exact(one).ok());
    full.transactions = taken.collect();
    vec![empty.encode(), full.encode()]
});

/// Votes that contradict each other, signed, of all three kinds.
static EVIDENCE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let (who, chain) = (Validator::new(1), B256::repeat_byte(7));
    let vote = |kind, block: Option<u8>| {
        who.vote(chain, kind, (1, 5, 3), block.map(|byte| (4, B256::repeat_byte(byte))))
    };
    let both = |kind: u8, one: Vec<u8>, other: Vec<u8>| [vec![kind], one, other].concat();
    vec![
        both(1, vote("_NOTARIZE", Some(1)), vote("_NOTARIZE", Some(2))),
        both(2, vote("_FINALIZE", Some(1)), vote("_FINALIZE", Some(2))),
        both(3, vote("_NULLIFY", None), vote("_FINALIZE", Some(2))),
    ]
});

static CERTIFICATES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let certificate = |epoch, seats: u64, bits: &[u8]| {
        let mut bytes = varint(epoch);
        bytes.extend([varint(300), varint(299)].concat());
        bytes.extend([[5; 32].to_vec(), seats.to_be_bytes().to_vec(), bits.to_vec()].concat());
        bytes.extend([6; 48]);
        bytes
    };
    vec![certificate(0, 4, &[7]), certificate(1 << 40, 13, &[0xff, 0x1e])]
});

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn encoded(of: &Certificate) -> Vec<u8> {
    let mut bytes = [varint(of.epoch), varint(of.view), varint(of.parent_view)].concat();
    bytes.extend(of.block);
    bytes.extend((of.signers.len() as u64).to_be_bytes());
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bytes.extend(of.signers.chunks(8).map(byte));
    bytes.extend(of.signature);
    bytes
}

static GENESIS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let text = |count, more: &str| {
        let validators: Vec<Validator> = (1..=count).map(Validator::new).collect();
        genesis(&validators, more).into_bytes()
    };
    let more = "parameters = { seats_max = 5 }\n\
                [accounts.\"0x00000000000000000000000000000000000a0001\"]\ncode = \"0x6001\"\n";
    vec![text(1, ""), text(2, more)]
});

/// A state in which there is something to ask for.
static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// Whole calls of all contracts: every selector, with words that are offsets, lengths and limits, or
/// as a caller means them.
static CALLS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let selectors = [
        IRegistry::IRegistryCalls::selectors().collect::<Vec<_>>(),
        INodes::INodesCalls::selectors().collect(),
        IStaking::IStakingCalls::selectors().collect(),
        IReceipts::IReceiptsCalls::selectors().collect(),
        IGovernance::IGovernanceCalls::selectors().collect(),
    ]
    .concat();
    let word = |value: u64| U256::from(value).to_be_bytes::<32>().to_vec();
    let tail: Vec<u8> = (1..=12).flat_map(|place: u64| word(place * 32)).collect();
    let mut calls: Vec<Vec<u8>> =
        selectors.iter().map(|selector| [&selector[..], &tail].concat()).collect();
    let joiner = Validator::new(9);
    let join = IStaking::joinCall {
        key: joiner.key(),
        possession: joiner.possession(),
        blsKey: joiner.vote_key(),
        blsPossession: joiner.vote_possession(),
        payout: joiner.account.address,
        commission: 0,
    };
    let node = INodes::joinCall {
        key: joiner.key(),
        possession: joiner.possession(),
        roles: 15,
        endpoint: "10.0.0.1:1".into(),
        capabilities: vec![B256::ZERO; 3],
    };
    calls.push(join.abi_encode());
    calls.push(node.abi_encode());
    let report =
        |bytes: &Vec<u8>| IStaking::reportEquivocationCall { evidence: bytes.clone().into() };
    calls.extend(EVIDENCE.iter().map(|bytes| report(bytes).abi_encode()));
    calls
});

/// A native contract answers or refuses with a reason, within its gas; it never ends the machine.
fn answers(to: Address, data: &[u8], value: u128) {
    let block =
        BlockEnv { number: U256::from(1), timestamp: U256::from(2e9 as u64), ..Default::default() };
    let mut machine = machine(WORLD.view.clone(), CHAIN_ID, block, ());
    let env = TxEnv {
        caller: WORLD.alice.address,
        kind: TxKind::Call(to),
        value: U256::from(value),
        data: data.to_vec().into(),
        gas_limit: GAS,
        chain_id: Some(CHAIN_ID),
        ..Default::default()
    };
    let result = machine.transact(env).expect("the machine goes on").result;
    assert!(result.tx_gas_used() <= GAS);
    if let ExecutionResult::Revert { output, .. } = result {
        let reason = decode_revert_reason(&output).expect("a reason");
        assert!(!reason.is_empty() && output.len() < 2_048, "{reason}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, ..ProptestConfig::default() })]

    #[test]
    fn transactions_are_what_alloy_takes(bytes in bent(&TRANSACTIONS)) {
        as_alloy_has_it(&bytes);
    }

    #[test]
    fn blocks_that_decode_encode_to_the_same_bytes(bytes in bent(&BLOCKS)) {
        if let Ok(block) = Block::decode(&bytes) {
            prop_assert_eq!(block.encode(), bytes);
            prop_assert_eq!(&block.header.extra_data[..], &block.seal.hash()[..]);
        }
    }

    #[test]
    fn certificates_that_decode_encode_to_the_same_bytes(bytes in bent(&CERTIFICATES)) {
        if let Ok(certificate) = Certificate::decode(&bytes) {
            prop_assert_eq!(encoded(&certificate), bytes);
        }
    }

    #[test]
    fn evidence_is_of_one_seat_in_one_view(bytes in bent(&EVIDENCE)) {
        if let Ok(found) = Equivocation::decode(&bytes) {
            let place = [varint(found.epoch), varint(found.view)].concat();
            prop_assert_eq!(&bytes[1..=place.len()], &place[..]);
            prop_assert!((1..=3).contains(&bytes[0]));
        }
    }

    #[test]
    fn native_contracts_answer_any_call(
        to in 0..ALL.len(), data in bent(&CALLS), value in prop_oneof![Just(0), any::<u64>()],
    ) {
        answers(ALL[to], &data, value.into());
    }
}

proptest! {
    // Each that parses checks signatures and makes a state.
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_genesis_file_makes_a_chain_or_is_refused(bytes in bent(&GENESIS)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(beginning) = Genesis::parse(&text).and_then(|one| one.begin()) {
            prop_assert_eq!(beginning.block.hash(), beginning.hash);
            let again = Block::decode(&beginning.block.encode()).unwrap();
            prop_assert_eq!(again, beginning.block);
        }
    }
}

#[test]
fn what_is_bent_is_valid_before() {
    for bytes in TRANSACTIONS.iter() {
        let taken = Transaction::decode(bytes, CHAIN_ID);
        let for_any = matches!(taken, Err(Refused::ChainId { got: 0, .. }));
        assert!(taken.is_ok() || for_any, "{taken:?}");
    }
    assert!(BLOCKS.iter().all(|bytes| Block::decode(bytes).is_ok()));
    assert!(CERTIFICATES.iter().all(|bytes| Certificate::decode(bytes).is_ok()));
    let key: [u8; 96] = Validator::new(1).vote_key()[..].try_into().unwrap();
    for bytes in EVIDENCE.iter() {
        let found = Equivocation::decode(bytes).unwrap();
        assert_eq!(found.check(&[7; 32], &key), Ok(()));
    }
    for bytes in GENESIS.iter() {
        Genesis::parse(std::str::from_utf8(bytes).unwrap()).unwrap().begin().unwrap();
    }
    assert!(CALLS.len() > 40);
    answers(STAKING, &[], 0);
}

/// Other types have 0 or 1 there: the same signature, and another encoding.
#[test]
fn a_legacy_signature_has_one_encoding() {
    let mut bytes = TRANSACTIONS[1].clone();
    // Behind it are r and s, of 33 bytes each.
    let v = bytes.len() - 67;
    assert!([27, 28].contains(&bytes[v]));
    bytes[v] = if bytes[v] == 27 { 0x80 } else { 1 };
    assert!(matches!(Transaction::decode(&bytes, CHAIN_ID), Err(Refused::Encoding(_))));
    let place = BLOCKS[1].windows(67).position(|at| at == &TRANSACTIONS[1][v..]).unwrap();
    let mut other = BLOCKS[1].clone();
    other[place] = bytes[v];
    let error = Block::decode(&other).err().unwrap().to_string();
    assert!(error.starts_with("block: transaction 1: "), "{error}");
}

#[test]
fn a_contract_of_the_genesis_file_is_code_that_could_have_been_made() {
    // What begins with 0xef is reserved (EIP-3541), but for accounts that lend code (EIP-7702).
    let lent = format!("0xef0100{}", "11".repeat(20));
    for code in ["0xef", "0xef00", "0xef01", "0xef0100", lent.as_str()] {
        let more = format!(
            "[accounts.\"0x00000000000000000000000000000000000a0001\"]\ncode = \"{code}\"\n"
        );
        let text = genesis(&[Validator::new(1)], &more);
        let error = Genesis::parse(&text).unwrap().begin().err().expect(code);
        assert!(error.to_string().contains("begins with 0xef"), "{error}");
    }
}
