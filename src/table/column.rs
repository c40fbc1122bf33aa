//! One column of a data frame.

use crate::dtype::{Dtype, Scalar, scalar_at};
use crate::error::{Error, Result};
use crate::strings::Strings;
use std::sync::Arc;

/// A column of any type that AnnData writes.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers or bools without missing values: little-endian bytes of one type.
    Numbers {
        /// Type of the values.
        dtype: Dtype,
        /// The values, little-endian.
        bytes: Vec<u8>,
    },
    /// Numbers or bools with missing values, in pandas' nullable types.
    Nullable {
        /// Type of the values.
        dtype: Dtype,
        /// The values, little-endian; the bytes of missing values are arbitrary.
        bytes: Vec<u8>,
        /// True where the value is missing.
        missing: Vec<bool>,
    },
    /// Text.
    Strings(Strings),
    /// Text with missing values.
    NullableStrings {
        /// The strings; those of missing values are arbitrary.
        values: Strings,
        /// True where the string is missing.
        missing: Vec<bool>,
    },
    /// One label per row, from a list of categories.
    Categorical(Categorical),
}

/// Codes into a list of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Categorical {
    codes: Vec<i32>,
    /// Shared by all parts of a column.
    categories: Arc<Column>,
    ordered: bool,
}

impl Categorical {
    /// Checks that all codes (−1 for missing) are within the number of categories.
    ///
    /// # Errors
    /// `Malformed`, with the first row whose code has no category.
    pub fn new(codes: &[i64], categories: Column, ordered: bool) -> Result<Self> {
        Categorical { codes: Vec::new(), categories: Arc::new(categories), ordered }.part(codes, 0)
    }

    /// A part of a column with these labels: the rows from `first` on.
    ///
    /// # Errors
    /// Same as [`new`](Self::new).
    pub(crate) fn part(&self, codes: &[i64], first: u64) -> Result<Self> {
        let n = self.categories.len();
        let valid = |c: i64| (-1..n as i64).contains(&c);
        if let Some(row) = codes.iter().position(|c| !valid(*c)) {
            let text = format!("row {} has code {} of {n} categories", first + row as u64, codes[row]);
            return Err(Error::malformed(text));
        }
        if n > i32::MAX as usize {
            return Err(Error::unsupported(format!("{n} categories")));
        }
        Ok(self.with_codes(codes.iter().map(|c| *c as i32).collect()))
    }

    /// The same labels with other codes, each of which has a label or is −1.
    pub(super) fn with_codes(&self, codes: Vec<i32>) -> Self {
        Categorical { codes, categories: Arc::clone(&self.categories), ordered: self.ordered }
    }

    /// Appends the codes of a part with the same labels.
    pub(super) fn append(&mut self, more: &Categorical) {
        self.codes.extend_from_slice(&more.codes);
    }

    /// The code of each row; −1 if missing.
    pub fn codes(&self) -> &[i32] {
        &self.codes
    }

    /// The labels, in order.
    pub fn categories(&self) -> &Column {
        &self.categories
    }

    /// Whether the order of the labels is meaningful.
    pub fn ordered(&self) -> bool {
        self.ordered
    }
}

impl Column {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Column::Numbers { dtype, bytes } | Column::Nullable { dtype, bytes, .. } => {
                bytes.len() / dtype.size()
            }
            Column::Strings(s) | Column::NullableStrings { values: s, .. } => s.len(),
            Column::Categorical(c) => c.codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A short name of the type: `float32`, `string`, `category`, `Int64`, ... Names with a capital, such as
    /// `Int64`, are those of pandas' nullable types.
    pub fn type_name(&self) -> String {
        match self {
            Column::Numbers { dtype, .. } => dtype.name().into(),
            Column::Nullable { dtype, .. } => nullable_name(*dtype),
            Column::Strings(_) => "string".into(),
            Column::NullableStrings { .. } => "nullable string".into(),
            Column::Categorical(c) if c.ordered => "ordered category".into(),
            Column::Categorical(_) => "category".into(),
        }
    }

    /// The value of a row as text; `None` if missing.
    ///
    /// # Errors
    /// `Usage` if the row is past the end; `Malformed` if the text is not UTF-8.
    pub fn text(&self, row: usize) -> Result<Option<String>> {
        self.check_row(row as u64)?;
        if self.is_missing(row) {
            return Ok(None);
        }
        Ok(match self {
            Column::Numbers { dtype, bytes } | Column::Nullable { dtype, bytes, .. } => {
                scalar_at(*dtype, bytes, row).map(python_text)
            }
            Column::Strings(s) | Column::NullableStrings { values: s, .. } => Some(s.utf8(row)?.to_owned()),
            Column::Categorical(c) => match c.codes.get(row).and_then(|c| usize::try_from(*c).ok()) {
                Some(code) => c.categories.text(code)?,
                None => None,
            },
        })
    }

    /// Whether the value of a row is missing. False for NaN and for rows past the end.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Column::Numbers { .. } | Column::Strings(_) => false,
            Column::Nullable { missing, .. } | Column::NullableStrings { missing, .. } => {
                missing.get(row) == Some(&true)
            }
            Column::Categorical(c) => c.codes.get(row).is_some_and(|c| *c < 0),
        }
    }

    /// # Errors
    /// `Usage` if there is no such row.
    pub(super) fn check_row(&self, row: u64) -> Result<()> {
        let rows = self.len();
        if row >= rows as u64 {
            return Err(Error::usage(format!("there is no row {row} in the column (there are {rows})")));
        }
        Ok(())
    }

    /// The column as strings, formatted as by Python's `str`; missing values become `nan`.
    ///
    /// # Errors
    /// Same as [`text`](Self::text).
    pub fn to_strings(&self) -> Result<Strings> {
        if let Column::Strings(s) = self {
            return Ok(s.clone());
        }
        let mut out = Strings::new();
        for row in 0..self.len() {
            out.push(self.text(row)?.unwrap_or_else(|| "nan".into()).as_bytes());
        }
        Ok(out)
    }
}

/// pandas' name of a nullable type: `Int64`, `UInt8`, `boolean`, `Float32`, ...
pub(crate) fn nullable_name(dtype: Dtype) -> String {
    match dtype {
        Dtype::Bool => "boolean".into(),
        d => match d.name().strip_prefix('u') {
            Some(rest) => format!("U{}{}", rest[..1].to_uppercase(), &rest[1..]),
            None => format!("{}{}", d.name()[..1].to_uppercase(), &d.name()[1..]),
        },
    }
}

/// The value formatted as by Python's `str`.
fn python_text(v: Scalar) -> String {
    match v {
        Scalar::Bool(true) => "True".into(),
        Scalar::Bool(false) => "False".into(),
        Scalar::Float(f, _) if f.is_nan() => "nan".into(),
        Scalar::Float(f, _) if f.is_infinite() => {
            if f > 0.0 {
                "inf".into()
            } else {
                "-inf".into()
            }
        }
        v => v.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_checked() {
        let labels = || Column::Strings(["a", "b"].iter().collect());
        let c = Categorical::new(&[1, -1, 0], labels(), false).unwrap();
        let c = Column::Categorical(c);
        let texts: Vec<_> = (0..3).map(|i| c.text(i).unwrap()).collect();
        assert_eq!(texts, [Some("b".into()), None, Some("a".into())]);
        for wrong in [2, -2, 1 << 40] {
            let e = Categorical::new(&[0, wrong], labels(), false).unwrap_err();
            assert!(e.message().starts_with("row 1 has code"), "{e}");
        }
    }

    #[test]
    fn pandas_names() {
        assert_eq!(nullable_name(Dtype::Uint8), "UInt8");
        assert_eq!(nullable_name(Dtype::Int64), "Int64");
        assert_eq!(nullable_name(Dtype::Bool), "boolean");
    }
}
