//! A browser without a screen: it asks the router for pages and holds them against the rules.

use super::garden::Garden;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use terroir_node::explorer::routes;
use tokio::runtime::Runtime;

/// Elements that have no end.
const VOID: [&str; 3] = ["meta", "link", "input"];
/// Elements that pages may have.
const KNOWN: [&str; 36] = [
    "html", "head", "meta", "title", "link", "script", "body", "a", "header", "div", "span",
    "form", "input", "button", "nav", "ul", "li", "main", "h1", "h2", "section", "p", "dl", "dt",
    "dd", "table", "thead", "tbody", "tr", "th", "td", "code", "time", "footer", "b", "br",
];
/// More than any page has.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// What came back.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Whether the page says `what`, as text or in an attribute.
    pub fn says(&self, what: &str) -> bool {
        self.text.contains(what)
    }

    /// Where its links, forms, styles and scripts lead.
    pub fn links(&self) -> Vec<String> {
        let named = [" href=\"", " src=\"", " action=\""];
        let ends = named.iter().flat_map(|name| self.text.split(name).skip(1));
        let links = ends.map(|rest| rest.split('"').next().unwrap());
        links.map(|link| link.replace("&amp;", "&").replace("&#39;", "'")).collect()
    }

    /// The link whose text is `text`.
    pub fn link(&self, text: &str) -> Option<String> {
        let before = self.text.split(&format!(">{text}</a>")).next()?;
        let last = before.rsplit(" href=\"").next()?;
        let found = before.len() < self.text.len();
        found.then(|| last.split('"').next().unwrap().replace("&amp;", "&"))
    }
}

/// Somebody who looks at a garden.
pub struct Visitor {
    pub garden: Garden,
    router: Router,
    runtime: Runtime,
}

impl Visitor {
    pub fn new() -> Visitor {
        let garden = Garden::new();
        let router = routes(Arc::clone(&garden.world.chain));
        Visitor { garden, router, runtime: Runtime::new().unwrap() }
    }

    pub fn ask(&self, method: Method, path: &str, known: Option<&str>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(known) = known {
            request = request.header("if-none-match", known);
        }
        let request = request.body(Body::empty()).unwrap();
        self.runtime.block_on(async {
            let service = TowerToHyperService::new(self.router.clone());
            let reply = service.call(request).await.unwrap();
            let (head, body) = reply.into_parts();
            let bytes = to_bytes(body, PAGE_BYTES_MAX).await.unwrap();
            // One that is no page may be bytes: what is asked of it is how it begins.
            let page =
                head.headers.get("content-type").is_some_and(|kind| kind != "application/wasm");
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!page || text.as_bytes() == bytes, "not UTF-8");
            Reply { status: head.status.as_u16(), headers: head.headers, text }
        })
    }

    /// A page as it is: whole, or the test fails.
    pub fn page(&self, path: &str) -> Reply {
        let reply = self.ask(Method::GET, path, None);
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8", "{path}");
        whole(path, &reply.text);
        reply
    }

    /// A page that is there.
    pub fn found(&self, path: &str) -> Reply {
        let reply = self.page(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply
    }
}

/// Panics unless every element of `html` is known, ends where it must and has quoted attributes.
fn whole(path: &str, html: &str) {
    let mut rest = html.strip_prefix("<!doctype html>").unwrap();
    let mut open = Vec::new();
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains('>'), "{path}: {text}");
        let (inside, after) = after.split_once('>').unwrap();
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{path}");
            continue;
        }
        let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        assert!(KNOWN.contains(&name), "{path}: <{inside}>");
        assert_eq!(attributes.matches('"').count() % 2, 0, "{path}: <{inside}>");
        for (place, part) in attributes.split('"').enumerate() {
            let named = |part: &str| part.strip_suffix('=').is_some_and(|name| !name.contains('='));
            assert!(place % 2 == 1 || part.is_empty() || named(part), "{path}: <{inside}>");
            assert!(place % 2 == 1 || !part.trim().starts_with("on"), "{path}: <{inside}>");
        }
        if name == "script" {
            assert_eq!(inside, "script src=\"/explorer/script.js\" defer=\"\"", "{path}");
        }
        if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{path}: {open:?} {rest}");
}

#[test]
fn what_is_not_whole_is_seen() {
    for broken in ["<p>", "<p></div>", "<p on=\"x\"></p>", "<marquee></marquee>", "<p a=b></p>"] {
        let html = format!("<!doctype html>{broken}");
        assert!(std::panic::catch_unwind(|| whole("/", &html)).is_err(), "{broken}");
    }
    whole("/", "<!doctype html><p class=\"x\">a<input name=\"q\"></p>\n");
}
