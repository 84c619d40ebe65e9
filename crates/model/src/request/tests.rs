use super::*;
use proptest::prelude::*;

fn sample() -> Request {
    Request {
        input: Input::Text("Once upon a time".into()),
        sampling: Sampling { temperature_micro: 700_000, seed: u64::MAX, ..Sampling::GREEDY },
        max_tokens: 32,
        stop: vec!["\n\n".into()],
    }
}

fn any_request() -> impl Strategy<Value = Request> {
    let message = (".{0,9}", ".{0,40}").prop_map(|(role, content)| Message { role, content });
    let input = prop_oneof![
        ".{0,80}".prop_map(Input::Text),
        prop::collection::vec(message, 1..5).prop_map(Input::Chat),
    ];
    let sampling = (0..=MICRO_MAX, any::<u32>(), 0..=MICRO, 0..=MICRO, MICRO / 100..=MICRO_MAX)
        .prop_flat_map(|(temperature_micro, top_k, top_p_micro, min_p_micro, penalty)| {
            any::<u64>().prop_map(move |seed| Sampling {
                temperature_micro,
                top_k,
                top_p_micro,
                min_p_micro,
                repetition_penalty_micro: penalty,
                seed,
            })
        });
    let stop = prop::collection::vec(".{1,9}", 0..3);
    (input, sampling, 1..=u32::MAX, stop).prop_map(|(input, sampling, max_tokens, stop)| Request {
        input,
        sampling,
        max_tokens,
        stop,
    })
}

proptest! {
    #[test]
    fn a_request_reads_back_as_it_was_written(request in any_request()) {
        prop_assert_eq!(Request::decode(&request.encode()).unwrap(), request);
    }

    #[test]
    fn what_decodes_is_canonical(at in 0usize..4096, flip in 1u8..=255) {
        let mut bytes = sample().encode();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(request) = Request::decode(&bytes) {
            prop_assert_eq!(request.encode(), bytes);
        }
    }
}

#[test]
fn the_encoding_is_frozen() {
    let digest = terroir_base::Digest::of(&sample().encode()).to_string();
    assert!(digest.starts_with("35d9468664d7"), "got {digest}");
}

#[test]
fn a_request_beyond_a_limit_is_refused_with_the_limit() {
    let check = |change: fn(&mut Request), want: &str| {
        let mut request = sample();
        change(&mut request);
        let error = request.check().unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
        assert!(Request::decode(&request.encode()).is_err());
    };
    check(|r| r.max_tokens = 0, "max_tokens must be at least 1");
    check(|r| r.stop = vec![String::new()], "stop must be 1 to 256 bytes each, got 0");
    check(|r| r.stop = vec!["x".into(); 17], "stop must be at most 16 strings, got 17");
    check(|r| r.sampling.top_p_micro = 1_000_001, "top_p must be between 0 and 1000000 millionths");
    check(|r| r.sampling.repetition_penalty_micro = 0, "repetition_penalty must be between 10000");
    check(|r| r.input = Input::Chat(vec![]), "messages must be 1 to 16384 messages, got 0");
    check(
        |r| r.input = Input::Text("x".repeat((4 << 20) + 1)),
        "input must be at most 4194304 bytes, got 4194305",
    );
}
