//! Records whose texts are the same but for case, punctuation and white space.
//!
//! The normal form of a text is its words (`\w+`) in one case with one space between them; a text
//! without words stands for itself, but for white space. Invariant: a cluster is a function of the
//! normal forms of all records, and its name is its smallest record.

mod fold;

use super::{Facts, Global, Identity, Key, Meeting, Texts};
use crate::error::Error;
use crate::keys::Numbered;
use crate::record::RecordId;
use crate::text::{self, Doc};
use fold::{digest, normal};
use serde::Deserialize;

static FACTS: Facts = Facts {
    kind: "exact",
    scores: &["cluster_size"],
    rules: &[],
    published: "Penedo et al. 2024, arXiv 2406.17557; Lee et al. 2022, arXiv 2107.06499",
};

/// Keys of normal forms.
const FORMS: u16 = 0;
/// Keys of texts that have no words.
const WORDLESS: u16 = 1;

/// There is nothing to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {}

/// The stage.
pub struct Exact;

impl Exact {
    /// Errors: never.
    pub fn new(_: &Params) -> Result<Exact, Error> {
        Ok(Exact)
    }
}

impl Global for Exact {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        vec![("classes", text::digest().into()), ("folds", digest().into())]
    }

    fn keys(&self, doc: &mut Doc, keys: &mut Vec<Key>, _: &mut Vec<u8>) {
        let mut form = normal(doc);
        let space = match form.is_empty() {
            false => FORMS,
            true => {
                let parts: Vec<&str> = doc.text().split_whitespace().collect();
                form = parts.join(" ").into_bytes();
                WORDLESS
            }
        };
        let hash = blake3::hash(&form);
        let hash = *hash.as_bytes().first_chunk().expect("16 is below 32");
        keys.push(Key { space, hash });
    }

    fn resolve(
        &self,
        keys: &mut dyn Iterator<Item = Result<Numbered, Error>>,
        records: &[RecordId],
        _: &dyn Texts,
    ) -> Result<Vec<Meeting>, Error> {
        let mut meetings = Vec::new();
        let mut group: Vec<u32> = Vec::new();
        let mut last = None;
        let record = |number: u32| records[number as usize];
        let mut close = |group: &mut Vec<u32>| {
            if let [first, _, ..] = group[..] {
                let scores = vec![group.len() as i64];
                let cluster = Some(record(first));
                let meeting =
                    |number| Meeting { record: record(number), cluster, scores: scores.clone() };
                meetings.extend(group.iter().copied().map(meeting));
            }
            group.clear();
        };
        for item in keys {
            let (key, number) = item?;
            if last.replace(key) != Some(key) {
                close(&mut group);
            }
            group.push(number);
        }
        close(&mut group);
        meetings.sort_unstable_by_key(|meeting| meeting.record);
        Ok(meetings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::memory::{Memory, clusters};
    use proptest::prelude::*;

    fn same(a: &str, b: &str) -> bool {
        let memory = Memory::of([a, b]);
        !memory.run(&Exact).is_empty()
    }

    #[test]
    fn case_punctuation_and_white_space_make_no_difference() {
        assert!(same("A cat, sat.", "a  CAT\nsat"));
        assert!(same("“Größe” schließt", "GRÖSSE SCHLIESST"));
        assert!(same("ΟΔΟΣ. Α", "οδος α") && same("οδός ΟΔΟΣ", "ΟΔΌΣ οδοσ"));
        assert!(same("x_1 — 2", "X_1 2"));
    }

    #[test]
    fn other_words_make_a_difference() {
        assert!(!same("a cat sat", "a cat sits"));
        assert!(!same("ab c", "a bc") && !same("ab", "a b"));
        assert!(!same("été", "ete"));
    }

    #[test]
    fn texts_without_words_stand_for_themselves() {
        assert!(!same("— !", "— ?"));
        assert!(same("— \n!", "—  !"));
        assert!(!same("", "!") && same("", " "));
        // The form of the one is the text of the other.
        assert!(!same("", "a"));
    }

    #[test]
    fn a_cluster_is_named_by_its_smallest_record_and_counted() {
        let memory = Memory::of(["one", "ONE", "one!", "two", "three", "Three"]);
        let meetings = memory.run(&Exact);
        assert_eq!(meetings.len(), 5);
        assert!(meetings.is_sorted_by_key(|meeting| meeting.record));
        let sizes: Vec<usize> = clusters(&meetings).iter().map(Vec::len).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 5);
        assert!(sizes.contains(&3) && sizes.contains(&2));
        for cluster in clusters(&meetings) {
            for record in &cluster {
                let meeting = meetings.iter().find(|meeting| meeting.record == *record).unwrap();
                assert_eq!(meeting.cluster, cluster.first().copied());
                assert_eq!(meeting.scores, [cluster.len() as i64]);
            }
        }
    }

    proptest! {
        #[test]
        fn more_records_change_only_their_own_clusters(
            texts in prop::collection::vec("[abAB ]{0,3}", 0..12),
            more in prop::collection::vec("[abAB ]{0,3}", 0..12),
        ) {
            let all = Memory::of(texts.iter().chain(&more));
            let mut reversed: Vec<&String> = texts.iter().chain(&more).collect();
            reversed.reverse();
            prop_assert_eq!(all.run(&Exact), Memory::of(reversed).run(&Exact));
        }
    }
}
