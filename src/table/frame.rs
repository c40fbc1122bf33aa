//! A data frame.

use super::column::Column;
use super::index::RowNames;
use crate::error::{Error, Result};
use crate::strings::Strings;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// An index of row names and columns of the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    index_name: Option<String>,
    index: RowNames,
    columns: Vec<(String, Column)>,
}

impl Frame {
    /// Creates a frame after checking that all columns are as long as the index.
    ///
    /// # Errors
    /// `Malformed`, with the first column of another length.
    pub fn new(index_name: Option<String>, index: Strings, columns: Vec<(String, Column)>) -> Result<Self> {
        Self::of(index_name, RowNames::Names(index), columns)
    }

    /// A frame of `rows` rows without names: they are named "0", "1", ... as in pandas.
    ///
    /// # Errors
    /// `Malformed`, with the first column of another length.
    pub fn numbered(rows: u64, columns: Vec<(String, Column)>) -> Result<Self> {
        Self::of(None, RowNames::numbers(rows), columns)
    }

    fn of(index_name: Option<String>, index: RowNames, columns: Vec<(String, Column)>) -> Result<Self> {
        if let Some((name, c)) = columns.iter().find(|(_, c)| c.len() != index.len()) {
            let text = format!("column '{name}' has {} rows, the index has {}", c.len(), index.len());
            return Err(Error::malformed(text));
        }
        Ok(Frame { index_name, index, columns })
    }

    /// A frame with `rows` rows and no columns; the rows are named "0", "1", ... as in pandas.
    pub fn unnamed(rows: u64) -> Self {
        Frame { index_name: None, index: RowNames::numbers(rows), columns: Vec::new() }
    }

    /// Replaces the index and keeps the columns.
    ///
    /// # Errors
    /// `Malformed` if the number of names differs from the number of rows.
    pub fn with_index(self, index: Strings) -> Result<Self> {
        Frame::new(self.index_name, index, self.columns)
    }

    /// Makes `column` the index; keeps the previous index as column `old`, if given.
    ///
    /// # Errors
    /// `NotFound` if there is no such column; `Malformed` if its text is not UTF-8.
    pub fn named_by(mut self, column: &str, old: Option<&str>) -> Result<Self> {
        let Some(at) = self.columns.iter().position(|(n, _)| n == column) else {
            let names: Vec<&str> = self.columns.iter().map(|(n, _)| n.as_str()).collect();
            return Err(Error::not_found(format!(
                "there is no column '{column}' (there are: {})",
                names.join(", ")
            )));
        };
        let (name, names) = self.columns.remove(at);
        if let Some(old) = old {
            self.columns.insert(0, (old.to_owned(), Column::Strings(self.index.into_strings())));
        }
        Frame::new(Some(name), names.to_strings()?, self.columns)
    }

    /// Makes the row names unique: duplicates get suffixes `-1`, `-2`, ... as in anndata.
    #[must_use]
    pub fn with_unique_index(mut self) -> Self {
        let mut taken: HashSet<Vec<u8>> = self.index().iter().map(<[u8]>::to_vec).collect();
        let mut seen: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut names = Strings::new();
        for name in self.index().iter() {
            let Some(times) = seen.get_mut(name) else {
                seen.insert(name.to_vec(), 0);
                names.push(name);
                continue;
            };
            let unique = loop {
                *times += 1;
                let new = [name, format!("-{times}").as_bytes()].concat();
                if taken.insert(new.clone()) {
                    break new;
                }
            };
            names.push(&unique);
        }
        self.index = RowNames::Names(names);
        self
    }

    /// Adds a column at the end, or replaces the column of the same name.
    ///
    /// # Errors
    /// `Malformed` if the column is not as long as the index.
    pub fn with_column(mut self, name: &str, column: Column) -> Result<Self> {
        match self.columns.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = column,
            None => self.columns.push((name.to_owned(), column)),
        }
        Frame::of(self.index_name, self.index, self.columns)
    }

    /// Removes the column of this name, if there is one.
    #[must_use]
    pub fn without_column(mut self, name: &str) -> Self {
        self.columns.retain(|(n, _)| n != name);
        self
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.index.len()
    }

    /// The name of the index, if it has one.
    pub fn index_name(&self) -> Option<&str> {
        self.index_name.as_deref()
    }

    /// The name of each row. The first call makes default names, which takes
    /// [`unmade_index_bytes`](Self::unmade_index_bytes) bytes of memory.
    pub fn index(&self) -> &Strings {
        self.index.strings()
    }

    /// The name of one row, with U+FFFD in place of bytes that are not UTF-8; `None` past the end.
    pub fn name(&self, row: u64) -> Option<Cow<'_, str>> {
        self.index.name(row)
    }

    /// Bytes of memory that making the default names would take; 0 if the names are in memory.
    pub fn unmade_index_bytes(&self) -> u64 {
        self.index.unmade_bytes()
    }

    /// Whether the names of the rows equal those of `other`.
    pub(crate) fn same_index(&self, other: &Frame) -> bool {
        self.index == other.index
    }

    /// The names of `rows`, all of which exist.
    pub(super) fn names_of(&self, rows: &[u64]) -> Strings {
        self.index.select(rows)
    }

    /// The columns with their names, in order.
    pub fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// Replaces each column by the result of `change`, which must have the same number of rows.
    pub(super) fn map(mut self, mut change: impl FnMut(&str, Column) -> Result<Column>) -> Result<Frame> {
        let columns = std::mem::take(&mut self.columns).into_iter();
        self.columns = columns
            .map(|(name, column)| change(&name, column).map(|column| (name, column)))
            .collect::<Result<_>>()?;
        Ok(self)
    }

    /// The column of this name; `None` if there is none.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, c)| c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(l: &[&str]) -> Strings {
        l.iter().copied().collect()
    }

    #[test]
    fn names_made_unique_as_anndata_does() {
        let f = Frame::new(None, texts(&["a", "a", "a-1", "b", "a", "b"]), Vec::new()).unwrap();
        assert_eq!(f.with_unique_index().index(), &texts(&["a", "a-2", "a-1", "b", "a-3", "b-1"]));
    }

    #[test]
    fn rows_named_by_a_column() {
        let ids = vec![("id".to_owned(), Column::Strings(texts(&["x", "y"])))];
        let f = Frame::new(None, texts(&["A", "A"]), ids).unwrap().named_by("id", Some("symbol")).unwrap();
        assert_eq!((f.index(), f.index_name()), (&texts(&["x", "y"]), Some("id")));
        assert_eq!(f.columns(), [("symbol".to_owned(), Column::Strings(texts(&["A", "A"])))]);
        assert!(f.named_by("id", None).unwrap_err().message().contains("there are: symbol"));
    }
}
