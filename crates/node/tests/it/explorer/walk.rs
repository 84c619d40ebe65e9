//! Every page that can be reached from the first one.

use super::garden::HOSTILE;
use super::visitor::Visitor;
use std::collections::BTreeSet;

#[test]
fn every_link_of_every_page_leads_to_a_page_that_is_whole() {
    let visitor = Visitor::new();
    let mut seen = BTreeSet::new();
    let mut next = vec!["/".to_owned()];
    let mut outside = BTreeSet::new();
    while let Some(path) = next.pop() {
        if path.starts_with('#') || !seen.insert(path.clone()) {
            continue;
        }
        if path.starts_with("/explorer/") {
            let asset = visitor.ask(axum::http::Method::GET, &path, None);
            assert!(asset.status == 200 && !asset.text.is_empty(), "{path}");
            continue;
        }
        if !path.starts_with('/') {
            outside.insert(path);
            continue;
        }
        let page = visitor.found(&path);
        assert!(!page.says("<img"), "{path}");
        next.extend(page.links());
    }
    assert_eq!(outside, BTreeSet::from(["https://node.example:8443/".to_owned()]));
    let kinds = ["/block/", "/tx/", "/address/", "/entry/", "/release/", "/node/", "/proposal/"];
    for kind in kinds {
        let count = seen.iter().filter(|path| path.starts_with(kind)).count();
        assert!(count > 0, "{kind}");
    }
    // All blocks and transactions are within reach, by way of what is older.
    let height = visitor.garden.world.chain.tip().header.number;
    for number in 0..=height {
        assert!(seen.contains(&format!("/block/{number}")), "{number}");
    }
    assert!(seen.len() > 60, "{}", seen.len());
}

#[test]
fn hostile_words_are_read_as_they_were_written() {
    let visitor = Visitor::new();
    let escaped = HOSTILE
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
        .replace('\u{202e}', "\u{fffd}");
    let [_, node] = visitor.garden.nodes;
    let mut pages = vec!["/proposal/0".to_owned(), "/nodes".to_owned(), format!("/node/{node}")];
    pages.push(format!("/search?q={}", "%3Cscript%3E"));
    for path in pages {
        let page = visitor.found(&path);
        let asked = path.starts_with("/search") && page.says("&lt;script&gt;");
        assert!(page.says(&escaped) || asked, "{path}: {}", page.text);
    }
    for hostile in ["/%3Cscript%3E", "/block/%22%3E", "/tx/..%2f..%2fetc", "/address/0x%00", "//x"]
    {
        let page = visitor.page(hostile);
        assert_eq!(page.status, 404, "{hostile}");
    }
}
