//! Several dense arrays as one, read by rows: each part is converted to the common type and placed at its
//! position.

use super::map::IndexMap;
use crate::array::{InOrder, Room, Rows, SelectedRows};
use crate::dtype::{Datatype, Dtype, Numeric, Policy, Scalar, cast};
use crate::error::{Error, Result};
use crate::matrix::ABSENT;
use crate::table::Column;
use crate::tree::Array;
use std::ops::Range;

/// One part of a [`StackedArrays`], and where it goes.
pub(super) struct ArrayPart<'a> {
    /// The values of the part; if `None`, all of its positions get the fill value.
    pub(super) dataset: Option<&'a Array>,
    /// The row of the output where the part begins.
    pub(super) row: u64,
    /// The column of the output where the part begins.
    pub(super) column: u64,
    /// For each row of the output that the part covers, the row of the part.
    pub(super) rows: &'a IndexMap,
    /// For each column of the output that the part covers, the column of the part.
    pub(super) columns: &'a IndexMap,
}

/// Several arrays as one, with the promoted type of all.
pub(super) struct StackedArrays<'a> {
    parts: Vec<ArrayPart<'a>>,
    dtype: Dtype,
    datatype: Datatype,
    shape: Vec<u64>,
    /// The fill value as bytes of the output's type.
    absent: Vec<u8>,
}

impl<'a> StackedArrays<'a> {
    /// Arranges `parts` in an array of `shape`; inner dimensions follow those of the parts. Positions
    /// that no part has get `fill`, or NaN if it is `None`.
    ///
    /// # Errors
    /// `Unsupported` if the parts differ in the number of dimensions or in the inner ones, or if bools need a
    /// fill value.
    pub(super) fn new(parts: Vec<ArrayPart<'a>>, shape: [u64; 2], fill: Option<Scalar>) -> Result<Self> {
        let fill = fill.unwrap_or(Scalar::Float(f64::NAN, Dtype::Float64));
        let mut dtype = None;
        let mut first: Option<&[u64]> = None;
        for part in &parts {
            let gaps = [part.rows, part.columns].map(|m| m.absent().next().is_some());
            let one = match part.dataset {
                Some(d) => {
                    let stored = Numeric::of(d.datatype()).map_or(Dtype::Float64, |n| n.dtype);
                    let (a, b) = (*first.get_or_insert(d.shape()), d.shape());
                    if a.len() != b.len() || a.get(2..) != b.get(2..) {
                        return Err(Error::unsupported(format!(
                            "expected arrays that differ in rows and columns only, got shapes {a:?} and {b:?}"
                        )));
                    }
                    let nothing = |i: usize| gaps[i] && d.shape().get(i) == Some(&0);
                    match gaps[0] || gaps[1] {
                        // an empty array takes the type of the fill value, as in numpy
                        true if nothing(0) || nothing(1) => type_of(fill),
                        true => holding(stored, fill)?,
                        false => stored,
                    }
                }
                None => type_of(fill),
            };
            dtype = Some(dtype.map_or(one, |d: Dtype| d.promoted(one)));
        }
        let dtype = dtype.unwrap_or(Dtype::Float64);
        let inner = first.and_then(|s| s.get(2..)).unwrap_or_default();
        let two = parts.iter().any(|p| p.dataset.is_none_or(|d| d.shape().len() > 1));
        let shape = if two { [&shape[..], inner].concat() } else { vec![shape[0]] };
        Ok(StackedArrays {
            parts,
            dtype,
            datatype: Datatype::of(dtype),
            shape,
            absent: bytes_of(fill, dtype),
        })
    }

    /// Writes what `part` has of the rows `range` into `out`, which holds just these rows.
    fn place(&self, part: &ArrayPart<'_>, range: &Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()> {
        let covered = part.row.max(range.start)..(part.row + part.rows.len()).min(range.end);
        if covered.is_empty() {
            return Ok(());
        }
        let inside = covered.start - part.row..covered.end - part.row;
        let (size, row_bytes) = (self.dtype.size(), self.row_bytes() as usize);
        let inner = self.shape.get(2..).unwrap_or_default().iter().product::<u64>() as usize * size;
        let columns = part.column as usize * inner..(part.column + part.columns.len()) as usize * inner;
        let (values, row_in) = self.values(part, inside.clone(), room)?;
        let mut read = values.chunks_exact(row_in.max(1));
        for (i, row) in inside.enumerate() {
            let at = ((covered.start - range.start) as usize + i) * row_bytes;
            let to = &mut out[at..at + row_bytes][columns.clone()];
            let there =
                part.dataset.is_some() && part.rows.chosen().is_none_or(|c| c[row as usize] != ABSENT);
            let from = if there { read.next().unwrap_or_default() } else { &[] };
            match part.columns.chosen() {
                None if there => to.copy_from_slice(from),
                Some(chosen) if there => {
                    for (c, slot) in chosen.iter().zip(to.chunks_exact_mut(inner.max(1))) {
                        match *c {
                            ABSENT => self.fill(slot),
                            c => slot.copy_from_slice(&from[c as usize * inner..][..inner]),
                        }
                    }
                }
                _ => self.fill(to),
            }
        }
        Ok(())
    }

    /// Fills `slot`, the bytes of whole values, with the fill value.
    fn fill(&self, slot: &mut [u8]) {
        slot.chunks_exact_mut(self.absent.len()).for_each(|s| s.copy_from_slice(&self.absent));
    }

    /// Reads those of the rows `rows` (counted from the part's first) that exist in the part, in the type of
    /// the output. Returns their bytes, and the bytes of one row.
    fn values(&self, part: &ArrayPart<'_>, rows: Range<u64>, room: &mut Room) -> Result<(Vec<u8>, usize)> {
        let Some(dataset) = part.dataset else { return Ok((Vec::new(), 0)) };
        let chosen: Option<Vec<u64>> = part.rows.chosen().map(|c| {
            c[rows.start as usize..rows.end as usize].iter().copied().filter(|r| *r != ABSENT).collect()
        });
        let wanted = chosen.as_ref().map_or(rows, |c| 0..c.len() as u64);
        let width: usize = dataset.shape()[1..].iter().product::<u64>() as usize;
        let n = (wanted.end - wanted.start) as usize * width;
        let values = Numeric::of(dataset.datatype()).ok_or_else(|| {
            Error::unsupported(format!("expected numbers, got {}", dataset.datatype().name()))
        })?;
        let mut raw = vec![0; n * values.stored_size()];
        if n > 0 {
            SelectedRows::new(dataset, chosen.as_deref(), None)?.read(wanted, &mut raw, room)?;
        }
        let mut plain = if values.is_native() {
            raw
        } else {
            let mut plain = vec![0; n * values.dtype.size()];
            values.convert(&raw, &mut plain);
            plain
        };
        if values.dtype != self.dtype {
            let mut out = vec![0; n * self.dtype.size()];
            cast(values.dtype, &plain, self.dtype, &mut out, Policy::Round).map_err(|_| {
                Error::malformed(format!("a value of type {} does not fit {}", values.dtype, self.dtype))
            })?;
            plain = out;
        }
        Ok((plain, width * self.dtype.size()))
    }

    /// Whether both have the same type, shape and values; NaN equals NaN. Compares about 4 MiB at a time.
    pub(super) fn same(&self, other: &StackedArrays<'_>) -> Result<bool> {
        if (self.dtype, &self.shape) != (other.dtype, &other.shape) {
            return Ok(false);
        }
        let (rows, row) = (self.shape[0], self.row_bytes() as usize);
        let strip = ((4 << 20) / row.max(1) as u64).max(1);
        let room = |of: &StackedArrays<'_>| {
            if of.together() > strip { Room::in_order() } else { Room::default() }
        };
        let (mut rooms, mut start) = ([room(self), room(other)], 0);
        while start < rows {
            let range = start..(start + strip).min(rows);
            let column = |from: &StackedArrays<'_>, room: &mut Room| -> Result<Column> {
                let mut bytes = vec![0; (range.end - range.start) as usize * row];
                from.read(range.clone(), &mut bytes, room)?;
                Ok(Column::Numbers { dtype: self.dtype, bytes })
            };
            let [room_a, room_b] = &mut rooms;
            if !column(self, room_a)?.same(&column(other, room_b)?) {
                return Ok(false);
            }
            start = range.end;
        }
        Ok(true)
    }
}

impl Rows for StackedArrays<'_> {
    fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    fn shape(&self) -> &[u64] {
        &self.shape
    }

    fn together(&self) -> u64 {
        self.parts.iter().filter_map(|p| p.dataset).map(Rows::together).max().unwrap_or(1)
    }

    fn in_order(&self) -> Result<Option<InOrder>> {
        // those below each other are read one after the other, and need no more than one of them
        let mut beside: Vec<(u64, InOrder)> = Vec::new();
        for part in &self.parts {
            let Some(order) = part.dataset.map(Rows::in_order).transpose()?.flatten() else { continue };
            let chosen = part.rows.chosen().unwrap_or_default();
            let sorted = chosen.iter().filter(|row| **row != ABSENT).is_sorted();
            let order = InOrder { ascending: order.ascending && sorted, ..order };
            match beside.last_mut() {
                Some((column, other)) if *column == part.column => {
                    other.memory = other.memory.max(order.memory);
                    other.ascending &= order.ascending;
                }
                _ => beside.push((part.column, order)),
            }
        }
        Ok(beside.into_iter().map(|(_, order)| order).reduce(InOrder::beside))
    }

    fn room_bytes(&self) -> u64 {
        self.parts.iter().filter_map(|p| p.dataset).map(Rows::room_bytes).max().unwrap_or(0)
    }

    fn row_cost(&self) -> u64 {
        let row = |d: &Array| d.shape()[1..].iter().product::<u64>() * (u64::from(d.datatype().size) + 16);
        self.parts.iter().filter_map(|p| p.dataset).map(row).max().unwrap_or(8)
    }

    fn read(&self, range: Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()> {
        // parts below each other share a room: all rows of one are read before those of the next
        let below = self.parts.chunk_by(|a, b| a.column == b.column);
        below.enumerate().try_for_each(|(n, parts)| {
            parts.iter().try_for_each(|part| self.place(part, &range, out, room.beside(n)))
        })
    }
}

/// The type that numpy gives a Python number: float64 or int64.
pub(super) fn type_of(fill: Scalar) -> Dtype {
    match fill {
        Scalar::Float(..) => Dtype::Float64,
        _ => Dtype::Int64,
    }
}

/// The little-endian bytes of `fill` as `dtype`, saturated if it cannot hold it.
pub(super) fn bytes_of(fill: Scalar, dtype: Dtype) -> Vec<u8> {
    let mut out = vec![0; dtype.size()];
    let (from, bytes) = match fill {
        Scalar::Float(v, _) => (Dtype::Float64, v.to_le_bytes()),
        Scalar::Int(v) => (Dtype::Int64, (v as i64).to_le_bytes()),
        Scalar::Bool(v) => (Dtype::Int64, i64::from(v).to_le_bytes()),
    };
    let _ = cast(from, &bytes, dtype, &mut out, Policy::Saturate);
    out
}

/// The type of an array of `stored` values with `fill` among them, as pandas widens it.
///
/// # Errors
/// `Unsupported` for bools, which would become objects in pandas.
fn holding(stored: Dtype, fill: Scalar) -> Result<Dtype> {
    if stored == Dtype::Bool {
        return Err(Error::unsupported("an array of bools cannot hold missing values"));
    }
    Ok(match fill {
        Scalar::Float(v, _) if stored.is_float() => {
            let single = v.abs() <= f64::from(f32::MAX) || !v.is_finite();
            if stored == Dtype::Float64 || single { stored } else { Dtype::Float64 }
        }
        Scalar::Float(..) => Dtype::Float64,
        _ if stored.is_float() => stored,
        Scalar::Int(v) => {
            let holds = |d: Dtype| d.integer_range().is_some_and(|(low, high)| (low..=high).contains(&v));
            let least = Dtype::least_integer(v, v).unwrap_or(Dtype::Int64);
            if holds(stored) { stored } else { stored.promoted(least) }
        }
        Scalar::Bool(_) => stored,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_hold_what_is_filled_in() {
        let (nan, one, big) = (Scalar::Float(f64::NAN, Dtype::Float64), Scalar::Int(-1), Scalar::Int(300));
        for (stored, fill, want) in [
            (Dtype::Float32, nan, Dtype::Float32),
            (Dtype::Int8, nan, Dtype::Float64),
            (Dtype::Float32, one, Dtype::Float32),
            (Dtype::Uint8, one, Dtype::Int16),
            (Dtype::Uint8, big, Dtype::Uint16),
            (Dtype::Int8, big, Dtype::Int32),
            (Dtype::Int32, big, Dtype::Int32),
        ] {
            assert_eq!(holding(stored, fill).unwrap(), want, "{stored} with {fill}");
        }
        assert!(holding(Dtype::Bool, nan).is_err());
    }
}
