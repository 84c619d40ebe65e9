//! JSONL, and the fields of records.

use super::*;

fn lines(text: &str) -> Got {
    get("a.jsonl", text.as_bytes(), &plain())
}

#[test]
fn fields_go_where_they_belong() {
    let got = lines(concat!(
        "\u{feff}{\"text\": \"A\\n\\u00e9\\ud83d\\ude00\", \"id\": 12.50, \"z\": {\"k\" : [1,2]},",
        " \"url\": \"u\", \"a\\u0062\": null}\r\n\n   \n{\"text\":\"\"}",
    ));
    let first = Record {
        text: "A\né😀".into(),
        id: "12.50".into(),
        url: "u".into(),
        meta: vec![("ab".into(), "null".into()), ("z".into(), "{\"k\" : [1,2]}".into())],
        ..Record::default()
    };
    assert_eq!(got.records, [first, Record::default()]);
    assert!(got.skips.is_empty());
}

#[test]
fn fields_are_fixed_taken_or_optional() {
    let reading = Reading {
        text: "body".into(),
        id: Given::Nothing,
        source: Given::Fixed("shelf".into()),
        licence: Given::Field("rights".into()),
        contributor: Given::Maybe("who".into()),
        purposes: Given::Field("use".into()),
        url: Given::Field("rights".into()),
        format: None,
    };
    let got = get(
        "a.jsonl",
        br#"{"body":"b","rights":"CC0-1.0","use":["t","e","t"],"id":"x","who":null}
{"body":"b","rights":"CC0-1.0","use":" t, e,,t "}
{"body":"b","rights":"CC0-1.0"}
{"body":"b","use":[]}
{"body":"b","rights":{},"use":[]}
{"body":"b","rights":"r","use":[1]}
{"body":"b","rights":true,"use":[]}
"#,
        &reading,
    );
    let record = Record {
        text: "b".into(),
        source: "shelf".into(),
        licence: "CC0-1.0".into(),
        purposes: vec!["e".into(), "t".into()],
        url: "CC0-1.0".into(),
        ..Record::default()
    };
    let named = Record { meta: vec![("id".into(), "\"x\"".into())], ..record.clone() };
    assert_eq!(got.records, [named, record]);
    let reasons: Vec<Reason> = got.skips.iter().map(|skip| skip.reason).collect();
    use Reason::{NoField, WrongType};
    assert_eq!(reasons, [NoField, NoField, WrongType, WrongType, WrongType]);
    let fixed = Reading { purposes: Given::Fixed("b,a, b".into()), ..plain() };
    let got = get("a.jsonl", br#"{"text":"t"}"#, &fixed);
    assert_eq!(got.records[0].purposes, ["a", "b"]);
}

#[test]
fn bad_lines_are_told_and_the_next_is_read() {
    let deep = format!("{{\"text\":\"t\",\"d\":{}1{}}}", "[".repeat(65), "]".repeat(65));
    let bottomless = format!("{{\"text\":\"t\",\"d\":{}", "[".repeat(1 << 20));
    let cases: &[(&[u8], Reason)] = &[
        (b"{\"text\": \"a\xff\"}", Reason::NotText),
        (b"\xff\xfe{\x00}\x00", Reason::NotText),
        (b"{\"text\": \"a\\u0000\"}", Reason::Nul),
        (b"{\"text\": \"t\", \"id\": \"a\\u0000\"}", Reason::Nul),
        (b"{\"text\": \"a\x00\"}", Reason::Syntax),
        (b"{\"text\": \"a\"", Reason::Syntax),
        (b"{\"text\": \"a\"} x", Reason::Syntax),
        (b"[\"text\"]", Reason::Syntax),
        (b"3", Reason::Syntax),
        (b"{\"text\": \"\\ud800\"}", Reason::Syntax),
        (b"{\"text\": \"t\", \"n\": 01}", Reason::Syntax),
        (b"{\"text\": \"t\", \"n\": NaN}", Reason::Syntax),
        (b"{\"id\": \"a\"}", Reason::NoField),
        (b"{\"text\": null}", Reason::NoField),
        (b"{\"text\": 1}", Reason::WrongType),
        (b"{\"text\": [\"t\"]}", Reason::WrongType),
        (b"{\"text\": {\"t\": 1}}", Reason::WrongType),
        (b"{\"text\": false}", Reason::WrongType),
        (b"{\"text\": \"t\", \"id\": [1]}", Reason::WrongType),
        (b"{\"text\": \"t\", \"text\": \"u\"}", Reason::DuplicateField),
        (b"{\"text\": \"t\", \"id\": \"1\", \"id\": \"1\"}", Reason::DuplicateField),
        (b"{\"text\": \"t\", \"a\": 1, \"b\": 2, \"\\u0061\": 1}", Reason::DuplicateField),
        (deep.as_bytes(), Reason::TooDeep),
        (bottomless.as_bytes(), Reason::Syntax),
    ];
    for (line, reason) in cases {
        let file = [b"{\"text\":\"0\"}\n", *line, b"\n{\"text\":\"1\"}\n"].concat();
        let got = get("a.jsonl", &file, &plain());
        assert_eq!(got.texts(), ["0", "1"], "{}", String::from_utf8_lossy(line));
        assert_eq!(got.reasons(), [(*reason, 13, 1)], "{:?}", got.skips);
        assert!(!got.skips[0].rest);
    }
}

#[test]
fn brackets_in_texts_are_no_depth() {
    let line = format!(
        "{{\"text\":\"t\",\"d\":\"\\\"{}\",\"e\":[\"{}\"]}}",
        "[".repeat(99),
        "{".repeat(99)
    );
    assert_eq!(lines(&line).records.len(), 1);
    let fine = format!("{{\"text\":\"t\",\"d\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    assert_eq!(lines(&fine).records.len(), 1);
}

#[test]
fn lengths_are_limited() {
    let long = "x".repeat(crate::record::TEXT_BYTES_MAX + 1);
    let file = format!("{{\"text\":\"{long}\"}}\n{{\"text\":\"{}\"}}\n", &long[1..]);
    let got = lines(&file);
    assert_eq!(got.reasons(), [(Reason::TooLong, 0, 0)]);
    assert_eq!(got.records.len(), 1);
}

#[test]
fn a_line_without_end_takes_no_memory() {
    // 1.3 GB of one line, as 1.3 MB of zstd: told as too long, and the line after it is read.
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    let (mut chunk, mut random) = (vec![0u8; 1 << 20], 1u32);
    chunk.iter_mut().for_each(|byte| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = if random >> 24 == 0 { (random >> 16) as u8 | 0x80 } else { b'x' };
    });
    encoder.write_all(b"{\"text\":\"0\"}\n").unwrap();
    for _ in 0..1300 {
        encoder.write_all(&chunk).unwrap();
    }
    encoder.write_all(b"\n{\"text\":\"1\"}\n").unwrap();
    let file = encoder.finish().unwrap();
    let got = get("a.jsonl.zst", &file, &plain());
    assert_eq!(got.texts(), ["0", "1"], "{:?}", got.skips);
    assert_eq!(got.reasons(), [(Reason::TooLong, 13, 1)]);
    let held = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = held.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
    assert!(peak.unwrap_or(0) < 512 << 10, "{peak:?} KiB");
}

#[test]
fn a_file_in_pieces_gives_the_same_records() {
    let text: String =
        (0..500).map(|n| format!("{{\"text\":\"{}\"}}\n", "x".repeat(n % 90))).collect();
    let folder = folder();
    let path = write(&folder, "a.jsonl", text.as_bytes());
    let whole = read_all(folder.path(), &plain());
    for piece_bytes in [1, 7, 64, 1000, 1 << 20] {
        let ranges = place::pieces(&path, text.len() as u64, piece_bytes).unwrap();
        let mut texts = Vec::new();
        let mut end = 0;
        for range in &ranges {
            assert_eq!(std::mem::replace(&mut end, range.end), range.start);
            let mut found = list(&place(&path), None).unwrap().files.remove(0);
            found.range = Some(*range);
            read(&found, &plain(), folder.path(), &mut |item| {
                let Item::Record(view) = item else { panic!("{item:?}") };
                texts.push(view.text.to_owned());
                Ok(())
            })
            .unwrap();
        }
        if !ranges.is_empty() {
            assert_eq!(end, text.len() as u64);
            assert_eq!(texts, whole.texts());
        }
        assert_eq!(ranges.is_empty(), piece_bytes == 1 << 20);
    }
    let packed = write(&folder, "b.jsonl", &gzip(text.as_bytes()));
    assert!(place::pieces(&packed, 1000, 7).unwrap().is_empty());
}

#[test]
fn earlier_pieces_do_not_change_when_a_file_grows() {
    let folder = folder();
    let text = "{\"text\":\"abcdefgh\"}\n".repeat(100);
    let path = write(&folder, "a.jsonl", text.as_bytes());
    let before = place::pieces(&path, 2000, 150).unwrap();
    write(&folder, "a.jsonl", text.repeat(2).as_bytes());
    let after = place::pieces(&path, 4000, 150).unwrap();
    assert_eq!(before[..before.len() - 1], after[..before.len() - 1]);
}
