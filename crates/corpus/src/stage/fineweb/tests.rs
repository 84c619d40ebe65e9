use super::*;
use crate::stage::check::{at_its_threshold, found};

fn stage() -> Fineweb {
    Fineweb::new(&Params::default()).unwrap()
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<String>>().join("\n")
}

#[test]
fn each_rule_drops_just_behind_its_threshold() {
    let ends = |count, ending| {
        lines(count, |at| format!("line {at}{}", if at < ending { "." } else { "," }))
    };
    let short = |count, short| lines(count, |at| "x".repeat(if at < short { 30 } else { 31 }));
    let again = |chars: usize| format!("x\n\nx\n{}", "y".repeat(chars));
    let list = |words: usize, feeds: usize| "a ".repeat(words) + &"\n".repeat(feeds);
    at_its_threshold(
        &stage(),
        &[
            ("empty", ".".to_owned(), " \n\u{2003}\n".to_owned()),
            ("line_punct_ratio", ends(25, 3), ends(26, 3)),
            ("short_line_ratio", short(100, 67), short(100, 68)),
            ("char_dup_ratio", again(98), again(97)),
            ("list_ratio", list(10, 3), list(10, 4)),
        ],
    );
    assert_eq!(
        found(&stage(), &lines(5, |at| format!("This line is number {at}, one of five."))).reason,
        None
    );
}

#[test]
fn lines_end_in_any_script_and_not_behind_white_space() {
    let text = "a.\nb。\nc।\nd!\ne?\nf. \ng:\nh…";
    assert_eq!(found(&stage(), text).score("terminal_lines"), 5);
}

#[test]
fn only_line_feeds_end_lines() {
    let found = found(&stage(), "a\u{85}b\r\nc\u{2028}d\n \ne");
    assert_eq!((found.score("lines"), found.score("line_feeds")), (3, 3));
    assert_eq!(found.score("chars"), 9);
}

#[test]
fn short_is_said_in_characters_and_is_a_parameter() {
    let text = format!("{}\n{}", "é".repeat(30), "é".repeat(31));
    assert_eq!(found(&stage(), &text).score("short_lines"), 1);
    let other = Fineweb::new(&Params { short_line_length: 31 }).unwrap();
    assert_eq!(found(&other, &text).score("short_lines"), 2);
    assert_ne!(stage().identity(), other.identity());
}
