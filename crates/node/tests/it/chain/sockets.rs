//! The protocol and its limits: errors, batches, WebSockets, and clients who mean no good.

use super::served::Served;
use super::socket::{Socket, limits, long, upgrade};
use super::world::{WRAPPED, World};
use crate::wire::{Connection, post};
use serde_json::{Value, json};
use std::time::Duration;
use terroir_node::rpc::{RpcLimits, RpcServer};

#[test]
fn requests_that_are_none_have_the_standard_codes() {
    let served = Served::new();
    let deep = format!("[{}", "[".repeat(90_000));
    let params = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",\"params\":{}{}}}",
        "[".repeat(90_000),
        "]".repeat(90_000)
    );
    let named = |id: usize| {
        json!({ "jsonrpc": "2.0", "id": "x".repeat(id), "method": "eth_sign" }).to_string()
    };
    let (named, too_long) = (named(1_024), named(1_025));
    let cases: [(&[u8], i64); 11] = [
        (named.as_bytes(), -32_601),
        (too_long.as_bytes(), -32_600),
        (b"{", -32_700),
        (b"", -32_700),
        (deep.as_bytes(), -32_700),
        (b"[]", -32_600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1}", -32_600),
        (b"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"eth_chainId\"}", -32_600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_sign\"}", -32_601),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"admin_stop\"}", -32_601),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",\"params\":{\"a\":1}}", -32_602),
    ];
    for (body, code) in cases {
        let mut connection = Connection::open(served.address);
        connection.send(&post("/", "", body));
        let reply = connection.reply().json();
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
        assert_eq!(reply["error"]["code"], json!(code), "{shown}: {reply}");
    }
    let mut connection = Connection::open(served.address);
    connection.send(&post("/", "", params.as_bytes()));
    let code = connection.reply().json()["error"]["code"].as_i64().unwrap();
    assert!([-32_700, -32_600, -32_602].contains(&code), "{code}");
}

#[test]
fn parameters_that_are_wrong_are_named() {
    let served = Served::new();
    let long = "0x".to_owned() + &"f".repeat(65);
    let cases = [
        ("eth_getBalance", json!([]), "missing value for required argument 0"),
        ("eth_getBalance", json!(["0x12"]), "invalid argument 0"),
        ("eth_getBalance", json!([WRAPPED.to_string(), "newest"]), "invalid argument 1"),
        ("eth_getBalance", json!([WRAPPED.to_string(), "latest", 1]), "too many arguments"),
        ("eth_getStorageAt", json!([WRAPPED.to_string(), long]), "invalid argument 1"),
        ("eth_getProof", json!([WRAPPED.to_string(), ["zz"]]), "invalid argument 1"),
        ("eth_getBlockByNumber", json!([-1, true]), "invalid argument 0"),
        ("eth_getBlockByNumber", json!(["latest", "yes"]), "invalid argument 1"),
        ("eth_chainId", json!([1]), "too many arguments, want at most 0"),
        ("eth_newFilter", json!([{ "topics": "0x1" }]), "invalid argument 0"),
        ("eth_getFilterChanges", json!(["abc"]), "invalid argument 0"),
        ("terroir_committee", json!(["latest"]), "invalid argument 0"),
    ];
    for (method, params, why) in cases {
        let (code, message) = served.refuse(method, params);
        assert_eq!((code, message.contains(why)), (-32_602, true), "{method}: {message}");
    }
}

#[test]
fn batches_are_answered_together_and_have_a_limit() {
    let served = Served::with(limits());
    let one = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_chainId" });
    let wrong = json!({ "jsonrpc": "2.0", "id": 9, "method": "no_such" });
    let answers = served.say(&json!([one(1), wrong, one(3)]));
    let answers = answers.as_array().unwrap();
    assert_eq!((&answers[0]["result"], &answers[0]["id"]), (&json!("0x1e15"), &json!(1)));
    assert_eq!(answers[1]["error"]["code"], json!(-32_601));
    assert_eq!(answers.len(), 3);
    let many: Vec<Value> = (0..5).map(one).collect();
    assert_eq!(served.say(&json!(many))["error"]["code"], json!(-32_010));
}

#[test]
fn only_json_that_fits_is_taken_and_only_by_post() {
    let served = Served::with(limits());
    let status = |bytes: &[u8]| {
        let mut connection = Connection::open(served.address);
        connection.send(bytes);
        connection.head().0
    };
    assert_eq!(status(&post("/", "content-type: text/plain\r\n", b"{}")), 415);
    assert_eq!(status(&post("/", "content-type: application/x-www-form-urlencoded\r\n", b"")), 415);
    assert_eq!(status(&post("/", "", &[b' '; 10_001])), 413);
    assert_eq!(status(&post("/elsewhere", "", b"{}")), 404);
    assert_eq!(status(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"), 404);
    assert_eq!(status(b"OPTIONS / HTTP/1.1\r\nhost: localhost\r\n\r\n"), 404);
    assert_eq!(status(&upgrade("origin: https://evil.example\r\n")), 403);
    assert_eq!(status(&upgrade("origin: http://localhost\r\n")), 101);
}

#[test]
fn names_of_others_lead_nowhere_on_loopback() {
    let local = Served::new();
    let open = Served::on(std::net::Ipv4Addr::UNSPECIFIED, RpcLimits::DEFAULT);
    let chain_id = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" }).to_string();
    let asked = [
        (post("/", "", chain_id.as_bytes()), 200),
        (upgrade(""), 101),
        (b"GET /blocks HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), 404),
    ];
    let status = |served: &Served, request: &[u8], host: &str| {
        let request = String::from_utf8(request.to_vec()).unwrap();
        let mut connection = Connection::open(served.address);
        connection.send(request.replace("host: localhost\r\n", host).as_bytes());
        connection.head().0
    };
    let ours =
        ["localhost", "LOCALHOST:8545", "127.0.0.1", "127.0.0.1:8545", "[::1]:8545", "10.1.2.3"];
    let theirs = [
        "evil.example:8545",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example@localhost:x",
        "node",
        "",
    ];
    for (request, found) in &asked {
        for host in ours {
            assert_eq!(status(&local, request, &format!("host: {host}\r\n")), *found, "{host}");
        }
        for host in theirs {
            let host = format!("host: {host}\r\n");
            assert_eq!(status(&local, request, &host), 403, "{host}");
            assert_eq!(status(&open, request, &host), *found, "{host}");
        }
        // Browsers never leave it out.
        assert_ne!(status(&local, request, ""), 403);
    }
}

#[test]
fn clients_who_send_nothing_are_let_go() {
    let served = Served::with(limits());
    let mut head = Connection::open(served.address);
    head.send(b"POST / HTTP/1.1\r\nhost:");
    let mut body = Connection::open(served.address);
    let request = post("/", "", &[b' '; 100]);
    body.send(&request[..request.len() - 1]);
    assert_eq!(body.head().0, 408);
    assert!(head.is_closed());
    // The same where it says that it would be something else than a POST.
    for upgrade in ["h2c", "websocket"] {
        let mut body = Connection::open(served.address);
        let more = format!("connection: upgrade\r\nupgrade: {upgrade}\r\n");
        let request = post("/", &more, &[b' '; 100]);
        body.send(&request[..request.len() - 1]);
        assert_eq!(body.head().0, 408);
    }
    // More of them than there is room for keep nobody out for longer than that.
    let _idle: Vec<Connection> = (0..16).map(|_| Connection::open(served.address)).collect();
    assert_eq!(served.get("eth_blockNumber", json!([])), json!("0x0"));
}

#[test]
fn a_flood_of_questions_is_answered_to_the_last() {
    // However slow the machine is: nobody's turn comes too late.
    let wait = Duration::from_secs(600);
    let served = Served::with(RpcLimits { workers: 2, wait, ..RpcLimits::DEFAULT });
    let loops = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{ "data": "0x5b600056" }] });
    let request = post("/", "", loops.to_string().as_bytes());
    let mut flood: Vec<Connection> = (0..40).map(|_| Connection::open(served.address)).collect();
    flood.iter_mut().for_each(|connection| connection.send(&request));
    // What is little work does not wait for what is much.
    assert_eq!(served.get("eth_blockNumber", json!([])), json!("0x0"));
    for connection in &mut flood {
        assert_eq!(connection.reply().json()["error"]["message"], json!("out of gas"));
    }
}

#[test]
fn news_come_over_a_websocket_in_order() {
    let served = Served::with(RpcLimits { request_bytes: 20_000, ..limits() });
    let mut socket = Socket::open(&served);
    let subscribe = |socket: &mut Socket, params: Value| {
        let id = socket.ask("eth_subscribe", params)["result"].clone();
        assert!(id.as_str().is_some_and(|id| id.starts_with("0x")), "{id}");
        id
    };
    let heads = subscribe(&mut socket, json!(["newHeads"]));
    let logs = subscribe(&mut socket, json!(["logs", { "address": WRAPPED.to_string() }]));
    let waiting = subscribe(&mut socket, json!(["newPendingTransactions"]));
    let full = socket.ask("eth_subscribe", json!(["newHeads"]));
    assert_eq!(full["error"]["code"], json!(-32_006));
    let world = &served.world;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(world.pay(&world.alice, |tx| tx.to = WRAPPED.into()).to_string());
        world.block();
    }
    let (mut numbers, mut logged, mut waited) = (Vec::new(), Vec::new(), Vec::new());
    while numbers.len() + logged.len() + waited.len() < 15 {
        let news = socket.message();
        assert_eq!(news["method"], json!("eth_subscription"));
        let (id, result) = (&news["params"]["subscription"], &news["params"]["result"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        match id {
            id if *id == heads => numbers.push(text(&result["number"])),
            id if *id == logs => logged.push(text(&result["transactionHash"])),
            id if *id == waiting => waited.push(text(result)),
            other => panic!("{other}"),
        }
    }
    assert_eq!(numbers, ["0x1", "0x2", "0x3", "0x4", "0x5"]);
    assert_eq!((&logged, &waited), (&sent, &sent));
    for (id, known) in [(&heads, true), (&heads, false), (&logs, true)] {
        assert_eq!(socket.ask("eth_unsubscribe", json!([id]))["result"], json!(known));
    }
    // The places of those that ended are free soon.
    let mut ask = |params: Value| loop {
        let answer = socket.ask("eth_subscribe", params.clone());
        if answer["error"]["code"] != json!(-32_006) {
            return answer;
        }
    };
    for (params, code) in [
        (json!(["newOnes"]), -32_602),
        (json!([]), -32_602),
        (json!(["logs", 7]), -32_602),
        (json!(["logs", { "topics": [vec![WRAPPED.into_word(); 257]] }]), -32_602),
        (json!(["transactionReceipts"]), -32_004),
    ] {
        assert_eq!(ask(params)["error"]["code"], json!(code));
    }
    assert!(ask(json!(["syncing"]))["result"].is_string());
    assert_eq!(socket.message()["params"]["result"], json!(false));
    assert_eq!(socket.ask("eth_chainId", json!([]))["result"], json!("0x1e15"));
}

#[test]
fn a_socket_is_answered_in_the_order_in_which_it_asks() {
    let served = Served::new();
    let mut socket = Socket::open(&served);
    let ask = |id, method, params| {
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
    };
    for id in 0..6 {
        // What is much work comes before what is little, and is under way alone.
        socket.send(ask(2 * id, "eth_call", json!([{ "data": "0x5b600056" }])).as_bytes());
        socket.send(ask(2 * id + 1, "eth_chainId", json!([])).as_bytes());
    }
    let ids = (0..12).map(|_| socket.message()["id"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(ids, (0..12).collect::<Vec<_>>());
    socket.send(b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_subscribe\"}, 7]");
    let answers = socket.message();
    assert_eq!(answers[0]["error"]["code"], json!(-32_004));
    assert_eq!(answers[1]["error"]["code"], json!(-32_600));
    // Not even a subscription is answered before what was asked before, however long that takes.
    socket.send(long(3 << 20).to_string().as_bytes());
    socket.send(ask(8, "eth_chainId", json!([])).as_bytes());
    socket.send(ask(9, "eth_subscribe", json!(["syncing"])).as_bytes());
    socket.send(ask(10, "eth_chainId", json!([])).as_bytes());
    let ids = (0..4).map(|_| socket.message()["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids[..3], [7, 8, 9]);
    assert!(socket.message()["id"] == json!(10) || ids[3] == json!(10));
    // What asks for no answer gets none.
    socket.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"eth_chainId\"}");
    socket.send(b"[{\"jsonrpc\":\"2.0\",\"method\":\"eth_chainId\"}]");
    assert_eq!(socket.ask("eth_chainId", json!([]))["result"], json!("0x1e15"));
}

#[test]
fn messages_come_in_pieces_by_the_rules_and_in_time() {
    let patience = Duration::from_millis(300);
    let served = Served::with(RpcLimits { patience, ..RpcLimits::DEFAULT });
    let text = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\"}";
    let mut socket = Socket::open(&served);
    let (first, rest) = text.split_at(20);
    socket.0.send(&Socket::frame(0x01, first));
    socket.0.send(&Socket::frame(0x89, b"still there?"));
    let pong = socket.0.bytes(2 + 12);
    assert_eq!((pong[0], &pong[2..]), (0x8a, &b"still there?"[..]));
    let (middle, last) = rest.split_at(9);
    socket.0.send(&Socket::frame(0x00, middle));
    socket.0.send(&Socket::frame(0x80, last));
    assert_eq!(socket.message()["result"], json!("0x1e15"));
    socket.0.send(&Socket::frame(0x88, &1_000_u16.to_be_bytes()));
    assert_eq!(socket.closed(), 1_000);

    let mut masked = Socket::frame(0x81, text);
    let (head, keys) = (2, [7, 77, 0, 255]);
    masked[head..head + 4].copy_from_slice(&keys);
    masked[head + 4..].iter_mut().zip(keys.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    let mut socket = Socket::open(&served);
    socket.0.send(&masked);
    assert_eq!(socket.message()["result"], json!("0x1e15"));

    let unmasked = [&[0x81, text.len() as u8][..], text].concat();
    let wrong: [Vec<u8>; 5] = [
        unmasked,
        Socket::frame(0x80, text),
        [Socket::frame(0x01, first), Socket::frame(0x81, rest)].concat(),
        Socket::frame(0x09, b"a ping in parts"),
        Socket::frame(0xc1, text),
    ];
    for frames in wrong {
        let mut socket = Socket::open(&served);
        socket.0.send(&frames);
        assert_eq!(socket.closed(), 1_002, "{frames:02x?}");
    }
    for slow in [&masked[..1], &masked[..30], &Socket::frame(0x01, first)] {
        let mut socket = Socket::open(&served);
        socket.0.send(slow);
        assert_eq!(socket.closed(), 1_008, "{slow:02x?}");
    }
}

#[test]
fn who_answers_no_pings_is_let_go() {
    let served = Served::with(RpcLimits { ping: Duration::from_millis(100), ..limits() });
    assert_eq!(Socket::open(&served).closed(), 1_008);
}

#[test]
fn sockets_end_with_their_server() {
    let (world, runtime) = (World::new(), tokio::runtime::Runtime::new().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let chain = std::sync::Arc::clone(&world.chain);
    let server = runtime.block_on(async {
        let local = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        RpcServer::bind(local, axum::Router::new(), chain, limits()).unwrap()
    });
    let address = server.address();
    let running = runtime.spawn(server.run(async { drop(stopped.await) }));
    let mut socket = Socket::at(address);
    assert_eq!(socket.ask("eth_chainId", json!([]))["result"], json!("0x1e15"));
    drop(stop);
    assert_eq!(socket.closed(), 1_001);
    runtime.block_on(running).unwrap();
}

#[test]
fn subscriptions_of_all_together_have_a_limit_and_who_is_behind_is_let_go() {
    let served = Served::with(RpcLimits { subscriptions_all: 2, behind: 0, ..limits() });
    let (mut one, mut other) = (Socket::open(&served), Socket::open(&served));
    let heads = one.ask("eth_subscribe", json!(["newHeads"]))["result"].clone();
    assert!(one.ask("eth_subscribe", json!(["syncing"]))["result"].is_string());
    assert_eq!(one.message()["params"]["result"], json!(false));
    let full = other.ask("eth_subscribe", json!(["newHeads"]));
    assert_eq!(full["error"]["code"], json!(-32_005));
    served.world.block();
    let last = one.message();
    assert_eq!(last["params"]["subscription"], heads);
    assert_eq!(last["params"]["error"], json!("0 blocks behind: subscribe again"));
    assert_eq!(one.ask("eth_unsubscribe", json!([heads]))["result"], json!(false));
}

#[test]
fn subscriptions_need_a_websocket_and_messages_have_a_limit() {
    let served = Served::with(limits());
    let (code, _) = served.refuse("eth_subscribe", json!(["newHeads"]));
    assert!(code < 0);
    let mut socket = Socket::open(&served);
    socket.send(b"{");
    assert_eq!(socket.message()["error"]["code"], json!(-32_700));
    socket.send(&[b' '; 20_000]);
    assert_eq!(socket.message()["error"]["code"], json!(-32_007));
    assert_eq!(socket.ask("eth_chainId", json!([]))["result"], json!("0x1e15"));
}

#[test]
fn questions_take_no_longer_than_they_may() {
    // JUMPDEST PUSH0 JUMP: millions of steps, until its gas is gone.
    let endless = json!({ "data": "0x5b5f56" });
    let tracer = json!({ "tracer": "callTracer" });
    let served = Served::new();
    let some = json!([{ "data": "0x5b5f56", "gas": "0xf4240" }, "latest"]);
    let (code, message) = served.refuse("eth_call", some);
    assert_eq!((code, message.as_str()), (-32_000, "out of gas"));
    let execution = Duration::from_micros(100);
    let served = Served::with(RpcLimits { execution, ..RpcLimits::DEFAULT });
    let world = &served.world;
    let hash = world.pay(&world.alice, |tx| {
        tx.to = alloy_primitives::TxKind::Create;
        (tx.gas_limit, tx.input) = (10_000_000, vec![0x5b, 0x5f, 0x56].into());
    });
    world.block();
    for (method, params) in [
        ("eth_call", json!([endless, "latest"])),
        ("eth_estimateGas", json!([endless, "latest"])),
        ("eth_createAccessList", json!([endless, "latest"])),
        ("debug_traceCall", json!([endless, "latest", tracer])),
        ("debug_traceTransaction", json!([hash.to_string(), tracer])),
    ] {
        let (code, message) = served.refuse(method, params);
        assert_eq!(code, -32_000, "{method}: {message}");
        assert_eq!(message, "execution aborted (timeout = 100µs)", "{method}");
    }
}
