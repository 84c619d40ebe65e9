//! Into training: gates, manifests and batches, the same whatever the files, shards and threads; what
//! was tampered with is named.

mod gates;
mod present;

use crate::world::{World, files, lines, salt};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use terroir_base::Digest;
use terroir_base::sign::SecretKey;
use terroir_corpus::audit::Scope;
use terroir_corpus::catalogue::Kept;
use terroir_corpus::lead::{
    self, Checked, Encoder, Form, Led, Options, Outcome, Place, Training, Written, check, find,
    folder, gate, lead,
};
use terroir_corpus::run::on_threads;
use terroir_corpus::{Error, RecordId};
use terroir_model::tokenizer::{Pre, Scheme, TokenKind};
use terroir_model::{Tokenizer, Vocabulary};

/// One token a byte, some merges, and a control token that ends documents.
fn vocabulary() -> Vocabulary {
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    let mut merges = Vec::new();
    for pair in ["th", "er", "in", "se"] {
        let bytes = pair.as_bytes();
        merges.push((u32::from(bytes[0]), u32::from(bytes[1])));
        tokens.push(bytes.to_vec());
    }
    let mut kinds = vec![TokenKind::Normal; tokens.len()];
    tokens.push(b"<|end|>".to_vec());
    kinds.push(TokenKind::Control);
    Vocabulary {
        tokens,
        kinds,
        scheme: Scheme::ByteLevel { pre: Pre::Gpt2, merges },
        unknown: None,
    }
}

const END: u32 = 260;

fn encoder() -> Encoder {
    Encoder::new(&vocabulary().encode()).unwrap()
}

/// What every test leads by.
const LEAD: [&str; 4] = [
    "tokenize.tokenizer=tiny",
    "tokenize.sequence=64",
    "tokenize.packing=concatenate_drop",
    "tokenize.end=\"<|end|>\"",
];

fn with(more: &[&str]) -> Vec<&'static str> {
    LEAD.into_iter().chain(more.iter().map(|text| &*text.to_string().leak())).collect()
}

fn outcome(world: &World, kept: &Kept, more: &[&str], threads: usize) -> Result<Outcome, Error> {
    let recipe = world.recipe(&with(more));
    let (catalogue, encoder) = (world.catalogue(), encoder());
    let key = SecretKey::from_seed([3; 32]);
    let options = Options { salt: salt(), key: &key, watch: &|_| () };
    on_threads(threads, || lead(&catalogue, kept, &recipe, &encoder, None, &options)).unwrap()
}

#[track_caller]
fn led(world: &World, kept: &Kept, more: &[&str], threads: usize) -> Led {
    match outcome(world, kept, more, threads).unwrap() {
        Outcome::Led(led) => *led,
        Outcome::Refused(report) => panic!("{report:?}"),
    }
}

/// A world with `count` records, in shards of that size.
fn world(seed: u64, count: usize, shard_bytes: usize) -> (World, Kept) {
    let world = World::new();
    world.file("in", "a.jsonl", &lines(seed, count));
    let made = world.all(&[], shard_bytes, 1);
    let kept = world.catalogue().open(&made.id).unwrap();
    (world, kept)
}

fn open(world: &World, led: &Led) -> Training {
    let at = find(&world.catalogue(), &led.id.to_string()).unwrap();
    Training::open(&at, &salt()).unwrap()
}

/// Writes batches of so many sequences.
fn batches(
    training: &Training,
    wanted: Range<u64>,
    size: u64,
    form: Form,
    out: &Path,
) -> Result<Written, Error> {
    let mut read = |number, bytes: &mut Vec<u8>| training.batch(number, size, bytes);
    lead::batches(training, &mut read, (wanted, size), form, out)
}

/// Every token of one manifest, in the order of its positions.
fn all_tokens(training: &Training) -> Vec<u8> {
    let mut out = Vec::new();
    for place in training.order().batch(0, u64::MAX) {
        training.tokens(place, &mut out).unwrap();
    }
    out
}

/// Source and text of every record that passes, by record.
fn passing(world: &World, kept: &Kept) -> BTreeMap<RecordId, (String, String)> {
    let out = world.path("exported");
    let catalogue = world.catalogue();
    let form = terroir_corpus::export::Form::Jsonl;
    let written = terroir_corpus::export::export(&catalogue, kept, form, &out, &salt()).unwrap();
    let mut all = BTreeMap::new();
    for path in written.files {
        for line in fs::read_to_string(path).unwrap().lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| record[name].as_str().unwrap().to_owned();
            all.insert(text("rid").parse().unwrap(), (text("source"), text("text")));
        }
    }
    all
}

#[test]
fn manifests_do_not_depend_on_files_shards_or_threads() {
    let all = lines(1, 300);
    let one = World::new();
    one.file("in", "all.jsonl", &all);
    let first = one.all(&[], 64 << 20, 1);
    let first_kept = one.catalogue().open(&first.id).unwrap();
    let weights = ["mixture.weights={s0=2, s1=0.5}", "mixture.epochs=2"];
    let a = led(&one, &first_kept, &weights, 1);

    let two = World::new();
    let (left, right): (Vec<_>, Vec<_>) =
        all.iter().rev().cloned().enumerate().partition(|(at, _)| at % 3 == 0);
    let plain =
        |part: Vec<(usize, String)>| part.into_iter().map(|(_, line)| line).collect::<Vec<_>>();
    // Some records stand in two files, and so in two shards.
    two.file("in", "c.jsonl", &all[..40]);
    two.file("in", "b.jsonl", &plain(left));
    two.file("in", "a.jsonl", &plain(right));
    let second = two.all(&[], 16 << 10, 2);
    assert!(second.shards > 3);
    let b = led(&two, &two.catalogue().open(&second.id).unwrap(), &weights, 2);
    assert_eq!((a.id, &a.manifest), (b.id, &b.manifest));
    let bytes = |world: &World, led: &Led| -> Vec<Vec<u8>> {
        let at = find(&world.catalogue(), &led.id.to_string()).unwrap();
        let signed = fs::read(at.join("manifest.cose")).unwrap();
        files(&at, ".bin").iter().map(|path| fs::read(path).unwrap()).chain([signed]).collect()
    };
    assert_eq!(bytes(&one, &a), bytes(&two, &b));
    assert_eq!(bytes(&one, &a).len(), 3);
}

#[test]
fn sequences_hold_the_tokens_of_the_records_that_pass() {
    let (world, kept) = world(2, 80, 8 << 10);
    let tokenizer = Tokenizer::new(vocabulary()).unwrap();
    let records = passing(&world, &kept);
    let documents: Vec<Vec<u32>> = records
        .values()
        .map(|(_, text)| tokenizer.encode(text, false).into_iter().chain([END]).collect())
        .collect();
    let stream = documents.concat();
    let tokens = |bytes: &[u8]| -> Vec<u32> {
        bytes.chunks(2).map(|two| u32::from(u16::from_le_bytes([two[0], two[1]]))).collect()
    };
    let stored = |packing: &str| {
        let led = led(&world, &kept, &[&format!("tokenize.packing={packing}")], 2);
        let at = find(&world.catalogue(), &led.id.to_string()).unwrap();
        (tokens(&fs::read(at.join("tokens-00000.bin")).unwrap()), led.manifest)
    };
    let whole = stream.len() / 64 * 64;
    assert!(whole < stream.len());
    let (drop, manifest) = stored("concatenate_drop");
    assert_eq!(drop, stream[..whole]);
    let packed = manifest.sources[0].packed;
    assert_eq!((packed.records, packed.tokens), (records.len() as u64, stream.len() as u64));
    assert_eq!(packed.left_out, (stream.len() - whole) as u64);

    let (pad, manifest) = stored("concatenate_pad");
    assert_eq!(pad[..stream.len()], stream);
    assert_eq!(pad.len(), whole + 64);
    assert!(pad[stream.len()..].iter().all(|token| *token == END));
    assert_eq!(manifest.sources[0].packed.left_out, 0);

    let (single, manifest) = stored("single");
    assert_eq!(single.len(), documents.len() * 64);
    let mut left_out = 0;
    for (sequence, document) in single.chunks(64).zip(&documents) {
        let count = document.len().min(64);
        assert_eq!(sequence[..count], document[..count]);
        assert!(sequence[count..].iter().all(|token| *token == END));
        left_out += document.len() - count;
    }
    assert!(left_out > 0);
    assert_eq!(manifest.sources[0].packed.left_out, left_out as u64);
}

#[test]
fn mixtures_are_exact() {
    let (world, kept) = world(3, 200, 64 << 20);
    let records = passing(&world, &kept);
    let of = |source: &str| records.values().filter(|(own, _)| own == source).count() as u64;
    let led = led(&world, &kept, &["mixture.weights={s0=3, s1=1}", "mixture.epochs=3"], 1);
    let manifest = &led.manifest;
    let [s0, s1] = &manifest.sources[..] else { panic!("{manifest:?}") };
    assert_eq!((s0.packed.records, s1.packed.records), (of("s0"), of("s1")));
    // The source that runs out first ends the mixture: no sequence comes more than three times.
    let most = (s0.packed.stored * 3 * 4 / 3).min(s1.packed.stored * 3 * 4);
    assert_eq!(manifest.sequences, most);
    let mut times: BTreeMap<Place, u64> = BTreeMap::new();
    let order = manifest.order();
    for position in 0..manifest.sequences {
        let place = order.at(position);
        *times.entry(place).or_default() += 1;
        assert!(order.positions(place, usize::MAX).contains(&position));
    }
    let taken = |source: u32| -> u64 {
        times.iter().filter(|(place, _)| place.source == source).map(|(_, count)| count).sum()
    };
    assert_eq!([taken(0), taken(1)], [manifest.counts()[0], manifest.counts()[1]]);
    assert!(taken(0).abs_diff(taken(1) * 3) <= 3, "{} {}", taken(0), taken(1));
    assert_eq!(times.values().max(), Some(&3));
    assert!(
        times
            .iter()
            .all(|(place, count)| order.positions(*place, usize::MAX).len() as u64 == *count)
    );

    // What is asked for beyond that is refused with the numbers.
    let asked = format!("mixture.sequences={}", most * 2);
    let more = ["mixture.weights={s0=3, s1=1}", "mixture.epochs=3", &asked];
    let error = outcome(&world, &kept, &more, 1).unwrap_err().to_string();
    assert!(error.starts_with("recipe, mixture.sequences: source \"s0\" runs out"), "{error}");
    let few = ["mixture.weights={s0=3, s1=1}", "mixture.sequences=8"];
    let few = self::led(&world, &kept, &few, 1).manifest;
    assert_eq!((few.sequences, few.counts()), (8, vec![6, 2]));

    // A source without a weight is left out and counted; all others can be named together.
    let only = self::led(&world, &kept, &["mixture.weights={s1=1}"], 1).manifest;
    assert_eq!((only.left_out, only.sources.len()), (of("s0"), 1));
    let rest = self::led(&world, &kept, &["mixture.weights={s1=1, \"*\"=1}"], 1).manifest;
    assert_eq!((rest.left_out, rest.sources[0].packed.records), (0, of("s0")));
    let error = outcome(&world, &kept, &["mixture.weights={s7=1}"], 1).unwrap_err().to_string();
    assert!(error.starts_with("recipe, mixture.weights.s7: has 0 records that pass"), "{error}");
}

#[test]
fn any_batch_is_that_of_a_run_from_the_start() {
    let (world, kept) = world(4, 120, 64 << 20);
    let led = led(&world, &kept, &["mixture.seed=9"], 1);
    let training = open(&world, &led);
    let all = all_tokens(&training);
    let sequence = 128;
    assert_eq!(all.len() as u64, led.manifest.sequences * sequence);
    for (form, ending, header) in [(Form::Raw, "bin", 0), (Form::Npy, "npy", 128)] {
        let mut seen = Vec::new();
        let batches_in_all = led.manifest.sequences.div_ceil(7);
        // From the last to the first, each on its own.
        for number in (0..batches_in_all).rev() {
            let out = world.path(ending);
            let written = batches(&training, number..number + 1, 7, form, &out).unwrap();
            let name = format!("batch-{number:08}.{ending}");
            assert_eq!(written.files, [out.join(name)]);
            let bytes = fs::read(&written.files[0]).unwrap();
            seen.push(bytes[header..].to_vec());
        }
        seen.reverse();
        assert_eq!(seen.concat(), all);
    }
    let whole = batches(&training, 0..u64::MAX, 7, Form::Parquet, &world.path("p")).unwrap();
    assert_eq!(whole.sequences, led.manifest.sequences);
    let past = batches(&training, 1 << 40..1 << 41, 7, Form::Raw, &world.path("none"));
    assert!(matches!(past, Err(Error::Missing { kind: "batch", .. })));
    assert!(!world.path("none").exists());
    // Another seed is another order of the same sequences.
    let other = self::led(&world, &kept, &["mixture.seed=10"], 1);
    assert_eq!(other.manifest.stored, led.manifest.stored);
    let other = all_tokens(&open(&world, &other));
    assert_ne!(other, all);
    let sorted = |bytes: &[u8]| -> BTreeSet<Vec<u8>> {
        bytes.chunks(sequence as usize).map(<[u8]>::to_vec).collect()
    };
    assert_eq!(sorted(&other), sorted(&all));
}

/// Where there is a Python with NumPy, it reads what was written as it was meant.
#[test]
fn numpy_reads_batches_as_they_are() {
    let python = |script: &str, file: &str| {
        let words = ["-c", script, file];
        std::process::Command::new("python3")
            .args(words)
            .output()
            .ok()
            .filter(|o| o.status.success())
    };
    if python("import numpy", "").is_none() {
        return;
    }
    let (world, kept) = world(11, 40, 64 << 20);
    let training = open(&world, &led(&world, &kept, &[], 1));
    let out = world.path("out");
    let npy = batches(&training, 1..2, 4, Form::Npy, &out).unwrap().files.remove(0);
    let raw = batches(&training, 1..2, 4, Form::Raw, &out).unwrap().files.remove(0);
    let script = "import numpy, sys; a = numpy.load(sys.argv[1]); \
                  print(a.shape, a.dtype.str, a.tobytes().hex(), end='')";
    let said = python(script, npy.to_str().unwrap()).unwrap().stdout;
    let bytes = fs::read(raw).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(String::from_utf8(said).unwrap(), format!("(4, 64) <u2 {hex}"));
    // Byte for byte what NumPy itself would have written.
    let script = "import io, numpy, sys; a = numpy.load(sys.argv[1]); b = io.BytesIO(); \
                  numpy.save(b, a); print(b.getvalue().hex(), end='')";
    let said = python(script, npy.to_str().unwrap()).unwrap().stdout;
    let bytes = fs::read(npy).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(String::from_utf8(said).unwrap(), hex);
}

#[test]
fn what_was_tampered_with_is_named() {
    let (world, kept) = world(6, 60, 64 << 20);
    let led = led(&world, &kept, &[], 1);
    let at = find(&world.catalogue(), &led.id.to_string()).unwrap();
    let flip = |name: &str, byte: usize| {
        let path = at.join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[byte] ^= 1;
        fs::write(&path, bytes).unwrap();
    };
    flip("tokens-00000.bin", 128 * 5 + 17);
    let training = open(&world, &led);
    let read = |training: &Training, sequence| {
        training.tokens(Place { source: 0, sequence }, &mut Vec::new())
    };
    for sequence in 0..led.manifest.stored.leaves {
        match read(&training, sequence) {
            Ok(()) => assert_ne!(sequence, 5),
            Err(error) => {
                let want = "tokens-00000.bin: sequence 5 (bytes 640 to 768) has the digest";
                assert!(sequence == 5 && error.to_string().contains(want), "{error}");
            }
        }
    }
    let out = world.path("out");
    let every = batches(&training, 0..1000, 4, Form::Raw, &out).unwrap_err();
    assert!(matches!(every, Error::Damaged { .. }));
    let odd = checked(&world, &kept, &led, Scope::Full).differences;
    assert!(odd.len() == 1 && odd[0].tree == "sequence 5 of source 0", "{odd:?}");
    flip("tokens-00000.bin", 128 * 5 + 17);

    // A table that says something else does not lead to the root.
    let other = self::led(&world, &kept, &["tokenize.packing=single"], 1);
    let other = find(&world.catalogue(), &other.id.to_string()).unwrap();
    let name = "sequences-00000.parquet";
    let before = fs::read(at.join(name)).unwrap();
    fs::copy(other.join(name), at.join(name)).unwrap();
    let error = Training::open(&at, &salt()).map(drop).unwrap_err().to_string();
    assert!(error.contains("have the root"), "{error}");
    fs::write(at.join(name), before).unwrap();
    for byte in [0, 40, 200] {
        flip("manifest.cose", byte);
        assert!(Training::open(&at, &salt()).is_err());
        flip("manifest.cose", byte);
    }
    fs::copy(other.join("manifest.cose"), at.join("manifest.cose")).unwrap();
    let error = Training::open(&at, &salt()).map(drop).unwrap_err().to_string();
    assert!(error.contains("holds manifest"), "{error}");
}

fn checked(world: &World, kept: &Kept, led: &Led, scope: Scope) -> Checked {
    let training = open(world, led);
    check(&world.catalogue(), kept, &training, &encoder(), scope, &salt()).unwrap()
}

#[test]
fn sequences_are_made_again_from_the_records() {
    let (world, kept) = world(7, 90, 16 << 10);
    for packing in ["concatenate_drop", "concatenate_pad", "single"] {
        let packing = format!("tokenize.packing={packing}");
        let led = led(&world, &kept, &[&packing, "mixture.weights={s0=1, s1=1}"], 1);
        let all = led.manifest.stored.leaves;
        let full = checked(&world, &kept, &led, Scope::Full);
        assert_eq!((full.sequences, &full.differences[..]), (all, &[][..]));
        let drawn = checked(&world, &kept, &led, Scope::Sample(20, Digest([1; 32])));
        assert_eq!((drawn.sequences, &drawn.differences[..]), (20, &[][..]));
        let every = checked(&world, &kept, &led, Scope::Sample(u32::MAX, Digest([1; 32])));
        assert_eq!((every.sequences, &every.differences[..]), (all, &[][..]));
    }
    // A manifest of other packing in the place of the honest one is found by both.
    let honest = led(&world, &kept, &["tokenize.sequence=32"], 1);
    let mut lie = honest.clone();
    lie.manifest.shape.packing = terroir_corpus::recipe::Packing::Single;
    lie.id = lie.manifest.id();
    let all = folder(&world.catalogue());
    let at = all.join(lie.id.to_string());
    fs::rename(all.join(honest.id.to_string()), &at).unwrap();
    let key = SecretKey::from_seed([3; 32]);
    fs::write(at.join("manifest.cose"), lie.manifest.sign(&key)).unwrap();
    for scope in [Scope::Full, Scope::Sample(9, Digest([2; 32]))] {
        let odd = checked(&world, &kept, &lie, scope).differences;
        assert!(odd.iter().any(|odd| odd.record.is_some()), "{odd:?}");
    }
}

#[test]
fn changed_records_and_verdicts_are_found_before_they_are_used() {
    let (world, kept) = world(9, 40, 64 << 20);
    let catalogue = world.catalogue();
    let recipe = world.recipe(&[]);
    let ask = || gate(&catalogue, &kept, &recipe, &salt(), &|_| ());
    assert!(ask().is_ok());
    // The verdicts of a version that lets more pass.
    let other = World::new();
    other.file("in", "a.jsonl", &lines(9, 40));
    let set = ["policy.ignore=[\"gopher_quality\"]"];
    let lax = other.all(&set, 64 << 20, 1);
    assert!(lax.counts.kept > kept.version.kept);
    let verdicts = |world: &World, id| -> PathBuf {
        files(&world.catalogue().version(id), ".parquet").remove(0)
    };
    let path = verdicts(&world, &kept.id);
    let before = fs::read(&path).unwrap();
    fs::copy(verdicts(&other, &lax.id), &path).unwrap();
    let error = ask().unwrap_err().to_string();
    assert!(error.contains("the verdicts have the root"), "{error}");
    fs::write(&path, before).unwrap();
    let shard = catalogue.shard(&kept.shards[0]);
    let mut bytes = fs::read(&shard).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let error = ask().unwrap_err().to_string();
    assert!(error.contains("its bytes are those of"), "{error}");
}

#[test]
fn a_withdrawn_contributor_is_absent_from_the_next_manifest() {
    let (world, kept) = world(10, 90, 64 << 20);
    let before = led(&world, &kept, &[], 1);
    let mut records = world.records(&[], Some(&kept));
    records.withdrawn = BTreeSet::from(["eve".to_owned()]);
    let after = world.run(&world.recipe(&[]), &records, 1);
    let after = world.catalogue().open(&after.id).unwrap();
    let next = led(&world, &after, &[], 1);
    assert_ne!(next.id, before.id);
    let inside = |led: &Led| -> BTreeSet<RecordId> {
        let training = open(&world, led);
        let places = (0..led.manifest.stored.leaves).map(|sequence| Place { source: 0, sequence });
        let rows = training.show(&places.collect(), &salt()).unwrap().0;
        let spans = rows.into_iter().flat_map(|row| row.spans);
        spans.map(|span| span.record).collect()
    };
    let catalogue = world.catalogue();
    let by_eve = |record: &RecordId| {
        let name = record.to_string();
        let story = terroir_corpus::explain::explain(&catalogue, &kept, &name, &salt()).unwrap();
        story.fields.contains(&("contributor".to_owned(), "eve".to_owned()))
    };
    assert!(inside(&before).iter().any(by_eve));
    let left = inside(&next);
    assert!(!left.is_empty() && !left.iter().any(by_eve));
}

#[test]
fn documents_end_with_a_control_token_that_exists() {
    let encoder = encoder();
    assert_eq!(encoder.end(Some("<|end|>"), None).unwrap(), END);
    assert_eq!(encoder.end(None, Some(END)).unwrap(), END);
    for (name, usual) in
        [(Some("th"), Some(END)), (Some("nothing"), None), (None, Some(3)), (None, None)]
    {
        assert!(encoder.end(name, usual).is_err(), "{name:?} {usual:?}");
    }
    // Text that spells its name is text.
    let tokens = encoder.session().encode("a<|end|>b", false);
    assert!(!tokens.contains(&END));
    assert!(Encoder::new(b"none").is_err());
}
