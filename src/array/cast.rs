//! An array with its elements in another type.

use super::rows::{Room, Rows};
use crate::dtype::{Datatype, Dtype, Numeric, Policy, cast, scalar_at};
use crate::error::{Error, Result};
use crate::matrix::misfit;
use std::ops::Range;

/// An array of numbers whose elements are converted as they are read.
pub struct CastArray<'a> {
    from: &'a dyn Rows,
    stored: Numeric,
    datatype: Datatype,
    dtype: Dtype,
    policy: Policy,
    fill: Vec<u8>,
}

impl std::fmt::Debug for CastArray<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CastArray").field("dtype", &self.dtype).finish_non_exhaustive()
    }
}

impl<'a> CastArray<'a> {
    /// The rows of `from` with elements of type `dtype`. Reading is an error of kind `Usage` where `policy` refuses
    /// a value.
    ///
    /// # Errors
    /// `Unsupported` if the elements are not numbers; `Usage` if the fill value is refused.
    pub fn new(from: &'a dyn Rows, dtype: Dtype, policy: Policy) -> Result<Self> {
        let stored = Numeric::of(from.datatype())
            .ok_or_else(|| Error::unsupported(format!("expected numbers, got {}", from.datatype().name())))?;
        let mut rows =
            CastArray { from, stored, datatype: Datatype::of(dtype), dtype, policy, fill: Vec::new() };
        let mut fill = vec![0; if from.fill().is_empty() { 0 } else { dtype.size() }];
        rows.converted(from.fill(), &mut fill, &mut Vec::new())
            .map_err(|(_, value)| Error::usage(format!("fill value {value} does not fit {dtype}")))?;
        rows.fill = fill;
        Ok(rows)
    }

    /// Converts elements; the error is the position of the first that is refused, and its value.
    fn converted(&self, from: &[u8], out: &mut [u8], plain: &mut Vec<u8>) -> Result<(), (usize, String)> {
        let dtype = self.stored.dtype;
        plain.resize(from.len() / self.stored.stored_size().max(1) * dtype.size(), 0);
        self.stored.convert(from, plain);
        cast(dtype, plain, self.dtype, out, self.policy)
            .map_err(|bad| (bad, scalar_at(dtype, plain, bad).map(|v| v.to_string()).unwrap_or_default()))
    }
}

impl Rows for CastArray<'_> {
    fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    fn shape(&self) -> &[u64] {
        self.from.shape()
    }

    fn together(&self) -> u64 {
        self.from.together()
    }

    fn row_cost(&self) -> u64 {
        let plain = self.row_bytes() / self.dtype.size() as u64 * self.stored.dtype.size() as u64;
        self.from.row_cost().saturating_add(self.from.row_bytes()).saturating_add(plain)
    }

    fn unwritten(&self, range: Range<u64>) -> Result<bool> {
        self.from.unwritten(range)
    }

    fn fill(&self) -> &[u8] {
        &self.fill
    }

    fn read(&self, range: Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()> {
        let mut state = std::mem::take(&mut room.cast);
        let CastRoom { stored, plain } = &mut state;
        stored.resize((range.end.saturating_sub(range.start) * self.from.row_bytes()) as usize, 0);
        self.from.read(range.clone(), stored, room)?;
        let width = self.shape().iter().skip(1).product::<u64>().max(1);
        let done = self.converted(stored, out, plain).map_err(|(bad, value)| {
            let at = bad as u64;
            misfit(&value, [range.start + at / width, at % width], self.dtype, self.policy)
        });
        room.cast = state;
        done
    }
}

/// Elements on their way to another type.
#[derive(Debug, Default)]
pub(super) struct CastRoom {
    stored: Vec<u8>,
    plain: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::MadeRows;

    /// Row `r` is `[100 r, -1]` as int16.
    fn pairs(range: Range<u64>, out: &mut [u8]) -> Result<()> {
        for (row, to) in range.zip(out.chunks_exact_mut(4)) {
            to[..2].copy_from_slice(&(100 * row as i16).to_le_bytes());
            to[2..].copy_from_slice(&(-1i16).to_le_bytes());
        }
        Ok(())
    }

    #[test]
    fn elements_are_converted_or_refused_with_their_place() {
        let from = MadeRows::new(Dtype::Int16, &[4, 2], &pairs);
        let mut out = [0; 8];
        let rows = CastArray::new(&from, Dtype::Float32, Policy::Exact).unwrap();
        assert_eq!((rows.row_bytes(), rows.datatype()), (8, &Datatype::of(Dtype::Float32)));
        rows.read(3..4, &mut out, &mut Room::default()).unwrap();
        assert_eq!(out, *[300f32, -1.0].map(f32::to_le_bytes).as_flattened());
        let rows = CastArray::new(&from, Dtype::Int8, Policy::Exact).unwrap();
        let error = rows.read(0..4, &mut out, &mut Room::default()).unwrap_err();
        assert_eq!(error.message(), "value 200 in row 2, column 0 does not fit int8 exactly");
        let rows = CastArray::new(&from, Dtype::Uint8, Policy::Saturate).unwrap();
        rows.read(0..4, &mut out, &mut Room::default()).unwrap();
        assert_eq!(out, [0, 0, 100, 0, 200, 0, 255, 0]);
    }
}
