use super::*;
use crate::error::Error;
use crate::golden;
use crate::record::tests::viewed;
use crate::record::{Record, View};
use crate::tree::{Builder, SaltKey};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const SALT: SaltKey = SaltKey([7; 32]);

fn record(n: usize) -> Record {
    let words = ["vine", "soil", "hill", "wind"];
    Record {
        text: (0..n % 50).map(|at| words[(n + at * at) % 4]).collect::<Vec<_>>().join(" "),
        id: format!("doc-{n}"),
        source: format!("shelf-{}", n % 3),
        licence: "CC0-1.0".into(),
        contributor: if n.is_multiple_of(2) { "ada".into() } else { String::new() },
        purposes: (0..n % 3).map(|at| format!("purpose-{at}")).collect(),
        url: String::new(),
        meta: (0..n % 4)
            .map(|at| (format!("\"k{at}"), format!("{{\"x\": [{n}, \"\\u00e9\"]}}")))
            .collect(),
    }
}

fn write(folder: &TempDir, records: impl IntoIterator<Item = Record>) -> (ShardInfo, PathBuf) {
    let sorted: BTreeMap<RecordId, Record> =
        records.into_iter().map(|record| (record.rid(), record)).collect();
    let mut writer = Writer::new(folder.path(), &SALT).unwrap();
    for (rid, record) in &sorted {
        let digest = Digest::of(record.text.as_bytes());
        viewed(record, |view| writer.push(*rid, &digest, view)).unwrap();
    }
    let info = writer.finish().unwrap().unwrap();
    let path = folder.path().join(format!("{}.parquet", info.name));
    (info, path)
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let long = Record { text: "long ".repeat(3 << 20), ..Record::default() };
    let records: Vec<Record> = (0..5000).map(record).chain([long.clone()]).collect();
    let (info, path) = write(&folder, records.clone());
    assert_eq!(fs::metadata(&path).unwrap().len(), info.file_bytes);
    let shard = Shard::open(&path).unwrap();
    assert!(shard.groups() >= 2);
    let mut tree = Builder::default();
    let mut read = Vec::new();
    for batch in shard.batches(&[]) {
        let rows = Rows(batch.unwrap());
        for at in 0..rows.len() {
            read.push(rows.record(at).unwrap());
            assert_eq!(rows.rid(at), read.last().unwrap().rid());
            assert_eq!(rows.digest(at), Digest::of(rows.text("text", at).as_bytes()));
            tree.push(rows.rid(at).leaf(&SALT));
        }
    }
    let mut sorted = records.clone();
    sorted.sort_by_key(Record::rid);
    assert!(read == sorted);
    assert_eq!((info.root, info.records), (tree.root(), 5001));
    assert_eq!((info.first, info.last), (sorted[0].rid(), sorted[5000].rid()));
    let ids: Vec<RecordId> = shard.ids().map(Result::unwrap).collect();
    assert!(ids.is_sorted() && ids.len() == 5001 && shard.records() == 5001);
    // Of all that was written nothing else is left.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let absent = RecordId(Digest([0; 32]));
    let mut wanted = vec![absent, records[17].rid(), long.rid(), records[4000].rid()];
    wanted.sort();
    let mut picked = Vec::new();
    shard
        .pick(&wanted, &mut |rid, record| {
            assert_eq!(rid, record.rid());
            picked.push(rid);
            Ok(())
        })
        .unwrap();
    wanted.retain(|rid| *rid != absent);
    assert_eq!(picked, wanted);
    let examined = examine(&path, &SALT).unwrap();
    assert_eq!(examined, Examined { info: Some(info), faults: Vec::new() });
}

#[test]
fn the_same_records_make_the_same_file() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (info, path) = write(&one, (0..300).map(record));
    let (other, again) = write(&two, (0..300).rev().map(record));
    assert_eq!(info, other);
    assert_eq!(fs::read(path).unwrap(), fs::read(again).unwrap());
}

#[test]
fn shards_are_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let (info, _) = write(&folder, (0..100).map(record));
    let line = format!("{} {} {} {}", info.records, info.text_bytes, info.root, info.first);
    golden::check("shard.txt", "records, bytes of text, root, first record", &[line]);
}

#[test]
fn no_record_makes_no_shard() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Writer::new(folder.path(), &SALT).unwrap().finish().unwrap(), None);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
#[should_panic(expected = "ascending")]
fn records_out_of_order_are_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), &SALT).unwrap();
    let digest = Digest([0; 32]);
    for byte in [2, 1] {
        writer.push(RecordId(Digest([byte; 32])), &digest, &View::default()).unwrap();
    }
}

#[test]
fn every_changed_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (info, path) = write(&folder, (0..400).map(record));
    let good = fs::read(&path).unwrap();
    for place in (0..good.len()).step_by(good.len() / 200) {
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        fs::write(&path, &bad).unwrap();
        assert!(matches!(Shard::open(&path), Err(Error::Damaged { .. })), "byte {place}");
        let examined = examine(&path, &SALT).unwrap();
        assert!(examined.info.is_none() && !examined.faults.is_empty(), "byte {place}");
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(examine(&path, &SALT).unwrap().info, Some(info));
}

#[test]
fn a_shard_put_in_the_place_of_another_is_found() {
    // A whole and valid shard, but under the name of another one.
    let folder = tempfile::tempdir().unwrap();
    let (one, path) = write(&folder, (0..10).map(record));
    let (_, other) = write(&folder, (0..11).map(record));
    fs::rename(&other, &path).unwrap();
    let error = Shard::open(&path).err().unwrap();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    let examined = examine(&path, &SALT).unwrap();
    assert!(examined.info.is_none() && examined.faults[0].what.contains("its bytes are those of"));
    assert_ne!(one.name.to_string(), "");
}

#[test]
fn a_false_digest_or_id_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let good = record(5);
    let view = View { text: &good.text, ..View::default() };
    let own = Digest::of(good.text.as_bytes());
    for (rid, digest) in [(view.rid(), Digest([1; 32])), (RecordId(Digest([2; 32])), own)] {
        let mut writer = Writer::new(folder.path(), &SALT).unwrap();
        writer.push(rid, &digest, &view).unwrap();
        let info = writer.finish().unwrap().unwrap();
        let path = folder.path().join(format!("{}.parquet", info.name));
        let examined = examine(&path, &SALT).unwrap();
        assert_eq!(examined.faults[0].record, Some(rid));
        let shard = Shard::open(&path).unwrap();
        let error = shard.pick(&[rid], &mut |_, _| Ok(())).unwrap_err();
        assert!(error.to_string().contains(&rid.to_string()), "{error}");
    }
}

#[test]
fn a_row_of_another_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = write(&folder, (0..40).map(record));
    let ids: Vec<RecordId> = Shard::open(&path).unwrap().ids().map(Result::unwrap).collect();
    for columns in [&[][..], &["text"]] {
        let found: Vec<Rows> = pick(&path, columns, &[(3, ids[3]), (30, ids[30])])
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!((found[0].rid(0), found[0].rid(1)), (ids[3], ids[30]));
        let error = pick(&path, columns, &[(3, ids[3]), (30, ids[31])]).unwrap().next();
        let error = error.unwrap().err().unwrap().to_string();
        let what = format!("row 30 is of record {}, not {}", ids[30], ids[31]);
        assert!(error.contains(&what), "{error}");
    }
}

#[test]
fn names_are_32_digits() {
    let name = ShardName::of(&Digest([0xab; 32]));
    assert_eq!(name.to_string(), "ab".repeat(16));
    assert_eq!(name.to_string().parse(), Ok(name));
    for wrong in ["", "ab", &"ab".repeat(32), &"AB".repeat(16), &"xy".repeat(16)] {
        assert!(wrong.parse::<ShardName>().is_err());
    }
}
