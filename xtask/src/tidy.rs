//! `cargo xtask tidy`: the house rules that a machine can check.
//!
//! For everybody, before a push. Invariant: a rule reads a [`Tree`] in memory and returns findings,
//! so each has tests that show a violation being caught.

mod code;
mod docs;
mod edges;
mod layout;
mod sizes;
mod tree;
mod words;

use std::fmt;

use anyhow::{Result, bail};

use crate::place::Place;
use tree::Tree;

/// One broken rule at one place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path inside the checkout.
    pub path: String,
    /// Line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Finding {
    /// A finding at a line of a file.
    pub fn at(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule, by the name it is reported under.
const RULES: &[(&str, Rule)] = &[
    ("crate edges", edges::inside),
    ("external edges", edges::outside),
    ("lint table", layout::lint_table),
    ("module files", layout::no_mod_rs),
    ("file bytes", sizes::bytes),
    ("file lines", sizes::lines),
    ("function lines", sizes::functions),
    ("module docs", docs::modules),
    ("named documents", docs::named),
    ("links", docs::links),
    ("registry hosts", words::hosts),
    ("unfinished words", words::unfinished),
    ("float functions", words::floats),
    ("purity", words::purity),
    ("unsafe", words::unsafety),
    ("sleeps", words::sleeps),
];

/// Checks the checkout against every rule.
///
/// Errors: when a rule is broken, after all findings are printed.
pub fn run(place: &Place) -> Result<()> {
    let tree = Tree::read(place)?;
    let mut broken = 0;
    for (name, rule) in RULES {
        let mut findings = rule(&tree);
        findings.sort();
        for finding in &findings {
            eprintln!("{finding}  [{name}]");
        }
        broken += findings.len();
    }
    if broken != 0 {
        bail!("tidy: {broken} findings");
    }
    eprintln!("tidy: {} rules hold over {} files", RULES.len(), tree.files.len());
    Ok(())
}
