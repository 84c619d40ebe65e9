//! Runs on clusters: the same roots as the embedded driver, whatever happens on the way.

use crate::world::{World, executors, failed, files, json, until};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use terroir_cluster::drive::Fleet;
use terroir_cluster::job::Job;
use terroir_corpus::catalogue::Catalogue;
use terroir_corpus::claim;
use terroir_corpus::recipe::Recipe;
use terroir_corpus::run::{Outcome, Task};
use terroir_corpus::stage::chain;

fn same(embedded: &Outcome, said: &Value) {
    assert_eq!(said["version"], embedded.id.to_string());
    assert_eq!(said["root"], embedded.version.root().to_string());
    assert_eq!(said["records_kept"], embedded.counts.kept);
    for (stage, entry) in said["stages"].as_array().unwrap().iter().zip(&embedded.version.stages) {
        assert_eq!(stage["root"], entry.rows.root.to_string(), "{}", entry.name);
    }
}

#[test]
fn two_executors_give_the_roots_of_the_embedded_driver_and_sign_them() {
    let world = World::new(6);
    let embedded = world.embedded("alone");
    assert!(embedded.counts.kept < embedded.counts.records, "nothing is dropped");
    let (_scheduler, address) = world.scheduler();
    let _a = world.executor(&address, "home", "a");
    let _b = world.executor(&address, "home", "b");
    executors(&address, 2);
    let said = json(&world.run(&address, "home").output().unwrap());
    same(&embedded, &said);
    let done = said["executors"].as_object().unwrap().values();
    let shards = said["shards"].as_u64().unwrap();
    assert!(shards >= 6, "{said}");
    assert_eq!(done.map(|shards| shards.as_u64().unwrap()).sum::<u64>(), shards, "{said}");
    // Each file has a claim that this home's node signed, and the run is known from now on.
    let data = Catalogue::new(world.folder.path().join("home/data"));
    let kept = data.find(said["version"].as_str().unwrap()).unwrap();
    let node = claim::signer(&data.version(&kept.id).join("version")).unwrap();
    for stage in chain(&kept.recipe).unwrap() {
        for shard in &kept.shards {
            claim::check(&data, &stage, &node, &data.measured(&stage, shard)).unwrap();
        }
    }
    let again = json(&world.run(&address, "home").output().unwrap());
    same(&embedded, &again);
    assert_eq!(again["executors"], serde_json::json!({}));
    assert_eq!(again["stages"][0]["shards_reused"], shards);
}

#[test]
fn an_executor_that_is_killed_changes_nothing() {
    let world = World::new(24);
    let embedded = world.embedded("alone");
    let (_scheduler, address) = world.scheduler();
    let mut a = world.executor(&address, "home", "a");
    let _b = world.executor(&address, "home", "b");
    executors(&address, 2);
    let mut run = world.run(&address, "home").spawn().unwrap();
    // Four shards or more are measured by then, and it is at another or waits for one.
    let (work, tables) =
        (world.folder.path().join("a"), world.folder.path().join("home/data/keys"));
    until("work of the first executor", || files(&work) > 0 && files(&tables) >= 8);
    a.kill();
    let written = files(&tables);
    assert!(run.try_wait().unwrap().is_none(), "the run was over");
    let said = json(&run.wait_with_output().unwrap());
    let shards = said["shards"].as_u64().unwrap() as usize;
    assert!(shards >= 24 && written < 2 * shards, "{written} of {shards} were measured already");
    same(&embedded, &said);
}

#[test]
fn what_is_wrong_on_an_executor_is_said_by_the_run() {
    let world = World::new(2);
    let (_scheduler, address) = world.scheduler();
    let nobody = failed(&world.run(&address, "home").output().unwrap());
    assert!(nobody.contains(&format!("scheduler {address}: has no executor")), "{nobody}");
    let _elsewhere = world.executor(&address, "other", "a");
    executors(&address, 1);
    let said = failed(&world.run(&address, "home").output().unwrap());
    let missing = world.path("other/data/records");
    assert!(said.contains("error: executor 127.0.0.1:"), "{said}");
    assert!(said.contains(&missing) && said.contains("No such file"), "{said}");
}

#[test]
fn an_executor_with_another_stage_is_named() {
    let world = World::new(1);
    world.embedded("home");
    let (_scheduler, address) = world.scheduler();
    let _executor = world.executor(&address, "home", "a");
    executors(&address, 1);
    let data = Catalogue::new(world.folder.path().join("home/data"));
    let kept = data.open(&data.latest().unwrap().unwrap()).unwrap();
    let recipe = Recipe::parse(&kept.recipe.text, Path::new("/"), &[], Path::new("/")).unwrap();
    let stages = chain(&recipe).unwrap();
    let tasks = [Task { shard: kept.shards[0].clone(), wanted: vec![true; stages.len()] }];
    let fleet = Fleet::of(&address).unwrap();
    let mut job = Job::new(&recipe, &stages);
    fleet.measure(&data, &Arc::new(job.clone()), &stages, &tasks).unwrap();
    job.stages[1].0[0] ^= 1;
    let refused = fleet.measure(&data, &Arc::new(job), &stages, &tasks);
    let said = refused.err().unwrap().to_string();
    assert!(said.starts_with("executor 127.0.0.1:"), "{said}");
    assert!(said.contains(": stage pii is ") && said.contains("the files that it reads"), "{said}");
}

#[test]
fn a_scheduler_that_is_not_there_is_named() {
    let world = World::new(1);
    let (mut scheduler, address) = world.scheduler();
    scheduler.kill();
    let said = failed(&world.run(&address, "home").output().unwrap());
    assert!(said.starts_with(&format!("error: scheduler {address}: ")), "{said}");
}
