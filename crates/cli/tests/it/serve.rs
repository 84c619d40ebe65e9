//! Serving: ready, answering as `ask` does, and ending cleanly.

use crate::support::{Home, MODEL, Serving, said, signal, text};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;

/// A server of the packaged model.
struct Server(Serving);

impl Deref for Server {
    type Target = Serving;

    fn deref(&self) -> &Serving {
        &self.0
    }
}

impl Server {
    fn start(home: &Home, more: &[&str]) -> Server {
        Server::start_with(home, &[&["--log", "error"], more].concat())
    }

    fn start_with(home: &Home, more: &[&str]) -> Server {
        let words = ["serve", "--listen", "127.0.0.1:0", "--model", MODEL];
        Server(Serving::start(home, words.iter().chain(more), "listening on"))
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, body) = self.send(method, path, "", body);
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Status and body of the reply; `headers` are whole lines.
    fn send(&self, method: &str, path: &str, headers: &str, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {reply}"));
        (status.unwrap_or_else(|| panic!("{reply}")), body)
    }

    fn chat(&self, question: &str) -> String {
        let body = json!({
            "model": MODEL,
            "messages": [{ "role": "user", "content": question }],
            "seed": 7,
            "temperature": 0.9,
            "top_p": 0.9,
            "repetition_penalty": 1.05,
            "max_tokens": 24,
        });
        let reply = self.call("POST", "/v1/chat/completions", &body);
        text(&reply, "/choices/0/message/content").to_owned()
    }
}

#[test]
fn a_served_answer_is_the_asked_one_alone_among_others_and_cached() {
    let home = Home::with_model();
    let wanted = home.ask("7");
    let wanted = text(&wanted, "/answer");
    let server = Server::start(&home, &[]);
    let question = "Name three rivers of Europe.";
    assert_eq!(server.chat(question), wanted, "alone");
    std::thread::scope(|scope| {
        let others: Vec<String> = (0..7).map(|n| format!("Count to {n}.")).collect();
        let others: Vec<_> = others.into_iter().map(|q| scope.spawn(move || q)).collect();
        let server = &server;
        let busy = others.into_iter().map(|q| {
            let question = q.join().unwrap();
            scope.spawn(move || server.chat(&question))
        });
        let busy: Vec<_> = busy.collect();
        assert_eq!(server.chat(question), wanted, "among others");
        busy.into_iter().for_each(|one| assert!(!one.join().unwrap().is_empty()));
    });
    assert_eq!(server.chat(question), wanted, "cached");
}

#[test]
fn the_server_says_its_port_lists_its_model_and_drains() {
    let home = Home::with_model();
    let port_file = home.write("port", "");
    fs::remove_file(&port_file).unwrap();
    let mut server = Server::start(&home, &["--port-file", port_file.to_str().unwrap()]);
    let port = fs::read_to_string(&port_file).unwrap();
    assert!(server.address.ends_with(&format!(":{}", port.trim())));
    let models = server.call("GET", "/v1/models", &json!({}));
    assert_eq!(models["data"][0]["id"], MODEL);
    signal(&server.child, "-TERM");
    assert!(server.0.child.wait().unwrap().success());
}

#[test]
fn the_loudest_log_tells_no_secret() {
    const KEY: &str = "sk-0123456789abcdef";
    const QUESTION: &str = "Where is the treasure of Ljubljana?";
    let home = Home::with_model();
    let keys = home.write("keys", KEY);
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let more = ["--log", "trace", "--api-keys", keys.to_str().unwrap()];
    let mut server = Server::start_with(&home, &more);
    let message = json!({ "role": "user", "content": QUESTION });
    let body = json!({
        "model": MODEL,
        "messages": [message],
        "max_tokens": 8,
        "temperature": 0,
        "opening": true,
    });
    let ask = |key: &str| {
        let headers = format!("authorization: Bearer {key}\r\n");
        server.send("POST", "/v1/chat/completions", &headers, &body)
    };
    let (status, reply) = ask(KEY);
    assert_eq!(status, 200, "{reply}");
    assert_eq!(ask("sk-wrong-0123456789").0, 401);
    signal(&server.child, "-TERM");
    assert!(server.0.child.wait().unwrap().success());
    let mut log = String::new();
    server.0.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("answer done"), "{log}");
    let node_key = fs::read_to_string(home.path("node.key")).unwrap();
    for secret in [
        KEY,
        "sk-wrong",
        "Ljubljana",
        text(&reply, "/choices/0/message/content"),
        text(&reply, "/salt"),
        node_key.split_whitespace().last().unwrap(),
    ] {
        assert!(!secret.is_empty() && !log.contains(secret), "{secret:?} is in {log}");
    }
}

#[test]
fn the_limits_that_were_asked_for_hold() {
    let home = Home::with_model();
    let few = ["--prompt-tokens", "40", "--body", "1", "--cache", "0"];
    let server = Server::start(&home, &few);
    let ask = |question: &str| {
        let message = json!({ "role": "user", "content": question });
        let body = json!({ "model": MODEL, "messages": [message], "max_tokens": 1 });
        server.send("POST", "/v1/chat/completions", "", &body)
    };
    for _ in 0..2 {
        let (status, reply) = ask("Hi");
        assert_eq!(status, 200, "{reply}");
        assert_eq!(reply.pointer("/usage/prompt_tokens_details/cached_tokens"), Some(&json!(0)));
    }
    for (question, status, code) in [
        ("river ".repeat(40), 400, "context_length_exceeded"),
        (" ".repeat(1 << 20), 413, "body_too_large"),
    ] {
        let (got, reply) = ask(&question);
        assert_eq!((got, text(&reply, "/error/code")), (status, code));
    }
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let home = Home::with_model();
    let server = Server::start(&home, &[]);
    let words = ["serve", "--listen", &server.address, "--model", MODEL];
    let said = said(home.spawn(words).wait_with_output().unwrap());
    assert!(said.expect(2).err.contains(&server.address), "{said:?}");
}
