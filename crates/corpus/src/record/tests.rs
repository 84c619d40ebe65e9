use super::*;
use crate::golden;
use proptest::prelude::*;

/// What `work` makes of the record as its readers give it.
pub(crate) fn viewed<R>(record: &Record, work: impl FnOnce(&View<'_>) -> R) -> R {
    let purposes: Vec<&str> = record.purposes.iter().map(String::as_str).collect();
    let meta: Vec<(&str, &str)> =
        record.meta.iter().map(|(name, raw)| (name.as_str(), raw.as_str())).collect();
    work(&View {
        text: &record.text,
        id: &record.id,
        source: &record.source,
        licence: &record.licence,
        contributor: &record.contributor,
        purposes: &purposes,
        url: &record.url,
        meta: &meta,
    })
}

fn opened(record: &Record) -> Vec<u8> {
    viewed(record, |view| {
        assert_eq!(view.to_record(), *record);
        assert_eq!(view.rid(), record.rid());
        let mut bytes = Vec::new();
        view.write(&mut bytes);
        bytes
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "\\PC{0,40}",
        (20usize..300).prop_map(|long| "x".repeat(long)),
        Just("y".repeat(70_000)),
    ]
}

fn any_record() -> impl Strategy<Value = Record> {
    let texts = prop::collection::vec(any_text(), 6);
    let purposes = prop::collection::btree_set("[a-z]{1,30}", 0..30);
    let meta = prop::collection::btree_map("\\PC{0,30}", "\\PC{0,60}", 0..30);
    (texts, purposes, meta).prop_map(|(texts, purposes, meta)| Record {
        text: texts[0].clone(),
        id: texts[1].clone(),
        source: texts[2].clone(),
        licence: texts[3].clone(),
        contributor: texts[4].clone(),
        purposes: purposes.into_iter().collect(),
        url: texts[5].clone(),
        meta: meta.into_iter().collect(),
    })
}

proptest! {
    #[test]
    fn bytes_written_directly_are_the_canonical_ones(record in any_record()) {
        let bytes = opened(&record);
        prop_assert_eq!(&bytes, &record.canonical());
        let again = Opened::new(&bytes).expect("our own bytes are read");
        prop_assert_eq!(again.view().to_record(), record);
    }

    #[test]
    fn other_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Opened::new(&bytes);
    }
}

#[test]
fn records_have_the_ids_of_the_golden_file() {
    let full = Record {
        text: "A b.\n".into(),
        id: "doc-1".into(),
        source: "shelf".into(),
        licence: "CC0-1.0".into(),
        contributor: "ada".into(),
        purposes: vec!["evaluation".into(), "training".into()],
        url: "http://example.net/1".into(),
        meta: vec![("a".into(), "1".into()), ("é".into(), "{\"x\": [null]}".into())],
    };
    let text = Record { text: "A b.\n".into(), ..Record::default() };
    let records = [("empty", Record::default()), ("text", text), ("full", full)];
    let lines = records.map(|(name, record)| {
        format!("{name} {} {}", golden::hex(&record.canonical()), record.rid())
    });
    golden::check("record.txt", "record, canonical bytes, id", &lines);
}

#[test]
fn every_limit_is_held() {
    let long = "x".repeat(FIELD_BYTES_MAX + 1);
    let text = "x".repeat(TEXT_BYTES_MAX + 1);
    let many = vec!["p"; PURPOSES_MAX + 1];
    let others = vec![("n", "1"); META_MAX + 1];
    let meta = [("n", long.as_str())];
    let names = [(long.as_str(), "1")];
    let fine = &long[1..];
    let total = [("n", fine); 8];
    let purposes = [long.as_str()];
    let base = View::default();
    let bad = [
        View { text: &text, ..base },
        View { id: &long, ..base },
        View { source: &long, ..base },
        View { licence: &long, ..base },
        View { contributor: &long, ..base },
        View { url: &long, ..base },
        View { purposes: &many, ..base },
        View { purposes: &purposes, ..base },
        View { meta: &others, ..base },
        View { meta: &meta, ..base },
        View { meta: &names, ..base },
        View { meta: &total, ..base },
    ];
    for view in bad {
        assert!(view.excess().is_some());
    }
    let at_most = View { text: &text[1..], id: fine, url: fine, meta: &total[..5], ..base };
    assert_eq!(at_most.excess(), None);
}
