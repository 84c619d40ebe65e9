use super::*;
use crate::laws::{CONTEXT_MAX, Toy};
use crate::{Input, MICRO, Message, Sampling};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::OnceLock;

fn model() -> Arc<Model> {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    MODEL.get_or_init(|| Arc::new(Toy::new(5).load().unwrap())).clone()
}

fn batch(threads: usize, sequences_max: usize, rows_max: usize, cached_bytes_max: u64) -> Batch {
    let limits = BatchLimits { sequences_max, rows_max, cached_bytes_max };
    Batch::new(model(), threads, Isa::detect(), limits).unwrap()
}

fn request(text: &str, seed: u64) -> Request {
    let sampling = Sampling { temperature_micro: MICRO, seed, ..Sampling::GREEDY };
    Request { input: Input::Text(text.into()), sampling, max_tokens: 24, stop: vec![] }
}

/// Runs until idle; what each ticket said piece by piece, and its outcome.
fn drain(batch: &mut Batch) -> BTreeMap<Ticket, (String, Vec<u32>, Outcome)> {
    let mut said: BTreeMap<Ticket, (String, Vec<u32>)> = BTreeMap::new();
    let mut done = BTreeMap::new();
    while !batch.is_idle() {
        for event in batch.step().unwrap() {
            match event {
                Event::Token { ticket, token, text } => {
                    let (all, tokens) = said.entry(ticket).or_default();
                    all.push_str(&text);
                    tokens.push(token);
                }
                Event::Done { ticket, outcome } => {
                    let (text, tokens) = said.remove(&ticket).unwrap_or_default();
                    done.insert(ticket, (text, tokens, outcome));
                }
            }
        }
    }
    done
}

fn alone(request: &Request) -> Outcome {
    let mut batch = batch(1, 1, 64, 0);
    let ticket = batch.admit(request.clone()).unwrap();
    drain(&mut batch).remove(&ticket).unwrap().2
}

#[test]
fn a_stream_is_its_answer() {
    let mut batch = batch(1, 4, 16, 0);
    for seed in 0..4 {
        batch.admit(request("The weather is", seed)).unwrap();
    }
    for (text, tokens, outcome) in drain(&mut batch).into_values() {
        assert_eq!(text, outcome.answer.text);
        assert_eq!(tokens, outcome.answer.tokens);
        assert_eq!(outcome.steps as usize, outcome.prompt_tokens as usize + tokens.len() - 1);
    }
}

#[test]
fn a_request_has_one_answer_alone_in_a_batch_fresh_and_cached() {
    let long = "the same long beginning of a prompt that is asked many times over ".repeat(3);
    let requests: Vec<Request> = (0..8).map(|n| request(&format!("{long}{}", n / 3), n)).collect();
    let wanted: Vec<Outcome> = requests.iter().map(alone).collect();
    for (threads, rows_max) in [(1, 8), (2, 11), (2, 256)] {
        let mut batch = batch(threads, 8, rows_max, u64::MAX);
        for round in 0..2 {
            let tickets: Vec<Ticket> =
                requests.iter().map(|r| batch.admit(r.clone()).unwrap()).collect();
            let mut done = drain(&mut batch);
            for (ticket, want) in tickets.iter().zip(&wanted) {
                let got = done.remove(ticket).unwrap().2;
                assert_eq!(round > 0, got.cached_tokens > 0);
                assert_eq!(Outcome { cached_tokens: 0, ..got }, *want);
            }
        }
    }
}

#[test]
fn a_conversation_runs_only_what_is_new() {
    let mut batch = batch(1, 2, 64, u64::MAX);
    let say = |role: &str, content: &str| Message { role: role.into(), content: content.into() };
    let mut messages = vec![say("user", "hello there, how are you today?")];
    let ask =
        |messages: &[Message]| Request { input: Input::Chat(messages.to_vec()), ..request("", 11) };
    let first = ask(&messages);
    let ticket = batch.admit(first.clone()).unwrap();
    let outcome = drain(&mut batch).remove(&ticket).unwrap().2;
    messages.push(say("assistant", &outcome.answer.text));
    messages.push(say("user", "and now?"));
    let second = ask(&messages);
    let ticket = batch.admit(second.clone()).unwrap();
    let got = drain(&mut batch).remove(&ticket).unwrap().2;
    assert!(got.cached_tokens >= outcome.prompt_tokens);
    assert_eq!(Outcome { cached_tokens: 0, ..got }, alone(&second));
}

#[test]
fn a_prompt_shares_the_start_of_one_that_is_still_running() {
    let mut batch = batch(1, 2, 64, 0);
    let text = "a beginning that both of the prompts have in common";
    batch.admit(request(text, 1)).unwrap();
    batch.step().unwrap();
    let other = request(&format!("{text}, and then some"), 2);
    let ticket = batch.admit(other.clone()).unwrap();
    let got = drain(&mut batch).remove(&ticket).unwrap().2;
    assert!(got.cached_tokens > 20);
    assert_eq!(Outcome { cached_tokens: 0, ..got }, alone(&other));
}

#[test]
fn a_prompt_shares_nothing_with_another_space_running_or_ended() {
    let mut batch = batch(1, 3, 64, u64::MAX);
    let wanted = request("a beginning that both of the prompts have in common", 1);
    let cached = |batch: &mut Batch, space: u32| {
        let prepared = batch.model().prepare(wanted.clone()).unwrap();
        let ticket = batch.admit_prepared(prepared, Space(space)).unwrap();
        // Far enough to share it while it runs.
        batch.step().unwrap();
        (ticket, batch.sequences.last().unwrap().cached_tokens)
    };
    let of = |(_, cached): (Ticket, usize)| cached;
    assert_eq!(of(cached(&mut batch, 1)), 0, "nothing was asked before");
    assert_eq!(of(cached(&mut batch, 2)), 0, "another space is asking the same");
    assert!(of(cached(&mut batch, 1)) > 20, "the own space is asking the same");
    let outcomes = drain(&mut batch);
    assert_eq!(of(cached(&mut batch, 3)), 0, "other spaces have asked the same");
    let (ticket, shared) = cached(&mut batch, 2);
    assert!(shared > 20, "the own space has asked the same");
    let mine = drain(&mut batch).remove(&ticket).unwrap().2;
    for (_, _, outcome) in outcomes.into_values() {
        assert_eq!(Outcome { cached_tokens: mine.cached_tokens, ..outcome }, mine);
    }
}

#[test]
fn answers_go_on_while_a_long_prompt_is_read() {
    let mut batch = batch(1, 2, 8, 0);
    let first = batch.admit(request("short", 3)).unwrap();
    batch.step().unwrap();
    batch.admit(request(&"a long prompt ".repeat(20), 4)).unwrap();
    for _ in 0..5 {
        let events = batch.step().unwrap();
        let moved =
            |event: &Event| matches!(event, Event::Token { ticket, .. } if *ticket == first);
        assert!(events.iter().any(moved) && events.len() == 1);
    }
}

#[test]
fn what_was_said_before_a_cancel_is_the_answer() {
    let mut batch = batch(1, 2, 64, 0);
    let wanted = request("The weather is", 6);
    let other = batch.admit(wanted.clone()).unwrap();
    let ticket = batch.admit(request("The harbour is", 7)).unwrap();
    let mut said = Vec::new();
    for _ in 0..3 {
        for event in batch.step().unwrap() {
            match event {
                Event::Token { ticket: whose, token, .. } if whose == ticket => said.push(token),
                _ => {}
            }
        }
    }
    batch.cancel(ticket);
    let mut done = drain(&mut batch);
    let outcome = done.remove(&ticket).unwrap().2;
    assert_eq!(outcome.answer.finish, Finish::Cancelled);
    assert_eq!(outcome.answer.tokens, said);
    assert_eq!(outcome.answer.text, batch.model().tokenizer.decode(&said));
    assert_eq!(done.remove(&other).unwrap().2, alone(&wanted));
    batch.cancel(ticket);
    assert!(batch.is_idle());
}

#[test]
fn a_request_cancelled_before_its_first_token_has_an_empty_trace() {
    let mut batch = batch(1, 1, 4, 0);
    let ticket = batch.admit(request("a prompt longer than four rows", 1)).unwrap();
    batch.step().unwrap();
    batch.cancel(ticket);
    let outcome = drain(&mut batch).remove(&ticket).unwrap().2;
    assert_eq!((outcome.steps, outcome.answer.tokens.len()), (0, 0));
    assert_eq!(outcome.trace_root, trace_root(&[]));
}

#[test]
fn what_cannot_be_served_is_refused_with_the_limits() {
    let check = |result: Result<Ticket, Error>, want: &str| {
        assert_eq!(result.unwrap_err().to_string(), want);
    };
    let mut batch = batch(1, 1, 64, 0);
    let long = request(&"z".repeat(CONTEXT_MAX as usize - 23), 0);
    check(
        batch.admit(long),
        "prompt of 489 tokens and max_tokens 24 exceed the context of 512 tokens",
    );
    check(
        batch.admit(request(&"z".repeat(1 << 20), 0)),
        "prompt of at least 80659 tokens and max_tokens 24 exceed the context of 512 tokens",
    );
    check(batch.admit(request("", 0)), "the prompt is empty: it must have at least one token");
    batch.admit(request(&"z".repeat(CONTEXT_MAX as usize - 24), 0)).unwrap();
    check(batch.admit(request("x", 0)), "the batch is full: 1 sequences at once");
    assert_eq!(drain(&mut batch).len(), 1, "a request that just fits runs to its end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_order_of_events_changes_an_outcome(
        plan in prop::collection::vec((0usize..6, 0u64..3, 0usize..4), 1..12),
        rows_max in 3usize..40,
    ) {
        let texts = ["one", "once upon a time there", "once upon a time there was", "xyzzy", "1 2 3",
            "once upon a midnight dreary, while I pondered, weak and weary"];
        // Room for three or four of them.
        let mut batch = batch(1, 3, rows_max, 1 << 18);
        let mut asked = BTreeMap::new();
        let mut outcomes = BTreeMap::new();
        let mut step = |batch: &mut Batch| for event in batch.step().unwrap() {
            if let Event::Done { ticket, outcome } = event {
                outcomes.insert(ticket, outcome);
            }
        };
        for (text, seed, steps) in plan {
            while !batch.has_room() {
                step(&mut batch);
            }
            let wanted = request(texts[text], seed);
            asked.insert(batch.admit(wanted.clone()).unwrap(), wanted);
            (0..steps).for_each(|_| step(&mut batch));
        }
        while !batch.is_idle() {
            step(&mut batch);
        }
        for (ticket, outcome) in outcomes {
            prop_assert_eq!(Outcome { cached_tokens: 0, ..outcome }, alone(&asked[&ticket]));
        }
    }
}
