//! A data frame as an Arrow record batch, and back, with the metadata by which pandas restores a frame
//! exactly.
//!
//! The `pandas` key of the schema follows <https://pandas.pydata.org/docs/development/developer.html>.

use super::by_rows::Table;
use super::column::{Categorical, Column, nullable_name};
use super::frame::Frame;
use crate::dtype::Dtype;
use crate::error::{Error, Place, Result};
use crate::strings::Strings;
use arrow_array::builder::{BooleanBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, LargeStringArray, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Field name of an index without a name, as in pyarrow.
const UNNAMED_INDEX: &str = "__index_level_0__";
/// Number of bytes above which text needs 64-bit offsets.
const SMALL_TEXT: usize = i32::MAX as usize;

impl Frame {
    /// The frame as one Arrow record batch: the index as the first column, then the columns in order.
    /// Categorical columns become dictionaries. The schema metadata holds, under the key `pandas`, what
    /// pandas needs to restore the frame.
    ///
    /// # Errors
    /// `Malformed` if a text is not UTF-8; `Unsupported` if Arrow cannot hold the frame.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let mut arrays = vec![text_array(self.index(), None)?];
        for (_, column) in self.columns() {
            arrays.push(array_of(column, None)?);
        }
        let columns = self.columns().iter().zip(&arrays[1..]);
        let columns = columns.map(|((name, c), array)| (name.as_str(), c, array.data_type().clone()));
        let schema = schema(self.index_name(), arrays[0].data_type().clone(), &columns.collect::<Vec<_>>())?;
        RecordBatch::try_new(schema, arrays).map_err(|e| failed(&e))
    }

    /// Restores the frame of a record batch made by [`to_record_batch`](Self::to_record_batch), or of any
    /// record batch with these column types. The index is the column named in the pandas metadata, otherwise
    /// row numbers.
    ///
    /// # Errors
    /// `Unsupported` if a column has another type; `Malformed` if labels and codes contradict each other.
    pub fn from_record_batch(batch: &RecordBatch) -> Result<Frame> {
        let fields = ArrowFields::of(&batch.schema());
        let (mut index, mut columns) = (None, Vec::new());
        for (n, (field, array)) in batch.schema().fields().iter().zip(batch.columns()).enumerate() {
            let head = fields.head(n, &array.slice(0, 0), array.null_count() > 0).in_object(field.name())?;
            let column = part_of(array, &head, 0).in_object(field.name())?;
            if fields.is_index(n) && index.is_none() {
                index = Some(column.into_strings()?);
            } else {
                columns.push((field.name().clone(), column));
            }
        }
        let index = index.unwrap_or_else(|| Frame::unnamed(batch.num_rows() as u64).index().clone());
        Frame::new(fields.index_name(), index, columns)
    }
}

/// The schema of a table that is written in several record batches, and the labels of its columns.
#[cfg(feature = "store")]
pub(crate) struct ArrowSchema {
    schema: SchemaRef,
    /// The labels of each categorical column.
    labels: Vec<Option<ArrayRef>>,
}

#[cfg(feature = "store")]
impl ArrowSchema {
    /// The schema of `table`, as [`Frame::to_record_batch`] makes it.
    ///
    /// # Errors
    /// `Malformed` if a label is not UTF-8; `Unsupported` if Arrow cannot hold the table.
    pub(crate) fn of(table: &Table<'_>) -> Result<Self> {
        let (mut labels, mut columns) = (Vec::new(), Vec::new());
        for (name, column) in table.columns() {
            let head = column.head();
            let of_column = match head {
                Column::Categorical(c) => Some(array_of(c.categories(), None)?),
                _ => None,
            };
            let kind = array_of(head, of_column.as_ref())?.data_type().clone();
            columns.push((name.as_str(), head, kind));
            labels.push(of_column);
        }
        let schema = schema(table.index_name(), DataType::Utf8, &columns)?;
        Ok(ArrowSchema { schema, labels })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A part of the table as a record batch, or as several if its text is too long for one.
    ///
    /// # Errors
    /// `Malformed` if a text is not UTF-8; `Unsupported` if one text has 2 GiB or more.
    pub(crate) fn batches(&self, part: &Frame) -> Result<Vec<RecordBatch>> {
        let long = |c: &Column| match c {
            Column::Strings(s) | Column::NullableStrings { values: s, .. } => s.total_bytes() > SMALL_TEXT,
            _ => false,
        };
        if part.index().total_bytes() > SMALL_TEXT || part.columns().iter().any(|(_, c)| long(c)) {
            let rows = part.rows() as u64;
            if rows < 2 {
                return Err(Error::unsupported("table as Arrow: a text of 2 GiB or more"));
            }
            let half = |rows: Range<u64>| self.batches(&part.select(&rows.collect::<Vec<_>>())?);
            let mut batches = half(0..rows / 2)?;
            batches.extend(half(rows / 2..rows)?);
            return Ok(batches);
        }
        let mut arrays = vec![text_array(part.index(), None)?];
        for ((_, column), labels) in part.columns().iter().zip(&self.labels) {
            arrays.push(array_of(column, labels.as_ref())?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
        Ok(vec![batch.map_err(|e| failed(&e))?])
    }
}

/// The schema of a table: the index, then the columns in order with their types, and the metadata of pandas.
fn schema(
    index_name: Option<&str>,
    index: DataType,
    columns: &[(&str, &Column, DataType)],
) -> Result<SchemaRef> {
    // A column with the name of the index is a copy of the index, which pandas stores under that name.
    let index_field = match index_name {
        Some(name) if columns.iter().all(|(column, ..)| *column != name) => name,
        _ => UNNAMED_INDEX,
    };
    let mut fields = vec![Field::new(index_field, index, false)];
    let mut described = Vec::new();
    for (name, column, kind) in columns {
        let ordered = matches!(column, Column::Categorical(c) if c.ordered());
        fields.push(field(name, kind, ordered));
        described.push(PandasColumn::of(name, column));
    }
    // pandas lists the columns first and then the index, whatever their position in the file.
    described.push(PandasColumn::text(index_name, Some(index_field), Metadata::None));
    let pandas = Pandas {
        index_columns: [index_field],
        column_indexes: [PandasColumn::text(None, None, Metadata::Encoding { encoding: "UTF-8" })],
        columns: described,
        creator: Creator { library: "annmap", version: env!("CARGO_PKG_VERSION") },
        pandas_version: "2.0.0",
    };
    let pandas = serde_json::to_string(&pandas);
    let pandas = pandas.map_err(|e| Error::unsupported(format!("table as Arrow: {e}")))?;
    Ok(Arc::new(Schema::new_with_metadata(fields, HashMap::from([("pandas".to_owned(), pandas)]))))
}

fn failed(e: &ArrowError) -> Error {
    Error::unsupported(format!("table as Arrow: {e}"))
}

/// What a schema and its pandas metadata say about the columns.
pub(crate) struct ArrowFields {
    schema: SchemaRef,
    pandas: Json,
}

impl ArrowFields {
    pub(crate) fn of(schema: &SchemaRef) -> Self {
        let pandas = schema.metadata().get("pandas").and_then(|t| serde_json::from_str(t).ok());
        ArrowFields { schema: Arc::clone(schema), pandas: pandas.unwrap_or_default() }
    }

    /// Whether column `n` is the index.
    pub(crate) fn is_index(&self, n: usize) -> bool {
        self.pandas["index_columns"][0].as_str() == Some(self.schema.field(n).name())
    }

    /// The name of the index, if it has one.
    pub(crate) fn index_name(&self) -> Option<String> {
        let index_field = self.pandas["index_columns"][0].as_str();
        self.pandas["columns"].as_array().into_iter().flatten().find_map(|c| {
            let is_index = c["field_name"].as_str() == index_field;
            if is_index { c["name"].as_str().map(str::to_owned) } else { None }
        })
    }

    /// Column `n` without its rows, from an array of its type and labels; `missing` if some of its values are.
    ///
    /// # Errors
    /// `Unsupported` if it is of a type that no column has; `Malformed` if its labels are damaged.
    pub(crate) fn head(&self, n: usize, array: &ArrayRef, missing: bool) -> Result<Column> {
        let field = self.schema.field(n);
        column_of(array, is_ordered(field), missing || is_nullable(&self.pandas, field.name()))
    }
}

/// An array as a part of the column with this head, whose first row is `first`.
///
/// # Errors
/// `Malformed` if it is of another type, or a code has no label.
pub(crate) fn part_of(array: &ArrayRef, head: &Column, first: u64) -> Result<Column> {
    let column = match (head, codes_of_array(array)) {
        (Column::Categorical(labels), Some(codes)) => Column::Categorical(labels.part(&codes, first)?),
        _ => {
            column_of(array, false, matches!(head, Column::Nullable { .. } | Column::NullableStrings { .. }))?
        }
    };
    if column.type_name() != head.type_name() {
        let text = format!("expected {}, got {}", head.type_name(), column.type_name());
        return Err(Error::malformed(text));
    }
    Ok(column)
}

/// The codes of a dictionary; `None` for other arrays.
fn codes_of_array(array: &ArrayRef) -> Option<Vec<i64>> {
    let any = array.as_any();
    if let Some(d) = any.downcast_ref::<DictionaryArray<Int8Type>>() {
        return Some(codes_of(d.keys()));
    }
    if let Some(d) = any.downcast_ref::<DictionaryArray<Int16Type>>() {
        return Some(codes_of(d.keys()));
    }
    any.downcast_ref::<DictionaryArray<Int32Type>>().map(|d| codes_of(d.keys()))
}

/// The labels of a dictionary.
fn labels_of_array(array: &ArrayRef) -> Option<&ArrayRef> {
    array.as_any_dictionary_opt().map(|d| d.values())
}

/// The pandas metadata in an Arrow schema. The fields are in the order of the keys.
#[derive(Serialize)]
struct Pandas<'a> {
    index_columns: [&'a str; 1],
    column_indexes: [PandasColumn<'a>; 1],
    columns: Vec<PandasColumn<'a>>,
    creator: Creator,
    pandas_version: &'a str,
}

#[derive(Serialize)]
struct Creator {
    library: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct PandasColumn<'a> {
    name: Option<&'a str>,
    field_name: Option<&'a str>,
    pandas_type: String,
    numpy_type: String,
    metadata: Metadata,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Metadata {
    None,
    Encoding { encoding: &'static str },
    Categories { num_categories: usize, ordered: bool },
}

impl<'a> PandasColumn<'a> {
    fn text(name: Option<&'a str>, field_name: Option<&'a str>, metadata: Metadata) -> Self {
        PandasColumn {
            name,
            field_name,
            pandas_type: "unicode".into(),
            numpy_type: "object".into(),
            metadata,
        }
    }

    fn of(name: &'a str, column: &Column) -> Self {
        let (pandas, numpy, metadata) = match column {
            Column::Numbers { dtype, .. } => (dtype.name(), dtype.name().to_owned(), Metadata::None),
            Column::Nullable { dtype, .. } => (dtype.name(), nullable_name(*dtype), Metadata::None),
            Column::Strings(_) => ("unicode", "object".into(), Metadata::None),
            Column::NullableStrings { .. } => ("unicode", "string".into(), Metadata::None),
            Column::Categorical(c) => {
                let num_categories = c.categories().len();
                let codes = match num_categories {
                    0..=0x7f => "int8",
                    0x80..=0x7fff => "int16",
                    _ => "int32",
                };
                let metadata = Metadata::Categories { num_categories, ordered: c.ordered() };
                ("categorical", codes.into(), metadata)
            }
        };
        let pandas_type = pandas.to_owned();
        PandasColumn { name: Some(name), field_name: Some(name), pandas_type, numpy_type: numpy, metadata }
    }
}

#[allow(deprecated)] // whether a dictionary is ordered has no other place in this crate's fields
fn field(name: &str, kind: &DataType, ordered: bool) -> Field {
    match kind {
        t @ DataType::Dictionary(..) => Field::new_dict(name, t.clone(), true, 0, ordered),
        t => Field::new(name, t.clone(), true),
    }
}

fn text_type(s: &Strings) -> DataType {
    if s.total_bytes() > SMALL_TEXT { DataType::LargeUtf8 } else { DataType::Utf8 }
}

fn text_array(s: &Strings, missing: Option<&[bool]>) -> Result<ArrayRef> {
    let is_missing = |i: usize| missing.is_some_and(|m| m.get(i) == Some(&true));
    if text_type(s) == DataType::LargeUtf8 {
        let all: Result<Vec<Option<&str>>> =
            (0..s.len()).map(|i| if is_missing(i) { Ok(None) } else { s.utf8(i).map(Some) }).collect();
        return Ok(Arc::new(LargeStringArray::from(all?)));
    }
    let mut out = StringBuilder::with_capacity(s.len(), s.total_bytes());
    for i in 0..s.len() {
        if is_missing(i) {
            out.append_null();
        } else {
            out.append_value(s.utf8(i)?);
        }
    }
    Ok(Arc::new(out.finish()))
}

/// A column as an array; `labels` are those of a categorical column, if they are an array already.
fn array_of(column: &Column, labels: Option<&ArrayRef>) -> Result<ArrayRef> {
    Ok(match column {
        Column::Numbers { dtype, bytes } => numbers(*dtype, bytes, None),
        Column::Nullable { dtype, bytes, missing } => numbers(*dtype, bytes, Some(missing)),
        Column::Strings(s) => text_array(s, None)?,
        Column::NullableStrings { values, missing } => text_array(values, Some(missing))?,
        Column::Categorical(c) => match labels {
            Some(labels) => dictionary(c, Arc::clone(labels))?,
            None => dictionary(c, array_of(c.categories(), None)?)?,
        },
    })
}

fn numbers(dtype: Dtype, bytes: &[u8], missing: Option<&[bool]>) -> ArrayRef {
    if dtype == Dtype::Bool {
        let mut out = BooleanBuilder::with_capacity(bytes.len());
        for (i, b) in bytes.iter().enumerate() {
            out.append_option(missing.is_none_or(|m| m.get(i) != Some(&true)).then_some(*b != 0));
        }
        return Arc::new(out.finish());
    }
    let nulls = missing.map(|m| NullBuffer::new(BooleanBuffer::from_iter(m.iter().map(|x| !x))));
    match dtype {
        Dtype::Int8 => primitive::<Int8Type>(bytes, nulls),
        Dtype::Int16 => primitive::<Int16Type>(bytes, nulls),
        Dtype::Int32 => primitive::<Int32Type>(bytes, nulls),
        Dtype::Int64 => primitive::<Int64Type>(bytes, nulls),
        Dtype::Bool | Dtype::Uint8 => primitive::<UInt8Type>(bytes, nulls),
        Dtype::Uint16 => primitive::<UInt16Type>(bytes, nulls),
        Dtype::Uint32 => primitive::<UInt32Type>(bytes, nulls),
        Dtype::Uint64 => primitive::<UInt64Type>(bytes, nulls),
        Dtype::Float16 => primitive::<Float16Type>(bytes, nulls),
        Dtype::Float32 => primitive::<Float32Type>(bytes, nulls),
        Dtype::Float64 => primitive::<Float64Type>(bytes, nulls),
    }
}

fn primitive<T: ArrowPrimitiveType>(bytes: &[u8], nulls: Option<NullBuffer>) -> ArrayRef {
    // Copied into memory that Arrow allocates and aligns.
    let values = ScalarBuffer::<T::Native>::from(Buffer::from_slice_ref(bytes));
    Arc::new(PrimitiveArray::<T>::new(values, nulls))
}

fn dictionary(c: &Categorical, values: ArrayRef) -> Result<ArrayRef> {
    match c.categories().len() {
        0..=0x7f => keys::<Int8Type>(c, values, |k| k as i8),
        0x80..=0x7fff => keys::<Int16Type>(c, values, |k| k as i16),
        _ => keys::<Int32Type>(c, values, |k| k),
    }
}

fn keys<K: ArrowDictionaryKeyType>(
    c: &Categorical,
    values: ArrayRef,
    narrow: impl Fn(i32) -> K::Native,
) -> Result<ArrayRef> {
    let keys: PrimitiveArray<K> = c.codes().iter().map(|k| (*k >= 0).then(|| narrow(*k))).collect();
    let array = DictionaryArray::<K>::try_new(keys, values);
    Ok(Arc::new(array.map_err(|e| failed(&e))?))
}

#[allow(deprecated)]
fn is_ordered(field: &Field) -> bool {
    field.dict_is_ordered().unwrap_or(false)
}

/// Whether pandas restores this column as a nullable type, even if no value is missing.
fn is_nullable(pandas: &Json, field: &str) -> bool {
    let column = pandas["columns"].as_array().into_iter().flatten().find(|c| c["field_name"] == field);
    let name = column.and_then(|c| c["numpy_type"].as_str()).unwrap_or_default();
    name == "boolean" || name == "string" || name.starts_with(|c: char| c.is_ascii_uppercase())
}

fn column_of(array: &ArrayRef, ordered: bool, nullable: bool) -> Result<Column> {
    let missing: Option<Vec<bool>> =
        (nullable || array.null_count() > 0).then(|| (0..array.len()).map(|i| array.is_null(i)).collect());
    let numbers = |dtype: Dtype, bytes: Vec<u8>| match &missing {
        Some(missing) => Column::Nullable { dtype, bytes, missing: missing.clone() },
        None => Column::Numbers { dtype, bytes },
    };
    let strings = |values: Strings| match &missing {
        Some(missing) => Column::NullableStrings { values, missing: missing.clone() },
        None => Column::Strings(values),
    };
    let any = array.as_any();
    if let Some(b) = any.downcast_ref::<BooleanArray>() {
        return Ok(numbers(Dtype::Bool, b.values().iter().map(u8::from).collect()));
    }
    if let Some(s) = any.downcast_ref::<StringArray>() {
        return Ok(strings((0..s.len()).map(|i| s.value(i)).collect()));
    }
    if let Some(s) = any.downcast_ref::<LargeStringArray>() {
        return Ok(strings((0..s.len()).map(|i| s.value(i)).collect()));
    }
    if let (Some(codes), Some(values)) = (codes_of_array(array), labels_of_array(array)) {
        let labels = column_of(values, false, false)?;
        return Ok(Column::Categorical(Categorical::new(&codes, labels, ordered)?));
    }
    let plain = [
        (DataType::Int8, Dtype::Int8),
        (DataType::Int16, Dtype::Int16),
        (DataType::Int32, Dtype::Int32),
        (DataType::Int64, Dtype::Int64),
        (DataType::UInt8, Dtype::Uint8),
        (DataType::UInt16, Dtype::Uint16),
        (DataType::UInt32, Dtype::Uint32),
        (DataType::UInt64, Dtype::Uint64),
        (DataType::Float16, Dtype::Float16),
        (DataType::Float32, Dtype::Float32),
        (DataType::Float64, Dtype::Float64),
    ];
    let found = plain.into_iter().find(|(t, _)| t == array.data_type());
    let (_, dtype) =
        found.ok_or_else(|| Error::unsupported(format!("a column of Arrow type {}", array.data_type())))?;
    let data = array.to_data();
    let size = dtype.size();
    let from = data.offset() * size;
    let bytes = data.buffers().first().and_then(|b| b.as_slice().get(from..from + array.len() * size));
    Ok(numbers(dtype, bytes.ok_or_else(|| Error::malformed("column without values"))?.to_vec()))
}

fn codes_of<K: ArrowPrimitiveType>(keys: &PrimitiveArray<K>) -> Vec<i64>
where
    K::Native: Into<i64>,
{
    keys.iter().map(|k| k.map_or(-1, Into::into)).collect()
}
