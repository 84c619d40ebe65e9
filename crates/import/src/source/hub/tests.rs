//! The hub's protocol, spoken by a small server on this machine. The real hub was not asked.

use super::*;
use crate::Silent;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// Serves files by path, with ranges and the headers of a hub; returns its address.
fn serve(files: BTreeMap<String, (String, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &files);
        }
    });
    address
}

fn answer(mut stream: TcpStream, files: &BTreeMap<String, (String, Vec<u8>)>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let Some(request) = lines.next() else { return };
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let Some((etag, bytes)) = files.get(&path) else {
        let reply = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return stream.write_all(reply.as_bytes()).unwrap();
    };
    let range = headers.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("range").then(|| value.strip_prefix("bytes=").unwrap().to_owned())
    });
    let (from, to) = match range.as_deref().and_then(|range| range.split_once('-')) {
        Some((from, "")) => (from.parse().unwrap(), bytes.len()),
        Some((from, to)) => (from.parse().unwrap(), to.parse::<usize>().unwrap() + 1),
        None => (0, bytes.len()),
    };
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {from}-{}/{}\r\n\
         etag: \"{etag}\"\r\nx-repo-commit: c0ffee\r\nconnection: close\r\n\r\n",
        to - from,
        to - 1,
        bytes.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&bytes[from..to]).unwrap();
}

fn get(address: &str, downloads: &Path, file: &str) -> Result<PathBuf, Error> {
    let source: Source = format!("hf:org/repo/{file}").parse().unwrap();
    fetch(&source, downloads, Some(address.into()), &mut Silent)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}

#[test]
fn a_file_is_fetched_checked_and_kept() {
    let content = vec![3u8; 100_000];
    let at = "/org/repo/resolve/main/x.gguf".to_owned();
    let address = serve(BTreeMap::from([(at, (sha256(&content), content.clone()))]));
    let downloads = tempfile::tempdir().unwrap();
    let path = get(&address, downloads.path(), "x.gguf").unwrap();
    assert_eq!(fs::read(&path).unwrap(), content);
    let nobody = "http://127.0.0.1:9";
    assert_eq!(get(nobody, downloads.path(), "x.gguf").unwrap(), path, "the second time is free");
}

#[test]
fn weights_bring_the_companions_that_there_are() {
    let at = |name: &str| format!("/org/repo/resolve/main/{name}");
    let address = serve(BTreeMap::from([
        (at("model.safetensors"), ("aa".into(), b"weights".to_vec())),
        (at("config.json"), ("bb".into(), b"{}".to_vec())),
    ]));
    let downloads = tempfile::tempdir().unwrap();
    let path = get(&address, downloads.path(), "model.safetensors").unwrap();
    assert_eq!(fs::read(path.with_file_name("config.json")).unwrap(), b"{}");
    assert!(!path.with_file_name("tokenizer.json").exists());
}

#[test]
fn a_wrong_hash_and_a_name_that_leaves_the_folder_are_refused() {
    let at = |name: &str| format!("/org/repo/resolve/main/{name}");
    let address = serve(BTreeMap::from([
        (at("bad.gguf"), (sha256(b"other"), b"content".to_vec())),
        (at("evil.gguf"), ("../../../evil".into(), b"content".to_vec())),
    ]));
    let downloads = tempfile::tempdir().unwrap();
    let error = get(&address, downloads.path(), "bad.gguf").unwrap_err();
    assert!(matches!(error, Error::Hash { .. }), "{error}");
    let again = get(&address, downloads.path(), "bad.gguf").unwrap_err();
    assert!(matches!(again, Error::Hash { .. }), "nothing wrong was kept: {again}");
    let error = get(&address, downloads.path(), "evil.gguf").unwrap_err().to_string();
    assert!(error.contains("is not letters and digits"), "{error}");
    let error = get(&address, downloads.path(), "absent.gguf").unwrap_err();
    assert!(matches!(error, Error::Download { .. }), "{error}");
}
