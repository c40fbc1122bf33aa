//! Lists of names, as a person gives them: a file with one a line, or a text with commas.

use super::rows_named;
use crate::error::{Error, Kind, Place, Result};
use crate::table::Table;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Maximum size of a file of names in bytes.
const MOST_BYTES: u64 = 1 << 30;
/// Maximum length of what may be the ending of a file name.
const LONGEST_ENDING: usize = 4;

/// Names of the wanted rows, in the wanted order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameList {
    names: Vec<String>,
    /// The file that the names are from.
    file: Option<PathBuf>,
    /// A single name, which might have been meant as a file.
    perhaps_file: bool,
}

impl NameList {
    /// Reads the names in the file `text`, one a line; if there is no such file, splits `text` at commas. A
    /// single text that looks like a file (with a slash, or an ending such as `.txt`) is one.
    ///
    /// Blanks around a name are not part of it. Empty lines and those that begin with `#` are skipped, and so is
    /// a byte order mark. A name in double quotes is what stands between them, with `""` for a quote.
    ///
    /// # Errors
    /// `Io` if the file does not exist or cannot be read; `Malformed`, with the line, if it is not UTF-8 or a
    /// quote has no end; `Limit` if it has more than 1 GiB.
    pub fn from_text(text: &str) -> Result<Self> {
        let path = Path::new(text);
        let single = !text.contains(',');
        if path.metadata().is_ok_and(|m| !m.is_dir()) || (single && looks_like_a_file(text)) {
            let names = read(path).and_then(|bytes| names_in_lines(&bytes)).in_file(path)?;
            return Ok(NameList { names, file: Some(path.to_owned()), perhaps_file: false });
        }
        Ok(NameList { names: names_in_list(text)?, file: None, perhaps_file: single })
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows of `table` that have these names, as [`rows_named`] finds them.
    ///
    /// # Errors
    /// Those of [`rows_named`], with the file that the names are from.
    pub fn rows(&self, table: &Table<'_>) -> Result<Vec<u64>> {
        rows_named(&self.names, table).map_err(|e| match &self.file {
            Some(file) => e.in_file(file),
            None if self.perhaps_file && e.kind() == Kind::NotFound => {
                e.reworded(|message| format!("{message} (there is no file of that name either)"))
            }
            None => e,
        })
    }
}

impl<T: Into<String>> FromIterator<T> for NameList {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        NameList { names: names.into_iter().map(Into::into).collect(), file: None, perhaps_file: false }
    }
}

/// Whether a text is the path of a file rather than a name: `lists/genes`, `genes.txt`, but not `RP11-34P13.7`.
fn looks_like_a_file(text: &str) -> bool {
    let ending = text.rsplit_once('.').map(|(_, ending)| ending);
    text.contains('/')
        || ending.is_some_and(|e| {
            (2..=LONGEST_ENDING).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_lowercase())
        })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| Error::io("open the names", e))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read the names", e))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::limit(format!("expected at most {MOST_BYTES} bytes of names, got more")));
    }
    Ok(bytes)
}

/// The names in the lines of a file.
fn names_in_lines(bytes: &[u8]) -> Result<Vec<String>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut names = Vec::new();
    for (number, line) in (1u64..).zip(bytes.split(|b| *b == b'\n')) {
        let of_line = |text: &str| Error::malformed(format!("line {number}: {text}"));
        let line = std::str::from_utf8(line).map_err(|_| of_line("expected UTF-8, got other bytes"))?.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        names.push(match line.strip_prefix('"') {
            None => line.to_owned(),
            Some(quoted) => match unquoted(quoted) {
                Some((name, "")) => name,
                Some(_) => return Err(of_line("expected the end of the line after the quoted name")),
                None => return Err(of_line("expected the end of a quoted name, got none")),
            },
        });
    }
    Ok(names)
}

/// The names in a list with commas.
fn names_in_list(text: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)
                .filter(|(_, after)| after.trim_start().is_empty() || after.trim_start().starts_with(','))
                .ok_or_else(|| {
                    Error::usage(format!("expected the end of a quoted name in '{text}', got none"))
                })?,
            None => {
                let (name, _) = rest.split_once(',').unwrap_or((rest, ""));
                (name.trim().to_owned(), &rest[name.len()..])
            }
        };
        if !name.is_empty() || rest.starts_with('"') {
            names.push(name);
        }
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    Ok(names)
}

/// The name between quotes at the start of `text`, which begins after the first of them, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_as_editors_and_spreadsheets_write_them() {
        let text = b"\xef\xbb\xbfa\r\n\r\n# a comment\r\n  b b\t \r\n\"#c\"\n\"say \"\"d\"\"\"\n\"\"\nlast";
        assert_eq!(names_in_lines(text).unwrap(), ["a", "b b", "#c", "say \"d\"", "", "last"]);
        assert!(names_in_lines(b"").unwrap().is_empty());
        for (text, why) in [
            (&b"a\n\"b"[..], "line 2: expected the end of a quoted name"),
            (b"\"a\" b", "line 1: expected the end of the line"),
            (b"a\nb\ncaf\xe9", "line 3: expected UTF-8"),
        ] {
            let error = names_in_lines(text).unwrap_err();
            assert!(error.kind() == Kind::Malformed && error.message().contains(why), "{error}");
        }
    }

    #[test]
    fn lists_with_commas() {
        let names = |text: &str| NameList::from_text(text).unwrap().names;
        assert_eq!(names("a, b c ,\"d,\"\"e\", f,"), ["a", "b c", "d,\"e", "f"]);
        assert_eq!(
            (names(""), names("MS4A1"), names("x.txt,")),
            (vec![], vec!["MS4A1".into()], vec!["x.txt".into()])
        );
        for wrong in ["\"a", "a,\"b\" c"] {
            assert_eq!(NameList::from_text(wrong).unwrap_err().kind(), Kind::Usage, "{wrong}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_no_name() {
        for file in ["genes.txt", "lists/genes", "./genes", "g.tsv"] {
            let error = NameList::from_text(file).unwrap_err();
            assert_eq!(error.kind(), Kind::Io);
            assert_eq!(error.to_string(), format!("{file}: open the names: no such file or directory"));
        }
        for name in ["RP11-34P13.7", "HLA-A", "ENSG00000000003.14", "AAAC-1", "Y_RNA.1", "x.A"] {
            assert_eq!(NameList::from_text(name).unwrap().names, [name]);
        }
        let error = NameList::from_text("genes").unwrap().rows(&Table::unnamed(2)).unwrap_err();
        let expected = "1 of 1 names do not exist: 'genes' (there is no file of that name either)";
        assert_eq!(error.message(), expected);
    }

    #[test]
    fn errors_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("names");
        std::fs::write(&path, "1\nx\n").unwrap();
        let list = NameList::from_text(path.to_str().unwrap()).unwrap();
        assert_eq!(list.names(), ["1", "x"]);
        let error = list.rows(&Table::unnamed(2)).unwrap_err();
        assert_eq!((error.file(), error.message()), (Some(&*path), "1 of 2 names do not exist: 'x'"));
    }
}
