use super::*;

fn record(byte: u8) -> RecordId {
    RecordId(Digest([byte; 32]))
}

fn pair(a: u32, b: u32, result: i32) -> Pair {
    Pair { a, b, result }
}

/// A file of these pairs of the records 1, 2, ...
fn file(folder: &Path, records: u8, pairs: &[Pair]) -> PathBuf {
    let path = folder.join("pairs");
    let records: Vec<RecordId> = (1..=records).map(record).collect();
    write(&path, &records, &mut pairs.iter().copied().map(Ok)).unwrap();
    path
}

fn read(path: &Path) -> Result<(Vec<RecordId>, Vec<Pair>), Error> {
    let mut records = Vec::new();
    let pairs = Pairs::open(path, |record| records.push(record))?.collect::<Result<_, _>>()?;
    Ok((records, pairs))
}

#[test]
fn what_is_read_is_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for pairs in [&[][..], &[pair(0, 2, -1), pair(1, 2, 707_070)]] {
        let path = file(folder.path(), 3, pairs);
        assert_eq!(read(&path).unwrap(), ((1..=3).map(record).collect(), pairs.to_vec()));
        assert_eq!(Pairs::open(&path, |_| ()).unwrap().total(), pairs.len() as u64);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_format_is_that_of_its_description() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), 2, &[pair(0, 1, -1)]);
    let bytes = std::fs::read(path).unwrap();
    let lines = [format!("below\t{}", crate::golden::hex(&bytes))];
    crate::golden::check("pairs.txt", "name, file of the pair of records 01.. and 02..", &lines);
}

#[test]
fn a_likeness_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for result in [i32::MIN, -2, 1_000_001] {
        let error = read(&file(folder.path(), 2, &[pair(0, 1, result)])).unwrap_err();
        assert!(error.to_string().contains("millionths alike"), "{error}");
    }
    assert!(read(&file(folder.path(), 2, &[pair(0, 1, 1_000_000)])).is_ok());
}

#[test]
fn a_file_that_is_none_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), 3, &[pair(0, 1, 5), pair(0, 2, -1)]);
    let good = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(what) && text.contains("pairs"), "{text}");
    };
    for end in 0..good.len() {
        refused(&good[..end], if end < 32 { "ends too early" } else { "is no file of" });
    }
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    refused(&with(0, 0), "is no file of");
    refused(&with(23, 255), "is no file of");
    refused(&with(31, 255), "is no file of");
    // The second record before the first; a pair of a record that is not there, of one with itself,
    // and one that stands twice.
    refused(&with(64, 0), "is out of order");
    let pairs = 32 + 3 * 32;
    refused(&with(pairs + 7, 3), "pair 0 is out of order or of no record");
    refused(&with(pairs + 7, 0), "pair 0 is out of order or of no record");
    refused(&with(pairs + 12 + 7, 1), "pair 1 is out of order or of no record");
}

#[test]
fn what_differs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), 4, &[pair(0, 1, 5), pair(0, 2, -1), pair(2, 3, 7)]);
    let compare = |found: &[(u8, u8, i32)], whole: bool| {
        let records: Vec<RecordId> = (2..=5).map(record).collect();
        let records = [&[record(1)], &records[..]].concat();
        let place =
            |one: &u8| records.iter().position(|other| *other == record(*one)).unwrap() as u32;
        let pairs = found.iter().map(|(a, b, result)| Ok(pair(place(a), place(b), *result)));
        let mut others = Vec::new();
        super::compare(&path, (&records, &mut { pairs }), whole, |other| others.push(other))
            .unwrap();
        let byte = |record: RecordId| record.0.0[0];
        let flat = others.iter().map(|one| (one.records.map(byte), one.kept, one.found));
        flat.collect::<Vec<_>>()
    };
    let all = [(1, 2, 5), (1, 3, -1), (3, 4, 7)];
    assert_eq!(compare(&all, true), []);
    assert_eq!(compare(&all[1..2], false), []);
    assert_eq!(compare(&all[1..], true), [([1, 2], Some(5), None)]);
    assert_eq!(compare(&all[..2], true), [([3, 4], Some(7), None)]);
    assert_eq!(compare(&[(1, 3, 4)], false), [([1, 3], Some(-1), Some(4))]);
    assert_eq!(
        compare(&[(2, 3, 4), (4, 5, 1)], false),
        [([2, 3], None, Some(4)), ([4, 5], None, Some(1))]
    );
}
