//! Columns in types that a program reads: masks become NaN, labels or nothing, labels become text.

use super::{Encodings, LabelForm};
use crate::dtype::{Dtype, Policy, Scalar, cast, scalar_at};
use crate::error::Result;
use crate::observe::Observer;
use crate::strings::Strings;
use crate::table::{Categorical, Column, ColumnRows, Table, TableColumn, blocks, labelled};
use crate::tree::Location;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// Where a column is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// In a table.
    InTable,
    /// As an element by itself.
    Alone,
}

impl Encodings {
    /// The column as the program reads it; `path` is for the warnings of what is lost. The rows may be read once to
    /// see what they need.
    ///
    /// # Errors
    /// Errors of reading; `Cancelled`.
    pub(crate) fn column<'c>(
        self,
        path: &str,
        column: TableColumn<'c>,
        standing: Standing,
        observer: &dyn Observer,
    ) -> Result<TableColumn<'c>> {
        if self.are_all() {
            return Ok(column);
        }
        let warn = |written: &str| observer.warn(&self.changed(path, written));
        // anndata 0.7 knows labels in tables only
        let has_labels = standing == Standing::InTable || self.labels() != LabelForm::Referring;
        let column = match column.head().clone() {
            Column::Nullable { dtype, .. } if !dtype.is_float() && !self.has_nullable_numbers() => {
                let found = Found::of(&*column, observer)?;
                match (found.missing, dtype) {
                    (false, _) => {
                        let head = Column::Numbers { dtype, bytes: Vec::new() };
                        changed(column, head, |_, block| Ok(without_mask(block)))
                    }
                    (true, Dtype::Bool) if has_labels => {
                        warn("written as labels 'False' and 'True', since values are missing");
                        let labels = Column::Strings(["False", "True"].into_iter().collect());
                        let head = Column::Categorical(Categorical::new(&[], labels, false)?);
                        changed(column, head, labels_of_bools)
                    }
                    (true, Dtype::Bool) => {
                        warn("written as text, with 'nan' for missing values");
                        changed(column, text(), |_, block| block.to_strings().map(Column::Strings))
                    }
                    (true, _) => {
                        let rounded = if found.beyond_53 { " (rounded where beyond 2^53)" } else { "" };
                        warn(&format!("written as float64{rounded}, with NaN for missing values"));
                        changed(column, float64(), |_, block| Ok(with_nan(block)))
                    }
                }
            }
            Column::NullableStrings { .. } if !self.has_nullable_text() => {
                let missing = Found::of(&*column, observer)?.missing;
                match labelled(&column)?.filter(|_| missing && has_labels) {
                    Some(labels) => {
                        warn("written as labels, since values are missing");
                        labels
                    }
                    None => {
                        if missing {
                            warn("written as text, with 'nan' for missing values");
                        }
                        changed(column, text(), |_, block| block.to_strings().map(Column::Strings))
                    }
                }
            }
            Column::Categorical(_) if !has_labels => {
                warn("written as text without labels");
                changed(column, text(), |_, block| block.to_strings().map(Column::Strings))
            }
            Column::Categorical(labels) => match labels.categories() {
                Column::Numbers { dtype, .. } | Column::Nullable { dtype, .. }
                    if self.makes_label_text(*dtype) =>
                {
                    warn("labels written as text");
                    let names = Column::Strings(labels.categories().to_strings()?);
                    let head = Column::Categorical(Categorical::new(&[], names, labels.ordered())?);
                    changed(column, head, same_codes)
                }
                _ => column,
            },
            _ => column,
        };
        self.narrow(path, column, observer)
    }

    /// The table with names that are no paths, if the program reads no columns in nested groups; `None` if it has
    /// no other.
    ///
    /// # Errors
    /// Those of [`Table::new`].
    pub(crate) fn table<'t>(
        self,
        at: &Location,
        table: &Table<'t>,
        observer: &dyn Observer,
    ) -> Result<Option<Table<'t>>> {
        let is_path = |name: &str| name.contains('/');
        let names = || table.columns().iter().map(|(name, _)| name.as_str()).chain(table.index_name());
        if self.has_nested_columns() || !names().any(is_path) {
            return Ok(None);
        }
        let mut taken: HashSet<String> = names().filter(|name| !is_path(name)).map(str::to_owned).collect();
        let mut rename = |name: &str| {
            if !is_path(name) {
                return name.to_owned();
            }
            let mut flat = name.replace('/', "_");
            while !taken.insert(flat.clone()) {
                flat.push('_');
            }
            observer.warn(&self.changed(&format!("{at}/{name}"), &format!("written as '{flat}'")));
            flat
        };
        let columns = table.columns().iter().map(|(name, c)| (rename(name), TableColumn::clone(c))).collect();
        let index = table.index_name().map(rename);
        Table::new(index, TableColumn::clone(table.index()), columns).map(Some)
    }

    /// Turns integers that need more than 32 bits into floats, where the program has none.
    fn narrow<'c>(
        self,
        path: &str,
        column: TableColumn<'c>,
        observer: &dyn Observer,
    ) -> Result<TableColumn<'c>> {
        let Column::Numbers { dtype: Dtype::Int64 | Dtype::Uint64 | Dtype::Uint32, .. } = column.head()
        else {
            return Ok(column);
        };
        if self.has_wide_integers() {
            return Ok(column);
        }
        let found = Found::of(&*column, observer)?;
        if !found.beyond_32 {
            return Ok(column);
        }
        let rounded = if found.beyond_53 { " (rounded where beyond 2^53)" } else { "" };
        observer.warn(&self.changed(path, &format!("written as float64{rounded}")));
        Ok(changed(column, float64(), |_, block| Ok(with_nan(block))))
    }
}

/// What the values of a column are like.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    /// Whether one is missing.
    missing: bool,
    /// Whether an integer does not fit R's, which have 32 bits without the least number.
    beyond_32: bool,
    /// Whether an integer does not fit a float64.
    beyond_53: bool,
}

impl Found {
    fn of(column: &dyn ColumnRows, observer: &dyn Observer) -> Result<Self> {
        let mut found = Found::default();
        for range in blocks(column.rows()) {
            observer.check_cancelled()?;
            let block = column.read(range)?;
            for row in 0..block.len() {
                if block.is_missing(row) {
                    found.missing = true;
                    continue;
                }
                let (Column::Numbers { dtype, bytes } | Column::Nullable { dtype, bytes, .. }) = &block
                else {
                    continue;
                };
                let Some(Scalar::Int(value)) = scalar_at(*dtype, bytes, row) else { continue };
                let size = value.unsigned_abs();
                found.beyond_32 |= size > i32::MAX as u128;
                found.beyond_53 |= size > 1 << 53;
            }
        }
        Ok(found)
    }
}

/// Makes a block of rows into one of another type, of which the first argument is the head.
type Change = fn(&Column, Column) -> Result<Column>;

/// A column whose rows are changed as they are read.
struct ChangedRows<'c> {
    from: TableColumn<'c>,
    head: Column,
    change: Change,
}

fn changed<'c>(from: TableColumn<'c>, head: Column, change: Change) -> TableColumn<'c> {
    Arc::new(ChangedRows { from, head, change })
}

impl ColumnRows for ChangedRows<'_> {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.from.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        (self.change)(&self.head, self.from.read(range)?)
    }
}

fn text() -> Column {
    Column::Strings(Strings::new())
}

fn float64() -> Column {
    Column::Numbers { dtype: Dtype::Float64, bytes: Vec::new() }
}

/// Values without their mask.
fn without_mask(block: Column) -> Column {
    match block {
        Column::Nullable { dtype, bytes, .. } => Column::Numbers { dtype, bytes },
        other => other,
    }
}

/// Integers as float64, rounded where it cannot hold them, and NaN where they are missing.
fn with_nan(block: Column) -> Column {
    let (dtype, bytes, missing) = match block {
        Column::Nullable { dtype, bytes, missing } => (dtype, bytes, missing),
        Column::Numbers { dtype, bytes } => (dtype, bytes, Vec::new()),
        other => return other,
    };
    let mut out = vec![0; bytes.len() / dtype.size() * Dtype::Float64.size()];
    // rounding refuses no value
    let _ = cast(dtype, &bytes, Dtype::Float64, &mut out, Policy::Round);
    Dtype::Float64.put_missing(&mut out, &missing);
    Column::Numbers { dtype: Dtype::Float64, bytes: out }
}

/// Bools as codes of the labels of `head`.
fn labels_of_bools(head: &Column, block: Column) -> Result<Column> {
    let (Column::Categorical(labels), Column::Nullable { bytes, .. }) = (head, &block) else {
        return Ok(block);
    };
    let code = |(row, value): (usize, &u8)| if block.is_missing(row) { -1 } else { i64::from(*value != 0) };
    let codes: Vec<i64> = bytes.iter().enumerate().map(code).collect();
    labels.part(&codes, 0).map(Column::Categorical)
}

/// The same codes with the labels of `head`.
fn same_codes(head: &Column, block: Column) -> Result<Column> {
    let (Column::Categorical(labels), Column::Categorical(block)) = (head, &block) else { return Ok(block) };
    let codes: Vec<i64> = block.codes().iter().map(|code| i64::from(*code)).collect();
    labels.part(&codes, 0).map(Column::Categorical)
}
