//! What people and programs are told.

use crate::world::{self, Job};
use std::collections::BTreeSet;
use terroir_proof::{Chain, Given, Point, Statement, Why, check, check_chain};

fn codes(statement: &Statement) -> Vec<&'static str> {
    statement.established.iter().map(|point| point.code()).collect()
}

#[test]
fn what_is_given_decides_what_is_established() {
    let job = world::chat();
    let with = |given: Given<'_>| check(&job.signed.bytes, given).unwrap();
    assert_eq!(codes(&with(Given::default())), ["form", "signature"]);

    let salt = Given { salt: Some(&job.salt), ..Given::default() };
    assert_eq!(codes(&with(salt)), ["form", "signature", "job"]);

    let request = with(Given { request: Some(&job.request), ..salt });
    assert_eq!(codes(&request), ["form", "signature", "job", "request", "sampler", "length"]);

    let node = with(Given { node: Some(world::key().public()), ..Given::default() });
    assert_eq!(codes(&node), ["form", "signature", "node"]);

    let answer = with(Given { answer: Some(&job.answer), ..salt });
    assert_eq!(codes(&answer), ["form", "signature", "job", "answer", "output", "stream"]);

    assert_eq!(with(job.given()).mask(), 0b1_1111_1111);
}

#[test]
fn every_point_is_established_or_open_with_a_reason() {
    let job = world::chat();
    let salt = Given { salt: Some(&job.salt), ..Given::default() };
    for given in [Given::default(), salt, job.given()] {
        let statement = check(&job.signed.bytes, given).unwrap();
        let open = statement.not_checked.iter().map(|open| open.point);
        let mut all: Vec<_> = statement.established.iter().copied().chain(open).collect();
        all.sort();
        all.push(Point::Rows);
        all.sort();
        assert_eq!(all, Point::ALL);
    }
}

#[test]
fn the_reasons_say_what_is_lacking() {
    let job = world::chat();
    let why = |given: Given<'_>, point: Point| {
        let statement = check(&job.signed.bytes, given).unwrap();
        statement.not_checked.iter().find(|open| open.point == point).unwrap().why
    };
    let salt = Given { salt: Some(&job.salt), ..Given::default() };
    assert_eq!(why(Given::default(), Point::Request), Why::NoSalt);
    assert_eq!(why(Given::default(), Point::Stream), Why::NoSalt);
    assert_eq!(why(salt, Point::Request), Why::NoRequest);
    assert_eq!(why(salt, Point::Answer), Why::NoAnswer);
    assert_eq!(why(job.given(), Point::Tokens), Why::NoReplay);
    assert_eq!(why(job.given(), Point::Bond), Why::NoChain);
    assert_eq!(why(job.given(), Point::Times), Why::NodeWord);
    assert_eq!(why(job.given(), Point::Chain), Why::NoNeighbours);
    assert_eq!(why(job.given(), Point::Truth), Why::OutOfReach);
    assert_eq!(why(job.given(), Point::Node), Why::NoKey);
}

/// Who ended an answer: itself, or the number asked for, or somebody.
#[test]
fn only_what_shows_is_said_about_the_end_of_an_answer() {
    let why = |job: &Job, given: Given<'_>| {
        let statement = check(&job.signed.bytes, given).unwrap();
        let open = statement.not_checked.iter().find(|open| open.point == Point::Whole);
        open.map(|open| open.why)
    };
    let length = world::text();
    assert_eq!(why(&length, length.given()), None);
    assert_eq!(why(&length, Given { answer: None, ..length.given() }), Some(Why::NoAnswer));
    assert_eq!(why(&length, Given { request: None, ..length.given() }), Some(Why::NoRequest));
    assert_eq!(why(&length, Given::default()), Some(Why::NoSalt));
    let stop = world::chat();
    assert_eq!(why(&stop, stop.given()), Some(Why::NoReplay));
    let cancelled = world::cancelled();
    assert_eq!(why(&cancelled, cancelled.given()), Some(Why::Cancelled));
    let text = cancelled.check().unwrap().to_string();
    assert!(text.contains("by whoever asked or by the node is only the node's word"), "{text}");
    assert!(text.contains("the answer has no tokens, so nothing ran"), "{text}");
}

#[test]
fn neighbours_on_both_sides_show_a_receipts_place() {
    let jobs = [world::chat(), world::text(), world::cancelled()];
    let bytes = |which: &[usize]| -> Chain {
        let some: Vec<_> = which.iter().map(|at| &jobs[*at].signed.bytes[..]).collect();
        check_chain(&some).unwrap()
    };
    let shown = |at: usize, chain: &Chain| {
        let mut statement = jobs[at].check().unwrap();
        statement.join(chain);
        statement.established.contains(&Point::Chain)
    };
    let all = bytes(&[0, 1, 2]);
    assert_eq!([0, 1, 2].map(|at| shown(at, &all)), [true, true, false]);
    let ends = bytes(&[0, 2]);
    assert_eq!([0, 1, 2].map(|at| shown(at, &ends)), [false; 3]);
    assert!(!shown(0, &bytes(&[0])));
    assert!(!shown(1, &bytes(&[1, 2])));
}

#[test]
fn numbers_and_codes_are_one_to_one() {
    let mut numbers = Point::ALL.map(Point::number);
    numbers.sort();
    assert!(numbers.into_iter().eq(0..22));
    let codes: BTreeSet<_> = Point::ALL.iter().map(|point| point.code()).collect();
    assert_eq!(codes.len(), Point::ALL.len());
}

#[test]
fn no_single_word_stands_for_the_whole() {
    let job = world::chat();
    for given in [Given::default(), job.given()] {
        let text = check(&job.signed.bytes, given).unwrap().to_string();
        assert!(!text.to_lowercase().contains("verified"), "{text}");
        assert!(text.contains("not checked:\n"), "{text}");
        assert!(text.contains("whether the answer is true"), "{text}");
    }
}

/// The documentation lists every verdict, every point and every reason.
#[test]
fn the_numbers_are_documented() {
    let document = include_str!("../../../../docs/format/receipt.md");
    let source = include_str!("../../src/rejected/number.rs");
    let (mut numbers, mut words) = (BTreeSet::new(), BTreeSet::new());
    for line in source.lines().filter(|line| line.trim_start().starts_with("Rejected::")) {
        let Some((_, row)) = line.split_once("=> (") else { continue };
        let (number, word) = row.trim_end_matches("),").split_once(", ").unwrap();
        let word = word.trim_matches('"');
        assert!(numbers.insert(number) && words.insert(word), "{row} is given twice");
        assert!(document.contains(&format!("\n| {number} | `{word}` |")), "{row}");
    }
    assert_eq!(numbers.len(), 48);
    for point in Point::ALL {
        let row = format!("\n| {} | `{}` |", point.number(), point.code());
        assert!(document.contains(&row), "{row}");
    }
    for why in [
        Why::NoSalt,
        Why::NoRequest,
        Why::NoAnswer,
        Why::NoReplay,
        Why::NoAudit,
        Why::NoTokens,
        Why::Cancelled,
        Why::NoKey,
        Why::NoNeighbours,
        Why::NoChain,
        Why::NodeWord,
        Why::OutOfReach,
    ] {
        let code = why.code();
        assert!(document.contains(&format!("`{code}`")), "{code}");
    }
}
