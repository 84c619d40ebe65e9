use super::compare::jaccard;
use super::*;
use crate::stage::memory::{Memory, clusters};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// So many bands of one row that no pair above the threshold is missed.
fn sure(ngram: u16, threshold: u32) -> MinHash {
    let params = Params { bands: 96, rows: 1, ngram, threshold, seed: 7 };
    MinHash::new(&params).unwrap()
}

fn default() -> MinHash {
    MinHash::new(&Params::default()).unwrap()
}

/// The words from `from` up to `to`, so that parts of them overlap.
fn words(from: usize, to: usize) -> String {
    (from..to).map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ")
}

/// A text of 200 words with some of its own instead of those of the others.
fn template(own: usize, at: usize) -> String {
    let word = |place: usize| match place.is_multiple_of(20) && place / 20 < own {
        true => format!("own{at}x{place}"),
        false => format!("w{place}"),
    };
    (0..200).map(word).collect::<Vec<_>>().join(" ")
}

fn shingles(text: &str, ngram: usize) -> BTreeSet<Vec<String>> {
    let lower = text.to_lowercase();
    let words: Vec<String> = lower.split_whitespace().map(str::to_owned).collect();
    words.windows(ngram.min(words.len()).max(1)).map(<[String]>::to_vec).collect()
}

/// Clusters by the definition: every pair compared, as sets of words.
fn naive(memory: &Memory, ngram: usize, threshold: u32) -> Vec<Vec<RecordId>> {
    let records: Vec<&RecordId> = memory.texts.keys().collect();
    let sets: Vec<_> = memory.texts.values().map(|text| shingles(text, ngram)).collect();
    let mut label: Vec<usize> = (0..sets.len()).collect();
    for a in 0..sets.len() {
        for b in 0..a {
            let shared = sets[a].intersection(&sets[b]).count() as u64;
            let all = sets[a].union(&sets[b]).count() as u64;
            if !sets[a].is_empty() && shared * 1_000_000 >= u64::from(threshold) * all {
                let (from, to) = (label[a].max(label[b]), label[a].min(label[b]));
                label.iter_mut().filter(|label| **label == from).for_each(|label| *label = to);
            }
        }
    }
    let cluster = |of: usize| {
        let members = (0..sets.len()).filter(|at| label[*at] == of);
        members.map(|at| *records[at]).collect::<Vec<_>>()
    };
    (0..sets.len()).map(cluster).filter(|cluster| cluster.len() > 1).collect()
}

#[test]
fn pairs_around_the_threshold_are_told_apart() {
    // 103 words make 99 n-grams; cut to n of them, the similarity is n / 99.
    for (kept, alike) in [(68, false), (69, false), (70, true), (99, true)] {
        let memory = Memory::of([words(0, 103), words(0, kept + 4) + " !"]);
        assert_eq!(!memory.run(&sure(5, 700_000)).is_empty(), alike, "{kept} of 99");
    }
    // 70 of 99 is 707070 millionths and a bit.
    for (threshold, found) in [(707_070, 2), (707_071, 0)] {
        let memory = Memory::of([words(0, 103), words(0, 74)]);
        let meetings = memory.run(&sure(5, threshold));
        assert_eq!(meetings.len(), found);
        assert!(meetings.iter().all(|meeting| meeting.scores == [2, 707_070]));
    }
}

#[test]
fn similarities_are_exact() {
    let set = |range: std::ops::Range<u64>| range.collect::<Vec<_>>();
    assert_eq!(jaccard(&set(0..10), &set(0..10), 700_000), 1_000_000);
    assert_eq!(jaccard(&set(0..7), &set(0..10), 700_000), 700_000);
    assert_eq!(jaccard(&set(0..7), &set(0..10), 700_001), -1);
    assert_eq!(jaccard(&set(0..2), &set(0..3), 666_666), 666_666);
    assert_eq!(jaccard(&set(0..2), &set(0..3), 666_667), -1);
    assert_eq!(jaccard(&[], &[], 1), -1);
    assert_eq!(jaccard(&[], &set(0..3), 1), -1);
    assert_eq!(jaccard(&set(0..3), &set(3..6), 1), -1);
}

#[test]
fn case_and_symbols_make_no_difference() {
    let memory = Memory::of(["A cat, sat on it.", "a CAT sat (on) it", "a cat sat on him"]);
    let meetings = memory.run(&default());
    assert_eq!(clusters(&meetings).len(), 1);
    assert!(meetings.iter().all(|meeting| meeting.scores == [2, 1_000_000]));
    // Their words are the same, so their texts need not be read.
    assert_eq!(memory.reads.load(Ordering::Relaxed), 0);
}

#[test]
fn a_text_shorter_than_an_n_gram_is_one() {
    let memory = Memory::of(["one two", "ONE two!", "one", "one two three", "one two three four"]);
    assert_eq!(clusters(&memory.run(&default())).len(), 1);
    let texts = Memory::of(["", "!", "?", " "]);
    assert!(texts.run(&default()).is_empty(), "texts without words are not alike");
}

#[test]
fn clusters_reach_over_several_steps() {
    // Each is .8 like the next one; the ends have nothing in common.
    let texts: Vec<String> = (0..12).map(|at| words(at * 11, at * 11 + 104)).collect();
    let memory = Memory::of(&texts);
    let meetings = memory.run(&sure(5, 700_000));
    let found = clusters(&meetings);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].len(), 12);
    assert!(meetings.iter().all(|meeting| meeting.scores == [12, 801_801]), "{meetings:?}");
    let smallest = memory.texts.keys().next().copied();
    assert!(meetings.iter().all(|meeting| meeting.cluster == smallest));
}

#[test]
fn the_score_is_the_best_similarity() {
    let memory = Memory::of([words(0, 104), words(0, 94), words(0, 84), words(0, 84) + " ."]);
    let score = |meetings: &[Meeting], text: &str| {
        let record = memory.record(text);
        meetings.iter().find(|meeting| meeting.record == record).unwrap().scores[1]
    };
    let meetings = memory.run(&sure(5, 700_000));
    assert_eq!(score(&meetings, &words(0, 104)), 900_000);
    assert_eq!(score(&meetings, &words(0, 94)), 900_000);
    assert_eq!(score(&meetings, &words(0, 84)), 1_000_000);
}

#[test]
fn many_that_share_a_template_are_still_found() {
    let alike: Vec<String> = (0..120).map(|at| template(1, at)).collect();
    let memory = Memory::of(&alike);
    let found = clusters(&memory.run(&default()));
    assert_eq!((found.len(), found[0].len()), (1, 120));
    let compared = memory.pairs.load(Ordering::Relaxed);
    assert!(compared < 120 * 119 / 2, "{compared} pairs");

    // Nine words of their own make 45 of 196 n-grams differ in each: 151 of 241 are shared.
    let unlike: Vec<String> = (0..120).map(|at| template(9, at)).collect();
    let pair = [unlike[5].clone() + " more", unlike[77].clone() + " again"];
    let memory = Memory::of(unlike.iter().chain(&pair));
    let found = clusters(&memory.run(&default()));
    assert_eq!(found.len(), 2, "only the pairs are alike");
    assert!(found.iter().all(|cluster| cluster.len() == 2));
}

#[test]
fn memory_changes_nothing() {
    let texts: Vec<String> = (0..40).map(|at| words(at * 17, at * 17 + 90)).collect();
    let mut memory = Memory::of(&texts);
    let want = memory.run(&sure(5, 600_000));
    assert!(want.len() > 30);
    for budget in [0, 1, 3_000, 20_000] {
        memory.budget = budget;
        assert_eq!(memory.run(&sure(5, 600_000)), want);
    }
}

#[test]
fn what_does_not_matter_is_not_compared() {
    // Ten chains of four.
    let start = |at: usize| at / 4 * 1000 + at % 4 * 17;
    let texts: Vec<String> = (0..40).map(|at| words(start(at), start(at) + 90)).collect();
    let mut memory = Memory::of(&texts);
    let want = memory.run(&sure(5, 600_000));
    let cluster = clusters(&want).remove(0);
    let (reads, pairs) =
        (memory.reads.swap(0, Ordering::Relaxed), memory.pairs.swap(0, Ordering::Relaxed));
    memory.about = cluster.iter().copied().collect();
    let about = |meetings: Vec<Meeting>| -> Vec<Meeting> {
        meetings.into_iter().filter(|met| cluster.contains(&met.record)).collect()
    };
    assert_eq!(about(memory.run(&sure(5, 600_000))), about(want));
    assert!(memory.reads.load(Ordering::Relaxed) < reads);
    assert!(memory.pairs.load(Ordering::Relaxed) < pairs);
}

#[test]
fn every_parameter_has_a_range_and_is_part_of_the_identity() {
    let good = Params::default();
    let identity = |params: &Params| MinHash::new(params).unwrap().identity();
    let others = [
        Params { bands: 27, ..good.clone() },
        Params { rows: 5, ..good.clone() },
        Params { ngram: 6, ..good.clone() },
        Params { threshold: 1, ..good.clone() },
        Params { seed: 1, ..good.clone() },
    ];
    for other in &others {
        assert_ne!(identity(other), identity(&good));
    }
    let bad = [
        Params { bands: 0, ..good.clone() },
        Params { bands: 1025, ..good.clone() },
        Params { rows: 65, ..good.clone() },
        Params { ngram: 0, ..good.clone() },
        Params { threshold: 1_000_001, ..good.clone() },
    ];
    for bad in bad {
        assert!(matches!(MinHash::new(&bad), Err(Error::Recipe { .. })), "{bad:?}");
    }
    let read: Params = toml::from_str("threshold = 800_000").unwrap();
    assert_eq!(read, Params { threshold: 800_000, ..good });
    assert!(toml::from_str::<Params>("treshold = 1").is_err());
}

#[test]
fn another_seed_gives_other_keys() {
    let memory = Memory::of([words(0, 30)]);
    let keys = |seed| memory.keys(&MinHash::new(&Params { seed, ..Params::default() }).unwrap());
    assert_eq!(keys(1), keys(1));
    let other = keys(2);
    assert!(keys(1).iter().all(|key| !other.contains(key)));
}

/// Runs `stage` over `memory` and keeps its pairs apart.
fn kept(memory: &Memory, stage: &MinHash, path: &std::path::Path) -> Vec<Meeting> {
    let meetings = memory.run(stage);
    std::fs::rename(&memory.kept, path).unwrap();
    meetings
}

#[test]
fn what_was_compared_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let texts: Vec<String> = (0..40).map(|at| words(at * 17, at * 17 + 90)).collect();
    let stage = sure(5, 600_000);
    let mut memory = Memory::of(&texts);
    let want = kept(&memory, &stage, &first);
    assert!(memory.reads.swap(0, Ordering::Relaxed) > 30);
    memory.known = vec![first.clone()];
    assert_eq!(kept(&memory, &stage, &second), want);
    assert_eq!(memory.reads.load(Ordering::Relaxed), 0);
    assert_eq!(std::fs::read(&second).unwrap(), std::fs::read(&first).unwrap());

    // One more: only what it meets is read.
    let mut more = Memory::of(texts.iter().chain([&words(3, 93)]));
    let want = kept(&more, &stage, &second);
    let all = more.reads.swap(0, Ordering::Relaxed);
    more.known = vec![first];
    assert_eq!(kept(&more, &stage, &folder.path().join("third")), want);
    assert!(more.reads.load(Ordering::Relaxed) * 3 < all);
    // The same pairs are kept, whether they were known or not.
    let third = std::fs::read(folder.path().join("third")).unwrap();
    assert_eq!(std::fs::read(second).unwrap(), third);
}

#[test]
fn pairs_that_cannot_be_alike_are_not_read() {
    // Of 100 n-grams each shares 60 with the next one and 20 with the one after.
    let mut memory = Memory::of((0..40).map(|at| words(at * 40, at * 40 + 104)));
    let stage = sure(5, 700_000);
    assert_eq!(memory.run(&stage), []);
    assert_eq!(memory.reads.swap(0, Ordering::Relaxed), 0);
    let with = std::fs::read(&memory.kept).unwrap();
    // Texts are read where there are no sketches, and where there is no memory for them: 36 bytes of
    // each, and as many of the tables around it. Some are read where it is enough for some.
    let enough = 40 * (36 + 36);
    for (sketched, budget, reads) in [
        (false, memory.budget, 40..41),
        (true, 0, 40..41),
        (true, enough / 2, 40..41),
        (true, enough - 1, 1..40),
        (true, enough, 0..1),
    ] {
        (memory.sketched, memory.budget) = (sketched, budget);
        assert_eq!(memory.run(&stage), []);
        assert!(reads.contains(&memory.reads.swap(0, Ordering::Relaxed)), "{budget}");
        assert_eq!(std::fs::read(&memory.kept).unwrap(), with);
    }
}

#[test]
fn a_sketch_is_read_as_it_was_written() {
    for count in [1, 31, 32, 33, 1000, 300_000] {
        let numbers: Vec<u64> = (0..count).map(|at| signature_number(at, 1)).collect();
        let sketch = Sketch::of(&numbers).unwrap();
        let mut bytes = Vec::new();
        sketch.write(&mut bytes);
        let bits = (2 * count).next_power_of_two().clamp(64, 1 << 19);
        assert_eq!(bytes.len() as u64, 4 + bits / 8);
        assert!(bytes.len() <= crate::keys::SKETCH_BYTES_MAX);
        assert_eq!(bytes[..4], (count as u32).to_le_bytes());
        for number in &numbers {
            let bit = number % bits;
            assert_ne!(bytes[4 + bit as usize / 8] & 1 << (bit % 8), 0);
        }
        assert_eq!(Sketch::read(&bytes).as_ref(), Some(&sketch));
        assert_eq!(Sketch::read(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Sketch::read(&[&bytes[..], &[0; 8]].concat()), None);
        assert_eq!(Sketch::read(&bytes[..3]), None);
        // Numbers that come again make no difference.
        assert_eq!(
            Sketch::of(&[&numbers[..], &numbers[count as usize / 2..]].concat()),
            Some(sketch)
        );
    }
}

/// Texts of few words, so that all kinds of similarity occur.
fn texts() -> impl Strategy<Value = Vec<String>> {
    let text = prop::collection::vec("[ab]", 0..14).prop_map(|words| words.join(" "));
    prop::collection::vec(text, 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn clusters_are_those_of_comparing_all_pairs(texts in texts(), threshold in 400_000..900_000_u32) {
        let memory = Memory::of(&texts);
        let found = clusters(&memory.run(&sure(2, threshold)));
        prop_assert_eq!(found, naive(&memory, 2, threshold));
    }

    #[test]
    fn records_that_come_later_make_no_difference(texts in texts(), more in texts()) {
        let stage = sure(2, 600_000);
        let all: Vec<&String> = texts.iter().chain(&more).collect();
        let whole = Memory::of(&all);
        let want = whole.run(&stage);
        let backwards = Memory::of(all.iter().rev());
        prop_assert_eq!(backwards.run(&stage).len(), want.len());
    }

    #[test]
    fn known_pairs_make_no_difference(
        texts in texts(),
        more in texts(),
        others in texts(),
        threshold in 400_000..900_000_u32,
    ) {
        let (stage, folder) = (sure(2, threshold), tempfile::tempdir().unwrap());
        let paths = ["whole", "one", "two", "last"].map(|name| folder.path().join(name));
        let mut whole = Memory::of(texts.iter().chain(&more));
        let want = kept(&whole, &stage, &paths[0]);
        // Of one part, of the other with records that are not here, and of both.
        kept(&Memory::of(&texts), &stage, &paths[1]);
        kept(&Memory::of(more.iter().chain(&others)), &stage, &paths[2]);
        for known in [&paths[1..2], &paths[1..3], &paths[..1]] {
            whole.known = known.to_vec();
            prop_assert_eq!(&kept(&whole, &stage, &paths[3]), &want);
            prop_assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[3]).unwrap());
        }
    }

    #[test]
    fn sketches_make_no_difference(texts in texts(), threshold in 1..900_000_u32) {
        let stage = sure(2, threshold);
        let with = Memory::of(&texts);
        let mut without = Memory::of(&texts);
        without.sketched = false;
        prop_assert_eq!(with.run(&stage), without.run(&stage));
        prop_assert_eq!(
            std::fs::read(&with.kept).unwrap(),
            std::fs::read(&without.kept).unwrap()
        );
    }

    #[test]
    fn a_pair_that_is_alike_is_never_ruled_out(
        (a, b, shared) in (0..900_usize, 0..900_usize, 1..900_usize),
        spread in 1..2_000_u64,
        threshold in 0..=1_000_000_u32,
    ) {
        // Of lower bits that are not spread as well as they are in n-grams, too.
        let number =
            |at: usize| (signature_number(at as u64, 0) % spread) * 128 + at as u64 % 128;
        let set = |from: usize, to: usize| -> Vec<u64> {
            let own = (from..to).map(number);
            let mut set: Vec<u64> = own.chain((0..shared).map(number)).collect();
            set.sort_unstable();
            set.dedup();
            set
        };
        let (a, b) = (set(1_000, 1_000 + a), set(2_000, 2_000 + b));
        let sketches = [&a, &b].map(|set| Sketch::of(set).unwrap());
        let ruled = sketches[0].rules_out(&sketches[1], threshold);
        prop_assert_eq!(ruled, sketches[1].rules_out(&sketches[0], threshold));
        prop_assert!(!ruled || jaccard(&a, &b, threshold) == -1);
        // And no set is unlike itself.
        prop_assert!(!sketches[0].rules_out(&sketches[0], threshold));
    }

    #[test]
    fn similarity_is_that_of_sets(
        a in prop::collection::btree_set(0..300_u64, 0..200),
        b in prop::collection::btree_set(0..300_u64, 0..200),
        threshold in 1..=1_000_000_u32,
    ) {
        let shared = a.intersection(&b).count() as u64;
        let all = a.union(&b).count() as u64;
        let want = match all > 0 && shared * 1_000_000 >= u64::from(threshold) * all {
            true => (shared * 1_000_000 / all) as i32,
            false => -1,
        };
        let (a, b): (Vec<u64>, Vec<u64>) = (a.into_iter().collect(), b.into_iter().collect());
        prop_assert_eq!(jaccard(&a, &b, threshold), want);
    }
}

#[test]
fn a_signature_has_the_smallest_number_of_each_order() {
    let signer = Signer::new(40, 3);
    let numbers: Vec<u64> = (0..300_000).map(|at| signature_number(at, 3)).collect();
    for count in [1, 2, 40, 3_000, 300_000] {
        let signature = signer.sign(&numbers[..count]);
        // The signature of a set is that of its parts, whichever has the smaller number.
        let parts: Vec<Vec<u32>> =
            numbers[..count].chunks(count / 3 + 1).map(|part| signer.sign(part)).collect();
        for (at, least) in signature.iter().enumerate() {
            let order = |least: u32| ((least >> 16) as i16, least as i16);
            let want = parts.iter().map(|part| part[at]).min_by_key(|least| order(*least));
            assert_eq!(Some(*least), want);
        }
    }
}

#[test]
fn sets_agree_as_often_as_they_are_alike() {
    let signer = Signer::new(112, 0);
    for size in [4, 40, 400, 4_000, 400_000] {
        let (mut agree, mut all) = (0, 0);
        for trial in 0..(4_000 / size).max(1) as u64 {
            let numbers: Vec<u64> =
                (0..size as u64 * 5 / 4).map(|at| signature_number(at, trial)).collect();
            // Of five quarters of the size, three are shared.
            let (a, b) = (&numbers[..size], &numbers[size / 4..]);
            let pairs = signer.sign(a).into_iter().zip(signer.sign(b));
            agree += pairs.filter(|(a, b)| a == b).count();
            all += 112;
        }
        let (low, high) = if all > 1_000 { (55, 65) } else { (45, 75) };
        assert!((all * low / 100..all * high / 100).contains(&agree), "{size}: {agree} of {all}");
    }
}

fn signature_number(at: u64, trial: u64) -> u64 {
    super::shingles::mix(super::shingles::mix(trial) ^ at)
}
