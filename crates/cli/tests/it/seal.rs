//! `data seal` and `unseal`: who reads, who does not, and what is left without a key.

use crate::support::Home;
use std::fs;

/// A key as its tool writes it, and what it opens.
const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const PUBLIC: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

#[test]
fn named_readers_open_what_was_sealed_until_its_key_is_gone() {
    let home = Home::empty();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let line = |at: usize| {
        let by = ["ann", "ben"][at % 2];
        format!("{}\n", serde_json::json!({ "text": format!("text number {at}"), "by": by }))
    };
    fs::write(path("in.jsonl"), (0..10).map(line).collect::<String>()).unwrap();
    let recipe = "name = \"s\"\n[source]\npath = \"in.jsonl\"\ncontributor = { field = \"by\" }\n";
    fs::write(path("recipe.toml"), recipe).unwrap();
    home.run(["data", "run", &path("recipe.toml"), "--tag", "one"]).expect(0);
    fs::write(path("key"), format!("# public key: {PUBLIC}\n{SECRET}\n")).unwrap();

    let out = path("sealed");
    let said = home.run(["data", "seal", "one", "--recipient", "age1nobody", "--out", &out]);
    assert!(said.expect(2).err.contains("--recipient age1nobody"), "{said:?}");
    let words = ["data", "seal", "one", "--recipient", PUBLIC, "--out", &out, "--json"];
    let view = home.json(words);
    assert_eq!(view["parts"].as_array().unwrap().len(), 2);
    assert_eq!(view["parts"][1]["records"], 5);

    let node = view["signer"].as_str().unwrap().to_owned();
    let (key, opened) = (path("key"), path("opened"));
    let open = ["data", "unseal", &out, "--identity", &key, "--out", &opened, "--json"];
    let view = home.json(open);
    assert_eq!(view["files"].as_array().unwrap().len(), 2, "{view}");
    assert_eq!(view["signer"], node);
    home.run(open.iter().chain(&["--node", &node])).expect(0);
    let other = terroir_base::sign::SecretKey::from_seed([1; 32]).public().to_string();
    let said = home.run(open.iter().chain(&["--node", &other]));
    assert!(said.expect(2).err.contains("is signed by"), "{said:?}");
    let ben = fs::read_to_string(view["files"][1]["file"].as_str().unwrap()).unwrap();
    assert_eq!(ben.matches("\"contributor\":\"ben\"").count(), 5, "{ben}");

    fs::remove_file(folder.path().join("sealed/part-00001.key.age")).unwrap();
    let view = home.json(open);
    assert_eq!(view["erased"], serde_json::json!(["ben"]));
    let words = &open[..open.len() - 1];
    assert!(home.run(words).expect(0).err.contains("erased: the records of \"ben\""));
}
