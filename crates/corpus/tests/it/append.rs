//! Records that come later: the same version as of all at once, whatever was kept before.

use crate::world::{World, lines, salt, signs};
use std::fs;
use std::path::{Path, PathBuf};
use terroir_base::sign::SecretKey;
use terroir_corpus::Error;
use terroir_corpus::audit::{Scope, audit};
use terroir_corpus::catalogue::Kept;
use terroir_corpus::claim::{self, Bytes, Claim};
use terroir_corpus::pairs::{Pair, Pairs, write};
use terroir_corpus::run::{Outcome, table_key};
use terroir_corpus::stage::chain;

/// Records of a seed, and near copies of those of another one among them.
fn parts() -> Vec<Vec<String>> {
    let near = |line: &String| line.replace("river", "brook").replace("\"7-", "\"near-");
    let first = lines(7, 70);
    let second: Vec<String> =
        lines(11, 30).into_iter().chain(first.iter().step_by(3).map(near)).collect();
    let third: Vec<String> =
        first.iter().step_by(5).map(|line| line.replace("\"7-", "\"again-")).collect();
    vec![first, second, third]
}

/// Takes in `part` and makes the version of it and of what `before` has.
fn append(world: &World, part: usize, before: Option<&Kept>, threads: usize) -> Outcome {
    let name = format!("part-{part}");
    world.file(&name, "a.jsonl", &parts()[part]);
    let recipe = world.recipe(&[&format!("source.path={name}")]);
    let entries = world.ingest(&recipe, 8 << 10, threads);
    world.run(&recipe, &world.records(&entries, before), threads)
}

/// The pairs that stage `minhash` compared for a version.
fn pairs(world: &World, made: &Outcome) -> PathBuf {
    let kept = world.catalogue().open(&made.id).unwrap();
    let stages = chain(&kept.recipe).unwrap();
    world.catalogue().pairs(&table_key(&stages[3], &kept.version.records))
}

#[test]
fn parts_in_any_order_give_what_all_at_once_give() {
    let whole = World::new();
    whole.file("in", "a.jsonl", &parts().concat());
    let expected = whole.all(&[], 64 << 20, 1);
    let compared = fs::read(pairs(&whole, &expected)).unwrap();
    for (order, threads) in [([0, 1, 2], 1), ([2, 0, 1], 2), ([1, 2, 0], 1)] {
        let world = World::new();
        let mut before: Option<Kept> = None;
        for part in order {
            let made = append(&world, part, before.as_ref(), threads);
            before = Some(world.catalogue().open(&made.id).unwrap());
            if part == order[2] {
                assert_eq!(made.version.root(), expected.version.root(), "{order:?}");
                assert_eq!(made.counts, expected.counts);
                // Known or not, the same is kept, byte for byte.
                assert!(fs::read(pairs(&world, &made)).unwrap() == compared, "{order:?}");
            }
        }
        // Whoever measures and compares everything again finds the same.
        if order[0] == 0 {
            let last = before.expect("there are three parts");
            let all = audit(&world.catalogue(), &last, Scope::Full, &salt(), 1 << 20).unwrap();
            assert_eq!((all.leaves, all.differences), (5 * expected.counts.records, Vec::new()));
        }
    }
    assert!(Pairs::open(&pairs(&whole, &expected), |_| ()).unwrap().total() > 10);
}

#[test]
fn pairs_that_another_node_kept_are_compared_again() {
    let honest = World::new();
    let first = append(&honest, 0, None, 1);
    let before = honest.catalogue().open(&first.id).unwrap();
    let want = append(&honest, 1, Some(&before), 1);

    let world = World::new();
    let first = append(&world, 0, None, 1);
    let path = pairs(&world, &first);
    let mut records = Vec::new();
    let all: Vec<Pair> =
        Pairs::open(&path, |record| records.push(record)).unwrap().map(Result::unwrap).collect();
    assert!(all.iter().any(|pair| pair.result > 0));
    let mut lies = all.iter().map(|pair| Ok(Pair { result: -1, ..*pair }));
    write(&path, &records, &mut lies).unwrap();
    sign_by_another(&world, &path);
    let before = world.catalogue().open(&first.id).unwrap();
    let made = append(&world, 1, Some(&before), 1);
    assert_eq!(made.version.root(), want.version.root());

    // Those of these very records are not overwritten: a version of that node may rest on them.
    let own = pairs(&world, &made);
    sign_by_another(&world, &own);
    let recipe = world.recipe(&["source.path=part-1"]);
    let entries = world.ingest(&recipe, 8 << 10, 1);
    let error = world.try_run(&recipe, &world.records(&entries, Some(&before)), 1).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("is signed by") && error.contains(&own.display().to_string()),
        "{error}"
    );
}

/// Has another node sign a claim about `path`, as it lies there.
fn sign_by_another(world: &World, path: &Path) {
    let (mut claim, _) = Claim::open(&claim::path(path)).unwrap();
    claim.files = vec![Bytes::of(&world.catalogue(), path).unwrap()];
    claim.outputs.root = claim.files[0].digest;
    claim.keep(&claim::path(path), &signs(&SecretKey::from_seed([9; 32]))).unwrap();
}

#[test]
fn kept_pairs_are_used_only_as_they_were_signed() {
    let world = World::new();
    let first = append(&world, 0, None, 1);
    let path = pairs(&world, &first);
    let kept = world.catalogue().open(&first.id).unwrap();
    world.file("part-1", "a.jsonl", &parts()[1]);
    let recipe = world.recipe(&["source.path=part-1"]);
    let entries = world.ingest(&recipe, 8 << 10, 1);
    let records = world.records(&entries, Some(&kept));
    for file in [path.clone(), claim::path(&path), claim::path(&path).with_extension("files")] {
        let before = fs::read(&file).unwrap();
        for at in [0, before.len() / 2, before.len() - 1] {
            let mut bytes = before.clone();
            bytes[at] ^= 1;
            fs::write(&file, bytes).unwrap();
            let error = world.try_run(&recipe, &records, 1).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
        fs::write(&file, before).unwrap();
    }
    // Without a claim they are as good as none: everything is compared again.
    let claimed = fs::read(claim::path(&path)).unwrap();
    fs::remove_file(claim::path(&path)).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, b"anything").unwrap();
    let made = world.run(&recipe, &records, 1);
    fs::write(&path, bytes).unwrap();
    fs::write(claim::path(&path), claimed).unwrap();
    assert_eq!(world.run(&recipe, &records, 1).id, made.id);
}

#[test]
fn a_version_of_an_older_format_is_refused_with_what_to_do() {
    let world = World::new();
    let made = append(&world, 0, None, 1);
    let path = world.catalogue().version(&made.id).join("version.cbor");
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(bytes[1..3], [1, 4]);
    bytes[2] = 2;
    fs::write(&path, bytes).unwrap();
    let error = world.catalogue().open(&made.id).unwrap_err().to_string();
    assert!(error.contains("run its recipe again") && error.contains("version.cbor"), "{error}");
}
