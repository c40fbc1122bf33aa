//! `dataframe`: a group of columns, versions 0.1.0 (anndata 0.7) and 0.2.0 (since 0.8).

#[cfg(feature = "write")]
mod write;

use crate::anndata::LeaveOut;
use crate::anndata::column::FileColumn;
use crate::anndata::encoding::text_attribute;
use crate::anndata::generations::compound;
use crate::error::{Error, Kind, Place, Result};
use crate::observe::{Observer, Warning};
use crate::table::{ColumnRows, Frame, Table, TableColumn, check_column};
use crate::tree::Node;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// The names of the index and the columns of a data frame.
#[derive(Debug, Clone)]
pub(crate) struct ColumnNames {
    /// Name of the child that holds the index; `None` if there is no index.
    pub(crate) index: Option<String>,
    /// Names of the columns, in order.
    pub(crate) columns: Vec<String>,
}

/// The names of the index and the columns, from attributes, or from the children if attributes are missing.
///
/// # Errors
/// `Io`, `Malformed` or `Unsupported` if the children or attributes cannot be read.
pub(crate) fn names(group: &Node) -> Result<ColumnNames> {
    let children: Vec<String> = group.links()?.iter().map(|l| l.name().into_owned()).collect();
    let index = match text_attribute(group, "_index")? {
        Some(name) => Some(name),
        // writers that omit the attribute use one of these names
        None => {
            ["_index", "index"].iter().find(|n| children.iter().any(|c| c == *n)).map(|n| (*n).to_owned())
        }
    };
    // h5py writes an empty list as an empty array of floats
    let order = match group.attribute("column-order")? {
        Some(v) if v.is_empty() => Some(Vec::new()),
        Some(v) => {
            let s = v.strings().map_err(|e| e.in_object(&format!("{}@column-order", group.path())))?;
            // a name that is listed twice is one column, as in anndata
            let mut seen = HashSet::new();
            Some(s.iter_lossy().map(Cow::into_owned).filter(|name| seen.insert(name.clone())).collect())
        }
        None => None,
    };
    let columns = order.unwrap_or_else(|| {
        children.into_iter().filter(|c| Some(c) != index.as_ref() && c != "__categories").collect()
    });
    Ok(ColumnNames { index, columns })
}

/// The child of a data frame called `name`: the index or a column. A name with `/` is that of a child, or else a
/// path: anndata up to 0.12 writes such columns into nested groups.
///
/// # Errors
/// Errors of opening it.
pub(crate) fn child(group: &Node, name: &str) -> Result<Option<Node>> {
    match group.child(name)? {
        None if name.contains('/') => match group.descend(name) {
            Err(e) if e.kind() == Kind::NotFound => Ok(None),
            found => found.map(Some),
        },
        found => Ok(found),
    }
}

/// Number of rows of a data frame of any generation, from metadata of its index, or of its first column
/// without an index.
///
/// # Errors
/// `Malformed` if that child is missing; otherwise errors of opening it.
pub(crate) fn rows(object: &Node) -> Result<u64> {
    if object.is_array() {
        return Ok(object.array()?.shape().first().copied().unwrap_or(0));
    }
    let names = names(object)?;
    let Some(name) = names.index.or(names.columns.into_iter().next()) else { return Ok(0) };
    let text = format!("expected a column '{name}', got none");
    let column = child(object, &name)?.ok_or_else(|| Error::malformed(text).in_object(object.path()))?;
    column_rows(&column)
}

/// Number of rows of a column, from metadata; for a group, of its codes or values.
///
/// # Errors
/// `Malformed` if a group has neither; otherwise errors of opening them.
pub(crate) fn column_rows(column: &Node) -> Result<u64> {
    let array = match column.is_array() {
        true => column.array()?,
        false => {
            let part = column.child("codes")?.or(column.child("values")?);
            part.ok_or_else(|| {
                Error::malformed("expected a column with 'codes' or 'values', got neither")
                    .in_object(column.path())
            })?
            .array()?
        }
    };
    Ok(array.shape().first().copied().unwrap_or(0))
}

/// Opens a data frame of any generation as a table, which is read by ranges of rows. `uns` has the categories of
/// files of anndata 0.6 and earlier; `rows` is the number of rows of a data frame without index and columns. A
/// column that a [`Table`] cannot hold (several dimensions, compounds) is left out with a warning.
///
/// # Errors
/// `Malformed` if a column is missing or lengths differ; `Cancelled`; otherwise errors of opening.
pub(crate) fn open_frame(
    object: &Node,
    uns: Option<&Node>,
    rows: u64,
    observer: &dyn Observer,
) -> Result<Table<'static>> {
    open_frame_without(object, uns, rows, &LeaveOut::default(), observer)
}

/// As [`open_frame`], without the columns that `leave` leaves out: those with a reason with a warning. If it leaves
/// out what cannot be read, all rows of the columns are read.
///
/// # Errors
/// As [`open_frame`], for the index and for columns that are not left out.
pub(crate) fn open_frame_without(
    object: &Node,
    uns: Option<&Node>,
    rows: u64,
    leave: &LeaveOut,
    observer: &dyn Observer,
) -> Result<Table<'static>> {
    if object.is_array() {
        return compound::open_frame(object, uns, leave, observer);
    }
    let names = names(object)?;
    let child = |name: &str| {
        let text = format!("expected a column '{name}', got none");
        child(object, name)?.ok_or_else(|| Error::malformed(text).in_object(object.path()))
    };
    let index = match &names.index {
        Some(name) => Some(FileColumn::open(&child(name)?)?),
        None => None,
    };
    let mut columns: Vec<(String, TableColumn<'static>)> = Vec::with_capacity(names.columns.len());
    let mut rows = index.as_ref().map_or(rows, FileColumn::rows);
    for name in names.columns {
        observer.check_cancelled()?;
        let path = format!("{}/{name}", object.path().trim_end_matches('/'));
        if leave.names(&path) {
            continue;
        }
        let column = child(&name).and_then(|child| FileColumn::open(&child)).and_then(|column| {
            let n = column.rows();
            if columns.is_empty() && names.index.is_none() {
                rows = n;
            }
            if leave.unreadable && n != rows {
                return Err(Error::malformed(format!("expected {rows} rows, got {n}")).in_object(&path));
            }
            if leave.unreadable {
                check_column(&column, observer)?;
            }
            Ok(column)
        });
        match column {
            Ok(column) => columns.push((name, Arc::new(column))),
            Err(e) if leave.covers(&e) => observer.warn(&Warning::column(path, e)),
            Err(e) => return Err(e),
        }
    }
    let (name, index): (_, TableColumn<'static>) = match index {
        Some(index) => (names.index.filter(|n| n != "_index"), Arc::new(index)),
        None => (None, Table::numbered(rows)),
    };
    Table::new(name, index, columns).in_object(object.path())
}

/// Reads a whole data frame of any generation, as [`open_frame`] opens it.
///
/// # Errors
/// As [`open_frame`]; errors of reading.
pub(crate) fn read_frame(
    object: &Node,
    uns: Option<&Node>,
    rows: u64,
    observer: &dyn Observer,
) -> Result<Frame> {
    let table = open_frame(object, uns, rows, observer)?;
    table.read(0..table.rows())
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{Warnings, at, bytes, ints, texts, written};
    use crate::dtype::Dtype;
    use crate::error::Kind;
    use crate::table::Column;
    use crate::tree::EncodedValue;

    fn numbers(values: &[u8]) -> Column {
        Column::Numbers { dtype: Dtype::Uint8, bytes: values.to_vec() }
    }

    fn read(root: &Node, name: &str) -> Result<Frame> {
        read_frame(&root.descend(name).unwrap(), None, 0, &())
    }

    /// Columns keep their order, which is not that of their names, and the index its name.
    #[test]
    fn frames_read_as_they_were_written() {
        let columns = vec![("z".to_owned(), numbers(&[1, 2])), ("a".to_owned(), numbers(&[3, 4]))];
        let full = Frame::new(Some("cell".into()), texts(&["c0", "c1"]), columns).unwrap();
        let bare = Frame::new(None, texts(&["c0"]), vec![]).unwrap();
        let root = written(|w| w.frame(&at("obs"), &full).and_then(|()| w.frame(&at("var"), &bare)));
        assert_eq!(read(&root, "obs").unwrap(), full);
        assert_eq!(read(&root, "var").unwrap(), bare);
        assert_eq!(
            (rows(&root.descend("obs").unwrap()).unwrap(), rows(&root.descend("var").unwrap()).unwrap()),
            (2, 1)
        );
        // h5py writes a list of no names as floats, and readers expect that
        let order = root.descend("var").unwrap().attribute("column-order").unwrap().unwrap();
        assert_eq!((order.shape(), order.numbers().unwrap().0), (Some(&[0][..]), Dtype::Float64));
    }

    /// Writers that leave out `_index` call the child `_index` or `index`; without `column-order` all other children are
    /// columns, in the order of their names, but for the labels of anndata 0.7.
    #[test]
    fn attributes_that_are_missing() {
        let kind = [("encoding-type", "dataframe")];
        let root = written(|w| {
            for (name, index) in [("uns/a", "_index"), ("uns/b", "index")] {
                w.strings(&at(name).child(index), &texts(&["c0", "c1"]))?;
                w.raw_array(&format!("{name}/y"), &bytes(&[2], &[1, 2]))?;
                w.raw_array(&format!("{name}/x"), &bytes(&[2], &[3, 4]))?;
                w.raw_group(&format!("{name}/__categories"), &[])?;
                w.raw_group(name, &kind)?;
            }
            w.raw_array("uns/c/y", &bytes(&[2], &[1, 2]))?;
            w.raw_group("uns/c", &kind)?;
            w.raw_group("uns/d", &kind)?;
            w.dict(&at("uns"))
        });
        let columns = || vec![("x".to_owned(), numbers(&[3, 4])), ("y".to_owned(), numbers(&[1, 2]))];
        let names = || texts(&["c0", "c1"]);
        assert_eq!(read(&root, "uns/a").unwrap(), Frame::new(None, names(), columns()).unwrap());
        let b = Frame::new(Some("index".into()), names(), columns()).unwrap();
        assert_eq!(read(&root, "uns/b").unwrap(), b);
        let c = Frame::new(None, texts(&["0", "1"]), vec![("y".into(), numbers(&[1, 2]))]).unwrap();
        assert_eq!(read(&root, "uns/c").unwrap(), c, "rows are numbered, as many as the first column has");
        let d = read_frame(&root.descend("uns/d").unwrap(), None, 3, &()).unwrap();
        assert_eq!(d, Frame::unnamed(3), "nothing in it says how long it is");
    }

    #[test]
    fn a_column_that_is_listed_twice_is_one() {
        let root = written(|w| {
            w.strings(&at("uns/f/_index"), &texts(&["c0", "c1"]))?;
            w.raw_array("uns/f/y", &bytes(&[2], &[1, 2]))?;
            let order = w.writer.texts(&texts(&["y", "y", "y"]), &[3])?;
            let kind = w.writer.text("dataframe")?;
            let attributes = [("encoding-type".to_owned(), kind), ("column-order".to_owned(), order)];
            w.writer.group(&at("uns/f"), &attributes)?;
            w.dict(&at("uns"))
        });
        assert_eq!(names(&root.descend("uns/f").unwrap()).unwrap().columns, ["y"]);
    }

    #[test]
    fn broken_frames_are_refused_with_the_reason() {
        let root = written(|w| {
            for (name, column, order) in [
                ("uns/absent", None, "y"),
                ("uns/long", Some(bytes(&[3], &[1, 2, 3])), "y"),
                ("uns/numbers", Some(bytes(&[2], &[1, 2])), ""),
            ] {
                w.strings(&at(name).child("_index"), &texts(&["c0", "c1"]))?;
                column.map_or(Ok(()), |c| w.raw_array(&format!("{name}/y"), &c))?;
                let order =
                    if order.is_empty() { ints(&[7]) } else { w.writer.texts(&texts(&[order]), &[1])? };
                let kind = w.writer.text("dataframe")?;
                let attributes = [("encoding-type".to_owned(), kind), ("column-order".to_owned(), order)];
                w.writer.group(&at(name), &attributes)?;
            }
            w.raw_group("uns/no index", &[("encoding-type", "dataframe"), ("_index", "barcode")])?;
            w.dict(&at("uns"))
        });
        for (name, text) in [
            ("absent", "expected a column 'y', got none"),
            ("long", "column 'y' has 3 rows, the index has 2"),
            ("no index", "expected a column 'barcode', got none"),
        ] {
            let error = read(&root, &format!("uns/{name}")).unwrap_err();
            assert_eq!((error.kind(), error.object()), (Kind::Malformed, Some(&*format!("/uns/{name}"))));
            assert!(error.to_string().contains(text), "{error}");
        }
        let error = read(&root, "uns/numbers").unwrap_err();
        assert_eq!(error.object(), Some("/uns/numbers@column-order"), "{error}");
        assert!(rows(&root.descend("uns/no index").unwrap()).is_err());
    }

    /// anndata up to 0.12 writes the column `a/b` as `b` in a group `a`, and so does this.
    #[test]
    fn names_with_slashes_are_paths() {
        let column = |name: &str| (name.to_owned(), numbers(&[1, 2]));
        let frame = |name: &str, columns: &[&str]| {
            let columns = columns.iter().map(|n| column(n)).collect();
            Frame::new(Some(name.into()), texts(&["c0", "c1"]), columns).unwrap()
        };
        let nested = frame("i/j", &["q/r/s", "q/t", "plain"]);
        let root = written(|w| w.frame(&at("obs"), &nested));
        assert_eq!(read(&root, "obs").unwrap(), nested);
        assert_eq!(rows(&root.descend("obs").unwrap()).unwrap(), 2);
        let group = root.descend("obs/q").unwrap();
        assert!(group.is_group() && group.child("t").unwrap().unwrap().is_array());
        for (columns, why) in [
            (["q", "q/r"], "'q' and 'q/r' cannot both be stored"),
            (["a//b", "a/b"], "'a//b' and 'a/b' cannot both be stored"),
            (["/q", "r"], "no path is called '/q'"),
            (["q/./r", "r"], "no path is called 'q/./r'"),
        ] {
            let mut error = None;
            written(|w| {
                error = w.frame(&at("obs"), &frame("id", &columns)).err();
                Ok(())
            });
            let error = error.unwrap();
            assert!(error.kind() == Kind::Unsupported && error.message().contains(why), "{error}");
        }
    }

    /// A column that has the name and the values of the index is stored once, as in files of BPCells.
    #[test]
    fn the_index_may_be_a_column_too() {
        let ids = |list: &[&str]| vec![("id".to_owned(), Column::Strings(texts(list)))];
        let same = Frame::new(Some("id".into()), texts(&["x", "y"]), ids(&["x", "y"])).unwrap();
        let other = Frame::new(Some("id".into()), texts(&["x", "y"]), ids(&["x", "z"])).unwrap();
        let root = written(|w| w.frame(&at("obs"), &same).and_then(|()| w.frame(&at("var"), &other)));
        assert_eq!(read(&root, "obs").unwrap(), same);
        assert_eq!(root.descend("obs").unwrap().links().unwrap().len(), 1);
        let unnamed = read(&root, "var").unwrap();
        assert_eq!((unnamed.index_name(), unnamed.columns()), (None, other.columns()));
    }

    /// A column that no table holds is left out, and the observer gets its path.
    #[test]
    fn columns_of_two_dimensions_are_left_out() {
        let root = written(|w| {
            w.strings(&at("uns/f/_index"), &texts(&["c0", "c1"]))?;
            w.raw_array("uns/f/wide", &bytes(&[2, 2], &[0; 4]))?;
            w.raw_array("uns/f/y", &bytes(&[2], &[1, 2]))?;
            w.raw_group("uns/f", &[("encoding-type", "dataframe"), ("_index", "_index")])?;
            w.dict(&at("uns"))
        });
        let warnings = Warnings::default();
        let frame = read_frame(&root.descend("uns/f").unwrap(), None, 0, &warnings).unwrap();
        assert_eq!(
            frame,
            Frame::new(None, texts(&["c0", "c1"]), vec![("y".into(), numbers(&[1, 2]))]).unwrap()
        );
        let warnings = warnings.texts();
        assert!(warnings.len() == 1 && warnings[0].contains("/uns/f/wide"), "{warnings:?}");
    }

    /// Rows of a column that is a group are those of its codes or values.
    #[test]
    fn rows_without_reading_values() {
        let root = written(|w| {
            w.raw_array("uns/a/codes", &ints(&[0, 0, 0]))?;
            w.raw_group("uns/a", &[])?;
            w.raw_array("uns/b/values", &ints(&[0, 0]))?;
            w.raw_group("uns/b", &[])?;
            w.raw_group("uns/c", &[])?;
            w.raw_array("uns/d", &EncodedValue::integer(1))?;
            w.dict(&at("uns"))
        });
        let of = |name: &str| column_rows(&root.descend(name).unwrap());
        assert_eq!((of("uns/a").unwrap(), of("uns/b").unwrap(), of("uns/d").unwrap()), (3, 2, 0));
        assert_eq!(of("uns/c").unwrap_err().kind(), Kind::Malformed);
    }
}
