//! Limits of single methods, and what is at them.

use super::served::Served;
use super::world::WRAPPED;
use serde_json::json;
use std::time::Duration;
use terroir_node::rpc::RpcLimits;

#[test]
fn logs_of_one_block_come_whole_and_filters_pass_every_block() {
    let served = Served::with(RpcLimits { logs: 3, ..RpcLimits::DEFAULT });
    let filter = served.get("eth_newFilter", json!([{ "address": WRAPPED.to_string() }]));
    let world = &served.world;
    for count in [2, 2, 5] {
        for _ in 0..count {
            world.pay(&world.alice, |tx| tx.to = WRAPPED.into());
        }
        world.block();
    }
    let found = served.get("eth_getLogs", json!([{ "fromBlock": "0x3", "toBlock": "0x3" }]));
    assert_eq!(found.as_array().unwrap().len(), 5);
    let (code, _) = served.refuse("eth_getLogs", json!([{ "fromBlock": "0x2", "toBlock": "0x3" }]));
    assert_eq!(code, -32_005);
    let polls = [(); 4].map(|()| {
        let found = served.get("eth_getFilterChanges", json!([filter]));
        found.as_array().unwrap().len()
    });
    assert_eq!(polls, [2, 2, 5, 0]);
}

#[test]
fn who_asks_for_too_much_work_is_told_to_ask_for_less() {
    let search = Duration::ZERO;
    let served = Served::with(RpcLimits { search, ..RpcLimits::DEFAULT });
    served.world.pay(&served.world.alice, |tx| tx.to = WRAPPED.into());
    served.world.block();
    let all = json!([{ "fromBlock": "0x0", "toBlock": "latest" }]);
    for (method, params) in [
        ("eth_getLogs", all),
        ("eth_feeHistory", json!(["0x2", "latest"])),
        ("eth_feeHistory", json!(["0x2", "latest", [50]])),
    ] {
        let (code, message) = served.refuse(method, params);
        assert_eq!((code, message.starts_with("query takes too long")), (-32_005, true));
    }
}

#[test]
fn a_look_at_the_pool_is_no_longer_than_an_answer() {
    let limits = RpcLimits { response_bytes: 100_000, ..RpcLimits::DEFAULT };
    let served = Served::with(limits);
    let world = &served.world;
    for _ in 0..10 {
        world.pay(&world.alice, |tx| {
            (tx.gas_limit, tx.input) = (1 << 20, vec![0; 10_000].into());
        });
    }
    let content = served.get("txpool_content", json!([]));
    let lane = &content["pending"][world.alice.address.to_string()];
    assert_eq!(lane.as_object().unwrap().len(), 2);
}

#[test]
fn whole_blocks_take_turns_with_what_is_much_work() {
    let limits = RpcLimits { workers: 0, wait: Duration::ZERO, ..RpcLimits::DEFAULT };
    let served = Served::with(limits);
    for (params, whole) in [
        (json!(["latest", true]), true),
        (json!(["latest", true, null]), true),
        (json!(["latest", true, null, null]), true),
        (json!(["latest", false, null]), false),
        (json!(["latest", false]), false),
        (json!(["latest"]), false),
    ] {
        let answer = served.ask("eth_getBlockByNumber", params);
        assert_eq!(answer["error"]["code"] == json!(-32_005), whole, "{answer}");
    }
}

#[test]
fn bytes_that_could_be_text_are_no_reason_of_a_revert() {
    let served = Served::new();
    // It reverts with "ABCD": the name of an error, or data.
    let asked = json!([{ "data": "0x63414243445f526004601cfd" }]);
    let error = served.ask("eth_call", asked)["error"].clone();
    assert_eq!(error["message"], json!("execution reverted"));
    assert_eq!(error["data"], json!("0x41424344"));
}
