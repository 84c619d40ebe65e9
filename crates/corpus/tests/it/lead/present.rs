//! What a stranger learns who has a proof of presence and nothing else, and what no forger can say.

use super::{led, open, world};
use crate::world::{key, salt, signs};
use std::collections::BTreeSet;
use terroir_base::Digest;
use terroir_base::sign::SecretKey;
use terroir_corpus::RecordId;
use terroir_corpus::catalogue::Kept;
use terroir_corpus::lead::{Led, Manifest, Training};
use terroir_corpus::present::{Presence, Wanted, check, prove};
use terroir_corpus::version::Version;

struct Proved {
    world: crate::world::World,
    kept: Kept,
    led: Led,
    training: Training,
}

impl Proved {
    fn new(more: &[&str]) -> Proved {
        let (world, kept) = world(5, 60, 16 << 10);
        let led = led(&world, &kept, more, 1);
        let training = open(&world, &led);
        Proved { world, kept, led, training }
    }

    fn prove(&self, wanted: Wanted) -> Option<Presence> {
        prove(&self.world.catalogue(), &self.kept, &self.training, wanted, &salt()).unwrap()
    }
}

#[test]
fn a_batch_leads_back_to_records_and_their_version() {
    let proved = Proved::new(&["mixture.weights={s0=2, s1=1}", "mixture.epochs=2"]);
    let manifest = &proved.led.manifest;
    let batch = Wanted::Batch { batch: 3, size: 4 };
    let shown = check(&proved.prove(batch).unwrap().encode()).unwrap();
    assert_eq!((shown.version.id(), &shown.manifest), (proved.kept.id, manifest));
    assert_eq!((shown.node, shown.signer), (key().public(), key().public()));
    let held = shown.batch(3, 4).unwrap();
    let places: Vec<_> = held.iter().map(|held| held.place).collect();
    assert_eq!(places, manifest.order().batch(3, 4));
    for held in held {
        let mut tokens = Vec::new();
        proved.training.tokens(held.place, &mut tokens).unwrap();
        assert_eq!(held.sequence.tokens, Digest::of(&tokens));
        assert!(
            manifest
                .order()
                .positions(held.place, usize::MAX)
                .iter()
                .any(|at| (12..16).contains(at))
        );
        assert!(held.sequence.spans.iter().all(|span| held.has(span.record)));
    }
    assert!(shown.batch(2, 4).is_none() && shown.batch(1 << 40, 4).is_none());
    // The records are there with their texts.
    let texts = super::passing(&proved.world, &proved.kept);
    for (record, text) in &shown.records {
        assert_eq!(*text, Digest::of(texts[record].1.as_bytes()));
    }
    let past = Wanted::Batch { batch: 1 << 40, size: 4 };
    let past = prove(&proved.world.catalogue(), &proved.kept, &proved.training, past, &salt());
    assert!(past.unwrap_err().to_string().starts_with("no batch"));
}

#[test]
fn a_record_leads_to_every_sequence_that_has_it() {
    let proved = Proved::new(&["tokenize.sequence=32"]);
    let all = Wanted::Batch { batch: 0, size: 1 << 20 };
    let all = check(&proved.prove(all).unwrap().encode()).unwrap();
    assert_eq!(all.sequences.len() as u64, proved.led.manifest.stored.leaves);
    for (record, _) in all.records.iter().take(5) {
        let shown = check(&proved.prove(Wanted::Record(*record)).unwrap().encode()).unwrap();
        let places = |held: &terroir_corpus::present::Held| held.place;
        let with: BTreeSet<_> =
            all.sequences.iter().filter(|held| held.has(*record)).map(places).collect();
        assert!(with.len() > 1);
        assert_eq!(shown.sequences.iter().map(places).collect::<BTreeSet<_>>(), with);
        let position = proved.led.manifest.order().positions(*with.first().unwrap(), usize::MAX)[0];
        assert!(shown.part(position, 1)[0].has(*record));
    }
    // One that does not pass, and one that nobody has, are nowhere.
    let read = super::passing(&proved.world, &proved.kept);
    let dropped =
        terroir_corpus::verdicts::verdicts(&proved.world.catalogue(), &proved.kept, &salt())
            .unwrap()
            .map(|said| said.unwrap().record)
            .find(|record| !read.contains_key(record));
    assert!(proved.prove(Wanted::Record(dropped.unwrap())).is_none());
    assert!(proved.prove(Wanted::Record(RecordId(Digest([9; 32])))).is_none());
}

/// What is stored and in no batch was not used, whoever says so.
#[test]
fn a_record_that_no_batch_has_is_not_present() {
    let proved = Proved::new(&["tokenize.sequence=32", "mixture.sequences=1"]);
    let used = check(&proved.prove(Wanted::Batch { batch: 0, size: 1 }).unwrap().encode()).unwrap();
    let passing = super::passing(&proved.world, &proved.kept);
    let other = passing.keys().find(|record| !used.records.iter().any(|one| one.0 == **record));
    let other = *other.expect("one sequence has not all records");
    assert!(!proved.training.with(other).unwrap().is_empty(), "it is stored");
    assert!(proved.prove(Wanted::Record(other)).is_none());
    // One that shows it all the same, with honest leaves.
    let place = *proved.training.with(other).unwrap().first().unwrap();
    let mut forged = proved.prove(Wanted::Batch { batch: 0, size: 1 }).unwrap();
    forged.sequences[0].place = place;
    let error = check(&forged.encode()).unwrap_err().to_string();
    assert!(error.contains("is in no batch"), "{error}");
    for beyond in [(99, 0), (0, 1 << 40)] {
        let place = &mut forged.sequences[0].place;
        (place.source, place.sequence) = beyond;
        let error = check(&forged.encode()).unwrap_err().to_string();
        assert!(error.contains("is in no batch"), "{error}");
    }
}

/// Changes an honest proof and looks for what is said about it.
fn refuses(honest: &Presence) -> impl Fn(&dyn Fn(&mut Presence), &str) {
    |change, complaint| {
        let mut forged = honest.clone();
        change(&mut forged);
        let error = check(&forged.encode()).unwrap_err().to_string();
        assert!(error.contains(complaint), "{complaint}: {error}");
    }
}

/// Every lie about records and sequences.
#[test]
fn each_leaf_that_is_forged_is_refused() {
    let proved = Proved::new(&[]);
    let honest = proved.prove(Wanted::Batch { batch: 1, size: 3 }).unwrap();
    let refuses = refuses(&honest);
    assert!(check(&honest.encode()).is_ok());
    let nobody = RecordId(Digest([9; 32]));
    // Another record in the place of one, here and in the list.
    refuses(&|forged| forged.sequences[0].sequence.spans[0].record = nobody, "records listed");
    refuses(&|forged| forged.records[0].record = nobody, "records listed");
    refuses(&|forged| forged.records.truncate(1), "records listed");
    let every = |forged: &mut Presence, from: RecordId, to: RecordId| {
        let spans = forged.sequences.iter_mut().flat_map(|held| &mut held.sequence.spans);
        spans.filter(|span| span.record == from).for_each(|span| span.record = to);
        forged.records.iter_mut().filter(|e| e.record == from).for_each(|e| e.record = to);
        forged.records.sort_by_key(|entry| entry.record);
    };
    refuses(
        &|forged| {
            let from = forged.records[0].record;
            every(forged, from, nobody);
        },
        "the tree of records",
    );
    let tokens = |forged: &mut Presence| forged.sequences[1].sequence.tokens = Digest([1; 32]);
    refuses(&tokens, "in the tree of sequences is another one");
    let count = |forged: &mut Presence| forged.sequences[0].sequence.spans[0].start += 1;
    refuses(&count, "in the tree of sequences is another one");
    refuses(&|forged| forged.sequences[0].sequence.spans[0].count = 0, "are empty, or more");
    refuses(&|forged| forged.sequences[0].sequence.spans[0].count = 1 << 20, "are empty, or more");
    refuses(&|forged| forged.sequences.swap(0, 1), "do not ascend");
    refuses(
        &|forged| {
            forged.sequences.clear();
            forged.records.clear();
        },
        "there are none",
    );
    let text = |forged: &mut Presence| forged.records[0].text = Digest([1; 32]);
    refuses(&text, "in the tree of verdicts is another one");
    let salted = |forged: &mut Presence| forged.records[0].salt = Digest([1; 32]);
    refuses(&salted, "in the tree of records is another one");
    let trees = |forged: &mut Presence| std::mem::swap(&mut forged.read, &mut forged.judged);
    refuses(&trees, "the tree of records");
    refuses(&|forged| forged.stored = forged.read.clone(), "the tree of sequences");
}

/// Every lie of somebody who signs a version, a receipt or a manifest of something else.
#[test]
fn each_link_that_is_forged_is_refused() {
    let proved = Proved::new(&[]);
    let honest = proved.prove(Wanted::Batch { batch: 1, size: 3 }).unwrap();
    let refuses = refuses(&honest);
    let version = Version::decode(&honest.version).unwrap();
    let other = Version { kept: version.kept + 1, ..version };
    refuses(&|forged| forged.version = other.encode(), "the version in its receipt");
    let manifest = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = proved.led.manifest.clone();
        change(&mut manifest);
        manifest.sign(&SecretKey::from_seed([8; 32]))
    };
    let zero = Digest([0; 32]);
    for (lie, complaint) in [
        (manifest(&|lie| lie.version.0 = zero), "the manifest's version"),
        (manifest(&|lie| lie.root = zero), "the manifest's root"),
        (manifest(&|lie| lie.policy = zero), "the manifest's policy"),
        (manifest(&|lie| lie.stored.root = zero), "the tree of sequences"),
        (vec![0; 9], "the training manifest"),
    ] {
        refuses(&|forged| forged.manifest.clone_from(&lie), complaint);
    }
    let claim = proved.world.catalogue().version(&proved.kept.id).join("version.rcpt");
    let mut stage = terroir_corpus::claim::Claim::open(&claim).unwrap().0.stage();
    stage.name = "exact".into();
    let lie = signs(&key())(&stage).unwrap();
    refuses(&|forged| forged.receipt.clone_from(&lie), "something else than a version");
    stage.name = "version".into();
    stage.program = zero;
    let lie = signs(&key())(&stage).unwrap();
    refuses(&|forged| forged.receipt.clone_from(&lie), "the policy in the version's receipt");
    let mut stage = terroir_corpus::claim::Claim::open(&claim).unwrap().0.stage();
    stage.outputs.count += 1;
    let lie = signs(&key())(&stage).unwrap();
    refuses(&|forged| forged.receipt.clone_from(&lie), "the records that pass");
    refuses(&|forged| forged.receipt.truncate(60), "the version's receipt");
}

/// No byte of a proof can be changed so that it still shows something.
#[test]
fn a_flipped_byte_shows_nothing() {
    let proved = Proved::new(&[]);
    let bytes = proved.prove(Wanted::Batch { batch: 0, size: 1 }).unwrap().encode();
    assert!(check(&bytes).is_ok());
    for at in (0..bytes.len()).step_by(41) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(check(&flipped).is_err(), "byte {at}");
    }
    assert!(check(&bytes[..bytes.len() - 1]).is_err());
}
