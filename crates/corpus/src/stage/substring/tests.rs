use super::*;
use crate::stage::memory::Memory;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn stage(bytes: u32) -> Substring {
    Substring::new(&Params { bytes, seed: 5 }).unwrap()
}

/// Repeated bytes and length of every record that has some.
fn repeated(memory: &Memory, bytes: u32) -> Vec<(RecordId, i64, i64)> {
    let meetings = memory.run(&stage(bytes));
    assert!(meetings.iter().all(|meeting| meeting.cluster.is_none()));
    meetings.iter().map(|met| (met.record, met.scores[0], met.scores[1])).collect()
}

/// The definition: every run of whole words is looked for in all that comes before it.
fn naive(memory: &Memory, bytes: usize) -> Vec<(RecordId, i64, i64)> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    for (record, text) in &memory.texts {
        let mut doc = Doc::default();
        doc.reset(text);
        let words: Vec<(usize, usize)> =
            doc.words().iter().map(|word| (word.start as usize, word.end as usize)).collect();
        let mut inside = vec![false; text.len()];
        for first in 0..words.len() {
            let mut new = Vec::new();
            for last in first..words.len() {
                let run = words[first].0..words[last].1;
                if run.len() < bytes {
                    continue;
                }
                if seen.contains(&text[run.clone()]) {
                    inside[run].iter_mut().for_each(|byte| *byte = true);
                } else {
                    new.push(text[run].to_owned());
                }
            }
            seen.extend(new);
        }
        let count = inside.iter().filter(|byte| **byte).count() as i64;
        if count > 0 {
            found.push((*record, count, text.len() as i64));
        }
    }
    found
}

/// Words that occur nowhere else.
fn own(name: &str, count: usize) -> String {
    (0..count).map(|at| format!("{name}{at}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_long_run_counts_where_it_comes_again() {
    let shared = own("shared", 30);
    let texts = [
        format!("{} {shared} {}", own("a", 9), own("b", 9)),
        format!("{} {shared} {}", own("c", 20), own("d", 3)),
        own("e", 50),
    ];
    let memory = Memory::of(&texts);
    let found = repeated(&memory, 200);
    let later = memory.record(&texts[0]).max(memory.record(&texts[1]));
    let length = memory.texts[&later].len() as i64;
    assert_eq!(found, [(later, shared.len() as i64, length)]);
}

#[test]
fn a_run_must_be_long_enough_and_of_whole_words() {
    let run = "0123456789 0123456789 0123456789";
    assert_eq!(run.len(), 32);
    let texts = [format!("a {run} b"), format!("c {run} d")];
    assert_eq!(repeated(&Memory::of(&texts), 32).len(), 1);
    assert_eq!(repeated(&Memory::of(&texts), 33).len(), 0);
    let texts = [format!("a {run} b"), format!("cc{run}dd")];
    assert_eq!(repeated(&Memory::of(&texts), 30).len(), 0);
}

#[test]
fn case_and_white_space_count() {
    let run = own("word", 10);
    for (other, found) in [(run.clone(), 1), (run.to_uppercase(), 0), (run.replace(' ', "  "), 0)] {
        assert_eq!(
            repeated(&Memory::of([format!("a {run}"), format!("b {other}")]), 40).len(),
            found
        );
    }
}

#[test]
fn repeats_inside_of_one_record_count() {
    let run = own("w", 20);
    let text = format!("{run} {} {run}", own("x", 20));
    let found = repeated(&Memory::of([&text]), 40);
    assert_eq!(found[0].1, run.len() as i64);
    // What repeats all the time is free once.
    let text = "na ".repeat(100);
    let found = repeated(&Memory::of([&text]), 20);
    assert_eq!(found[0].1, text.trim_end().len() as i64 - 3);
}

#[test]
fn a_record_that_comes_twice_is_repeated_as_a_whole() {
    let text = own("w", 60);
    let memory = Memory::of([&text, &text, &text]);
    let found = repeated(&memory, 200);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|found| found.1 == text.len() as i64 && found.2 == found.1));
    assert!(found.iter().all(|found| Some(&found.0) != memory.texts.keys().next()));
}

#[test]
fn words_longer_than_a_run_are_runs() {
    let long = "x".repeat(300);
    let found = repeated(&Memory::of([format!("a {long} b"), format!("c {long} d")]), 200);
    assert_eq!(found[0].1, 300);
    let found = repeated(&Memory::of(["é".repeat(150), "é".repeat(150) + " ü"]), 200);
    assert_eq!(found[0].1, 300);
}

#[test]
fn memory_changes_nothing() {
    let run = |at: usize| format!("{} {}", own("w", 40), own(&format!("v{}", at % 7), 40));
    let texts: Vec<String> = (0..30).map(run).collect();
    let mut memory = Memory::of(&texts);
    let want = repeated(&memory, 100);
    assert_eq!(want.len(), 29);
    for budget in [0, 1_000, 100_000] {
        memory.budget = budget;
        assert_eq!(repeated(&memory, 100), want);
    }
}

#[test]
fn only_what_may_repeat_is_read() {
    let memory = Memory::of((0..20).map(|at| own(&format!("own{at}x"), 60)));
    assert!(repeated(&memory, 200).is_empty());
    assert_eq!(memory.reads.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn a_record_of_which_more_than_a_fifth_repeats_is_dropped() {
    let judged = |repeated, bytes| crate::stage::judge(&FACTS, &[repeated, bytes], &[200_000]);
    assert_eq!(judged(200, 1_000), None);
    assert_eq!(judged(201, 1_000), Some(0));
    assert_eq!(judged(0, 0), None);
}

#[test]
fn every_parameter_has_a_range_and_is_part_of_the_identity() {
    let identity = |bytes, seed| Substring::new(&Params { bytes, seed }).unwrap().identity();
    assert_ne!(identity(200, 0), identity(201, 0));
    assert_ne!(identity(200, 0), identity(200, 1));
    for bytes in [0, 15, (1 << 16) + 1] {
        let wrong = Substring::new(&Params { bytes, seed: 0 });
        assert!(matches!(wrong, Err(Error::Recipe { .. })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn repeats_are_those_of_the_definition(
        texts in prop::collection::vec("([abé]{1,3}[ .]){0,24}", 0..6),
        bytes in 16..24_u32,
    ) {
        let memory = Memory::of(&texts);
        prop_assert_eq!(repeated(&memory, bytes), naive(&memory, bytes as usize));
    }

    #[test]
    fn long_words_are_no_exception(
        texts in prop::collection::vec("(([ab]|x{20}|y{60})[ ,]){0,9}", 0..6),
        bytes in 16..60_u32,
    ) {
        let memory = Memory::of(&texts);
        prop_assert_eq!(repeated(&memory, bytes), naive(&memory, bytes as usize));
    }
}
