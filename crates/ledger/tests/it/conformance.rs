//! Ethereum's own state tests, for whoever has them: `cargo xtask state-tests FOLDER`.
//!
//! They are no registry's package, so no push runs them. What they try is this chain's whole way of
//! a transaction: its decoder and checks, its EVM, its state, and the root by its tree.

use alloy_consensus::transaction::SignerRecoverable;
use alloy_consensus::{Header, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::map::AddressMap;
use alloy_primitives::{Address, B256, Bytes, Log, U256, hex, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use revm::context::BlockEnv;
use revm::context::result::{EVMError, ExecutionResult};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::handler::ExecuteCommitEvm;
use revm::state::{Account, AccountInfo, Bytecode, EvmStorageSlot};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use terroir_ledger::evm::{block_env, machine};
use terroir_ledger::{Memory, Refused, Transaction, View};

/// The rules of which the tests are taken, by the name that they have there.
const FORK: &str = "Osaka";
/// The chain that their transactions are signed for.
const CHAIN_ID: u64 = 1;
/// What came of one transaction of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    /// Root and logs are those of the test.
    Executed,
    /// It was to be refused, and is, and the state is what it was.
    Refused,
    /// As `Executed`, and it is a legacy transaction for any chain, which this one does not take.
    AnyChain,
    /// It has blobs, or would have, which this chain does not.
    Blobs,
    /// It is longer than this chain takes.
    Long,
    /// It begins with an account that has slots and neither nonce nor code, which nothing can make:
    /// EIP-7610 says what a contract made there would be, `revm` and this chain do not.
    Impossible,
}

#[test]
#[ignore = "the tests are no registry's package: cargo xtask state-tests FOLDER"]
fn ethereum_and_this_chain_agree() {
    let folder = std::env::var("ETHEREUM_STATE_TESTS").expect("ETHEREUM_STATE_TESTS is a folder");
    let mut files = Vec::new();
    below(Path::new(&folder), &mut files);
    files.sort();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let mut all: BTreeMap<Came, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        let work = || {
            let mut found = Vec::new();
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                found.extend(run_file(file));
            }
            found
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for came in workers.into_iter().flat_map(|worker| worker.join().unwrap()) {
            match came {
                Ok(came) => *all.entry(came).or_default() += 1,
                Err(why) => wrong.push(why),
            }
        }
    });
    println!("{} files, {FORK}: {all:?}, {} otherwise", files.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(all.contains_key(&Came::Executed), "{folder} has no test of {FORK}");
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, files);
        } else if path.extension().is_some_and(|end| end == "json") {
            files.push(path);
        }
    }
}

fn run_file(file: &Path) -> Vec<Result<Came, String>> {
    let tests: BTreeMap<String, Value> =
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut found = Vec::new();
    for (name, test) in &tests {
        for post in test["post"][FORK].as_array().into_iter().flatten() {
            found.push(run(test, post).map_err(|why| format!("{name}: {why}")));
        }
    }
    found
}

fn run(test: &Value, post: &Value) -> Result<Came, String> {
    if test["pre"].as_object().unwrap().values().any(impossible) {
        return Ok(Came::Impossible);
    }
    let bytes: Bytes = read(&post["txbytes"]);
    let to_be_refused = &post["expectException"];
    let (view, before) = state(&test["pre"]);
    let (transaction, came) = match Transaction::decode(&bytes, CHAIN_ID) {
        Ok(transaction) => (transaction, Came::Executed),
        Err(Refused::Type(3)) => return Ok(Came::Blobs),
        Err(Refused::Size { .. }) => return Ok(Came::Long),
        Err(Refused::ChainId { got: 0, .. }) => (for_any_chain(&bytes), Came::AnyChain),
        Err(why) if to_be_refused.is_null() => return Err(format!("is refused: {why}")),
        Err(_) => return same("root", before, &post["hash"]).map(|()| Came::Refused),
    };
    let mut machine = machine(view, CHAIN_ID, block(test), ());
    let logs = match machine.transact_commit(transaction.env()) {
        Ok(_) if !to_be_refused.is_null() => {
            return Err(format!("is executed, and not refused for {to_be_refused}"));
        }
        Ok(ExecutionResult::Success { logs, .. }) => logs,
        Ok(_) => Vec::new(),
        Err(EVMError::Transaction(_)) if !to_be_refused.is_null() => {
            return same("root", before, &post["hash"]).map(|()| Came::Refused);
        }
        Err(other) => return Err(other.to_string()),
    };
    let (_, root) = machine.ctx.journaled_state.database.finish().map_err(|e| e.to_string())?;
    same("hash of the logs", keccak256(alloy_rlp::encode::<Vec<Log>>(logs)), &post["logs"])?;
    same("root", root, &post["hash"])?;
    Ok(came)
}

fn impossible(account: &Value) -> bool {
    let slots = account["storage"].as_object().unwrap();
    !slots.is_empty() && account["code"] == "0x" && number(&account["nonce"]) == 0
}

fn same(what: &str, got: B256, expected: &Value) -> Result<(), String> {
    let expected: B256 = read(expected);
    match got == expected {
        true => Ok(()),
        false => Err(format!("{what} is {got}, and {expected} is right")),
    }
}

/// What `Transaction::decode` would give of a legacy transaction that names no chain.
fn for_any_chain(bytes: &[u8]) -> Transaction {
    let envelope = TxEnvelope::decode_2718_exact(bytes).unwrap();
    let sender = envelope.recover_signer().unwrap();
    let hash = *envelope.tx_hash();
    Transaction { envelope, sender, hash }
}

fn read<T: FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).parse().unwrap()
}

fn number(value: &Value) -> u64 {
    read::<U256>(value).saturating_to()
}

/// The state `pre`, and its root.
fn state(pre: &Value) -> (View, B256) {
    let mut accounts = AddressMap::default();
    for (address, account) in pre.as_object().unwrap() {
        let code = Bytes::from(hex::decode(account["code"].as_str().unwrap()).unwrap());
        let code_hash = keccak256(&code);
        let info = AccountInfo {
            balance: read(&account["balance"]),
            nonce: number(&account["nonce"]),
            code_hash,
            account_id: None,
            code: Some(Bytecode::new_raw(code)),
        };
        let slot = |(key, value): (&String, &Value)| {
            let value = EvmStorageSlot::new_changed(U256::ZERO, read(value), Default::default());
            (U256::from_str(key).unwrap(), value)
        };
        let address: Address = address.parse().unwrap();
        let mut made = Account::from(info);
        made.storage = account["storage"].as_object().unwrap().iter().map(slot).collect();
        made.mark_touch();
        accounts.insert(address, made);
    }
    let empty = View::new(Arc::new(Memory::default()), EMPTY_ROOT_HASH);
    let mut machine = machine(empty, CHAIN_ID, BlockEnv::default(), ());
    machine.commit(accounts);
    let (changes, root) = machine.ctx.journaled_state.database.finish().unwrap();
    let mut store = Memory::default();
    store.apply(&changes);
    (View::new(Arc::new(store), root), root)
}

/// The block of a test: as this chain shows a block to contracts, and with its price of blobs.
fn block(test: &Value) -> BlockEnv {
    let env = &test["env"];
    let header = Header {
        number: number(&env["currentNumber"]),
        beneficiary: read(&env["currentCoinbase"]),
        timestamp: number(&env["currentTimestamp"]),
        gas_limit: number(&env["currentGasLimit"]),
        base_fee_per_gas: Some(number(&env["currentBaseFee"])),
        mix_hash: read(&env["currentRandom"]),
        ..Header::default()
    };
    let excess = &env["currentExcessBlobGas"];
    let fraction = number(&test["config"]["blobSchedule"][FORK]["baseFeeUpdateFraction"]);
    let price = BlobExcessGasAndPrice::new(number(excess), fraction);
    BlockEnv { blob_excess_gas_and_price: Some(price), ..block_env(&header) }
}
