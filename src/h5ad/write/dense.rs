//! Arrays that are too large for memory: rows by rows from one file into another.

use super::H5adWriter;
use super::copy::Axes;
use crate::error::{Error, Result};
use crate::hdf5::{Chunks, Dataset, EncodeWork, Encoded, Ready, Scratch, Written};
use crate::matrix::Budget;
use crate::observe::Observer;
use rayon::prelude::*;

impl H5adWriter {
    /// Copies an array of fixed-size elements in chunks of whole rows, with `axes` applied.
    pub(super) fn rows(
        &mut self,
        dataset: &Dataset,
        axes: Axes<'_>,
        attributes: &[(String, Ready)],
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<Written> {
        let shape = dataset.shape();
        let rows = axes.rows.map_or(shape[0], |r| r.len() as u64);
        let mut dims = shape.to_vec();
        dims[0] = rows;
        if let (Some(columns), Some(d)) = (axes.columns, dims.get_mut(1)) {
            *d = columns.len() as u64;
        }
        let size = u64::from(dataset.datatype().size);
        let row_out: u64 = dims[1..].iter().product::<u64>() * size;
        let row_in: u64 = shape[1..].iter().product::<u64>() * size;
        // A band is read, cut and encoded by one thread.
        let per_thread = budget.bytes / 4 / rayon::current_num_threads() as u64;
        let most = (per_thread / (row_in + 2 * row_out).max(1)).max(1);
        let band = (self.how.chunk.saturating_mul(size) / row_out.max(1)).clamp(1, most).min(rows.max(1));
        let mut chunk = dims.clone();
        chunk[0] = band;
        if row_out == 0 || rows == 0 {
            let value = Ready::numbers(crate::Dtype::Uint8, &dims, Vec::new()).of_type(dataset.datatype());
            return self.writer.dataset(&value, attributes, &self.storing(None));
        }
        let mut chunks = Chunks::new(dataset.datatype().clone(), &dims, &chunk, self.how.filters, false)?;
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
                read_rows(dataset, axes, wanted.clone(), &mut raw, scratch)?;
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
}

/// Rows `wanted` of the selection, the chosen columns of each, one behind the other.
pub(super) fn read_rows(
    dataset: &Dataset,
    axes: Axes<'_>,
    wanted: std::ops::Range<u64>,
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
        let first = old(row);
        let mut run = 1;
        while row + run < wanted.end && old(row + run) == first + run {
            run += 1;
        }
        let mut start = vec![0; shape.len()];
        let mut count = shape.to_vec();
        (start[0], count[0]) = (first, run);
        let n = run as usize;
        match columns {
            None => dataset.read_slab(&start, &count, &mut out[at..at + n * row_in], scratch)?,
            Some(columns) => {
                read.resize(n * row_in, 0);
                dataset.read_slab(&start, &count, &mut read, scratch)?;
                for (from, to) in read.chunks_exact(row_in).zip(out[at..].chunks_exact_mut(row_out)) {
                    for (c, slot) in columns.iter().zip(to.chunks_exact_mut(inner)) {
                        slot.copy_from_slice(&from[*c as usize * inner..][..inner]);
                    }
                }
            }
        }
        at += n * row_out;
        row += run;
    }
    Ok(())
}
