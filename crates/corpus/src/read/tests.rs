mod containers;
mod lines;
mod pages;
mod places;
mod tables;

use super::*;
use crate::record::Record;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

/// What a file gave.
#[derive(Debug, Default)]
struct Got {
    records: Vec<Record>,
    passed: usize,
    skips: Vec<Skip>,
}

impl Got {
    /// The reasons, with offset and number of the item.
    fn reasons(&self) -> Vec<(Reason, u64, u64)> {
        self.skips.iter().map(|skip| (skip.reason, skip.offset, skip.record)).collect()
    }

    fn texts(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.text.as_str()).collect()
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The only file of a folder with `bytes` under `name`, read.
fn get(name: &str, bytes: &[u8], reading: &Reading) -> Got {
    let folder = folder();
    write(&folder, name, bytes);
    read_all(folder.path(), reading)
}

fn place(path: &Path) -> Place {
    Place { paths: vec![path.to_str().unwrap().to_owned()], ..Place::default() }
}

fn read_all(path: &Path, reading: &Reading) -> Got {
    let temps = folder();
    let mut got = Got::default();
    for found in list(&place(path), reading.format).unwrap().files {
        let seen = read(&found, reading, temps.path(), &mut |item| {
            match item {
                Item::Record(view) => got.records.push(view.to_record()),
                Item::Passed => got.passed += 1,
                Item::Skip(skip) => got.skips.push(skip),
            }
            Ok(())
        });
        let seen = seen.unwrap();
        if let (Some(digest), None) = (seen.digest, found.range) {
            let bytes = std::fs::read(found.path()).unwrap();
            assert_eq!((digest, seen.bytes), (Digest::of(&bytes), bytes.len() as u64));
        }
    }
    got
}

fn plain() -> Reading {
    Reading::default()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn formats_are_told_by_endings() {
    for (name, format) in [
        ("a.jsonl", Some(Format::Jsonl)),
        ("a.json.gz", Some(Format::Jsonl)),
        ("b/a.NDJSON.zst", Some(Format::Jsonl)),
        ("a.parquet", Some(Format::Parquet)),
        ("a.csv", Some(Format::Csv)),
        ("a.tsv", Some(Format::Tsv)),
        ("a.txt", Some(Format::Text)),
        ("a.htm", Some(Format::Html)),
        ("a.warc.gz", Some(Format::Warc)),
        ("a.gz", None),
        ("README", None),
        ("a.png", None),
        ("a.json", None),
    ] {
        assert_eq!(Format::of_name(name), format, "{name}");
    }
    for (format, name, _) in FORMATS {
        assert_eq!(name.parse(), Ok(format));
        assert_eq!(format.to_string(), name);
    }
    assert!("xml".parse::<Format>().is_err());
}

#[test]
fn reasons_keep_their_names() {
    for (reason, name) in REASONS {
        assert_eq!(Reason::of_name(name), Some(reason));
        assert_eq!(reason.name(), name);
    }
    assert_eq!(Reason::of_name("other"), None);
}

#[test]
fn what_decides_the_records_survives_its_encoding() {
    let reading = Reading {
        source: Given::Fixed("shelf".into()),
        licence: Given::Field("license".into()),
        ..plain()
    };
    assert_eq!(Reading::from_value(reading.to_value()).unwrap(), reading);
    let mut broken = reading.to_value();
    let terroir_base::cbor::Value::Map(fields) = &mut broken else { unreachable!() };
    fields.pop();
    assert!(Reading::from_value(broken).is_err());
}
