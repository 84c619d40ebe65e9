//! Routes: exactly the documented ones, and what the small ones say.

use crate::world::{NAME, World, chat};
use serde_json::json;
use terroir_api::{Method, Route, openapi};

#[test]
fn the_router_has_the_routes_of_the_document() {
    let world = World::usual();
    for route in Route::ALL {
        let path = route.path().replace("{model}", NAME).replace("{id}", &"0".repeat(64));
        let (right, wrong) = match route.method() {
            Method::Get => ("GET", "POST"),
            Method::Post => ("POST", "GET"),
        };
        let ask = |method: &str| {
            let request =
                format!("{method} {path} HTTP/1.1\r\nhost: node\r\ncontent-length: 0\r\n\r\n");
            world.send(request.as_bytes())
        };
        let reply = ask(right);
        assert_ne!(reply.status, 405, "{path}");
        if reply.status == 404 {
            assert_eq!(reply.code(), "receipt_not_found", "{path}");
        }
        let reply = ask(wrong);
        assert_eq!((reply.status, reply.code()), (405, "wrong_method".to_owned()), "{path}");
        assert!(reply.header("allow").is_some_and(|allow| allow.contains(right)), "{reply:?}");
    }
    let served = world.get("/openapi.json").json();
    assert_eq!(served, openapi::document());
}

#[test]
fn nothing_else_is_there() {
    let world = World::usual();
    for path in ["/", "/v1", "/v1/embeddings", "/v1/models/", "/healthz/", "/%ff", "/v1/models/a/b"]
    {
        let reply = world.get(path);
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.code(), "no_such_route", "{path}");
    }
    let reply = world.get("/v1/models/%ff");
    assert_eq!((reply.status, reply.code()), (400, "bad_path".to_owned()));
}

#[test]
fn models_are_listed_without_slashes() {
    let world = World::usual();
    let list = world.get("/v1/models").json();
    assert_eq!((&list["object"], list["data"].as_array().unwrap().len()), (&json!("list"), 1));
    let card = &list["data"][0];
    assert_eq!((&card["id"], &card["object"]), (&json!(NAME), &json!("model")));
    assert_eq!(card["digest"], world.model.id.to_string());
    assert_eq!(card["node"], world.engine.receipts().node().to_string());
    for name in [NAME, &world.model.id.to_string()] {
        assert_eq!(world.get(&format!("/v1/models/{name}")).json(), *card);
    }
    let other = world.get("/v1/models/gpt-4");
    assert_eq!((other.status, other.code()), (404, "model_not_found".to_owned()));
}

#[test]
fn health_and_metrics_follow_what_happens() {
    let world = World::usual();
    assert_eq!(world.get("/healthz").json(), json!({"status": "ok"}));
    world.post("/v1/chat/completions", &chat("hello"));
    world.post("/v1/chat/completions", &json!({}));
    world.get("/nowhere");
    world.wait_idle();
    let page = world.get("/metrics");
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let page = String::from_utf8(page.body).unwrap();
    for line in [
        "terroir_http_replies_total{route=\"/v1/chat/completions\",status=\"200\"} 1",
        "terroir_http_replies_total{route=\"/v1/chat/completions\",status=\"400\"} 1",
        "terroir_http_replies_total{route=\"none\",status=\"404\"} 1",
        "terroir_jobs 0",
        "terroir_engine_up 1",
        "terroir_receipt_failures_total 0",
    ] {
        assert!(page.lines().any(|got| got == line), "{line} is not in\n{page}");
    }
    let tokens = page.lines().find(|line| line.starts_with("terroir_completion_tokens_total "));
    assert!(tokens.unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap() > 0);
}

#[test]
fn head_requests_get_no_body() {
    let world = World::usual();
    let mut connection = world.connect();
    connection.send(b"HEAD /v1/models HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
    assert_eq!(connection.head().0, 200);
    assert!(connection.is_closed());
}
