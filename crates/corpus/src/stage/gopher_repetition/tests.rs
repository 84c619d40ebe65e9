use super::*;
use crate::stage::check::{at_its_threshold, found};
use proptest::prelude::*;
use std::collections::HashSet;

/// `start` and as many `x` as make it `chars` long.
fn filled(start: &str, chars: usize) -> String {
    format!("{start}{}", "x".repeat(chars - start.len()))
}

/// `count` elements of which the last `repeated` stood before, with `between` between them.
fn elements(count: usize, repeated: usize, between: &str) -> String {
    let element = |at: usize| format!("element{}", at.min(count - repeated - 1));
    (0..count).map(element).collect::<Vec<String>>().join(between)
}

/// Twice a run of `length` words with 20 - `length` letters, and in all `chars` characters.
fn run(length: usize, chars: usize) -> String {
    let first = "a".repeat(21 - 2 * length);
    let words: Vec<String> =
        (1..length).map(|at| char::from(b'a' + at as u8).to_string()).collect();
    let run = format!("{first} {} ", words.join(" "));
    filled(&format!("{run}{run}"), chars)
}

#[test]
fn each_rule_drops_just_behind_its_threshold() {
    let mut cases = vec![
        ("empty", "x".to_owned(), String::new()),
        ("dup_para_frac", elements(10, 3, "\n\n"), elements(10, 4, "\n\n")),
        ("dup_para_char_frac", filled("aaaa\n\naaaa\n\n", 20), filled("aaaa\n\naaaa\n\n", 19)),
        ("dup_line_frac", elements(10, 3, "\n"), elements(10, 4, "\n")),
        ("dup_line_char_frac", filled("aaaa\naaaa\n", 20), filled("aaaa\naaaa\n", 19)),
        ("top_2_gram", filled("ab cd ab cd ", 50), filled("ab cd ab cd ", 49)),
        ("top_3_gram", filled("abc de fg ", 50), filled("abc de fg ", 49)),
        ("top_4_gram", filled("a b c de ", 50), filled("a b c de ", 49)),
    ];
    for (length, reason) in (5..).zip([
        "duplicated_5_n_grams",
        "duplicated_6_n_grams",
        "duplicated_7_n_grams",
        "duplicated_8_n_grams",
        "duplicated_9_n_grams",
        "duplicated_10_n_grams",
    ]) {
        cases.push((reason, run(length, 100), run(length, 99)));
    }
    at_its_threshold(&GopherRepetition, &cases);
    assert_eq!(found(&GopherRepetition, &elements(50, 0, "\n\n")).reason, None);
}

#[test]
fn pieces_at_the_ends_count_as_the_rules_were_published() {
    let found = found(&GopherRepetition, "\n\n  a\n\n\nb\n\n a\u{1f}\n\n");
    // Paragraphs without the white space around the whole text; lines with the empty ones there.
    assert_eq!((found.score("paragraphs"), found.score("dup_paragraphs")), (3, 0));
    assert_eq!((found.score("lines"), found.score("dup_lines")), (5, 1));
}

#[test]
fn lengths_are_in_characters_and_case_counts() {
    let found = found(&GopherRepetition, "ÄÖÜ ÄÖÜ\nÄÖÜ ÄÖÜ\näöü äöü");
    assert_eq!((found.score("chars"), found.score("dup_line_chars")), (23, 7));
    assert_eq!(found.score("top_2_gram_chars"), 3 * 7);
}

/// The rules as they are published: sets of runs, one length at a time.
fn plain(text: &str) -> Vec<i64> {
    let mut doc = Doc::default();
    doc.reset(text);
    let words: Vec<&str> = doc.words().to_vec().iter().map(|word| word.of(text)).collect();
    let length = |word: &&str| word.chars().count();
    let top = |n: usize| {
        let mut counts: Vec<(&[&str], usize)> = Vec::new();
        for run in words.windows(n) {
            match counts.iter_mut().find(|known| known.0 == run) {
                Some(known) => known.1 += 1,
                None => counts.push((run, 1)),
            }
        }
        let most = counts.iter().map(|known| known.1).max()?;
        let (run, count) = counts.iter().find(|known| known.1 == most)?;
        Some((run.iter().map(length).sum::<usize>() + n - 1) * count)
    };
    let repeated = |n: usize| {
        let (mut known, mut chars, mut at) = (HashSet::new(), 0, 0);
        while at + n <= words.len() {
            let run = &words[at..at + n];
            if known.insert(run) {
                at += 1;
            } else {
                chars += run.iter().map(length).sum::<usize>();
                at += n;
            }
        }
        chars
    };
    let tops = (2..=4).map(|n| top(n).unwrap_or(0));
    tops.chain((5..=10).map(repeated)).map(|chars| chars as i64).collect()
}

proptest! {
    #[test]
    fn runs_are_those_of_the_plain_form(
        words in prop::collection::vec("a|b|ab|A|é|\\.|\n", 0..120),
        again in 1_usize..4,
    ) {
        let text = words.join(" ").repeat(again);
        let found = found(&GopherRepetition, &text);
        let runs: Vec<i64> = found.scores[RUNS..].iter().map(|score| score.1).collect();
        prop_assert_eq!(runs, plain(&text));
    }
}
