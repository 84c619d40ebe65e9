//! Contracts of block 0, called as wallets and tools call them.

use crate::support::{TOKEN, World};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, sol};
use terroir_ledger::native::REGISTRY;
use terroir_ledger::native::abi::IRegistry;
use terroir_ledger::predeploy::{PREDEPLOYS, Predeploy};

sol! {
    struct Call3 { address target; bool allowFailure; bytes callData; }
    struct Result3 { bool success; bytes returnData; }
    function aggregate3(Call3[] calls) external payable returns (Result3[] results);
    function getEthBalance(address account) external view returns (uint256);
    function getChainId() external view returns (uint256);
    function deposit() external payable;
    function withdraw(uint256 value) external;
    function transfer(address to, uint256 value) external returns (bool);
    function balanceOf(address of) external view returns (uint256);
}

fn find(name: &str) -> &'static Predeploy {
    PREDEPLOYS.iter().find(|one| one.name == name).unwrap()
}

fn at(name: &str) -> Address {
    find(name).address
}

pub fn code(name: &str) -> Bytes {
    find(name).code()
}

#[test]
fn many_reads_go_in_one_call_and_one_failure_may_pass() {
    let world = World::new();
    let multicall = at("Multicall3");
    let call =
        |target, allow, data: Vec<u8>| Call3 { target, allowFailure: allow, callData: data.into() };
    let calls = vec![
        call(multicall, false, getEthBalanceCall { account: world.bob.address }.abi_encode()),
        call(REGISTRY, false, IRegistry::countCall {}.abi_encode()),
        call(REGISTRY, true, vec![1, 2, 3, 4]),
        call(multicall, false, getChainIdCall {}.abi_encode()),
    ];
    let results = world.read(multicall, &aggregate3Call { calls: calls.clone() }).unwrap();
    let numbers: Vec<Option<U256>> = results
        .iter()
        .map(|one| one.success.then(|| U256::from_be_slice(&one.returnData)))
        .collect();
    let expected = [Some(world.balance(world.bob.address)), Some(U256::ZERO), None];
    assert_eq!(numbers[..3], expected);
    assert_eq!(numbers[3], Some(U256::from(crate::support::CHAIN_ID)));
    let mut strict = calls;
    strict[2].allowFailure = false;
    let error = world.read(multicall, &aggregate3Call { calls: strict }).err().unwrap();
    assert!(error.contains("call failed"), "{error}");
}

#[test]
fn what_is_wrapped_can_be_sent_and_unwrapped() {
    let mut world = World::new();
    let (alice, bob, wrapped) = (world.alice.clone(), world.bob.clone(), at("Wrapped"));
    world.call(&alice, wrapped, 5 * TOKEN, &depositCall {}).unwrap();
    let send = transferCall { to: bob.address, value: U256::from(2 * TOKEN) };
    world.call(&alice, wrapped, 0, &send).unwrap();
    assert_eq!(world.balance(wrapped), U256::from(5 * TOKEN));
    let held = world.read(wrapped, &balanceOfCall { of: bob.address }).unwrap();
    assert_eq!(held, U256::from(2 * TOKEN));
    let before = world.balance(bob.address);
    let all = withdrawCall { value: held };
    world.call(&bob, wrapped, 0, &all).unwrap();
    assert!(world.balance(bob.address) > before + U256::from(TOKEN));
    let error = world.call(&bob, wrapped, 0, &all).err().unwrap();
    assert!(error.contains("balance too low"), "{error}");
}

#[test]
fn the_deployer_puts_code_where_everybody_expects_it() {
    let mut world = World::new();
    let (alice, deployer) = (world.alice.clone(), at("CREATE2 deployer"));
    // Code that returns one byte of code, STOP.
    let init = Bytes::from(vec![0x60, 0x01, 0x5f, 0xf3]);
    let salt = B256::repeat_byte(3);
    let input = [&salt[..], &init[..]].concat();
    let tx = world.tx(&alice, 0, TxKind::Call(deployer), 0, input);
    assert!(world.block(&[tx]).receipts[0].status());
    let made = deployer.create2(salt, keccak256(&init));
    let account = world.view.account(&made).unwrap().expect("made");
    assert_eq!(world.view.code(&account.code_hash).unwrap().original_byte_slice(), [0]);
}

#[test]
fn contracts_read_the_hashes_of_past_blocks() {
    let mut world = World::new();
    let first = world.hash;
    for _ in 0..3 {
        world.block(&[]);
    }
    let history = at("EIP-2935 history");
    // The ring of EIP-2935: slot = number mod 8191.
    assert_eq!(B256::from(world.view.slot(&history, &U256::ZERO).unwrap()), first);
    let last = world.view.slot(&history, &U256::from(world.header.number - 1)).unwrap();
    assert_eq!(B256::from(last), world.header.parent_hash);
}
