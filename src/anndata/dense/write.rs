//! Arrays that are too large for memory: rows by rows from one file into another.

use crate::anndata::AnnDataWriter;
use crate::anndata::axes::Axes;
use crate::anndata::rows::read_rows;
use crate::codec::{EncodeWork, Encoded};
use crate::dtype::Datatype;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::observe::{Phase, Verb};
use crate::tree::{Array, EncodedValue, Location, Scratch, Storage};
use rayon::prelude::*;
use std::ops::Range;

/// Fills a buffer with rows of an array.
pub type MakeRows<'f> = dyn Fn(Range<u64>, &mut [u8]) -> Result<()> + Sync + 'f;
/// The same with what one worker keeps for reading.
type ReadBand<'f> = dyn Fn(Range<u64>, &mut [u8], &mut Scratch) -> Result<()> + Sync + 'f;

impl AnnDataWriter<'_> {
    /// Copies an array of fixed-size elements in chunks of whole rows, with `axes` applied.
    pub(in crate::anndata) fn rows(
        &mut self,
        at: &Location,
        dataset: &Array,
        axes: Axes<'_>,
        attributes: &[(String, EncodedValue)],
    ) -> Result<()> {
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
        let strip = [row_in, dataset.rows_of_chunk()];
        self.bands(at, dataset.datatype(), &dims, strip, attributes, &read)
    }

    /// Writes an array strip by strip of rows, each made by `read`, on all threads. Making a row takes `row_in` bytes besides
    /// its own; `together` are made at once where the budget allows.
    pub(in crate::anndata) fn bands(
        &mut self,
        at: &Location,
        datatype: &Datatype,
        dims: &[u64],
        [row_in, together]: [u64; 2],
        attributes: &[(String, EncodedValue)],
        read: &ReadBand<'_>,
    ) -> Result<()> {
        let size = u64::from(datatype.size);
        let rows = dims[0];
        let row_out: u64 = dims[1..].iter().product::<u64>() * size;
        if row_out == 0 || rows == 0 {
            let value = EncodedValue::elements(datatype, dims, Vec::new());
            return self.writer.array(at, &value, attributes, &self.storing(None));
        }
        // A strip of several bands is read, cut and encoded by one thread; a band is a chunk.
        let observer = self.observer;
        let per_thread = self.budget.bytes / 4 / rayon::current_num_threads() as u64;
        let most = (per_thread / (row_in + 2 * row_out)).max(1);
        let band = (self.storage.chunk.saturating_mul(size) / row_out).clamp(1, most).min(rows);
        let strip = together.clamp(band, most.max(band)).div_ceil(band) * band;
        let mut chunk = dims.to_vec();
        chunk[0] = band;
        let storage = Storage { chunk: Some(chunk), filters: self.storage.filters, unlimited: false };
        let mut chunks = self.writer.begin_chunks(at, datatype, dims, &storage)?;
        observer.phase(&Phase::new(Verb::Copying, rows * row_in).of(&at.to_string()));
        let strips = rows.div_ceil(strip);
        let mut next = 0;
        while next < strips {
            let end = (next + 2 * rayon::current_num_threads() as u64).min(strips);
            let encode = |n: u64, (scratch, work): &mut (Scratch, EncodeWork)| -> Result<Vec<Encoded>> {
                if observer.cancelled() {
                    return Err(Error::cancelled());
                }
                let wanted = n * strip..((n + 1) * strip).min(rows);
                let n = wanted.end - wanted.start;
                // the last chunk is whole too
                let mut raw = vec![0; (n.div_ceil(band) * band * row_out) as usize];
                read(wanted, &mut raw[..(n * row_out) as usize], scratch)?;
                observer.advance(n * row_in);
                raw.chunks_exact((band * row_out) as usize).map(|one| chunks.encode(one, work)).collect()
            };
            let made: Result<Vec<Vec<Encoded>>> =
                (next..end).into_par_iter().map_init(Default::default, |state, n| encode(n, state)).collect();
            for encoded in made?.iter().flatten() {
                self.writer.push(&mut chunks, encoded)?;
            }
            next = end;
        }
        self.writer.finish_chunks(chunks, attributes)
    }

    /// Writes an array that `make` fills, rows by rows, on all threads. Making a row takes `row_in` bytes besides its own;
    /// `together` are made at once where the budget allows.
    ///
    /// # Errors
    /// Those of `make` and of writing.
    pub fn dense(
        &mut self,
        at: &Location,
        dtype: Dtype,
        shape: &[u64],
        [row_in, together]: [u64; 2],
        make: &MakeRows<'_>,
    ) -> Result<()> {
        let attributes = self.encoding("array", "0.2.0")?;
        let read = |wanted: Range<u64>, out: &mut [u8], _: &mut Scratch| make(wanted, out);
        self.bands(at, &Datatype::of(dtype), shape, [row_in, together], &attributes, &read)
    }
}
