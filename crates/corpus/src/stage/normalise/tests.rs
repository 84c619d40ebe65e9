use super::*;
use crate::stage::check::{at_its_threshold, found};
use proptest::prelude::*;

fn check(text: &str, want: &str) {
    assert_eq!(found(&Normalise, text).text, want);
}

#[test]
fn letters_are_composed() {
    check("e\u{301}e\u{327}\u{301} \u{212b}", "é\u{229}\u{301} Å");
    check("plain ASCII, déjà composé", "plain ASCII, déjà composé");
}

#[test]
fn lines_end_in_one_way() {
    check("a\r\nb\rc\u{85}d\u{2028}e\u{2029}f\u{b}g\u{c}h", "a\nb\nc\nd\ne\nf\ng\nh");
}

#[test]
fn at_most_one_line_is_empty_and_none_at_the_ends() {
    check("\n \n a\n\nb\n\t\n\n\nc\n\n", " a\n\nb\n\nc");
}

#[test]
fn spaces_are_single_but_at_the_start_of_a_line() {
    check("a  b\u{a0}\tc \nif x:\n\t\u{3000} y\u{1f}z", "a b c\nif x:\n\t  y z");
}

#[test]
fn a_text_of_spaces_is_dropped_as_empty() {
    at_its_threshold(&Normalise, &[("empty", " x".into(), " \n\u{2003}\n".into())]);
}

#[test]
fn lengths_before_and_after_are_counted() {
    let found = found(&Normalise, "e\u{301}  x\n");
    assert_eq!((found.score("bytes_in"), found.score("bytes_out")), (7, 4));
}

proptest! {
    #[test]
    fn what_is_normal_stays(text in "[ab \t\r\n\u{a0}\u{301}\u{1100}\u{1161}\u{2028}\u{212b}]{0,40}|\\PC*") {
        let once = found(&Normalise, &text).text;
        prop_assert_eq!(&found(&Normalise, &once).text, &once);
        prop_assert!(unicode_normalization::is_nfc(&once));
    }
}
