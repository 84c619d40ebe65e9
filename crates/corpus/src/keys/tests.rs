use super::leaves::Groups;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use terroir_base::Digest;

fn item(space: u16, hash: u8, record: u8) -> Item {
    let digest = Digest::of(&[hash]);
    let hash = *digest.0.first_chunk().expect("16 is below 32");
    (Key { space, hash }, RecordId(Digest::of(&[record])))
}

/// Writes `items` as runs of `each` items, in the order given.
fn runs(folder: &Path, items: &[Item], each: usize) -> Vec<PathBuf> {
    let write_one = |(at, items): (usize, &[Item])| {
        let path = folder.join(at.to_string());
        write(&path, items, &[]).unwrap();
        path
    };
    items.chunks(each).enumerate().map(write_one).collect()
}

fn read(runs: &[PathBuf], runs_max: usize) -> Result<Vec<Item>, Error> {
    merge_by(runs, runs_max)?.named().collect()
}

/// Enough items for several batches, every key with several records.
fn many() -> Vec<Item> {
    let one = |at: u32| item((at % 3) as u16, (at % 101) as u8, (at % 211) as u8);
    (0..20_000_u32).map(|at| one(at.wrapping_mul(2_654_435_761) >> 7)).collect()
}

#[test]
fn a_run_gives_back_its_items_sorted_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let items = many();
    let sorted: Vec<Item> = BTreeSet::from_iter(items.iter().copied()).into_iter().collect();
    let paths = runs(folder.path(), &items, items.len());
    assert_eq!(Run::open(&paths[0]).unwrap().collect::<Result<Vec<_>, _>>().unwrap(), sorted);
    let empty = folder.path().join("empty");
    write(&empty, &[], &[]).unwrap();
    assert_eq!(read(&[empty, paths[0].clone()], 2).unwrap(), sorted);
    assert_eq!(read(&[], 2).unwrap(), []);
}

#[test]
fn more_runs_than_can_be_open_are_merged_in_steps() {
    let folder = tempfile::tempdir().unwrap();
    let items = many();
    let sorted: Vec<Item> = BTreeSet::from_iter(items.iter().copied()).into_iter().collect();
    let paths = runs(folder.path(), &items, 800);
    assert_eq!(paths.len(), 25);
    for runs_max in [2, 3, 24, 25] {
        assert_eq!(read(&paths, runs_max).unwrap(), sorted);
    }
    // What merging needed on the way is gone.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 25);
    // Runs that are longer than what is read ahead.
    for each in [7_000, 1_500] {
        assert_eq!(read(&runs(folder.path(), &items, each), 25).unwrap(), sorted);
    }
}

#[test]
fn keys_are_found_by_their_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let items = many();
    let paths = runs(folder.path(), &items, 7_000);
    let all = BTreeSet::from_iter(items);
    for (space, hash) in [(0, 5), (1, 77), (2, 100), (2, 200), (3, 1)] {
        let (wanted, _) = item(space, hash, 0);
        for length in [0, 1, 2, 16] {
            let prefix = &wanted.hash[..length];
            let has = |item: &&Item| item.0.space == space && item.0.hash.starts_with(prefix);
            let want: Vec<Item> = all.iter().filter(has).copied().collect();
            assert_eq!(under(&paths, space, prefix).unwrap(), want, "{space} {length}");
        }
    }
}

#[test]
fn every_key_of_a_large_run_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    let number = |at: u32| *Digest::of(&at.to_le_bytes()).0.first_chunk().expect("16 is below 32");
    let record = RecordId(Digest::of(b"one"));
    let items: Vec<Item> =
        (0..50_000).map(|at| (Key { space: (at % 2) as u16, hash: number(at) }, record)).collect();
    write(&path, &items, &[]).unwrap();
    let mut run = Run::open(&path).unwrap();
    for (key, _) in items.iter().step_by(97) {
        run.seek(key.space, &key.hash).unwrap();
        let place = run.by_ref().position(|item| item.unwrap().0 == *key).unwrap();
        assert!(place <= 4096, "a block holds it, or the one after");
    }
}

#[test]
fn every_changed_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let items: Vec<Item> = (0..40).map(|at| item(at % 2, at as u8, (at % 9) as u8)).collect();
    let sketches = [(items[4].1, vec![7; 3]), (items[2].1, vec![1, 2, 3, 4])];
    write(&path, &items, &sketches).unwrap();
    let good = fs::read(&path).unwrap();
    assert_eq!(good.len(), 40 + 9 * 36 + 40 * 22 + 7 + 8 + 8 + 8);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        let got = read(std::slice::from_ref(&path), 2);
        let got = got.and_then(|_| Run::open(&path)?.sketches(|_, _| ()));
        assert!(matches!(got, Err(Error::Damaged { .. })), "byte {at}: {got:?}");
    }
}

#[test]
fn wrong_items_with_right_checksums_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let check = |change: &dyn Fn(&mut [u8]), want: &str| {
        write(&path, &[item(0, 1, 1), item(0, 2, 1)], &[]).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes[72..120]);
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes[76..120]).to_le_bytes();
        bytes[120..128].copy_from_slice(&sum);
        let frame = [&bytes[..76], &bytes[120..128]].concat();
        bytes[128..].copy_from_slice(&xxhash_rust::xxh3::xxh3_64(&frame).to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        let got: Result<Vec<Item>, Error> = Run::open(&path).and_then(Iterator::collect);
        assert!(matches!(got, Err(Error::Damaged { what, .. }) if what == want));
    };
    check(&|table| table[4 + 21] = 1, "has no record 1");
    check(&|table| table.copy_within(4..26, 26), "has items out of order");
    check(&|table| table[0] = 1, "its sketches are longer or shorter than they can be");
}

#[test]
fn a_run_that_is_merged_holds_no_table_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let paths = runs(folder.path(), &many(), 7_000);
    let records = merged::records(&paths).unwrap();
    let Source::Run(run, numbers) = Source::open(&paths[0], &records).unwrap() else {
        panic!("a file is a run")
    };
    assert_eq!((run.records(), numbers.len()), (&[][..], 211));
}

#[test]
fn records_out_of_order_are_refused_before_they_are_taken_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    write(&path, &[item(0, 1, 1), item(0, 2, 2)], &[]).unwrap();
    let good = fs::read(&path).unwrap();
    let changes: [fn(&mut [u8]); 2] =
        [|table| table.rotate_left(32), |table| table.copy_within(..32, 32)];
    for change in changes {
        let mut bytes = good.clone();
        change(&mut bytes[40..104]);
        let frame = [&bytes[..112], &bytes[156..164]].concat();
        bytes[164..].copy_from_slice(&xxhash_rust::xxh3::xxh3_64(&frame).to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        let got = Run::open(&path).err();
        let says = |what: &str| what == "its records do not ascend";
        assert!(matches!(&got, Some(Error::Damaged { what, .. }) if says(what)), "{got:?}");
    }
}

#[test]
fn sketches_come_back_with_their_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    // Over several blocks, one as long as it can be, one of no bytes, and records without any.
    let long = |at: usize| (0..at * 41).map(|byte| (byte % 251) as u8).collect::<Vec<u8>>();
    let items: Vec<Item> = (0..250).map(|at| item(0, at, at)).collect();
    let mut sketches: Vec<Sketch> =
        items.iter().skip(7).map(|item| (item.1, long(usize::from(item.1.0.0[0])))).collect();
    sketches[3].1 = vec![9; SKETCH_BYTES_MAX];
    sketches[4].1 = Vec::new();
    assert_eq!(write(&path, &items, &sketches).unwrap(), 250);
    let mut run = Run::open(&path).unwrap();
    for _ in 0..2 {
        let mut got = Vec::new();
        run.sketches(|record, sketch| got.push((record, sketch.to_vec()))).unwrap();
        let want: BTreeSet<Sketch> =
            sketches.iter().filter(|sketch| !sketch.1.is_empty()).cloned().collect();
        assert!(got == Vec::from_iter(want));
    }
    assert!(run.map(Result::unwrap).eq(BTreeSet::from_iter(items)));
}

#[test]
fn a_run_is_frozen() {
    use crate::stage::Global;
    use crate::stage::minhash::{MinHash, Params};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let stage = MinHash::new(&Params { bands: 2, ..Params::default() }).unwrap();
    let (mut items, mut sketches) = (Vec::new(), Vec::new());
    for (at, text) in [(2, "one two three four five six"), (1, "one")] {
        let (mut doc, mut keys) = (crate::text::Doc::default(), Vec::new());
        let (record, mut sketch) = (RecordId(Digest([at; 32])), Vec::new());
        doc.reset(text);
        stage.keys(&mut doc, &mut keys, &mut sketch);
        items.extend(keys.into_iter().map(|key| (key, record)));
        sketches.push((record, sketch));
    }
    write(&path, &items, &sketches).unwrap();
    let lines = [format!("two\t{}", crate::golden::hex(&fs::read(path).unwrap()))];
    let comment = "name, file of the keys of one and of six words, of the records 01.. and 02..";
    crate::golden::check("keys.txt", comment, &lines);
}

#[test]
fn a_sketch_longer_than_any_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    write(&path, &[item(0, 1, 1)], &[(item(0, 1, 1).1, vec![0; SKETCH_BYTES_MAX])]).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let (length, end) = (SKETCH_BYTES_MAX as u32 + 1, 40 + 36 + 22 + SKETCH_BYTES_MAX);
    bytes[32..36].copy_from_slice(&length.to_le_bytes());
    bytes[72..76].copy_from_slice(&length.to_le_bytes());
    // The byte more is a block of its own, with a checksum of its own.
    bytes.splice(end.., [&[0], &bytes[end..end + 24].to_vec()[..], &[0; 16]].concat());
    let frame = [&bytes[..76], &bytes[end + 1..end + 33]].concat();
    let frame = xxhash_rust::xxh3::xxh3_64(&frame).to_le_bytes();
    bytes.splice(end + 33.., frame);
    fs::write(&path, &bytes).unwrap();
    let got = Run::open(&path).err();
    assert!(
        matches!(&got, Some(Error::Damaged { what, .. }) if what.contains("its sketches")),
        "{got:?}"
    );
}

#[test]
fn a_file_cut_short_or_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = runs(folder.path(), &many(), 20_000).remove(0);
    let good = fs::read(&path).unwrap();
    for end in [0, 4, 40, good.len() / 2, good.len() - 1] {
        fs::write(&path, &good[..end]).unwrap();
        assert!(matches!(Run::open(&path), Err(Error::Damaged { .. })), "{end} bytes");
    }
    fs::write(&path, [&good[..], &[0]].concat()).unwrap();
    assert!(matches!(Run::open(&path), Err(Error::Damaged { .. })));
    // Numbers whose sizes overflow.
    fs::write(&path, [&good[..16], &[255; 24]].concat()).unwrap();
    assert!(matches!(Run::open(&path), Err(Error::Damaged { .. })));
    assert!(matches!(Run::open(&folder.path().join("none")), Err(Error::Disk { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_split_into_runs_merges_to_the_same(
        picks in prop::collection::vec((0..3_u16, 0..6_u8, 0..9_u8), 1..120),
        each in 1..40_usize,
        runs_max in 2..5_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let items: Vec<Item> = picks.iter().map(|pick| item(pick.0, pick.1, pick.2)).collect();
        let want: Vec<Item> = BTreeSet::from_iter(items.iter().copied()).into_iter().collect();
        let paths = runs(folder.path(), &items, each);
        prop_assert_eq!(read(&paths, runs_max).unwrap(), want);
    }
}

#[test]
fn the_tree_is_over_all_items_once_whoever_reads_how_many() {
    let folder = tempfile::tempdir().unwrap();
    let items = many();
    let paths = runs(folder.path(), &items, 7_000);
    let sorted = BTreeSet::from_iter(items);
    let mut tree = Builder::default();
    let mut groups: Vec<Vec<u8>> = Vec::new();
    for item in &sorted {
        match groups.last_mut().filter(|group| item.1.0.0[31] % 16 != 0 && group.len() < 256 * 50) {
            Some(group) => group.extend(bytes(item)),
            None => groups.push(bytes(item).to_vec()),
        }
    }
    for group in &groups {
        let body = crate::tree::body(&Digest([0; 32]), &group[50..]);
        tree.push(crate::tree::leaf(&group[..50], &body));
    }
    let want = Tree { root: tree.root(), leaves: groups.len() as u64 };
    assert_eq!(super::tree(&paths).unwrap(), want);
    let again: Result<Vec<Vec<u8>>, Error> = Groups::new(merge(&paths).unwrap().named()).collect();
    assert!(again.unwrap() == groups);
    for some in [0, 3, WAITING_ITEMS, WAITING_ITEMS + 1, usize::MAX] {
        let mut items = Committing::new(merge(&paths).unwrap());
        let records = items.records();
        let read = items.by_ref().take(some).map(Result::unwrap);
        let read: Vec<Item> = read.map(|item| (item.0, records[item.1 as usize])).collect();
        assert!(read.iter().eq(sorted.iter().take(some)));
        assert_eq!(items.finish().unwrap().0, want);
    }
}

#[test]
fn a_group_ends_where_it_is_full() {
    let item = |at: u16| {
        let mut record = [1; 32];
        record[..2].copy_from_slice(&at.to_be_bytes());
        Ok((Key { space: 0, hash: [0; 16] }, RecordId(Digest(record))))
    };
    let groups = leaves::Groups::new((0..600).map(item));
    let sizes: Vec<usize> = groups.map(|group| group.unwrap().len() / leaves::ITEM_BYTES).collect();
    assert_eq!(sizes, [leaves::GROUP_MAX, leaves::GROUP_MAX, 600 - 2 * leaves::GROUP_MAX]);
}
