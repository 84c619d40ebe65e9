//! Proofs of absence from a version, and checking them with nothing but the version.

use crate::world::World;
use std::fs;
use terroir_base::Digest;
use terroir_corpus::absent::{Absence, Answer, Kind, Refused, Wanted, check, prove_at};
use terroir_corpus::catalogue::Kept;
use terroir_corpus::explain::find;
use terroir_corpus::recipe::Recipe;
use terroir_corpus::version::Version;
use terroir_corpus::{Error, RecordId, tree};

const STAGES: &str = r#"
[[stage]]
kind = "normalise"
[[stage]]
kind = "exact"
[[stage]]
kind = "minhash"
bands = 4
rows = 2
[[stage]]
kind = "contamination"
path = "questions.jsonl"
"#;

/// Words that occur nowhere else, with a letter that `normalise` changes.
fn own(name: &str, words: usize) -> String {
    (0..words).map(|at| format!("e\u{301}{name}{at}")).collect::<Vec<_>>().join(" ")
}

/// What the record of a name says: most are alone, two are copies, one holds a question.
fn text(name: &str) -> String {
    match name {
        "twin" | "copy" => own("same", 40),
        "asks" => format!("{} {}", own("asks", 30), own("question", 14)),
        name => own(name, 40),
    }
}

fn names() -> Vec<String> {
    let alone = (0..30).map(|at| format!("r{at}x"));
    alone.chain(["twin", "copy", "asks"].map(str::to_owned)).collect()
}

struct Made {
    world: World,
    recipe: Recipe,
    kept: Kept,
}

fn made(stages: &str) -> Made {
    let world = World::new();
    let line = |name: String| {
        let record =
            serde_json::json!({ "id": name, "text": text(&name), "source": "s", "by": "a" });
        format!("{record}\n")
    };
    let lines: Vec<String> = names().into_iter().map(line).collect();
    world.file("in", "a.jsonl", &lines[..20]);
    world.file("in", "b.jsonl", &lines[20..]);
    let question = |name: String| {
        let question = own(&name, 14).replace("e\u{301}", "\u{e9}");
        format!("{}\n", serde_json::json!({ "question": question }))
    };
    let questions = (0..60).map(|at| format!("q{at}x")).chain(["question".to_owned()]);
    fs::write(world.path("questions.jsonl"), questions.map(question).collect::<String>()).unwrap();
    let recipe = world.stages(stages);
    let entries = world.ingest(&recipe, 8 << 10, 1);
    let made = world.run(&recipe, &world.records(&entries, None), 1);
    let kept = world.catalogue().open(&made.id).unwrap();
    Made { world, recipe, kept }
}

impl Made {
    fn prove(&self, name: &str, stage: &str) -> (Answer, Option<Absence>) {
        prove_at(&self.world.catalogue(), &self.kept, name, Some(stage)).unwrap()
    }

    fn record(&self, name: &str) -> RecordId {
        find(&self.world.catalogue(), &self.kept, name).unwrap().2
    }

    /// What a stranger has: the version's bytes, the recipe, a text.
    fn check(&self, wanted: &Wanted<'_>, proof: &Absence) -> Result<Answer, Error> {
        let version = Version::decode(&self.kept.version.encode()).unwrap();
        check(&version, &self.recipe, wanted, &proof.encode())
    }
}

fn wanted<'a>(text: &'a str, stage: Option<&'a str>, record: Option<RecordId>) -> Wanted<'a> {
    Wanted { stage, record, text }
}

#[track_caller]
fn refused(checked: Result<Answer, Error>) -> Refused {
    match checked {
        Err(Error::Absence(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_without_copies_is_shown_to_strangers() {
    let made = made(STAGES);
    let entries = &made.kept.version.stages;
    let keyed: Vec<bool> = entries.iter().map(|entry| entry.keys.is_some()).collect();
    assert_eq!(keyed, [false, true, true, false]);
    for (stage, kind, asked) in
        [("exact", Kind::Keys, 1), ("minhash", Kind::Keys, 5), ("contamination", Kind::NGrams, 28)]
    {
        let (answer, proof) = made.prove("r7x", stage);
        let proof = proof.unwrap();
        assert!(answer.absent() && answer.asked == asked, "{answer:?}");
        assert_eq!(proof.kind(), kind);
        let record = made.record("r7x");
        for wanted in
            [wanted(&text("r7x"), None, None), wanted(&text("r7x"), Some(stage), Some(record))]
        {
            let checked = made.check(&wanted, &proof).unwrap();
            assert_eq!(checked.subject, answer.subject);
            assert_eq!((checked.stage.as_str(), checked.asked), (stage, asked));
            assert_eq!(checked.leaves, answer.leaves);
        }
    }
}

#[test]
fn what_is_there_again_is_named_and_has_no_proof() {
    let made = made(STAGES);
    for stage in ["exact", "minhash"] {
        let (answer, proof) = made.prove("twin", stage);
        assert!(proof.is_none() && !answer.absent());
        assert_eq!(answer.records.into_iter().collect::<Vec<_>>(), [made.record("copy")]);
    }
    let (answer, proof) = made.prove("asks", "contamination");
    assert!(proof.is_none() && answer.items.len() == 1, "{answer:?}");
}

#[test]
fn a_proof_for_something_else_is_refused() {
    let made = made(STAGES);
    let own = text("r7x");
    for stage in ["exact", "minhash", "contamination"] {
        let proof = made.prove("r7x", stage).1.unwrap();
        let check = |wanted: &Wanted<'_>| refused(made.check(wanted, &proof));
        let other = wanted(&own, None, Some(made.record("r8x")));
        assert_eq!(check(&other), Refused::Other { what: "record" });
        let stranger = text("r8x");
        let wrong = check(&wanted(&stranger, None, None));
        // A key that stands beside the record's own is seen to be another's.
        let gap = matches!(wrong, Refused::Tree(tree::Refused::Gap { .. }));
        assert!(gap || matches!(wrong, Refused::Shared { .. }), "{stage}: {wrong:?}");
        let elsewhere = if stage == "exact" { "minhash" } else { "exact" };
        let wrong = check(&wanted(&own, Some(elsewhere), None));
        assert!(matches!(wrong, Refused::Other { .. }), "{wrong:?}");
        let bytes = proof.encode();
        for at in (0..bytes.len()).step_by(5) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            // The record is told: a proof of other words could name any.
            let wanted = wanted(&own, None, Some(made.record("r7x")));
            let version = &made.kept.version;
            refused(terroir_corpus::absent::check(version, &made.recipe, &wanted, &bytes));
        }
    }
}

#[test]
fn a_proof_for_another_version_is_refused() {
    let made = made(STAGES);
    let own = text("r7x");
    let proof = made.prove("r7x", "minhash").1.unwrap();
    let mut other = made.kept.version.clone();
    other.stages[2].keys.as_mut().unwrap().root = Digest([1; 32]);
    let check = |version: &Version, recipe: &Recipe| {
        check(version, recipe, &wanted(&own, None, None), &proof.encode())
    };
    let wrong = refused(check(&other, &made.recipe));
    assert!(matches!(wrong, Refused::Tree(tree::Refused::Root { .. })), "{wrong:?}");
    // One whose stage compares by something else, and one that commits to no keys.
    let other = self::made(&STAGES.replace("rows = 2", "rows = 3"));
    let wrong = refused(check(&other.kept.version, &other.recipe));
    assert_eq!(wrong, Refused::Other { what: "stage" });
    let mut none = made.kept.version.clone();
    none.stages[2].keys = None;
    assert!(matches!(check(&none, &made.recipe), Err(Error::Missing { .. })));
    // Other stages than the version's would make other keys of the text.
    assert!(matches!(check(&made.kept.version, &other.recipe), Err(Error::Recipe { .. })));
    let edits = made.world.stages(&STAGES.replace("normalise", "gopher_quality"));
    assert!(matches!(check(&made.kept.version, &edits), Err(Error::Recipe { .. })));
}

#[test]
fn runs_that_are_not_those_of_the_version_give_no_proof() {
    let mut made = made(STAGES);
    made.kept.version.stages[1].keys.as_mut().unwrap().root = Digest([1; 32]);
    let error = prove_at(&made.world.catalogue(), &made.kept, "r7x", Some("exact")).unwrap_err();
    assert!(matches!(&error, Error::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("its keys have the root"), "{error}");
}

#[test]
fn a_stage_that_cannot_be_asked_is_an_error_with_those_that_can() {
    let mut made = made(STAGES);
    let catalogue = made.world.catalogue();
    let ask = |made: &Made, stage: Option<&str>| {
        prove_at(&catalogue, &made.kept, "r7x", stage).unwrap_err().to_string()
    };
    assert!(ask(&made, None).contains("exact, minhash, contamination"), "{}", ask(&made, None));
    assert!(ask(&made, Some("normalise")).contains("normalise"));
    // A version that lies about what its stages do.
    let proof = made.prove("r7x", "exact").1.unwrap();
    made.kept.version.stages[0].keys = made.kept.version.stages[1].keys;
    assert!(ask(&made, Some("normalise")).contains("normalise"));
    let wanted = wanted("text", Some("normalise"), None);
    assert!(matches!(made.check(&wanted, &proof), Err(Error::Missing { .. })));
}
