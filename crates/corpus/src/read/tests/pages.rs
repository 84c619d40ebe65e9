//! Web pages.

use super::*;
use proptest::prelude::*;
use std::time::Instant;

fn page(html: impl AsRef<[u8]>) -> Got {
    get("a.html", html.as_ref(), &plain())
}

#[test]
fn the_article_is_taken_and_the_rest_left() {
    let words =
        "The vine stands in the soil of the hill, and the hill stands in the wind. ".repeat(12);
    let html = format!(
        "<html><head><title>Wine</title><script>var x = '<p>script</p>';</script></head><body>\
         <nav><a href=/>Home</a><a href=/b>Menu</a></nav>\
         <article><h1>Wine</h1><p>{words}</p><p>{words}</p></article>\
         <footer>Imprint</footer></body></html>"
    );
    let got = page(html);
    let text = got.texts()[0];
    assert!(
        text.contains("stands in the soil") && !text.contains("Menu") && !text.contains("script")
    );
    assert!(text.contains("\n"), "paragraphs stay apart");
    let meta = [("extracted", "\"article\""), ("title", "\"Wine\"")];
    assert_eq!(got.records[0].meta, meta.map(|(name, raw)| (name.to_owned(), raw.to_owned())));
    assert_eq!(got.records[0].id, "a.html");
}

#[test]
fn a_page_without_article_gives_its_body() {
    let got = page("<title>T</title><style>p {}</style><p>One</p><p>Two</p><script>x</script>");
    assert_eq!(got.texts(), ["One\n\nTwo"]);
    assert_eq!(page("").texts(), [""]);
    assert_eq!(page("just text").texts(), ["just text"]);
}

#[test]
fn character_sets_are_those_that_the_page_says() {
    for (html, text) in [
        (&b"<meta charset=utf-8><p>Gr\xc3\xbc\xc3\x9fe"[..], "Grüße"),
        (b"<META http-equiv=Content-Type content='text/html; charset=windows-1252'><p>Gr\xfc\xdfe", "Grüße"),
        (b"<meta charset = \"shift_jis\"><p>\x93\xfa\x96{", "日本"),
        (b"\xff\xfe<\0p\0>\0\xfc\0", "ü"),
        (b"\xef\xbb\xbf<meta charset=latin1><p>\xc3\xbc", "ü"),
        (b"<meta charset=utf-16><p>a", "a"),
    ] {
        assert_eq!(page(html).texts(), [text]);
    }
    for html in [&b"<p>Gr\xfc"[..], b"<meta charset=nonsense>", b"<meta charset=shift_jis>\xff\xff"]
    {
        assert_eq!(page(html).reasons(), [(Reason::NotText, 0, 0)]);
    }
}

#[test]
fn pages_that_nest_without_end_are_refused_at_once() {
    let start = Instant::now();
    let many = 1 << 20;
    for tag in [
        "<div>",
        "<b>",
        "<span>",
        "<a><div>",
        "<ul><li>",
        "<table><tr><td>",
        "<svg><g>",
        "<svg><td>",
        "<div></x>",
        "<div><span></div>".replace("</div>", "</b>").as_str(),
        "<svg><foreignObject><section/>",
        "<svg><desc><i/>",
        "<math><mi><u/>",
        "<object><p>",
        "<span><div></span>",
        "<b><div></b>",
        "<template><div>",
        "<!--><div>",
        "<select><div>",
        "<ruby><rt>",
        "<optgroup>",
        "<button><p>",
        "<svg><style><g>",
        "<svg><script><g></script>",
        "<DIV\n>",
        "<div/>",
        "<x-y>",
        "<dd><address>",
        "<p><object></p>",
        "<svg><title><div></title>",
        "<blockquote><p><i>",
        "<h1><span>",
        "<form><fieldset>",
        "<table><caption>",
        "<marquee></div><div>",
    ] {
        let got = page(tag.repeat(many / tag.len()));
        assert_eq!(got.reasons(), [(Reason::TooDeep, 0, 0)], "{tag}");
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn pages_that_open_elements_again_and_again_are_refused() {
    let formatting: String = (0..400).map(|n| format!("<b id={n}>")).collect();
    let got = page(format!("<div>{formatting}</div>{}", "<p>x".repeat(100_000)));
    assert_eq!(got.reasons(), [(Reason::TooLong, 0, 0)]);
    let got = page("<br>".repeat(300_000));
    assert_eq!(got.reasons(), [(Reason::TooLong, 0, 0)]);
    assert_eq!(page(vec![b' '; (16 << 20) + 1]).reasons(), [(Reason::TooLong, 0, 0)]);
}

#[test]
fn pages_as_people_write_them_pass() {
    let rows = "<tr><td><font size=2>a<td>b<br><input></tr>".repeat(5000);
    let old = "<p>One<p>Two<li>x<li>y<dt>a<dd>b<a name=x><hr><img src=x>".repeat(5000);
    let drawing = "<svg><path d=''/><g><rect/></g></svg><p>x".repeat(5000);
    let script = format!("<script>{}</script><div>x</div>", "document.write('<div>');".repeat(300));
    let comment = "<!-- <div> --><div>x</div>".repeat(300);
    let bold = "<p><b>one</b> <i>two <b>three</i> four</b>".repeat(3000);
    let table = format!("<table>{rows}</table>");
    for html in [table, old, drawing, script, comment, bold, "a < b <3 </ <>".repeat(1000)] {
        let got = page(&html);
        assert_eq!(got.skips, [], "{:.40}", html);
    }
}

#[test]
fn the_deepest_page_that_passes_is_read_in_time() {
    let start = Instant::now();
    let nest = |tag: &str, inner: &str| format!("{}{inner}", tag.repeat(510));
    let words = "<p>word, word, word and so on, word after word, for a while</p>".repeat(2000);
    for html in [
        nest("<div>", &words),
        nest("<ins>", &words),
        nest("<div class=article>word, and more words here in a long line. ", &words),
        format!("<div>{}</div>", nest("<span>", "x")).repeat(400),
    ] {
        let got = page(&html);
        assert_eq!((got.records.len(), got.skips.len()), (1, 0), "{:.30} {:?}", html, got.skips);
    }
    assert!(start.elapsed().as_secs() < 120, "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_page_panics(parts in prop::collection::vec(0usize..20, 0..200)) {
        const PARTS: [&str; 20] = [
            "<div>", "</div>", "<p>", "</p>", "<b>", "</b>", "<table>", "<tr>", "<td>", "</table>",
            "<a href=x>", "</a>", "text, ", "<svg>", "</svg>", "<!--", "-->", "<", ">", "&amp;é",
        ];
        let html: String = parts.iter().map(|part| PARTS[*part]).collect();
        let got = page(&html);
        prop_assert_eq!(got.records.len(), 1);
        prop_assert_eq!(&got.records, &page(&html).records);
    }
}
