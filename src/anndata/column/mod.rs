//! Columns of a data frame, in all their encodings: arrays, `categorical` and the nullable encodings.

mod array_rows;
#[cfg(feature = "write")]
mod mask;
mod rows;
#[cfg(feature = "write")]
mod write;

pub(crate) use array_rows::ArrayRows;
#[cfg(feature = "write")]
pub(super) use mask::Missing;
pub(crate) use rows::FileColumn;

use crate::anndata::element::{ColumnKind, ElementKind};
use crate::error::{Error, Result};
use crate::table::{Column, ColumnRows};
use crate::tree::{Node, Value};

/// Reads a whole column of any encoding.
///
/// # Errors
/// As [`FileColumn::open`] and [`ColumnRows::read`].
pub(crate) fn read_column(object: &Node) -> Result<Column> {
    let column = FileColumn::open(object)?;
    column.read(0..column.rows())
}

/// Reads the categories of a column, which are not categorical themselves.
fn read_categories(object: &Node) -> Result<Column> {
    if ElementKind::of(object)? == ElementKind::Column(ColumnKind::Categorical) {
        return Err(Error::malformed("expected a list of categories, got codes").in_object(object.path()));
    }
    read_column(object)
}

/// Makes a column of an array in memory.
///
/// # Errors
/// `Unsupported` for several dimensions and types that cannot be a column; `Malformed` if the heap of strings
/// is damaged.
pub(crate) fn from_value(value: &Value) -> Result<Column> {
    if value.shape().is_some_and(|s| s.len() > 1) {
        return Err(Error::unsupported("expected a column of one dimension, got several"));
    }
    if value.is_text() {
        return Ok(Column::Strings(value.strings()?));
    }
    let (dtype, bytes) = value.numbers()?;
    Ok(Column::Numbers { dtype, bytes })
}

fn is_true(value: &Value) -> bool {
    value.integers().is_ok_and(|v| v.first().is_some_and(|x| *x != 0))
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{at, bytes, fixture, ints, texts, written};
    use crate::dtype::Dtype;
    use crate::error::Kind;
    use crate::table::Categorical;
    use crate::tree::EncodedValue;

    fn labels() -> Column {
        Column::Strings(texts(&["low", "high"]))
    }

    /// Every kind of column, missing values included, is after reading what it was before writing.
    #[test]
    fn columns_read_as_they_were_written() {
        let shorts = vec![1, 0, 0xff, 0xff];
        let columns = [
            Column::Numbers { dtype: Dtype::Int16, bytes: shorts.clone() },
            Column::Numbers { dtype: Dtype::Bool, bytes: vec![1, 0] },
            Column::Numbers { dtype: Dtype::Float64, bytes: vec![] },
            Column::Strings(texts(&["a", "", "ü"])),
            Column::Categorical(Categorical::new(&[1, -1, 0], labels(), true).unwrap()),
            Column::Categorical(Categorical::new(&[0], labels(), false).unwrap()),
            Column::Nullable { dtype: Dtype::Int16, bytes: shorts, missing: vec![true, false] },
            Column::Nullable { dtype: Dtype::Bool, bytes: vec![1, 0], missing: vec![false, true] },
            Column::NullableStrings { values: texts(&["a", ""]), missing: vec![false, true] },
        ];
        let root = written(|w| {
            let place = |n: usize| at(&format!("uns/{n}"));
            columns.iter().enumerate().try_for_each(|(n, column)| w.column(&place(n), column))?;
            w.dict(&at("uns"))
        });
        for (n, column) in columns.iter().enumerate() {
            assert_eq!(&read_column(&root.descend(&format!("uns/{n}")).unwrap()).unwrap(), column);
        }
    }

    /// A column of labels without one of its parts, with codes that have no label, masks that do not fit.
    #[test]
    fn broken_columns_are_refused_with_the_reason() {
        let root = written(|w| {
            let group = |kind| [("encoding-type", kind)];
            let categorical = group("categorical");
            for (name, codes) in [("uns/beyond", &[0, 2][..]), ("uns/below", &[-2])] {
                w.strings(&at(name).child("categories"), &texts(&["low", "high"]))?;
                w.raw_array(&format!("{name}/codes"), &ints(codes))?;
                w.raw_group(name, &categorical)?;
            }
            w.raw_array("uns/no labels/codes", &ints(&[0]))?;
            w.raw_group("uns/no labels", &categorical)?;
            w.raw_array("uns/short/values", &ints(&[1, 2]))?;
            w.raw_array("uns/short/mask", &bytes(&[3], &[0, 0, 0]))?;
            w.raw_group("uns/short", &group("nullable-integer"))?;
            w.raw_array("uns/wide/values", &ints(&[1, 2]))?;
            w.raw_array("uns/wide/mask", &ints(&[0, 0]))?;
            w.raw_group("uns/wide", &group("nullable-integer"))?;
            w.strings(&at("uns/words/values"), &texts(&["a"]))?;
            w.raw_array("uns/words/mask", &bytes(&[0], &[]))?;
            w.raw_group("uns/words", &group("nullable-string-array"))?;
            w.raw_group("uns/foreign", &group("quaternion"))?;
            w.raw_array("uns/square", &bytes(&[2, 2], &[0; 4]))?;
            w.dict(&at("uns"))
        });
        let all = [
            ("beyond", Kind::Malformed, "row 1 has code 2 of 2 categories"),
            ("below", Kind::Malformed, "row 0 has code -2 of 2 categories"),
            ("no labels", Kind::Malformed, "expected a column with 'categories', got none"),
            ("short", Kind::Malformed, "expected a mask of 2 values, got 3"),
            ("wide", Kind::Malformed, "expected a mask of bools, got int64"),
            ("words", Kind::Malformed, "expected a mask of 1 values, got 0"),
            ("foreign", Kind::Unsupported, "quaternion"),
            ("square", Kind::Unsupported, "expected a column of one dimension"),
        ];
        for (name, kind, text) in all {
            let error = read_column(&root.descend(&format!("uns/{name}")).unwrap()).unwrap_err();
            assert!(error.kind() == kind && error.to_string().contains(text), "{name}: {error}");
            assert!(error.object().is_some_and(|o| o.starts_with(&format!("/uns/{name}"))), "{error}");
        }
    }

    /// The flag is a bool of h5py or an integer of other writers; without it, or as text, labels have no order.
    #[test]
    fn flags_of_order_by_different_writers() {
        let root = written(|w| {
            let text = w.writer.text("True")?;
            let flags = [
                Some(EncodedValue::boolean(true)),
                Some(EncodedValue::boolean(false)),
                Some(EncodedValue::integer(1)),
                Some(text),
                None,
            ];
            for (n, flag) in flags.into_iter().enumerate() {
                let place = at(&format!("uns/{n}"));
                w.strings(&place.child("categories"), &texts(&["a"]))?;
                w.raw_array(&format!("uns/{n}/codes"), &ints(&[0]))?;
                let kind = w.writer.text("categorical")?;
                let mut attributes = vec![("encoding-type".to_owned(), kind)];
                attributes.extend(flag.map(|f| ("ordered".to_owned(), f)));
                w.writer.group(&place, &attributes)?;
            }
            w.dict(&at("uns"))
        });
        let ordered = |n: usize| match read_column(&root.descend(&format!("uns/{n}")).unwrap()).unwrap() {
            Column::Categorical(c) => c.ordered(),
            other => panic!("{other:?}"),
        };
        assert_eq!([0, 1, 2, 3, 4].map(ordered), [true, false, true, false, false]);
    }

    /// anndata 0.7: the attribute `categories` of the codes refers to the labels, which have the flag. The file is of h5py.
    #[test]
    fn codes_that_refer_to_their_labels() {
        let column = read_column(&fixture("anndata_07.h5ad").descend("var/group").unwrap()).unwrap();
        let labels = Column::Strings(texts(&["a", "b", "c"]));
        let expected = Categorical::new(&[-1, 0, 1, 2, -1, 0], labels, true).unwrap();
        assert_eq!(column, Column::Categorical(expected));
        // a number refers to nothing
        let root = written(|w| {
            let attribute = ("categories".to_owned(), EncodedValue::integer(3));
            w.writer.array(&at("lost"), &ints(&[0]), &[attribute], &crate::tree::ArrayStorage::default())
        });
        let error = read_column(&root.descend("lost").unwrap()).unwrap_err();
        assert!([Kind::Malformed, Kind::Unsupported].contains(&error.kind()), "{error}");
    }
}
