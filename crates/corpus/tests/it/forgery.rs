//! Whoever can write to the disk and sign with a key of their own still changes nothing unnoticed.

use crate::world::{World, files, key, lines, salt, signs};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, Value};
use terroir_base::sign::{SecretKey, sign1, verify1};
use terroir_corpus::audit::{Difference, Scope, audit};
use terroir_corpus::catalogue::Kept;
use terroir_corpus::claim::{self, Bytes, Claim};
use terroir_corpus::diff::diff;
use terroir_corpus::explain::explain;
use terroir_corpus::export::{Form, export};
use terroir_corpus::ingest::CONTENT_TYPE;
use terroir_corpus::keys;
use terroir_corpus::merge::Tree;
use terroir_corpus::pairs::{self, Pair, Pairs};
use terroir_corpus::report::gather;
use terroir_corpus::run::table_key;
use terroir_corpus::stage::chain;
use terroir_corpus::{Error, RecordId};

/// What is made of something true.
type Lie<T> = fn(&mut T);

struct Forger {
    world: World,
    kept: Kept,
    key: SecretKey,
}

fn forger() -> Forger {
    let world = World::new();
    world.file("in", "a.jsonl", &lines(8, 60));
    let made = world.all(&[], 16 << 10, 1);
    let kept = world.catalogue().open(&made.id).unwrap();
    Forger { world, kept, key: SecretKey::from_seed([66; 32]) }
}

impl Forger {
    fn audit(&self, scope: Scope) -> Vec<Difference> {
        audit(&self.world.catalogue(), &self.kept, scope, &salt(), 1 << 20).unwrap().differences
    }

    fn smallest(&self) -> Vec<Difference> {
        self.audit(Scope::Sample(1, Digest([5; 32])))
    }

    fn verdicts(&self) -> PathBuf {
        let folder = self.world.catalogue().version(&self.kept.id).join("verdicts");
        files(&folder, ".parquet").remove(0)
    }

    /// Signs the version, as it lies there now, with the forger's key.
    fn sign_version(&self) {
        let (catalogue, kept) = (self.world.catalogue(), &self.kept);
        let stages = chain(&kept.recipe).unwrap();
        let parts = (&kept.shards[..], &kept.units[..]);
        let rests = claim::envelopes(&catalogue, &stages, &kept.version.records, parts);
        let folder = catalogue.version(&kept.id);
        let files = claim::version_files(&kept.shards);
        let files = files.iter().map(|name| Bytes::of(&catalogue, &folder.join(name)).unwrap());
        let claim = claim::version(&kept.version, claim::over(&rests).unwrap(), files.collect());
        claim.keep(&folder.join("version.rcpt"), &signs(&self.key)).unwrap();
    }

    /// Signs a claim about `table` that is changed by `change`.
    fn sign_claim(&self, table: &Path, change: impl FnOnce(&mut Claim)) {
        let path = claim::path(table);
        let (mut claim, _) = Claim::open(&path).unwrap();
        claim.files = vec![Bytes::of(&self.world.catalogue(), table).unwrap()];
        change(&mut claim);
        claim.keep(&path, &signs(&self.key)).unwrap();
    }

    fn table(&self, place: usize) -> PathBuf {
        let stages = chain(&self.kept.recipe).unwrap();
        let key = table_key(&stages[place], &self.kept.version.records);
        self.world.catalogue().rows(&key, &self.kept.shards[0])
    }
}

/// A receipt and its list, to be put back.
struct Saved([(PathBuf, Vec<u8>); 2]);

impl Saved {
    fn of(path: &Path) -> Saved {
        let paths = [path.to_owned(), path.with_extension("files")];
        Saved(paths.map(|path| (path.clone(), fs::read(path).unwrap())))
    }

    fn restore(&self) {
        self.0.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    }
}

/// Writes the table `path` again with the column `name` changed.
fn rewrite(path: &Path, name: &str, change: impl FnOnce(&ArrayRef) -> ArrayRef) {
    let file = File::open(path).unwrap();
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    let at = batch.schema().index_of(name).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[at] = change(&columns[at]);
    write(path, &RecordBatch::try_new(batch.schema(), columns).unwrap());
}

fn write(path: &Path, batch: &RecordBatch) {
    let mut out = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    out.write(batch).unwrap();
    out.close().unwrap();
}

/// The record in the first row of the table `path`.
fn first(path: &Path) -> RecordId {
    let file = File::open(path).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = batches.into_iter().next().unwrap().unwrap();
    let rids = batch.column_by_name("rid").unwrap().as_fixed_size_binary();
    RecordId(Digest(rids.value(0).try_into().unwrap()))
}

fn names(found: &[Difference], tree: &str, record: RecordId) -> bool {
    found.iter().any(|found| found.tree == tree && found.record == Some(record))
}

fn says(found: &[Difference], tree: &str, what: &str) -> bool {
    found.iter().any(|found| found.tree == tree && found.what.contains(what))
}

#[test]
fn a_verdict_turned_around_is_named_and_never_used() {
    let forger = forger();
    let path = forger.verdicts();
    let record = first(&path);
    rewrite(&path, "kept", |kept| {
        let kept = kept.as_boolean().iter().enumerate();
        let turned = kept.map(|(at, kept)| kept.map(|kept| kept ^ (at == 0)));
        Arc::new(turned.collect::<BooleanArray>())
    });
    forger.sign_version();
    assert!(names(&forger.smallest(), "verdicts", record));
    let (catalogue, kept) = (forger.world.catalogue(), &forger.kept);
    let out = forger.world.path("out");
    let refused = [
        export(&catalogue, kept, Form::Jsonl, &out, &salt()).err(),
        explain(&catalogue, kept, &record.to_string(), &salt()).err(),
        gather(&catalogue, kept, &salt()).err(),
        diff(&catalogue, kept, kept, &salt()).err(),
    ];
    for error in refused {
        let error = error.unwrap().to_string();
        assert!(error.contains(&record.to_string()), "{error}");
    }
    assert!(!out.exists() || fs::read_dir(&out).unwrap().count() == 0);
}

#[test]
fn other_leaves_of_verdicts_are_refused_with_the_file() {
    let forger = forger();
    let path = forger.verdicts();
    let record = first(&path);
    rewrite(&path, "leaf", |leaf| {
        let mut other = leaf.as_fixed_size_binary().iter().flatten().collect::<Vec<_>>();
        other.swap(0, 1);
        Arc::new(arrow_array::FixedSizeBinaryArray::try_from_iter(other.into_iter()).unwrap())
    });
    let (catalogue, kept) = (forger.world.catalogue(), &forger.kept);
    let error = export(&catalogue, kept, Form::Jsonl, &forger.world.path("out"), &salt());
    assert!(error.unwrap_err().to_string().contains(&record.to_string()));
    assert!(names(&forger.smallest(), "verdicts", record));
    // A version without any verdicts: nothing is wrong with the rows that are left.
    let file = File::open(&path).unwrap();
    let schema = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().schema().clone();
    write(&path, &RecordBatch::new_empty(schema));
    let error = export(&catalogue, kept, Form::Jsonl, &forger.world.path("out"), &salt());
    let error = error.unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
    assert!(names(&forger.smallest(), "verdicts", record));
}

#[test]
fn a_row_with_its_leaf_and_claims_forged_is_named_by_the_smallest_audit() {
    let forger = forger();
    let other = World::new();
    other.file("in", "a.jsonl", &lines(8, 60));
    let lied = other.all(&["stage.gopher_quality.stop_words=[\"zebra\"]"], 16 << 10, 1);
    let kept = other.catalogue().open(&lied.id).unwrap();
    let stages = chain(&kept.recipe).unwrap();
    let from = other.catalogue().rows(&stages[1].key, &kept.shards[0]);
    let table = forger.table(1);
    fs::copy(&from, &table).unwrap();
    let (theirs, _) = Claim::open(&claim::path(&from)).unwrap();
    forger.sign_claim(&table, |claim| claim.outputs = theirs.outputs);
    forger.sign_version();
    let found = forger.smallest();
    assert!(found.iter().any(|one| one.tree == "gopher_quality" && one.record.is_some()));
}

#[test]
fn rows_that_are_not_those_of_the_version_are_never_shown() {
    let forger = forger();
    let (catalogue, kept) = (forger.world.catalogue(), &forger.kept);
    let table = forger.table(1);
    let honest = fs::read(&table).unwrap();
    let refused = |what: &str| {
        forger.sign_claim(&table, |_| ());
        forger.sign_version();
        let record = first(&forger.verdicts());
        let errors = [
            explain(&catalogue, kept, &record.to_string(), &salt()).err(),
            gather(&catalogue, kept, &salt()).err(),
        ];
        for error in errors {
            let error = error.unwrap().to_string();
            assert!(error.contains(what), "{error}");
        }
    };
    // A score that its leaf is not made of.
    rewrite(&table, "words", |words| {
        let more = words.as_primitive::<Int64Type>().values().iter().map(|words| words + 1);
        Arc::new(more.collect::<Int64Array>())
    });
    refused(&format!("the row of record {} is not what its leaf says", first(&table)));
    // Rows with leaves of their own, of the same stage with other words.
    let other = World::new();
    other.file("in", "a.jsonl", &lines(8, 60));
    let lied = other.all(&["stage.gopher_quality.stop_words=[\"zebra\"]"], 16 << 10, 1);
    let lied = other.catalogue().open(&lied.id).unwrap();
    let stages = chain(&lied.recipe).unwrap();
    fs::copy(other.catalogue().rows(&stages[1].key, &lied.shards[0]), &table).unwrap();
    refused("the rows of gopher_quality are not those of the version");
    // A row too many.
    fs::write(&table, &honest).unwrap();
    let file = File::open(&table).unwrap();
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    let file = File::create(&table).unwrap();
    let mut out = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    [batch.clone(), batch.slice(0, 1)].iter().for_each(|batch| out.write(batch).unwrap());
    out.close().unwrap();
    refused(&format!("a row for record {}, which is not here", first(&table)));
}

#[test]
fn claims_that_say_something_else_are_found() {
    let forger = forger();
    let table = forger.table(1);
    let (claimed, node) = (Saved::of(&claim::path(&table)), key());
    let version = forger.world.catalogue().version(&forger.kept.id).join("version.rcpt");
    let signed = Saved::of(&version);
    let lies: [(&str, Lie<Claim>); 5] = [
        ("is not a claim of this stage", |claim| claim.program = Digest([0; 32])),
        ("is not a claim of this stage", |claim| claim.kind = "pii".into()),
        ("not about these records", |claim| claim.inputs.leaves += 1),
        ("other leaves than", |claim| claim.outputs.leaves += 1),
        ("bytes are not those that were signed", |claim| claim.files.clear()),
    ];
    for (what, lie) in lies {
        forger.sign_claim(&table, lie);
        forger.sign_version();
        assert!(says(&forger.smallest(), "gopher_quality", what), "{what}");
        claimed.restore();
        signed.restore();
    }
    // The same words by another signer: the version rests on the first one's.
    forger.sign_claim(&table, |_| ());
    assert!(says(&forger.smallest(), "version", "that it rests on"));
    fs::remove_file(claim::path(&table)).unwrap();
    assert!(!forger.smallest().is_empty());
    claimed.restore();
    assert_eq!(forger.smallest(), []);
    // A version's claim about another version, or about fewer files.
    let (honest, _) = Claim::open(&version).unwrap();
    let lies: [(&str, Lie<Claim>); 3] = [
        ("is not about this version", |claim| claim.outputs.leaves += 1),
        ("names other files", |claim| drop(claim.files.pop())),
        ("not those that were signed", |claim| claim.files[0].length += 1),
    ];
    for (what, lie) in lies {
        let mut claim = honest.clone();
        lie(&mut claim);
        claim.keep(&version, &signs(&node)).unwrap();
        assert!(says(&forger.smallest(), "version", what), "{what}");
    }
}

#[test]
fn what_is_left_out_of_the_log_shows() {
    let mut forger = forger();
    let folder = forger.world.catalogue().version(&forger.kept.id);
    let units = std::mem::take(&mut forger.kept.units);
    fs::write(folder.join("units"), "").unwrap();
    forger.sign_version();
    assert!(says(&forger.smallest(), "ingest", "is in the version, not in the log"));
    forger.kept.units = units;
    let shard = forger.kept.shards.pop().unwrap();
    assert!(says(&forger.smallest(), "ingest", "is in the log, not in the version"));
    assert!(says(&forger.smallest(), "records", "they have the root"));
    forger.kept.shards.push(shard);
    // Counts that do not add up, and a root of other records, signed.
    let path = forger.world.catalogue().unit(&forger.kept.units[0]);
    let honest = fs::read(&path).unwrap();
    let limits = Limits { bytes_max: 1 << 20, depth_max: 6, items_max: 1 << 12 };
    let lies: [(u64, &str, Lie<Value>); 3] = [
        (5, "accounted for", |counts| {
            let Value::Array(counts) = counts else { panic!("counts are an array") };
            counts[0] = Value::Uint(1);
        }),
        (6, "have the root", |root| *root = Value::bytes([1; 32])),
        (3, "its files make", |reading| {
            let Value::Map(fields) = reading else { panic!("fields are a map") };
            fields[0].1 = Value::Text("body".into());
        }),
    ];
    for (field, what, lie) in lies {
        let payload = verify1(&honest, &limits).unwrap().payload;
        let mut entry = cbor::decode(&payload, &limits).unwrap();
        let Value::Map(fields) = &mut entry else { panic!("an entry is a map") };
        let value = fields.iter_mut().find(|(key, _)| *key == Value::Uint(field)).unwrap();
        lie(&mut value.1);
        fs::write(&path, sign1(&cbor::encode(&entry), &forger.key, CONTENT_TYPE)).unwrap();
        forger.sign_version();
        assert!(says(&forger.smallest(), "ingest", what), "{what}: {:?}", forger.smallest());
    }
}

#[test]
fn a_record_without_its_keys_is_named() {
    let forger = forger();
    let catalogue = forger.world.catalogue();
    let stages = chain(&forger.kept.recipe).unwrap();
    let path = catalogue.keys(&stages[3].key, &forger.kept.shards[0]);
    let items: Vec<keys::Item> = keys::Run::open(&path).unwrap().collect::<Result<_, _>>().unwrap();
    let record = items[0].1;
    let fewer: Vec<keys::Item> = items.into_iter().filter(|item| item.1 != record).collect();
    let count = keys::write(&path, &fewer, &[]).unwrap();
    forger.sign_claim(&path, |claim| {
        claim.outputs.root = claim.files[0].digest;
        claim.outputs.leaves = count;
    });
    forger.sign_version();
    assert!(says(&forger.smallest(), "minhash", "its keys have the root"));
    assert!(names(&forger.audit(Scope::Full), "minhash", record));
    // Drawn, it is named as well.
    assert!(names(&forger.audit(Scope::Sample(300, Digest([1; 32]))), "minhash", record));
}

#[test]
fn keys_under_the_name_of_another_record_are_found_by_every_audit() {
    let forger = forger();
    let catalogue = forger.world.catalogue();
    let stages = chain(&forger.kept.recipe).unwrap();
    let path = catalogue.keys(&stages[3].key, &forger.kept.shards[0]);
    let count = keys::Run::open(&path).unwrap().items();
    let mut bytes = fs::read(&path).unwrap();
    // Two records change places in the table, and the checksum of all but the items is made again.
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let (items_at, sums_at) =
        (40 + 36 * number(16), 40 + 36 * number(16) + 22 * number(24) + number(32));
    bytes[40..104].rotate_left(32);
    let end = bytes.len() - 8;
    let frame = [&bytes[..items_at], &bytes[sums_at..end]].concat();
    bytes[end..].copy_from_slice(&xxhash_rust::xxh3::xxh3_64(&frame).to_le_bytes());
    fs::write(&path, bytes).unwrap();
    forger.sign_claim(&path, |claim| {
        claim.outputs = Tree { root: claim.files[0].digest, leaves: count };
    });
    forger.sign_version();
    for scope in [Scope::Sample(1, Digest([5; 32])), Scope::Full] {
        assert!(says(&forger.audit(scope), "minhash", "its records do not ascend"));
    }
}

#[test]
fn a_sketch_that_lies_is_named_where_its_record_is_drawn() {
    let forger = forger();
    let catalogue = forger.world.catalogue();
    let stages = chain(&forger.kept.recipe).unwrap();
    let path = catalogue.keys(&stages[3].key, &forger.kept.shards[0]);
    let items: Vec<keys::Item> = keys::Run::open(&path).unwrap().collect::<Result<_, _>>().unwrap();
    let mut sketches: Vec<keys::Sketch> = Vec::new();
    keys::Run::open(&path)
        .unwrap()
        .sketches(|record, sketch| sketches.push((record, sketch.to_vec())))
        .unwrap();
    // With one that has no n-gram of the others, no text would be compared with its own.
    let record = sketches[2].0;
    sketches[2].1[4..].fill(0);
    keys::write(&path, &items, &sketches).unwrap();
    forger.sign_claim(&path, |claim| claim.outputs.root = claim.files[0].digest);
    forger.sign_version();
    assert!(names(&forger.audit(Scope::Full), "minhash", record));
    assert!(names(&forger.audit(Scope::Sample(300, Digest([1; 32]))), "minhash", record));
    // Without one as well.
    sketches.remove(2);
    keys::write(&path, &items, &sketches).unwrap();
    forger.sign_claim(&path, |claim| claim.outputs.root = claim.files[0].digest);
    forger.sign_version();
    assert!(names(&forger.audit(Scope::Full), "minhash", record));
}

#[test]
fn a_pair_that_lies_is_named_where_its_records_are_drawn() {
    let forger = forger();
    let path = {
        let stages = chain(&forger.kept.recipe).unwrap();
        let key = table_key(&stages[3], &forger.kept.version.records);
        forger.world.catalogue().pairs(&key)
    };
    let (honest, version) = (
        fs::read(&path).unwrap(),
        Saved::of(&forger.world.catalogue().version(&forger.kept.id).join("version.rcpt")),
    );
    let claimed = Saved::of(&claim::path(&path));
    let mut records = Vec::new();
    let all: Vec<Pair> =
        Pairs::open(&path, |record| records.push(record)).unwrap().map(Result::unwrap).collect();
    let mut other = all.clone();
    other[0].result = if all[0].result < 0 { 800_000 } else { -1 };
    // Another result, and a pair that is left out.
    for told in [&other[..], &all[1..]] {
        pairs::write(&path, &records, &mut told.iter().copied().map(Ok)).unwrap();
        forger.sign_claim(&path, |claim| {
            claim.outputs = Tree { root: claim.files[0].digest, leaves: told.len() as u64 };
        });
        forger.sign_version();
        let record = records[all[0].a as usize];
        assert!(names(&forger.audit(Scope::Full), "minhash", record));
        assert!(names(&forger.audit(Scope::Sample(290, Digest([1; 32]))), "minhash", record));
    }
    // One that was never compared, which only a whole audit misses.
    let last = records.len() as u32;
    let more = [&all[..], &[Pair { a: last - 1, b: last, result: 5 }]].concat();
    let beyond = [&records[..], &[RecordId(Digest([255; 32]))]].concat();
    pairs::write(&path, &beyond, &mut more.into_iter().map(Ok)).unwrap();
    forger.sign_claim(&path, |claim| claim.outputs.root = claim.files[0].digest);
    forger.sign_version();
    assert!(says(&forger.smallest(), "minhash", "claims other leaves"));
    let found = forger.audit(Scope::Full);
    assert!(says(&found, "minhash", "is none, its pair says 5"), "{found:?}");
    // And none at all: the version rests on them.
    fs::remove_file(&path).unwrap();
    fs::remove_file(claim::path(&path)).unwrap();
    version.restore();
    assert!(says(&forger.smallest(), "version", "that it rests on"));
    fs::write(&path, honest).unwrap();
    claimed.restore();
    assert_eq!(forger.smallest(), []);
}

#[test]
fn a_version_that_commits_to_other_keys_is_named_by_the_smallest_audit() {
    let mut forger = forger();
    let honest = forger.kept.version.clone();
    assert_eq!(forger.smallest(), []);
    let lies: [(usize, &str, Lie<Option<Tree>>); 4] = [
        (3, "minhash", |keys| keys.as_mut().unwrap().root = Digest([1; 32])),
        (3, "minhash", |keys| keys.as_mut().unwrap().leaves -= 1),
        (2, "exact", |keys| *keys = None),
        (1, "gopher_quality", |keys| *keys = Some(Tree { root: Digest([1; 32]), leaves: 1 })),
    ];
    for (place, stage, lie) in lies {
        forger.kept.version = honest.clone();
        lie(&mut forger.kept.version.stages[place].keys);
        forger.sign_version();
        for scope in [Scope::Sample(1, Digest([5; 32])), Scope::Full] {
            let found = forger.audit(scope);
            assert!(says(&found, stage, "its keys have the root"), "{stage}: {found:?}");
        }
    }
}

#[test]
fn a_run_uses_nothing_that_was_tampered_with() {
    let forger = forger();
    let recipe = forger.world.recipe(&["policy.thresholds.gopher_quality.min_doc_words=90"]);
    let records = forger.world.records(&[], Some(&forger.kept));
    let run = || forger.world.try_run(&recipe, &records, 1);
    for (part, end) in [("data/records", ".parquet"), ("data/rows", ".parquet"), ("data/keys", "")]
    {
        for path in files(&forger.world.path(part), end) {
            let before = fs::read(&path).unwrap();
            let mut bytes = before.clone();
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(matches!(run(), Err(Error::Damaged { .. })), "{}", path.display());
            fs::write(&path, before).unwrap();
        }
    }
    // A table without a claim is made again, whatever it says.
    let table = forger.table(1);
    let honest = fs::read(&table).unwrap();
    fs::write(&table, b"anything").unwrap();
    fs::remove_file(claim::path(&table)).unwrap();
    run().unwrap();
    assert_eq!(fs::read(&table).unwrap(), honest);
    assert_eq!(forger.smallest(), []);
}

#[test]
fn foreign_columns_are_an_error_and_no_panic() {
    let forger = forger();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"; 60]));
    let names = ["rid", "kept", "stage", "reason", "text", "text_out", "leaf", "digest", "bytes"];
    let foreign = RecordBatch::try_from_iter(names.map(|name| (name, texts.clone()))).unwrap();
    let (catalogue, kept) = (forger.world.catalogue(), &forger.kept);
    for path in [forger.verdicts(), forger.table(0), catalogue.shard(&kept.shards[0])] {
        let before = fs::read(&path).unwrap();
        write(&path, &foreign);
        assert!(!forger.smallest().is_empty() && !forger.audit(Scope::Full).is_empty());
        assert!(gather(&catalogue, kept, &salt()).is_err());
        fs::write(path, before).unwrap();
    }
    let exported = export(&catalogue, kept, Form::Parquet, &forger.world.path("out"), &salt());
    assert!(exported.is_ok());
}
