//! Writes dense arrays in chunks of whole rows, strip by strip.

use crate::anndata::AnnDataWriter;
use crate::array::{Rows, StripPlan, strips_in_order};
use crate::codec::{EncodeWork, Encoded};
use crate::error::Result;
use crate::observe::{Phase, Verb};
use crate::tree::{ArrayStorage, EncodedValue, Location};
use std::ops::Range;

impl AnnDataWriter<'_> {
    /// Writes all rows as an array (`array` 0.2.0), on all threads of the current rayon pool and within the
    /// budget. The bytes do not depend on the number of threads.
    ///
    /// # Errors
    /// Errors of reading the rows and of writing; `Cancelled`.
    pub fn dense(&mut self, at: &Location, rows: &dyn Rows) -> Result<()> {
        let attributes = self.encoding("array", "0.2.0")?;
        self.rows(at, rows, &attributes)
    }

    /// Writes all rows as an array with the given attributes; the values are of fixed size.
    pub(in crate::anndata) fn rows(
        &mut self,
        at: &Location,
        rows: &dyn Rows,
        attributes: &[(String, EncodedValue)],
    ) -> Result<()> {
        let dims = rows.shape();
        if rows.row_bytes() == 0 || rows.rows() == 0 {
            let value = EncodedValue::elements(rows.datatype(), dims, Vec::new());
            return self.writer.array(at, &value, attributes, &self.storing(None));
        }
        // a band is a chunk
        let plan = StripPlan::new(rows, self.storage.chunk, self.budget)?;
        let mut chunk = dims.to_vec();
        chunk[0] = plan.band;
        let storage = ArrayStorage { chunk: Some(chunk), filters: self.storage.filters, unlimited: false };
        let mut chunks =
            self.writer.begin_chunks(at, rows.datatype(), dims, &storage)?.filled_with(rows.fill());
        let encoder = chunks.encoder();
        let band_bytes = (plan.band * rows.row_bytes()) as usize;
        // a band that was never written is not written either
        let encode =
            |range: Range<u64>, bytes: &[u8], work: &mut EncodeWork| -> Result<Vec<Option<Encoded>>> {
                let bands = range.clone().step_by(plan.band as usize);
                let encoded = bands.zip(bytes.chunks_exact(band_bytes)).map(|(first, band)| {
                    let unwritten = rows.unwritten(first..(first + plan.band).min(range.end))?;
                    if unwritten { Ok(None) } else { encoder.encode(band, work).map(Some) }
                });
                encoded.collect()
            };
        let path = at.to_string();
        self.observer.phase(&Phase::new(Verb::Copying, rows.rows() * rows.row_cost()).of(&path));
        let writer = &mut self.writer;
        strips_in_order(rows, plan, self.observer, encode, |bands| {
            bands.iter().try_for_each(|band| match band {
                Some(band) => writer.push(&mut chunks, band),
                None => writer.skip(&mut chunks),
            })
        })?;
        self.writer.finish_chunks(chunks, attributes)
    }
}
