//! Golden files: frozen bytes under `tests/golden`. `GOLDEN=write` makes them anew.

use std::fs;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The lines of a golden file that are no comments, each cut into `N` fields; the last takes the rest.
pub fn lines<const N: usize>(name: &str) -> Vec<[String; N]> {
    let text = fs::read_to_string(path(name)).expect("the golden file is there");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let cut = |line: &str| {
        let fields: Vec<_> = line.splitn(N, ' ').map(str::to_owned).collect();
        fields.try_into().unwrap_or_else(|_| panic!("{name}: too few fields in {line:?}"))
    };
    lines.map(cut).collect()
}

/// Compares a file made of a comment and of lines with the golden one, or replaces that.
pub fn check(name: &str, comment: &str, lines: &[String]) {
    let want = format!("# {comment}\n{}\n", lines.join("\n"));
    if std::env::var_os("GOLDEN").is_some_and(|how| how == "write") {
        fs::write(path(name), &want).expect("the golden file can be written");
    }
    let found = fs::read_to_string(path(name)).expect("the golden file is there");
    assert!(found == want, "{name}: the format changed; give it a new version");
}

/// Bytes from hexadecimal of any length; `-` stands for none.
pub fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.trim_matches('-').as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(|pair| byte(pair).expect("a golden file holds pairs of digits")).collect()
}
