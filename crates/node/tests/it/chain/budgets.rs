//! Memory that clients share: requests that come and are worked on, answers and news that wait.

use super::served::Served;
use super::socket::{Socket, limits, long};
use crate::wire::{Connection, post};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;
use terroir_node::rpc::RpcLimits;

#[test]
fn clients_who_promise_much_and_send_part_of_it_keep_nobody_out() {
    let patience = Duration::from_secs(60);
    let served = Served::with(RpcLimits { arriving_bytes: 2_000, patience, ..limits() });
    let request = post("/", "", &[b' '; 9_000]);
    let mut slow: Vec<Connection> = (0..3).map(|_| Connection::open(served.address)).collect();
    for connection in &mut slow {
        connection.send(&request[..request.len() - 1]);
    }
    // Who has been sending longest had to give way, but not everybody.
    assert_eq!(served.get("eth_blockNumber", json!([])), json!("0x0"));
    slow.iter_mut().for_each(|connection| connection.send(b" "));
    let replies = slow.iter_mut().map(Connection::reply);
    let gave_way = replies.filter(|reply| reply.status == 429).count();
    assert!((1..3).contains(&gave_way), "{gave_way} of 3");
}

#[test]
fn sockets_share_the_budget_of_all_requests() {
    let patience = Duration::from_secs(60);
    let served = Served::with(RpcLimits { arriving_bytes: 2_000, patience, ..limits() });
    let begun = Socket::frame(0x81, &[b' '; 9_000]);
    let mut slow: Vec<Socket> = (0..3).map(|_| Socket::open(&served)).collect();
    for socket in &mut slow {
        socket.0.send(&begun[..begun.len() - 1]);
    }
    assert_eq!(served.get("eth_blockNumber", json!([])), json!("0x0"));
    slow.iter_mut().for_each(|socket| socket.0.send(b" "));
    // Who has been sending longest had to give way; the others were heard.
    let codes: Vec<u8> = slow.iter_mut().map(|socket| socket.0.bytes(1)[0]).collect();
    let gave_way = codes.iter().filter(|first| **first == 0x88).count();
    assert!((1..3).contains(&gave_way), "{codes:02x?}");
}

#[test]
fn answers_that_wait_share_a_budget_and_short_ones_need_none() {
    let patience = Duration::from_secs(60);
    let served = Served::with(RpcLimits { waiting_bytes: 6 << 20, patience, ..RpcLimits::DEFAULT });
    let full = json!("too many answers wait to be taken, try again");
    let ask = |bytes| {
        let answer = served.say(&long(bytes));
        let error = &answer["error"];
        assert_eq!(answer["id"], json!(7));
        assert!(error.is_null() || (&error["code"], &error["message"]) == (&json!(-32_005), &full));
        error.is_null()
    };
    assert!(ask(4 << 20));
    // A batch is one answer, of which the first waits for the second.
    let both = served.say(&json!([long(4 << 20), long(4 << 20)]));
    assert_eq!((&both["id"], &both["error"]["message"]), (&Value::Null, &full));
    // What was taken is given back soon.
    while !ask(5 << 19) {}

    // Two who take nothing of theirs, in both ways to ask.
    let mut post_only = Connection::narrow(served.address);
    post_only.send(&post("/", "", long(3 << 20).to_string().as_bytes()));
    assert_eq!(post_only.head().0, 200);
    assert!(!ask(4 << 20));
    while !ask(2 << 20) {}
    let mut socket = Socket::over(Connection::narrow(served.address));
    socket.send(long(1 << 20).to_string().as_bytes());
    let head = socket.0.bytes(2);
    assert_eq!(head, [0x81, 127]);
    assert!(!ask(5 << 19));
    assert!(ask(16 << 10));
    // What one of them took, or left, is there for others.
    drop(post_only);
    while !ask(5 << 19) {}
    let length = u64::from_be_bytes(socket.0.bytes(8).try_into().unwrap());
    socket.0.bytes(length.try_into().unwrap());
    while !ask(11 << 19) {}
}

#[test]
fn who_takes_no_answer_keeps_its_place() {
    let patience = Duration::from_secs(60);
    let served = Served::with(RpcLimits { connections: 2, patience, ..RpcLimits::DEFAULT });
    let mut slow = Connection::narrow(served.address);
    slow.send(&post("/", "", long(3 << 20).to_string().as_bytes()));
    let (status, headers) = slow.head();
    assert_eq!(status, 200);
    let _socket = Socket::open(&served);
    let mut other = Connection::open(served.address);
    let mut status = || {
        other.send(&post("/", "", b"{}"));
        other.reply().status
    };
    assert_eq!(status(), 429);
    let length = headers.iter().find(|(name, _)| name == "content-length").unwrap();
    slow.bytes(length.1.parse().unwrap());
    while status() == 429 {}
}

#[test]
fn a_request_is_counted_until_it_is_answered() {
    let limits = RpcLimits { workers: 0, wait: Duration::from_secs(600), ..RpcLimits::DEFAULT };
    let (request_bytes, arriving_bytes) = (81_000, 100_000);
    let served = Served::with(RpcLimits { request_bytes, arriving_bytes, ..limits });
    // None has its turn here.
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{}] });
    let body = format!("{call}{}", " ".repeat(80_000));
    let refused = || {
        let mut other = Connection::open(served.address);
        other.send(&post("/", "", &[b' '; 80_000]));
        other.reply().status == 429
    };
    let mut waiting = Vec::new();
    // It counts once all of it is here; until then it gives way to others.
    while !(refused() && refused()) {
        let mut one = Connection::open(served.address);
        one.send(&post("/", "", body.as_bytes()));
        waiting.push(one);
    }
    assert!(!waiting.is_empty());
    let mut socket = Socket::open(&served);
    socket.send(body.as_bytes());
    assert_eq!(socket.closed(), 1_013);
    assert_eq!(served.get("eth_blockNumber", json!([])), json!("0x0"));
    drop(waiting);
    while refused() {}
}

#[test]
fn news_that_nobody_takes_are_within_the_budget() {
    let patience = Duration::from_secs(600);
    let limits = RpcLimits { waiting_bytes: 2 << 20, patience, ..RpcLimits::DEFAULT };
    let served = Served::with(limits);
    let mut one = Socket::over(Connection::narrow(served.address));
    let mut other = Socket::open(&served);
    let world = &served.world;
    let log = |bytes: u32| {
        world.pay(&world.alice, |tx| {
            (tx.to, tx.value) = (alloy_primitives::TxKind::Create, Default::default());
            let code = [&[0x62], &bytes.to_be_bytes()[1..], b"\x5f\xa0\x00"].concat();
            (tx.gas_limit, tx.input) = (12_000_000, code.into());
        });
        assert_eq!(world.block().receipts[0].logs().len(), 1);
    };
    one.ask("eth_subscribe", json!(["logs", {}]));
    log(600_000);
    // It is being told when another comes that is as long.
    assert_eq!(one.0.bytes(2), [0x81, 127]);
    let id = other.ask("eth_subscribe", json!(["logs", {}]))["result"].clone();
    log(600_000);
    let last = other.message();
    assert_eq!(last["params"]["subscription"], id);
    assert_eq!(last["params"]["error"], json!("too much waits to be taken: subscribe again"));
}

#[test]
fn who_takes_no_news_keeps_no_old_state() {
    let patience = Duration::from_secs(600);
    let served = Served::with(RpcLimits { patience, ..RpcLimits::DEFAULT });
    let mut socket = Socket::open(&served);
    socket.ask("eth_subscribe", json!(["logs", {}]));
    let world = &served.world;
    let mut tips = Vec::new();
    // Contracts whose making logs 60 KiB; all of it is more than systems keep for a client.
    for _ in 0..60 {
        tips.push(std::sync::Arc::downgrade(&world.chain.tip()));
        for _ in 0..3 {
            world.pay(&world.alice, |tx| {
                (tx.to, tx.value) = (alloy_primitives::TxKind::Create, Default::default());
                (tx.gas_limit, tx.input) = (1_000_000, b"\x61\xf0\x00\x5f\xa0\x00".into());
            });
        }
        assert_eq!(world.block().receipts[2].logs().len(), 1);
    }
    let start = std::time::Instant::now();
    while tips.iter().any(|tip| tip.upgrade().is_some()) {
        assert!(start.elapsed() < crate::wire::DEADLINE, "an old tip is kept");
        std::thread::yield_now();
    }
    // Whoever takes them again misses none.
    let mut numbers = (0..180).map(|_| socket.message()["params"]["result"]["blockNumber"].clone());
    assert!(numbers.all(|number| number.is_string()));
}

#[test]
fn who_asks_and_takes_no_answers_is_not_read_any_more() {
    let patience = Duration::from_secs(2);
    let served = Served::with(RpcLimits { patience, ..RpcLimits::DEFAULT });
    let mut socket = Socket::open(&served);
    let one = json!({ "jsonrpc": "2.0", "id": 1, "method": "terroir_genesis" });
    let many = json!(vec![one; 100]).to_string();
    let message = Socket::frame(0x81, format!("{many}{}", " ".repeat(100_000)).as_bytes());
    // Systems keep some megabytes for both; then nobody reads, and in the end it is let go of.
    let (mut sent, most) = (0, 64 << 20);
    while sent < most && socket.0.stream().write_all(&message).is_ok() {
        sent += message.len();
    }
    assert!(sent < most, "{sent} bytes were taken");
    assert_eq!(served.get("eth_blockNumber", json!([])), json!("0x0"));
}
