//! Where the names of a table are.

use super::is_number;
use super::rows::{OwnedRow, Separator, TextRows};
use crate::error::{Error, Result};
use crate::formats::lines;
use crate::strings::Strings;
use std::path::Path;

/// Where the names are, inferred from the first two rows.
pub(super) struct DelimitedHead {
    /// Position of the first row of numbers in the text; `None` if there is none.
    pub(super) body: Option<u64>,
    /// Length of the longer one of the first two rows, in bytes.
    pub(super) row: u64,
    /// The first field of each row is its name.
    pub(super) named_rows: bool,
    /// Number of columns with numbers.
    pub(super) width: usize,
    /// The names of the columns, from the first row or from a comment before it.
    pub(super) columns: Option<Strings>,
}

impl DelimitedHead {
    /// Reads the first two rows of the table at `path`.
    ///
    /// # Errors
    /// `Malformed` if there is no row, or if the first has fewer names than there are columns; `Io`.
    pub(super) fn read(path: &Path, separator: Separator) -> Result<DelimitedHead> {
        let text = lines::open(path).map_err(|e| Error::io("open", e))?;
        let mut rows = TextRows::new(text, separator)?;
        let comment = rows.comment.take();
        let Some(first) = rows.next()?.map(|r| r.owned()) else {
            return Err(Error::malformed("expected a row, got an empty table"));
        };
        let second = rows.next()?.map(|r| r.owned());
        DelimitedHead::of(&first, second.as_ref(), comment.as_deref(), separator)
    }

    /// # Errors
    /// `Malformed` if the first row has fewer names than there are columns.
    fn of(
        first: &OwnedRow,
        second: Option<&OwnedRow>,
        comment: Option<&str>,
        separator: Separator,
    ) -> Result<DelimitedHead> {
        let is_number = |f: Option<&Vec<u8>>| f.is_some_and(|f| is_number(f));
        let (fields, corner) = (&first.fields, first.fields.first().is_some_and(Vec::is_empty));
        let names_first = match second {
            _ if !is_number(fields.last()) => true,
            // pandas leaves this field empty when the index has no name
            Some(_) if fields.len() > 1 && corner => true,
            Some(second) => second.fields.len() == fields.len() + 1,
            None => false,
        };
        let sample = if names_first { second } else { Some(first) };
        let named_rows = (names_first && corner) || sample.is_some_and(|s| !is_number(s.fields.first()));
        let width = sample.map_or(fields.len(), |s| s.fields.len()).saturating_sub(usize::from(named_rows));
        let mut columns = None;
        if names_first {
            columns = Some(fields[fields.len().saturating_sub(width)..].iter().collect::<Strings>());
        } else if let Some(comment) = comment {
            let names: Vec<&str> = match separator {
                Separator::One(b) if comment.contains(b as char) => {
                    comment.split(b as char).map(str::trim).collect()
                }
                _ => comment.split_whitespace().collect(),
            };
            columns = (names.len() == width).then(|| names.into_iter().collect());
        }
        if columns.as_ref().is_some_and(|c| c.len() != width) {
            let text =
                format!("line {}: expected names for {width} columns, got {}", first.line, fields.len());
            return Err(Error::malformed(text));
        }
        let body = if names_first { second.map(|s| s.byte) } else { Some(first.byte) };
        let len = |r: &OwnedRow| r.fields.iter().map(|f| f.len() as u64 + 1).sum::<u64>();
        let row = len(first).max(second.map_or(0, len));
        Ok(DelimitedHead { body, row, named_rows, width, columns })
    }
}
