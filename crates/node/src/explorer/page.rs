//! What all pages have: head, menu, search, tables, lists of facts, and the way to what is older.

use super::html::{Html, tag, text};
use super::show;
use alloy_primitives::B256;

/// The menu: where, and what it is called there.
const MENU: [(&str, &str); 10] = [
    ("/blocks", "Blocks"),
    ("/transactions", "Transactions"),
    ("/validators", "Validators"),
    ("/models", "Models"),
    ("/datasets", "Datasets"),
    ("/programs", "Programs"),
    ("/nodes", "Nodes"),
    ("/receipts", "Receipts"),
    ("/parameters", "Parameters"),
    ("/proposals", "Proposals"),
];

/// A page.
pub(super) struct Page {
    /// What it is called.
    pub title: String,
    /// Whether it changes with the next block: then it is fetched again where there is JavaScript.
    pub live: bool,
    /// What is on it.
    pub body: Html,
}

/// The chain that a page is about.
pub(super) struct About {
    pub chain_id: u64,
    pub genesis: B256,
    /// The block that is the newest.
    pub height: u64,
}

impl Page {
    /// A page that changes with the next block.
    pub fn live(title: impl Into<String>, body: Html) -> Page {
        Page { title: title.into(), live: true, body }
    }

    /// A page that stays as it is.
    pub fn still(title: impl Into<String>, body: Html) -> Page {
        Page { title: title.into(), live: false, body }
    }

    /// The whole document; `path` is where it is.
    pub fn document(self, path: &str, about: &About) -> String {
        let Page { title, live, body } = self;
        let meta = |name, content| tag("meta").set("name", name).set("content", content).void();
        let asset = |rel, href| tag("link").set("rel", rel).set("href", href).void();
        let head = Html::from([
            tag("meta").set("charset", "utf-8").void(),
            meta("viewport", "width=device-width,initial-scale=1"),
            meta("color-scheme", "light dark"),
            tag("title").of(format!("{title} · Terroir")),
            asset("stylesheet", "/explorer/style.css"),
            asset("icon", "/explorer/icon.svg"),
            tag("script").set("src", "/explorer/script.js").set("defer", "").of(""),
        ]);
        let main = tag("main").set("id", "main");
        let main = if live { main.set("data-live", about.height) } else { main };
        let body = tag("h1").of(title).and(body);
        let whole = Html::from([
            tag("a").set("class", "skip").set("href", "#main").of("Skip to what is on this page"),
            header(path, about.chain_id),
            main.of(body),
            footer(live, about),
        ]);
        let html = tag("html").set("lang", "en");
        html.of(tag("head").of(head).and(tag("body").of(whole))).document()
    }
}

fn header(path: &str, chain_id: u64) -> Html {
    let item = |(href, name): &(&'static str, &'static str)| {
        let link = tag("a").set("href", href);
        let here = path == *href;
        tag("li").of(if here { link.set("aria-current", "page") } else { link }.of(*name))
    };
    let input = tag("input")
        .set("type", "search")
        .set("name", "q")
        .set("maxlength", 128)
        .set("required", "")
        .set("aria-label", "Block, transaction, address, id")
        .set("title", "Number or hash of a block, transaction, address, id, manifest or key")
        .void();
    let search = tag("form")
        .set("action", "/search")
        .set("role", "search")
        .of(input.and(tag("button").of("Search")));
    let home = tag("a").set("class", "home").set("href", "/").of("Terroir");
    let home = home.then(tag("span").set("class", "soft").of(format!("chain {chain_id}")));
    let menu = tag("nav").set("aria-label", "Explorer");
    let menu = menu.of(tag("ul").of(MENU.iter().map(item).collect::<Html>()));
    tag("header").of(tag("div").set("class", "top").of(tag("div").of(home).and(search)).and(menu))
}

fn footer(live: bool, about: &About) -> Html {
    let genesis = text("Genesis ").and(show::short(&about.genesis));
    let height = live.then(|| format!(" · as of block {}", show::count(about.height)));
    let height = height.map(|height| tag("span").set("id", "as-of").of(height));
    let mark = tag("span").set("id", "live").of("");
    tag("footer").of(tag("p").of(genesis.and(height).then(mark)))
}

/// A part of a page under a heading.
pub(super) fn section(title: &str, body: impl Into<Html>) -> Html {
    tag("section").of(tag("h2").of(title).and(body))
}

/// A paragraph of small talk.
pub(super) fn note(what: impl Into<Html>) -> Html {
    tag("p").set("class", "soft").of(what)
}

/// A name and what it is, line by line.
pub(super) fn facts(facts: impl IntoIterator<Item = (&'static str, Html)>) -> Html {
    let fact = |(name, what)| tag("div").of(tag("dt").of(name).and(tag("dd").of(what)));
    tag("dl").of(facts.into_iter().map(fact).collect::<Html>())
}

/// A table, or `none` where it has no rows. Columns whose head begins with `#` are numbers.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: Vec<[Html; N]>, none: &str) -> Html {
    if rows.is_empty() {
        return note(none);
    }
    let cell = |name, head: &str| {
        let (class, head) = head.strip_prefix('#').map_or(("", head), |head| ("n", head));
        let cell = if class.is_empty() { tag(name) } else { tag(name).set("class", class) };
        (cell, head.to_owned())
    };
    let head = |head| {
        let (cell, head) = cell("th", head);
        cell.set("scope", "col").of(head)
    };
    let row = |row: [Html; N]| {
        let column = |(head, inside)| {
            let (cell, head) = cell("td", head);
            cell.set("data-head", head).of(tag("span").of(inside))
        };
        tag("tr").of(heads.into_iter().zip(row).map(column).collect::<Html>())
    };
    let head = tag("thead").of(tag("tr").of(heads.into_iter().map(head).collect::<Html>()));
    let body = tag("tbody").of(rows.into_iter().map(row).collect::<Html>());
    tag("div").set("class", "wide").of(tag("table").of(head.and(body)))
}

/// The way to what comes next in a list; `None` at its end.
pub(super) fn onward(href: Option<String>, what: &str) -> Html {
    let link = |href| tag("a").set("href", href).set("rel", "next").of(what);
    href.map(|href| tag("p").set("class", "onward").of(link(href))).into()
}
