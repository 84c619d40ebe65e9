use super::*;

fn check(pre: Pre, text: &str, want: &[&str]) {
    let mut words = Vec::new();
    Splitter::new(pre).split(text, &mut |word| words.push(word));
    assert_eq!(words, want, "{pre:?} {text:?}");
}

#[test]
fn the_last_space_of_a_run_belongs_to_the_word_after_it() {
    for pre in Pre::ALL {
        check(pre, "a   b", &["a", "  ", " b"]);
        check(pre, "a   ", &["a", "   "]);
    }
}

#[test]
fn gpt2_gives_back_a_line_break_and_the_others_keep_it() {
    check(Pre::Gpt2, "a\n\nb", &["a", "\n", "\n", "b"]);
    check(Pre::Llama3, "a\n\nb", &["a", "\n\n", "b"]);
    check(Pre::Llama3, "a \n  b", &["a", " \n", " ", " b"]);
}

#[test]
fn digits_are_cut_as_each_pattern_says() {
    check(Pre::Gpt2, "x 1234", &["x", " 1234"]);
    check(Pre::Smollm, "x  12", &["x", "  ", "1", "2"]);
    check(Pre::Llama3, "x 1234", &["x", " ", "123", "4"]);
    check(Pre::Qwen2, "12", &["1", "2"]);
}

#[test]
fn contractions_and_capitals_are_cut_as_each_pattern_says() {
    check(Pre::Gpt2, "it's IT'S", &["it", "'s", " IT", "'", "S"]);
    check(Pre::Qwen2, "it's IT'S", &["it", "'s", " IT", "'S"]);
    check(Pre::Tekken, "HTTPServer x", &["HTTPServer", " x"]);
    check(Pre::Tekken, "camelCase", &["camel", "Case"]);
}

#[test]
fn names_read_back() {
    for pre in Pre::ALL {
        assert_eq!(Pre::from_name(pre.name()), Some(pre));
    }
    assert_eq!(Pre::from_gguf("smollm"), Some(Pre::Smollm));
    assert_eq!(Pre::from_gguf("tomorrow"), None);
}
