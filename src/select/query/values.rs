//! The values of a column as conditions see them: numbers or texts, some of them missing.

use crate::dtype::{Dtype, Scalar, scalar_at};
use crate::select::column::ColumnOrIndex;
use crate::strings::Strings;
use crate::table::{Categorical, Column};

/// The values of a column, or of the index.
#[derive(Clone, Copy)]
pub(super) enum ColumnValues<'f> {
    Numbers { dtype: Dtype, bytes: &'f [u8], missing: &'f [bool] },
    Texts { texts: &'f Strings, missing: &'f [bool] },
    Labels(&'f Categorical),
}

/// What can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    Numbers,
    Texts,
}

impl<'f> From<ColumnOrIndex<'f>> for ColumnValues<'f> {
    fn from(found: ColumnOrIndex<'f>) -> Self {
        match found {
            ColumnOrIndex::Column(column) => ColumnValues::of(column),
            ColumnOrIndex::Index(texts) => ColumnValues::Texts { texts, missing: &[] },
        }
    }
}

impl<'f> ColumnValues<'f> {
    pub(super) fn of(column: &'f Column) -> Self {
        match column {
            Column::Numbers { dtype, bytes } => ColumnValues::Numbers { dtype: *dtype, bytes, missing: &[] },
            Column::Nullable { dtype, bytes, missing } => {
                ColumnValues::Numbers { dtype: *dtype, bytes, missing }
            }
            Column::Strings(texts) => ColumnValues::Texts { texts, missing: &[] },
            Column::NullableStrings { values, missing } => ColumnValues::Texts { texts: values, missing },
            Column::Categorical(c) => ColumnValues::Labels(c),
        }
    }

    /// Whether the values, or the labels, are numbers or texts.
    pub(super) fn kind(self) -> ValueKind {
        match self {
            ColumnValues::Numbers { .. } => ValueKind::Numbers,
            ColumnValues::Texts { .. } => ValueKind::Texts,
            ColumnValues::Labels(c) => ColumnValues::of(c.categories()).kind(),
        }
    }

    /// The values by kind and type, for messages: `numbers (int32)`, `texts`.
    pub(super) fn described(self) -> String {
        match self {
            ColumnValues::Numbers { dtype, .. } => format!("numbers ({dtype})"),
            ColumnValues::Texts { .. } => "texts".into(),
            ColumnValues::Labels(c) => {
                format!("labels that are {}", ColumnValues::of(c.categories()).described())
            }
        }
    }

    /// Whether the value of a row is missing: masked, NaN, or without a label.
    pub(super) fn is_missing(self, row: usize) -> bool {
        match self {
            ColumnValues::Numbers { dtype, bytes, missing } => {
                missing.get(row) == Some(&true)
                    || (dtype.is_float() && scalar_at(dtype, bytes, row).is_some_and(|v| v.as_f64().is_nan()))
            }
            ColumnValues::Texts { missing, .. } => missing.get(row) == Some(&true),
            ColumnValues::Labels(c) => {
                self.label(row).is_none_or(|code| ColumnValues::of(c.categories()).is_missing(code))
            }
        }
    }

    /// The code of the label of a row; `None` if it has none.
    pub(super) fn label(self, row: usize) -> Option<usize> {
        match self {
            ColumnValues::Labels(c) => c.codes().get(row).and_then(|code| usize::try_from(*code).ok()),
            _ => None,
        }
    }

    /// The number of a row, or of its label; `None` if there is none.
    pub(super) fn number(self, row: usize) -> Option<Scalar> {
        match self {
            ColumnValues::Numbers { dtype, bytes, .. } => scalar_at(dtype, bytes, row),
            ColumnValues::Texts { .. } => None,
            ColumnValues::Labels(c) => ColumnValues::of(c.categories()).number(self.label(row)?),
        }
    }

    /// The text of a row, or of its label; `None` if there is none.
    pub(super) fn text(self, row: usize) -> Option<&'f [u8]> {
        match self {
            ColumnValues::Numbers { .. } => None,
            ColumnValues::Texts { texts, .. } => texts.bytes(row),
            ColumnValues::Labels(c) => ColumnValues::of(c.categories()).text(self.label(row)?),
        }
    }
}
