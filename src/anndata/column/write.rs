//! Writes columns: numbers, strings, `categorical` and the nullable encodings.

use super::mask::Missing;
use crate::anndata::AnnDataWriter;
use crate::anndata::target::{LabelForm, Standing};
use crate::dtype::{Datatype, Dtype};
use crate::error::Result;
use crate::table::{Categorical, Column, ColumnRows, HeldColumn, TableColumn, blocks};
use crate::tree::{EncodedValue, Location};
use std::ops::Range;
use std::sync::Arc;

/// Makes codes into bytes of a narrower type.
type CodeBytes = fn(&[i32]) -> Vec<u8>;

impl AnnDataWriter<'_> {
    /// Writes a column: numbers as `array`, strings as `string-array`, the others as `categorical` 0.2.0 or a
    /// nullable encoding 0.1.0. Nullable floats become an array with NaN, because they have no encoding.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn column(&mut self, at: &Location, column: &Column) -> Result<()> {
        self.column_rows(at, &HeldColumn::of(column))
    }

    /// As [`column`](Self::column), of a column that is read block by block.
    ///
    /// # Errors
    /// `Io` if writing fails; errors of reading; `Cancelled`.
    pub fn column_rows(&mut self, at: &Location, column: &dyn ColumnRows) -> Result<()> {
        let column: TableColumn<'_> = Arc::new(Borrowed(column));
        let column = self.encodings.column(&at.to_string(), column, Standing::Alone, self.observer)?;
        self.encoded_column(at, &*column)
    }

    /// Writes a column that needs no change.
    pub(in crate::anndata) fn encoded_column(
        &mut self,
        at: &Location,
        column: &dyn ColumnRows,
    ) -> Result<()> {
        let mut missing = Missing::default();
        match column.head() {
            Column::Numbers { dtype, .. } => self.numbers(at, *dtype, column, &mut |block| match block {
                Column::Numbers { bytes, .. } => bytes,
                _ => Vec::new(),
            }),
            Column::Strings(_) => self.texts(at, column, &mut missing),
            Column::Categorical(c) => self.categorical(at, c, column),
            Column::Nullable { dtype, .. } if dtype.is_float() => {
                self.numbers(at, *dtype, column, &mut |block| match block {
                    Column::Nullable { dtype, mut bytes, missing } => {
                        dtype.put_missing(&mut bytes, &missing);
                        bytes
                    }
                    _ => Vec::new(),
                })
            }
            Column::Nullable { dtype, .. } => {
                let kind = if *dtype == Dtype::Bool { "nullable-boolean" } else { "nullable-integer" };
                self.numbers(&at.child("values"), *dtype, column, &mut |block| match block {
                    Column::Nullable { bytes, missing: gone, .. } => {
                        missing.extend(&gone);
                        bytes
                    }
                    _ => Vec::new(),
                })?;
                self.masked(at, kind, &missing)
            }
            Column::NullableStrings { .. } => {
                self.texts(&at.child("values"), column, &mut missing)?;
                self.masked(at, "nullable-string-array", &missing)
            }
        }
    }

    /// Writes the bytes that `bytes` makes of each block, as an array.
    fn numbers(
        &mut self,
        at: &Location,
        dtype: Dtype,
        column: &dyn ColumnRows,
        bytes: &mut dyn FnMut(Column) -> Vec<u8>,
    ) -> Result<()> {
        let attributes = self.encoding("array", "0.2.0")?;
        self.numbers_with(at, dtype, column, bytes, &attributes)
    }

    /// As [`numbers`](Self::numbers), with these attributes.
    fn numbers_with(
        &mut self,
        at: &Location,
        dtype: Dtype,
        column: &dyn ColumnRows,
        bytes: &mut dyn FnMut(Column) -> Vec<u8>,
        attributes: &[(String, EncodedValue)],
    ) -> Result<()> {
        let storage = self.storing(Some(&[column.rows()]));
        let datatype = Datatype::of(dtype);
        let mut list = self.writer.begin_list(at, &datatype, column.rows(), &storage, self.at_once())?;
        for range in blocks(column.rows()) {
            self.observer.check_cancelled()?;
            self.writer.push_list(&mut list, &bytes(column.read(range)?))?;
        }
        self.writer.finish_list(list, attributes)
    }

    /// Writes text as an array, and adds to `missing` which values are missing.
    pub(in crate::anndata) fn texts(
        &mut self,
        at: &Location,
        column: &dyn ColumnRows,
        missing: &mut Missing,
    ) -> Result<()> {
        let attributes = self.encoding("string-array", "0.2.0")?;
        self.texts_with(at, column, missing, &attributes)
    }

    /// As [`texts`](Self::texts), with these attributes.
    fn texts_with(
        &mut self,
        at: &Location,
        column: &dyn ColumnRows,
        missing: &mut Missing,
        attributes: &[(String, EncodedValue)],
    ) -> Result<()> {
        let storage = self.storing(Some(&[column.rows()]));
        let mut texts = self.writer.begin_texts(at, column.rows(), &storage)?;
        for range in blocks(column.rows()) {
            self.observer.check_cancelled()?;
            match column.read(range)? {
                Column::Strings(values) => self.writer.push_texts(&mut texts, values)?,
                Column::NullableStrings { values, missing: gone } => {
                    missing.extend(&gone);
                    self.writer.push_texts(&mut texts, values)?;
                }
                _ => {}
            }
        }
        self.writer.finish_texts(&mut texts)?;
        self.writer.texts_list(texts, attributes, self.at_once())
    }

    /// Writes labels as an array with these attributes.
    pub(in crate::anndata) fn labels(
        &mut self,
        at: &Location,
        labels: &Column,
        attributes: &[(String, EncodedValue)],
    ) -> Result<()> {
        let labels: TableColumn<'_> = Arc::new(HeldColumn::of(labels));
        let labels = self.encodings.column(&at.to_string(), labels, Standing::Alone, self.observer)?;
        let Column::Numbers { dtype, .. } = labels.head() else {
            return self.texts_with(at, &*labels, &mut Missing::default(), attributes);
        };
        let mut bytes = |block| match block {
            Column::Numbers { bytes, .. } => bytes,
            _ => Vec::new(),
        };
        self.numbers_with(at, *dtype, &*labels, &mut bytes, attributes)
    }

    /// Writes the mask, after its values, and the group of both.
    fn masked(&mut self, at: &Location, kind: &str, missing: &Missing) -> Result<()> {
        let attributes = self.encoding(kind, "0.1.0")?;
        self.numbers(&at.child("mask"), Dtype::Bool, missing, &mut |block| match block {
            Column::Numbers { bytes, .. } => bytes,
            _ => Vec::new(),
        })?;
        self.writer.group(at, &attributes)
    }

    fn categorical(&mut self, at: &Location, labels: &Categorical, column: &dyn ColumnRows) -> Result<()> {
        let mut attributes = self.encoding("categorical", "0.2.0")?;
        let ordered = match self.encodings.has_bool_attributes() {
            true => EncodedValue::boolean(labels.ordered()),
            false => EncodedValue::integer(labels.ordered().into()),
        };
        attributes.push(("ordered".into(), ordered));
        self.column(&at.child("categories"), labels.categories())?;
        let own = self.encoding("array", "0.2.0")?;
        self.codes(&at.child("codes"), labels, column, &own)?;
        if self.encodings.labels() == LabelForm::GroupAndFactor {
            self.factor(at, column)?;
        }
        self.writer.group(at, &attributes)
    }

    /// Writes the codes of a column, in the narrowest type, as pandas does.
    pub(in crate::anndata) fn codes(
        &mut self,
        at: &Location,
        labels: &Categorical,
        column: &dyn ColumnRows,
        attributes: &[(String, EncodedValue)],
    ) -> Result<()> {
        let (dtype, narrow): (Dtype, CodeBytes) = match labels.categories().len() {
            0..=0x7f => (Dtype::Int8, |codes| codes.iter().map(|v| *v as u8).collect()),
            0x80..=0x7fff => {
                (Dtype::Int16, |codes| codes.iter().flat_map(|v| (*v as i16).to_le_bytes()).collect())
            }
            _ => (Dtype::Int32, |codes| codes.iter().flat_map(|v| v.to_le_bytes()).collect()),
        };
        let mut bytes = |block| match block {
            Column::Categorical(c) => narrow(c.codes()),
            _ => Vec::new(),
        };
        self.numbers_with(at, dtype, column, &mut bytes, attributes)
    }

    /// Adds to the group of codes and categories at `at` what SeuratDisk reads as a factor: `levels`, and `values`
    /// that count from 1, with R's missing integer.
    fn factor(&mut self, at: &Location, column: &dyn ColumnRows) -> Result<()> {
        self.writer.alias(&at.child("levels"), &at.child("categories"))?;
        let value = |code: &i32| if *code < 0 { i32::MIN } else { code.saturating_add(1) };
        self.numbers(&at.child("values"), Dtype::Int32, column, &mut |block| match block {
            Column::Categorical(c) => c.codes().iter().flat_map(|code| value(code).to_le_bytes()).collect(),
            _ => Vec::new(),
        })
    }

    /// Bytes of chunks that are encoded at once: a part of the budget, because blocks are in memory too.
    pub(in crate::anndata) fn at_once(&self) -> u64 {
        self.budget.bytes / 8
    }
}

/// A column that belongs to the caller.
struct Borrowed<'c>(&'c dyn ColumnRows);

impl ColumnRows for Borrowed<'_> {
    fn head(&self) -> &Column {
        self.0.head()
    }

    fn rows(&self) -> u64 {
        self.0.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        self.0.read(range)
    }

    fn is_numbered(&self) -> bool {
        self.0.is_numbered()
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::column::read_column;
    use crate::anndata::tests::{at, texts, written};

    /// Codes are as narrow as those of pandas: one byte up to 127 labels, two from 128 on.
    #[test]
    fn codes_are_narrow() {
        let of = |n: usize| {
            let labels: crate::strings::Strings = (0..n).map(|i| i.to_string()).collect();
            Column::Categorical(
                Categorical::new(&[-1, n as i64 - 1], Column::Strings(labels), false).unwrap(),
            )
        };
        let root = written(|w| w.column(&at("127"), &of(127)).and_then(|()| w.column(&at("128"), &of(128))));
        for (name, width) in [("127", 1), ("128", 2)] {
            let codes = root.descend(name).unwrap().descend("codes").unwrap().array().unwrap();
            assert_eq!(codes.datatype().size, width);
            let last = name.parse::<i64>().unwrap() - 1;
            assert_eq!(codes.read().unwrap().integers().unwrap(), [-1, last]);
        }
    }

    /// There is no encoding of nullable floats: what is missing becomes NaN, and the rest stays.
    #[test]
    fn missing_floats_are_nan() {
        let bytes = [1.5f32, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let column = Column::Nullable { dtype: Dtype::Float32, bytes, missing: vec![false, true] };
        let root = written(|w| w.column(&at("x"), &column));
        let Column::Numbers { dtype: Dtype::Float32, bytes } =
            read_column(&root.descend("x").unwrap()).unwrap()
        else {
            panic!("float32 expected")
        };
        let values: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert!(values[0] == 1.5 && values[1].is_nan(), "{values:?}");
    }

    /// Other programs find the parts by these names and encodings.
    #[test]
    fn parts_have_the_names_of_the_specification() {
        let missing = vec![true, false];
        let root = written(|w| {
            let bools = Column::Nullable { dtype: Dtype::Bool, bytes: vec![1, 0], missing: missing.clone() };
            w.column(&at("bools"), &bools)?;
            let ints = Column::Nullable { dtype: Dtype::Uint8, bytes: vec![1, 2], missing: missing.clone() };
            w.column(&at("ints"), &ints)?;
            w.column(&at("words"), &Column::NullableStrings { values: texts(&["", "b"]), missing })
        });
        let kinds = [
            ("bools", "nullable-boolean", "array"),
            ("ints", "nullable-integer", "array"),
            ("words", "nullable-string-array", "string-array"),
        ];
        for (name, kind, of_values) in kinds {
            let node = root.descend(name).unwrap();
            let encoding = |path: &str| {
                let node = if path.is_empty() { node.clone() } else { node.descend(path).unwrap() };
                node.attribute("encoding-type").unwrap().unwrap().string().unwrap()
            };
            assert_eq!([encoding(""), encoding("values"), encoding("mask")], [kind, of_values, "array"]);
            let mask = node.descend("mask").unwrap().array().unwrap().read().unwrap();
            assert_eq!(mask.numbers().unwrap(), (Dtype::Bool, vec![1, 0]));
        }
    }
}
