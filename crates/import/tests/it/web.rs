//! Fetching over HTTP from a small server on this machine: ranges, breaks, lies. TLS was not tried.

use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use terroir_base::hex;
use terroir_import::{Error, Silent, Source, fetch};

/// What the server does with a request for bytes from `from` on.
type Behaviour = fn(&mut TcpStream, content: &[u8], from: Option<usize>);

/// Serves one file; returns its address and, per request, the first byte asked for.
fn serve(content: Vec<u8>, behaviour: Behaviour) -> (String, mpsc::Receiver<Option<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/dir/model.gguf?x=1", listener.local_addr().unwrap());
    let (asked, asks) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let range = head.iter().find_map(|line| {
                line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned)
            });
            let from = range.map(|range| range.trim_end_matches('-').parse().unwrap());
            // The receiver is gone when the test has seen enough.
            let _ = asked.send(from);
            behaviour(&mut stream, &content, from);
        }
    });
    (address, asks)
}

fn whole(stream: &mut TcpStream, content: &[u8], from: Option<usize>) {
    partly(stream, content, from, usize::MAX);
}

fn two_kilobytes_at_a_time(stream: &mut TcpStream, content: &[u8], from: Option<usize>) {
    partly(stream, content, from, 2048);
}

fn nothing_after_a_kilobyte(stream: &mut TcpStream, content: &[u8], from: Option<usize>) {
    partly(stream, content, from, 1024_usize.saturating_sub(from.unwrap_or(0)));
}

fn without_ranges(stream: &mut TcpStream, content: &[u8], _from: Option<usize>) {
    whole(stream, content, None);
}

fn another_range(stream: &mut TcpStream, content: &[u8], from: Option<usize>) {
    partly(stream, content, Some(from.unwrap_or(0) + 1), usize::MAX);
}

fn missing(stream: &mut TcpStream, _content: &[u8], _from: Option<usize>) {
    let reply = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(reply.as_bytes()).unwrap();
}

/// Announces everything from `from` on, sends at most `most` bytes of it.
fn partly(stream: &mut TcpStream, content: &[u8], from: Option<usize>, most: usize) {
    let (start, total) = (from.unwrap_or(0), content.len());
    let status = match from {
        Some(from) if from >= total => "416 Range Not Satisfiable".into(),
        Some(from) => {
            format!("206 Partial Content\r\ncontent-range: bytes {from}-{}/{total}", total - 1)
        }
        None => "200 OK".to_owned(),
    };
    let rest = &content[start.min(total)..];
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", rest.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&rest[..rest.len().min(most)]).unwrap();
}

fn content() -> Vec<u8> {
    (0..10_000u32).map(|i| (i * 7 + i / 256) as u8).collect()
}

fn source(address: &str, hash: &[u8]) -> Source {
    format!("{address}#sha256={}", hex::encode(hash)).parse().unwrap()
}

fn get(address: &str, downloads: &Path) -> Result<Vec<u8>, Error> {
    let source = source(address, &Sha256::digest(content()));
    let path = fetch(&source, downloads, &mut Silent)?;
    assert_eq!(path.file_name().unwrap(), "model.gguf");
    Ok(std::fs::read(path).unwrap())
}

#[test]
fn a_file_is_fetched_once() {
    let (address, asks) = serve(content(), whole);
    let downloads = tempfile::tempdir().unwrap();
    assert_eq!(get(&address, downloads.path()).unwrap(), content());
    assert_eq!(get(&address, downloads.path()).unwrap(), content());
    assert_eq!(asks.try_iter().collect::<Vec<_>>(), [None]);
}

#[test]
fn a_broken_line_is_taken_up_where_it_broke() {
    let (address, asks) = serve(content(), two_kilobytes_at_a_time);
    let downloads = tempfile::tempdir().unwrap();
    assert_eq!(get(&address, downloads.path()).unwrap(), content());
    let want = [None, Some(2048), Some(4096), Some(6144), Some(8192)];
    assert_eq!(asks.try_iter().collect::<Vec<_>>(), want);
}

#[test]
fn a_later_run_continues_an_earlier_one() {
    let (dying, _asks) = serve(content(), nothing_after_a_kilobyte);
    let downloads = tempfile::tempdir().unwrap();
    let error = get(&dying, downloads.path()).unwrap_err().to_string();
    assert!(error.ends_with("1024 bytes are kept for the next try"), "{error}");
    let (address, asks) = serve(content(), whole);
    assert_eq!(get(&address, downloads.path()).unwrap(), content());
    assert_eq!(asks.try_iter().collect::<Vec<_>>(), [Some(1024)]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (dying, _asks) = serve(content(), nothing_after_a_kilobyte);
    let downloads = tempfile::tempdir().unwrap();
    get(&dying, downloads.path()).unwrap_err();
    let (address, _asks) = serve(content(), without_ranges);
    assert_eq!(get(&address, downloads.path()).unwrap(), content());
}

#[test]
fn lies_are_refused() {
    let downloads = tempfile::tempdir().unwrap();
    let (dying, _asks) = serve(content(), nothing_after_a_kilobyte);
    get(&dying, downloads.path()).unwrap_err();
    let (address, _asks) = serve(content(), another_range);
    let error = get(&address, downloads.path()).unwrap_err().to_string();
    assert!(error.contains("another range than was asked for"), "{error}");
    let (address, _asks) = serve(content(), missing);
    let error = get(&address, downloads.path()).unwrap_err().to_string();
    assert!(error.contains("status 404"), "{error}");
}

#[test]
fn a_wrong_hash_leaves_nothing_behind() {
    let (address, asks) = serve(content(), whole);
    let downloads = tempfile::tempdir().unwrap();
    let wrong = source(&address, &[7; 32]);
    for _ in 0..2 {
        let error = fetch(&wrong, downloads.path(), &mut Silent).unwrap_err();
        assert!(matches!(error, Error::Hash { .. }), "{error}");
    }
    assert_eq!(asks.try_iter().collect::<Vec<_>>(), [None, None], "nothing was kept");
}
