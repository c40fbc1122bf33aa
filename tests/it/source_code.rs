//! A minimal Rust scanner for our own source files: comments, literals, tests, functions, types.

use std::path::{Path, PathBuf};

/// A source file without its tests.
pub(crate) struct SourceFile {
    /// Path below `src`.
    pub(crate) name: String,
    /// The code, with comments and tests blanked and literal contents replaced by dots. Line numbers match
    /// the file.
    pub(crate) code: String,
}

/// All source files below `src`, except those with tests only.
pub(crate) fn source_files() -> Vec<SourceFile> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&src, "rs", &mut paths);
    paths.sort();
    let mut out = Vec::new();
    for path in paths.into_iter().filter(|p| p.file_name().is_some_and(|n| n != "tests.rs")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(&src).unwrap().display().to_string();
        out.push(SourceFile { name, code: without_tests(&code_of(&text)) });
    }
    assert!(out.len() > 100, "{} source files", out.len());
    out
}

/// Files below `dir` whose names end in `extension`.
pub(crate) fn collect(dir: &Path, extension: &str, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, out);
        } else if path.extension().is_some_and(|e| e == extension) {
            out.push(path);
        }
    }
}

/// Replaces comments with blanks and literal contents with dots; the length in bytes is unchanged.
pub(crate) fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let before = at.checked_sub(1).map(|i| bytes[i]);
        let (len, filling, keep) = if rest.starts_with(b"//") {
            (rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()), b' ', 0)
        } else if rest.starts_with(b"/*") {
            (block_comment(rest), b' ', 0)
        } else if let Some(len) = raw_string(rest).filter(|_| !before.is_some_and(is_word)) {
            (len, b'.', 0)
        } else if rest[0] == b'"' {
            (quoted(rest, b'"'), b'.', 1)
        } else if rest[0] == b'\'' && is_char(rest) {
            (quoted(rest, b'\''), b'.', 1)
        } else {
            at += 1;
            continue;
        };
        for byte in &mut out[at + keep..at + len - keep] {
            if *byte != b'\n' {
                *byte = filling;
            }
        }
        at += len;
    }
    String::from_utf8(out).unwrap()
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

/// Length of the comment at the start of `rest`; comments nest.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of the raw string at the start of `rest`, if there is one.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let body = rest.strip_prefix(b"br").or_else(|| rest.strip_prefix(b"r"))?;
    let hashes = body.iter().take_while(|b| **b == b'#').count();
    let inner = body[hashes..].strip_prefix(b"\"")?;
    let end = [&b"\""[..], &b"#".repeat(hashes)].concat();
    let len = inner.windows(end.len()).position(|w| w == end)?;
    Some(rest.len() - inner.len() + len + end.len())
}

/// Length of a literal between quotes.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Whether a quote begins a character rather than a lifetime.
fn is_char(rest: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&rest[1..rest.len().min(6)]).into_owned();
    let mut chars = text.chars();
    matches!((chars.next(), chars.next()), (Some('\\'), _) | (Some(_), Some('\'')))
}

/// Replaces items under `#[cfg(test)]` with blanks.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    for attribute in ["#[cfg(test)]", "#[cfg(all(test"] {
        while let Some(at) = out.find(attribute) {
            let end = at + item_len(&out[at..]);
            let blank: String = out[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            out.replace_range(at..end, &blank);
        }
    }
    out
}

/// Length of the item at the start of `code`, including attributes: up to its first `;` or the end of its
/// first block.
fn item_len(code: &str) -> usize {
    let mut nested = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => nested += 1,
            ')' | ']' => nested = nested.saturating_sub(1),
            ';' if nested == 0 => return at + 1,
            '{' if nested == 0 => return at + block_len(&code[at..]),
            _ => {}
        }
    }
    code.len()
}

/// Length of the block in braces at the start of `code`.
pub(crate) fn block_len(code: &str) -> usize {
    let mut depth = 0usize;
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

/// Number of lines that contain code.
pub(crate) fn code_lines(code: &str) -> usize {
    code.lines().filter(|l| !l.trim().is_empty()).count()
}

/// Words of `code` with their offsets.
pub(crate) fn words(code: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut at = 0;
    for part in code.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        if !part.is_empty() {
            out.push((at, part));
        }
        at += part.len() + code[at + part.len()..].chars().next().map_or(0, char::len_utf8);
    }
    out
}

/// Functions with a body: name and lines of code, including the signature.
pub(crate) fn functions(code: &str) -> Vec<(String, usize)> {
    let words = words(code);
    let mut out = Vec::new();
    for pair in words.windows(2) {
        let [(at, "fn"), (name_at, name)] = *pair else { continue };
        // `fn(u8)` is a type.
        if code[at + 2..name_at].trim().is_empty() && code[at..name_at].len() > 2 {
            let item = &code[at..at + item_len(&code[at..])];
            if item.ends_with('}') {
                out.push((name.to_owned(), code_lines(item)));
            }
        }
    }
    out
}

/// Names of the structs, enums, traits and type aliases that `code` defines, without associated types.
pub(crate) fn type_names(code: &str) -> Vec<String> {
    let words = words(code);
    let mut out = Vec::new();
    for pair in words.windows(2) {
        let [(at, keyword), (name_at, name)] = *pair else { continue };
        let between = &code[at + keyword.len()..name_at];
        let defines = match keyword {
            "struct" | "enum" | "trait" | "union" => true,
            "type" => {
                let open = code[..at].matches('{').count();
                open == code[..at].matches('}').count()
            }
            _ => false,
        };
        if defines && between.trim().is_empty() && name.starts_with(|c: char| c.is_uppercase()) {
            out.push(name.to_owned());
        }
    }
    out
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let text = r##"
use a; // hdf5 "
/* x /* fn f() { */ */ const S: &str = "fn // \" {"; const R: &str = r#"fn { " "#; const C: char = '{';
fn long<'a>(x: &'a str, f: fn(u8) -> [u8; 2]) -> char {
    let c = '\''; // }

    c
}
struct One; trait Two { type Item; } type Three = u8;
#[cfg(test)]
#[allow(dead_code)]
mod tests { struct Four; fn g() {} }
fn last() {}
"##;
    let code = without_tests(&code_of(text));
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(!code.contains("hdf5") && !code.contains("Four"), "{code}");
    assert_eq!(functions(&code), [("long".to_owned(), 4), ("last".to_owned(), 1)]);
    assert_eq!(type_names(&code), ["One", "Two", "Three"]);
    assert_eq!(code_lines(&code), 8, "{code}");
}
