//! What a node answers is read into the shape that was asked for, and no further.

use super::{BATCH_MAX, Client};
use crate::rpc::{BLOCKS_MAX, Blocks};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

/// A client of a node that answers one request with `body`.
fn told(body: String) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    std::thread::spawn(move || {
        let mut reader = BufReader::new(listener.accept().unwrap().0);
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        reader.get_mut().write_all((head + &body).as_bytes()).unwrap();
    });
    client
}

fn blocks(result: &str) -> Result<usize, String> {
    let client = told(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#));
    let blocks = client.read::<Blocks>("terroir_blocks", json!([]));
    blocks.map(|blocks| blocks.0.len()).map_err(|error| error.to_string())
}

/// Lists in lists, so deep that whoever reads them into a tree of values gives up.
fn deep() -> String {
    ["[".repeat(1_000), "]".repeat(1_000)].concat()
}

#[test]
fn what_was_not_asked_for_is_not_read_into_memory() {
    assert_eq!(blocks("[]"), Ok(0));
    let block = r#"{"block":"0x01","certificate":null}"#;
    let most = usize::try_from(BLOCKS_MAX).unwrap();
    assert_eq!(blocks(&format!("[{}]", vec![block; most].join(","))), Ok(most));
    let why = blocks(&format!("[{},{}]", vec![block; most].join(","), deep())).unwrap_err();
    assert!(why.contains("more than 256"), "{why}");
    let why = blocks(&format!("[0,{}]", deep())).unwrap_err();
    assert!(why.contains("invalid type: integer"), "{why}");
}

#[test]
fn errors_and_answers_of_another_shape_are_told_in_a_few_words() {
    let asked = |body: String| {
        let answer = told(body).read::<String>("what", json!([]));
        answer.map_err(|error| error.to_string())
    };
    let said = asked(json!({ "id": 1, "error": { "code": 3, "message": "no" } }).to_string());
    assert!(said.unwrap_err().ends_with("what: no"));
    let long = asked(format!(r#"{{"id":1,"error":{}}}"#, deep())).unwrap_err();
    assert!(long.contains("[[[") && long.len() < 600, "{long}");
    assert!(asked("{}".into()).unwrap_err().contains("neither a result nor an error"));
    assert!(asked(deep()).unwrap_err().contains("no answer"));
    let null = told(json!({ "id": 1, "result": null }).to_string());
    assert_eq!(null.call("what", json!([])).unwrap(), Value::Null);
}

#[test]
fn each_call_of_a_batch_has_its_own_answer_and_there_are_no_more() {
    let body = json!([
        { "id": 1, "error": { "code": 1, "message": "known" } },
        { "id": 0, "result": "0x7" },
    ]);
    let answers = told(body.to_string()).batch::<String>("send", &[json!([]), json!([])]).unwrap();
    let answers: Vec<_> =
        answers.into_iter().map(|one| one.map_err(|why| why.to_string())).collect();
    assert_eq!(answers[0], Ok("0x7".to_owned()));
    assert!(answers[1].as_ref().unwrap_err().ends_with("send: known"), "{answers:?}");
    let many = format!("[{},{}]", vec!["{}"; BATCH_MAX].join(","), deep());
    let why = told(many).batch::<String>("send", &[json!([])]).unwrap_err().to_string();
    assert!(why.contains("more than 100"), "{why}");
}
