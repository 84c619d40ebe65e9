//! Golden files: frozen bytes under `tests/golden`. `GOLDEN=write` makes them anew.

use std::fs;
use std::path::Path;

/// Compares a file made of a comment and of lines with the golden one, or replaces that.
pub fn check(name: &str, comment: &str, lines: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let want = format!("# {comment}\n{}\n", lines.join("\n"));
    if std::env::var_os("GOLDEN").is_some_and(|how| how == "write") {
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        fs::write(&path, &want).expect("the golden file can be written");
    }
    let found = fs::read_to_string(&path).expect("the golden file is there");
    assert!(found == want, "{name}: the format changed; give it a new version");
}

/// Lower-case hexadecimal of any length; `-` stands for none.
pub fn hex(bytes: &[u8]) -> String {
    match bytes {
        [] => "-".into(),
        bytes => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
