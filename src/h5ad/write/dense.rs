//! Arrays that are too large for memory: rows by rows from one file into another.

use super::H5adWriter;
use super::copy::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::hdf5::{Chunks, Dataset, Datatype, EncodeWork, Encoded, Ready, Scratch, Written};
use rayon::prelude::*;
use std::ops::Range;

/// Fills a buffer with rows of an array.
type MakeRows<'f> = dyn Fn(Range<u64>, &mut [u8]) -> Result<()> + Sync + 'f;
/// The same with what one worker keeps for reading.
type ReadBand<'f> = dyn Fn(Range<u64>, &mut [u8], &mut Scratch) -> Result<()> + Sync + 'f;

impl H5adWriter<'_> {
    /// Copies an array of fixed-size elements in chunks of whole rows, with `axes` applied.
    pub(super) fn rows(
        &mut self,
        dataset: &Dataset,
        axes: Axes<'_>,
        attributes: &[(String, Ready)],
    ) -> Result<Written> {
        let shape = dataset.shape();
        let mut dims = shape.to_vec();
        dims[0] = axes.rows.map_or(shape[0], |r| r.len() as u64);
        if let (Some(columns), Some(d)) = (axes.columns, dims.get_mut(1)) {
            *d = columns.len() as u64;
        }
        let row_in: u64 = shape[1..].iter().product::<u64>() * u64::from(dataset.datatype().size);
        let read = |wanted: Range<u64>, out: &mut [u8], scratch: &mut Scratch| {
            read_rows(dataset, axes, wanted, out, scratch)
        };
        self.bands(dataset.datatype(), &dims, row_in, attributes, &read)
    }

    /// Writes an array band by band of rows, each made by `read`, on all threads. `row_in` is the memory that making a
    /// row takes besides its own.
    pub(super) fn bands(
        &mut self,
        datatype: &Datatype,
        dims: &[u64],
        row_in: u64,
        attributes: &[(String, Ready)],
        read: &ReadBand<'_>,
    ) -> Result<Written> {
        let size = u64::from(datatype.size);
        let rows = dims[0];
        let row_out: u64 = dims[1..].iter().product::<u64>() * size;
        if row_out == 0 || rows == 0 {
            let value = Ready::numbers(crate::Dtype::Uint8, dims, Vec::new()).of_type(datatype);
            return self.writer.dataset(&value, attributes, &self.storing(None));
        }
        // A band is read, cut and encoded by one thread.
        let observer = self.observer;
        let per_thread = self.budget.bytes / 4 / rayon::current_num_threads() as u64;
        let most = (per_thread / (row_in + 2 * row_out)).max(1);
        let band = (self.how.chunk.saturating_mul(size) / row_out).clamp(1, most).min(rows);
        let mut chunk = dims.to_vec();
        chunk[0] = band;
        let mut chunks = Chunks::new(datatype.clone(), dims, &chunk, self.how.filters, false)?;
        observer.phase("copying", rows * row_in);
        let bands = rows.div_ceil(band);
        let mut next = 0;
        while next < bands {
            let end = (next + 2 * rayon::current_num_threads() as u64).min(bands);
            let encode = |n: u64, (scratch, work): &mut (Scratch, EncodeWork)| -> Result<Encoded> {
                if observer.cancelled() {
                    return Err(Error::cancelled());
                }
                let wanted = n * band..((n + 1) * band).min(rows);
                let mut raw = vec![0; (band * row_out) as usize];
                let len = ((wanted.end - wanted.start) * row_out) as usize;
                read(wanted.clone(), &mut raw[..len], scratch)?;
                observer.advance((wanted.end - wanted.start) * row_in);
                chunks.encode(&raw, work)
            };
            let made: Result<Vec<Encoded>> =
                (next..end).into_par_iter().map_init(Default::default, |state, n| encode(n, state)).collect();
            for encoded in made? {
                chunks.push(&mut self.writer, &encoded)?;
            }
            next = end;
        }
        chunks.finish(&mut self.writer, attributes)
    }

    /// Writes an array of two dimensions that `make` fills, rows by rows, on all threads.
    ///
    /// # Errors
    /// Those of `make` and of writing.
    pub fn dense(&mut self, dtype: Dtype, shape: [u64; 2], make: &MakeRows<'_>) -> Result<Written> {
        let attributes = self.encoding("array", "0.2.0")?;
        let t = Ready::numbers(dtype, &[], Vec::new());
        let row = shape[1] * dtype.size() as u64;
        let read = |wanted: Range<u64>, out: &mut [u8], _: &mut Scratch| make(wanted, out);
        self.bands(t.datatype(), &shape, row, &attributes, &read)
    }
}

/// Rows `wanted` of the selection, the chosen columns of each, one behind the other.
pub(super) fn read_rows(
    dataset: &Dataset,
    axes: Axes<'_>,
    wanted: Range<u64>,
    out: &mut [u8],
    scratch: &mut Scratch,
) -> Result<()> {
    let shape = dataset.shape();
    let size = dataset.datatype().size as usize;
    let inner: usize = shape.iter().skip(2).product::<u64>() as usize * size;
    let width = shape.get(1).copied().unwrap_or(1) as usize;
    let row_in = width * inner;
    let columns = axes.columns.filter(|_| shape.len() > 1);
    let row_out = columns.map_or(row_in, |c| c.len() * inner);
    let old = |row: u64| axes.rows.map_or(row, |r| r[row as usize]);
    let (mut row, mut at) = (wanted.start, 0);
    let mut read = Vec::new();
    while row < wanted.end {
        // Rows that ascend and lie near each other are read at once, with what lies between them: chunks that
        // several of them touch are then decoded once.
        let first = old(row);
        let mut last = first;
        let mut n = 1;
        while row + n < wanted.end {
            let next = old(row + n);
            let span = next.saturating_sub(first) + 1;
            let near = next > last && span <= 16 * (n + 1) && (span == n + 1 || span * row_in as u64 <= SPAN);
            if !near {
                break;
            }
            last = next;
            n += 1;
        }
        let span = last - first + 1;
        let mut start = vec![0; shape.len()];
        let mut count = shape.to_vec();
        (start[0], count[0]) = (first, span);
        let len = n as usize * row_out;
        let target = &mut out[at..at + len];
        if columns.is_none() && span == n {
            dataset.read_slab(&start, &count, target, scratch)?;
        } else {
            read.resize(span as usize * row_in, 0);
            dataset.read_slab(&start, &count, &mut read, scratch)?;
            for (i, to) in (row..row + n).zip(target.chunks_exact_mut(row_out.max(1))) {
                let from = &read[(old(i) - first) as usize * row_in..][..row_in];
                match columns {
                    None => to.copy_from_slice(from),
                    Some(columns) => {
                        for (c, slot) in columns.iter().zip(to.chunks_exact_mut(inner)) {
                            slot.copy_from_slice(&from[*c as usize * inner..][..inner]);
                        }
                    }
                }
            }
        }
        at += len;
        row += n;
    }
    Ok(())
}

/// Bytes read at once to pick rows from.
const SPAN: u64 = 8 << 20;
