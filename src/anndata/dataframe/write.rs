//! Writes `dataframe`, version 0.2.0.

use crate::anndata::AnnDataWriter;
use crate::anndata::target::{LabelForm, Standing};
use crate::dtype::Dtype;
use crate::error::{Error, Place, Result};
use crate::strings::Strings;
use crate::table::{Column, Frame, Table, TableColumn, blocks};
use crate::tree::{EncodedValue, Location};
use std::collections::HashMap;

impl AnnDataWriter<'_> {
    /// Writes a data frame: the index and each column as a child, then the group (`dataframe` 0.2.0). A column
    /// whose name has a `/` goes into nested groups.
    ///
    /// # Errors
    /// `Unsupported` if two columns would have one place, or a name is no path; `Io` if writing fails; `Limit` if the
    /// budget does not hold the default names of a table without names.
    pub fn frame(&mut self, at: &Location, frame: &Frame) -> Result<()> {
        self.table(at, &Table::of(frame))
    }

    /// As [`frame`](Self::frame), of a table that is read block by block, one column after another.
    ///
    /// # Errors
    /// As [`frame`](Self::frame); errors of reading; `Cancelled`.
    pub fn table(&mut self, at: &Location, table: &Table<'_>) -> Result<()> {
        let renamed = self.encodings.table(at, table, self.observer)?;
        self.table_listing(at, renamed.as_ref().unwrap_or(table), &[])
    }

    /// As [`table`](Self::table), but lists the columns `more`, which do not exist, in `column-order`: the
    /// result is a broken table, for tests.
    pub(crate) fn table_listing(&mut self, at: &Location, table: &Table<'_>, more: &[&str]) -> Result<()> {
        self.budget.hold(table.unmade_index_bytes()).in_object(&at.to_string())?;
        // a column may have the name of the index only if it is the same text, which is then stored once
        let as_column = table.index_name().and_then(|n| table.column(n));
        let same = match as_column {
            Some(column) => is_same_text(column, table.index())?,
            None => false,
        };
        let free = |n: &&str| !n.is_empty() && (as_column.is_none() || same);
        let index = table.index_name().filter(free).unwrap_or("_index");
        let own = std::iter::once(index).filter(|_| !same);
        let places = places(at, own.chain(table.columns().iter().map(|(n, _)| n.as_str())))?;
        let names: Strings =
            table.columns().iter().map(|(n, _)| n.as_str()).chain(more.iter().copied()).collect();
        let mut attributes = self.encoding("dataframe", self.encodings.frame_version())?;
        attributes.push(("_index".into(), self.writer.text(index)?));
        let order = match names.len() {
            // h5py writes an empty list as an empty array of floats
            0 => EncodedValue::numbers(Dtype::Float64, &[0], Vec::new()),
            n => self.writer.texts(&names, &[n as u64])?,
        };
        attributes.push(("column-order".into(), order));
        let mut left = places.columns.iter();
        if !same && let Some(place) = left.next() {
            self.encoded_column(place, &**table.index())?;
        }
        let mut referring = Vec::new();
        for ((name, column), place) in table.columns().iter().zip(left) {
            let path = place.to_string();
            let column =
                self.encodings.column(&path, TableColumn::clone(column), Standing::InTable, self.observer)?;
            match column.head() {
                Column::Categorical(_) if self.encodings.labels() == LabelForm::Referring => {
                    referring.push((name.as_str(), place, column));
                }
                _ => self.encoded_column(place, &*column)?,
            }
        }
        self.referring_columns(at, &referring)?;
        places.groups.iter().try_for_each(|group| self.writer.group(group, &[]))?;
        self.writer.group(at, &attributes)
    }
}

/// A column of labels: its name, place and rows.
type LabelColumn<'l, 't> = (&'l str, &'l Location, TableColumn<'t>);

/// Name of the group of labels in tables of anndata 0.7.
const LABELS: &str = "__categories";

impl AnnDataWriter<'_> {
    /// Writes columns of the table at `at` as anndata 0.7 does: codes whose attribute `categories` refers to their
    /// labels, which are in `__categories`, under the name of the column, and say whether they are ordered.
    fn referring_columns(&mut self, at: &Location, columns: &[LabelColumn<'_, '_>]) -> Result<()> {
        if columns.is_empty() {
            return Ok(());
        }
        let group = at.child(LABELS);
        let places = places(&group, columns.iter().map(|(name, _, _)| *name))?;
        for ((_, place, column), of_labels) in columns.iter().zip(&places.columns) {
            let Column::Categorical(labels) = column.head() else { continue };
            let ordered = ("ordered".to_owned(), EncodedValue::boolean(labels.ordered()));
            self.labels(of_labels, labels.categories(), &[ordered])?;
            let refers = ("categories".to_owned(), self.writer.reference(of_labels)?);
            self.codes(place, labels, &**column, &[refers])?;
        }
        places.groups.iter().try_for_each(|group| self.writer.group(group, &[]))?;
        self.writer.group(&group, &[])
    }
}

/// Whether both columns are text, and the same in each row.
fn is_same_text(a: &TableColumn<'_>, b: &TableColumn<'_>) -> Result<bool> {
    for range in blocks(a.rows()) {
        match (a.read(range.clone())?, b.read(range)?) {
            (Column::Strings(a), Column::Strings(b)) if a == b => {}
            _ => return Ok(false),
        }
    }
    Ok(matches!(a.head(), Column::Strings(_)))
}

/// Where the columns of a data frame are written.
struct Places {
    /// One for each name.
    columns: Vec<Location>,
    /// Groups between the data frame and its columns, inner ones first.
    groups: Vec<Location>,
}

/// The places of columns called `names` in the data frame at `at`. A name with `/` is a path through nested groups,
/// as anndata up to 0.12 writes it.
///
/// # Errors
/// `Unsupported` if a name is no path, or the place of a column is below or at that of another.
fn places<'n>(at: &Location, names: impl Iterator<Item = &'n str>) -> Result<Places> {
    let mut columns = Vec::new();
    // which name has a place, and which is the first inside a group
    let (mut owners, mut inside) = (HashMap::<Location, &str>::new(), HashMap::<Location, &str>::new());
    for name in names {
        let place = if name.contains('/') { at.below(name) } else { at.child(name) };
        if name.starts_with('/') || name.split('/').any(|n| n == ".") || place == *at {
            let text = format!("a column must have a name that is a path, and no path is called '{name}'");
            return Err(Error::unsupported(text).in_object(&at.to_string()));
        }
        let both = |other: &str| {
            let text = format!("'{other}' and '{name}' cannot both be stored in one table");
            Err(Error::unsupported(text).in_object(&at.to_string()))
        };
        if let Some(other) = inside.get(&place).or(owners.get(&place)) {
            return both(other);
        }
        let mut group = place.split().map(|(group, _)| group).filter(|group| group != at);
        while let Some(inner) = group {
            if let Some(other) = owners.get(&inner) {
                return both(other);
            }
            group = inner.split().map(|(group, _)| group).filter(|group| group != at);
            inside.entry(inner).or_insert(name);
        }
        owners.insert(place.clone(), name);
        columns.push(place);
    }
    let mut groups: Vec<Location> = inside.into_keys().collect();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.depth()), group.to_string()));
    Ok(Places { columns, groups })
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use crate::anndata::dataframe::read_frame;
    use crate::anndata::encoding::text_attribute;
    use crate::anndata::tests::{BUDGET, at, open, texts};
    use crate::anndata::{AnnDataWriter, Program, StorageOptions};
    use crate::dtype::Dtype;
    use crate::strings::Strings;
    use crate::table::{Categorical, Column, Frame};
    use crate::tree::Node;

    /// A table with `columns`, as written for `target`.
    fn written_for(target: Program, columns: Vec<(String, Column)>) -> (Node, Frame) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5ad");
        let frame = Frame::new(Some("id".into()), texts(&["r0", "r1", "r2"]), columns).unwrap();
        let w = AnnDataWriter::create(&path, false, StorageOptions::default(), BUDGET, &()).unwrap();
        let mut w = w.read_by(Some(target));
        w.frame(&at("obs"), &frame).unwrap();
        w.finish().unwrap();
        (open(&path).descend("obs").unwrap(), frame)
    }

    fn labels(names: &[&str], ordered: bool) -> Column {
        Column::Categorical(Categorical::new(&[1, -1, 0], Column::Strings(texts(names)), ordered).unwrap())
    }

    /// anndata 0.7: codes refer to their labels, which lie in `__categories` under the name of the column.
    #[test]
    fn codes_refer_to_their_labels() {
        let many: Strings = (0..200).map(|n| n.to_string()).collect();
        let many =
            Column::Categorical(Categorical::new(&[199, 0, -1], Column::Strings(many), false).unwrap());
        let numbers = Column::Numbers { dtype: Dtype::Int16, bytes: vec![7, 0, 1, 0] };
        let numbers = Column::Categorical(Categorical::new(&[0, 1, 1], numbers, false).unwrap());
        let columns = [
            ("a", labels(&["x", "y"], true)),
            ("b/c", labels(&["z", "y"], false)),
            ("many", many),
            ("n", numbers),
        ];
        let columns = columns.into_iter().map(|(name, c)| (name.to_owned(), c)).collect();
        let (obs, frame) = written_for(Program::AnnData07, columns);
        assert_eq!(text_attribute(&obs, "encoding-version").unwrap().as_deref(), Some("0.1.0"));
        assert_eq!(read_frame(&obs, None, 0, &()).unwrap(), frame);
        for (name, width) in [("a", 1), ("b/c", 1), ("many", 2)] {
            let codes = obs.descend(name).unwrap();
            assert_eq!(codes.array().unwrap().datatype().size, width);
            let reference = codes.attribute("categories").unwrap().unwrap();
            assert_eq!(
                (reference.datatype().name(), reference.shape()),
                ("reference".to_owned(), Some(&[][..]))
            );
            assert!(
                codes.attribute("encoding-type").unwrap().is_none(),
                "an encoding would hide the reference"
            );
            assert!(
                obs.descend(&format!("__categories/{name}")).unwrap().attribute("ordered").unwrap().is_some()
            );
        }
        let none = written_for(Program::AnnData07, Vec::new()).0;
        assert!(none.child("__categories").unwrap().is_none());
    }

    /// R: the group has SeuratDisk's factor too, and no bool in its attributes.
    #[test]
    fn factors_for_r() {
        let (obs, frame) = written_for(Program::R, vec![("a".to_owned(), labels(&["x", "y"], true))]);
        assert_eq!(read_frame(&obs, None, 0, &()).unwrap(), frame);
        let column = obs.descend("a").unwrap();
        assert_eq!(column.attribute("ordered").unwrap().unwrap().datatype().name(), "int64");
        let values = column.descend("values").unwrap().array().unwrap();
        assert_eq!(
            (values.datatype().name(), values.read().unwrap().integers().unwrap()),
            ("int32".to_owned(), vec![2, i64::from(i32::MIN), 1])
        );
        let [levels, categories] = ["levels", "categories"].map(|name| column.descend(name).unwrap().id());
        assert_eq!(levels, categories);
    }
}
