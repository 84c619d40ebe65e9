//! Questions about the catalogue, answered in process and by a cluster.

use crate::world::{World, executors, failed, json};
use serde_json::{Value, json};

fn ask(world: &World, query: &str, more: &[&str]) -> Value {
    let mut command = world.command(&["sql", query, "--home", "home", "--json"]);
    json(&command.args(more).output().unwrap())
}

fn refused(world: &World, query: &str) -> String {
    failed(&world.command(&["sql", query, "--home", "home"]).output().unwrap())
}

const KEPT: &str = "select kept, count(*) as n from verdicts group by kept order by kept";
/// Records on which the function in SQL and the table of the run disagree.
const DIFFER: &str = "select count(*) as n from records r join rows.gopher_quality g on r.rid = g.rid \
    where gopher_quality(r.text)['verdict'] <> g.verdict \
    or gopher_quality(r.text)['words'] <> g.words";

#[test]
fn tables_and_functions_answer_here_and_on_a_cluster() {
    let world = World::new(3);
    let outcome = world.embedded("home");
    let counts = &outcome.counts;
    let versions = ask(&world, "select version, kept from versions", &[]);
    let expected = json!([{ "version": outcome.id.to_string(), "kept": counts.kept }]);
    assert_eq!(versions["rows"], expected);
    assert_eq!(versions["columns"], json!(["version", "kept"]));
    let (_scheduler, address) = world.scheduler();
    let _executor = world.executor(&address, "home", "a");
    executors(&address, 1);
    for place in [&[][..], &["--cluster", &address]] {
        let all = ask(&world, "select count(*) as n from verdicts where kept", place);
        assert!(all["rows"][0]["n"].as_u64().unwrap() >= counts.kept, "{all}");
        assert_eq!(ask(&world, DIFFER, place)["rows"], json!([{ "n": 0 }]), "{place:?}");
        let found = ask(&world, "select pii('ask who@example.org')['emails'] as n", place);
        assert_eq!(found["rows"], json!([{ "n": 1 }]), "{place:?}");
    }
    assert_eq!(ask(&world, KEPT, &[])["rows"], ask(&world, KEPT, &["--cluster", &address])["rows"]);
}

#[test]
fn an_answer_is_cut_and_nothing_is_changed() {
    let world = World::new(1);
    world.embedded("home");
    let some = ask(&world, "select rid from records", &["--rows", "2"]);
    assert_eq!((some["rows"].as_array().unwrap().len(), &some["more"]), (2, &json!(true)));
    let some = ask(&world, "select rid from records limit 2", &["--rows", "2"]);
    assert_eq!((some["rows"].as_array().unwrap().len(), &some["more"]), (2, &json!(false)));
    let copy = format!("copy records to '{}'", world.path("out.parquet"));
    for query in [copy.as_str(), "drop table records", "create table t as select 1", "set a = 1"] {
        let said = refused(&world, query);
        assert!(said.starts_with("error: query: ") && said.contains("not supported"), "{said}");
    }
    assert!(!world.folder.path().join("out.parquet").exists());
    let said = refused(&world, "select rid from nowhere");
    assert!(said.starts_with("error: query: ") && said.contains("nowhere"), "{said}");
}

#[test]
fn a_home_without_versions_says_so() {
    let world = World::new(1);
    let said = refused(&world, "select 1");
    assert!(said.contains("there is no home in home"), "{said}");
    terroir_node::Home::open(world.path("home")).unwrap();
    assert_eq!(ask(&world, "select 1 as one", &[])["rows"], json!([{ "one": 1 }]));
    let said = refused(&world, "select * from records");
    assert!(said.starts_with("error: this home has no versions yet: "), "{said}");
}
