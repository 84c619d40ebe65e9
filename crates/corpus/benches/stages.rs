//! Speed of the stages that see one record at a time, on one thread: `stages::op/key=value` lines.
//!
//! Prints MB (10^6 bytes) of text per second of the thread's processor time (of wall time where the
//! system does not tell), best of five. Texts are those of the JSONL file named by `CORPUS_BENCH`;
//! without it, 16 MB made of a small vocabulary, which repeat more than prose does. `LANGUAGE_BENCH`
//! names a fastText model to measure `language` with, over whole texts and their beginnings.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Instant;
use terroir_base::Digest;
use terroir_corpus::stage::language::{self, Language};
use terroir_corpus::stage::{
    Local, c4, fineweb, gopher_quality, gopher_repetition, lists, normalise, pii,
};
use terroir_corpus::text::Doc;

/// Runs of which the best counts.
const RUNS: usize = 5;

fn main() {
    let texts = texts();
    let megabytes = texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let wanted = std::env::args().nth(1).filter(|word| !word.starts_with("--"));
    let report = |name: &str, work: &mut dyn FnMut(&mut Doc)| {
        if wanted.as_ref().is_none_or(|word| name.contains(word.as_str())) {
            let seconds = best(&texts, work);
            println!("stages::{name}/docs={}: {:.1} MB/s", texts.len(), megabytes / seconds);
        }
    };
    report("reset", &mut |_| ());
    report("words", &mut |doc| {
        std::hint::black_box(doc.words());
    });
    let stages = stages();
    for (name, stage) in &stages {
        report(name, &mut |doc| measure(stage.as_ref(), doc));
    }
    for chars in [0, 2000, 500] {
        if let Some(stage) = language(chars) {
            report(&format!("language/chars={chars}"), &mut |doc| measure(&stage, doc));
        }
    }
    report("chain", &mut |doc| {
        for (_, stage) in &stages[..4] {
            measure(stage.as_ref(), doc);
        }
    });
}

/// Those of the chain that is compared with others first.
fn stages() -> Vec<(&'static str, Box<dyn Local>)> {
    let open = c4::Params { filter_no_terminal_punct: false, ..c4::Params::default() };
    let quality = gopher_quality::GopherQuality::new(&Default::default());
    let repetition = gopher_repetition::GopherRepetition::new(&Default::default());
    vec![
        ("gopher_quality", Box::new(quality.expect("defaults"))),
        ("gopher_repetition", Box::new(repetition.expect("defaults"))),
        ("c4", Box::new(c4::C4::new(&open).expect("parameters"))),
        ("pii", Box::new(pii::Pii::new(&Default::default()).expect("defaults"))),
        ("fineweb", Box::new(fineweb::Fineweb::new(&Default::default()).expect("defaults"))),
        ("normalise", Box::new(normalise::Normalise::new(&Default::default()).expect("defaults"))),
        ("lists", Box::new(lists::Lists::new(&Default::default()).expect("defaults"))),
    ]
}

/// The stage under the model that is named, if one is.
fn language(chars: u32) -> Option<Language> {
    let path = PathBuf::from(std::env::var_os("LANGUAGE_BENCH")?);
    let digest = Digest::of(&std::fs::read(&path).expect("the model can be read")).to_string();
    let params = language::Params { path, digest, chars, languages: Vec::new() };
    Some(Language::new(&params).expect("a fastText model"))
}

fn measure(stage: &dyn Local, doc: &mut Doc) {
    let mut scores = [0; 16];
    let scores = &mut scores[..stage.facts().scores.len()];
    std::hint::black_box(stage.measure(doc, scores));
    std::hint::black_box(scores);
}

fn best(texts: &[String], work: &mut dyn FnMut(&mut Doc)) -> f64 {
    let mut doc = Doc::default();
    let runs = (0..RUNS).map(|_| {
        let start = clock();
        for text in texts {
            doc.reset(text);
            work(&mut doc);
        }
        clock() - start
    });
    runs.fold(f64::INFINITY, f64::min)
}

/// Seconds that this thread has run for.
fn clock() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

fn texts() -> Vec<String> {
    let Some(path) = std::env::var_os("CORPUS_BENCH") else {
        return (0..4000).map(made).collect();
    };
    let lines = std::fs::read_to_string(path).expect("CORPUS_BENCH names a readable file");
    let text = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        record["text"].as_str().expect("a record has a text").to_owned()
    };
    lines.lines().map(text).collect()
}

/// A text of 700 words, different for each `seed`.
fn made(seed: u64) -> String {
    let syllables =
        ["ter", "roir", "soil", "ing", "a", "the", "of", "har", "vest", "1", "en", "so"];
    let ends = [" ", " ", " ", " ", " ", ", ", ". ", ".\n", "", "", "", ".\n\n"];
    let (mut state, mut text) = (seed, String::new());
    let mut next = |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for _ in 0..1000 {
        text.push_str(syllables[next(syllables.len())]);
        text.push_str(ends[next(ends.len())]);
    }
    text
}
