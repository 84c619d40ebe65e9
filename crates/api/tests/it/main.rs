//! The contract as others see it.

use terroir_api::{Ask, Route, openapi};

#[test]
fn the_document_is_frozen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/openapi.json");
    let document = openapi::document();
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(path, serde_json::to_string_pretty(&document).unwrap() + "\n").unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    assert!(document == golden, "the contract changed: look at it, then GOLDEN=write");
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let document = openapi::document();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), Route::ALL.len());
    for route in Route::ALL {
        let methods = paths[route.path()].as_object().unwrap();
        let want = route.method().to_string().to_lowercase();
        assert_eq!(methods.keys().collect::<Vec<_>>(), [&want], "{}", route.path());
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn visit(value: &serde_json::Value, document: &serde_json::Value) {
        if let Some(target) = value["$ref"].as_str() {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
        value.as_object().into_iter().flatten().for_each(|(_, inner)| visit(inner, document));
        value.as_array().into_iter().flatten().for_each(|inner| visit(inner, document));
    }
    let document = openapi::document();
    visit(&document, &document);
}

/// Most memory that this process has had, in bytes.
#[cfg(target_os = "linux")]
fn memory_peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kibibytes << 10
}

#[cfg(target_os = "linux")]
#[test]
fn no_body_takes_much_more_memory_than_its_bytes() {
    const BYTES: usize = 4 << 20;
    let filled = |head: &str, piece: &str, tail: &str| {
        let pieces = piece.repeat((BYTES - head.len() - tail.len()) / piece.len());
        // The last comma goes.
        format!("{head}{}{tail}", &pieces[..pieces.len() - 1])
    };
    let keys: String = (0..400_000).map(|at| format!("\"{at:06}\":0,")).collect();
    let said = "\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}";
    let bodies = [
        filled("{\"model\":\"m\",\"messages\":[", "0,", "]}"),
        filled("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[", "0,", "]}]}"),
        filled("{\"model\":\"m\",\"messages\":[", "{},", "]}"),
        filled("{\"model\":\"m\",\"stop\":[", "0,", &format!("],{said}")),
        filled("{\"model\":\"m\",\"tools\":[", "0,", &format!("],{said}")),
        format!("{{{keys}\"model\":\"m\"}}"),
        format!("{{\"model\":\"m\",\"messages\":[{{{keys}\"role\":\"user\"}}]}}"),
        format!("{{\"model\":\"m\",\"logit_bias\":{{{keys}\"1\":0}},{said}"),
    ];
    for body in &bodies {
        let before = memory_peak();
        Ask::chat(body.as_bytes(), 1 << 14).unwrap_err();
        let grown = memory_peak() - before;
        assert!(grown < 2 * BYTES, "{grown} bytes for {}", &body[..40]);
    }
}
