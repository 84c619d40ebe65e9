//! The checkout as the rules see it: its files, and the dependencies of its packages.
//!
//! For the rules of tidy. Invariant: a file is here exactly if git tracks it or would track it, so
//! build products never count.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::place::Place;
use crate::product::cargo;
use crate::shell;

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The package itself uses it.
    Normal,
    /// Only tests, benches and examples use it.
    Dev,
    /// Only the build script uses it.
    Build,
}

/// One dependency of one package.
#[derive(Debug, PartialEq, Eq)]
pub struct Edge {
    /// Path of the manifest that declares it, inside the checkout.
    pub manifest: String,
    /// Name of the package that declares it.
    pub from: String,
    /// Name of the package it names.
    pub to: String,
    /// What it is for.
    pub kind: Kind,
}

/// One file.
pub struct File {
    /// Path inside the checkout, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its text; empty if it is not UTF-8.
    pub text: String,
}

impl File {
    /// Whether it is a Rust file.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is only compiled for tests, benches, examples or fuzzing.
    pub fn is_test(&self) -> bool {
        let inside = |folder| self.path.split('/').any(|part| part == folder);
        ["tests", "benches", "examples", "fuzz"].into_iter().any(inside)
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }

    /// The folder under `crates/`, or none for files elsewhere.
    pub fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split_once('/').map(|(name, _)| name)
    }
}

/// The workspaces of the checkout: the cluster's is its own, as hardly anybody builds it.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "crates/cluster/Cargo.toml"];

/// Files and dependencies.
#[derive(Default)]
pub struct Tree {
    /// Every file that git tracks or would track.
    pub files: Vec<File>,
    /// Every dependency of every package of the workspaces.
    pub edges: Vec<Edge>,
}

impl Tree {
    /// Reads the checkout with git and cargo.
    pub fn read(place: &Place) -> Result<Tree> {
        let list = shell::text(Command::new("git").current_dir(&place.root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut paths: Vec<&str> = list.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        let mut files = Vec::new();
        for path in paths {
            let full = place.root.join(path);
            if full.is_file() {
                let bytes = fs::read(&full).with_context(|| format!("cannot read {path}"))?;
                let size = bytes.len() as u64;
                let text = String::from_utf8(bytes).unwrap_or_default();
                files.push(File { path: path.to_owned(), bytes: size, text });
            }
        }
        let root = format!("{}/", place.root.display());
        let mut known = Vec::new();
        for manifest in MANIFESTS {
            let args = ["metadata", "--format-version", "1", "--no-deps", "--manifest-path"];
            let text = shell::text(cargo(place).args(args).arg(place.root.join(manifest)))?;
            let metadata = serde_json::from_str(&text).context("cargo metadata prints JSON")?;
            known.extend(edges(&metadata, &root)?);
        }
        Ok(Tree { files, edges: known })
    }

    /// A tree of one file, for the tests of the rules.
    #[cfg(test)]
    pub fn of(path: &str, text: &str) -> Tree {
        let file = File { path: path.to_owned(), bytes: text.len() as u64, text: text.to_owned() };
        Tree { files: vec![file], edges: Vec::new() }
    }
}

/// The dependencies in the output of `cargo metadata --no-deps`.
fn edges(metadata: &Value, root: &str) -> Result<Vec<Edge>> {
    let mut edges = Vec::new();
    for package in array(metadata, "packages")? {
        let manifest = string(package, "manifest_path")?;
        let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
        for dependency in array(package, "dependencies")? {
            let kind = match dependency.get("kind").and_then(Value::as_str) {
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                _ => Kind::Normal,
            };
            edges.push(Edge {
                manifest: manifest.to_owned(),
                from: string(package, "name")?.to_owned(),
                to: string(dependency, "name")?.to_owned(),
                kind,
            });
        }
    }
    Ok(edges)
}

fn array<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value.get(key).and_then(Value::as_array).with_context(|| format!("metadata has no {key}"))
}

fn string<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("metadata has no {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_read_with_their_kind() {
        let metadata = serde_json::json!({"packages": [{
            "name": "terroir-a", "manifest_path": "/w/crates/a/Cargo.toml",
            "dependencies": [{"name": "terroir-b", "kind": null}, {"name": "c", "kind": "dev"}],
        }]});
        let found = edges(&metadata, "/w/").unwrap();
        let edge = |to: &str, kind| Edge {
            manifest: "crates/a/Cargo.toml".into(),
            from: "terroir-a".into(),
            to: to.into(),
            kind,
        };
        assert_eq!(found, [edge("terroir-b", Kind::Normal), edge("c", Kind::Dev)]);
    }

    #[test]
    fn test_files_are_told_from_others() {
        let is_test = |path: &str| Tree::of(path, "").files[0].is_test();
        assert!(is_test("crates/a/tests/it/main.rs"));
        assert!(is_test("crates/a/src/topic/tests.rs"));
        assert!(is_test("crates/a/benches/b.rs"));
        assert!(!is_test("crates/a/src/latest.rs"));
    }
}
