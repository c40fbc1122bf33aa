//! Compound datasets of anndata 0.6 and earlier: data frames with their categories in `uns`, and mappings.

use crate::anndata::LeaveOut;
use crate::anndata::column::{ArrayRows, from_value};
#[cfg(feature = "write")]
use crate::anndata::{AnnDataWriter, axes::Axes, chosen::select_value};
use crate::dtype::{Scalar, scalar_at};
use crate::error::{Error, Place, Result};
use crate::observe::{Observer, Warning};
use crate::strings::Strings;
use crate::sync::lock;
use crate::table::{Categorical, Column, ColumnRows, Table, TableColumn, blocks, check_column};
#[cfg(feature = "write")]
use crate::tree::Location;
use crate::tree::{Node, Value};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Opens a data frame stored as a compound dataset: the first member is the index; a member of integers is
/// categorical if `uns` has its categories. Members that cannot be a column are left out with a warning, and
/// what else `leave` leaves out.
///
/// # Errors
/// `Unsupported` if it is not a compound; `Malformed` if it has no member; `Cancelled`; otherwise errors of
/// reading.
pub(crate) fn open_frame(
    object: &Node,
    uns: Option<&Node>,
    leave: &LeaveOut,
    observer: &dyn Observer,
) -> Result<Table<'static>> {
    let records = Arc::new(CompoundRows::open(object)?);
    let value = records.read(0..0)?;
    let names: Vec<String> = value
        .member_names()
        .ok_or_else(|| Error::unsupported(format!("expected a data frame, got {}", value.datatype().name())))
        .in_object(object.path())?
        .into_iter()
        .map(str::to_owned)
        .collect();
    let Some((index_name, rest)) = names.split_first() else {
        return Err(
            Error::malformed("expected a data frame with an index, got no member").in_object(object.path())
        );
    };
    let index = Arc::new(MemberColumn::open(&records, index_name)?);
    let mut columns: Vec<(String, TableColumn<'static>)> = Vec::new();
    for name in rest {
        observer.check_cancelled()?;
        let path = format!("{}/{name}", object.path());
        if leave.names(&path) {
            continue;
        }
        let opened = MemberColumn::open(&records, name).and_then(|column| {
            if leave.unreadable {
                check_column(&column, observer)?;
            }
            Ok(column)
        });
        let column = match opened {
            Ok(c) => c,
            Err(e) if leave.covers(&e) => {
                observer.warn(&Warning::column(path, e));
                continue;
            }
            Err(e) => return Err(e),
        };
        columns.push((name.clone(), Arc::new(column.with_labels(uns)?)));
    }
    Table::new(Some(index_name.clone()), index, columns).in_object(object.path())
}

/// The rows of a compound dataset.
struct CompoundRows {
    rows: ArrayRows,
    path: String,
    /// The rows read last, because the members are read one after another.
    last: Mutex<Option<(Range<u64>, Value)>>,
}

impl CompoundRows {
    fn open(object: &Node) -> Result<Self> {
        let rows = ArrayRows::whole_chunks(&object.array()?).in_object(object.path())?;
        Ok(CompoundRows { rows, path: object.path().to_owned(), last: Mutex::default() })
    }

    fn read(&self, range: Range<u64>) -> Result<Value> {
        let mut last = lock(&self.last);
        if let Some((read, value)) = &*last
            && *read == range
        {
            return Ok(value.clone());
        }
        let value = self.rows.value(range.clone()).in_object(&self.path)?;
        *last = Some((range, value.clone()));
        Ok(value)
    }
}

/// A member of a compound dataset as a column.
struct MemberColumn {
    records: Arc<CompoundRows>,
    name: String,
    head: Column,
}

impl MemberColumn {
    fn open(records: &Arc<CompoundRows>, name: &str) -> Result<Self> {
        let mut column = MemberColumn {
            records: Arc::clone(records),
            name: name.to_owned(),
            head: Column::Strings(Strings::new()),
        };
        column.head = column.plain(0..0)?;
        column.plain(0..records.rows.rows().min(1))?;
        Ok(column)
    }

    /// The rows `range` as stored: numbers, not labels.
    fn plain(&self, range: Range<u64>) -> Result<Column> {
        let value = self.records.read(range)?;
        value
            .member(&self.name)
            .and_then(|member| from_value(&member))
            .in_object(&format!("{}/{}", self.records.path, self.name))
    }

    /// Makes a column of integers categorical if `uns/NAME_categories` has a category for every code. The file
    /// does not say whether these belong to `obs` or to `var`.
    fn with_labels(mut self, uns: Option<&Node>) -> Result<Self> {
        let numbers = matches!(&self.head, Column::Numbers { dtype, .. } if !dtype.is_float());
        let Some(uns) = uns.filter(|_| numbers) else { return Ok(self) };
        let Some(labels) = uns.child(&format!("{}_categories", self.name))? else { return Ok(self) };
        let Ok(labels) = labels.array().and_then(|d| d.read()) else { return Ok(self) };
        let labels = from_value(&labels)?;
        for range in blocks(self.rows()) {
            let codes = codes_of(&self.plain(range)?);
            if codes.is_none_or(|codes| codes.iter().any(|c| *c >= labels.len() as i64)) {
                return Ok(self);
            }
        }
        self.head = Column::Categorical(Categorical::new(&[], labels, false)?);
        Ok(self)
    }
}

impl ColumnRows for MemberColumn {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.records.rows.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let first = range.start;
        let column = self.plain(range)?;
        match &self.head {
            Column::Categorical(labels) => {
                Ok(Column::Categorical(labels.part(&codes_of(&column).unwrap_or_default(), first)?))
            }
            _ => Ok(column),
        }
    }
}

/// The integers of a column as codes; `None` if they are none.
fn codes_of(column: &Column) -> Option<Vec<i64>> {
    let Column::Numbers { dtype, bytes } = column else { return None };
    (0..column.len())
        .map(|i| match scalar_at(*dtype, bytes, i)? {
            Scalar::Int(v) => i64::try_from(v).ok(),
            Scalar::Bool(v) => Some(i64::from(v)),
            Scalar::Float(..) => None,
        })
        .collect()
}

#[cfg(feature = "write")]
impl AnnDataWriter<'_> {
    /// Writes each member of a compound dataset as a separate array, selecting `rows` of it: `obsm` and
    /// `varm` of anndata 0.5 are compounds with an array for each key.
    ///
    /// # Errors
    /// Errors of reading and of writing.
    pub fn compound_mapping(&mut self, at: &Location, object: &Node, rows: Option<&[u64]>) -> Result<()> {
        let value = object.array()?.read()?;
        for name in value.member_names().unwrap_or_default() {
            let member = value.member(name)?.unpacked();
            let member = match rows {
                Some(_) => select_value(&member, Axes { rows, columns: None }, object)?,
                None => member,
            };
            let encoded = self.writer.value(&member)?;
            self.array(&at.child(name), &encoded, "array")?;
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{Warnings, at, bytes, fixed_string, fixture, ints, texts, written};
    use crate::dtype::{Class, Datatype, Dtype, Member};
    use crate::error::Kind;
    use crate::table::Frame;
    use crate::tree::EncodedValue;

    fn read_frame(
        object: &Node,
        uns: Option<&Node>,
        leave: &LeaveOut,
        observer: &dyn Observer,
    ) -> Result<Frame> {
        let table = open_frame(object, uns, leave, observer)?;
        table.read(0..table.rows())
    }

    fn labels(list: &[&str], codes: &[i64]) -> Column {
        Column::Categorical(Categorical::new(codes, Column::Strings(texts(list)), false).unwrap())
    }

    /// A file as anndata 0.6 wrote it with h5py: labels of `kind` are `uns/kind_categories`, the index is the first member.
    #[test]
    fn labels_come_from_uns() {
        let root = fixture("anndata_06.h5ad");
        let (obs, uns) = (root.descend("obs").unwrap(), root.descend("uns").unwrap());
        let frame = read_frame(&obs, Some(&uns), &LeaveOut::default(), &()).unwrap();
        let names = texts(&["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"]);
        let halves = [0.0f64, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5];
        let q = halves.iter().flat_map(|v| v.to_le_bytes()).collect();
        let columns = vec![
            ("kind".to_owned(), labels(&["one", "two"], &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1])),
            ("q".to_owned(), Column::Numbers { dtype: Dtype::Float64, bytes: q }),
        ];
        assert_eq!(frame, Frame::new(Some("index".into()), names, columns).unwrap());
        let alone = read_frame(&obs, None, &LeaveOut::default(), &()).unwrap();
        let codes = Column::Numbers { dtype: Dtype::Int8, bytes: vec![0, 1, 0, 1, 0, 1, 0, 1, 0, 1] };
        assert_eq!(alone.column("kind"), Some(&codes), "without uns they are numbers");
    }

    /// Two rows: a name of two bytes, an integer of one byte, and a byte that means nothing.
    fn two_rows() -> EncodedValue {
        let of = |size, class| Datatype { size, class };
        let member = |name: &str, offset, datatype| Member { name: name.to_owned(), offset, datatype };
        let members = vec![
            member("index", 0, fixed_string(2)),
            member("kind", 2, Datatype::of(Dtype::Uint8)),
            member("note", 3, of(1, Class::Opaque { tag: "?".into() })),
        ];
        let bytes = b"c0\x00.c1\x02.".to_vec();
        EncodedValue::elements(&of(4, Class::Compound(members)), &[2], bytes)
    }

    /// Whether labels in `uns` are meant for a column is not said: they are only if every code has one. What no column
    /// holds is left out.
    #[test]
    fn labels_that_do_not_fit_are_not_taken() {
        for (list, expected) in [
            (&["a", "b", "c"][..], labels(&["a", "b", "c"], &[0, 2])),
            (&["a", "b"], Column::Numbers { dtype: Dtype::Uint8, bytes: vec![0, 2] }),
        ] {
            let root = written(|w| {
                w.raw_array("obs", &two_rows())?;
                w.strings(&at("uns/kind_categories"), &texts(list))?;
                w.dict(&at("uns"))
            });
            let warnings = Warnings::default();
            let (obs, uns) = (root.descend("obs").unwrap(), root.descend("uns").unwrap());
            let frame = read_frame(&obs, Some(&uns), &LeaveOut::default(), &warnings).unwrap();
            let columns = vec![("kind".to_owned(), expected)];
            assert_eq!(frame, Frame::new(Some("index".into()), texts(&["c0", "c1"]), columns).unwrap());
            let warnings = warnings.texts();
            assert!(warnings.len() == 1 && warnings[0].contains("/obs/note"), "{warnings:?}");
        }
    }

    #[test]
    fn an_array_of_numbers_is_no_frame() {
        let root =
            written(|w| w.raw_array("obs", &ints(&[1])).and_then(|()| w.raw_array("var", &bytes(&[0], &[]))));
        for name in ["obs", "var"] {
            let error =
                read_frame(&root.descend(name).unwrap(), None, &LeaveOut::default(), &()).unwrap_err();
            assert_eq!(error.kind(), Kind::Unsupported, "{error}");
            assert_eq!(error.object(), Some(&*format!("/{name}")));
        }
    }
}
