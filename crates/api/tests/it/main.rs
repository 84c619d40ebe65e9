//! The contract as others see it.

use terroir_api::{Route, openapi};

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
