//! Who may know whom: the table of crate edges, and where outside packages may be named.
//!
//! Invariant: an edge that stands in no table here fails, so a new one is a visible act.

use super::Finding;
use super::tree::{Edge, Kind, Tree};

/// A crate, the floor it stands on, and the crates it may use.
struct Floor(&'static str, u8, &'static [&'static str]);

/// ARCHITECTURE.md shows the same table to people.
const FLOORS: &[Floor] = &[
    Floor("base", 0, &[]),
    Floor("tensor", 1, &["base"]),
    Floor("store", 1, &["base"]),
    Floor("model", 2, &["base", "tensor"]),
    Floor("import", 3, &["base", "tensor", "store", "model"]),
    Floor("proof", 3, &["base", "tensor", "model"]),
    Floor("prover", 4, &["base", "tensor", "proof"]),
    Floor("corpus", 4, &["base", "store", "tensor", "model", "proof"]),
    Floor("ledger", 4, &["base", "tensor", "proof"]),
    Floor("api", 4, &["base", "proof"]),
    Floor("train", 5, &["base", "store", "tensor", "model", "proof", "corpus"]),
    Floor("consensus", 5, &["base", "ledger"]),
    Floor("node", 6, ALL_BELOW),
    Floor(
        "cli",
        7,
        &["base", "store", "model", "import", "corpus", "train", "proof", "api", "node"],
    ),
    // A program of its own, which signs what its executors did: docs/decision/0008.
    Floor("cluster", 7, &["base", "corpus", "node"]),
    Floor("sim", 7, ALL_BELOW),
];

/// Stands for every crate of a lower floor.
const ALL_BELOW: &[&str] = &["*"];

/// Outside packages that only some crates may use, with those crates.
const GUESTS: &[(&[&str], &[&str], &str)] = &[
    (
        &["tokio", "tokio-util", "axum", "hyper", "hyper-util", "reqwest", "tower"],
        &["api", "corpus", "cluster", "consensus", "node", "cli", "sim"],
        "only the crates that meet the network may be asynchronous",
    ),
    (
        &["serde_json", "sonic-rs", "simd-json"],
        // The files that import translates (safetensors, config.json) are JSON.
        &["api", "node", "cli", "cluster", "corpus", "import", "sim", "xtask"],
        "JSON is a skin: domain types do not serialise to it",
    ),
    (&["anyhow"], &["cli", "cluster", "xtask"], "a library's errors are enums that can be matched"),
    (
        &["tracing-subscriber", "clap", "indicatif"],
        &["node", "cli", "cluster", "xtask"],
        "only programs talk to a person",
    ),
];

/// Crates whose result must be a function of their arguments alone.
const PURE: &[&str] = &["base", "tensor", "model", "proof", "ledger"];

/// Outside packages that bring the world into a pure crate.
const WORLDLY: &[&str] =
    &["getrandom", "rand", "tracing", "log", "tempfile", "chrono", "time", "memmap2", "ureq"];

/// Every edge between two crates of the workspace stands in the table.
///
/// A dependency of tests may also point to any lower floor.
pub fn inside(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for edge in &tree.edges {
        let (Some(from), Some(to)) = (short(&edge.from), short(&edge.to)) else {
            continue;
        };
        let (Some(above), Some(below)) = (floor(from), floor(to)) else {
            let message = format!("{from} -> {to}: one of them has no floor in the table");
            findings.push(Finding::at(&edge.manifest, 0, message));
            continue;
        };
        let lower = below.1 < above.1;
        let listed = above.2.contains(&to) || (above.2 == ALL_BELOW && lower);
        // A crate may name itself in its tests, to switch a feature of its own on.
        let for_tests = edge.kind == Kind::Dev && (lower || from == to);
        if !listed && !for_tests {
            let message = format!("{from} -> {to}: the table of crate edges does not list this");
            findings.push(Finding::at(&edge.manifest, 0, message));
        }
    }
    findings
}

/// Outside packages stay in the crates that may use them; what only tests use is free.
pub fn outside(tree: &Tree) -> Vec<Finding> {
    let used = tree.edges.iter().filter(|edge| edge.kind != Kind::Dev);
    used.filter_map(|edge| {
        let reason = refused(edge)?;
        let message = format!("{} -> {}: {reason}", edge.from, edge.to);
        Some(Finding::at(&edge.manifest, 0, message))
    })
    .collect()
}

fn refused(edge: &Edge) -> Option<&'static str> {
    let from = short(&edge.from).unwrap_or(&edge.from);
    let to = edge.to.as_str();
    if PURE.contains(&from) && WORLDLY.contains(&to) {
        return Some("a pure crate has no entropy, clock, disk or log");
    }
    let (_, homes, reason) = GUESTS.iter().find(|(guests, _, _)| guests.contains(&to))?;
    (!homes.contains(&from)).then_some(*reason)
}

fn short(package: &str) -> Option<&str> {
    package.strip_prefix("terroir-")
}

fn floor(name: &str) -> Option<&'static Floor> {
    FLOORS.iter().find(|floor| floor.0 == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&Tree) -> Vec<Finding>, from: &str, to: &str, kind: Kind) -> usize {
        let manifest = "crates/x/Cargo.toml".to_owned();
        let edge = Edge { manifest, from: from.into(), to: to.into(), kind };
        rule(&Tree { edges: vec![edge], ..Tree::default() }).len()
    }

    #[test]
    fn listed_edges_pass() {
        assert_eq!(check(inside, "terroir-tensor", "terroir-base", Kind::Normal), 0);
        assert_eq!(check(inside, "terroir-node", "terroir-import", Kind::Normal), 0);
        assert_eq!(check(inside, "terroir-cli", "terroir-node", Kind::Normal), 0);
        assert_eq!(check(inside, "terroir-cluster", "terroir-node", Kind::Normal), 0);
        assert_eq!(check(inside, "xtask", "anyhow", Kind::Normal), 0);
    }

    #[test]
    fn edges_outside_the_table_are_caught() {
        assert_eq!(check(inside, "terroir-base", "terroir-tensor", Kind::Normal), 1);
        assert_eq!(check(inside, "terroir-api", "terroir-node", Kind::Normal), 1);
        assert_eq!(check(inside, "terroir-cluster", "terroir-proof", Kind::Normal), 1);
        assert_eq!(check(inside, "terroir-cli", "terroir-tensor", Kind::Normal), 1);
        assert_eq!(check(inside, "terroir-model", "terroir-store", Kind::Normal), 1);
        assert_eq!(check(inside, "terroir-proof", "terroir-prover", Kind::Dev), 1);
        assert_eq!(check(inside, "terroir-novel", "terroir-base", Kind::Normal), 1);
    }

    #[test]
    fn tests_may_use_any_lower_floor_but_no_higher_one() {
        assert_eq!(check(inside, "terroir-model", "terroir-store", Kind::Dev), 0);
        assert_eq!(check(inside, "terroir-proof", "terroir-proof", Kind::Dev), 0);
        assert_eq!(check(inside, "terroir-store", "terroir-model", Kind::Dev), 1);
    }

    #[test]
    fn outside_packages_stay_where_they_belong() {
        assert_eq!(check(outside, "terroir-node", "tokio", Kind::Normal), 0);
        assert_eq!(check(outside, "terroir-model", "tokio", Kind::Normal), 1);
        assert_eq!(check(outside, "terroir-model", "tokio", Kind::Dev), 0);
        assert_eq!(check(outside, "terroir-proof", "serde_json", Kind::Normal), 1);
        assert_eq!(check(outside, "terroir-node", "anyhow", Kind::Normal), 1);
        assert_eq!(check(outside, "terroir-base", "getrandom", Kind::Normal), 1);
        assert_eq!(check(outside, "terroir-node", "getrandom", Kind::Normal), 0);
    }
}
