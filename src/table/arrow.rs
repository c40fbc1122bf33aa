//! A data frame as an Arrow record batch, and back, with the metadata by which pandas restores a frame
//! exactly.
//!
//! The `pandas` key of the schema follows <https://pandas.pydata.org/docs/development/developer.html>.

use super::column::{Categorical, Column, nullable_name};
use super::frame::Frame;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::strings::Strings;
use arrow_array::builder::{BooleanBuilder, StringBuilder};
use arrow_array::types::{
    ArrowDictionaryKeyType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, LargeStringArray, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::HashMap;
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
        let index_field = index_field_name(self);
        let mut fields = vec![Field::new(&index_field, text_type(self.index()), false)];
        let mut arrays = vec![text_array(self.index(), None)?];
        let mut columns = Vec::new();
        for (name, column) in self.columns() {
            // A column with the name of the index is a copy of the index, which pandas stores under that
            // name.
            let array = array_of(column)?;
            let ordered = matches!(column, Column::Categorical(c) if c.ordered());
            fields.push(field(name, &array, ordered));
            columns.push(PandasColumn::of(name, column));
            arrays.push(array);
        }
        // pandas lists the columns first and then the index, whatever their position in the file.
        columns.push(PandasColumn::text(self.index_name(), Some(&index_field), Metadata::None));
        let pandas = Pandas {
            index_columns: [&index_field],
            column_indexes: [PandasColumn::text(None, None, Metadata::Encoding { encoding: "UTF-8" })],
            columns,
            creator: Creator { library: "annmap", version: env!("CARGO_PKG_VERSION") },
            pandas_version: "2.0.0",
        };
        let failed = |e: String| Error::unsupported(format!("table as Arrow: {e}"));
        let pandas = serde_json::to_string(&pandas).map_err(|e| failed(e.to_string()))?;
        let metadata = HashMap::from([("pandas".to_owned(), pandas)]);
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        RecordBatch::try_new(schema, arrays).map_err(|e| failed(e.to_string()))
    }

    /// Restores the frame of a record batch made by [`to_record_batch`](Self::to_record_batch), or of any
    /// record batch with these column types. The index is the column named in the pandas metadata, otherwise
    /// row numbers.
    ///
    /// # Errors
    /// `Unsupported` if a column has another type; `Malformed` if labels and codes contradict each other.
    pub fn from_record_batch(batch: &RecordBatch) -> Result<Frame> {
        let schema = batch.schema();
        let pandas: Json =
            schema.metadata().get("pandas").and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
        let index_field = pandas["index_columns"][0].as_str().map(str::to_owned);
        let (mut index, mut columns) = (None, Vec::new());
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            let nullable = is_nullable(&pandas, field.name());
            let column =
                column_of(array, is_ordered(field), nullable).map_err(|e| e.in_object(field.name()))?;
            if Some(field.name()) == index_field.as_ref() && index.is_none() {
                index = Some(column.to_strings()?);
            } else {
                columns.push((field.name().clone(), column));
            }
        }
        let name = pandas["columns"].as_array().into_iter().flatten().find_map(|c| {
            let is_index = c["field_name"].as_str() == index_field.as_deref();
            if is_index { c["name"].as_str().map(str::to_owned) } else { None }
        });
        let index = index.unwrap_or_else(|| Frame::unnamed(batch.num_rows() as u64).index().clone());
        Frame::new(name, index, columns)
    }
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

/// Field name of the index: its own name, unless a column has the same one.
fn index_field_name(frame: &Frame) -> String {
    match frame.index_name() {
        Some(name) if frame.column(name).is_none() => name.to_owned(),
        _ => UNNAMED_INDEX.to_owned(),
    }
}

#[allow(deprecated)] // whether a dictionary is ordered has no other place in this crate's fields
fn field(name: &str, array: &ArrayRef, ordered: bool) -> Field {
    match array.data_type() {
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

fn array_of(column: &Column) -> Result<ArrayRef> {
    Ok(match column {
        Column::Numbers { dtype, bytes } => numbers(*dtype, bytes, None),
        Column::Nullable { dtype, bytes, missing } => numbers(*dtype, bytes, Some(missing)),
        Column::Strings(s) => text_array(s, None)?,
        Column::NullableStrings { values, missing } => text_array(values, Some(missing))?,
        Column::Categorical(c) => dictionary(c)?,
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

fn dictionary(c: &Categorical) -> Result<ArrayRef> {
    let values = array_of(c.categories())?;
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
    Ok(Arc::new(array.map_err(|e| Error::unsupported(format!("table as Arrow: {e}")))?))
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
    let categorical = |codes: Vec<i64>, values: &ArrayRef| {
        Ok(Column::Categorical(Categorical::new(&codes, column_of(values, false, false)?, ordered)?))
    };
    if let Some(d) = any.downcast_ref::<DictionaryArray<Int8Type>>() {
        return categorical(codes_of(d.keys()), d.values());
    }
    if let Some(d) = any.downcast_ref::<DictionaryArray<Int16Type>>() {
        return categorical(codes_of(d.keys()), d.values());
    }
    if let Some(d) = any.downcast_ref::<DictionaryArray<Int32Type>>() {
        return categorical(codes_of(d.keys()), d.values());
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
