//! Documentation that must be there, and must not point into nothing.

use super::Finding;
use super::code::line;
use super::tree::Tree;

/// Every module opens with `//!`, or with a document that it includes as such.
///
/// A `tests.rs` belongs to the module whose folder it stands in, and has that module's words.
pub fn modules(tree: &Tree) -> Vec<Finding> {
    let silent = tree.files.iter().filter(|file| {
        file.is_rust() && !file.path.ends_with("/tests.rs") && !opens_with_docs(&file.text)
    });
    silent.map(|file| Finding::at(&file.path, 1, "open the module with //!")).collect()
}

/// A document that a file names by its path under `docs/` exists.
pub fn named(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_read_by_people(&file.path)) {
        for (at, path) in named_documents(&file.text) {
            if !exists(tree, path) {
                let message = format!("{path} does not exist");
                findings.push(Finding::at(&file.path, line(&file.text, at), message));
            }
        }
    }
    findings
}

/// A relative link of a Markdown file leads to a file or folder of the checkout.
pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (at, target) in relative_links(&file.text) {
            if !exists(tree, &resolve(folder, target)) {
                let message = format!("the link to {target} leads nowhere");
                findings.push(Finding::at(&file.path, line(&file.text, at), message));
            }
        }
    }
    findings
}

fn opens_with_docs(text: &str) -> bool {
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && (!line.starts_with("#!") || line.starts_with("#![doc")));
    first.is_some_and(|line| line.starts_with("//!") || line.starts_with("#![doc"))
}

fn is_read_by_people(path: &str) -> bool {
    [".rs", ".md", ".py", ".mjs", ".toml"].iter().any(|ending| path.ends_with(ending))
        && !path.starts_with("xtask/src/tidy/")
}

/// Offsets and paths of the form `docs/format/receipt.md`; patterns such as `docs/*` do not count.
fn named_documents(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    text.match_indices("docs/").filter_map(move |(at, _)| {
        let bytes = text[at..].find(|c| !is_path(c)).unwrap_or(text.len() - at);
        let starts = !text[..at].ends_with(|c: char| is_path(c) || c == ':');
        let ends = !text[at + bytes..].starts_with(['*', '{', '<']);
        let path = text[at..at + bytes].trim_end_matches(['.', '/']);
        (starts && ends && path.contains('/')).then_some((at, path))
    })
}

/// Offsets and targets of inline links, without anchors and without other sites.
fn relative_links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("](").filter_map(|(at, _)| {
        let rest = &text[at + 2..];
        let target = rest[..rest.find([')', '\n', ' '])?].split('#').next()?;
        let outside = target.is_empty() || target.contains(':');
        (!outside).then_some((at, target))
    })
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn exists(tree: &Tree, path: &str) -> bool {
    let folder = format!("{path}/");
    tree.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) -> usize {
        rule(&Tree::of(path, text)).len()
    }

    #[test]
    fn a_module_without_docs_is_caught() {
        assert_eq!(check(modules, "a.rs", "//! Adds.\n"), 0);
        assert_eq!(check(modules, "a.rs", "#![forbid(unsafe_code)]\n//! Adds.\n"), 0);
        assert_eq!(check(modules, "a.rs", "#![doc = include_str!(\"../README.md\")]\n"), 0);
        assert_eq!(check(modules, "a.rs", "// Adds.\nfn add() {}\n"), 1);
        assert_eq!(check(modules, "a.rs", ""), 1);
        assert_eq!(check(modules, "a/tests.rs", "use super::*;\n"), 0);
    }

    #[test]
    fn a_document_that_is_named_must_exist() {
        assert_eq!(check(named, "a.rs", "//! See docs/format/gone.md.\n"), 1);
        assert_eq!(check(named, "docs/format/here.md", "I am `docs/format/here.md`.\n"), 0);
        assert_eq!(check(named, "a.rs", "// any of docs/format/*.md\n"), 0);
        assert_eq!(check(named, "a.rs", "// https://example.com/docs/x.md\n"), 0);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_caught() {
        assert_eq!(check(links, "docs/a.md", "[a](a.md#top) [b](../docs/a.md)"), 0);
        assert_eq!(check(links, "docs/a.md", "[gone](../gone.md)"), 1);
        assert_eq!(check(links, "docs/a.md", "[out](https://example.com/x)"), 0);
    }
}
