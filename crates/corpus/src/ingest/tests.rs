use super::*;
use crate::golden;
use crate::read::{Given, Reason, Skip};
use crate::record::{Record, RecordId};
use crate::shard::{Rows, Shard};
use crate::tree::Builder;
use std::collections::BTreeMap;
use tempfile::TempDir;

struct Home {
    folder: TempDir,
    catalogue: Catalogue,
    place: Place,
    options: Options,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    Home {
        catalogue: Catalogue::new(folder.path().join("data")),
        place: Place { paths: vec![source.to_str().unwrap().to_owned()], ..Place::default() },
        options: Options {
            reading: Reading { licence: Given::Fixed("CC0-1.0".into()), ..Reading::default() },
            salt: SaltKey([0; 32]),
            shard_bytes: 1 << 20,
            on_error: OnError::Stop,
        },
        folder,
    }
}

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

impl Home {
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join("source").join(name), bytes).unwrap();
    }

    fn plan(&self) -> Plan {
        Ingest::new(&self.catalogue, &self.place, &self.options).unwrap().plan().unwrap()
    }

    fn try_run(&self, threads: usize) -> Result<Vec<Entry>, Error> {
        let ingest = Ingest::new(&self.catalogue, &self.place, &self.options)?;
        ingest.run(&ingest.plan()?, &key(), threads, &|_, _| {})
    }

    fn run(&self) -> Vec<Entry> {
        self.try_run(1).unwrap()
    }

    /// The entry of the only unit.
    fn only(&self) -> Entry {
        let mut entries = self.run();
        assert_eq!(entries.len(), 1);
        entries.remove(0)
    }

    /// All records by id, from the shards.
    fn records(&self, entries: &[Entry]) -> BTreeMap<RecordId, Record> {
        let mut all = BTreeMap::new();
        for shard in entries.iter().flat_map(|entry| &entry.shards) {
            let path = self.catalogue.shard(&shard.name.to_string());
            for batch in Shard::open(&path).unwrap().batches(&[]) {
                let rows = Rows(batch.unwrap());
                all.extend((0..rows.len()).map(|at| (rows.rid(at), rows.record(at).unwrap())));
            }
        }
        all
    }

    fn root(&self, entries: &[Entry]) -> Digest {
        let mut tree = Builder::default();
        self.records(entries).keys().for_each(|id| tree.push(id.leaf(&self.options.salt)));
        tree.root()
    }
}

fn line(n: usize) -> String {
    format!("{{\"id\":{n},\"text\":\"{} {n}\"}}\n", "soil ".repeat(n % 40))
}

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(line).collect()
}

#[test]
fn an_entry_says_what_came_in() {
    let home = home();
    home.write("a.jsonl", format!("{}\n{}{}", lines(0..300), line(7), line(7)));
    home.write("note", "");
    let plan = home.plan();
    assert_eq!((plan.units.len(), plan.ignored), (1, vec!["note".to_owned()]));
    let entry = home.only();
    let counts = Counts { read: 302, records: 300, repeats: 2, ..Counts::default() };
    assert_eq!(Counts { text_bytes: 0, ..entry.counts }, counts);
    assert_eq!((entry.root, entry.skips), (home.root(std::slice::from_ref(&entry)), None));
    let bytes = fs::read(home.folder.path().join("source/a.jsonl")).unwrap();
    let file = &entry.files[0];
    assert_eq!((file.name.as_str(), file.digest), ("a.jsonl", Some(Digest::of(&bytes))));
    assert_eq!((file.bytes, file.start), (bytes.len() as u64, 0));
    assert_eq!(entry.reading, home.options.reading);
    assert_eq!(entry.signer, key().public());
    assert_eq!(entries(&home.catalogue).unwrap(), std::slice::from_ref(&entry));
    assert!(
        home.records(std::slice::from_ref(&entry))
            .values()
            .all(|record| record.licence == "CC0-1.0")
    );
}

#[test]
fn roots_depend_on_the_records_alone() {
    let reference = home();
    reference.write("a.jsonl", lines(0..2000));
    let entries = reference.run();
    let root = entries[0].root;
    // Small shards, two threads, another name, another order and repeats.
    let mut other = home();
    other.options.shard_bytes = 4000;
    let mut shuffled: Vec<String> = (0..2000).chain(500..700).map(line).collect();
    shuffled.sort_by_key(|line| Digest::of(line.as_bytes()));
    other.write("z.jsonl", shuffled.concat());
    let entry = other.try_run(2).unwrap().remove(0);
    assert_eq!((entry.root, entry.counts.repeats), (root, 200));
    assert!(entry.shards.len() > 50);
    // Several files.
    let many = home();
    for part in 0..5 {
        many.write(&format!("{part}.jsonl"), lines(part * 400..part * 400 + 400));
    }
    let entries = many.try_run(2).unwrap();
    assert_eq!(many.root(&entries), root);
    // Another secret makes other leaves.
    let mut salted = home();
    salted.options.salt = SaltKey([9; 32]);
    salted.write("a.jsonl", lines(0..2000));
    let entries = salted.run();
    assert_ne!(entries[0].root, root);
    assert_eq!(entries[0].root, salted.root(&entries));
}

#[test]
fn passes_over_ranges_of_ids_give_the_same_root() {
    let mut home = home();
    home.options.shard_bytes = 8000;
    home.write("a.jsonl", format!("{}{}", lines(0..1000), lines(100..300)));
    let entries = home.run();
    let shards = &entries[0].shards;
    for passes in [1, 2, 3, 64] {
        let tree = roots::passes(&home.catalogue, shards, &home.options.salt, passes).unwrap();
        assert_eq!((tree.root, tree.leaves), (entries[0].root, 1000));
    }
}

#[test]
fn what_is_known_is_not_read_again() {
    let mut home = home();
    home.write("a.jsonl", lines(0..100));
    home.write("b.txt", "b");
    let first = home.run();
    let known = |home: &Home| home.plan().units.iter().filter(|unit| unit.known.is_some()).count();
    assert_eq!(known(&home), 1);
    assert_eq!(home.run(), first);
    // Another size of shards or way with errors, the same units.
    home.options.shard_bytes = 1000;
    home.options.on_error = OnError::Skip;
    assert_eq!(home.run(), first);
    // A changed byte, another field, another secret, a lost shard: not known.
    home.write("a.jsonl", lines(0..100).replacen("soil", "soul", 1));
    assert_eq!(known(&home), 0);
    home.write("a.jsonl", lines(0..100));
    assert_eq!(known(&home), 1);
    let plain = home.options.clone();
    home.options.reading.source = Given::Fixed("s".into());
    assert_eq!(known(&home), 0);
    home.options = Options { salt: SaltKey([1; 32]), ..plain.clone() };
    assert_eq!(known(&home), 0);
    home.options = plain;
    fs::remove_file(home.catalogue.shard(&first[0].shards[0].name.to_string())).unwrap();
    assert_eq!(known(&home), 0);
    assert_eq!(home.run()[0].root, first[0].root);
}

#[test]
fn a_new_name_is_no_new_file_but_for_files_of_one_record() {
    let home = home();
    home.write("a.jsonl", lines(0..10));
    home.run();
    let source = home.folder.path().join("source");
    fs::rename(source.join("a.jsonl"), source.join("b.jsonl")).unwrap();
    assert!(home.plan().units[0].known.is_some());
    fs::remove_file(source.join("b.jsonl")).unwrap();
    home.write("a.txt", "text");
    let first = home.run();
    fs::rename(source.join("a.txt"), source.join("b.txt")).unwrap();
    assert!(home.plan().units[0].known.is_none());
    assert_ne!(home.run()[0].root, first[0].root);
}

#[test]
fn faults_stop_or_are_noted() {
    let mut home = home();
    home.write("a.jsonl", format!("{}nonsense\n{{\"text\":1}}\n{}", line(1), line(2)));
    std::os::unix::fs::symlink("nowhere", home.folder.path().join("source/b.jsonl")).unwrap();
    let error = home.try_run(1).unwrap_err();
    let Error::Source { file, offset, record, .. } = &error else { panic!("{error}") };
    let start = line(1).len() as u64;
    assert_eq!((file.as_str(), *offset, *record), ("a.jsonl", start, 1));
    assert_eq!(fs::read_dir(home.catalogue.records()).unwrap().count(), 0);
    assert_eq!(entries(&home.catalogue).unwrap(), []);

    home.options.on_error = OnError::Skip;
    let entry = home.only();
    let counts = Counts { read: 5, records: 2, skipped: 3, ..Counts::default() };
    assert_eq!(Counts { text_bytes: 0, ..entry.counts }, counts);
    let mut noted = Vec::new();
    skips(&home.catalogue, &entry.unit, &mut |skip| {
        noted.push(skip);
        Ok(())
    })
    .unwrap();
    let place = |skip: &Skip| (skip.file.clone(), skip.offset, skip.record, skip.reason, skip.rest);
    let places: Vec<_> = noted.iter().map(place).collect();
    assert_eq!(
        places,
        [
            ("a.jsonl".to_owned(), start, 1, Reason::Syntax, false),
            ("a.jsonl".to_owned(), start + 9, 2, Reason::WrongType, false),
            ("b.jsonl".to_owned(), 0, 0, Reason::Unreadable, true),
        ]
    );
    assert!(entry.skips.is_some());
    // What was not read is read again, whether it is stopped at or not.
    assert!(home.plan().units[0].known.is_none());
    fs::remove_file(home.folder.path().join("source/b.jsonl")).unwrap();
    let entry = home.only();
    assert!(home.plan().units[0].known.is_some());
    home.options.on_error = OnError::Stop;
    assert!(home.plan().units[0].known.is_none());
    assert!(home.try_run(1).is_err());
    assert_eq!(entry.counts.skipped, 2);
}

#[test]
fn a_cut_file_keeps_what_came_before() {
    let mut home = home();
    home.options.on_error = OnError::Skip;
    let words: String = (0..5000u64)
        .map(|n| format!("{{\"text\":\"{}\"}}\n", Digest::of(&n.to_le_bytes())))
        .collect();
    let packed = zstd::encode_all(words.as_bytes(), 1).unwrap();
    home.write("a.jsonl.zst", &packed[..packed.len() / 2]);
    let entry = home.only();
    assert!(entry.counts.records > 500 && entry.counts.skipped == 1);
    assert_eq!(entry.files[0].bytes, packed.len() as u64 / 2);
}

#[test]
fn unfinished_files_are_cleared_away() {
    let home = home();
    home.write("a.jsonl", lines(0..10));
    fs::create_dir_all(home.catalogue.records()).unwrap();
    fs::create_dir_all(home.catalogue.units()).unwrap();
    let left = [home.catalogue.records().join(".tmpX"), home.catalogue.units().join(".tmpY")];
    left.iter().for_each(|path| fs::write(path, b"half").unwrap());
    home.run();
    assert!(left.iter().all(|path| !path.exists()));
}

#[test]
fn every_changed_byte_of_an_entry_is_refused() {
    let mut home = home();
    home.options.on_error = OnError::Skip;
    home.write("a.jsonl", format!("x\n{}", lines(0..5)));
    let entry = home.only();
    let path = home.catalogue.units().join(format!("{}.cose", entry.unit));
    let good = fs::read(&path).unwrap();
    assert_eq!(Entry::open(&path, &good).unwrap(), entry);
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1;
        assert!(Entry::open(&path, &bad).is_err(), "byte {place}");
    }
    fs::rename(&path, path.with_file_name(format!("{}.cose", "0".repeat(64)))).unwrap();
    assert!(matches!(entries(&home.catalogue), Err(Error::Damaged { .. })));
    // Something else that was signed by the same key is no entry.
    let other = terroir_base::sign::sign1(b"\xa0", &key(), "text/plain");
    assert!(Entry::open(&path, &other).is_err());
}

#[test]
fn entries_are_frozen() {
    let mut home = home();
    home.options.on_error = OnError::Skip;
    home.write("a.jsonl", format!("x\n{}{}", lines(0..5), line(3)));
    let entry = home.only();
    // Shards change with the version of zstd, and nothing else does.
    let logical = Entry { shards: Vec::new(), ..entry.clone() };
    let bytes = logical.sign(&key());
    let lines = [format!("{} {}", entry.unit, golden::hex(&bytes))];
    golden::check("ingest-log.txt", "unit, entry without its shards", &lines);
}
