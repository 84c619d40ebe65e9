//! Roots, reuse, appending, withdrawing, explaining, comparing, exporting.

use crate::world::{World, key, lines, salt, signs};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use terroir_base::Digest;
use terroir_base::sign::SecretKey;
use terroir_corpus::Error;
use terroir_corpus::claim::{self, Bytes, Claim};
use terroir_corpus::diff::diff;
use terroir_corpus::explain::explain;
use terroir_corpus::export::{Form, export};
use terroir_corpus::report::{gather, page};
use terroir_corpus::run::{Out, Passed, Task, pass};
use terroir_corpus::stage::chain;

#[test]
fn roots_do_not_depend_on_files_shards_or_threads() {
    let all = lines(1, 300);
    let one = World::new();
    one.file("in", "all.jsonl", &all);
    let first = one.all(&[], 64 << 20, 1);
    assert!(first.counts.kept > 50 && first.counts.kept < 300, "{:?}", first.counts);
    assert!(first.counts.dropped.iter().filter(|dropped| **dropped > 0).count() >= 3);

    let two = World::new();
    let (left, right): (Vec<_>, Vec<_>) =
        all.iter().rev().cloned().enumerate().partition(|(at, _)| at % 3 == 0);
    let plain =
        |part: Vec<(usize, String)>| part.into_iter().map(|(_, line)| line).collect::<Vec<_>>();
    two.file("in", "b.jsonl", &plain(left));
    two.file("in", "a.jsonl", &plain(right));
    let second = two.all(&[], 16 << 10, 2);
    assert!(second.shards > 3);
    assert_eq!(first.id, second.id);
    assert_eq!(first.version.root(), second.version.root());
    assert_eq!(first.counts, second.counts);
}

#[test]
fn what_is_known_is_not_measured_again() {
    let world = World::new();
    world.file("in", "a.jsonl", &lines(2, 100));
    let first = world.all(&[], 8 << 10, 2);
    let signed = world.signed.load(Ordering::Relaxed);
    // Five tables and two runs of keys each, the pairs that were compared, the version.
    assert_eq!(signed, first.shards * 7 + 2);

    // Another threshold folds anew and measures nothing.
    let strict = world.all(&["policy.thresholds.gopher_quality.min_doc_words=90"], 8 << 10, 2);
    assert!(strict.counts.kept < first.counts.kept);
    assert!(strict.stages.iter().all(|stage| stage.reused == strict.shards && stage.cpu_ns == 0));
    assert_eq!(world.signed.load(Ordering::Relaxed), signed + 1);
    for (a, b) in first.version.stages.iter().zip(&strict.version.stages) {
        assert_eq!(a.rows, b.rows);
    }

    // A killed run leaves some tables: the others are made, and the same comes out.
    let rows = crate::world::files(&world.path("data/rows"), ".parquet");
    for path in rows.iter().step_by(3) {
        fs::remove_file(path).unwrap();
    }
    fs::remove_dir_all(world.path("data/versions")).unwrap();
    let again = world.all(&[], 8 << 10, 1);
    assert_eq!(again.id, first.id);
}

#[test]
fn passes_that_somebody_else_does_give_the_same() {
    let world = World::new();
    world.file("in", "a.jsonl", &lines(5, 200));
    let first = world.all(&[], 8 << 10, 1);

    let other = World::new();
    other.file("in", "a.jsonl", &lines(5, 200));
    let recipe = other.recipe(&[]);
    let records = other.records(&other.ingest(&recipe, 8 << 10, 1), None);
    let stages = chain(&recipe).unwrap();
    let given = Mutex::new(Vec::new());
    let elsewhere = |tasks: &[Task]| {
        given.lock().unwrap().extend_from_slice(tasks);
        // The last first, and one of them twice.
        let last = tasks.iter().rev().chain(tasks.last());
        let mut done: Vec<Passed> = last
            .map(|task| pass(&other.catalogue(), &stages, task, &salt()))
            .collect::<Result<_, _>>()?;
        done.pop();
        done.reverse();
        Ok(done)
    };
    let second = other.run_with(&recipe, &records, 1, Some(&elsewhere)).unwrap();
    assert_eq!(first.id, second.id);
    assert_eq!(other.signed.load(Ordering::Relaxed), world.signed.load(Ordering::Relaxed));
    let given: Vec<Task> = given.into_inner().unwrap();
    assert!(given.iter().map(|task| &task.shard).eq(&records.shards));
    assert!(given.iter().all(|task| task.wanted == [true; 5]));

    // Nothing is asked for that is known, and what goes wrong ends the run.
    let nothing = |_: &[Task]| Err(Error::Missing { kind: "executor", name: "x".to_owned() });
    let again = other.run_with(&recipe, &records, 1, Some(&nothing)).unwrap();
    assert_eq!(again.id, first.id);
    let path = other.catalogue().measured(&stages[1], &records.shards[0]);
    fs::remove_file(path).unwrap();
    let refused = other.run_with(&recipe, &records, 1, Some(&nothing)).unwrap_err();
    assert_eq!(refused.to_string(), "no executor x");
}

#[test]
fn what_somebody_else_says_of_a_table_is_looked_up_before_it_is_signed() {
    type Lie = fn(&mut Passed);
    let lies: [Lie; 4] = [
        |passed| {
            out(passed, 1, |out| {
                if let Out::Rows(tree) = out {
                    tree.leaves += 1
                }
            })
        },
        |passed| {
            out(passed, 1, |out| {
                if let Out::Rows(tree) = out {
                    tree.root = Digest([1; 32])
                }
            })
        },
        |passed| {
            out(passed, 2, |out| {
                if let Out::Keys(count) = out {
                    *count += 1
                }
            })
        },
        |passed| out(passed, 1, |out| *out = Out::Keys(1)),
    ];
    for lie in lies {
        let world = World::new();
        world.file("in", "a.jsonl", &lines(5, 40));
        let recipe = world.recipe(&[]);
        let records = world.records(&world.ingest(&recipe, 8 << 10, 1), None);
        let stages = chain(&recipe).unwrap();
        let elsewhere = |tasks: &[Task]| {
            let pass = |task| {
                let mut passed = pass(&world.catalogue(), &stages, task, &salt())?;
                lie(&mut passed);
                Ok(passed)
            };
            tasks.iter().map(pass).collect()
        };
        let refused = world.run_with(&recipe, &records, 1, Some(&elsewhere)).unwrap_err();
        assert!(refused.to_string().contains("was said to hold"), "{refused}");
        assert_eq!(world.signed.load(Ordering::Relaxed), 0);
    }
}

fn out(passed: &mut Passed, stage: usize, change: fn(&mut Out)) {
    change(&mut passed.made[stage].as_mut().unwrap().out);
}

#[test]
fn a_claim_of_another_stage_vouches_for_nothing() {
    let world = World::new();
    world.file("in", "a.jsonl", &lines(5, 40));
    let recipe = world.recipe(&[]);
    let records = world.records(&world.ingest(&recipe, 8 << 10, 1), None);
    world.run(&recipe, &records, 1);
    let stages = chain(&recipe).unwrap();
    let table = world.catalogue().measured(&stages[2], &records.shards[0]);
    let (claim, _) = Claim::open(&claim::path(&table)).unwrap();
    let changes: [fn(&mut Claim); 2] =
        [|claim| claim.program = Digest([1; 32]), |claim| claim.kind = "other".into()];
    for change in changes {
        let mut other = claim.clone();
        change(&mut other);
        other.keep(&claim::path(&table), &signs(&key())).unwrap();
        let refused = world.try_run(&recipe, &records, 1).unwrap_err().to_string();
        assert!(refused.contains("of the stage"), "{refused}");
    }
    // The same words of somebody else.
    claim.keep(&claim::path(&table), &signs(&SecretKey::from_seed([9; 32]))).unwrap();
    let refused = world.try_run(&recipe, &records, 1).unwrap_err().to_string();
    assert!(refused.contains("is signed by") && refused.contains("remove it"), "{refused}");
    // Without them it is made again.
    fs::remove_file(claim::path(&table)).unwrap();
    world.run(&recipe, &records, 1);
    assert_eq!(claim::signer(&table).unwrap(), key().public());
}

#[test]
fn a_run_of_somebody_else_is_signed_only_if_it_can_be_read_to_its_end() {
    // Where a byte is wrong: among items, or sketches.
    for part in [0, 1] {
        let world = World::new();
        world.file("in", "a.jsonl", &lines(5, 40));
        let recipe = world.recipe(&[]);
        let records = world.records(&world.ingest(&recipe, 64 << 20, 1), None);
        let stages = chain(&recipe).unwrap();
        let elsewhere = |tasks: &[Task]| {
            let mut passed = pass(&world.catalogue(), &stages, &tasks[0], &salt())?;
            let path = world.catalogue().measured(&stages[3], &tasks[0].shard);
            let mut bytes = fs::read(&path).unwrap();
            let number =
                |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
            let at = 40 + 36 * number(16) + part * 22 * number(24);
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            passed.made[3].as_mut().unwrap().bytes = Bytes::of(&world.catalogue(), &path)?;
            Ok(vec![passed])
        };
        let refused = world.run_with(&recipe, &records, 1, Some(&elsewhere)).unwrap_err();
        assert!(
            refused.to_string().contains("as they were written")
                || refused.to_string().contains("as it was written"),
            "{refused}"
        );
        assert_eq!(world.signed.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn a_table_of_other_records_than_its_shard_is_refused() {
    let world = World::new();
    world.file("in", "a.jsonl", &lines(5, 80));
    let recipe = world.recipe(&[]);
    let records = world.records(&world.ingest(&recipe, 8 << 10, 1), None);
    assert!(records.shards.len() > 1);
    let stages = chain(&recipe).unwrap();
    let name = |shard: &String| world.catalogue().measured(&stages[0], shard);
    let elsewhere = |tasks: &[Task]| {
        let pass = |task| pass(&world.catalogue(), &stages, task, &salt());
        let mut done: Vec<Passed> = tasks.iter().map(pass).collect::<Result<_, _>>()?;
        // The first shard gets the second one's texts, with true words about the wrong table.
        fs::copy(name(&tasks[1].shard), name(&tasks[0].shard)).unwrap();
        done[0].made[0] = done[1].made[0].clone();
        let bytes = &mut done[0].made[0].as_mut().unwrap().bytes;
        bytes.name = world.catalogue().below(&name(&tasks[0].shard));
        Ok(done)
    };
    let refused = world.run_with(&recipe, &records, 1, Some(&elsewhere)).unwrap_err();
    assert!(refused.to_string().contains("has other records than its shard"), "{refused}");
}

#[test]
fn appending_gives_the_roots_of_all_at_once() {
    let (old, new) = (lines(3, 120), lines(4, 40));
    let whole = World::new();
    whole.file("in", "a.jsonl", &old);
    // Copies of records of the first file: clusters must reach across.
    let mut new = new;
    new.extend(old.iter().step_by(7).map(|line| line.replace("\"3-", "\"again-")));
    whole.file("in", "b.jsonl", &new);
    let expected = whole.all(&[], 64 << 20, 1);

    let world = World::new();
    world.file("in", "a.jsonl", &old);
    let first = world.all(&[], 64 << 20, 1);
    world.file("more", "b.jsonl", &new);
    let recipe = world.recipe(&["source.path=more"]);
    let entries = world.ingest(&recipe, 64 << 20, 1);
    let kept = world.catalogue().open(&first.id).unwrap();
    let appended = world.run(&recipe, &world.records(&entries, Some(&kept)), 1);
    assert_eq!(appended.version.root(), expected.version.root());
    assert_eq!(appended.version.parents, [first.id]);
    assert!(appended.stages[0].reused == 1 && appended.stages[1].reused == 1);
}

#[test]
fn a_withdrawn_contributor_wins_nothing() {
    let world = World::new();
    let mut all = lines(5, 60);
    // Eve's copies of everything: without her, the others' must pass.
    let copies: Vec<String> = all.iter().map(|line| line.replace("\"5-", "\"copy-")).collect();
    all.extend(copies);
    world.file("in", "a.jsonl", &all);
    let first = world.all(&[], 64 << 20, 1);
    let kept = world.catalogue().open(&first.id).unwrap();
    let mut records = world.records(&[], Some(&kept));
    records.withdrawn = BTreeSet::from(["eve".to_owned()]);
    let after = world.run(&world.recipe(&[]), &records, 1);
    assert_eq!(after.counts.withdrawn, 40);
    assert_ne!(after.id, first.id);
    let (catalogue, after) = (world.catalogue(), world.catalogue().open(&after.id).unwrap());
    let changes = diff(&catalogue, &kept, &after, &salt()).unwrap();
    assert!(changes.added.is_empty() && changes.removed.is_empty());
    let withdrawn: u64 = changes
        .judged
        .iter()
        .filter(|((_, to), _)| to == "withdrawn")
        .map(|(_, change)| change.records)
        .sum();
    assert_eq!(withdrawn, 40);
}

#[test]
fn versions_can_be_told_shown_and_taken_out() {
    let world = World::new();
    world.file("in", "a.jsonl", &lines(6, 80));
    let made = world.all(&[], 8 << 10, 2);
    let catalogue = world.catalogue();
    catalogue.tag("v1", &made.id).unwrap();
    let kept = catalogue.find("v1").unwrap();
    assert_eq!(catalogue.find(&made.id.to_string()[..8]).unwrap().id, made.id);

    let out = world.path("out");
    let written = export(&catalogue, &kept, Form::Jsonl, &out, &salt()).unwrap();
    assert_eq!(written.records, made.counts.kept);
    let texts: Vec<serde_json::Value> = written
        .files
        .iter()
        .flat_map(|path| {
            fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect();
    assert_eq!(texts.len() as u64, made.counts.kept);
    // What was masked does not leave.
    assert!(texts.iter().all(|line| !line["text"].as_str().unwrap().contains("ann@example.org")));

    let one = texts[0]["id"].as_str().unwrap();
    let story = explain(&catalogue, &kept, one, &salt()).unwrap();
    assert!(story.kept && story.steps.len() == 5);
    assert_eq!(
        explain(&catalogue, &kept, &story.record.to_string(), &salt()).unwrap().record,
        story.record
    );
    assert!(explain(&catalogue, &kept, "nobody", &salt()).is_err());

    let gathered = gather(&catalogue, &kept, &salt()).unwrap();
    assert_eq!(gathered.all.records, made.counts.records);
    assert_eq!(gathered.kept.records, made.counts.kept);
    let html = page(&kept, &gathered);
    assert!(html.contains(&made.id.to_string()) && !html.contains("<script"));
}
