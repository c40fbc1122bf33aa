//! Tables as Arrow IPC files (Feather v2), with the metadata by which pandas restores a frame exactly.
//!
//! <https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format>; the `pandas` key of the schema follows
//! <https://pandas.pydata.org/docs/development/developer.html>.

use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::strings::Strings;
use crate::table::{Categorical, Column, Frame, nullable_name};
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
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::sync::Arc;

/// The column that holds an index without a name, as pyarrow calls it.
const UNNAMED_INDEX: &str = "__index_level_0__";
/// Text beyond this many bytes needs 64-bit offsets.
const SMALL_TEXT: usize = i32::MAX as usize;

/// The bytes of an Arrow file of this frame, the index first.
pub(crate) fn encode(frame: &Frame) -> Result<Vec<u8>> {
    let index_field = index_field_name(frame);
    let mut fields = vec![Field::new(&index_field, text_type(frame.index()), false)];
    let mut arrays = vec![text_array(frame.index(), None)?];
    let mut described = vec![describe(frame.index_name(), &index_field, "unicode", "object", Json::Null)];
    let mut columns = Vec::new();
    for (name, column) in frame.columns() {
        // A column of the index' own name is that index again, which pandas keeps under the index' name.
        let array = array_of(column)?;
        let ordered = matches!(column, Column::Categorical(c) if c.ordered());
        fields.push(field(name, &array, ordered));
        columns.push(describe_column(name, column));
        arrays.push(array);
    }
    // pandas lists the columns first and the index after them, whatever their places in the file.
    columns.append(&mut described);
    let pandas = json!({
        "index_columns": [index_field],
        "column_indexes": [{
            "name": null, "field_name": null, "pandas_type": "unicode", "numpy_type": "object",
            "metadata": {"encoding": "UTF-8"},
        }],
        "columns": columns,
        "creator": {"library": "annmap", "version": env!("CARGO_PKG_VERSION")},
        "pandas_version": "2.0.0",
    });
    let metadata = HashMap::from([("pandas".to_owned(), pandas.to_string())]);
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let failed = |e: arrow_schema::ArrowError| Error::unsupported(format!("table as Arrow: {e}"));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(failed)?;
    let mut writer = FileWriter::try_new(Vec::new(), &schema).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    writer.finish().map_err(failed)?;
    writer.into_inner().map_err(failed)
}

/// The field of the index: its name, unless a column has that name too.
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
    let is_missing = |i: usize| missing.is_some_and(|m| m[i]);
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
            out.append_option((!missing.is_some_and(|m| m[i])).then_some(*b != 0));
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
    // Copied into Arrow's own, aligned memory.
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

fn describe(name: Option<&str>, field: &str, pandas: &str, numpy: &str, metadata: Json) -> Json {
    json!({"name": name, "field_name": field, "pandas_type": pandas, "numpy_type": numpy, "metadata": metadata})
}

fn describe_column(name: &str, column: &Column) -> Json {
    let (pandas, numpy, metadata) = match column {
        Column::Numbers { dtype, .. } => (dtype.name().to_owned(), dtype.name().to_owned(), Json::Null),
        Column::Nullable { dtype, .. } => (dtype.name().to_owned(), nullable_name(*dtype), Json::Null),
        Column::Strings(_) => ("unicode".into(), "object".into(), Json::Null),
        Column::NullableStrings { .. } => ("unicode".into(), "string".into(), Json::Null),
        Column::Categorical(c) => {
            let n = c.categories().len();
            let codes = if n <= 0x7f {
                "int8"
            } else if n <= 0x7fff {
                "int16"
            } else {
                "int32"
            };
            let metadata = json!({"num_categories": n, "ordered": c.ordered()});
            ("categorical".into(), codes.into(), metadata)
        }
    };
    describe(Some(name), name, &pandas, &numpy, metadata)
}

/// Reads back a frame that [`encode`] wrote, or any Arrow file of columns of these types.
pub(crate) fn decode(bytes: &[u8]) -> Result<Frame> {
    let failed = |e: arrow_schema::ArrowError| Error::malformed(format!("table as Arrow: {e}"));
    let reader = FileReader::try_new(std::io::Cursor::new(bytes), None).map_err(failed)?;
    let schema = reader.schema();
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(failed)?;
    let [batch] = &batches[..] else {
        return Err(Error::unsupported(format!("a table in {} pieces (expected 1)", batches.len())));
    };
    let pandas: Json =
        schema.metadata().get("pandas").and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
    let index_field = pandas["index_columns"][0].as_str().map(str::to_owned);
    let (mut index, mut columns) = (None, Vec::new());
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let nullable = is_nullable(&pandas, field.name());
        let column = column_of(array, is_ordered(field), nullable).map_err(|e| e.in_object(field.name()))?;
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

#[allow(deprecated)]
fn is_ordered(field: &Field) -> bool {
    field.dict_is_ordered().unwrap_or(false)
}

/// Whether pandas restores this column with one of its nullable types, be anything missing or not.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_column_comes_back() {
        let labels = |n: usize| Column::Strings((0..n).map(|i| format!("label {i}")).collect());
        let codes: Vec<i64> = vec![2, -1, 0];
        let columns = vec![
            ("f16".to_owned(), Column::Numbers { dtype: Dtype::Float16, bytes: vec![0, 60, 0, 64, 0, 126] }),
            ("u64".into(), Column::Numbers { dtype: Dtype::Uint64, bytes: vec![255; 24] }),
            ("bool".into(), Column::Numbers { dtype: Dtype::Bool, bytes: vec![1, 0, 1] }),
            ("text".into(), Column::Strings(["a", "", "\u{e9}"].iter().collect())),
            (
                "missing".into(),
                Column::Nullable {
                    dtype: Dtype::Int8,
                    bytes: vec![1, 0, 3],
                    missing: vec![false, true, false],
                },
            ),
            (
                "some".into(),
                Column::NullableStrings {
                    values: ["x", "", "z"].iter().collect(),
                    missing: vec![false, true, false],
                },
            ),
            ("few".into(), Column::Categorical(Categorical::new(&codes, labels(3), true).unwrap())),
            ("many".into(), Column::Categorical(Categorical::new(&codes, labels(40_000), false).unwrap())),
        ];
        let index: Strings = ["r1", "r2", "r3"].iter().collect();
        for name in [None, Some("cell".to_owned())] {
            let frame = Frame::new(name, index.clone(), columns.clone()).unwrap();
            let bytes = encode(&frame).unwrap();
            assert_eq!(decode(&bytes).unwrap(), frame);
        }
        assert!(decode(b"ARROW1 nothing").is_err());
    }
}
