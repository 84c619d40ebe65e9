use super::*;
use proptest::prelude::*;
use std::fs;

/// Words that occur nowhere else, numbered.
fn own(name: &str, from: usize, to: usize) -> String {
    (from..to).map(|at| format!("{name}{at}")).collect::<Vec<_>>().join(" ")
}

/// A stage for sets of items, each a file.
fn stage(sets: &[&[String]], change: impl Fn(&mut Params)) -> Contamination {
    let folder = tempfile::tempdir().unwrap();
    let path = |(at, items): (usize, &&[String])| {
        let path = folder.path().join(format!("{at}.jsonl"));
        let line = |item: &String| serde_json::json!({"id": "x", "text": item}).to_string() + "\n";
        fs::write(&path, items.iter().map(line).collect::<String>()).unwrap();
        path
    };
    let path = sets.iter().enumerate().map(path).collect();
    let mut params = Params { path, ..Params::default() };
    change(&mut params);
    Contamination::new(&params).unwrap()
}

fn scores(stage: &Contamination, text: &str) -> [i64; 2] {
    let mut doc = Doc::default();
    doc.reset(text);
    let mut scores = [0; 2];
    assert_eq!(stage.measure(&mut doc, &mut scores), None);
    scores
}

#[test]
fn a_run_of_thirteen_words_is_found_and_one_of_twelve_is_not() {
    let items = [own("q", 0, 40)];
    let stage = stage(&[&items], |_| ());
    assert_eq!(stage.evals().len(), 28);
    let within = |run: &str| format!("{} {run} {}", own("a", 0, 30), own("b", 0, 30));
    assert_eq!(scores(&stage, &within(&own("q", 5, 18))), [1, 1]);
    assert_eq!(scores(&stage, &within(&own("q", 5, 17))), [0, 0]);
    assert_eq!(scores(&stage, &within(&own("q", 0, 40))), [28, 1]);
    assert_eq!(scores(&stage, &own("q", 27, 40)), [1, 1]);
    assert_eq!(scores(&stage, ""), [0, 0]);
    assert_eq!(scores(&stage, &own("q", 0, 1)), [0, 0]);
}

#[test]
fn case_symbols_and_white_space_make_no_difference() {
    let stage = stage(
        &[&["Who (then) wrote the Été of the year two thousand, and why not?".into()]],
        |_| (),
    );
    assert_eq!(
        scores(&stage, "WHO then wrote: the\n\nÉTÉ of the Year two—thousand and why NOT"),
        [1, 1]
    );
}

#[test]
fn items_are_counted_apart() {
    let items = [own("q", 0, 20), own("q", 5, 30), own("r", 0, 20), own("q", 0, 20)];
    let stage = stage(&[&items[..2], &items[2..]], |_| ());
    // The run 5..18 is in two items; the fourth is the first once more.
    assert_eq!(scores(&stage, &own("q", 5, 18)), [1, 2]);
    let text = format!("{} and {} and {}", own("q", 0, 13), own("r", 3, 17), own("r", 3, 17));
    assert_eq!(scores(&stage, &text), [5, 2]);
}

#[test]
fn short_items_are_looked_for_as_a_whole() {
    let items = [own("a", 0, 8), own("b", 0, 12), own("c", 0, 7), own("d", 0, 13)];
    let stage = stage(&[&items], |_| ());
    assert_eq!(stage.evals().lengths().collect::<Vec<_>>(), [8, 12, 13]);
    assert_eq!((stage.evals().skipped(), stage.evals().len()), (1, 3));
    assert_eq!(scores(&stage, &format!("x {} y", own("a", 0, 8))), [1, 1]);
    assert_eq!(scores(&stage, &format!("x {} y", own("a", 0, 7))), [0, 0]);
    assert_eq!(scores(&stage, &format!("x {} y", own("b", 0, 12))), [1, 1]);
    assert_eq!(scores(&stage, &format!("x {} y", own("c", 0, 7))), [0, 0]);
    assert_eq!(scores(&stage, &items.join(" ")), [3, 3]);
}

#[test]
fn a_run_may_reach_from_the_question_into_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.json");
    let items = serde_json::json!([
        {"id": own("id", 0, 20), "answer": [own("a", 0, 4), own("a", 4, 6)], "question": own("q", 0, 10)},
    ]);
    fs::write(&path, items.to_string()).unwrap();
    let stage = Contamination::new(&Params { path: vec![path], ..Params::default() }).unwrap();
    let text = format!("{} {}", own("q", 3, 10), own("a", 0, 6));
    assert_eq!(scores(&stage, &text), [1, 1]);
    assert_eq!(scores(&stage, &own("id", 0, 20)), [0, 0]);
}

#[test]
fn the_hashes_of_an_owner_find_the_same_without_the_words() {
    let folder = tempfile::tempdir().unwrap();
    let [key, other, hashes] = ["key", "other", "hashes"].map(|name| folder.path().join(name));
    fs::write(&key, "07".repeat(32) + "\n").unwrap();
    fs::write(&other, "08".repeat(32)).unwrap();
    let items = [own("q", 0, 20), own("r", 0, 9), own("q", 4, 30)];
    let open = stage(&[&items], |params| params.key_path = Some(key.clone()));
    let bytes = open.evals().keyed();
    assert!(!String::from_utf8_lossy(&bytes).contains("q1"));
    fs::write(&hashes, &bytes).unwrap();
    let params = |key: &PathBuf| Params {
        path: vec![hashes.clone()],
        key_path: Some(key.clone()),
        ..Params::default()
    };
    let blind = Contamination::new(&params(&key)).unwrap();
    assert_eq!(blind.identity(), open.identity());
    assert_eq!(blind.evals().keyed(), bytes);
    for text in
        [own("q", 4, 18), own("r", 0, 9), own("q", 0, 12), items.join(". "), own("z", 0, 50)]
    {
        assert_eq!(scores(&blind, &text), scores(&open, &text), "{text}");
    }
    assert_eq!(scores(&blind, &own("q", 4, 18)), [2, 2]);
    // The key is needed, and the root says nothing of another one.
    let wrong = |params: &Params| match Contamination::new(params) {
        Err(Error::Source { what, .. }) => what,
        _ => panic!("the set is refused"),
    };
    assert_eq!(wrong(&params(&other)), "the hashes were made with another key");
    assert_eq!(wrong(&Params { key_path: None, ..params(&key) }), wrong(&params(&other)));
    let public = stage(&[&items], |_| ());
    assert_ne!(public.identity(), open.identity());
}

#[test]
fn words_and_hashes_can_be_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let [hashes, words] = ["hashes", "words"].map(|name| folder.path().join(name));
    fs::write(&hashes, stage(&[&[own("q", 0, 20)]], |_| ()).evals().keyed()).unwrap();
    fs::write(&words, format!("{{\"text\": \"{}\"}}\n\n", own("r", 0, 20))).unwrap();
    for path in [vec![hashes.clone(), words.clone()], vec![words, hashes]] {
        let mixed = Contamination::new(&Params { path, ..Params::default() }).unwrap();
        assert_eq!(scores(&mixed, &own("q", 0, 20)), [8, 1]);
        assert_eq!(scores(&mixed, &own("r", 0, 20)), [8, 1]);
    }
}

#[test]
fn wrong_files_of_hashes_are_refused() {
    let good = stage(&[&[own("q", 0, 14)]], |_| ()).evals().keyed();
    let mut evals = Evals::new(13, 8, [0; 32]);
    evals.add_keyed(&good).unwrap();
    for at in 0..good.len() - 48 {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let lengths = bad.len() - 48 - 4..bad.len() - 48 - 2;
        // Another length in its range is another set; everything else is an error.
        assert!(
            lengths.contains(&at) || Evals::new(13, 8, [0; 32]).add_keyed(&bad).is_err(),
            "{at}"
        );
    }
    let file = |version: u64, lengths: &[u64], entries: Vec<u8>| {
        use terroir_base::cbor::encode;
        let key = good[5..21].to_vec();
        let lengths = Value::array(lengths.iter().copied());
        let fields =
            [(1, version.into()), (2, Value::Bytes(key)), (3, lengths), (4, Value::Bytes(entries))];
        Evals::new(13, 8, [0; 32]).add_keyed(&encode(&Value::record(fields)))
    };
    let entries = good[good.len() - 48..].to_vec();
    let swapped = [&entries[24..], &entries[..24]].concat();
    assert_eq!(file(1, &[13], entries.clone()), Ok(()));
    assert_eq!(
        file(2, &[13], entries.clone()),
        Err("evaluation set version 2, this reads 1".into())
    );
    let lengths = Err("lengths ascend, from 1 to 64 words".to_owned());
    for bad in [&[0][..], &[65], &[13, 13], &[13, 8]] {
        assert_eq!(file(1, bad, entries.clone()), lengths);
    }
    let unordered = Err("entries ascend, each of 24 bytes".to_owned());
    assert_eq!(file(1, &[13], swapped), unordered);
    assert_eq!(file(1, &[13], entries[1..].to_vec()), unordered);
    assert_eq!(file(1, &[13], [&entries[..24], &entries[..24]].concat()), unordered);
}

#[test]
fn the_order_of_files_and_items_makes_no_difference() {
    let items = [own("q", 0, 20), own("r", 0, 9), own("s", 4, 30)];
    let mut reversed = items.clone();
    reversed.reverse();
    let one = stage(&[&items], |_| ());
    let other = stage(&[&reversed[..1], &reversed[1..]], |_| ());
    assert_eq!(one.identity(), other.identity());
    let fewer = stage(&[&items[1..]], |_| ());
    assert_ne!(one.identity(), fewer.identity());
}

#[test]
fn what_is_wrong_with_a_recipe_or_a_set_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.jsonl");
    let refused = |change: &dyn Fn(&mut Params)| {
        let mut params = Params { path: vec![path.clone()], ..Params::default() };
        change(&mut params);
        match Contamination::new(&params) {
            Err(Error::Source { record, what, .. }) => format!("item {record}: {what}"),
            Err(error) => error.to_string(),
            Ok(_) => panic!("it is refused"),
        }
    };
    fs::write(&path, "{\"text\": \"a\"}\n\n{\"txt\": \"a\"}\n").unwrap();
    assert!(refused(&|_| ()).starts_with("item 1: has none of the fields query, question"));
    fs::write(&path, "{\"text\": \"a\"}\n\n{\"text\": \"a\n").unwrap();
    assert!(refused(&|_| ()).starts_with("item 2: EOF"));
    fs::write(&path, "[1]").unwrap();
    assert!(refused(&|_| ()).starts_with("item 0: invalid type"));
    fs::write(&path, "").unwrap();
    assert!(refused(&|_| ()).starts_with("item 0: "));
    fs::write(&path, "{}").unwrap();
    assert_eq!(refused(&|params| params.ngram = 0), "recipe, ngram: is 0, and 1 to 64 is right");
    assert_eq!(refused(&|params| params.ngram = 65), "recipe, ngram: is 65, and 1 to 64 is right");
    let shortest = "recipe, shortest: is 14, and 1 to ngram is right";
    assert_eq!(refused(&|params| params.shortest = 14), shortest);
    assert_eq!(refused(&|params| params.path.clear()), "recipe, path: names no evaluation set");
    let key = "recipe, key_path: the file holds no 64 hexadecimal digits";
    assert_eq!(refused(&|params| params.key_path = Some(path.clone())), key);
    assert!(refused(&|params| params.path = vec![folder.path().join("none")]).contains("none"));
}

#[test]
fn a_path_may_stand_alone_or_in_a_list() {
    let read = |text: &str| toml::from_str::<Params>(text).unwrap().path;
    assert_eq!(read("path = 'a'"), [PathBuf::from("a")]);
    assert_eq!(read("path = ['a', 'b']"), ["a", "b"].map(PathBuf::from));
    assert!(toml::from_str::<Params>("paths = 'a'").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn matches_are_those_of_comparing_all_runs(
        items in prop::collection::vec("([abc]{1,2} ){0,9}", 0..6),
        text in "([abcABC]{1,2}[ .]){0,40}",
    ) {
        let mut evals = Evals::new(4, 3, [0; 32]);
        let mut doc = Doc::default();
        let split = |text: &str| -> Vec<String> {
            text.to_lowercase().split([' ', '.']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
        };
        let mut runs = BTreeSet::new();
        for item in &items {
            doc.reset(item);
            evals.add(&mut doc);
            let words = split(item);
            if words.len() >= 3 {
                runs.extend(words.windows(words.len().min(4)).map(<[String]>::to_vec));
            }
        }
        evals.seal();
        let words = split(&text);
        let lengths: BTreeSet<usize> = runs.iter().map(Vec::len).collect();
        let want: usize = lengths
            .iter()
            .map(|length| words.windows(*length).filter(|run| runs.contains(*run)).count())
            .sum();
        doc.reset(&text);
        let mut found = 0;
        evals.find(&mut doc, |_| found += 1);
        prop_assert_eq!(found, want);
        // Every run that is looked for is one that `ngrams` gives.
        let ngrams = evals.ngrams(&mut doc);
        prop_assert!(ngrams.is_sorted_by(|a, b| a < b));
        let known: BTreeSet<[u8; 16]> = evals.leaves().map(|leaf| leaf.0).collect();
        prop_assert_eq!(ngrams.iter().any(|ngram| known.contains(&ngram.0)), want > 0);
    }
}
