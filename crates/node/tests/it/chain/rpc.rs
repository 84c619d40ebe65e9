//! Every method: what it gives, and what it refuses.

use super::served::Served;
use super::world::{Account, CHAIN_ID, TOKEN, WRAPPED, draft};
use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, sol};
use alloy_trie::Nibbles;
use alloy_trie::proof::verify_proof;
use serde_json::{Value, json};
use terroir_node::rpc::RpcLimits;

sol! {
    function deposit();
    function withdraw(uint256 value);
    struct Call3 { address target; bool allowFailure; bytes callData; }
    function aggregate3(Call3[] calls);
}

const MULTICALL: &str = "0xca11bde05977b3631167028862be2a173976ca11";
const NOBODY: &str = "0x00000000000000000000000000000000000000ff";

fn hex(bytes: impl AsRef<[u8]>) -> String {
    alloy_primitives::hex::encode_prefixed(bytes)
}

/// A deposit and a transfer, in one block.
fn world(served: &Served) -> (B256, B256) {
    let world = &served.world;
    let deposit = world.pay(&world.alice, |tx| {
        (tx.to, tx.value) = (WRAPPED.into(), U256::from(500));
        tx.input = depositCall {}.abi_encode().into();
    });
    let transfer = world.pay(&world.bob, |tx| tx.value = U256::from(TOKEN));
    world.block();
    // Both senders pay the same, so the older came first.
    (deposit, transfer)
}

#[test]
fn blocks_and_transactions_are_found_in_every_way() {
    let served = Served::new();
    let (deposit, transfer) = world(&served);
    let hash = served.world.chain.tip().hash.to_string();
    let block = served.get("eth_getBlockByNumber", json!(["0x1", true]));
    assert_eq!(block["hash"], json!(hash));
    assert_eq!(block["transactions"].as_array().unwrap().len(), 2);
    assert_eq!(served.get("eth_getBlockByHash", json!([hash, true])), block);
    for tag in ["latest", "safe", "finalized", "pending", "0x1"] {
        let found = served.get("eth_getBlockByNumber", json!([tag, false]));
        assert_eq!(found["hash"], json!(hash), "{tag}");
        assert_eq!(found["transactions"], json!([deposit.to_string(), transfer.to_string()]));
    }
    let first = served.get("eth_getBlockByNumber", json!(["earliest", false]));
    assert_eq!(first["number"], json!("0x0"));
    let one = served.get("eth_getTransactionByHash", json!([transfer.to_string()]));
    assert_eq!(one, block["transactions"][1]);
    assert_eq!((&one["type"], &one["chainId"]), (&json!("0x2"), &json!("0x1e15")));
    let (by_hash, by_number) =
        ("eth_getTransactionByBlockHashAndIndex", "eth_getTransactionByBlockNumberAndIndex");
    assert_eq!(served.get(by_hash, json!([hash, "0x1"])), one);
    assert_eq!(served.get(by_number, json!(["latest", "0x1"])), one);
    assert_eq!(served.get(by_number, json!(["latest", "0x2"])), Value::Null);
    assert_eq!(served.get("eth_getBlockTransactionCountByHash", json!([hash])), "0x2");
    assert_eq!(served.get("eth_getBlockTransactionCountByNumber", json!(["0x1"])), "0x2");
    assert_eq!(served.get("eth_getUncleCountByBlockHash", json!([hash])), "0x0");
    assert_eq!(served.get("eth_getUncleCountByBlockNumber", json!(["0x1"])), "0x0");
    for (method, params) in [
        ("eth_getUncleByBlockHashAndIndex", json!([hash, "0x0"])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x1", "0x0"])),
        ("eth_getBlockByNumber", json!(["0x2", false])),
        ("eth_getBlockByHash", json!([B256::ZERO.to_string(), false])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x9"])),
        ("eth_getTransactionByHash", json!([B256::ZERO.to_string()])),
        ("eth_getTransactionReceipt", json!([B256::ZERO.to_string()])),
        ("eth_getBlockReceipts", json!(["0x9"])),
    ] {
        assert_eq!(served.get(method, params), Value::Null, "{method}");
    }
    let receipts = served.get("eth_getBlockReceipts", json!(["latest"]));
    let receipt = served.get("eth_getTransactionReceipt", json!([deposit.to_string()]));
    assert_eq!(receipts[0], receipt);
    assert_eq!((&receipt["status"], &receipt["type"]), (&json!("0x1"), &json!("0x2")));
    assert_eq!(receipt["logs"][0]["logIndex"], json!("0x0"));
    assert_eq!(receipts[1]["gasUsed"], json!("0x5208"));
    let sum = |place: usize, name: &str| receipts[place][name].as_str().unwrap().to_owned();
    assert_eq!(sum(0, "cumulativeGasUsed"), sum(0, "gasUsed"));
    assert_eq!(block["gasUsed"].as_str().unwrap(), sum(1, "cumulativeGasUsed"));
}

#[test]
fn the_node_and_its_network_are_told() {
    let served = Served::new();
    assert!(served.get("web3_clientVersion", json!([])).as_str().unwrap().starts_with("terroir/"));
    let empty = served.get("web3_sha3", json!(["0x"]));
    assert_eq!(empty, json!(keccak256([]).to_string()));
    assert_eq!(served.get("net_version", json!([])), json!(CHAIN_ID.to_string()));
    assert_eq!(served.get("net_listening", json!([])), json!(true));
    assert_eq!(served.get("eth_chainId", json!([])), json!("0x1e15"));
    assert_eq!(served.get("eth_accounts", json!([])), json!([]));
    assert_eq!(served.get("eth_blockNumber", json!([])), json!("0x0"));
    assert_eq!(served.get("net_peerCount", json!([])), json!("0x0"));
    assert_eq!(served.get("eth_syncing", json!([])), json!(false));
    let network = terroir_node::chain::Network { peers: 3, highest: 9 };
    served.world.chain.network().send_replace(network);
    assert_eq!(served.get("net_peerCount", json!([])), json!("0x3"));
    assert_eq!(served.get("eth_syncing", json!([]))["highestBlock"], json!("0x9"));
}

#[test]
fn states_of_all_blocks_are_read() {
    let served = Served::new();
    world(&served);
    let alice = served.world.alice.address.to_string();
    let to = Address::repeat_byte(7).to_string();
    let before = served.world.chain.genesis().to_string();
    for (id, balance, nonce) in [
        (json!("latest"), json!(hex_number(TOKEN)), "0x1"),
        (json!("0x0"), json!("0x0"), "0x0"),
        (json!({ "blockHash": before }), json!("0x0"), "0x0"),
        (json!({ "blockNumber": "0x1" }), json!(hex_number(TOKEN)), "0x1"),
        (Value::Null, json!(hex_number(TOKEN)), "0x1"),
    ] {
        assert_eq!(served.get("eth_getBalance", json!([to, id])), balance);
        assert_eq!(served.get("eth_getTransactionCount", json!([alice, id])), json!(nonce));
        let code = served.get("eth_getCode", json!([WRAPPED.to_string(), id]));
        assert!(code.as_str().unwrap().len() > 100);
    }
    assert_eq!(served.get("eth_getCode", json!([to, "latest"])), json!("0x"));
    let slot = balance_slot(served.world.alice.address);
    let read = |id: &str| served.get("eth_getStorageAt", json!([WRAPPED.to_string(), slot, id]));
    assert_eq!(read("latest"), json!(B256::from(U256::from(500)).to_string()));
    assert_eq!(read("0x0"), json!(B256::ZERO.to_string()));
    for id in [json!("0x2"), json!({ "blockHash": B256::ZERO.to_string() })] {
        let (code, message) = served.refuse("eth_getBalance", json!([to, id]));
        assert_eq!(code, -32_000);
        assert!(message.starts_with("header not found"), "{message}");
    }
    served.world.pay(&served.world.alice, |_| ());
    assert_eq!(served.get("eth_getTransactionCount", json!([alice, "pending"])), json!("0x2"));
    assert_eq!(served.get("eth_getTransactionCount", json!([alice, "latest"])), json!("0x1"));
}

fn hex_number(value: u128) -> String {
    format!("{value:#x}")
}

fn balance_slot(who: Address) -> String {
    let mut key = [0; 64];
    key[12..32].copy_from_slice(who.as_slice());
    keccak256(key).to_string()
}

fn nodes(list: &Value) -> Vec<Bytes> {
    list.as_array().unwrap().iter().map(|node| node.as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn proofs_hold_under_the_roots_of_their_blocks() {
    let served = Served::new();
    world(&served);
    let slot = balance_slot(served.world.alice.address);
    let ask = |id: &str| served.get("eth_getProof", json!([WRAPPED.to_string(), [slot], id]));
    for (id, amount) in [("0x0", 0), ("0x1", 500)] {
        let proof = ask(id);
        let block = served.get("eth_getBlockByNumber", json!([id, false]));
        let root: B256 = block["stateRoot"].as_str().unwrap().parse().unwrap();
        let account = alloy_trie::TrieAccount {
            nonce: 1,
            balance: proof["balance"].as_str().unwrap().parse().unwrap(),
            storage_root: proof["storageHash"].as_str().unwrap().parse().unwrap(),
            code_hash: proof["codeHash"].as_str().unwrap().parse().unwrap(),
        };
        let key = Nibbles::unpack(keccak256(WRAPPED));
        let leaf = alloy_rlp::encode(account);
        verify_proof(root, key, Some(leaf), &nodes(&proof["accountProof"])).unwrap();
        let stored = &proof["storageProof"][0];
        assert_eq!((&stored["key"], &stored["value"]), (&json!(slot), &json!(hex_number(amount))));
        let value = (amount > 0).then(|| alloy_rlp::encode(amount));
        let key = Nibbles::unpack(keccak256(slot.parse::<B256>().unwrap()));
        verify_proof(account.storage_root, key, value, &nodes(&stored["proof"])).unwrap();
    }
    let many = vec!["0x1"; 1_025];
    let (code, _) = served.refuse("eth_getProof", json!([NOBODY, many, "latest"]));
    assert_eq!(code, -32_602);
}

#[test]
fn receipts_are_proven_to_a_light_client() {
    let served = Served::new();
    for _ in 0..20 {
        for _ in 0..7 {
            served.world.pay(&served.world.alice, |_| ());
        }
        served.world.pay(&served.world.bob, |_| ());
    }
    let done = served.world.block();
    assert_eq!(done.block.transactions.len(), 160);
    for place in [0, 1, 127, 128, 159] {
        let hash = done.block.transactions[place].tx_hash().to_string();
        let proof = served.get("terroir_receiptProof", json!([hash]));
        assert_eq!(proof["certificate"], json!(hex(b"certificate")));
        let header: Bytes = proof["headerRlp"].as_str().unwrap().parse().unwrap();
        assert_eq!(keccak256(&header), done.hash);
        let seal: Bytes = proof["sealRlp"].as_str().unwrap().parse().unwrap();
        assert_eq!(proof["header"]["extraData"], json!(keccak256(&seal).to_string()));
        let receipt: Bytes = proof["receipt"].as_str().unwrap().parse().unwrap();
        assert_eq!(receipt[..], done.receipts[place].encoded_2718()[..]);
        let key = Nibbles::unpack(alloy_rlp::encode(place));
        let root = done.block.header.receipts_root;
        verify_proof(root, key, Some(receipt.to_vec()), &nodes(&proof["proof"])).unwrap();
    }
    assert_eq!(served.get("terroir_certificate", json!(["latest"])), json!(hex(b"certificate")));
    assert_eq!(served.get("terroir_certificate", json!(["0x0"])), Value::Null);
    assert_eq!(served.get("terroir_header", json!(["0x9"])), Value::Null);
    assert_eq!(served.get("terroir_genesis", json!([])), json!(super::leader::GENESIS));
    let committee = served.get("terroir_committee", json!(["0x1"]));
    let header = served.get("terroir_header", json!(["latest"]));
    assert_eq!(committee["digest"], header["seal"]["next"]);
    assert_eq!(committee["seats"].as_array().unwrap().len(), 4);
    assert_eq!(served.get("terroir_committee", json!(["0x63"])), Value::Null);
}

#[test]
fn calls_answer_revert_and_run_out_in_the_usual_words() {
    let served = Served::new();
    world(&served);
    let (alice, wrapped) = (served.world.alice.address.to_string(), WRAPPED.to_string());
    let supply = json!({ "to": wrapped, "data": hex(&keccak256("totalSupply()")[..4]) });
    let five_hundred = json!(B256::from(U256::from(500)).to_string());
    assert_eq!(served.get("eth_call", json!([supply, "latest"])), five_hundred);
    assert_eq!(served.get("eth_call", json!([supply])), five_hundred);
    assert_eq!(served.get("eth_call", json!([supply, "0x0"])), json!(B256::ZERO.to_string()));
    let rich = json!({ WRAPPED.to_string(): { "balance": "0x7" } });
    let overridden = served.get("eth_call", json!([supply, "latest", rich]));
    assert_eq!(overridden, json!(B256::from(U256::from(7)).to_string()));
    // Code that gives back slot 1.
    let code = json!({ NOBODY: {
        "code": "0x60015460005260206000f3",
        "stateDiff": { B256::from(U256::from(1)).to_string(): five_hundred },
    } });
    let run = served.get("eth_call", json!([{ "to": NOBODY }, "latest", code]));
    assert_eq!(run, five_hundred);

    let much = withdrawCall { value: U256::from(501) }.abi_encode();
    let answer =
        served.ask("eth_call", json!([{ "from": alice, "to": wrapped, "data": hex(much) }]));
    assert_eq!(answer["error"]["code"], json!(3));
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("execution reverted"), "{message}");
    assert!(answer["error"]["data"].as_str().unwrap().starts_with("0x"));

    assert_eq!(message, "execution reverted: Wrapped: balance too low");
    let of = |code: &str| json!([{ "data": code }]);
    let cases = [
        // A loop, an opcode that is none, a jump to nowhere.
        ("eth_call", of("0x5b600056"), -32_000, "out of gas"),
        ("eth_call", of("0xfe"), -32_000, "invalid opcode"),
        ("eth_call", of("0x600156"), -32_000, "jump"),
        ("eth_estimateGas", of("0x5b600056"), -32_000, "gas required exceeds allowance"),
        (
            "eth_call",
            json!([{ "from": NOBODY, "to": alice, "value": "0x1" }]),
            -32_000,
            "insufficient funds",
        ),
        ("eth_call", json!([{ "to": alice, "gas": "0x5207" }]), -32_000, "intrinsic gas too low"),
        (
            "eth_call",
            json!([{ "to": alice, "gasPrice": "0x1", "maxFeePerGas": "0x1" }]),
            -32_602,
            "both gasPrice and",
        ),
        ("eth_call", json!([{ "to": alice, "chainId": "0x1" }]), -32_602, "invalid chain id"),
        ("eth_call", json!([{ "to": alice, "data": "0x1", }]), -32_602, "invalid argument 0"),
        (
            "eth_call",
            json!([{ "to": alice, "data": "0x01", "input": "0x02" }]),
            -32_602,
            "both \"data\" and \"input\"",
        ),
        (
            "eth_call",
            json!([{ "to": alice }, "latest", { NOBODY: { "state": {} } }]),
            -32_004,
            "state overrides",
        ),
    ];
    for (method, params, code, why) in cases {
        let (got, message) = served.refuse(method, params);
        assert_eq!((got, message.contains(why)), (code, true), "{message:?}, {why:?}");
    }
}

#[test]
fn estimates_are_enough_and_close() {
    let served = Served::new();
    let world = &served.world;
    let alice = world.alice.address.to_string();
    let plain = json!([{ "from": alice, "to": NOBODY, "value": "0x1" }]);
    assert_eq!(served.get("eth_estimateGas", plain), json!("0x5208"));
    let data = depositCall {}.abi_encode();
    let ask =
        json!([{ "from": alice, "to": WRAPPED.to_string(), "value": "0x5", "data": hex(&data) }]);
    let gas = served.get("eth_estimateGas", ask.clone());
    let gas = u64::from_str_radix(&gas.as_str().unwrap()[2..], 16).unwrap();
    let send = |gas| {
        let hash = world.pay(&world.alice, |tx| {
            (tx.to, tx.value, tx.gas_limit) = (WRAPPED.into(), U256::from(5), gas);
            tx.input = data.clone().into();
        });
        world.block();
        served.get("eth_getTransactionReceipt", json!([hash.to_string()]))["status"].clone()
    };
    assert_eq!(send(gas), json!("0x1"));
    let list = served.get("eth_createAccessList", ask);
    let keys = list["accessList"][0]["storageKeys"].as_array().unwrap();
    assert_eq!(keys[0], json!(balance_slot(world.alice.address)));
    assert!(list.get("error").is_none());
}

#[test]
fn fees_follow_from_blocks() {
    let served = Served::new();
    assert_eq!(served.get("eth_maxPriorityFeePerGas", json!([])), json!("0xf4240"));
    world(&served);
    assert_eq!(served.get("eth_maxPriorityFeePerGas", json!([])), json!("0xf4240"));
    let next = served.world.chain.tip().next_base_fee().unwrap();
    let price = served.get("eth_gasPrice", json!([]));
    assert_eq!(price, json!(hex_number(u128::from(next) + 1_000_000)));
    assert_eq!(served.get("eth_blobBaseFee", json!([])), json!("0x1"));
    let history = served.get("eth_feeHistory", json!(["0x8", "latest", [0, 50, 100]]));
    assert_eq!(history["oldestBlock"], json!("0x0"));
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 3);
    assert_eq!(history["baseFeePerGas"][2], json!(hex_number(u128::from(next))));
    assert_eq!(history["reward"][1], json!(["0xf4240", "0xf4240", "0xf4240"]));
    assert_eq!(history["reward"][0], json!(["0x0", "0x0", "0x0"]));
    assert!(served.get("eth_feeHistory", json!([1, "latest"])).get("reward").is_none());
    for wrong in [json!([50, 10]), json!([101]), json!(vec![1; 101])] {
        let (code, message) = served.refuse("eth_feeHistory", json!(["0x1", "latest", wrong]));
        assert_eq!((code, message.starts_with("invalid reward percentile")), (-32_602, true));
    }
}

#[test]
fn logs_are_found_by_every_part_of_a_filter_within_limits() {
    let limits = RpcLimits { log_blocks: 4, logs: 3, ..RpcLimits::DEFAULT };
    let served = Served::with(limits);
    for _ in 0..3 {
        world(&served);
    }
    let topic = |text: &str| keccak256(text).to_string();
    let (deposit, wrapped) = (topic("Deposit(address,uint256)"), WRAPPED.to_string());
    let find = |filter: Value| served.get("eth_getLogs", json!([filter])).as_array().unwrap().len();
    let known = find(json!({ "fromBlock": "0x1", "toBlock": "0x3", "address": wrapped }));
    assert_eq!(known, 3);
    let range =
        json!({ "fromBlock": "earliest", "toBlock": "latest", "topics": [[deposit, topic("x")]] });
    assert_eq!(find(range), 3);
    assert_eq!(find(json!({})), 1);
    let hash = served.world.chain.tip().hash.to_string();
    assert_eq!(find(json!({ "blockHash": hash })), 1);
    assert_eq!(find(json!({ "fromBlock": "0x1", "toBlock": "0x3", "address": NOBODY })), 0);
    assert_eq!(find(json!({ "fromBlock": "0x1", "toBlock": "0x3", "topics": [topic("x")] })), 0);
    // What is to come has no logs yet.
    let ahead = json!({ "fromBlock": "0x4" });
    for range in [
        ahead.clone(),
        json!({ "fromBlock": "0x4", "toBlock": "latest" }),
        json!({ "fromBlock": "0x4", "toBlock": "0x9" }),
        json!({ "fromBlock": "latest", "toBlock": "0x1" }),
    ] {
        assert_eq!(find(range), 0);
    }
    let filter = served.get("eth_newFilter", json!([ahead]));
    assert_eq!(served.get("eth_getFilterLogs", json!([filter])), json!([]));
    let cases = [
        (json!({ "fromBlock": "0x3", "toBlock": "0x1" }), -32_602, "invalid block range"),
        (json!({ "fromBlock": "0x5", "toBlock": "0x4" }), -32_602, "invalid block range"),
        (json!({ "blockHash": B256::ZERO.to_string() }), -32_000, "unknown block"),
        (json!({ "topics": [[], [], [], [], []] }), -32_602, ""),
        (json!({ "blockHash": hash, "fromBlock": "0x1" }), -32_602, ""),
    ];
    for (filter, code, why) in cases {
        let (got, message) = served.refuse("eth_getLogs", json!([filter]));
        assert_eq!((got, message.contains(why)), (code, true), "{message}");
    }
    world(&served);
    let (code, message) =
        served.refuse("eth_getLogs", json!([{ "fromBlock": "0x0", "toBlock": "0x4" }]));
    assert_eq!((code, message.as_str()), (-32_005, "exceed maximum block range: 4"));
    let (code, message) =
        served.refuse("eth_getLogs", json!([{ "fromBlock": "0x1", "toBlock": "0x4" }]));
    assert_eq!((code, message.as_str()), (-32_005, "query returned more than 3 results"));
}

#[test]
fn filters_name_no_more_than_a_few_hundred() {
    let served = Served::new();
    let addresses = |count: u64| -> Vec<String> {
        (0..count).map(|n| Address::from_word(B256::from(U256::from(n))).to_string()).collect()
    };
    let topics = |count| vec![B256::ZERO.to_string(); count];
    let most = json!({ "address": addresses(156), "topics": [topics(50), null, topics(50)] });
    assert_eq!(served.get("eth_getLogs", json!([most])), json!([]));
    for more in [
        json!({ "address": addresses(257) }),
        json!({ "topics": [topics(64), topics(64), topics(64), topics(65)] }),
        json!({ "address": addresses(156), "topics": [topics(50), topics(51)] }),
    ] {
        for method in ["eth_getLogs", "eth_newFilter"] {
            let (code, message) = served.refuse(method, json!([more]));
            assert_eq!(code, -32_602);
            assert_eq!(
                message,
                "invalid argument 0: 257 addresses and topics, at most 256 are taken"
            );
        }
    }
}

#[test]
fn filters_give_what_is_new_and_the_least_asked_give_way() {
    let served = Served::with(RpcLimits { filters: 3, ..RpcLimits::DEFAULT });
    let logs = served.get("eth_newFilter", json!([{ "address": WRAPPED.to_string() }]));
    let blocks = served.get("eth_newBlockFilter", json!([]));
    let waiting = served.get("eth_newPendingTransactionFilter", json!([]));
    let changes = |id: &Value| served.get("eth_getFilterChanges", json!([id]));
    for id in [&logs, &blocks, &waiting] {
        assert_eq!(changes(id), json!([]));
    }
    let (deposit, transfer) = world(&served);
    let tip = served.world.chain.tip().hash.to_string();
    assert_eq!(changes(&waiting), json!([deposit.to_string(), transfer.to_string()]));
    assert_eq!(changes(&blocks), json!([tip]));
    assert_eq!(changes(&logs)[0]["transactionHash"], json!(deposit.to_string()));
    for id in [&logs, &blocks, &waiting] {
        assert_eq!(changes(id), json!([]));
    }
    let all = served.get("eth_getFilterLogs", json!([logs]));
    assert_eq!(all[0]["transactionHash"], json!(deposit.to_string()));
    changes(&blocks);
    changes(&waiting);
    // There is room for three, and the one for logs was not asked for longest.
    let fourth = served.get("eth_newBlockFilter", json!([]));
    let gone = (-32_000, "filter not found".to_owned());
    assert_eq!(served.refuse("eth_getFilterChanges", json!([logs])), gone);
    assert_eq!(served.refuse("eth_getFilterLogs", json!([blocks])), gone);
    assert_eq!(served.get("eth_uninstallFilter", json!([fourth])), json!(true));
    assert_eq!(served.get("eth_uninstallFilter", json!([fourth])), json!(false));
    assert_eq!(served.refuse("eth_getFilterChanges", json!([fourth])), gone);
}

#[test]
fn transactions_are_sent_and_seen_while_they_wait() {
    let served = Served::new();
    let world = &served.world;
    let signed = |nonce| world.alice.sign(draft(nonce, Address::repeat_byte(9)));
    let send = |bytes: Vec<u8>| served.ask("eth_sendRawTransaction", json!([hex(bytes)]));
    let first = signed(0);
    assert_eq!(send(first.encoded_2718())["result"], json!(first.tx_hash().to_string()));
    send(signed(2).encoded_2718());
    let status = json!({ "pending": "0x1", "queued": "0x1" });
    assert_eq!(served.get("txpool_status", json!([])), status);
    let content = served.get("txpool_content", json!([]));
    let lane = &content["pending"][world.alice.address.to_string()];
    assert_eq!(lane["0"]["hash"], json!(first.tx_hash().to_string()));
    assert_eq!(lane["0"]["blockHash"], Value::Null);
    let inspect = served.get("txpool_inspect", json!([]));
    let line = inspect["queued"][world.alice.address.to_string()]["2"].as_str().unwrap();
    assert!(line.ends_with("1 wei + 100000 gas × 10000000000 wei"), "{line}");
    let found = served.get("eth_getTransactionByHash", json!([first.tx_hash().to_string()]));
    assert_eq!((&found["blockNumber"], &found["nonce"]), (&Value::Null, &json!("0x0")));
    let why = |answer: Value| answer["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(why(send(first.encoded_2718())), "already known");
    assert!(why(send(vec![2, 0xc0])).contains("cannot be decoded"));
    assert!(why(send(vec![0; 129 << 10])).contains("oversized data"));
    assert!(why(served.ask("eth_sendRawTransaction", json!(["0xzz"]))).contains("argument 0"));
    let other = Account::new(9).sign(draft(0, Address::ZERO));
    assert!(why(send(other.encoded_2718())).starts_with("insufficient funds for gas * price"));
}

#[test]
fn traces_show_who_called_whom() {
    let served = Served::new();
    let world = &served.world;
    let calls = [500, 1].map(|value| Call3 {
        target: WRAPPED,
        allowFailure: true,
        callData: withdrawCall { value: U256::from(value) }.abi_encode().into(),
    });
    let input = aggregate3Call { calls: calls.to_vec() }.abi_encode();
    world.pay(&world.alice, |_| ());
    let hash = world.pay(&world.alice, |tx| {
        (tx.to, tx.value) = (MULTICALL.parse::<Address>().unwrap().into(), U256::ZERO);
        (tx.gas_limit, tx.input) = (1_000_000, input.clone().into());
    });
    world.block();
    let traced = |config: Value| {
        let options = json!({ "tracer": "callTracer", "tracerConfig": config });
        served.get("debug_traceTransaction", json!([hash.to_string(), options]))
    };
    let trace = traced(json!({}));
    let receipt = served.get("eth_getTransactionReceipt", json!([hash.to_string()]));
    assert_eq!(trace["gasUsed"], receipt["gasUsed"]);
    assert_eq!((&trace["type"], &trace["to"]), (&json!("CALL"), &json!(MULTICALL)));
    assert_eq!(trace["input"], json!(hex(&input)));
    let inner = trace["calls"].as_array().unwrap();
    assert_eq!(inner.len(), 2);
    assert_eq!(inner[0]["error"], json!("execution reverted"));
    assert_eq!(inner[0]["revertReason"], json!("Wrapped: balance too low"));
    assert_eq!(inner[0]["from"], json!(MULTICALL));
    assert!(traced(json!({ "onlyTopCall": true })).get("calls").is_none());
    let asked = json!([{
        "from": world.alice.address.to_string(), "to": WRAPPED.to_string(), "value": "0x5",
        "data": hex(depositCall {}.abi_encode()),
    }, "latest", { "tracer": "callTracer", "tracerConfig": { "withLog": true } }]);
    let logs = served.get("debug_traceCall", asked)["logs"].clone();
    assert_eq!(logs[0]["address"], json!(WRAPPED.to_string().to_lowercase()));
    // It deposits, which is logged, and reverts with the bytes of "ABCD", or ends.
    let deposits = |end: &str| {
        let data = format!("0x63d0e30db060e01b5f525f5f60045f5f617e105af1{end}");
        let options = json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } });
        served.get("debug_traceCall", json!([{ "data": data }, "latest", options]))
    };
    assert!(deposits("00")["calls"][0]["logs"][0].is_object());
    let undone = deposits("63414243445f526004601cfd");
    assert_eq!(undone["output"], json!("0x41424344"));
    assert!(undone["calls"][0].get("logs").is_none() && undone.get("revertReason").is_none());
    let create = json!([{ "data": "0x60006000f0" }, "latest", { "tracer": "callTracer" }]);
    assert_eq!(served.get("debug_traceCall", create)["type"], json!("CREATE"));
    // It copies 64 KiB to the precompile that gives them back, until its gas is gone.
    let bomb = json!([{ "data": "0x5b5f5f620100005f5f60045af1505f56" }, "latest", { "tracer": "callTracer" }]);
    let (code, message) = served.refuse("debug_traceCall", bomb);
    assert_eq!((code, message.starts_with("the trace is longer")), (-32_005, true), "{message}");
    let (code, _) = served.refuse("debug_traceTransaction", json!([hash.to_string()]));
    assert_eq!(code, -32_004);
    let options = json!({ "tracer": "callTracer" });
    let unknown = served.refuse("debug_traceTransaction", json!([B256::ZERO.to_string(), options]));
    assert_eq!(unknown, (-32_000, "transaction not found".to_owned()));
    assert_eq!(world.chain.tip().kept.block(1).unwrap().unwrap().transactions[1].nonce(), 1);
}
