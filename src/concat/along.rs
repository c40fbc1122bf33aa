//! Elements whose first dimension is the axis: the rows of the parts are appended.

use super::along_axis::AlongAxis;
use super::arrays::{ArrayPart, StackedArrays, bytes_of, type_of};
use super::held::HeldRows;
use super::item::{Joinable, items, keys, take};
use super::map::IndexMap;
use super::objects::JoinedObjects;
use super::run::ConcatRun;
use super::{Axis, shape_of};
use crate::anndata::Awkward;
use crate::dtype::Dtype;
use crate::error::{Error, Place, Result};
use crate::matrix::{Fill, Orientation, Selected, Source, Stacked, StackedPart};
use crate::observe::{Phase, Verb};
use crate::table::{Join, Table};
use crate::tree::Location;

impl ConcatRun<'_> {
    /// For each part, the elements of the mapping `name` that can be joined, with their keys.
    pub(super) fn lists(&self, name: &str) -> Result<Vec<Vec<(String, Joinable)>>> {
        let list = |p: &super::parts::ConcatInput| {
            let items = items(p.object(name).as_ref(), p.data.leave_out(), self.observer).in_file(&p.path)?;
            // mudata makes these anew, from the joined positions
            let kept =
                items.into_iter().filter(|(key, _)| !(name.ends_with('m') && self.modalities.contains(key)));
            Ok(kept.map(|(key, item)| (key, item.of_file(&p.path))).collect())
        };
        self.parts.iter().map(list).collect()
    }

    /// Writes the joined elements of the mapping `name`. With `maps`, columns are aligned by the names of the
    /// other axis; without, each element has its own second dimension (`obsm`, `varm`).
    pub(super) fn joined_mapping(
        &mut self,
        name: &str,
        along: &AlongAxis,
        maps: Option<&[IndexMap]>,
    ) -> Result<()> {
        let mut lists = self.lists(name)?;
        let mapping = self.at(name);
        let mut joined = JoinedObjects::default();
        for key in self.options.join.keys(&keys(&lists)).into_iter().map(str::to_owned).collect::<Vec<_>>() {
            let found: Vec<Option<Joinable>> = lists.iter_mut().map(|l| take(l, &key)).collect();
            let at = mapping.child(&key);
            if joined.link(self, name, &key)? {
                continue;
            }
            let written = match maps {
                Some(maps) => self.joined(&at, along, &found, maps),
                None => self.joined_by_width(&at, along, &found),
            };
            written.in_object(&at.to_string())?;
            joined.note(self, name, &key);
        }
        self.writer.dict(&mapping)
    }

    /// Joins elements that have their own second dimension: arrays are cut to the narrowest (inner) or padded
    /// to the widest (outer), tables are joined by column names, awkward arrays by fields.
    fn joined_by_width(
        &mut self,
        at: &Location,
        along: &AlongAxis,
        found: &[Option<Joinable>],
    ) -> Result<()> {
        let frames = found.iter().flatten().filter(|i| matches!(i, Joinable::Frame(_))).count();
        if frames > 0 {
            if frames < found.iter().flatten().count() {
                return Err(Error::unsupported(
                    "expected tables in all inputs, got a table in one and an array in another",
                ));
            }
            let parts = found.iter().zip(&along.lengths);
            let tables: Vec<Table<'static>> = parts
                .map(|(item, rows)| match item {
                    Some(Joinable::Frame(t)) => t.clone(),
                    _ => Table::unnamed(*rows),
                })
                .collect();
            let blame = |_: usize, name: &str, e: Error| e.context(format_args!("column '{name}'"));
            let table = Table::concat(&tables, self.options.join, &blame)?;
            let table = table.with_index(along.names.clone())?;
            return self.writer.table(at, &table);
        }
        let awkward = found.iter().flatten().any(|i| matches!(i, Joinable::Awkward(_)));
        if awkward {
            let mut parts = Vec::new();
            for (item, n) in found.iter().zip(&along.lengths) {
                parts.push(match item {
                    Some(Joinable::Awkward(a)) => a.clone(),
                    None => Awkward::missing(*n as usize),
                    Some(_) => {
                        return Err(Error::unsupported(
                            "expected awkward arrays in all inputs, got another type in some",
                        ));
                    }
                });
            }
            let parts: Vec<&Awkward> = parts.iter().collect();
            return self.writer.awkward(at, &Awkward::concat(&parts, self.options.join == Join::Inner)?);
        }
        let widths = || found.iter().flatten().map(|i| i.extent(1));
        let width = match self.options.join {
            Join::Inner => widths().min().unwrap_or(0),
            Join::Outer => widths().max().unwrap_or(0),
        };
        let map = |i: &Option<Joinable>| IndexMap::first(width, i.as_ref().map_or(0, |i| i.extent(1)));
        let maps: Vec<IndexMap> = found.iter().map(map).collect();
        // `varm` has genes as rows: the first dimension is the axis, even when the axis is var
        self.appended(at, along, found, maps, Axis::Obs)
    }

    /// Joins matrices whose columns (rows, if the axis is var) are aligned by `maps`, one for each part.
    pub(super) fn joined(
        &mut self,
        at: &Location,
        along: &AlongAxis,
        found: &[Option<Joinable>],
        maps: &[IndexMap],
    ) -> Result<()> {
        if found.iter().flatten().any(|i| matches!(i, Joinable::Frame(_) | Joinable::Awkward(_))) {
            return Err(Error::unsupported("expected a matrix, got a table or an awkward array"));
        }
        // a part without this element has no position of the other axis
        let map = |(item, map): (&Option<Joinable>, &IndexMap)| match item {
            Some(_) => map.clone(),
            None => IndexMap::first(map.len(), 0),
        };
        let maps = found.iter().zip(maps).map(map).collect();
        self.appended(at, along, found, maps, self.options.axis)
    }

    /// Appends `found` along `axis`, aligned by `maps` on the other. The output is compressed if one part is.
    ///
    /// # Errors
    /// `Malformed` if a part's element does not have the length of its axis.
    fn appended(
        &mut self,
        at: &Location,
        along: &AlongAxis,
        found: &[Option<Joinable>],
        maps: Vec<IndexMap>,
        axis: Axis,
    ) -> Result<()> {
        for ((item, part), n) in found.iter().zip(self.parts).zip(&along.lengths) {
            if let Some(item) = item.as_ref().filter(|i| i.extent(axis.dimension()) != *n) {
                let unit = if axis == Axis::Obs { "rows" } else { "columns" };
                let text = format!("expected {n} {unit}, got {}", item.extent(axis.dimension()));
                return Err(Error::malformed(text).in_object(&at.to_string()).in_file(&part.path));
            }
        }
        if found.iter().flatten().any(|i| matches!(i, Joinable::Sparse(_))) {
            return self.compressed(at, along, found, &maps, axis);
        }
        let own: Vec<IndexMap> = along.lengths.iter().map(|n| IndexMap::first(*n, *n)).collect();
        let mut begin = 0;
        let mut parts = Vec::new();
        for ((item, map), own) in found.iter().zip(&maps).zip(&own) {
            let dataset = match item {
                Some(Joinable::Dense(d)) => Some(d),
                _ => None,
            };
            parts.push(match axis {
                Axis::Obs => ArrayPart { dataset, row: begin, column: 0, rows: own, columns: map },
                Axis::Var => ArrayPart { dataset, row: 0, column: begin, rows: map, columns: own },
            });
            begin += own.len();
        }
        let shape = shape_of(axis, begin, maps.first().map_or(0, IndexMap::len));
        self.writer.dense(at, &StackedArrays::new(parts, shape, self.options.fill)?)
    }

    /// Joins the parts as one CSR matrix; dense parts are compressed, and CSC parts are transposed first.
    fn compressed(
        &mut self,
        at: &Location,
        along: &AlongAxis,
        found: &[Option<Joinable>],
        maps: &[IndexMap],
        axis: Axis,
    ) -> Result<()> {
        let fill = self.options.fill.filter(|f| f.as_f64() != 0.0);
        let (mut held, mut used) = (Vec::new(), 0);
        for (item, n) in found.iter().zip(&along.lengths) {
            let rows = self.by_rows(item.as_ref(), shape_of(axis, *n, 0), used)?;
            used += rows.source().resident_bytes();
            held.push(rows);
        }
        let mut selected = Vec::new();
        let mut dtype: Option<Dtype> = None;
        for ((item, map), h) in found.iter().zip(maps).zip(&held) {
            let (lines, minor) = match axis {
                Axis::Obs => (None, map.chosen()),
                Axis::Var => (map.chosen(), None),
            };
            selected.push(Selected::new(h.source(), lines, minor, self.budget, self.observer)?);
            let gaps = map.absent().next().is_some();
            let empty = gaps && item.as_ref().is_none_or(|i| i.extent(axis.other().dimension()) == 0);
            let own = match (empty, fill) {
                // scipy's type for a matrix made from nothing
                (true, None) => Dtype::Float64,
                (true, Some(f)) => type_of(f),
                (false, Some(f)) if gaps => h.source().layout().dtype.promoted(type_of(f)),
                _ => h.source().layout().dtype,
            };
            dtype = Some(dtype.map_or(own, |d| d.promoted(own)));
        }
        let dtype = dtype.unwrap_or(Dtype::Float32);
        let mut parts = Vec::new();
        let mut begin = 0;
        for ((from, map), n) in selected.iter().zip(maps).zip(&along.lengths) {
            let fill = fill.map(|f| {
                let (mut minor, mut lines) = (Vec::new(), Vec::new());
                match axis {
                    Axis::Obs => minor.extend(map.absent().map(|m| m as u32)),
                    Axis::Var => lines.extend(map.absent()),
                }
                Fill { value: bytes_of(f, dtype), minor, lines }
            });
            let [line, minor] = shape_of(axis, begin, 0);
            parts.push(StackedPart { from, line, minor, fill });
            begin += n;
        }
        self.write_joined(at, shape_of(axis, begin, maps.first().map_or(0, IndexMap::len)), dtype, parts)
    }

    /// Writes `parts` as one CSR matrix.
    fn write_joined(
        &mut self,
        at: &Location,
        shape: [u64; 2],
        dtype: Dtype,
        parts: Vec<StackedPart<'_>>,
    ) -> Result<()> {
        let joined = Stacked::new(Orientation::Csr, shape, dtype, parts)?;
        let bytes = joined.layout().bytes();
        self.observer.phase(&Phase::new(Verb::Joining, bytes).of(&at.to_string()));
        self.writer.sparse(at, &joined)
    }

    /// Opens an element as compressed rows; see [`HeldRows::new`].
    pub(super) fn by_rows(&self, item: Option<&Joinable>, shape: [u64; 2], used: u64) -> Result<HeldRows> {
        HeldRows::new(item, shape, used, self.temporary, self.budget, self.observer)
    }

    /// Writes the graphs of the mapping `name` (`obsp` or `varp`), one block of the diagonal for each part;
    /// none if `pairwise` is off.
    pub(super) fn diagonals(&mut self, name: &str, along: &AlongAxis) -> Result<()> {
        let mapping = self.at(name);
        let mut lists = if self.options.pairwise { self.lists(name)? } else { Vec::new() };
        let mut joined = JoinedObjects::default();
        for key in self.options.join.keys(&keys(&lists)).into_iter().map(str::to_owned).collect::<Vec<_>>() {
            let found: Vec<Option<Joinable>> = lists.iter_mut().map(|l| take(l, &key)).collect();
            let at = mapping.child(&key);
            if joined.link(self, name, &key)? {
                continue;
            }
            self.diagonal(&at, along, &found).in_object(&at.to_string())?;
            joined.note(self, name, &key);
        }
        self.writer.dict(&mapping)
    }

    /// Joins one graph; a part without it has an empty block.
    fn diagonal(&mut self, at: &Location, along: &AlongAxis, found: &[Option<Joinable>]) -> Result<()> {
        let (mut held, mut used) = (Vec::new(), 0);
        for (item, n) in found.iter().zip(&along.lengths) {
            let rows = self.by_rows(item.as_ref(), [*n, *n], used)?;
            used += rows.source().resident_bytes();
            held.push(rows);
        }
        // a missing graph counts as bool, which promotes to any type
        let there = found.iter().zip(&held).filter(|(i, _)| i.is_some());
        let dtype = there.map(|(_, h)| h.source().layout().dtype).reduce(Dtype::promoted);
        let mut begin = 0;
        let mut parts = Vec::new();
        for (h, n) in held.iter().zip(&along.lengths) {
            parts.push(StackedPart { from: h.source(), line: begin, minor: begin, fill: None });
            begin += n;
        }
        self.write_joined(at, [begin; 2], dtype.unwrap_or(Dtype::Bool), parts)
    }
}
