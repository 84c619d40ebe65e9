//! Receipts of real answers, checked as a stranger would.

use crate::world::{World, chat, with};
use serde_json::{Value, json};
use std::sync::Arc;
use terroir_base::id::ReceiptId;
use terroir_model::Space;
use terroir_node::{Done, Engine, Event, Home, Limits, Options, opening};
use terroir_proof::{Given, Point, Rejected, check, check_chain, check_replay};
use terroir_tensor::Isa;

/// A reply with everything that opens its receipt.
fn asked(world: &World, fields: Value) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let ask = with(with(chat("hello"), json!({"opening": true})), fields);
    let body = world.post("/v1/chat/completions", &ask).json();
    let id = body["receipt"].as_str().unwrap();
    let reply = world.get(&format!("/v1/receipts/{id}"));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/cose; cose-type=\"cose-sign1\""));
    assert_eq!(ReceiptId::of(&reply.body).to_string(), id);
    let file = |name: &str| body["opening"][name].as_str().unwrap().as_bytes().to_vec();
    (reply.body, file("request"), file("answer"))
}

#[test]
fn a_receipt_opens_and_replays() {
    let world = World::usual();
    for fields in [json!({}), json!({"temperature": 0}), json!({"top_p": 0.9, "stop": ["e"]})] {
        let (receipt, request, answer) = asked(&world, fields);
        let (salt, request) = opening::read_request_file(&request).unwrap();
        let answer = opening::read_answer_file(&answer).unwrap();
        let (request_bytes, answer_bytes) = (request.encode(), answer.encode());
        let given = Given {
            node: Some(world.engine.receipts().node()),
            salt: Some(&salt),
            request: Some(&request_bytes),
            answer: Some(&answer_bytes),
        };
        let statement = check(&receipt, given).unwrap();
        for point in [Point::Signature, Point::Request, Point::Answer, Point::Stream] {
            assert!(statement.established.contains(&point), "{point:?}");
        }
        let other = answer_bytes.iter().chain(b"x").copied().collect::<Vec<u8>>();
        let given = Given { answer: Some(&other), ..given };
        assert!(matches!(check(&receipt, given), Err(Rejected::Answer { .. })));
        let given = Given { answer: Some(&answer_bytes), ..given };
        check_replay(&receipt, given, &world.model, 1, Isa::Portable).unwrap();
    }
}

#[test]
fn streams_and_completions_have_receipts_in_the_same_chain() {
    let world = World::usual();
    world.post("/v1/chat/completions", &chat("one"));
    world.post("/v1/chat/completions", &with(chat("two"), json!({"stream": true})));
    world.post("/v1/completions", &json!({"model": "toy", "prompt": "three", "max_tokens": 3}));
    world.wait_idle();
    assert_eq!(chain(&world.home), 3);
}

#[test]
fn unknown_receipts_are_not_found() {
    let world = World::usual();
    let reply = world.get(&format!("/v1/receipts/{}", "0".repeat(64)));
    assert_eq!((reply.status, reply.code()), (404, "receipt_not_found".to_owned()));
    for id in ["abc", &"G".repeat(64), &"A".repeat(64), "..%2f..%2fnode.key"] {
        let reply = world.get(&format!("/v1/receipts/{id}"));
        assert_eq!((reply.status, reply.code()), (400, "unsupported_value".to_owned()), "{id}");
    }
}

#[test]
fn several_engines_on_one_home_make_one_chain() {
    let world = World::usual();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let home = Home::open(world.home.folder()).unwrap();
                let options = Options { threads: 1, ..Options::detect(Limits::ONE) };
                let engine = Engine::start(&home, Arc::clone(&world.model), options).unwrap();
                for number in 0..5 {
                    ask(&engine, number);
                }
            });
        }
    });
    assert_eq!(chain(&world.home), 15);
}

/// Number of receipts in a home; panics where they are no whole chain.
///
/// Reads the file as `docs/format/home.md` has it.
fn chain(home: &Home) -> usize {
    let name = format!("{}.chain", home.receipts().unwrap().node());
    let file = std::fs::read(home.folder().join("receipts").join(name)).unwrap();
    let slots = file.chunks(1032).map(|slot| {
        let (length, receipt) = slot.split_first_chunk().unwrap();
        &receipt[..usize::try_from(u64::from_le_bytes(*length)).unwrap()]
    });
    let receipts: Vec<&[u8]> = slots.collect();
    let chain = check_chain(&receipts).unwrap();
    assert!(chain.gaps.is_empty() && chain.receipts[0].0 == 0);
    for (_, id) in &chain.receipts {
        assert!(receipts.contains(&&home.receipts().unwrap().get(id).unwrap()[..]));
    }
    chain.receipts.len()
}

fn ask(engine: &Engine, seed: u64) -> Done {
    let request = terroir_model::Request {
        input: terroir_model::Input::Text("hello".into()),
        sampling: terroir_model::Sampling {
            temperature_micro: 1_000_000,
            seed,
            ..terroir_model::Sampling::GREEDY
        },
        max_tokens: 8,
        stop: Vec::new(),
    };
    let mut job = engine.submit(request, Space::default()).unwrap();
    let mut said = String::new();
    loop {
        match job.wait().unwrap() {
            Event::Tokens { text, .. } => said.push_str(&text),
            Event::Done(done) => {
                assert_eq!(said, done.answer.text);
                assert_eq!(engine.receipts().get(&done.receipt).unwrap(), done.receipt_bytes);
                assert!(job.wait().is_none());
                return *done;
            }
            Event::Failed(error) => panic!("{error}"),
        }
    }
}

#[test]
fn every_seed_streams_exactly_its_answer() {
    let world = World::usual();
    for seed in 0..20 {
        let done = ask(&world.engine, seed);
        assert_eq!(done.usage.completion_tokens as usize, done.answer.tokens.len());
        assert!(done.timing.decode_tok_s(&done.usage) >= 0.0);
    }
}
