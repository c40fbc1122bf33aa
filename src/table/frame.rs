//! A data frame.

use super::column::Column;
use crate::error::{Error, Result};
use crate::strings::Strings;

/// An index of names and columns of the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    index_name: Option<String>,
    index: Strings,
    columns: Vec<(String, Column)>,
}

impl Frame {
    /// Checks that all columns are as long as the index.
    ///
    /// # Errors
    /// `Malformed`, with the first column that is not.
    pub fn new(index_name: Option<String>, index: Strings, columns: Vec<(String, Column)>) -> Result<Self> {
        if let Some((name, c)) = columns.iter().find(|(_, c)| c.len() != index.len()) {
            let text = format!("column '{name}' has {} rows, the index has {}", c.len(), index.len());
            return Err(Error::malformed(text));
        }
        Ok(Frame { index_name, index, columns })
    }

    /// A frame of `rows` rows without columns, named "0", "1", ... as pandas does.
    pub fn unnamed(rows: u64) -> Self {
        let index = (0..rows).map(|i| i.to_string()).collect();
        Frame { index_name: None, index, columns: Vec::new() }
    }

    /// The same columns under other names of the rows.
    ///
    /// # Errors
    /// `Malformed` where there are not as many names as rows.
    pub fn with_index(self, index: Strings) -> Result<Self> {
        Frame::new(self.index_name, index, self.columns)
    }

    /// With one more column at the end, or in the place of the one of its name.
    ///
    /// # Errors
    /// `Malformed` where it is not as long as the index.
    pub fn with_column(mut self, name: &str, column: Column) -> Result<Self> {
        match self.columns.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = column,
            None => self.columns.push((name.to_owned(), column)),
        }
        Frame::new(self.index_name, self.index, self.columns)
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.index.len()
    }

    /// The name of the index, where it has one.
    pub fn index_name(&self) -> Option<&str> {
        self.index_name.as_deref()
    }

    /// The name of each row.
    pub fn index(&self) -> &Strings {
        &self.index
    }

    /// Names and columns, in order.
    pub fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, c)| c)
    }
}
