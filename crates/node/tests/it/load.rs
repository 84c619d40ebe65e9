//! Many at once: the queue, and that company changes no answer.

use crate::world::{Setup, World, chat, endless, with};
use serde_json::{Value, json};
use std::thread;
use terroir_node::Limits;
use terroir_node::server::HttpLimits;

#[test]
fn alone_and_inside_a_batch_of_eight_answers_are_the_same() {
    let world = World::usual();
    let asks: Vec<Value> = (0..8)
        .map(|index| {
            let fields = json!({"seed": index, "max_tokens": 40 + 10 * index, "temperature": 1});
            with(chat(&"hello ".repeat(index + 1)), fields)
        })
        .collect();
    let answer = |ask: &Value| {
        let reply = world.post("/v1/chat/completions", ask);
        assert_eq!(reply.status, 200);
        reply.json()["choices"].clone()
    };
    let alone: Vec<Value> = asks.iter().map(answer).collect();
    for _ in 0..3 {
        let together: Vec<Value> = thread::scope(|scope| {
            let asking: Vec<_> = asks.iter().map(|ask| scope.spawn(|| answer(ask))).collect();
            asking.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        assert_eq!(together, alone);
    }
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let limits = Limits { sequences_max: 1, queue_max: 1, ..Limits::SERVER };
    let world = World::new(Setup { endless: true, limits, ..Setup::default() });
    let running = world.stream(&endless("first"));
    let mut waiting = world.connect();
    waiting.post("/v1/chat/completions", &endless("second"));
    world.wait_jobs(2);
    let refused = world.post("/v1/chat/completions", &chat("third"));
    assert_eq!((refused.status, refused.code()), (429, "queue_full".to_owned()));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    drop(running);
    assert_eq!(waiting.head().0, 200);
    waiting.chunk().unwrap();
    waiting.chunk().unwrap();
    drop(waiting);
    world.wait_idle();
    assert_eq!(world.post("/v1/chat/completions", &chat("third")).status, 200);
}

#[test]
fn who_leaves_the_queue_makes_room() {
    let limits = Limits { sequences_max: 1, queue_max: 1, ..Limits::SERVER };
    let world = World::new(Setup { endless: true, limits, ..Setup::default() });
    let _running = world.stream(&endless("first"));
    let mut waiting = world.connect();
    waiting.post("/v1/chat/completions", &endless("second"));
    world.wait_jobs(2);
    drop(waiting);
    world.wait_jobs(1);
}

#[test]
fn connections_beyond_the_limit_wait_their_turn() {
    let http = HttpLimits { connections_max: 2, ..HttpLimits::DEFAULT };
    let world = World::new(Setup { endless: true, http, ..Setup::default() });
    let one = world.stream(&endless("one"));
    let two = world.stream(&endless("two"));
    let mut third = world.connect();
    third.send(b"GET /healthz HTTP/1.1\r\nhost: node\r\n\r\n");
    // Answered only after one of the others has gone.
    drop(one);
    assert_eq!(third.reply().status, 200);
    drop(two);
}
