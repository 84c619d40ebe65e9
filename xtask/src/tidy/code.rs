//! Enough of Rust's lexical rules to tell code from comments and literals.
//!
//! For the rules that look for words or count lines. Invariant: what comes out has the same lines
//! as what went in, so a finding's line is the file's.

/// Replaces comments and the insides of string and character literals by spaces.
pub fn only_code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = token_end(&chars, at);
        match end {
            Some(end) => {
                out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
                at = end;
            }
            None => {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    out
}

/// Blanks the modules that only exist for tests, in text that is already only code.
pub fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        let after = &rest[start + MARK.len()..];
        let open = after.find(['{', ';']).unwrap_or(after.len());
        let end = start + MARK.len() + open + block_bytes(&after[open..]);
        out.push_str(&rest[..start]);
        out.extend(rest[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// The number of bytes of the block that opens at the first byte; 0 if none opens there.
///
/// Braces must be balanced in code; an unbalanced block ends with the text.
pub fn block_bytes(code: &str) -> usize {
    if !code.starts_with('{') {
        return 0;
    }
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The offsets of a word in code, where it is not part of a longer name.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let starts = word.starts_with(is_name);
    let ends = word.ends_with(is_name);
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].ends_with(is_name);
        let after = code[at + word.len()..].starts_with(is_name);
        !(starts && before || ends && after)
    })
}

/// The line of an offset, counted from 1.
pub fn line(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The end of the comment or literal that starts at `at`, if one does.
fn token_end(chars: &[char], at: usize) -> Option<usize> {
    let next = |offset: usize| chars.get(at + offset).copied();
    match chars[at] {
        '/' if next(1) == Some('/') => {
            Some(position(chars, at, |c| c == '\n').unwrap_or(chars.len()))
        }
        '/' if next(1) == Some('*') => Some(block_comment_end(chars, at)),
        '"' => Some(quoted_end(chars, at, '"')),
        'r' if at == 0 || !is_name(chars[at - 1]) || follows_prefix(chars, at) => {
            raw_end(chars, at)
        }
        '\'' => match (next(1), next(2)) {
            (Some('\\'), _) => Some(quoted_end(chars, at, '\'')),
            (Some(_), Some('\'')) => Some(at + 3),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an `r` stands after the `b` or `c` of `br"` or `cr"`.
fn follows_prefix(chars: &[char], at: usize) -> bool {
    matches!(chars[at - 1], 'b' | 'c') && (at == 1 || !is_name(chars[at - 2]))
}

fn position(chars: &[char], from: usize, found: impl Fn(char) -> bool) -> Option<usize> {
    chars[from..].iter().position(|&c| found(c)).map(|offset| from + offset)
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut here) = (0_usize, at);
    while here < chars.len() {
        match (chars[here], chars.get(here + 1)) {
            ('/', Some('*')) => (depth, here) = (depth + 1, here + 2),
            ('*', Some('/')) => (depth, here) = (depth - 1, here + 2),
            _ => here += 1,
        }
        if depth == 0 {
            return here;
        }
    }
    chars.len()
}

fn quoted_end(chars: &[char], at: usize, quote: char) -> usize {
    let mut here = at + 1;
    while here < chars.len() {
        match chars[here] {
            '\\' => here += 2,
            c if c == quote => return here + 1,
            _ => here += 1,
        }
    }
    chars.len()
}

fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let open = position(chars, at + 1, |c| c != '#')?;
    if chars[open] != '"' {
        return None;
    }
    let hashes = open - at - 1;
    let closes = |here: usize| {
        chars[here] == '"'
            && chars[here + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
    };
    let end = (open + 1..chars.len()).find(|&here| closes(here));
    Some(end.map_or(chars.len(), |here| here + 1 + hashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        assert_eq!(only_code(text).split_whitespace().collect::<Vec<_>>().join(" "), want);
        assert_eq!(only_code(text).matches('\n').count(), text.matches('\n').count());
    }

    #[test]
    fn comments_are_blanked() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check("//! doc\nx", "x");
    }

    #[test]
    fn strings_are_blanked() {
        check(r#"f("unsafe \" { }") + 1"#, "f( ) + 1");
        check("f(r#\"a \" b\"#) g", "f( ) g");
        check("f(br\"a\\\") g", "f(b ) g");
        check("let var = bar;", "let var = bar;");
        check("r#fn + x", "r#fn + x");
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        check("a('{') + b('\\'') + c", "a( ) + b( ) + c");
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn test_modules_are_blanked() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { }\n}\nfn c() {}\n";
        let left = without_tests(code);
        assert!(!left.contains("fn b") && left.contains("fn a") && left.contains("fn c"));
        assert_eq!(left.lines().count(), code.lines().count());
        assert_eq!(
            without_tests("#[cfg(test)]\nmod tests;\nfn c() {}").trim(),
            "; fn c() {}".replace("; ", ";\n")
        );
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(words("unsafe_code unsafe {", "unsafe").collect::<Vec<_>>(), [12]);
        assert_eq!(words("x.exp() y.exp2()", ".exp()").count(), 1);
    }
}
