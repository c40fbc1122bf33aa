//! Conditions on rows: `cell_type == "T cell" and (score > 0.8 or not doublet)`.
//!
//! A text is split into [tokens], [parsed](parse) into a tree, and [bound](bind) to the columns of a frame; then
//! each row is tested. `spec/query.md` describes the language.

mod bind;
mod compare;
mod parse;
mod pattern;
#[cfg(all(test, feature = "write"))]
mod tests;
mod tokens;
mod values;

use crate::error::{Error, Result};
use crate::table::{Frame, Table, blocks};
use parse::Condition;

/// A parsed condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    text: String,
    condition: Condition,
}

/// A comparison of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ComparisonOperator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// A question about a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
    Matches,
}

impl TextTest {
    /// The test with this name, in upper or lower case.
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "startswith" => Some(TextTest::StartsWith),
            "endswith" => Some(TextTest::EndsWith),
            "contains" => Some(TextTest::Contains),
            "matches" => Some(TextTest::Matches),
            _ => None,
        }
    }
}

/// A literal value in a condition.
#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Missing,
}

impl Query {
    /// Parses a condition.
    ///
    /// # Errors
    /// `Usage`, with what was expected and where; [`Error::excerpt`] shows the place.
    pub fn parse(text: &str) -> Result<Query> {
        Ok(Query { text: text.to_owned(), condition: parse::parse(text)? })
    }

    /// The rows of `frame` that satisfy the condition, ascending.
    ///
    /// # Errors
    /// `NotFound` if a column does not exist; `Usage` if a column cannot be compared with its value, or a regular
    /// expression is not valid; `Unsupported` for regular expressions without the feature `write`.
    /// [`Error::excerpt`] shows the place in the condition.
    pub fn rows(&self, frame: &Frame) -> Result<Vec<u64>> {
        let test = bind::bind(&self.condition, frame, &self.text)?;
        Ok((0..frame.rows()).filter(|row| test.holds(*row)).map(|row| row as u64).collect())
    }

    /// As [`rows`](Self::rows), of a table: the columns that the condition names are read block by block.
    ///
    /// # Errors
    /// As [`rows`](Self::rows); errors of reading.
    pub fn rows_of(&self, table: &Table<'_>) -> Result<Vec<u64>> {
        // with all columns, so that the message says which there are, and without rows
        bind::bind(&self.condition, &table.read(0..0)?, &self.text)?;
        let mut names = Vec::new();
        self.condition.names(&mut names);
        let (table, mut rows) = (table.only(&names), Vec::new());
        for range in blocks(table.rows()) {
            let first = range.start;
            rows.extend(self.rows(&table.read(range)?)?.into_iter().map(|row| first + row));
        }
        Ok(rows)
    }
}

/// A syntax error in a condition, at byte `at`.
fn wrong(text: &str, at: usize, why: &str) -> Error {
    let rest: String = text[at..].chars().take(20).collect();
    let place = if rest.is_empty() { "at the end".to_owned() } else { format!("at '{rest}'") };
    Error::usage(format!("condition: {why} {place}")).pointing_at(text, at)
}
