//! Native contracts: the first byte says which, the rest is the input of a call.

#![no_main]

use alloy_primitives::{Address, TxKind, U256};
use libfuzzer_sys::fuzz_target;
use revm::ExecuteEvm;
use revm::context::{BlockEnv, TxEnv};
use std::sync::{Arc, LazyLock};
use terroir_ledger::evm::machine;
use terroir_ledger::native::ALL;
use terroir_ledger::{Genesis, Memory, View};

const GENESIS: &str = include_str!("../seeds/genesis/two.toml");
const CHAIN_ID: u64 = 7_701;
const GAS: u64 = 3_000_000;

static STATE: LazyLock<View> = LazyLock::new(|| {
    let beginning = Genesis::parse(GENESIS).and_then(|one| one.begin()).expect("it is valid");
    let mut store = Memory::default();
    store.apply(&beginning.changes);
    View::new(Arc::new(store), beginning.block.header.state_root)
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, data)) = bytes.split_first() else { return };
    let to = ALL[usize::from(*which) % ALL.len()];
    let time = U256::from(1_800_000_000_u64);
    let block = BlockEnv { number: U256::from(1), timestamp: time, ..BlockEnv::default() };
    let env = TxEnv {
        caller: Address::repeat_byte(1),
        kind: TxKind::Call(to),
        data: data.to_vec().into(),
        gas_limit: GAS,
        chain_id: Some(CHAIN_ID),
        ..TxEnv::default()
    };
    // Input that costs more than there is gas for is refused before it is called.
    if let Ok(done) = machine(STATE.clone(), CHAIN_ID, block, ()).transact(env) {
        assert!(done.result.tx_gas_used() <= GAS);
    }
});
