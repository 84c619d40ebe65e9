use super::*;
use crate::golden;
use crate::keys::Item;
use crate::stage::Global;
use crate::stage::memory::Memory;
use crate::stage::minhash::{MinHash, Params};
use crate::text::Doc;
use std::path::Path;

/// Words that occur nowhere else, numbered.
fn own(name: &str, from: usize, to: usize) -> String {
    (from..to).map(|at| format!("{name}{at}")).collect::<Vec<_>>().join(" ")
}

fn stage() -> MinHash {
    MinHash::new(&Params { bands: 4, rows: 2, ..Params::default() }).unwrap()
}

/// Forty records, of which two share words.
fn memory() -> Memory {
    let texts = (0..38).map(|at| own(&format!("t{at}x"), 0, 30));
    Memory::of(texts.chain([own("same", 0, 40), own("same", 0, 39)]))
}

/// The keys of all records in `count` runs.
fn runs(memory: &Memory, folder: &Path, count: usize) -> Vec<PathBuf> {
    let all = memory.keys(&stage());
    let run = |at: usize| {
        let items: Vec<Item> = all.iter().skip(at).step_by(count).copied().collect();
        let path = folder.join(at.to_string());
        keys::write(&path, &items, &[]).unwrap();
        path
    };
    (0..count).map(run).collect()
}

fn keys_of(text: &str) -> Vec<Key> {
    let mut doc = Doc::default();
    doc.reset(text);
    let mut keys = Vec::new();
    stage().keys(&mut doc, &mut keys, &mut Vec::new());
    keys
}

/// The subject, the proof and the keys of the record of `text`.
fn proved(memory: &Memory, text: &str, count: usize) -> (Subject, Absence, Vec<Key>) {
    let folder = tempfile::tempdir().unwrap();
    let runs = runs(memory, folder.path(), count);
    let (stage, record, keys) = (Digest::of(b"stage"), memory.record(text), keys_of(text));
    let (root, absence) = unshared(stage, record, &keys, &runs).unwrap();
    assert_eq!(crate::keys::tree(&runs).unwrap().root, root);
    (Subject { stage, record, root }, absence, keys)
}

#[test]
fn a_record_that_shares_no_key_is_shown_to() {
    let memory = memory();
    for at in 0..38 {
        let text = own(&format!("t{at}x"), 0, 30);
        let (subject, absence, keys) = proved(&memory, &text, 1 + at % 3);
        assert_eq!(keys.len(), 5);
        let absence = Absence::decode(&absence.encode()).unwrap();
        assert_eq!(absence.check_keys(&subject, &keys), Ok(()));
        assert_eq!((absence.kind(), absence.stage()), (Kind::Keys, subject.stage));
        assert_eq!(absence.record(), subject.record);
    }
}

#[test]
fn the_root_does_not_depend_on_the_runs() {
    let memory = memory();
    let text = own("t3x", 0, 30);
    let (one, other) = (proved(&memory, &text, 1), proved(&memory, &text, 7));
    assert_eq!((one.0, one.1), (other.0, other.1));
}

#[test]
fn a_record_that_shares_a_key_is_found_out() {
    let memory = memory();
    let other = memory.record(&own("same", 0, 39));
    let (subject, absence, keys) = proved(&memory, &own("same", 0, 40), 2);
    let refused = absence.check_keys(&subject, &keys);
    assert!(matches!(refused, Err(Refused::Shared { other: found, .. }) if found == other));
    // Leaving out the keys that are shared proves something about other keys only.
    let shared = keys_of(&own("same", 0, 39));
    let rest: Vec<Key> = keys.iter().filter(|key| !shared.contains(key)).copied().collect();
    assert_eq!(absence.check_keys(&subject, &rest), Ok(()));
}

#[test]
fn keys_that_are_not_the_records_are_refused() {
    let memory = memory();
    let (subject, absence, _) = proved(&memory, &own("t3x", 0, 30), 2);
    let others = keys_of(&own("t4x", 0, 30));
    // Those that stand beside the record's own are of another record, the others are not shown.
    let refused = others.iter().map(|key| absence.check_keys(&subject, &[*key]).unwrap_err());
    let gap = |refused: &Refused| matches!(refused, Refused::Tree(tree::Refused::Gap { .. }));
    let refused: Vec<Refused> = refused.collect();
    assert!(refused.iter().any(gap), "{refused:?}");
    assert!(refused.iter().all(|one| gap(one) || matches!(one, Refused::Shared { .. })));
    // A record that is not among those of the tree.
    let folder = tempfile::tempdir().unwrap();
    let runs = runs(&memory, folder.path(), 2);
    let keys = keys_of(&own("new", 0, 30));
    let (_, absence) = unshared(subject.stage, subject.record, &keys, &runs).unwrap();
    assert_eq!(absence.check_keys(&subject, &keys), Err(Refused::Unknown { space: 0 }));
}

#[test]
fn a_leaf_that_is_opened_to_something_else_is_refused() {
    let memory = memory();
    let text = own("t3x", 0, 30);
    let (subject, absence, keys) = proved(&memory, &text, 2);
    let shared = proved(&memory, &own("same", 0, 40), 2);
    let with = |change: &dyn Fn(&mut Absence)| {
        let mut other = absence.clone();
        change(&mut other);
        other.check_keys(&subject, &keys).unwrap_err()
    };
    let group = |refused: Refused| matches!(refused, Refused::Group { .. });
    let long = absence.others.iter().position(|others| others.len() > 50).unwrap();
    // One leaf fewer or more, one item fewer, half an item, and items of another record left out.
    assert!(group(with(&|absence| drop(absence.others.pop()))));
    assert!(group(with(&|absence| absence.others.push(Vec::new()))));
    assert!(group(with(&|absence| absence.others[long].truncate(50))));
    assert!(group(with(&|absence| absence.others[long].truncate(40))));
    let (subject, mut absence, keys) = shared;
    absence.others.iter_mut().for_each(Vec::clear);
    assert!(group(absence.check_keys(&subject, &keys).unwrap_err()));
}

#[test]
fn items_out_of_order_are_refused_though_they_are_under_the_root() {
    let item =
        |at: u8| keys::bytes(&(Key { space: 0, hash: [at; 16] }, RecordId(Digest([at; 32]))));
    let group = [item(1), item(3), item(2)];
    let body = leaves::body(group[1..].as_flattened());
    let (root, proof) = prove(|| Ok([Ok((group[0], body))].into_iter()), &[&[0; 18]]).unwrap();
    let (stage, record) = (Digest::of(b"stage"), RecordId(Digest([2; 32])));
    let others = vec![group[1..].as_flattened().to_vec()];
    let absence = Absence { kind: Kind::Keys, stage, record, proof, others };
    let checked =
        absence.check_keys(&Subject { stage, record, root }, &[Key { space: 0, hash: [2; 16] }]);
    assert_eq!(checked, Err(Refused::Tree(tree::Refused::Unsorted { place: 0 })));
    // The leaves ascend, and an item of the first comes after the second.
    let others = [item(5).to_vec(), Vec::new()];
    let leaves = [(item(1), leaves::body(&others[0])), (item(3), leaves::body(&others[1]))];
    let made = || Ok(leaves.into_iter().map(Ok));
    let (root, proof) = prove(made, &[&item(2)[..18]]).unwrap();
    let absence = Absence { kind: Kind::Keys, stage, record, proof, others: others.to_vec() };
    let checked =
        absence.check_keys(&Subject { stage, record, root }, &[Key { space: 0, hash: [2; 16] }]);
    assert_eq!(checked, Err(Refused::Tree(tree::Refused::Unsorted { place: 1 })));
}

#[test]
fn a_proof_about_something_else_is_refused() {
    let memory = memory();
    let (subject, absence, keys) = proved(&memory, &own("t3x", 0, 30), 2);
    let check = |subject: Subject, want: Refused| {
        assert_eq!(absence.check_keys(&subject, &keys), Err(want));
    };
    let other = Digest::of(b"other");
    check(Subject { stage: other, ..subject }, Refused::Other { what: "stage" });
    check(Subject { record: RecordId(other), ..subject }, Refused::Other { what: "record" });
    let root = tree::Refused::Root { expected: other, got: subject.root };
    check(Subject { root: other, ..subject }, Refused::Tree(root));
    let kind = Err(Refused::Other { what: "kind of tree" });
    assert_eq!(absence.check_ngrams(&subject, &[]), kind);
}

#[test]
fn every_changed_byte_is_refused() {
    let memory = memory();
    let (subject, absence, keys) = proved(&memory, &own("t3x", 0, 30), 2);
    let bytes = absence.encode();
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let checked = Absence::decode(&bytes).and_then(|other| other.check_keys(&subject, &keys));
        assert!(checked.is_err(), "byte {at}");
    }
    let kind = |kind: u64| {
        let mut bytes = bytes.clone();
        assert_eq!(bytes[..5], [0xa6, 1, 2, 2, 1]);
        bytes[4] = kind as u8;
        Absence::decode(&bytes).map(|absence| absence.kind())
    };
    // The other kind has no items.
    assert!(matches!(kind(2), Err(Refused::Tree(_))));
    assert_eq!(kind(3), Err(Refused::Kind { got: 3 }));
}

/// Evaluation sets of thirty items, and the runs of a text for them.
fn evals() -> Evals {
    let mut evals = Evals::new(5, 3, [7; 32]);
    let mut doc = Doc::default();
    for at in 0..30 {
        doc.reset(&own(&format!("q{at}x"), 0, 3 + at));
        evals.add(&mut doc);
    }
    evals.seal();
    evals
}

fn unmatched_of(text: &str) -> (Subject, Absence, Vec<NGram>) {
    let (evals, stage) = (evals(), Digest::of(b"stage"));
    let record = RecordId(Digest::of(text.as_bytes()));
    let mut doc = Doc::default();
    doc.reset(text);
    let ngrams = evals.ngrams(&mut doc);
    let (root, absence) = unmatched(stage, record, &ngrams, &evals).unwrap();
    assert_eq!(root, evals.root());
    (Subject { stage, record, root }, absence, ngrams)
}

#[test]
fn a_text_without_runs_of_the_sets_is_shown_to() {
    for text in [own("z", 0, 60), own("q7x", 0, 2), String::new()] {
        let (subject, absence, ngrams) = unmatched_of(&text);
        let absence = Absence::decode(&absence.encode()).unwrap();
        assert_eq!(absence.check_ngrams(&subject, &ngrams), Ok(()));
        assert_eq!(absence.kind(), Kind::NGrams);
        assert_eq!(absence.check_keys(&subject, &[]), Err(Refused::Other { what: "kind of tree" }));
    }
}

#[test]
fn a_text_with_a_run_of_the_sets_is_found_out() {
    let (subject, absence, ngrams) =
        unmatched_of(&format!("{} q9x3 q9x4 q9x5 q9x6 q9x7", own("z", 0, 20)));
    assert!(matches!(absence.check_ngrams(&subject, &ngrams), Err(Refused::Found { .. })));
}

#[test]
fn runs_that_are_not_covered_are_refused() {
    let (subject, absence, ngrams) = unmatched_of(&own("z", 0, 60));
    let (_, other, _) = unmatched_of(&own("z", 0, 4));
    let other = Absence { record: subject.record, ..other };
    let refused = other.check_ngrams(&subject, &ngrams);
    assert!(matches!(refused, Err(Refused::Tree(tree::Refused::Gap { .. }))), "{refused:?}");
    assert_eq!(absence.check_ngrams(&subject, &ngrams[1..]), Ok(()));
    let bytes = absence.encode();
    for at in (0..bytes.len()).step_by(7) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let checked = Absence::decode(&bytes).and_then(|bad| bad.check_ngrams(&subject, &ngrams));
        assert!(checked.is_err(), "byte {at}");
    }
}

#[test]
fn proofs_are_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let number = |at: u8| Digest::of(&[at]);
    let key = |at: u8| Key { space: u16::from(at % 3), hash: [at; 16] };
    let items: Vec<Item> = (0..9).map(|at| (key(at), RecordId(number(at / 3)))).collect();
    keys::write(&path, &items, &[]).unwrap();
    let (stage, record) = (Digest::of(b"stage"), RecordId(number(1)));
    let keys = [key(3), key(4), key(5)];
    let (root, shared) = unshared(stage, record, &keys, &[path]).unwrap();
    let subject = Subject { stage, record, root };
    assert_eq!(shared.check_keys(&subject, &keys), Ok(()));
    let (eval_root, unmatched, _) = unmatched_of("a short text of seven words here");
    let line = |name: &str, root: &Digest, proof: &Absence| {
        format!("{name} {root} {}", golden::hex(&proof.encode()))
    };
    let lines = [line("keys", &root, &shared), line("ngrams", &eval_root.root, &unmatched)];
    golden::check("absence.txt", "kind, root, proof", &lines);
}
