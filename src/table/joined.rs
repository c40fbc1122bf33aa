//! Tables whose rows are appended, read by ranges of rows. Types meet as in [`Column::concat`].

use super::by_rows::{Table, TableColumn};
use super::column::{Categorical, Column};
use super::concat::{self, Join};
use super::natural::natural_order;
use super::promote::{self, Part, Promoted};
use super::rows::{ColumnRows, blocks};
use super::unique::{hash, repeated};
use crate::error::{Error, Kind, Result};
use crate::strings::Strings;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

impl<'t> Table<'t> {
    /// Appends the rows of the tables, which are read when the result is. To find the types of its columns, those
    /// of the tables are read as far as needed: up to a value that is not NaN, and one that is missing. If columns
    /// have no common type, `blame` gets the index of the first table whose column does not fit those before it, the
    /// name of the column, and the error that it may change.
    ///
    /// # Errors
    /// `Unsupported` if the types of a column are incompatible, or a table has two columns of the same name;
    /// errors of reading.
    pub(crate) fn concat(
        tables: &[Table<'t>],
        join: Join,
        blame: &dyn Fn(usize, &str, Error) -> Error,
    ) -> Result<Table<'t>> {
        let keys: Vec<Vec<&str>> =
            tables.iter().map(|t| t.columns().iter().map(|(n, _)| n.as_str()).collect()).collect();
        let names = concat::joined_names(&keys, join)?;
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let parts = tables.iter().map(|t| (t.column(name).cloned(), t.rows())).collect();
            let column = JoinedRows::new(parts).map_err(|e| match e.error.kind() {
                Kind::Unsupported => blame(e.table, name, e.error),
                _ => e.error,
            })?;
            columns.push((name.to_owned(), Arc::new(column) as TableColumn<'t>));
        }
        let index = tables.iter().map(|t| (Some(Arc::clone(t.index())), t.rows())).collect();
        let first = tables.first().and_then(|t| t.index_name());
        let name = first.filter(|n| tables.iter().all(|t| t.index_name() == Some(*n)));
        let index = JoinedRows::new(index).map_err(|e| e.error)?;
        Table::new(name.map(str::to_owned), Arc::new(index), columns)
    }

    /// Adds a column at the end, or replaces the column of the same name.
    ///
    /// # Errors
    /// `Malformed` if the column is not as long as the index.
    pub(crate) fn with_column(self, name: &str, column: TableColumn<'t>) -> Result<Self> {
        let mut columns = self.columns().to_vec();
        match columns.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = column,
            None => columns.push((name.to_owned(), column)),
        }
        Table::new(self.index_name().map(str::to_owned), Arc::clone(self.index()), columns)
    }

    /// Turns text with missing or repeated values into labels in natural order, as
    /// [`Column::strings_to_categorical`] does. The text is read once to find the labels.
    ///
    /// # Errors
    /// Errors of reading.
    pub(crate) fn strings_to_categoricals(self) -> Result<Self> {
        let mut table = self.clone();
        for (name, column) in self.columns() {
            if let Some(labelled) = LabelledRows::new(column)? {
                table = table.with_column(name, Arc::new(labelled))?;
            }
        }
        Ok(table)
    }
}

/// A column of one table with its number of rows; `None` if the table does not have it.
type TablePart<'t> = (Option<TableColumn<'t>>, u64);

/// The rows of one column of several tables, one after another; an absent column has missing values.
struct JoinedRows<'t> {
    parts: Vec<TablePart<'t>>,
    /// The row after the last one of each part.
    ends: Vec<u64>,
    /// The type that all parts have together.
    joined: Promoted,
    head: Column,
    /// For each part with labels of its own, their codes among the labels of all parts.
    codes: Vec<Option<Vec<i32>>>,
}

/// Why columns of several tables cannot be joined, and the first table whose column does not fit those before it.
struct ColumnMisfit {
    table: usize,
    error: Error,
}

impl From<Error> for ColumnMisfit {
    fn from(error: Error) -> Self {
        ColumnMisfit { table: 0, error }
    }
}

impl<'t> JoinedRows<'t> {
    fn new(parts: Vec<TablePart<'t>>) -> std::result::Result<Self, ColumnMisfit> {
        // labels that are text, and in no order, have one type whichever rows have them
        let alike = |c: &TableColumn<'_>| has_text_labels(c.head());
        let by_head = parts.iter().all(|(part, _)| part.as_ref().is_none_or(alike));
        let mut samples = Vec::with_capacity(parts.len());
        for (part, rows) in &parts {
            samples.push(match part {
                Some(column) => Some(sample(column, by_head)?),
                None => None,
            });
            debug_assert!(part.as_ref().is_none_or(|c| c.rows() == *rows));
        }
        let there = |(sample, (_, rows)): (&'_ Option<Column>, &TablePart<'t>)| match sample {
            Some(sample) => sample.len(),
            None => usize::from(*rows > 0),
        };
        let lengths: Vec<usize> = samples.iter().zip(&parts).map(there).collect();
        let all: Vec<Part<'_>> = samples.iter().map(Option::as_ref).zip(lengths).collect();
        let joined = promote::target(&all).map_err(|error| {
            let fits = |n: &usize| promote::target(&all[..*n]).is_ok();
            ColumnMisfit { table: (1..all.len()).take_while(fits).count(), error }
        })?;
        let head = concat::as_promoted(&all, &joined)?.head();
        let codes = samples.iter().map(|sample| match (&joined, sample) {
            (Promoted::Labels(all), Some(Column::Categorical(c))) => {
                let place = |place: &Option<i64>| place.map_or(-1, |place| place as i32);
                Some(all.places_of(c).iter().map(place).collect())
            }
            _ => None,
        });
        let codes = codes.collect();
        let mut ends: Vec<u64> = parts.iter().map(|(_, rows)| *rows).collect();
        let mut end = 0;
        for rows in &mut ends {
            end += *rows;
            *rows = end;
        }
        Ok(JoinedRows { parts, ends, joined, head, codes })
    }

    /// `rows` rows of part `n`, which are `block`, in the type of all parts together.
    fn converted(&self, n: usize, block: Option<&Column>, rows: u64) -> Result<Column> {
        if let (Column::Categorical(all), Some(Column::Categorical(c)), Some(codes)) =
            (&self.head, block, &self.codes[n])
        {
            let code = |code: &i32| usize::try_from(*code).map_or(-1, |code| codes[code]);
            return Ok(Column::Categorical(all.with_codes(c.codes().iter().map(code).collect())));
        }
        let column = concat::as_promoted(&[(block, rows as usize)], &self.joined)?;
        Ok(match (&self.head, column) {
            // a value is missing in another block
            (Column::NullableStrings { .. }, Column::Strings(values)) => {
                Column::NullableStrings { missing: vec![false; values.len()], values }
            }
            (_, column) => column,
        })
    }
}

/// Whether a column is categorical, and its labels are text in no order.
fn has_text_labels(head: &Column) -> bool {
    matches!(head, Column::Categorical(c) if !c.ordered() && matches!(c.categories(), Column::Strings(_)))
}

/// A few rows of a column that give it the type that all have: one that is not NaN and not missing, and one that
/// is missing, if there are such rows; else any. Rows are read only where their values matter, which `by_head` says
/// they do not.
fn sample(column: &TableColumn<'_>, by_head: bool) -> Result<Column> {
    let mut found = column.head().clone();
    let mut missing = match &mut found {
        _ if column.rows() == 0 => return Ok(found),
        Column::Numbers { dtype, bytes } if !dtype.is_float() => {
            *bytes = vec![0; dtype.size()];
            return Ok(found);
        }
        Column::Strings(s) => {
            s.push(b"");
            return Ok(found);
        }
        Column::Categorical(c) if by_head => {
            *c = c.with_codes(vec![-1]);
            return Ok(found);
        }
        Column::Numbers { .. } => true,
        _ => false,
    };
    let mut present = false;
    for range in blocks(column.rows()) {
        let block = column.read(range)?;
        let mut take = |done: &mut bool, row: Option<u64>| -> Result<()> {
            if let Some(row) = row.filter(|_| !*done) {
                found.append(block.slice(row..row + 1)?);
                *done = true;
            }
            Ok(())
        };
        let rows = 0..block.len() as u64;
        take(&mut present, rows.clone().find(|row| !block.is_void(*row as usize)))?;
        take(&mut missing, rows.clone().find(|row| block.is_missing(*row as usize)))?;
        if present && missing {
            break;
        }
    }
    // all are NaN
    match found.is_empty() {
        true => column.read(0..1),
        false => Ok(found),
    }
}

impl ColumnRows for JoinedRows<'_> {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let mut out = self.head.clone();
        let first = self.ends.partition_point(|end| *end <= range.start);
        for n in first..self.parts.len() {
            let begin = n.checked_sub(1).map_or(0, |before| self.ends[before]);
            let (from, to) = (range.start.max(begin), range.end.min(self.ends[n]));
            if from >= range.end {
                break;
            }
            if from < to {
                let block = match &self.parts[n].0 {
                    Some(column) => Some(column.read(from - begin..to - begin)?),
                    None => None,
                };
                out.append(self.converted(n, block.as_ref(), to - from)?);
            }
        }
        Ok(out)
    }
}

/// Calls `visit` for each text of a block that is not missing. Returns whether one is missing.
fn there(block: &Column, visit: &mut dyn FnMut(&[u8])) -> bool {
    let (Column::Strings(values) | Column::NullableStrings { values, .. }) = block else { return false };
    let mut missing = false;
    for (row, text) in values.iter().enumerate() {
        if block.is_missing(row) {
            missing = true;
        } else {
            visit(text);
        }
    }
    missing
}

/// Whether a value of a column of text is missing or repeated. Takes eight bytes of memory for each row if that
/// does not show in the first block.
fn repeats(column: &dyn ColumnRows) -> Result<bool> {
    let mut hashes = Vec::new();
    for range in blocks(column.rows()) {
        let (first, block) = (range.start == 0, column.read(range)?);
        let mut seen: HashSet<Vec<u8>> = HashSet::new();
        let mut twice = false;
        let missing = there(&block, &mut |text| {
            hashes.push(hash(text));
            twice |= first && !seen.insert(text.to_vec());
        });
        if missing || twice {
            return Ok(true);
        }
    }
    let repeated = repeated(hashes);
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    for range in blocks(if repeated.is_empty() { 0 } else { column.rows() }) {
        let mut twice = false;
        there(&column.read(range)?, &mut |text| {
            twice |= repeated.binary_search(&hash(text)).is_ok() && !seen.insert(text.to_vec());
        });
        if twice {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Text as labels, as [`Table::strings_to_categoricals`] makes them; `None` if the column is not text, or no value is
/// missing or repeated.
///
/// # Errors
/// Errors of reading.
pub(crate) fn labelled<'t>(column: &TableColumn<'t>) -> Result<Option<TableColumn<'t>>> {
    Ok(LabelledRows::new(column)?.map(|rows| Arc::new(rows) as TableColumn<'t>))
}

/// Text as labels.
struct LabelledRows<'t> {
    from: TableColumn<'t>,
    codes: HashMap<Vec<u8>, i32>,
    head: Column,
}

impl<'t> LabelledRows<'t> {
    /// `None` if the column is not text, or no value is missing or repeated.
    fn new(from: &TableColumn<'t>) -> Result<Option<Self>> {
        if !matches!(from.head(), Column::Strings(_) | Column::NullableStrings { .. }) {
            return Ok(None);
        }
        if !repeats(&**from)? {
            return Ok(None);
        }
        let mut labels: HashSet<Vec<u8>> = HashSet::new();
        for range in blocks(from.rows()) {
            there(&from.read(range)?, &mut |text| {
                if !labels.contains(text) {
                    labels.insert(text.to_vec());
                }
            });
        }
        let mut labels: Vec<Vec<u8>> = labels.into_iter().collect();
        labels.sort_unstable_by(|a, b| natural_order(a, b).then_with(|| a.cmp(b)));
        let all = Column::Strings(labels.iter().collect());
        let head = Column::Categorical(Categorical::new(&[], all, false)?);
        let codes = labels.into_iter().zip(0..).collect();
        Ok(Some(LabelledRows { from: Arc::clone(from), codes, head }))
    }
}

impl ColumnRows for LabelledRows<'_> {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.from.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let block = self.from.read(range)?;
        let (Column::Strings(values) | Column::NullableStrings { values, .. }, Column::Categorical(labels)) =
            (&block, &self.head)
        else {
            return Ok(block);
        };
        let code = |(row, text): (usize, &[u8])| match block.is_missing(row) {
            true => -1,
            false => self.codes.get(text).copied().unwrap_or(-1),
        };
        Ok(Column::Categorical(labels.with_codes(values.iter().enumerate().map(code).collect())))
    }
}

/// The same code in each row of one part after another: which part a row comes from.
pub(crate) struct PartCodes {
    lengths: Vec<u64>,
    head: Column,
    labels: Categorical,
}

impl PartCodes {
    /// The label `labels[i]` in `lengths[i]` rows, for each part.
    ///
    /// # Errors
    /// `Unsupported` if there are too many labels.
    pub(crate) fn new(labels: Strings, lengths: Vec<u64>) -> Result<Self> {
        let labels = Categorical::new(&[], Column::Strings(labels), false)?;
        Ok(PartCodes { lengths, head: Column::Categorical(labels.clone()), labels })
    }
}

impl ColumnRows for PartCodes {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.lengths.iter().sum()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let (mut codes, mut begin) = (Vec::new(), 0);
        for (code, rows) in (0..).zip(&self.lengths) {
            let (from, to) = (range.start.max(begin), range.end.min(begin + rows));
            codes.resize(codes.len() + to.saturating_sub(from) as usize, code);
            begin += rows;
        }
        Ok(Column::Categorical(self.labels.with_codes(codes)))
    }
}

/// Names with a text at their end, which depends on the part they come from.
pub(crate) struct SuffixedNames<'t> {
    from: TableColumn<'t>,
    /// The text and the number of rows of each part.
    parts: Vec<(Vec<u8>, u64)>,
}

impl<'t> SuffixedNames<'t> {
    pub(crate) fn new(from: &TableColumn<'t>, parts: Vec<(Vec<u8>, u64)>) -> Self {
        SuffixedNames { from: Arc::clone(from), parts }
    }
}

impl ColumnRows for SuffixedNames<'_> {
    fn head(&self) -> &Column {
        self.from.head()
    }

    fn rows(&self) -> u64 {
        self.from.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let names = self.from.read(range.clone())?.into_strings()?;
        let mut names = names.iter();
        let (mut out, mut begin) = (Strings::new(), 0);
        for (suffix, rows) in &self.parts {
            let (from, to) = (range.start.max(begin), range.end.min(begin + rows));
            let here = names.by_ref().take(to.saturating_sub(from) as usize);
            here.for_each(|name| out.push(&[name, suffix].concat()));
            begin += rows;
        }
        Ok(Column::Strings(out))
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frame;
    use super::*;
    use crate::dtype::Dtype;

    fn texts(list: &[&str]) -> Column {
        Column::Strings(list.iter().copied().collect())
    }

    fn numbers(dtype: Dtype, bytes: &[u8]) -> Column {
        Column::Numbers { dtype, bytes: bytes.to_vec() }
    }

    fn labels(codes: &[i64], list: &[&str]) -> Column {
        Column::Categorical(Categorical::new(codes, texts(list), false).unwrap())
    }

    fn ordered(codes: &[i64], list: &[&str]) -> Column {
        Column::Categorical(Categorical::new(codes, texts(list), true).unwrap())
    }

    fn of_numbers(codes: &[i64], list: &[f64]) -> Column {
        let bytes: Vec<u8> = list.iter().flat_map(|v| v.to_le_bytes()).collect();
        Column::Categorical(Categorical::new(codes, numbers(Dtype::Float64, &bytes), false).unwrap())
    }

    fn of_bools(codes: &[i64]) -> Column {
        Column::Categorical(Categorical::new(codes, numbers(Dtype::Bool, &[0, 1]), false).unwrap())
    }

    /// Columns of two rows, of types that meet in many ways, and `None` for a table without the column.
    fn columns() -> Vec<Option<Column>> {
        let nan = f32::NAN.to_le_bytes();
        let one = 1f32.to_le_bytes();
        let gaps = |missing: [bool; 2]| Column::Nullable {
            dtype: Dtype::Int16,
            bytes: vec![1, 0, 2, 0],
            missing: missing.to_vec(),
        };
        let words = |missing: [bool; 2]| Column::NullableStrings {
            values: ["x", "y"].iter().collect(),
            missing: missing.to_vec(),
        };
        vec![
            None,
            Some(numbers(Dtype::Int8, &[1, 2])),
            Some(numbers(Dtype::Bool, &[1, 0])),
            Some(numbers(Dtype::Float32, &[nan, nan].concat())),
            Some(numbers(Dtype::Float32, &[nan, one].concat())),
            Some(gaps([true, true])),
            Some(gaps([false, true])),
            Some(gaps([false, false])),
            Some(texts(&["a", "b"])),
            Some(words([true, true])),
            Some(words([false, true])),
            Some(words([false, false])),
            Some(labels(&[0, 1], &["c", "a"])),
            Some(labels(&[-1, -1], &["c", "b"])),
            Some(labels(&[1, 0], &["a", "c"])),
            Some(ordered(&[1, 0], &["a", "c"])),
            Some(ordered(&[-1, 0], &["a", "b"])),
            Some(of_numbers(&[0, 1], &[1.0, 2.5])),
            Some(of_numbers(&[0, -1], &[3.0])),
            Some(of_numbers(&[-1, -1], &[3.0])),
            Some(of_bools(&[0, 1])),
            Some(of_bools(&[-1, 1])),
            Some(numbers(Dtype::Int64, &[5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0])),
            Some(Column::Nullable { dtype: Dtype::Bool, bytes: vec![1, 0], missing: vec![false, true] }),
        ]
    }

    /// Any two columns, with a table without rows between them, have the type and the values that they have in
    /// memory, whichever rows are read.
    #[test]
    fn types_meet_as_in_memory() {
        let frame = |column: &Option<Column>, rows: &[u64]| {
            let columns = column.iter().map(|c| ("c".to_owned(), c.select(rows).unwrap())).collect();
            Frame::new(None, rows.iter().map(u64::to_string).collect(), columns).unwrap()
        };
        for a in columns() {
            for b in columns() {
                let frames = [frame(&a, &[0, 1]), frame(&a, &[]), frame(&b, &[1, 0])];
                let whole = Frame::concat(&frames.each_ref(), Join::Outer);
                let blame = |_: usize, name: &str, e: Error| e.context(format_args!("column '{name}'"));
                let joined = Table::concat(&frames.each_ref().map(Table::of), Join::Outer, &blame);
                let (whole, joined) = match (whole, joined) {
                    (Ok(whole), Ok(joined)) => (whole, joined),
                    (whole, joined) => {
                        let (whole, joined) = (whole.unwrap_err(), joined.unwrap_err());
                        assert_eq!(whole.message(), joined.message());
                        continue;
                    }
                };
                assert!(joined.read(0..4).unwrap().same(&whole), "{a:?} {b:?}");
                for row in 0..4 {
                    let one = joined.read(row..row + 1).unwrap();
                    assert!(one.same(&whole.select(&[row]).unwrap()), "row {row} of {a:?} {b:?}");
                }
                let labelled = joined.strings_to_categoricals().unwrap().read(0..4).unwrap();
                assert!(labelled.same(&whole.strings_to_categoricals().unwrap()), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn parts_are_told_apart() {
        let frame = Frame::new(None, ["a", "b", "c"].iter().collect(), Vec::new()).unwrap();
        let table = Table::of(&frame);
        let names = SuffixedNames::new(table.index(), vec![(b"-0".to_vec(), 1), (b"-1".to_vec(), 2)]);
        assert_eq!(names.read(0..3).unwrap(), texts(&["a-0", "b-1", "c-1"]));
        assert_eq!(names.read(2..3).unwrap(), texts(&["c-1"]));
        let codes = PartCodes::new(["x", "y"].iter().collect(), vec![1, 2]).unwrap();
        assert_eq!(codes.read(0..3).unwrap(), labels(&[0, 1, 1], &["x", "y"]));
        assert_eq!((codes.read(2..3).unwrap(), codes.rows()), (labels(&[1], &["x", "y"]), 3));
    }

    #[test]
    fn text_that_repeats_far_apart() {
        let unique = |n: u64| (0..n).map(|i| format!("cell {i}")).collect::<Strings>();
        let mut names = unique(200_000);
        let column = Column::Strings(names.clone());
        let held = super::super::rows::HeldColumn::of(&column);
        assert!(!repeats(&held).unwrap());
        names.push(b"cell 7");
        let column = Column::Strings(names);
        assert!(repeats(&super::super::rows::HeldColumn::of(&column)).unwrap());
    }
}
