//! Elements of the other axis: of several with the same name, one is kept or none; see [`Merge`](super::Merge).

use super::arrays::{ArrayPart, StackedArrays};
use super::item::{Joinable, keys, take};
use super::map::IndexMap;
use super::objects::JoinedObjects;
use super::run::ConcatRun;
use crate::anndata::Axes;
use crate::error::{Place, Result};
use crate::matrix::{Orientation, Selected, Source, equal};
use crate::strings::Strings;
use crate::table::{Column, Frame};
use crate::tree::{Array, Location};

/// An element of one part, aligned with the output's rows and columns.
struct Aligned<'m> {
    item: Joinable,
    rows: &'m IndexMap,
    columns: IndexMap,
}

impl Aligned<'_> {
    /// The array in the shape of the output, with NaN at positions that the part does not have.
    fn array<'a>(&'a self, dataset: &'a Array) -> Result<StackedArrays<'a>> {
        let part =
            ArrayPart { dataset: Some(dataset), row: 0, column: 0, rows: self.rows, columns: &self.columns };
        StackedArrays::new(vec![part], [self.rows.len(), self.columns.len()], None)
    }
}

impl ConcatRun<'_> {
    /// A table of names without columns. The index keeps its name if it is the same in all `frames`.
    pub(super) fn plain_frame(&self, frames: &[&Frame], names: &Strings) -> Result<Frame> {
        let name = frames[0].index_name().filter(|n| frames.iter().all(|f| f.index_name() == Some(*n)));
        Frame::new(name.map(str::to_owned), names.clone(), Vec::new())
    }

    /// The joined table of the other axis: names, and the columns that the merge keeps.
    pub(super) fn across_frame(
        &self,
        frames: &[&Frame],
        names: &Strings,
        maps: &[IndexMap],
    ) -> Result<Frame> {
        let mut frame = self.plain_frame(frames, names)?;
        if let Some(merge) = self.options.merge {
            let rows: Vec<_> = maps.iter().map(IndexMap::rows).collect();
            let names: Vec<Vec<&str>> =
                frames.iter().map(|f| f.columns().iter().map(|(n, _)| n.as_str()).collect()).collect();
            for key in merge.keys(&names) {
                let aligned = |(f, rows): (&&Frame, &Vec<_>)| f.column(key).map(|c| c.align(rows));
                let found: Result<Vec<Column>> = frames.iter().zip(&rows).filter_map(aligned).collect();
                let mut found = found?;
                if let Some(i) = merge.choose(&found, |a, b| Ok(a.same(b)))? {
                    frame = frame.with_column(key, found.swap_remove(i))?;
                }
            }
        }
        frame.strings_to_categoricals()
    }

    /// Writes the merged arrays, matrices and tables of the mapping at `path`, aligned by `maps`; `both` if
    /// both of their dimensions are the other axis, as in graphs. `names` are those of the output's other axis.
    pub(super) fn merged_mapping(
        &mut self,
        path: &str,
        names: &Strings,
        maps: &[IndexMap],
        both: bool,
    ) -> Result<()> {
        let at = self.at(path);
        let Some(merge) = self.options.merge else { return self.writer.dict(&at) };
        let mut lists = self.lists(path)?;
        let mut joined = JoinedObjects::default();
        for key in merge.keys(&keys(&lists)).into_iter().map(str::to_owned).collect::<Vec<_>>() {
            let mut found = Vec::new();
            for (list, rows) in lists.iter_mut().zip(maps) {
                if let Some(item) = take(list, &key) {
                    let width = item.extent(1);
                    let columns = if both { rows.clone() } else { IndexMap::first(width, width) };
                    found.push(Aligned { item, rows, columns });
                }
            }
            if joined.link(self, path, &key)? {
                continue;
            }
            let place = at.child(&key).to_string();
            if let Some(i) = merge.choose(&found, |a, b| self.same_aligned(a, b)).in_object(&place)? {
                self.write_aligned(&at.child(&key), &found[i], names).in_object(&place)?;
                joined.note(self, path, &key);
            }
        }
        self.writer.dict(&at)
    }

    /// Writes one element to `at`, aligned.
    fn write_aligned(&mut self, at: &Location, one: &Aligned<'_>, names: &Strings) -> Result<()> {
        match &one.item {
            Joinable::Frame(t) => {
                let frame = t.read(0..t.rows())?.align(&one.rows.rows(), names.clone())?;
                self.writer.frame(at, &frame)
            }
            Joinable::Awkward(a) => self.writer.awkward(at, &a.take(&one.rows.rows())),
            Joinable::Dense(d) => self.writer.dense(at, &one.array(d)?),
            Joinable::Sparse(s) => {
                let source = s.source()?;
                let [lines, minor] = Axes { rows: one.rows.chosen(), columns: one.columns.chosen() }
                    .of(source.layout().orientation);
                let selected = Selected::new(&source, lines, minor, self.budget, self.observer)?;
                self.writer.sparse(at, &selected)
            }
        }
    }

    /// Whether two elements are equal once they are aligned; elements of different kinds are not.
    fn same_aligned(&self, a: &Aligned<'_>, b: &Aligned<'_>) -> Result<bool> {
        match (&a.item, &b.item) {
            (Joinable::Frame(x), Joinable::Frame(y)) => {
                let names = Strings::from_iter(std::iter::repeat_n("", a.rows.len() as usize));
                let (x, y) = (x.read(0..x.rows())?, y.read(0..y.rows())?);
                Ok(x.align(&a.rows.rows(), names.clone())?.same(&y.align(&b.rows.rows(), names)?))
            }
            (Joinable::Awkward(x), Joinable::Awkward(y)) => {
                Ok(x.take(&a.rows.rows()) == y.take(&b.rows.rows()))
            }
            (Joinable::Dense(x), Joinable::Dense(y)) => a.array(x)?.same(&b.array(y)?),
            (Joinable::Sparse(_), Joinable::Sparse(_)) => {
                let x = self.by_rows(Some(&a.item), [0, 0], 0)?;
                let y = self.by_rows(Some(&b.item), [0, 0], x.source().resident_bytes())?;
                debug_assert_eq!(x.source().layout().orientation, Orientation::Csr);
                let (budget, observer) = (self.budget, self.observer);
                let x = Selected::new(x.source(), a.rows.chosen(), a.columns.chosen(), budget, observer)?;
                let y = Selected::new(y.source(), b.rows.chosen(), b.columns.chosen(), budget, observer)?;
                equal(&x, &y, budget)
            }
            _ => Ok(false),
        }
    }
}
