use super::*;
use crate::stage::check::{at_its_threshold, found};

fn stage() -> GopherQuality {
    GopherQuality::new(&Params::default()).unwrap()
}

/// `words` with spaces between them, over and over up to `count`.
fn cycle(words: &[&str], count: usize) -> String {
    let words: Vec<&str> = words.iter().copied().cycle().take(count).collect();
    words.join(" ")
}

/// Prose that passes every rule.
fn prose(count: usize) -> String {
    cycle(&["the", "house", "of", "stones"], count)
}

/// Ten lines of prose, the first `marked` of which are what `mark` makes of them.
fn marked(lines: usize, marked: usize, mark: impl Fn(&str) -> String) -> String {
    let line = prose(8);
    let lines = (0..lines).map(|at| if at < marked { mark(&line) } else { line.clone() });
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn each_rule_drops_just_behind_its_threshold() {
    let long = |chars: usize| format!("{} {}", cycle(&["abcdefghij"], 49), "x".repeat(chars));
    let with = |mark: &str, count| prose(90) + &mark.repeat(count);
    let bullet = |line: &str| format!("  - {line}");
    let dot = |line: &str| format!("{line}… ");
    let numbers = |words, numbers| format!("{} {}", prose(words), cycle(&["12"], numbers));
    at_its_threshold(
        &stage(),
        &[
            ("gopher_short_doc", prose(50), prose(49)),
            ("gopher_long_doc", prose(100_000), prose(100_001)),
            ("gopher_below_avg_threshold", cycle(&["the", "and"], 50), cycle(&["the"], 49) + " of"),
            ("gopher_above_avg_threshold", long(10), long(11)),
            ("gopher_too_many_hashes", with("#", 10), with("#", 11)),
            ("gopher_too_many_ellipsis", with("…", 10), with("…", 11)),
            ("gopher_too_many_bullets", marked(10, 9, bullet), marked(11, 10, bullet)),
            ("gopher_too_many_end_ellipsis", marked(10, 3, dot), marked(10, 4, dot)),
            ("gopher_below_alpha_threshold", numbers(80, 20), numbers(79, 21)),
            ("gopher_enough_stop_words", cycle(&["the", "of"], 50), cycle(&["the", "The"], 50)),
        ],
    );
    assert_eq!(found(&stage(), &prose(50)).reason, None);
}

#[test]
fn words_of_punctuation_alone_are_not_counted_as_plain() {
    let found = found(&stage(), "one, ___ © 2 １１ １ｘ");
    assert_eq!(found.score("words"), 7);
    // One, the copyright sign, 2, and the last: a full-width letter makes it a word.
    assert_eq!((found.score("plain_words"), found.score("plain_chars")), (4, 7));
    assert_eq!(found.score("letter_words"), 2);
}

#[test]
fn marks_are_counted_in_the_text() {
    let text = "a..... # ## …\n• b\u{85}\t-c ...\u{a0}\r\n…d";
    let found = found(&stage(), text);
    assert_eq!((found.score("hashes"), found.score("ellipses")), (3, 4));
    assert_eq!(found.score("lines"), 4);
    assert_eq!((found.score("bullet_lines"), found.score("ellipsis_lines")), (2, 2));
}

#[test]
fn stop_words_are_distinct_and_as_they_stand() {
    let params = Params { stop_words: ["Der", "und", "über", "und"].map(str::to_owned).to_vec() };
    let stage = GopherQuality::new(&params).unwrap();
    let count = |text| found(&stage, text).score("stop_words");
    assert_eq!(count("der UND Über"), 0);
    assert_eq!(count("Der und und über"), 3);
    assert_eq!(count("undüber"), 0);
}

#[test]
fn too_many_stop_words_are_refused() {
    let words = |count: usize| Params { stop_words: (0..count).map(|i| i.to_string()).collect() };
    assert!(GopherQuality::new(&words(64)).is_ok());
    let refused = GopherQuality::new(&words(65)).err().unwrap();
    assert_eq!(refused.to_string(), "recipe, stop_words: 65 words, at most 64 are counted");
}

#[test]
fn the_words_are_in_the_identity() {
    let other = GopherQuality::new(&Params { stop_words: Vec::new() }).unwrap();
    assert_ne!(stage().identity(), other.identity());
}
