//! How large things may grow: files in bytes and lines, functions in lines.

use super::Finding;
use super::code::{block_bytes, line, only_code, words};
use super::tree::{File, Tree};

/// Largest file of any kind, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// Largest Rust file, in lines; tables made by a program and golden files are exempt by name.
const LINES_MAX: usize = 600;

/// Largest function, in lines, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// No file is larger than 1 MiB.
pub fn bytes(tree: &Tree) -> Vec<Finding> {
    let large = tree.files.iter().filter(|file| file.bytes > BYTES_MAX);
    large
        .map(|file| {
            let message = format!("{} bytes, at most {BYTES_MAX} are allowed", file.bytes);
            Finding::at(&file.path, 0, message)
        })
        .collect()
}

/// No Rust file is longer than 600 lines.
pub fn lines(tree: &Tree) -> Vec<Finding> {
    let written = tree.files.iter().filter(|file| file.is_rust() && !is_exempt(file));
    written
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, count)| *count > LINES_MAX)
        .map(|(file, count)| {
            let message = format!("{count} lines, at most {LINES_MAX} are allowed");
            Finding::at(&file.path, 0, message)
        })
        .collect()
}

/// No function is longer than 70 lines.
pub fn functions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust() && !is_exempt(file)) {
        let code = only_code(&file.text);
        for (name, first, count) in function_lines(&code) {
            if count > FUNCTION_LINES_MAX {
                let limit = format!("at most {FUNCTION_LINES_MAX} are allowed");
                let message = format!("fn {name} has {count} lines, {limit}");
                findings.push(Finding::at(&file.path, first, message));
            }
        }
    }
    findings
}

fn is_exempt(file: &File) -> bool {
    file.path.contains("/golden/") || file.path.ends_with("generated.rs")
}

/// Name, first line and number of lines of every function with a body.
fn function_lines(code: &str) -> Vec<(&str, usize, usize)> {
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let rest = code[at + 2..].trim_start();
        let name_bytes = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(0);
        let Some(open) = body_start(&code[at..]).filter(|_| name_bytes > 0) else {
            continue;
        };
        let body = block_bytes(&code[at + open..]);
        let count = code[at..at + open + body].matches('\n').count() + 1;
        found.push((&rest[..name_bytes], line(code, at), count));
    }
    found
}

/// The offset of the brace that opens the body; none for a function without one.
fn body_start(signature: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, c) in signature.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_caught() {
        let mut tree = Tree::of("web/picture.png", "");
        assert_eq!(bytes(&tree).len(), 0);
        tree.files[0].bytes = BYTES_MAX + 1;
        assert_eq!(bytes(&tree).len(), 1);
    }

    #[test]
    fn a_long_file_is_caught_unless_a_program_wrote_it() {
        let check = |path: &str, count| lines(&Tree::of(path, &"\n".repeat(count))).len();
        assert_eq!(check("crates/a/src/b.rs", 600), 0);
        assert_eq!(check("crates/a/src/b.rs", 601), 1);
        assert_eq!(check("crates/a/src/table_generated.rs", 601), 0);
        assert_eq!(check("crates/a/tests/golden/b.rs", 601), 0);
        assert_eq!(check("docs/b.md", 601), 0);
    }

    #[test]
    fn a_long_function_is_caught_at_its_first_line() {
        let text = |count| format!("\nfn f(x: [u8; 4]) -> u8 {{\n{}}}\n", "g();\n".repeat(count));
        assert_eq!(functions(&Tree::of("a/b.rs", &text(68))), []);
        let found = functions(&Tree::of("a/b.rs", &text(69)));
        assert_eq!((found.len(), found[0].line), (1, 2));
    }

    #[test]
    fn functions_are_measured_by_code_not_by_text() {
        let code = only_code("trait T { fn a(&self); }\nfn b() { f(\"{\"); }\ntype F = fn(u8);\n");
        assert_eq!(function_lines(&code), [("b", 2, 1)]);
    }
}
