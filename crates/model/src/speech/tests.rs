use super::*;
use crate::laws::{END, Toy};
use crate::{Input, Sampling};
use proptest::prelude::*;
use std::sync::OnceLock;

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Toy::new(1).load().unwrap())
}

fn request(stop: &[&str], max_tokens: u32) -> Request {
    let stop = stop.iter().map(|stop| stop.to_string()).collect();
    Request { input: Input::Text("x".into()), sampling: Sampling::GREEDY, max_tokens, stop }
}

/// Says the bytes of `text` one by one; the pieces handed out, and how it ended.
fn say(request: &Request, text: &[u8]) -> (Vec<String>, String, Option<Finish>) {
    let mut speech = Speech::new(request);
    let mut pieces = Vec::new();
    for &byte in text {
        let finish = speech.hear(model(), u32::from(byte) + 3);
        pieces.push(speech.news(finish.is_some()));
        if finish.is_some() {
            return (pieces, speech.into_text(), finish);
        }
    }
    speech.end();
    pieces.push(speech.news(true));
    (pieces, speech.into_text(), None)
}

#[test]
fn a_stop_string_over_several_tokens_is_never_handed_out() {
    let (pieces, text, finish) = say(&request(&["END"], 99), b"say EN EENDmore");
    assert_eq!(pieces, ["s", "a", "y", " ", "", "", "EN ", "", "E", "", ""]);
    assert_eq!((text.as_str(), finish), ("say EN E", Some(Finish::Stop)));
}

#[test]
fn of_two_stop_strings_the_earlier_start_wins() {
    let (_, text, finish) = say(&request(&["cd", "bcd"], 99), b"abcd");
    assert_eq!((text.as_str(), finish), ("a", Some(Finish::Stop)));
}

#[test]
fn a_character_is_handed_out_whole() {
    let (pieces, text, _) = say(&request(&["\u{e9}!"], 99), "\u{e9}\u{1f600}".as_bytes());
    assert_eq!(pieces, ["", "", "", "", "", "\u{e9}\u{1f600}", ""]);
    assert_eq!(text, "\u{e9}\u{1f600}");
}

#[test]
fn the_end_token_says_nothing_and_the_last_token_says_all() {
    let mut speech = Speech::new(&request(&[], 9));
    assert_eq!(speech.hear(model(), u32::from(b'a') + 3), None);
    assert_eq!(speech.hear(model(), END), Some(Finish::Stop));
    assert_eq!(speech.into_text(), "a");
    let (pieces, text, finish) = say(&request(&["ab"], 2), b"xa");
    assert_eq!((pieces.concat(), text.as_str(), finish), ("xa".into(), "xa", Some(Finish::Length)));
    let (pieces, text, _) = say(&request(&[], 1), &[0xc3]);
    assert_eq!((pieces.concat(), text.as_str()), ("\u{fffd}".into(), "\u{fffd}"));
}

proptest! {
    #[test]
    fn pieces_are_the_text_and_the_text_ends_before_the_first_stop(
        text in "[ab\u{e9}]{0,24}",
        stops in prop::collection::vec("[ab\u{e9}]{1,4}", 0..4),
    ) {
        let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
        let (pieces, said, finish) = say(&request(&stops, 99), text.as_bytes());
        prop_assert_eq!(pieces.concat(), &said[..]);
        let end = |stop: &&str| text.find(stop).map(|at| (at + stop.len(), at));
        match stops.iter().filter_map(end).map(|(end, _)| end).min() {
            None => prop_assert_eq!((said, finish), (text, None)),
            Some(first) => {
                let starts = stops.iter().filter_map(|stop| text[..first].find(stop));
                prop_assert_eq!(&said, &text[..starts.min().unwrap()]);
                prop_assert_eq!(finish, Some(Finish::Stop));
            }
        }
    }
}
