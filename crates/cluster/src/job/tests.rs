//! A job comes back as it was sent, and nothing else is one.

use super::*;

fn job() -> Job {
    let text = "name = \"t\"\n[source]\npath = \"/nowhere\"\n[[stage]]\nkind = \"pii\"\n";
    let recipe = Recipe::parse(text, Path::new("/"), &[], Path::new("/")).unwrap();
    Job::new(&recipe, &chain(&recipe).unwrap())
}

#[test]
fn it_comes_back_and_gives_the_same_stages() {
    let job = job();
    assert_eq!(Job::decode(&job.encode()).unwrap(), job);
    let stages = job.chain().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(stages[0].id, job.stages[0]);
}

#[test]
fn another_stage_is_named() {
    let mut other = job();
    other.stages[0].0[0] ^= 1;
    let said = other.chain().err().unwrap();
    assert!(said.starts_with("stage pii is ") && said.contains(" in the run"), "{said}");
    other.stages.clear();
    let said = other.chain().err().unwrap();
    assert_eq!(said, "the recipe has 1 stages here, and 0 in the run");
}

#[test]
fn hostile_bytes_are_refused() {
    let good = job().encode();
    for cut in 0..good.len() {
        assert!(Job::decode(&good[..cut]).is_err(), "{cut}");
    }
    let many = Value::array(vec![Value::bytes([0; 32]); STAGES_MAX + 1]);
    let many = encode(&Value::Array(vec!["x".into(), many]));
    assert!(Job::decode(&many).is_err());
    let long = Value::Array(vec!["x".repeat(TEXT_BYTES_MAX + 1).into(), Value::Array(vec![])]);
    assert!(Job::decode(&encode(&long)).is_err());
}
