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
                let found = RowNeeds::of(&*column, observer)?;
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
                        changed(column, numbers(Dtype::Float64), converted)
                    }
                }
            }
            Column::NullableStrings { .. } if !self.has_nullable_text() => {
                let missing = RowNeeds::of(&*column, observer)?.missing;
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

    /// Turns integers that need more than 32 bits into floats, and uint8 into int16, where the program has not those.
    fn narrow<'c>(
        self,
        path: &str,
        column: TableColumn<'c>,
        observer: &dyn Observer,
    ) -> Result<TableColumn<'c>> {
        let (dtype, rounded) = match column.head() {
            _ if self.has_all_integers() => return Ok(column),
            Column::Numbers { dtype: Dtype::Uint8, .. } => (Dtype::Int16, ""),
            Column::Numbers { dtype: Dtype::Int64 | Dtype::Uint64 | Dtype::Uint32, .. } => {
                let found = RowNeeds::of(&*column, observer)?;
                if !found.beyond_32 {
                    return Ok(column);
                }
                (Dtype::Float64, if found.beyond_53 { " (rounded where beyond 2^53)" } else { "" })
            }
            _ => return Ok(column),
        };
        observer.warn(&self.changed(path, &format!("written as {dtype}{rounded}")));
        Ok(changed(column, numbers(dtype), converted))
    }
}

/// What the values of a column are like.
#[derive(Debug, Clone, Copy, Default)]
struct RowNeeds {
    /// Whether one is missing.
    missing: bool,
    /// Whether an integer does not fit R's, which have 32 bits without the least number.
    beyond_32: bool,
    /// Whether an integer does not fit a float64.
    beyond_53: bool,
}

impl RowNeeds {
    fn of(column: &dyn ColumnRows, observer: &dyn Observer) -> Result<Self> {
        let mut found = RowNeeds::default();
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

fn numbers(dtype: Dtype) -> Column {
    Column::Numbers { dtype, bytes: Vec::new() }
}

/// Values without their mask.
fn without_mask(block: Column) -> Column {
    match block {
        Column::Nullable { dtype, bytes, .. } => Column::Numbers { dtype, bytes },
        other => other,
    }
}

/// Numbers in the type of `head`, rounded where it cannot hold them, and NaN where they are missing.
fn converted(head: &Column, block: Column) -> Result<Column> {
    let Column::Numbers { dtype: to, .. } = *head else { return Ok(block) };
    let (dtype, bytes, missing) = match block {
        Column::Nullable { dtype, bytes, missing } => (dtype, bytes, missing),
        Column::Numbers { dtype, bytes } => (dtype, bytes, Vec::new()),
        other => return Ok(other),
    };
    let mut out = vec![0; bytes.len() / dtype.size() * to.size()];
    // rounding refuses no value
    let _ = cast(dtype, &bytes, to, &mut out, Policy::Round);
    to.put_missing(&mut out, &missing);
    Ok(Column::Numbers { dtype: to, bytes: out })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anndata::Program;
    use crate::anndata::tests::{Warnings, texts};
    use crate::table::HeldColumn;

    /// What `target` reads of a column, and the warnings.
    fn read_by(target: Program, column: &Column, standing: Standing) -> (Column, Vec<String>) {
        let warnings = Warnings::default();
        let held: TableColumn<'_> = Arc::new(HeldColumn::of(column));
        let made = Encodings(Some(target)).column("/obs/x", held, standing, &warnings).unwrap();
        let block = made.read(0..made.rows()).unwrap();
        assert_eq!(block.type_name(), made.head().type_name());
        (block, warnings.texts())
    }

    fn shorts(values: &[i16], missing: &[bool]) -> Column {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Column::Nullable { dtype: Dtype::Int16, bytes, missing: missing.to_vec() }
    }

    fn words(column: &Column) -> Vec<Option<String>> {
        (0..column.len()).map(|row| column.text(row).unwrap()).collect()
    }

    #[test]
    fn masks_go_where_a_program_has_none() {
        let whole = shorts(&[1, -2], &[false; 2]);
        let some = shorts(&[1, 9, -2], &[false, true, false]);
        for target in [Program::AnnData07, Program::R, Program::Cellxgene] {
            let (plain, warnings) = read_by(target, &whole, Standing::InTable);
            assert_eq!((plain.values::<i16>().unwrap(), warnings.len()), (vec![1, -2], 0));
            let (floats, warnings) = read_by(target, &some, Standing::InTable);
            let values = floats.values::<f64>().unwrap();
            assert!(values[0] == 1.0 && values[1].is_nan() && values[2] == -2.0, "{values:?}");
            let text = format!("/obs/x: written as float64, with NaN for missing values, for {target}");
            assert_eq!(warnings, [text]);
        }
        for target in [Program::AnnData08, Program::AnnData010, Program::AnnData012] {
            assert_eq!(read_by(target, &some, Standing::InTable), (some.clone(), vec![]));
        }
    }

    #[test]
    fn bools_with_missing_values_become_labels() {
        let missing = vec![false, true, false];
        let bools = Column::Nullable { dtype: Dtype::Bool, bytes: vec![1, 1, 0], missing };
        for target in [Program::AnnData07, Program::R, Program::Cellxgene] {
            let (labels, warnings) = read_by(target, &bools, Standing::InTable);
            assert_eq!(words(&labels), [Some("True".to_owned()), None, Some("False".to_owned())]);
            assert_eq!((labels.type_name(), warnings.len()), ("category".to_owned(), 1));
        }
        let (text, _) = read_by(Program::AnnData07, &bools, Standing::Alone);
        assert_eq!(text, Column::Strings(texts(&["True", "nan", "False"])));
    }

    #[test]
    fn missing_text_becomes_labels() {
        let some = Column::NullableStrings {
            values: texts(&["b", "", "a10", "a9"]),
            missing: vec![false, true, false, false],
        };
        let whole = Column::NullableStrings { values: texts(&["b", "b"]), missing: vec![false; 2] };
        for target in
            [Program::AnnData07, Program::AnnData08, Program::AnnData010, Program::R, Program::Cellxgene]
        {
            let (labels, warnings) = read_by(target, &some, Standing::InTable);
            let Column::Categorical(c) = &labels else { panic!("{labels:?}") };
            assert_eq!(c.categories(), &Column::Strings(texts(&["a9", "a10", "b"])));
            assert_eq!((c.codes(), warnings.len()), (&[2, -1, 1, 0][..], 1));
            let plain = (Column::Strings(texts(&["b", "b"])), vec![]);
            assert_eq!(read_by(target, &whole, Standing::InTable), plain, "text that repeats stays text");
        }
        assert_eq!(read_by(Program::AnnData012, &some, Standing::InTable), (some.clone(), vec![]));
        let (text, _) = read_by(Program::AnnData07, &some, Standing::Alone);
        assert_eq!(text, Column::Strings(texts(&["b", "nan", "a10", "a9"])));
    }

    #[test]
    fn labels_become_text_where_a_program_wants_it() {
        let bytes = [7i64, 1 << 40].iter().flat_map(|v| v.to_le_bytes()).collect();
        let numbers = Column::Numbers { dtype: Dtype::Int64, bytes };
        let bools = Column::Numbers { dtype: Dtype::Bool, bytes: vec![0, 1] };
        let of = |labels: &Column| {
            Column::Categorical(Categorical::new(&[1, -1, 0], labels.clone(), true).unwrap())
        };
        let categories = |target, labels: &Column, standing| match read_by(target, &of(labels), standing) {
            (Column::Categorical(c), _) => {
                assert!(c.ordered() && c.codes() == [1, -1, 0]);
                c.categories().clone()
            }
            (other, _) => other,
        };
        let text = Column::Strings(texts(&["7", "1099511627776"]));
        assert_eq!(categories(Program::R, &numbers, Standing::InTable), text);
        assert_eq!(categories(Program::Cellxgene, &numbers, Standing::InTable), numbers);
        let text = Column::Strings(texts(&["False", "True"]));
        assert_eq!(categories(Program::Cellxgene, &bools, Standing::Alone), text);
        assert_eq!(categories(Program::AnnData07, &bools, Standing::InTable), bools);
        let alone = Column::Strings(texts(&["True", "nan", "False"]));
        assert_eq!(categories(Program::AnnData07, &bools, Standing::Alone), alone);
    }

    #[test]
    fn integers_that_r_has_not() {
        let of = |dtype: Dtype, values: &[i64]| {
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()[..dtype.size()].to_vec()).collect();
            Column::Numbers { dtype, bytes }
        };
        let most = i64::from(i32::MAX);
        for (column, becomes) in [
            (of(Dtype::Int64, &[most, -most]), Dtype::Int64),
            // the least number of 32 bits is R's missing integer
            (of(Dtype::Int64, &[most, -most - 1]), Dtype::Float64),
            (of(Dtype::Uint32, &[most]), Dtype::Uint32),
            (of(Dtype::Uint32, &[most + 1]), Dtype::Float64),
            (of(Dtype::Uint8, &[200]), Dtype::Int16),
            (of(Dtype::Int8, &[-2]), Dtype::Int8),
        ] {
            let (made, warnings) = read_by(Program::R, &column, Standing::InTable);
            assert_eq!(
                (made.type_name(), warnings.len()),
                (becomes.name().to_owned(), usize::from(made != column))
            );
            assert_eq!(words(&made).len(), words(&column).len());
            assert_eq!(made.values::<f64>().unwrap(), column.values::<f64>().unwrap());
            assert_eq!(read_by(Program::Cellxgene, &column, Standing::InTable), (column, vec![]));
        }
        let (_, warnings) = read_by(Program::R, &of(Dtype::Int64, &[(1 << 53) + 1]), Standing::InTable);
        assert_eq!(warnings, ["/obs/x: written as float64 (rounded where beyond 2^53), for R"]);
    }

    /// Columns in nested groups get names that are no paths, and none that is taken.
    #[test]
    fn names_of_columns_for_r() {
        let column = Column::Numbers { dtype: Dtype::Int8, bytes: vec![1] };
        let column = || Arc::new(HeldColumn::of(&column)) as TableColumn<'_>;
        let names = ["a_b", "a/b", "c/d"].map(|name| (name.to_owned(), column()));
        let table = Table::new(Some("i/j".into()), column(), names.into()).unwrap();
        let warnings = Warnings::default();
        let made = Encodings(Some(Program::R))
            .table(&Location::from_path("obs"), &table, &warnings)
            .unwrap()
            .unwrap();
        let names: Vec<&str> = made.columns().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, made.index_name()), (vec!["a_b", "a_b_", "c_d"], Some("i_j")));
        assert_eq!(warnings.texts()[0], "/obs/a/b: written as 'a_b_', for R");
        let other =
            Encodings(Some(Program::AnnData07)).table(&Location::from_path("obs"), &table, &()).unwrap();
        assert!(other.is_none());
    }
}
