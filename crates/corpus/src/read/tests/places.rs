//! Folders, patterns and buckets.

use super::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};

fn names(path: &str, format: Option<Format>) -> Vec<String> {
    let place = Place { paths: vec![path.to_owned()], ..Place::default() };
    list(&place, format).unwrap().files.into_iter().map(|found| found.name).collect()
}

#[test]
fn folders_files_and_patterns_are_listed_by_name() {
    let folder = folder();
    for name in [
        "b.jsonl",
        "a/x.jsonl.gz",
        "a/b/y.txt",
        "a/LICENSE",
        ".hidden.jsonl",
        ".git/z.txt",
        "c[1].jsonl",
    ] {
        write(&folder, name, b"");
    }
    let at = |path: &str| format!("{}/{path}", folder.path().display());
    let all = ["a/b/y.txt", "a/x.jsonl.gz", "b.jsonl", "c[1].jsonl"];
    assert_eq!(names(&at(""), None), all);
    assert_eq!(names(folder.path().to_str().unwrap(), None), all);
    assert_eq!(names(&at(""), Some(Format::Jsonl)), ["a/x.jsonl.gz", "b.jsonl", "c[1].jsonl"]);
    assert_eq!(names(&at("b.jsonl"), None), ["b.jsonl"]);
    assert_eq!(names(&at("c[1].jsonl"), None), ["c[1].jsonl"]);
    assert_eq!(names(&at("*.jsonl"), None), ["b.jsonl", "c[1].jsonl"]);
    assert_eq!(names(&at("[ab].jsonl"), None), ["b.jsonl"]);
    assert_eq!(names(&at("**/*.txt"), None), ["a/b/y.txt"]);
    assert_eq!(names(&at("a/*.gz"), None), ["x.jsonl.gz"]);
    assert_eq!(names(&at("a/LICENSE"), Some(Format::Text)), ["LICENSE"]);
    let place = place(folder.path());
    assert_eq!(list(&place, None).unwrap().ignored, ["a/LICENSE"]);
    write(&folder, "d/e.json", b"");
    assert_eq!(names(&at("d"), Some(Format::Jsonl)), ["e.json"]);
    assert_eq!(list(&place, None).unwrap().ignored, ["a/LICENSE", "d/e.json"]);
    for nothing in ["absent", "absent/*.jsonl", "*.warc", "a/LICENSE"] {
        let place = Place { paths: vec![at(nothing)], ..Place::default() };
        let error = list(&place, None).unwrap_err();
        assert!(matches!(&error, Error::Source { file, .. } if *file == at(nothing)), "{error}");
    }
}

#[test]
fn records_of_a_place_stop_at_the_first_fault() {
    let folder = folder();
    write(&folder, "a.jsonl", b"{\"text\":\"1\"}\n\n{\"text\":2}\n{\"text\":\"3\"}\n");
    let mut texts = Vec::new();
    let error = records(&place(folder.path()), &plain(), folder.path(), &mut |view| {
        texts.push(view.text.to_owned());
        Ok(())
    });
    assert_eq!(texts, ["1"]);
    let Err(Error::Source { file, offset, record, .. }) = error else { panic!("{error:?}") };
    assert_eq!((file.as_str(), offset, record), ("a.jsonl", 14, 1));
}

/// A bucket `shelf` with these objects, for as long as the test runs. Gives its address.
fn bucket(objects: BTreeMap<&'static str, Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, objects) = (stream.unwrap(), objects.clone());
            std::thread::spawn(move || serve(stream, &objects));
        }
    });
    address
}

/// Answers requests of one connection: HEAD and ranged GET of objects, and ListObjectsV2.
fn serve(stream: TcpStream, objects: &BTreeMap<&'static str, Vec<u8>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.by_ref().take(1 << 16).read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        let signed = lines
            .iter()
            .any(|line| line.to_lowercase().starts_with("authorization: aws4-hmac-sha256"));
        let mut request = lines[0].split(' ');
        let (method, url) = (request.next()?, request.next()?);
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let key = path.strip_prefix("/shelf").unwrap_or(path).trim_start_matches('/');
        let date = "Last-Modified: Sun, 22 Nov 2026 00:00:00 GMT";
        let (status, extra, body) = if !signed {
            ("403 Forbidden", String::new(), Vec::new())
        } else if query.contains("list-type=2") {
            let prefix =
                query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or("");
            let prefix = prefix.replace("%2F", "/");
            let contents = objects.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(key, bytes)| {
                format!("<Contents><Key>{key}</Key><LastModified>2026-11-22T00:00:00.000Z</LastModified>\
                         <ETag>\"{}\"</ETag><Size>{}</Size></Contents>", Digest::of(bytes).short(), bytes.len())
            });
            let xml = format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>",
                contents.collect::<String>()
            );
            ("200 OK", String::new(), xml.into_bytes())
        } else if let Some(bytes) = objects.get(key) {
            let tag = format!("ETag: \"{}\"\r\n{date}", Digest::of(bytes).short());
            let range = lines.iter().find_map(|line| {
                line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned)
            });
            match range.as_deref().and_then(|range| range.split_once('-')) {
                Some((start, end)) => {
                    let (start, end): (usize, usize) = (start.parse().ok()?, end.parse().ok()?);
                    let end = (end + 1).min(bytes.len());
                    let extra = format!(
                        "{tag}\r\nContent-Range: bytes {start}-{}/{}",
                        end - 1,
                        bytes.len()
                    );
                    ("206 Partial Content", extra, bytes[start..end].to_vec())
                }
                None => ("200 OK", tag, bytes.clone()),
            }
        } else {
            ("404 Not Found", String::new(), Vec::new())
        };
        let extra = if extra.is_empty() { extra } else { format!("{extra}\r\n") };
        let head = format!("HTTP/1.1 {status}\r\n{extra}Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).ok()?;
        if method != "HEAD" {
            stream.write_all(&body).ok()?;
        }
    }
}

fn shelf(paths: &[&str], address: &str) -> Place {
    let access = [
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_REGION", "here"),
        ("AWS_ENDPOINT", address),
        ("HOME", "/ignored"),
    ];
    let access = access.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Place { paths: paths.iter().map(|path| path.to_string()).collect(), access }
}

#[test]
fn objects_are_read_as_files_are() {
    let long = format!("{{\"text\":\"{}\"}}\n", "x".repeat(5 << 20)).repeat(4);
    let address = bucket(BTreeMap::from([
        ("data/a.jsonl", b"{\"text\":\"a\"}\n".to_vec()),
        ("data/b/c.txt.gz", gzip(b"c")),
        ("data/note", b"".to_vec()),
        ("database/d.txt", b"d".to_vec()),
        ("long.jsonl", long.clone().into_bytes()),
    ]));
    let temps = folder();
    let texts = |path: &str| {
        let mut texts = Vec::new();
        records(&shelf(&[path], &address), &plain(), temps.path(), &mut |view| {
            texts.push(view.text.to_owned());
            Ok(())
        })
        .unwrap();
        texts
    };
    assert_eq!(texts("s3://shelf/data"), ["a", "c"]);
    assert_eq!(texts("s3://shelf/data/"), ["a", "c"]);
    assert_eq!(texts("s3://shelf/**/*.txt"), ["d"]);
    assert_eq!(texts("s3://shelf/data/a.jsonl"), ["a"]);
    assert_eq!(texts("s3://shelf/long.jsonl").len(), 4);
    let listing = list(&shelf(&["s3://shelf"], &address), None).unwrap();
    assert_eq!((listing.files.len(), listing.ignored), (4, vec!["data/note".to_owned()]));
    assert!(listing.files.iter().all(|found| found.version.is_some()));
    assert_eq!(std::fs::read_dir(temps.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_store_that_refuses_is_told_by_name() {
    let address = bucket(BTreeMap::from([("a.jsonl", b"{\"text\":\"a\"}\n".to_vec())]));
    let mut unsigned = shelf(&["s3://shelf/a.jsonl"], &address);
    unsigned.access.retain(|key, _| !key.ends_with("KEY") && !key.ends_with("KEY_ID"));
    let error = list(&unsigned, None).unwrap_err();
    assert!(error.to_string().starts_with("s3://shelf/a.jsonl: "), "{error}");
    // An object that is gone, or shorter, by the time that it is fetched.
    let temps = folder();
    let found = list(&shelf(&["s3://shelf/a.jsonl"], &address), None).unwrap().files.remove(0);
    let mut longer = found.clone();
    longer.bytes += 5;
    assert!(read(&found, &plain(), temps.path(), &mut |_| Ok(())).is_ok());
    assert!(read(&longer, &plain(), temps.path(), &mut |_| Ok(())).is_err());
    assert_eq!(std::fs::read_dir(temps.path()).unwrap().count(), 0);
}
