//! Which pages may ask through their visitor's browser: those of this node, under its own names.
//!
//! Invariant: a name that leads here does not make a page one of ours, where only this machine
//! should reach us; whoever owns a name can let it lead anywhere.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use std::net::IpAddr;

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

/// Whether what a page asks goes to where the page is from; what no page asks has no origin.
pub(super) fn same(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, origin)| Some(origin) == host(headers))
}

/// Whether a request is for this machine by a name that nobody else can give: `localhost` or an
/// address. Browsers always say a name.
pub(super) fn local(headers: &HeaderMap) -> bool {
    if !headers.contains_key(HOST) {
        return true;
    }
    let Some(host) = host(headers) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}
