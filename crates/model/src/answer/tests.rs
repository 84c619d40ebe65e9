use super::*;

fn sample() -> Answer {
    Answer { text: "Paris.".into(), tokens: vec![100, 49151, 2], finish: Finish::Stop }
}

#[test]
fn an_answer_reads_back_as_it_was_written() {
    let empty = Answer { text: String::new(), tokens: vec![], finish: Finish::Cancelled };
    for answer in [sample(), empty] {
        assert_eq!(Answer::decode(&answer.encode()).unwrap(), answer);
    }
}

#[test]
fn the_encoding_is_frozen() {
    let digest = terroir_base::Digest::of(&sample().encode()).to_string();
    assert!(digest.starts_with("e6f2ac315e1f"), "got {digest}");
}

#[test]
fn an_unknown_finish_is_refused() {
    let mut bytes = sample().encode();
    *bytes.last_mut().unwrap() = 3;
    assert_eq!(Answer::decode(&bytes).unwrap_err().to_string(), "answer: finish: at most 2, got 3");
}

#[test]
fn the_words_for_a_finish_read_back() {
    for finish in [Finish::Stop, Finish::Length, Finish::Cancelled] {
        assert_eq!(finish.name().parse(), Ok(finish));
    }
}
