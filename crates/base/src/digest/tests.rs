//! Digests against published values, and the separation of `derive`.

use super::Digest;

#[test]
fn known_digests() {
    let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    let abc = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
    assert_eq!(Digest::of(b"").to_string(), empty);
    assert_eq!(Digest::of(b"abc").to_string(), abc);
    assert_eq!(Digest::of(b"abc").short(), "6437b3ac3846");
    assert_eq!(abc.parse(), Ok(Digest::of(b"abc")));
}

#[test]
fn derive_is_derive_key_over_length_prefixed_parts() {
    let mut framed = Vec::new();
    for part in [&b"ab"[..], b"", b"c"] {
        framed.extend((part.len() as u64).to_le_bytes());
        framed.extend(part);
    }
    let want = Digest(blake3::derive_key("terroir test 1", &framed));
    assert_eq!(Digest::derive("terroir test 1", &[b"ab", b"", b"c"]), want);
}

#[test]
fn derive_separates_contexts_and_parts() {
    let context = "terroir test 1";
    let all = [
        Digest::derive(context, &[b"ab", b"c"]),
        Digest::derive(context, &[b"a", b"bc"]),
        Digest::derive(context, &[b"abc"]),
        Digest::derive(context, &[b"abc", b""]),
        Digest::derive("terroir test 2", &[b"abc"]),
        Digest::of(b"abc"),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn only_the_one_text_parses() {
    let text = Digest::of(b"x").to_string();
    assert!(text.to_uppercase().parse::<Digest>().is_err());
    assert!(text[1..].parse::<Digest>().is_err());
    assert!(format!("{text}0").parse::<Digest>().is_err());
    assert!(format!(" {}", &text[1..]).parse::<Digest>().is_err());
}
