//! What files are wrapped in, and how it breaks.

use super::*;

const LINES: &str = "{\"text\":\"0\"}\n{\"text\":\"1\"}\n";

#[test]
fn compression_is_told_by_the_bytes() {
    for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
        for bytes in [LINES.as_bytes().to_vec(), gzip(LINES.as_bytes()), zstd(LINES.as_bytes())] {
            assert_eq!(get(name, &bytes, &plain()).texts(), ["0", "1"]);
        }
    }
    let two = [gzip(LINES.as_bytes()), gzip(LINES.as_bytes())].concat();
    assert_eq!(get("a.jsonl.gz", &two, &plain()).records.len(), 4);
    let two = [zstd(LINES.as_bytes()), zstd(LINES.as_bytes())].concat();
    assert_eq!(get("a.jsonl.zst", &two, &plain()).records.len(), 4);
}

#[test]
fn a_cut_file_gives_what_is_whole_and_tells_the_rest() {
    let text: String = (0..20_000)
        .map(|n: u64| {
            let word = Digest::of(&n.to_le_bytes());
            format!("{{\"text\":\"{word}\"}}\n")
        })
        .collect();
    for packed in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        for keep in [packed.len() / 2, packed.len() - 3] {
            let got = get("a.jsonl.gz", &packed[..keep], &plain());
            let [skip] = &got.skips[..] else { panic!("{:?}", got.skips) };
            assert_eq!((skip.reason, skip.rest), (Reason::Truncated, true));
            assert_eq!(skip.record, got.records.len() as u64);
            assert!(skip.offset > 0 && got.records.len() > 1000);
        }
    }
}

#[test]
fn a_changed_byte_of_gzip_is_told() {
    let mut packed = gzip(LINES.repeat(1000).as_bytes());
    let place = packed.len() - 6;
    packed[place] ^= 1;
    let got = get("a.jsonl.gz", &packed, &plain());
    assert_eq!(got.skips.last().unwrap().reason, Reason::Corrupt);
    assert!(got.skips.last().unwrap().rest);
}

#[test]
fn bombs_are_stopped() {
    let blank = "\n".repeat(1 << 20);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 19).unwrap();
    for _ in 0..300 {
        gzip.write_all(blank.as_bytes()).unwrap();
        zstd.write_all(blank.as_bytes()).unwrap();
    }
    for bomb in [gzip.finish().unwrap(), zstd.finish().unwrap()] {
        let got = get("a.jsonl", &bomb, &plain());
        let [skip] = &got.skips[..] else { panic!("{:?}", got.skips) };
        assert_eq!((skip.reason, skip.rest), (Reason::Bomb, true));
    }
}

#[test]
fn honest_text_that_packs_well_is_no_bomb() {
    let words = "to be or not to be ".repeat(50);
    let lines: String =
        (0..100_000).map(|n| format!("{{\"text\":\"{words}\",\"id\":{n}}}\n")).collect();
    let packed = zstd(lines.as_bytes());
    assert!(packed.len() * 200 < lines.len());
    let got = get("a.jsonl", &packed, &plain());
    assert_eq!(got.records.len(), 100_000, "{:?}", got.skips);
}

#[test]
fn empty_files_are_no_faults() {
    for name in ["a.jsonl", "a.csv", "a.warc"] {
        let got = get(name, b"", &plain());
        assert!(got.records.is_empty() && got.skips.is_empty(), "{name}");
    }
    assert_eq!(get("a.txt", b"", &plain()).texts(), [""]);
    assert_eq!(get("a.parquet", b"", &plain()).reasons(), [(Reason::Truncated, 0, 0)]);
}

#[test]
fn what_cannot_be_opened_is_told() {
    let folder = folder();
    std::os::unix::fs::symlink("nowhere", folder.path().join("a.jsonl")).unwrap();
    let got = read_all(folder.path(), &plain());
    assert_eq!(got.reasons(), [(Reason::Unreadable, 0, 0)]);
    assert!(got.skips[0].rest);
}

#[test]
fn a_file_of_text_is_one_record() {
    let folder = folder();
    write(&folder, "b/c.txt", "\u{feff}Hällo\n".as_bytes());
    write(&folder, "a.md", b"# A\n");
    write(&folder, "bad.txt", b"\xff");
    write(&folder, "nul.txt", b"a\0b");
    let got = read_all(folder.path(), &plain());
    let named =
        |text: &str, id: &str| Record { text: text.into(), id: id.into(), ..Record::default() };
    assert_eq!(got.records, [named("# A\n", "a.md"), named("Hällo\n", "b/c.txt")]);
    assert_eq!(got.reasons(), [(Reason::NotText, 0, 0), (Reason::Nul, 0, 0)]);
    // The name of the text field is that of other formats.
    let other = Reading { text: "body".into(), ..plain() };
    assert_eq!(read_all(&folder.path().join("a.md"), &other).texts(), ["# A\n"]);
    let long = vec![b'x'; crate::record::TEXT_BYTES_MAX + 1];
    assert_eq!(get("a.txt", &long, &plain()).reasons(), [(Reason::TooLong, 0, 0)]);
}

const WARC: &str = "WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 5\r\n\r\nhello\r\n\r\n";

fn warc(kind: &str, content: &str, block: &[u8]) -> Vec<u8> {
    let head = format!(
        "WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:1>\r\nContent-Type: {content}\r\n\
         WARC-Target-URI: http://example.net/\r\nWARC-Date: 2026-11-22T00:00:00Z\r\n\
         Content-Length: {}\r\n\r\n",
        block.len()
    );
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let block = [format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes(), body].concat();
    warc("response", "application/http; msgtype=response", &block)
}

const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

#[test]
fn warc_gives_its_pages() {
    let page = "<html><title>T</title><body><p>Grüße</p></body></html>";
    let latin = b"<p>Gr\xfc\xdfe</p>";
    let chunked = format!("{:x}\r\n{page}\r\n0\r\n\r\n", page.len());
    let file = [
        WARC.as_bytes().to_vec(),
        answer(HTML, page.as_bytes()),
        answer("Content-Type: text/html; charset=iso-8859-1\r\n", latin),
        answer("Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n", chunked.as_bytes()),
        answer("Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n", page.as_bytes()),
        answer("Content-Type: text/html\r\nContent-Encoding: gzip\r\n", &gzip(page.as_bytes())),
        answer("Content-Type: text/html\r\nContent-Encoding: gzip\r\n", page.as_bytes()),
        warc("conversion", "text/plain", "Grüße".as_bytes()),
        answer("Content-Type: image/png\r\n", b"\x89PNG"),
        warc(
            "response",
            "application/http",
            b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>no",
        ),
        warc("request", "application/http", b"GET / HTTP/1.1\r\n\r\n"),
    ];
    let packed: Vec<u8> = file.iter().flat_map(|member| gzip(member)).collect();
    for bytes in [file.concat(), packed] {
        let got = get("a.warc.gz", &bytes, &plain());
        assert_eq!(got.skips, []);
        assert_eq!(got.texts(), ["Grüße"; 7]);
        assert_eq!(got.passed, 4);
        let first = &got.records[0];
        assert_eq!((first.id.as_str(), first.url.as_str()), ("urn:uuid:1", "http://example.net/"));
        let meta: Vec<&str> = first.meta.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(meta, ["date", "extracted", "title"]);
    }
}

#[test]
fn broken_warc_is_told() {
    let good = answer(HTML, b"<p>x</p>");
    let after = |bytes: &[u8]| get("a.warc", &[&good, bytes, &good].concat(), &plain());
    let start = good.len() as u64;
    // The next record is found after these.
    for (bad, reason) in [
        (answer("Content-Type: text/html; charset=nonsense\r\n", b"x"), Reason::NotText),
        (answer("Content-Type: text/html\r\nContent-Encoding: br\r\n", b"x"), Reason::NotText),
        (answer(HTML, b"<p>\xff</p>"), Reason::NotText),
        (
            answer("Content-Type: text/html\r\nContent-Encoding: gzip\r\n", &gzip(b"xyz")[..12]),
            Reason::Corrupt,
        ),
        (warc("response", "application/http", b"no header"), Reason::Syntax),
        (warc("response", "application/http", b"SMTP\r\n\r\nx"), Reason::Syntax),
        (answer(HTML, "<div>".repeat(1 << 20).as_bytes()), Reason::TooDeep),
        (answer(HTML, &vec![b'x'; 18 << 20]), Reason::TooLong),
        (
            answer(
                "Content-Type: text/html\r\nContent-Encoding: gzip\r\n",
                &gzip(&vec![b'x'; 17 << 20]),
            ),
            Reason::TooLong,
        ),
    ] {
        let got = after(&bad);
        assert_eq!(got.reasons(), [(reason, start, 1)], "{:?}", got.skips);
        assert_eq!(got.texts(), ["x", "x"]);
    }
    // Nothing can be found after these.
    let endless = format!("WARC/1.0\r\nA: {}", "x".repeat(1 << 20));
    let lines = format!("WARC/1.0\r\n{}", "A: x\r\n".repeat(2000));
    for bad in
        ["nonsense\r\n", "WARC/1.0\r\n\r\n", "WARC/1.0\r\nno colon\r\n\r\n", &endless, &lines]
    {
        let got = after(bad.as_bytes());
        assert_eq!(got.reasons(), [(Reason::Syntax, start, 1)], "{bad:.20}");
        assert!(got.skips[0].rest);
    }
    for keep in [good.len() - 20, 30] {
        let got = get("a.warc", &[&good[..], &good[..keep]].concat(), &plain());
        assert_eq!(got.reasons(), [(Reason::Truncated, start, 1)]);
        assert!(got.skips[0].rest);
    }
}
