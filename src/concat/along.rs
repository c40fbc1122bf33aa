//! Elements that lie along the axis: one part's below the other's.

use super::arrays::{ArrayPart, Arrays, bytes_of, type_of};
use super::held::Held;
use super::item::{Item, items, keys, take};
use super::map::Map;
use super::run::Run;
use super::{Axis, shape_of};
use crate::anndata::Awkward;
use crate::dtype::Dtype;
use crate::error::{Error, Place, Result};
use crate::matrix::{Fill, Orientation, Selected, Source, Stacked, StackedPart};
use crate::observe::{Phase, Verb};
use crate::strings::Strings;
use crate::table::{Frame, Join};
use crate::tree::Location;

/// The axis of the whole.
pub(super) struct Along {
    /// Rows of each part.
    pub(super) lengths: Vec<u64>,
    /// The name of each row.
    pub(super) names: Strings,
}

impl Run<'_> {
    /// The elements of a mapping, of each part.
    pub(super) fn lists(&self, name: &str) -> Result<Vec<Vec<(String, Item)>>> {
        let list = |p: &super::parts::Part| items(p.object(name).as_ref(), self.observer).in_file(&p.path);
        self.parts.iter().map(list).collect()
    }

    /// Every element of a mapping; `maps` of the other axis, or each element's own second dimension.
    pub(super) fn joined_mapping(&mut self, name: &str, along: &Along, maps: Option<&[Map]>) -> Result<()> {
        let mut lists = self.lists(name)?;
        let mapping = Location::from_path(name);
        for key in self.options.join.keys(&keys(&lists)).into_iter().map(str::to_owned).collect::<Vec<_>>() {
            let found: Vec<Option<Item>> = lists.iter_mut().map(|l| take(l, &key)).collect();
            let at = mapping.child(&key);
            let written = match maps {
                Some(maps) => self.joined(&at, along, &found, maps),
                None => self.joined_by_width(&at, along, &found),
            };
            written.in_object(&at.to_string())?;
        }
        self.writer.dict(&mapping)
    }

    /// Elements with second dimensions of their own, cut to the narrowest or padded to the widest; tables by columns.
    fn joined_by_width(&mut self, at: &Location, along: &Along, found: &[Option<Item>]) -> Result<()> {
        let frames = found.iter().flatten().filter(|i| matches!(i, Item::Frame(_))).count();
        if frames > 0 {
            if frames < found.iter().flatten().count() {
                return Err(Error::unsupported("a table in one part and an array in another"));
            }
            let nothing: Vec<Frame> = along.lengths.iter().map(|n| Frame::unnamed(*n)).collect();
            let frames: Vec<&Frame> = found
                .iter()
                .zip(&nothing)
                .map(|(item, nothing)| match item {
                    Some(Item::Frame(f)) => f,
                    _ => nothing,
                })
                .collect();
            let frame = Frame::concat(&frames, self.options.join)?.with_index(along.names.clone())?;
            return self.writer.frame(at, &frame);
        }
        let awkward = found.iter().flatten().any(|i| matches!(i, Item::Awkward(_)));
        if awkward {
            let mut parts = Vec::new();
            for (item, n) in found.iter().zip(&along.lengths) {
                parts.push(match item {
                    Some(Item::Awkward(a)) => a.clone(),
                    None => Awkward::missing(*n as usize),
                    Some(_) => {
                        return Err(Error::unsupported("an awkward array in one part and another in others"));
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
        let map = |i: &Option<Item>| Map::first(width, i.as_ref().map_or(0, |i| i.extent(1)));
        let maps: Vec<Map> = found.iter().map(map).collect();
        // rows of these are what lies along the axis, also where that is var
        self.below_each_other(at, along, found, maps, Axis::Obs)
    }

    /// Matrices, aligned by `maps` across the axis.
    pub(super) fn joined(
        &mut self,
        at: &Location,
        along: &Along,
        found: &[Option<Item>],
        maps: &[Map],
    ) -> Result<()> {
        if found.iter().flatten().any(|i| matches!(i, Item::Frame(_) | Item::Awkward(_))) {
            return Err(Error::unsupported("no matrix where one is expected"));
        }
        // a part without it has none of the other axis
        let map = |(item, map): (&Option<Item>, &Map)| match item {
            Some(_) => map.clone(),
            None => Map::first(map.len(), 0),
        };
        let maps = found.iter().zip(maps).map(map).collect();
        self.below_each_other(at, along, found, maps, self.options.axis)
    }

    /// Elements along `axis`. One compressed matrix makes the whole one.
    fn below_each_other(
        &mut self,
        at: &Location,
        along: &Along,
        found: &[Option<Item>],
        maps: Vec<Map>,
        axis: Axis,
    ) -> Result<()> {
        for ((item, part), n) in found.iter().zip(self.parts).zip(&along.lengths) {
            if let Some(item) = item.as_ref().filter(|i| i.extent(axis.dimension()) != *n) {
                let text = format!("{} rows where {n} are expected", item.extent(axis.dimension()));
                return Err(Error::malformed(text).in_object(&at.to_string()).in_file(&part.path));
            }
        }
        if found.iter().flatten().any(|i| matches!(i, Item::Sparse(_))) {
            return self.compressed(at, along, found, &maps, axis);
        }
        let own: Vec<Map> = along.lengths.iter().map(|n| Map::first(*n, *n)).collect();
        let mut begin = 0;
        let mut parts = Vec::new();
        for ((item, map), own) in found.iter().zip(&maps).zip(&own) {
            let dataset = match item {
                Some(Item::Dense(d)) => Some(d),
                _ => None,
            };
            parts.push(match axis {
                Axis::Obs => ArrayPart { dataset, row: begin, column: 0, rows: own, columns: map },
                Axis::Var => ArrayPart { dataset, row: 0, column: begin, rows: map, columns: own },
            });
            begin += own.len();
        }
        let shape = shape_of(axis, begin, maps.first().map_or(0, Map::len));
        self.writer.dense(at, &Arrays::new(parts, shape, self.options.fill)?)
    }

    fn compressed(
        &mut self,
        at: &Location,
        along: &Along,
        found: &[Option<Item>],
        maps: &[Map],
        axis: Axis,
    ) -> Result<()> {
        let fill = self.options.fill.filter(|f| f.as_f64() != 0.0);
        let mut held = Vec::new();
        for (item, n) in found.iter().zip(&along.lengths) {
            held.push(self.by_rows(item.as_ref(), shape_of(axis, *n, 0), &held)?);
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
                // what scipy makes of nothing
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
        self.write_joined(at, shape_of(axis, begin, maps.first().map_or(0, Map::len)), dtype, parts)
    }

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

    /// An element as compressed rows.
    pub(super) fn by_rows(&self, item: Option<&Item>, shape: [u64; 2], others: &[Held]) -> Result<Held> {
        Held::new(item, shape, others, self.scratch, self.budget, self.observer)
    }

    /// Graphs along the axis as blocks along the diagonal.
    pub(super) fn diagonals(&mut self, name: &str, along: &Along) -> Result<()> {
        let mapping = Location::from_path(name);
        let mut lists = if self.options.pairwise { self.lists(name)? } else { Vec::new() };
        for key in self.options.join.keys(&keys(&lists)).into_iter().map(str::to_owned).collect::<Vec<_>>() {
            let found: Vec<Option<Item>> = lists.iter_mut().map(|l| take(l, &key)).collect();
            let at = mapping.child(&key);
            self.diagonal(&at, along, &found).in_object(&at.to_string())?;
        }
        self.writer.dict(&mapping)
    }

    fn diagonal(&mut self, at: &Location, along: &Along, found: &[Option<Item>]) -> Result<()> {
        let mut held = Vec::new();
        for (item, n) in found.iter().zip(&along.lengths) {
            held.push(self.by_rows(item.as_ref(), [*n, *n], &held)?);
        }
        // one that is not there counts as bools, which every type holds
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
