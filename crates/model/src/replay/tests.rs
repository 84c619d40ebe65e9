use super::*;
use crate::laws::{END, Toy};
use crate::{Batch, BatchLimits, Event, Input, Outcome, Sampling};
use std::sync::{Arc, OnceLock};

fn model() -> Arc<Model> {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    MODEL.get_or_init(|| Arc::new(Toy::new(5).load().unwrap())).clone()
}

fn request(max_tokens: u32, stop: &[&str]) -> Request {
    let sampling = Sampling {
        temperature_micro: 1_300_000,
        top_k: 90,
        top_p_micro: 950_000,
        repetition_penalty_micro: 1_100_000,
        seed: 9,
        ..Sampling::GREEDY
    };
    let stop = stop.iter().map(|s| s.to_string()).collect();
    let input = Input::Text("It was a dark and stormy night; ".repeat(4));
    Request { input, sampling, max_tokens, stop }
}

fn ask(request: &Request, cancel_after: usize) -> Outcome {
    let limits = BatchLimits { sequences_max: 1, rows_max: 64, cached_bytes_max: 0 };
    let mut batch = Batch::new(model(), 1, Isa::detect(), limits).unwrap();
    let ticket = batch.admit(request.clone()).unwrap();
    for steps in 0.. {
        if steps == cancel_after {
            batch.cancel(ticket);
        }
        for event in batch.step().unwrap() {
            if let Event::Done { outcome, .. } = event {
                return outcome;
            }
        }
    }
    unreachable!("an answer ends")
}

fn again(request: &Request, answer: &Answer) -> Replayed {
    replay(&model(), 2, Isa::Portable, request, answer).unwrap()
}

#[test]
fn an_honest_answer_replays_to_its_trace_root() {
    let free = ask(&request(150, &[]), usize::MAX);
    let word = free.answer.text.chars().skip(20).take(3).collect::<String>();
    let finishes = [
        (request(150, &[]), usize::MAX),
        (request(1, &[]), usize::MAX),
        (request(150, &[&word]), usize::MAX),
        (request(150, &[]), 0),
        (request(150, &[]), 6),
    ];
    for (request, cancel_after) in finishes {
        let outcome = ask(&request, cancel_after);
        let replayed = again(&request, &outcome.answer);
        assert_eq!(replayed.first_difference, None);
        assert_eq!(replayed.trace_root, outcome.trace_root);
        assert_eq!(replayed.steps, outcome.steps);
        assert_eq!(replayed.prompt_tokens, outcome.prompt_tokens);
    }
}

#[test]
fn every_lie_is_found() {
    let request = request(40, &[]);
    let honest = ask(&request, usize::MAX).answer;
    assert_eq!(honest.finish, Finish::Length, "the seed was chosen so that the answer is long");
    let text = |tokens: &[u32]| model().tokenizer.decode(tokens);
    let check = |change: &dyn Fn(&mut Answer), want: Difference| {
        let mut answer = honest.clone();
        change(&mut answer);
        assert_eq!(again(&request, &answer).first_difference, Some(want), "{want}");
    };
    let lie = if honest.tokens[17] == 70 { 71 } else { 70 };
    check(
        &|answer| {
            answer.tokens[17] = lie;
            answer.text = text(&answer.tokens);
        },
        Difference::Token { at: 17, said: lie, computed: honest.tokens[17] },
    );
    check(&|answer| answer.tokens[39] = u32::MAX, Difference::Text);
    check(
        &|answer| {
            answer.tokens[39] = u32::MAX;
            answer.text = text(&answer.tokens);
        },
        Difference::Token { at: 39, said: u32::MAX, computed: honest.tokens[39] },
    );
    check(
        &|answer| {
            answer.tokens.truncate(30);
            answer.text = text(&answer.tokens);
        },
        Difference::Finish { said: Finish::Length, computed: Finish::Cancelled },
    );
    check(
        &|answer| {
            answer.tokens.insert(5, END);
        },
        Difference::Length { said: 41, computed: 6 },
    );
    check(&|answer| answer.text.push('!'), Difference::Text);
    check(
        &|answer| answer.finish = Finish::Stop,
        Difference::Finish { said: Finish::Stop, computed: Finish::Length },
    );
}

#[test]
fn another_seed_or_model_is_found() {
    let asked = request(40, &[]);
    let answer = ask(&asked, usize::MAX).answer;
    let mut other = asked.clone();
    other.sampling.seed ^= 1;
    assert!(matches!(again(&other, &answer).first_difference, Some(Difference::Token { .. })));
    let stranger = Toy::new(6).load().unwrap();
    let replayed = replay(&stranger, 1, Isa::detect(), &asked, &answer).unwrap();
    assert!(matches!(replayed.first_difference, Some(Difference::Token { at: 0, .. })));
}
