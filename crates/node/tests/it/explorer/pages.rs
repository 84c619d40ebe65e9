//! What each page says, and how it is sent.

use super::garden::HOSTILE_LICENCE;
use super::visitor::{Reply, Visitor};
use super::world::WRAPPED;
use alloy_primitives::{Address, B256};
use axum::http::Method;
use std::collections::BTreeSet;
use terroir_ledger::native::staking::{Seated, seats_of};
use terroir_ledger::native::{REGISTRY, STAKING};
use terroir_proof::finality::Light;

fn says(page: &Reply, what: &[&str]) {
    for what in what {
        assert!(page.says(what), "no {what:?} in {}", page.text);
    }
}

#[test]
fn the_first_page_has_the_head_of_the_chain() {
    let visitor = Visitor::new();
    let tip = visitor.garden.world.chain.tip();
    let home = visitor.found("/");
    let made = format!("href=\"/block/{}\"", tip.header.number);
    says(&home, &[&made, "1 for the next block, 0 later", "4 seats", "gwei", "data-live=\""]);
    assert_eq!(home.text.matches("/tx/0x").count(), 10, "{}", home.text);
    assert_eq!(home.text.matches("orchard").count(), 0);
}

#[test]
fn a_block_is_found_by_number_and_by_hash() {
    let visitor = Visitor::new();
    let chain = &visitor.garden.world.chain;
    let hash = chain.tip().kept.hash(1).unwrap().unwrap();
    let (one, same) = (visitor.found("/block/1"), visitor.found(&format!("/block/{hash}")));
    says(&one, &[&hash.to_string(), "Registry: register", "← Before", "After →", "1 to 7 of 7"]);
    says(&one, &["3 of 4 seats", "Not in it", "data-epoch-blocks=\"8\""]);
    let last = visitor.found(&format!("/block/{}", chain.tip().header.number));
    says(&last, &["cannot be read", "data-live"]);
    assert_eq!(one.text, same.text);
    assert!(!one.says("data-live"), "block 1 does not change any more");
    says(&visitor.found("/block/0"), &["made by the genesis file"]);
    says(&visitor.found("/block/1?from=5"), &["6 to 7 of 7"]);
    says(&visitor.found("/block/1?from=99"), &["None."]);
}

#[test]
fn a_certificate_that_is_shown_as_signed_is_signed() {
    let visitor = Visitor::new();
    let tip = visitor.garden.world.chain.tip();
    let seats = seats_of(&tip.view, 0).unwrap();
    let keys = |seat: &Seated| (seat.key.0, seat.vote_key.as_slice().try_into().unwrap());
    let seats: Vec<_> = seats.iter().map(keys).collect();
    let mut light = Light::new(&visitor.garden.world.chain.genesis().0, &seats).unwrap();
    let block = tip.kept.block(1).unwrap().unwrap();
    let (header, seal) = (alloy_rlp::encode(&block.header), alloy_rlp::encode(&block.seal));
    let certificate = tip.kept.certificate(1).unwrap().unwrap();
    let known = light.check(&header, &seal, &certificate).unwrap();
    assert_eq!(known.hash, block.hash().0);
}

#[test]
fn a_transaction_says_what_was_asked_and_what_came_of_it() {
    let visitor = Visitor::new();
    let garden = &visitor.garden;
    let page = |hash: B256| visitor.found(&format!("/tx/{hash}"));
    says(&page(garden.deposited), &["done", "Token: deposit", "Token: Deposit", "1 TERR", "Fee"]);
    says(&page(garden.failed), &["failed", "Wrapped: balance too low", "Token: withdraw"]);
    let alice = garden.world.alice.address;
    says(&page(garden.created), &["Makes", &alice.create(16).to_string(), "Topics"]);
    let waiting = page(garden.waiting);
    says(&waiting, &["waits for a block", "0xff3c623e", "data-live"]);
}

#[test]
fn an_account_has_what_it_is_and_all_it_had_to_do_with() {
    let visitor = Visitor::new();
    let garden = &visitor.garden;
    let alice = garden.world.alice.address;
    let mut path = format!("/address/{alice}");
    says(&visitor.found(&path), &["orchard/pear-7b", "dataset", "1,500 TERR", "Runs"]);
    let (mut seen, mut pages) = (BTreeSet::new(), 0);
    loop {
        let page = visitor.found(&path);
        let links = page.links().into_iter().filter(|link| link.starts_with("/tx/"));
        let before = seen.len();
        let links: Vec<_> = links.collect();
        seen.extend(links.iter().cloned());
        assert_eq!(seen.len(), before + links.len(), "a transaction on two pages");
        pages += 1;
        let Some(older) = page.link("Older") else { break };
        path = older;
    }
    assert_eq!((seen.len(), pages), (49, 2));
    // Bob was paid, and given tokens by a call to a contract.
    let bob = visitor.found(&format!("/address/{}", garden.world.bob.address));
    says(&bob, &["/tx/", "payment"]);
    let history = garden.world.chain.tip().kept.history(&garden.world.bob.address, None, 99);
    assert_eq!(history.unwrap().len(), 33);
    let validator = super::world::Account::new(1).address;
    let validator = visitor.found(&format!("/address/{validator}"));
    says(&validator, &["active", "10,250", "Key for votes", "of the shares"]);
    says(&visitor.found(&format!("/address/{STAKING}")), &["Known as", "Staking"]);
    says(&visitor.found(&format!("/address/{WRAPPED}")), &["Contract", "bytes", "Token: deposit"]);
    says(&visitor.found(&format!("/address/{}", Address::repeat_byte(9))), &["0 TERR", "None."]);
}

#[test]
fn what_is_registered_is_listed_with_what_it_came_from() {
    let visitor = Visitor::new();
    let garden = &visitor.garden;
    says(&visitor.found("/models"), &["orchard/pear-7b", "1.0", "Apache-2.0"]);
    says(&visitor.found("/datasets"), &["orchard/soil", "CC-BY-4.0"]);
    says(&visitor.found("/programs"), &["orchard/score", "none yet"]);
    let licence = HOSTILE_LICENCE.replace('<', "&lt;").replace('>', "&gt;");
    says(&visitor.found(&format!("/entry/{}", garden.model)), &["0.9", "revoked", &licence]);
    let release = visitor.found(&format!("/release/{}", garden.manifest));
    says(&release, &["stands", "orchard/soil", "0.9", "Made from"]);
    let revoked = visitor.found(&format!("/release/{}", garden.revoked));
    says(&revoked, &["not to use it any more", &garden.dataset.to_string()]);
}

#[test]
fn nodes_votes_and_validators_are_shown() {
    let visitor = Visitor::new();
    let [node, _] = visitor.garden.nodes;
    says(&visitor.found("/nodes"), &["worker", "gateway", "1,499 TERR", "noopener"]);
    says(&visitor.found(&format!("/node/{node}")), &["Leaving the bond", "final in", "40"]);
    says(&visitor.found("/receipts"), &["none yet", "final in"]);
    says(&visitor.found("/parameters"), &["block_gas", "21 days", "10,000 TERR", "50 %"]);
    says(&visitor.found("/proposals"), &["block_gas", "40,000,000", "votes are open", "2 / 1 / 4"]);
    says(&visitor.found("/validators"), &["4 now, 4 next", "10,250", "seat 3", "active"]);
}

#[test]
fn search_finds_whatever_has_a_page() {
    let visitor = Visitor::new();
    let garden = &visitor.garden;
    let tip = garden.world.chain.tip();
    for (asked, path) in [
        ("3".to_owned(), "/block/3".to_owned()),
        (tip.hash.to_string(), format!("/block/{}", tip.header.number)),
        (garden.failed.to_string(), format!("/tx/{}", garden.failed)),
        (garden.waiting.to_string(), format!("/tx/{}", garden.waiting)),
        (garden.model.to_string(), format!("/entry/{}", garden.model)),
        (garden.manifest.to_string(), format!("/release/{}", garden.manifest)),
        (garden.nodes[0].to_string(), format!("/node/{}", garden.nodes[0])),
        (format!("+{REGISTRY}+"), format!("/address/{REGISTRY}")),
    ] {
        let reply = visitor.ask(Method::GET, &format!("/search?q={asked}"), None);
        assert_eq!((reply.status, reply.header("location")), (303, path.as_str()), "{asked}");
    }
    for nothing in
        ["", "pear", "99999", "99999999999999999999999", &B256::repeat_byte(1).to_string()]
    {
        says(&visitor.found(&format!("/search?q={nothing}")), &["Nothing here is called"]);
    }
}

#[test]
fn what_is_not_there_is_a_page_that_says_so() {
    let visitor = Visitor::new();
    let height = visitor.garden.world.chain.tip().header.number;
    let none = B256::repeat_byte(0x5a);
    for path in [
        format!("/block/{}", height + 1),
        format!("/block/{none}"),
        "/block/-1".into(),
        "/block/18446744073709551616".into(),
        "/blocks?before=0".into(),
        format!("/tx/{none}"),
        "/tx/0x12".into(),
        "/address/0x12".into(),
        format!("/entry/{none}"),
        format!("/release/{none}"),
        format!("/node/{none}"),
        "/node/x".into(),
        "/proposal/1".into(),
        "/proposal/18446744073709551615".into(),
        "/proposal/x".into(),
        "/explorer/none.js".into(),
        "/robots.txt".into(),
        "/a/b/c".into(),
    ] {
        let page = visitor.page(&path);
        assert_eq!(page.status, 404, "{path}");
        says(&page, &["Not found", "/explorer/style.css"]);
    }
    // What no page has behind the question mark is as if it were not there.
    let plain = visitor.found("/models").text;
    for odd in ["?before=x", "?before=99999999", "?before=-1", "?%zz", "?before="] {
        assert_eq!(visitor.found(&format!("/models{odd}")).text, plain, "{odd}");
    }
}

#[test]
fn pages_are_sent_with_what_keeps_browsers_safe_and_quick() {
    let visitor = Visitor::new();
    let page = visitor.found("/validators");
    for (name, part) in [
        ("content-security-policy", "default-src 'none'"),
        ("content-security-policy", "script-src 'self'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "max-age=1"),
    ] {
        assert!(page.header(name).contains(part), "{name}: {}", page.header(name));
    }
    assert!(!page.header("content-security-policy").contains("'unsafe"));
    let etag = page.header("etag");
    let again = visitor.ask(Method::GET, "/validators", Some(&format!("\"x\", {etag}")));
    assert_eq!((again.status, again.text.as_str(), again.header("etag")), (304, "", etag));
    visitor.garden.world.block();
    let changed = visitor.ask(Method::GET, "/validators", Some(etag));
    assert_eq!(changed.status, 200);
    let head = visitor.ask(Method::HEAD, "/", None);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        assert_eq!(visitor.ask(method, "/validators", None).status, 405);
    }
}

#[test]
fn what_pages_load_is_here_and_says_what_it_is() {
    let visitor = Visitor::new();
    for (path, kind, begins) in [
        ("style.css", "text/css; charset=utf-8", ":root"),
        ("script.js", "text/javascript; charset=utf-8", "//"),
        ("finality.mjs", "text/javascript; charset=utf-8", "//"),
        ("door.mjs", "text/javascript; charset=utf-8", "//"),
        ("proof.wasm", "application/wasm", "\0asm"),
        ("icon.svg", "image/svg+xml", "<svg"),
    ] {
        let path = format!("/explorer/{path}");
        let asset = visitor.ask(Method::GET, &path, None);
        assert_eq!((asset.status, asset.header("content-type")), (200, kind), "{path}");
        assert!(asset.text.starts_with(begins), "{path}");
        let again = visitor.ask(Method::GET, &path, Some(asset.header("etag")));
        assert_eq!(again.status, 304, "{path}");
    }
}
