//! Words and calls that must not stand where they stand.
//!
//! Invariant: this file passes its own rules, so what it looks for is written in pieces.

use super::Finding;
use super::code::{line, only_code, without_tests, words};
use super::tree::{File, Tree};

/// Names of package registries, to be followed by an ending.
const HOSTS: &[&str] = &[
    concat!("py", "pi"),
    concat!("python", "hosted"),
    concat!("cra", "tes"),
    concat!("npm", "js"),
    concat!("deb.", "debian"),
];

/// Endings of registry hosts.
const HOST_ENDINGS: &[&str] = &[".org", ".io", ".com"];

/// Words that say that something is not finished.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("to", "do!("),
    concat!("un", "implemented!("),
    concat!("not im", "plemented"),
    concat!("not yet im", "plemented"),
    concat!("place", "holder"),
    concat!("dum", "my"),
    concat!("for ", "now"),
];

/// Float functions whose result depends on the platform's maths library.
const FLOAT_CALLS: &[&str] = &[
    "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10", "sqrt", "cbrt", "powf", "powi",
    "hypot", "sin", "cos", "tan", "sin_cos", "asin", "acos", "atan", "atan2", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh",
];

/// Crates above which nothing is hashed: floats are free there.
const FLOATS_ALLOWED: &[&str] = &["node", "cli", "sim"];

/// Crates whose result is a function of their arguments alone.
const PURE: &[&str] = &["base", "tensor", "model", "proof", "ledger"];

/// The world, as code names it.
const WORLD: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::time",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "env::var",
    "SystemTime",
    "Instant::now",
    "OsRng",
    "getrandom",
    "thread_rng",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "tracing",
];

/// Parts of `std` that a pure crate may not take out of a braced `use`.
const WORLD_MODULES: &[&str] = &["fs", "net", "env", "process", "time"];

/// No host of a package registry is named anywhere, lock files apart.
pub fn hosts(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let read = |file: &&File| !file.path.ends_with(".lock") && !file.path.ends_with("-lock.json");
    for file in tree.files.iter().filter(read) {
        let text = file.text.to_ascii_lowercase();
        for (name, ending) in HOSTS.iter().flat_map(|n| HOST_ENDINGS.iter().map(move |e| (n, e))) {
            for (at, host) in text.match_indices(&format!("{name}{ending}")) {
                let message = format!("{host} is a registry's host: name the package only");
                findings.push(Finding::at(&file.path, line(&text, at), message));
            }
        }
    }
    findings
}

/// What is on the main branch is finished.
pub fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust() && !file.is_test()) {
        findings.extend(find(file, &file.text, UNFINISHED, "finish it, or file an issue"));
    }
    findings
}

/// Below `node`, no float function of `std` whose last bit differs between machines.
///
/// Tests may use them, as yardsticks with a tolerance: nothing in a test is hashed.
pub fn floats(tree: &Tree) -> Vec<Finding> {
    let calls: Vec<String> = FLOAT_CALLS
        .iter()
        .flat_map(|name| [format!(".{name}("), format!("f32::{name}"), format!("f64::{name}")])
        .collect();
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    let advice = "its bits depend on the platform: use integers, or libm in import";
    let below = |file: &&File| {
        let inside = file.crate_name().is_some_and(|name| !FLOATS_ALLOWED.contains(&name));
        inside && file.is_rust() && !file.is_test()
    };
    let files = tree.files.iter().filter(below);
    files
        .flat_map(|file| find(file, &without_tests(&only_code(&file.text)), &calls, advice))
        .collect()
}

/// In the pure crates: no files, sockets, clocks, environment, entropy or printing outside tests.
pub fn purity(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pure = |file: &&File| {
        let inside = file.crate_name().is_some_and(|name| PURE.contains(&name));
        inside && file.is_rust() && !file.is_test()
    };
    for file in tree.files.iter().filter(pure) {
        let code = without_tests(&only_code(&file.text));
        findings.extend(find(file, &code, WORLD, "a pure crate does not know the world"));
        for (at, module) in braced_modules(&code) {
            let message = format!("std::{module}: a pure crate does not know the world");
            findings.push(Finding::at(&file.path, line(&code, at), message));
        }
    }
    findings
}

/// `unsafe` stands only in the kernels of `tensor`, in the one memory map of `store`, and at the
/// wasm door of `proof`, where a host hands over memory.
pub fn unsafety(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut maps = 0;
    for file in tree.files.iter().filter(|file| file.is_rust()) {
        let code = only_code(&file.text);
        let lines: Vec<usize> = words(&code, "unsafe").map(|at| line(&code, at)).collect();
        let is_kernel = file.path.starts_with("crates/tensor/src/kernel/");
        let is_door = file.path == "crates/proof/examples/door.rs";
        let is_map = file.path.starts_with("crates/store/src/") && lines.len() == 1 && maps == 0;
        maps += usize::from(is_map);
        if is_kernel || is_door || is_map {
            continue;
        }
        let message = "unsafe is for tensor's kernels, store's memory map and proof's wasm door";
        findings.extend(lines.into_iter().map(|line| Finding::at(&file.path, line, message)));
    }
    findings
}

/// A test waits for what it needs, with a deadline, and never for a while.
pub fn sleeps(tree: &Tree) -> Vec<Finding> {
    let naps = ["thread::sleep", "time::sleep"];
    let tests = tree.files.iter().filter(|file| file.is_rust() && file.is_test());
    tests
        .flat_map(|file| find(file, &only_code(&file.text), &naps, "wait for the event instead"))
        .collect()
}

fn find(file: &File, text: &str, wanted: &[&str], advice: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in wanted {
        for at in words(text, word) {
            let message = format!("{word}: {advice}");
            findings.push(Finding::at(&file.path, line(text, at), message));
        }
    }
    findings
}

/// Offsets and names of the worldly modules in `use std::{..}`.
fn braced_modules(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, open) in code.match_indices("std::{") {
        let list = &code[at + open.len()..];
        let list = &list[..list.find(';').unwrap_or(list.len())];
        let heads = list.split(',').map(|part| part.trim().split("::").next().unwrap_or_default());
        let heads = heads.map(|head| head.trim_end_matches('}'));
        found.extend(heads.filter(|head| WORLD_MODULES.contains(head)).map(|head| (at, head)));
    }
    found
}

#[cfg(test)]
mod tests;
