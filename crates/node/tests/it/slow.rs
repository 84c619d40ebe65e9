//! Slow clients: none of them holds anybody up, and none of them stays for ever.

use crate::wire::{Connection, events};
use crate::world::{Setup, World, chat, endless, until, with};
use serde_json::{Value, json};
use std::time::Duration;
use terroir_node::server::HttpLimits;

/// Patience of the servers here.
const PATIENCE: Duration = Duration::from_millis(200);

fn impatient() -> World {
    let http =
        HttpLimits { head: PATIENCE, body: PATIENCE, stall: PATIENCE, ..HttpLimits::DEFAULT };
    World::new(Setup { endless: true, http, ..Setup::default() })
}

/// A connection into whose socket hardly anything fits.
fn narrow(world: &World) -> Connection {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1 << 12).unwrap();
        socket.connect(world.address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    Connection::over(stream)
}

#[test]
fn a_head_that_does_not_come_ends_the_connection() {
    let world = impatient();
    for start in [&b""[..], b"POST /v1/chat/comp", b"GET /healthz HTTP/1.1\r\nhost: no"] {
        let mut connection = world.connect();
        connection.send(start);
        assert!(connection.is_closed());
    }
}

#[test]
fn a_body_that_does_not_come_is_answered_with_408() {
    let world = impatient();
    let mut connection = world.connect();
    connection.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: node\r\n\
          content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"model\":",
    );
    let reply = connection.reply();
    assert_eq!((reply.status, reply.code()), (408, "request_timeout".to_owned()));
}

/// The head of a request whose body is to have so many bytes.
fn promise(bytes: usize) -> Vec<u8> {
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: node\r\n\
                content-type: application/json\r\n";
    format!("{head}content-length: {bytes}\r\n\r\n").into_bytes()
}

#[test]
fn clients_who_promise_much_and_send_nothing_keep_nobody_out() {
    let world = World::usual();
    let most = HttpLimits::DEFAULT.body_bytes_max;
    let idle: Vec<Connection> = (0..64)
        .map(|_| {
            let mut connection = world.connect();
            connection.send(&promise(most));
            connection
        })
        .collect();
    let large = with(chat("hi"), json!({"user": "x".repeat(most / 2)}));
    assert_eq!(world.post("/v1/chat/completions", &large).status, 200);
    drop(idle);
}

#[test]
fn a_client_who_sends_slowly_gives_way_to_others() {
    let http =
        HttpLimits { body_bytes_max: 1 << 16, bodies_bytes_max: 1 << 16, ..HttpLimits::DEFAULT };
    let world = World::new(Setup { http, ..Setup::default() });
    let mut slow = world.connect();
    slow.send(&promise(1 << 16));
    slow.send(&vec![b' '; (1 << 16) - 1]);
    let came = || String::from_utf8(world.get("/metrics").body).unwrap();
    until(|| came().contains("terroir_body_bytes 65536"));
    let large = with(chat("hi"), json!({"user": "x".repeat(60_000)}));
    assert_eq!(world.post("/v1/chat/completions", &large).status, 200);
    let reply = slow.reply();
    assert_eq!((reply.status, reply.code()), (429, "bodies_full".to_owned()));
    assert_eq!(reply.header("retry-after"), Some("1"));
}

#[test]
fn a_body_that_breaks_off_starts_no_job() {
    let world = World::usual();
    let mut connection = world.connect();
    connection.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: node\r\n\
          content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"model\":",
    );
    connection.finish_sending();
    while !connection.is_closed() {
        assert_eq!(connection.reply().code(), "broken_body");
    }
    assert_eq!(world.engine.status().jobs, 0);
}

#[test]
fn a_reader_who_stalls_is_dropped_and_its_job_with_it() {
    let world = impatient();
    let mut stalled = narrow(&world);
    // Much text and no reading: the sockets' buffers fill, then nothing moves.
    let body = with(endless("hello"), json!({"temperature": 2}));
    stalled.post("/v1/chat/completions", &body);
    world.wait_jobs(1);
    world.wait_idle();
    let counters = world.engine.counters();
    assert_eq!((counters.cancelled, counters.cut), (1, 0));
    drop(stalled);
}

#[test]
fn a_stalled_reader_holds_nobody_up_and_misses_nothing() {
    let world = World::endless();
    let ask = with(endless("hello"), json!({"max_tokens": 4_000, "seed": 3}));
    let mut stalled = narrow(&world);
    stalled.post("/v1/chat/completions", &ask);
    world.wait_jobs(1);
    assert_eq!(world.post("/v1/chat/completions", &chat("quick")).status, 200);
    // The batch finishes the answer although nobody reads it.
    until(|| world.engine.counters().cut == 2);
    let text = |body: &[u8]| -> String {
        let events = events(body);
        let pieces = events.iter().filter_map(|e| e.pointer("/choices/0/delta/content")?.as_str());
        pieces.collect()
    };
    let late = text(&stalled.reply().body);
    let whole = world.post("/v1/chat/completions", &with(ask, json!({"stream": false}))).json();
    assert_eq!(Value::String(late), whole["choices"][0]["message"]["content"]);
}
