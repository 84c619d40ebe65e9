use super::*;
use crate::stage::check::{Found, found_in};
use std::path::Path;
use tempfile::TempDir;

fn file(dir: &TempDir, name: &str, text: &[u8]) -> Option<PathBuf> {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    Some(path)
}

fn look(stage: &Lists, url: &str, text: &str) -> Found {
    let mut doc = Doc::default();
    doc.reset(text);
    doc.locate(url);
    found_in(stage, &mut doc)
}

fn all(dir: &TempDir) -> Params {
    Params {
        domains: file(dir, "domains", b"# remark\nBad.example\n\n.worse.org.\n"),
        urls: file(dir, "urls", b"http://good.org/but/not/this\n"),
        url_words: file(dir, "words", b"Casino\n"),
        soft_url_words: file(dir, "soft", b"free\nwin\n"),
        url_subwords: file(dir, "parts", b"p0ker\n"),
        words: file(dir, "text", "Übel\nvery bad\n".as_bytes()),
        words_inside: false,
    }
}

#[test]
fn each_list_drops_what_is_on_it_and_no_more() {
    let dir = TempDir::new().unwrap();
    let stage = Lists::new(&all(&dir)).unwrap();
    let check = |url: &str, text: &str, want: Option<&str>| {
        assert_eq!(look(&stage, url, text).reason, want, "{url} {text}");
    };
    check("", "", None);
    check("http://www.bad.example:80/x", "", Some("domain"));
    check("http://notbad.example/bad.example", "", None);
    check("https://WORSE.org", "", Some("domain"));
    check("http://good.org/but/not/this", "", Some("url"));
    check("http://good.org/but/not/this/", "", None);
    check("http://good.org/a-CASINO", "", Some("hard_blacklisted"));
    check("http://good.org/casinos", "", None);
    check("http://good.org/free-and-win", "", Some("soft_blacklisted"));
    check("http://good.org/free-and-free", "", None);
    check("http://good.org/xp-0keRx", "", Some("blacklisted_subword"));
    check("http://good.org/p1ker", "", None);
    check("", "Das ist ÜBEL.", Some("document_removed_with_badwords"));
    check("", "It is Very bad", Some("document_removed_with_badwords"));
    check("", "Übelkeit, very  bad, every badge", None);
}

#[test]
fn words_inside_of_others_are_found_on_demand() {
    let dir = TempDir::new().unwrap();
    let inside = Lists::new(&Params { words_inside: true, ..all(&dir) }).unwrap();
    assert_eq!(look(&inside, "", "verübelt, every bad").score("words"), 2);
    assert_ne!(inside.identity(), Lists::new(&all(&dir)).unwrap().identity());
}

#[test]
fn what_the_files_hold_is_in_the_identity_and_where_they_are_is_not() {
    let (dir, moved) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let identity = |params: &Params| Lists::new(params).unwrap().identity();
    let first = identity(&all(&dir));
    assert_eq!(identity(&all(&moved)), first);
    let changes: [fn(&mut Params) -> &mut Option<PathBuf>; 6] = [
        |params| &mut params.domains,
        |params| &mut params.urls,
        |params| &mut params.url_words,
        |params| &mut params.soft_url_words,
        |params| &mut params.url_subwords,
        |params| &mut params.words,
    ];
    for change in changes {
        let mut params = all(&dir);
        *change(&mut params) = file(&dir, "other", b"another\n");
        assert_ne!(identity(&params), first);
        *change(&mut params) = None;
        assert_ne!(identity(&params), first);
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let dir = TempDir::new().unwrap();
    let missing = Params { words: Some(Path::new("/no/such/list").into()), ..Params::default() };
    assert!(matches!(Lists::new(&missing), Err(Error::Disk { .. })));
    let bytes = Params { urls: file(&dir, "bytes", b"a\n\xff"), ..Params::default() };
    let error = Lists::new(&bytes).err().unwrap().to_string();
    assert!(
        error.starts_with("recipe, urls:") && error.ends_with("not UTF-8 at byte 2"),
        "{error}"
    );
}
