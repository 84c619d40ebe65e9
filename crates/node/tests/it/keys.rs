//! API keys.

use crate::wire::post;
use crate::world::{Setup, World, chat};
use std::os::unix::fs::PermissionsExt;
use terroir_api::{Method, Route};

const KEY: &str = "sk-0123456789abcdef";

#[test]
fn with_keys_only_their_owners_may_ask() {
    let world = World::new(Setup { keys: Some(KEY), ..Setup::default() });
    let body = chat("hi").to_string();
    let ask = |headers: &str| world.send(&post("/v1/chat/completions", headers, body.as_bytes()));
    assert_eq!(ask(&format!("authorization: Bearer {KEY}\r\n")).status, 200);
    for headers in ["", "authorization: Bearer sk-0123456789abcdeF\r\n", "authorization: \r\n"] {
        let reply = ask(headers);
        assert_eq!((reply.status, reply.code()), (401, "invalid_api_key".to_owned()));
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    for route in Route::ALL.into_iter().filter(|route| route.method() == Method::Get) {
        let path = route.path().replace("{model}", "toy").replace("{id}", &"0".repeat(64));
        let refused = world.get(&path).status == 401;
        assert_eq!(refused, route.needs_key(), "{path}");
    }
}

#[test]
fn nobody_learns_from_what_is_cached_what_others_have_asked() {
    const OTHER: &str = "sk-fedcba9876543210";
    let keys: &'static str = "sk-0123456789abcdef\nsk-fedcba9876543210\n";
    let world = World::new(Setup { keys: Some(keys), ..Setup::default() });
    let body = chat("a question that begins as a secret one does").to_string();
    let cached = |key: &str| {
        let headers = format!("authorization: Bearer {key}\r\n");
        let reply = world.send(&post("/v1/chat/completions", &headers, body.as_bytes())).json();
        reply["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
    };
    assert_eq!(cached(KEY), 0);
    assert_eq!(cached(OTHER), 0, "one key sees what the other has asked");
    assert!(cached(KEY) > 8, "a key does not see what it has asked itself");
    assert!(cached(OTHER) > 8);
}

#[test]
fn without_keys_any_key_will_do() {
    let world = World::usual();
    let body = chat("hi").to_string();
    let headers = "authorization: Bearer 0x1234567890abcdef\r\n";
    assert_eq!(world.send(&post("/v1/chat/completions", headers, body.as_bytes())).status, 200);
}

#[test]
fn files_of_keys_that_others_may_read_are_refused() {
    let world = World::usual();
    let keys = world.home.folder().join("keys");
    std::fs::write(&keys, KEY).unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let config = terroir_node::server::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        model_name: "toy".into(),
        keys: Some(keys),
        limits: terroir_node::server::HttpLimits::DEFAULT,
        drain: std::time::Duration::ZERO,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let refused = terroir_node::server::Server::bind(world.engine.clone(), config).err();
    assert!(matches!(refused, Some(terroir_node::Error::Exposed { mode: 0o644, .. })));
}
