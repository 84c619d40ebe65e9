use super::cursor::fixed;
use super::*;
use crate::hostile;
use crate::stage::check::found;
use proptest::prelude::*;
use std::path::Path;

const SAID: &str = include_str!("../../../tests/golden/language/said.tsv");
const TEXTS: &str = include_str!("../../../tests/golden/language/texts.jsonl");
const MODELS: [&str; 4] = ["tree.ftz", "softmax.ftz", "each.bin", "tree.bin"];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/language").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn params(name: &str) -> Params {
    let digest = Digest::of(&bytes(name)).to_string();
    Params { path: path(name), digest, ..Params::default() }
}

#[test]
fn labels_and_probabilities_are_those_of_fasttext() {
    let texts: Vec<String> =
        TEXTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut compared = 0;
    for line in SAID.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let (name, text) = (fields[0], &texts[fields[1].parse::<usize>().unwrap()]);
        let stage = Language::new(&params(name)).unwrap();
        let found = found(&stage, text);
        assert_eq!(stage.says("language", found.score("language")).unwrap(), fields[2], "{line}");
        let expected: i64 = fields[3].parse().unwrap();
        assert!((found.score("score") - expected.min(1_000_000)).abs() < 60, "{found:?} {line}");
        compared += 1;
    }
    assert_eq!(compared, texts.len() * MODELS.len());
}

#[test]
fn a_language_passes_when_it_is_allowed_and_sure_enough() {
    let some = |languages: &[&str]| {
        let languages = languages.iter().map(|text| text.to_string()).collect();
        Language::new(&Params { languages, ..params("tree.ftz") }).unwrap()
    };
    assert_eq!(found(&some(&[]), "the soil").reason, None);
    assert_eq!(found(&some(&["en"]), "the soil").reason, None);
    assert_eq!(found(&some(&["de", "fr"]), "the soil").reason, Some("language"));
    assert_eq!(found(&some(&["fr"]), "le sol et la terre").reason, Some("language_score"));
    assert_ne!(some(&["en"]).identity(), some(&[]).identity());
    assert_eq!(some(&["fr", "en"]).identity(), some(&["en", "fr", "en"]).identity());
}

#[test]
fn only_the_first_characters_count_when_that_is_asked() {
    let first = |chars| Language::new(&Params { chars, ..params("tree.bin") }).unwrap();
    let (short, long) = ("grün der", "grün der the the the the the the the");
    let score = |stage: &Language, text| found(stage, text).score("score");
    assert_ne!(score(&first(0), long), score(&first(0), short));
    assert_eq!(score(&first(8), long), score(&first(8), short));
    assert_ne!(first(8).identity(), first(9).identity());
}

#[test]
fn a_file_that_is_not_the_one_named_is_refused() {
    let good = params("tree.ftz");
    let mut wrong = vec![Params { digest: String::new(), ..good.clone() }];
    wrong.push(Params { digest: "00".repeat(32), ..good.clone() });
    wrong.push(Params { languages: vec!["tlh".into()], ..good.clone() });
    wrong.push(Params { path: PathBuf::new(), ..good.clone() });
    for (params, key) in wrong.iter().zip(["digest", "digest", "languages", "path"]) {
        match Language::new(params) {
            Err(Error::Recipe { key: got, .. }) => assert_eq!(got, key),
            other => panic!("{key}: {:?}", other.err()),
        }
    }
    let missing = Params { path: path("none"), ..good };
    assert!(matches!(Language::new(&missing), Err(Error::Disk { .. })));
}

#[test]
fn a_model_that_ends_early_or_late_is_refused_where_it_does() {
    for name in MODELS {
        let mut bytes = bytes(name);
        for length in 0..bytes.len() {
            let fault = file::read(&bytes[..length]).map(drop).unwrap_err();
            assert!(fault.at <= length, "{fault:?}");
        }
        bytes.push(0);
        let fault = file::read(&bytes).map(drop).unwrap_err();
        assert_eq!(
            (fault.at, fault.what.as_str()),
            (bytes.len() - 1, "1 bytes are left after the model")
        );
    }
}

/// Puts `value` at `at` and says what is wrong then.
fn lie(name: &str, at: usize, value: &[u8]) -> String {
    let mut bytes = bytes(name);
    bytes[at..at + value.len()].copy_from_slice(value);
    file::read(&bytes).map(drop).expect_err("a lie is found").what
}

#[test]
fn numbers_that_lie_are_named() {
    let int = i32::to_le_bytes;
    for (at, value, what) in [
        (0, 1, "magic number 1"),
        (4, 11, "version 11, this reads 12"),
        (8, 513, "the dimension is 513, 1 to 512 is right"),
        (8, -8, "the dimension is -8"),
        (28, 17, "the length of word n-grams is 17"),
        (32, 5, "loss 5"),
        (36, 1, "a model of kind 1"),
        (40, 1 << 30, "the number of buckets is 1073741824"),
        (40, 0, "n-grams without buckets"),
        (48, 65, "the longest n-gram is 65"),
        (64, i32::MAX, "the number of entries is 2147483647"),
        (64, 17, "17 entries, 10 words and 6 labels"),
        (72, 0, "the number of labels is 0"),
        (84, 65, "65 n-grams of 64 buckets"),
    ] {
        let got = lie("tree.ftz", at, &int(value));
        assert!(got.starts_with(what), "{got}");
    }
    let bytes = bytes("tree.ftz");
    let label = bytes.windows(9).position(|window| window == b"__label__").unwrap();
    assert!(lie("tree.ftz", label + 9, b"\xff").contains("ASCII letters are due"));
    assert!(lie("tree.ftz", label + 12, &i64::MAX.to_le_bytes()).contains("was seen"));
    assert!(lie("tree.ftz", label + 20, &[0]).contains("is of kind 0, 1 is right"));
    let second = label + 21;
    assert_eq!(&bytes[second..second + 11], b"__label__de");
    assert!(lie("tree.ftz", second + 9, b"en").contains("stands there twice"));
    let floats = bytes.len() - 4;
    assert!(lie("tree.ftz", floats, &f32::NAN.to_le_bytes()).contains("0x7fc00000"));
    assert!(lie("tree.ftz", floats, &64f32.to_le_bytes()).contains("below 64"));
}

/// Where the dictionary of a model ends, and its matrices begin.
fn matrices(bytes: &[u8]) -> usize {
    let int = |at: usize| i32::from_le_bytes(*bytes[at..].first_chunk().unwrap()).max(0) as usize;
    let entry = |at: usize, _| at + bytes[at..].iter().position(|byte| *byte == 0).unwrap() + 10;
    (0..int(64)).fold(92, entry) + 8 * int(84)
}

#[test]
fn matrices_that_lie_are_named() {
    let start = matrices(&bytes("tree.ftz"));
    let codes = (10 + 40) * 3;
    let (quantiser, norms) = (start + 22 + codes, start + 22 + codes + 16 + 8 * 256 * 4);
    for (at, value, what) in [
        (start, vec![2], "the flag of quantised input is 2"),
        (start, vec![0], "pruned n-grams without quantised input"),
        (start + 1, vec![9], "the flag of norms is 9"),
        (start + 2, vec![49], "the rows of input is 49, 50 to 50 is right"),
        (start + 10, vec![9], "the columns of input is 9, 8 to 8 is right"),
        (start + 18, i32::MAX.to_le_bytes().to_vec(), "the codes of input is 2147483647"),
        (start + 18, 149_i32.to_le_bytes().to_vec(), "the dimension of the quantiser"),
        (quantiser, vec![7], "the dimension of the quantiser of input is 7"),
        (quantiser + 4, vec![2], "2 parts of 3, the last of 2, for 8"),
        (quantiser + 8, vec![9], "the length of a part is 9"),
        (quantiser + 12, vec![0], "the length of the last part is 0"),
        (norms + 50, vec![2], "the dimension of the quantiser of norms is 2"),
        (start - 8, vec![64], "n-gram 64 has row 39 of 40, or stands there twice"),
        (start - 4, vec![40], "has row 40 of 40"),
    ] {
        let got = lie("tree.ftz", at, &value);
        assert!(got.contains(what), "{what}: {got}");
    }
    assert!(lie("each.bin", matrices(&bytes("each.bin")), &[1]).contains("the flag of norms"));
    let large = 63_f32.to_le_bytes().repeat(256);
    assert!(lie("tree.ftz", norms + 50 + 16, &large).contains("of input reaches 64"));
    let mut head = bytes("each.bin")[8..44].to_vec();
    head[..4].copy_from_slice(&512_i32.to_le_bytes());
    head[32..].copy_from_slice(&(1_i32 << 24).to_le_bytes());
    assert!(lie("each.bin", 8, &head).contains("at most 134217728 cells are read"));
}

#[test]
fn no_flipped_byte_makes_a_model_panic() {
    for name in ["tree.ftz", "each.bin"] {
        let mut bytes = bytes(name);
        for at in (0..bytes.len()).filter(|at| *at < 800 || at % 17 == 0) {
            for flip in [1, 0x80, 0xff] {
                bytes[at] ^= flip;
                if let Ok(model) = file::read(&bytes) {
                    let guess = model.guess("the Boden, 日本 grün");
                    let score = guess.map_or(0, |guess| guess.millionths);
                    assert!((0..=1_000_000).contains(&score));
                }
                bytes[at] ^= flip;
            }
        }
    }
}

proptest! {
    #[test]
    fn floats_become_the_nearest_integers(bits: u32, frac in 0_u32..=28) {
        let float = f64::from(f32::from_bits(bits));
        let expected = (float.abs() < 64.0).then(|| (float * f64::from(1_u32 << frac)).round() as i64);
        prop_assert_eq!(fixed(bits, frac), expected);
    }

    #[test]
    fn hostile_models_are_refused_or_give_scores(
        (name, bytes) in prop::sample::select(&MODELS[..])
            .prop_flat_map(|name| (Just(name), hostile::bytes(bytes(name))))
    ) {
        if let Ok(model) = file::read(&bytes) {
            let guess = model.guess("Die Felder und the fields, 3.50 \u{20ac}!");
            let fits = guess.is_none_or(|guess| (0..=1_000_000).contains(&guess.millionths));
            prop_assert!(fits, "{}: {:?}", name, guess);
        }
    }

    #[test]
    fn any_text_has_a_score_in_millionths(text in "\\PC{0,60}") {
        for name in MODELS {
            let model = file::read(&bytes(name)).unwrap();
            let guess = model.guess(&text).expect("every text has an end of line");
            prop_assert!((0..=1_000_000).contains(&guess.millionths));
            prop_assert_eq!(model.guess(&text.replace(' ', "\n")), Some(guess));
        }
    }
}
