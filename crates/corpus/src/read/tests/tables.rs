//! CSV and Parquet.

use super::*;
use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression as Packing, ZstdLevel};
use ::parquet::file::metadata::ParquetMetaDataWriter;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::TrackedWrite;
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::*;
use std::io::Write;
use std::sync::Arc;

fn csv(text: impl AsRef<[u8]>) -> Got {
    get("a.csv", text.as_ref(), &plain())
}

#[test]
fn csv_takes_quotes_and_line_ends() {
    let got = csv("\u{feff}text,id,\"a b\"\r\n\"x, \"\"y\"\"\nz\",1,\r\nplain,2,ü\n");
    let record = |text: &str, id: &str, raw: &str| Record {
        text: text.into(),
        id: id.into(),
        meta: vec![("a b".into(), raw.into())],
        ..Record::default()
    };
    assert_eq!(got.records, [record("x, \"y\"\nz", "1", "\"\""), record("plain", "2", "\"ü\"")]);
    let got = get("a.tsv", b"id\ttext\n1\tx, y\n", &plain());
    assert_eq!(got.texts(), ["x, y"]);
}

#[test]
fn bad_rows_of_csv_are_told_and_the_next_is_read() {
    let wide = vec!["x"; 5000].join(",");
    let long = "x".repeat(LINE_BYTES_MAX + 10);
    for (row, reason) in [
        (&b"a"[..], Reason::Syntax),
        (b"a,b,c", Reason::Syntax),
        (b"a\xff,1", Reason::NotText),
        (b"a\0,1", Reason::Nul),
        (wide.as_bytes(), Reason::TooLong),
        (long.as_bytes(), Reason::TooLong),
    ] {
        let got = csv([b"text,id\n0,0\n", row, b"\n1,1\n"].concat());
        assert_eq!(got.texts(), ["0", "1"], "{:?}", got.skips);
        assert_eq!(got.reasons(), [(reason, 12, 1)]);
    }
    // A quote that never ends takes the rest with it.
    assert_eq!(csv("text,id\n0,0\n\"a,1\n2,2\n").reasons(), [(Reason::Syntax, 12, 1)]);
}

#[test]
fn a_head_of_other_columns_is_told_once() {
    for (head, reason) in [
        ("title,id\n", Reason::Schema),
        ("text,text\n", Reason::DuplicateField),
        ("text,a,b,a\n", Reason::DuplicateField),
    ] {
        let got = csv(format!("{head}1,2\n3,4\n"));
        assert_eq!(got.reasons(), [(reason, 0, 0)], "{head}");
        assert!(got.skips[0].rest && got.records.is_empty());
    }
    let strict = Reading { licence: Given::Field("license".into()), ..plain() };
    let got = get("a.csv", b"text\n1\n", &strict);
    assert_eq!(got.reasons(), [(Reason::Schema, 0, 0)]);
    assert!(got.skips[0].what.contains("\"license\" among text"), "{:?}", got.skips);
}

fn parquet(columns: Vec<(&str, ArrayRef)>, properties: Option<WriterProperties>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), properties).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

#[test]
fn parquet_gives_its_rows() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("train"), Some("eval")]);
    lists.append_null();
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None]));
    let times: ArrayRef =
        Arc::new(TimestampMillisecondArray::from(vec![1_700_000_000_123, 0]).with_timezone("UTC"));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![19_000, 0]));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.1, f64::NAN]));
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
    let decimals: ArrayRef =
        Arc::new(Decimal128Array::from(vec![1250, -5]).with_precision_and_scale(10, 2).unwrap());
    let words: DictionaryArray<Int32Type> = vec!["x", "x"].into_iter().collect();
    let inner = StructArray::from(vec![(
        Arc::new(arrow_schema::Field::new("k", arrow_schema::DataType::Int64, true)),
        numbers.clone(),
    )]);
    let bytes = parquet(
        vec![
            ("text", texts(&["één", "b"])),
            ("id", numbers),
            ("use", Arc::new(lists.finish())),
            ("time", times),
            ("day", days),
            ("float", floats),
            ("truth", truths),
            ("decimal", decimals),
            ("word", Arc::new(words)),
            ("inner", Arc::new(inner)),
        ],
        None,
    );
    let reading = Reading { purposes: Given::Maybe("use".into()), ..plain() };
    let got = get("a.parquet", &bytes, &reading);
    assert_eq!(got.skips, []);
    let meta = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, raw)| (name.to_string(), raw.to_string())).collect()
    };
    let first = Record {
        text: "één".into(),
        id: "7".into(),
        purposes: vec!["eval".into(), "train".into()],
        meta: meta(&[
            ("day", "\"2022-01-08\""),
            ("decimal", "12.50"),
            ("float", "0.1"),
            ("inner", "{\"k\":7}"),
            ("time", "\"2023-11-14T22:13:20.123Z\""),
            ("truth", "true"),
            ("word", "\"x\""),
        ]),
        ..Record::default()
    };
    assert_eq!(got.records[0], first);
    let raws: Vec<&str> = got.records[1].meta.iter().map(|(_, raw)| raw.as_str()).collect();
    let second = [
        "\"1970-01-01\"",
        "-0.05",
        "null",
        "{\"k\":null}",
        "\"1970-01-01T00:00:00Z\"",
        "false",
        "\"x\"",
    ];
    assert_eq!(raws, second);
    assert_eq!(got.records[1].id, "");
}

#[test]
fn every_usual_codec_is_read() {
    for packing in [
        Packing::UNCOMPRESSED,
        Packing::SNAPPY,
        Packing::GZIP(Default::default()),
        Packing::LZ4_RAW,
        Packing::ZSTD(ZstdLevel::try_new(3).unwrap()),
    ] {
        let properties = WriterProperties::builder().set_compression(packing).build();
        let long = "word ".repeat(1000);
        let bytes = parquet(vec![("text", texts(&[&long, "b"]))], Some(properties));
        assert_eq!(get("a.parquet", &bytes, &plain()).texts(), [&long, "b"]);
    }
}

#[test]
fn a_bad_value_costs_one_row() {
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"a"[..], b"\xff", b"c\0", b"d"]));
    let file = parquet(vec![("text", bytes)], None);
    let got = get("a.parquet", &file, &plain());
    assert_eq!(got.texts(), ["a", "d"]);
    assert_eq!(got.reasons(), [(Reason::NotText, 1, 1), (Reason::Nul, 2, 2)]);
    // A column that says it is text, and is not.
    let mut file = parquet(vec![("text", texts(&["aaaa", "bbbb"]))], None);
    let place = memchr::memmem::find_iter(&file, b"bbbb").collect::<Vec<_>>();
    place.iter().for_each(|place| file[place + 1] = 0xff);
    assert_eq!(get("a.parquet", &file, &plain()).reasons(), [(Reason::NotText, 1, 1)]);
    let nulls: ArrayRef = Arc::new(StringArray::from(vec![None, Some("b")]));
    let got = get("a.parquet", &parquet(vec![("text", nulls)], None), &plain());
    assert_eq!(got.reasons(), [(Reason::NoField, 0, 0)]);
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let got = get("a.parquet", &parquet(vec![("text", numbers)], None), &plain());
    assert_eq!(got.reasons(), [(Reason::WrongType, 0, 0)]);
}

#[test]
fn other_columns_are_told_once() {
    let file = parquet(vec![("body", texts(&["a", "b"]))], None);
    let got = get("a.parquet", &file, &plain());
    assert_eq!(got.reasons(), [(Reason::Schema, 0, 0)]);
    let spans: ArrayRef = Arc::new(IntervalDayTimeArray::new_null(1));
    let spans: ArrayRef =
        Arc::new(IntervalDayTimeArray::from(vec![spans.is_null(0).then_some(Default::default())]));
    let file = parquet(vec![("text", texts(&["a"])), ("span", spans)], None);
    assert_eq!(get("a.parquet", &file, &plain()).reasons(), [(Reason::WrongType, 0, 0)]);
}

#[test]
fn cut_and_changed_parquet_is_told() {
    let rows: Vec<String> = (0..2000).map(|n| format!("row {n} {}", "x".repeat(n % 70))).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let properties = WriterProperties::builder().set_compression(Packing::SNAPPY).build();
    let good = parquet(vec![("text", texts(&rows))], Some(properties));
    for keep in [3, 11, good.len() / 2, good.len() - 1] {
        let got = get("a.parquet", &good[..keep], &plain());
        assert_eq!(got.reasons(), [(Reason::Truncated, 0, 0)], "{keep}");
        assert!(got.skips[0].rest);
    }
    let mut footer = good.clone();
    let length = footer.len();
    footer[length - 8..length - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(get("a.parquet", &footer, &plain()).reasons(), [(Reason::TooLong, 0, 0)]);
    // Whatever byte changes: no panic, no hang, and never a record that is not text.
    for place in (0..good.len()).step_by(good.len() / 300) {
        let mut bad = good.clone();
        bad[place] ^= 0x55;
        let got = get("a.parquet", &bad, &plain());
        assert!(got.records.len() + got.skips.len() <= 2001, "{place}");
    }
}

#[test]
fn groups_that_share_their_pages_are_told() {
    let batch = RecordBatch::try_from_iter([("text", texts(&["a", "b"]))]).unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let meta = writer.close().unwrap();
    let (rest, length) = file[..file.len() - 4].split_last_chunk().unwrap();
    file.truncate(rest.len() - u32::from_le_bytes(*length) as usize);
    for (groups, told) in [(1, vec![]), (2, vec![(Reason::Corrupt, 0, 0)])] {
        let groups = vec![meta.row_group(0).clone(); groups];
        let meta = meta.clone().into_builder().set_row_groups(groups);
        let meta = meta.set_column_index(None).set_offset_index(None).build();
        let mut forged = Vec::new();
        let mut out = TrackedWrite::new(&mut forged);
        out.write_all(&file).unwrap();
        ParquetMetaDataWriter::new_with_tracked(out, &meta).finish().unwrap();
        assert_eq!(get("a.parquet", &forged, &plain()).reasons(), told);
    }
}

#[test]
fn parquet_bombs_are_stopped() {
    let best = |bytes| {
        let level = ZstdLevel::try_new(19).unwrap();
        let properties = WriterProperties::builder().set_compression(Packing::ZSTD(level));
        properties.set_data_page_size_limit(bytes).set_dictionary_page_size_limit(1 << 30)
    };
    // One page of 200 MB.
    let long = "x".repeat(100 << 20);
    let no = best(1 << 30).set_dictionary_enabled(false).set_write_batch_size(8).build();
    let file = parquet(vec![("text", texts(&[&long, &long]))], Some(no));
    assert_eq!(get("a.parquet", &file, &plain()).reasons(), [(Reason::TooLong, 0, 0)]);
    // Many pages that open to far more than they are.
    let no = best(1 << 20).set_dictionary_enabled(false).set_write_batch_size(1).build();
    let some = &long[..1 << 20];
    let file = parquet(vec![("text", texts(&[some; 200]))], Some(no));
    assert_eq!(get("a.parquet", &file, &plain()).reasons(), [(Reason::Bomb, 0, 0)]);
    // The same in two groups, each of which would pass.
    let no = best(1 << 20).set_dictionary_enabled(false).set_write_batch_size(1);
    let no = no.set_max_row_group_row_count(Some(40)).build();
    let file = parquet(vec![("text", texts(&[some; 80]))], Some(no));
    let got = get("a.parquet", &file, &plain());
    assert_eq!((got.records.len(), got.reasons()[0].0), (40, Reason::Bomb));
    // One long text in a dictionary, in every row.
    let word: DictionaryArray<Int32Type> = std::iter::repeat_n(some, 2000).collect();
    let file = parquet(vec![("text", Arc::new(word))], Some(best(1 << 20).build()));
    assert!(file.len() < 10_000);
    let got = get("a.parquet", &file, &plain());
    assert_eq!(got.skips.last().unwrap().reason, Reason::Bomb);
    assert!(got.records.len() < 100);
}
