//! Asking: the same answer everywhere, kept with its receipt however it ends.

use crate::support::{BINARY, Home, is_private, isas, said, signal, text};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn an_answer_does_not_depend_on_machine_or_threads() {
    let home = Home::with_model();
    let ask = |isa: &str, threads: &str| {
        let words = ["ask", "--json", "--seed", "7", "--temperature", "0.9", "--max-tokens", "24"];
        let mut command = home.command();
        command.env("TERROIR_ISA", isa).args(words).args(["--threads", threads]);
        said(command.arg("Name three rivers of Europe.").output().unwrap()).json()
    };
    let usual = home.ask("7");
    for isa in isas() {
        for threads in ["1", "2"] {
            let one = ask(isa, threads);
            assert_eq!(one["output_digest"], usual["output_digest"], "{isa}, {threads} threads");
            assert_eq!(one["answer"], usual["answer"]);
        }
    }
    assert_ne!(home.ask("8")["output_digest"], usual["output_digest"]);
}

#[test]
fn the_one_object_says_what_scripts_need() {
    let home = Home::with_model();
    let done = home.ask("7");
    assert_eq!(done["seed"], 7);
    assert_eq!(done["usage"]["completion_tokens"], 24);
    assert!(done["usage"]["prompt_tokens"].as_u64().unwrap() > 10);
    for figure in ["load_ms", "prefill_tok_s", "decode_tok_s", "cpu_ms"] {
        assert!(done["timing"][figure].is_number(), "{figure} in {done}");
    }
    assert_eq!(text(&done, "/model").len(), 64);
    for file in ["/receipt", "/request_file", "/answer_file"] {
        assert!(Path::new(text(&done, file)).is_file());
    }
    assert!(is_private(Path::new(text(&done, "/request_file"))));
    assert!(is_private(Path::new(text(&done, "/answer_file"))));
    let answer: Value =
        serde_json::from_slice(&std::fs::read(text(&done, "/answer_file")).unwrap()).unwrap();
    assert_eq!(answer["answer"]["text"], done["answer"]);
}

#[test]
fn the_answer_streams_to_stdout_and_talk_goes_to_stderr() {
    let home = Home::with_model();
    let words = ["ask", "--seed", "7", "--temperature", "0.9", "--max-tokens", "24"];
    let said = home.run(words.iter().chain(&["Name three rivers of Europe."]));
    let wanted = home.ask("7");
    let wanted = text(&wanted, "/answer");
    assert_eq!(said.expect(0).out.trim_end_matches('\n'), wanted.trim_end_matches('\n'));
    assert!(said.err.contains("seed 7\n"), "{said:?}");
    assert!(receipt_in(&said.err).is_file());
    let home = home.folder.path().display();
    assert!(
        said.err.contains(&format!("check it: terroir receipt check --home {home} ")),
        "{said:?}"
    );
}

/// Through a shell, in another folder, without the environment that was there.
#[test]
fn the_command_that_checks_can_be_copied() {
    let home = Home::with_model();
    let odd = home.path("my \"home's");
    symlink(home.folder.path(), &odd).unwrap();
    let odd = odd.to_str().unwrap();
    let said = home.run(["ask", "--home", odd, "--max-tokens", "2", "hi"]);
    let line = said.expect(0).err.lines().find_map(|line| line.strip_prefix("check it: "));
    let line = line.unwrap_or_else(|| panic!("no command in {said:?}"));
    let folder = Path::new(BINARY).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.env_remove("TERROIR_HOME").env("PATH", path).current_dir("/").args(["-c", line]);
    let checked = crate::support::said(shell.output().unwrap());
    assert!(checked.expect(0).out.contains("chooses these tokens"), "{checked:?}");
}

/// The disk takes the receipt, but not the file of this long request.
#[test]
fn what_was_said_is_printed_even_where_it_cannot_be_kept() {
    let home = Home::with_model();
    let stops = (0..10).flat_map(|n| ["--stop".to_owned(), format!("{n}").repeat(250)]);
    let mut shell = Command::new("bash");
    shell.env("TERROIR_HOME", home.folder.path()).stdin(Stdio::null());
    shell.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$@\"", "bash", BINARY]);
    shell.args(["ask", "--json", "--max-tokens", "2", "hi"]).args(stops);
    let said = said(shell.output().unwrap());
    assert!(said.expect(2).err.contains("cannot be kept"), "{said:?}");
    let done: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(done["usage"]["completion_tokens"], 2);
    assert_eq!(done["request_file"], Value::Null);
    let left = std::fs::read_dir(home.path("receipts")).unwrap();
    let mut left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.any(|name| name.ends_with(".request.json")), "never a part of a file");
}

#[test]
fn a_question_may_come_from_a_file_or_from_stdin() {
    let home = Home::with_model();
    let wanted = home.ask("7");
    let file = home.write("question.txt", "Name three rivers of Europe.");
    let words = ["ask", "--json", "--seed", "7", "--temperature", "0.9", "--max-tokens", "24"];
    let from_file = home.json(words.iter().chain(&["--prompt-file", file.to_str().unwrap()]));
    assert_eq!(from_file["output_digest"], wanted["output_digest"]);
    let mut child = home.command();
    child.args(words).args(["--prompt-file", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"Name three rivers of Europe.").unwrap();
    let from_stdin = said(child.wait_with_output().unwrap()).json();
    assert_eq!(from_stdin["output_digest"], wanted["output_digest"]);
}

#[test]
fn raw_text_is_continued_and_a_stop_text_ends_it() {
    let home = Home::with_model();
    let greedy = ["ask", "--json", "--raw", "--temperature", "0", "--repetition-penalty", "1"];
    let done = home.json(greedy.iter().chain(&["--max-tokens", "3", "The capital of France is"]));
    assert!(text(&done, "/answer").contains("Paris"), "{done}");
    assert_eq!(done["usage"]["prompt_tokens"], 5);
    assert_eq!(done["finish"], "length");
    let count = ["--max-tokens", "40", "--stop", "5", "1 2 3"];
    let done = home.json(greedy.iter().chain(&count));
    assert_eq!(done["finish"], "stop");
    assert!(!text(&done, "/answer").contains('5'), "{done}");
}

#[test]
fn what_does_not_fit_the_context_is_an_error_with_the_limits() {
    let home = Home::with_model();
    let said = home.run(["ask", "--max-tokens", "9000", "hi"]);
    said.expect(2);
    for wanted in
        ["error: ", "9000", "8192", "; shorten the question or give a smaller --max-tokens"]
    {
        assert!(said.err.contains(wanted), "{said:?}");
    }
}

#[test]
fn ctrl_c_leaves_a_receipt_for_what_was_said() {
    let home = Home::with_model();
    let mut child = home.spawn(ENDLESS);
    let mut out = child.stdout.take().unwrap();
    let mut first = [0; 8];
    out.read_exact(&mut first).unwrap();
    signal(&child, "-INT");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let said = said(child.wait_with_output().unwrap());
    let receipt = receipt_in(&said.expect(0).err);
    assert_eq!(shown(&home, &receipt)["output"]["finish"], "cancelled");
    home.run(["receipt", "check", receipt.to_str().unwrap(), "--replay"]).expect(0);
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let home = Home::with_model();
    let mut child = home.spawn(ENDLESS);
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 8]).unwrap();
    drop(out);
    let said = said(child.wait_with_output().unwrap());
    let receipt = receipt_in(&said.expect(0).err);
    assert_eq!(shown(&home, &receipt)["output"]["finish"], "cancelled");
}

#[test]
fn processes_that_share_a_home_share_one_chain() {
    let home = Home::with_model();
    let ask = ["ask", "--json", "--max-tokens", "2", "--threads", "1", "hi"];
    let children: Vec<_> = (0..4).map(|_| home.spawn(ask)).collect();
    let done = children.into_iter().map(|child| said(child.wait_with_output().unwrap()).json());
    let mut seqs: Vec<u64> = done
        .map(|done| shown(&home, Path::new(text(&done, "/receipt")))["seq"].as_u64().unwrap())
        .collect();
    seqs.sort();
    assert_eq!(seqs, [0, 1, 2, 3]);
}

/// A greedy answer that goes on for thousands of tokens.
const ENDLESS: [&str; 9] = [
    "ask",
    "--raw",
    "--temperature",
    "0",
    "--repetition-penalty",
    "1",
    "--max-tokens",
    "8000",
    "one two one two one two one two one two one two",
];

fn shown(home: &Home, receipt: &Path) -> Value {
    home.json(["receipt", "show", receipt.to_str().unwrap(), "--json"])
}

#[track_caller]
fn receipt_in(talk: &str) -> PathBuf {
    let line = talk.lines().find_map(|line| line.strip_prefix("receipt "));
    PathBuf::from(line.unwrap_or_else(|| panic!("no receipt in {talk:?}")))
}
