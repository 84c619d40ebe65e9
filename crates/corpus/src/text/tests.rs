use super::lines::{has_words, is_space, lines, pieces, sentences, strip, strip_end, strip_start};
use super::*;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

/// Characters around which words, lines and folding go wrong.
const TEXTS: &str =
    "[abAB09_ .!?\n\r\t\u{1c}\u{85}\u{a0}\u{2028}\u{301}éßİΣςжК漢１…\u{10400}-]{0,60}|\\PC{0,40}";

/// The plain form of `\w+|[^\w\s]`, by the categories of Unicode.
fn plain(text: &str) -> Vec<String> {
    let words = regex::Regex::new(r"[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s\x1c-\x1f]").unwrap();
    words.find_iter(text).map(|word| word.as_str().to_owned()).collect()
}

fn doc(text: &str) -> Doc {
    let mut doc = Doc::default();
    doc.reset(text);
    doc
}

fn words(text: &str) -> Vec<String> {
    let mut doc = doc(text);
    let words = doc.words().to_vec();
    words.iter().map(|word| doc.word(word).to_owned()).collect()
}

#[test]
fn words_are_those_of_python() {
    for (text, want) in [
        ("", vec![]),
        ("don't a_b2 -x", vec!["don", "'", "t", "a_b2", "-", "x"]),
        ("naïve 漢字かな½²", vec!["naïve", "漢字かな½²"]),
        // A combining mark is not a word character, in Devanagari neither.
        ("e\u{301}a \u{928}\u{93f}", vec!["e", "\u{301}", "a", "\u{928}", "\u{93f}"]),
        ("a\u{a0}b\u{1f}c\u{200b}d", vec!["a", "b", "c", "\u{200b}", "d"]),
        ("...😀x", vec![".", ".", ".", "😀", "x"]),
    ] {
        assert_eq!(words(text), want, "{text:?}");
    }
}

#[test]
fn a_word_says_what_it_is_made_of() {
    let mut doc = doc("É_ __ 7 。");
    let said: Vec<_> = doc
        .words()
        .iter()
        .map(|word| (word.chars, word.symbol, word.letters, word.punctuation, word.cased))
        .collect();
    assert_eq!(
        said,
        [
            (2, false, true, false, true),
            (2, false, false, true, false),
            (1, false, false, false, false),
            (1, true, false, true, false),
        ]
    );
}

#[test]
fn views_are_made_anew_for_another_text() {
    let mut doc = doc("One TWO");
    doc.locate("https://example.org/");
    assert_eq!((doc.words().len(), doc.chars(), doc.lowered().1), (2, 7, "one two"));
    doc.reset("Drei");
    assert_eq!((doc.words().len(), doc.chars(), doc.lowered().1), (1, 4, "drei"));
    assert_eq!(doc.url(), "https://example.org/");
    doc.locate("");
    assert_eq!(doc.url(), "");
}

#[test]
fn lines_are_those_of_python() {
    let check = |text: &str, want: &[&str]| {
        assert_eq!(lines(text).collect::<Vec<&str>>(), want, "{text:?}");
    };
    check("", &[]);
    check("a", &["a"]);
    check("a\n", &["a"]);
    check("\n\na\n\n", &["", "", "a", ""]);
    check("a\r\nb\rc\n\rd", &["a", "b", "c", "", "d"]);
    check("a\u{b}b\u{c}c\u{1c}d\u{1d}e\u{1e}f\u{1f}g", &["a", "b", "c", "d", "e", "f\u{1f}g"]);
    check("a\u{85}b\u{2028}c\u{2029}d\u{a0}e", &["a", "b", "c", "d\u{a0}e"]);
    check(&format!("{}\r{}", "x".repeat(300), "y"), &[&"x".repeat(300), "y"]);
}

#[test]
fn pieces_are_those_of_a_regular_expression() {
    let check = |text: &str, feeds, want: &[&str]| {
        assert_eq!(pieces(text, feeds).collect::<Vec<&str>>(), want, "{text:?}");
    };
    check("", 1, &[""]);
    check("a\nb\n\n\nc", 1, &["a", "b", "c"]);
    check("\na\n", 1, &["", "a", ""]);
    check("a\nb\n\n\nc\n\nd\n", 2, &["a\nb", "c", "d\n"]);
}

#[test]
fn sentences_are_runs_between_full_stops() {
    for (line, want) in [("", 1), ("...", 1), ("a", 1), ("a. b", 2), ("?a!!b.", 2), ("1.0", 2)] {
        assert_eq!(sentences(line), want, "{line:?}");
    }
}

#[test]
fn strip_takes_the_white_space_of_python() {
    assert_eq!(strip("\u{1f}\u{3000}\n a b \u{85}\u{1c}"), "a b");
    assert_eq!(strip(" \u{a0}"), "");
    assert_eq!(strip("\u{200b} "), "\u{200b}");
    assert_eq!((strip_start(" é "), strip_start("\u{2028}a ")), ("é ", "a "));
    assert_eq!((strip_end(" é "), strip_end(" a\u{a0}")), (" é", " a"));
}

proptest! {
    #[test]
    fn words_between_spaces_are_counted_as_by_splitting(text in "[a\u{e9} \n\u{a0}\u{3000}\u{1f}]{0,12}", count in 0_usize..5) {
        let words = text.split(is_space).filter(|word| !word.is_empty()).count();
        prop_assert_eq!(has_words(&text, count), words >= count);
    }

    #[test]
    fn words_are_those_of_the_plain_form(texts in prop::collection::vec(TEXTS, 1..4)) {
        let letter = regex::Regex::new(r"\p{L}").unwrap();
        let mut doc = Doc::default();
        for text in &texts {
            doc.reset(text);
            let (whole, words) = doc.split();
            let found: Vec<&str> = words.iter().map(|word| word.of(whole)).collect();
            prop_assert_eq!(found, plain(text));
            for word in words {
                let text = word.of(whole);
                let lower = text.to_lowercase();
                prop_assert_eq!(word.folded, xxh3_64(lower.as_bytes()));
                prop_assert_eq!(word.chars as usize, text.chars().count());
                prop_assert_eq!(word.letters, letter.is_match(text));
                prop_assert!(word.cased || lower == text);
            }
        }
    }
}
