use super::*;
use crate::stage::check::{at_its_threshold, found};
use proptest::prelude::*;

fn stage() -> C4 {
    C4::new(&Params::default()).unwrap()
}

/// The lines that a stage with `params` keeps of `text`.
fn kept(params: Params, text: &str) -> String {
    found(&C4::new(&params).unwrap(), text).text
}

#[test]
fn each_rule_drops_just_behind_its_threshold() {
    let sentences = |count| "Some words here.".repeat(count);
    at_its_threshold(
        &stage(),
        &[
            ("lorem_ipsum", "Lorem and ipsum here.".into(), "A Lorem IPSUM is here.".into()),
            ("curly_bracket", "A [round] bracket.".into(), "A {curly} bracket.".into()),
            ("too_few_sentences", sentences(5), sentences(4)),
        ],
    );
    assert_eq!(found(&stage(), &sentences(5)).reason, None);
}

#[test]
fn each_kind_of_line_is_taken_out_and_counted() {
    let long = |chars: usize| format!("see {} end.", "x".repeat(chars));
    for (score, stays, goes) in [
        ("long_word_lines", long(1000), long(1001)),
        ("open_lines", "This line ends.".to_owned(), "This line ends".to_owned()),
        ("open_lines", "This line ends..".to_owned(), "This line ends...".to_owned()),
        ("few_word_lines", "Three such words.".to_owned(), "Only words.".to_owned()),
        (
            "javascript_lines",
            "Enable Java Script now.".to_owned(),
            "Enable JavaScript now.".to_owned(),
        ),
        ("policy_lines", "Terms of the use.".to_owned(), "The Terms of Use.".to_owned()),
        ("policy_lines", "A policy on privacy.".to_owned(), "A privacy POLICY here.".to_owned()),
        ("policy_lines", "A cookie for police.".to_owned(), "A cookie policy here.".to_owned()),
        ("policy_lines", "It bakes cookies today.".to_owned(), "It uses Cookies today.".to_owned()),
        ("policy_lines", "The taste of cookies.".to_owned(), "The use of cookies.".to_owned()),
        (
            "policy_lines",
            "We like cookies here.".to_owned(),
            "We use coo\u{212a}ies here.".to_owned(),
        ),
    ] {
        let text = format!("{stays}\n {goes}\t\nThe last one stays.");
        let found = found(&stage(), &text);
        assert_eq!(found.text, format!("{stays}\nThe last one stays."));
        assert_eq!(
            (found.score(score), found.score("lines"), found.score("kept_lines")),
            (1, 3, 2)
        );
    }
}

#[test]
fn each_parameter_switches_its_rule() {
    let all = Params::default;
    let text = "It is cited [12] here.\nOpen line of words\nFew.\nNo JavaScript at all.\nOur privacy policy is.";
    let [cited, open, few, script, policy] = text.split('\n').collect::<Vec<_>>()[..] else {
        unreachable!();
    };
    assert_eq!(kept(all(), text), "It is cited  here.");
    assert_eq!(kept(Params { remove_citations: false, ..all() }, text), cited);
    let with = |line: &str| format!("It is cited  here.\n{line}");
    assert_eq!(kept(Params { filter_no_terminal_punct: false, ..all() }, text), with(open));
    assert_eq!(kept(Params { min_words_per_line: 1, ..all() }, text), with(few));
    assert_eq!(kept(Params { filter_javascript: false, ..all() }, text), with(script));
    assert_eq!(kept(Params { filter_policy: false, ..all() }, text), with(policy));
    assert_eq!(kept(Params { max_word_length: 5, ..all() }, text), "It is cited  here.");
    assert_eq!(kept(Params { max_word_length: 4, ..all() }, text), "");
}

#[test]
fn every_parameter_is_in_the_identity() {
    let all = Params::default;
    let others = [
        Params { remove_citations: false, ..all() },
        Params { filter_no_terminal_punct: false, ..all() },
        Params { min_words_per_line: 1, ..all() },
        Params { max_word_length: 1, ..all() },
        Params { filter_javascript: false, ..all() },
        Params { filter_policy: false, ..all() },
    ];
    for params in others {
        assert_ne!(C4::new(&params).unwrap().identity(), stage().identity());
    }
}

#[test]
fn citations_leave_nothing_and_other_brackets_stay() {
    for (line, want) in [
        ("a[1][23] b[] c[٣]", "a b c"),
        ("a[edit] b[citation needed]", "a b"),
        ("a[1 b[x] c[Edit] d[1.2] [", "a[1 b[x] c[Edit] d[1.2] ["),
        ("[[1]]", "[]"),
        ("", ""),
    ] {
        assert_eq!(without_citations(line), want);
    }
}

#[test]
fn rules_see_a_line_without_its_citations() {
    let params = || Params { filter_no_terminal_punct: false, ..Params::default() };
    assert_eq!(kept(params(), "No java[1]script in here"), "");
    // Words are counted before, ends are looked at after.
    assert_eq!(kept(Params::default(), "Two words [3].\nIt ends. [4]"), "Two words .");
}

#[test]
fn a_condemned_document_is_still_edited() {
    let found = found(&stage(), "A lorem ipsum { there.\nAn open line here");
    assert_eq!(
        (found.reason, found.text.as_str()),
        (Some("lorem_ipsum"), "A lorem ipsum { there.")
    );
    assert_eq!(found.score("curly_bracket_lines"), 1);
}

#[test]
fn sentences_are_those_of_the_lines_that_are_kept() {
    let text = "One here. Two here! Three here? Four.five\nNot this. One is here because it has no end\nA fine end.";
    assert_eq!(found(&stage(), text).score("sentences"), 1);
    let text = "One here. Two here! Three here?! Four.five. \"Six.\"";
    assert_eq!(found(&stage(), text).score("sentences"), 7);
    assert_eq!(found(&stage(), "One here. Two here.\n... .. .").score("sentences"), 4);
    let few = C4::new(&Params { min_words_per_line: 0, ..Params::default() }).unwrap();
    assert_eq!(found(&few, "!\n?").score("sentences"), 2);
}

proptest! {
    #[test]
    fn what_is_kept_is_kept_again(lines in prop::collection::vec("[ a-c.!\u{2003}]{0,20}|x y [1] z\\.", 0..8)) {
        let once = kept(Params::default(), &lines.join("\n"));
        prop_assert_eq!(&kept(Params::default(), &once), &once);
    }
}
