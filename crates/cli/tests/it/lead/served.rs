//! Batches over HTTP: from a second process, to a stranger, to NumPy, and from a server that lies.

use super::led;
use crate::support::{Home, Serving, flip, signal, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use terroir_base::Digest;

fn serve(home: &Home, manifest: &str) -> Serving {
    Serving::start(home, ["data", "batches", manifest, "--serve", "127.0.0.1:0"], "serving")
}

/// Status, head and body of the reply to one request; `address` is that of a server, with its
/// manifest. Status 0 where the reply was broken off before its head.
fn send(address: &str, method: &str, path: &str) -> (u16, String, Vec<u8>) {
    let (host, manifest) = address.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let target = format!("/{manifest}/{path}");
    write!(stream, "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    let split = reply.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(split) = split else { return (0, String::new(), Vec::new()) };
    let head = String::from_utf8(reply[..split].to_vec()).unwrap();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    (status, head, reply[split + 4..].to_vec())
}

fn get(address: &str, path: &str) -> Vec<u8> {
    let (status, head, body) = send(address, "GET", path);
    assert_eq!(status, 200, "{head}");
    body
}

/// Where there is a Python with NumPy, what it says to a script.
fn python(script: &str, words: &[&str]) -> Option<String> {
    let there = Command::new("python3").args(["-c", "import numpy"]).output().ok()?;
    if !there.status.success() {
        return None;
    }
    let output = Command::new("python3").args(["-c", script]).args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn served_batches_are_those_that_are_written() {
    let (home, led) = led();
    let manifest = text(&led, "/manifest");
    let mut server = serve(&home, manifest);
    let address = &server.address;
    assert!(address.ends_with(&format!("/{manifest}")), "{address}");
    let stranger = Home::empty();
    for form in ["npy", "raw", "parquet"] {
        let out = |home: &Home| home.path(form).display().to_string();
        let written = |home: &Home, from: &str| -> Vec<Vec<u8>> {
            let words = ["data", "batches", from, "--size", "4", "--from", "1", "--count", "1000"];
            let more = ["--format", form, "--json", "--out", &out(home)];
            let said = home.json(words.iter().chain(&more));
            assert_eq!(text(&said, "/manifest"), manifest);
            let files = said["files"].as_array().unwrap().iter();
            files.map(|file| fs::read(file.as_str().unwrap()).unwrap()).collect()
        };
        let here = written(&home, manifest);
        assert!(here.len() > 2);
        assert_eq!(written(&stranger, &format!("http://{address}")), here);
        if form == "parquet" {
            continue;
        }
        for (at, file) in (1..).zip(&here) {
            let path = format!("batches/{at}?size=4&format={form}");
            let (_, head, body) = send(address, "GET", &path);
            assert!(body == *file, "batch {at} as {form}");
            let digest = format!("x-terroir-digest: {}\r\n", Digest::of(&body));
            assert!(head.contains(&digest), "{head}");
        }
        // Several at once, one after the other, and no more than there are.
        let all = get(address, &format!("batches?from=1&count=1000&size=4&format={form}"));
        assert_eq!(all, here.concat());
        let two = get(address, &format!("batches?count=2&size=4&from=1&format={form}"));
        assert_eq!(two, here[..2].concat());
    }
    assert!(!stranger.path("data").exists());
    let folder = text(&led, "/folder");
    for (path, file) in
        [("manifest.cose", "manifest.cose"), ("sequences/0", "sequences-00000.parquet")]
    {
        assert_eq!(get(address, path), fs::read(Path::new(folder).join(file)).unwrap());
    }
    signal(&server.child, "-TERM");
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn numpy_reads_what_is_served() {
    let (home, led) = led();
    let manifest = text(&led, "/manifest");
    let server = serve(&home, manifest);
    let out = home.path("out").display().to_string();
    let words = ["data", "batches", manifest, "--size", "4", "--count", "2", "--format", "raw"];
    home.run(words.iter().chain(&["--out", &out])).expect(0);
    let raw = |at: u32| fs::read(home.path(&format!("out/batch-{at:08}.bin"))).unwrap();
    let hex: String = [raw(0), raw(1)].concat().iter().map(|byte| format!("{byte:02x}")).collect();
    let script = "import io, sys, urllib.request as web, numpy\n\
        one = numpy.load(io.BytesIO(web.urlopen(sys.argv[1] + '/batches/0?size=4').read()))\n\
        stream = web.urlopen(sys.argv[1] + '/batches?count=2&size=4')\n\
        two = [numpy.lib.format.read_array(stream) for _ in range(2)]\n\
        assert (two[0] == one).all() and one.dtype.str == '<u2', one.dtype\n\
        print(numpy.concatenate(two).shape, (two[0].tobytes() + two[1].tobytes()).hex(), end='')";
    if let Some(said) = python(script, &[&format!("http://{}", server.address)]) {
        assert_eq!(said, format!("(8, 32) {hex}"));
    }
}

#[test]
fn what_is_not_served_is_said() {
    let (home, led) = led();
    let server = serve(&home, text(&led, "/manifest"));
    let address = &server.address;
    for (path, status, code) in [
        ("batches/0", 400, "missing_field"),
        ("batches/0?size=0", 400, "unsupported_value"),
        ("batches/0?size=99999999", 400, "unsupported_value"),
        ("batches/0?size=4&size=5", 400, "unsupported_value"),
        ("batches/0?size=4&from=2", 400, "unsupported_value"),
        ("batches/0?size=4&format=parquet", 400, "unsupported_value"),
        ("batches/-1?size=4", 400, "unsupported_value"),
        ("batches/18446744073709551616?size=4", 400, "unsupported_value"),
        ("batches/18446744073709551615?size=4", 404, "batch_not_found"),
        ("batches?size=4&count=0", 404, "batch_not_found"),
        ("sequences/1", 404, "source_not_found"),
        ("sequences/%ff", 400, "bad_path"),
        ("tokens", 404, "no_such_route"),
    ] {
        let (got, _, body) = send(address, "GET", path);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((got, text(&body, "/error/code")), (status, code), "{path}: {body}");
    }
    let host = address.split('/').next().unwrap();
    let other = format!("{host}/{}", "0".repeat(64));
    assert_eq!(send(&other, "GET", "manifest.cose").0, 404);
    assert_eq!(send(address, "POST", "manifest.cose").0, 405);
    // One byte on the server's disk: that batch does not leave, and others do.
    let manifest = text(&led, "/manifest");
    let folder = Path::new(text(&led, "/folder"));
    flip(&folder.join("tokens-00000.bin"), 0);
    let server = serve(&home, manifest);
    let all = led["sequences"].as_u64().unwrap();
    let broken = (0..all).filter(|at| {
        let (status, _, body) = send(&server.address, "GET", &format!("batches/{at}?size=1"));
        assert!(status == 200 || !String::from_utf8_lossy(&body).contains("NUMPY"));
        status == 500
    });
    assert_eq!(broken.count(), 1);
    let whole = send(&server.address, "GET", &format!("batches?size={all}"));
    assert!((whole.2.len() as u64) < all * 64 + 128, "it is broken off");
}

/// Answers requests for what is in `files`, each once for as long as it is asked; the rest with 404.
fn lie(files: BTreeMap<String, Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let path = line.split(' ').nth(1).unwrap();
            let found = files.get(path);
            let (status, body) = found.map_or((404, &b"no"[..]), |body| (200, body.as_slice()));
            let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n");
            // A client that has seen enough goes away.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    address
}

#[test]
fn a_server_that_lies_is_not_believed() {
    let (home, led) = led();
    let manifest = text(&led, "/manifest");
    let folder = Path::new(text(&led, "/folder"));
    let out = home.path("out").display().to_string();
    let words = ["data", "batches", manifest, "--size", "4", "--format", "raw", "--out", &out];
    home.run(words).expect(0);
    let other = home.json([
        "data",
        "lead",
        "v1",
        "--set",
        super::PASSING,
        "--set",
        "tokenize.sequence=64",
        "--json",
    ]);
    let other = Path::new(text(&other, "/folder"));
    let read = |folder: &Path, name: &str| fs::read(folder.join(name)).unwrap();
    let table = "sequences-00000.parquet";
    let batch = format!("/{manifest}/batches/0?size=4&format=raw");
    let honest = BTreeMap::from([
        (format!("/{manifest}/manifest.cose"), read(folder, "manifest.cose")),
        (format!("/{manifest}/sequences/0"), read(folder, table)),
        (batch.clone(), fs::read(home.path("out/batch-00000000.bin")).unwrap()),
    ]);
    let stranger = Home::empty();
    let ask = |files: BTreeMap<String, Vec<u8>>| {
        let out = stranger.path("out").display().to_string();
        let from = format!("http://{}/{manifest}", lie(files));
        let said = stranger.run(["data", "batches", &from, "--size", "4", "--out", &out]);
        (said, stranger.path("out/batch-00000000.npy").exists())
    };
    let refuses = |path: &str, body: Vec<u8>, complaint: &str| {
        let mut files = honest.clone();
        files.insert(path.to_owned(), body);
        let (said, written) = ask(files);
        assert!(said.expect(2).err.contains(complaint) && !written, "{complaint}: {said:?}");
    };
    let mut bytes = honest[&batch].clone();
    bytes[70] ^= 1;
    refuses(&batch, bytes.clone(), "sequence 1 of the batch has the digest");
    bytes.truncate(100);
    refuses(&batch, bytes, "gave 100 bytes or more, expected 256");
    refuses(&batch, vec![0; 300], "gave 257 bytes or more, expected 256");
    let path = format!("/{manifest}/sequences/0");
    refuses(&path, read(other, table), "sequences have the root");
    refuses(&path, vec![7; 300], "no Parquet footer");
    refuses(&path, vec![0; 20 << 20], "more than");
    let path = format!("/{manifest}/manifest.cose");
    refuses(&path, read(other, "manifest.cose"), &format!("not {manifest}"));
    refuses(&path, vec![0xff; 5 << 20], "more than 4194304 bytes");
    let mut none = honest.clone();
    none.remove(&path);
    assert!(ask(none).0.expect(2).err.contains("status 404: no"));
    let words = ["data", "batches", "http://127.0.0.1:1/x", "--size", "4", "--out", &out];
    let said = stranger.run(words);
    assert!(said.expect(2).err.contains("names no manifest"), "{said:?}");
    let (said, written) = ask(honest);
    assert!(said.expect(0).err.contains("signed by") && written, "{said:?}");
}
