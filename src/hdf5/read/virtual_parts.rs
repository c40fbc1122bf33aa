//! The parts of a virtual dataset: which elements of which other dataset stand where.

use super::dataset::Dataset;
use super::file::File;
use super::global_heap::HeapReader;
use crate::bytes::slab::unravel;
use crate::error::{Error, Result};
use crate::hdf5::format::hyperslab::{Chosen, Span};
use crate::hdf5::format::message::layout::HeapObject;
use crate::hdf5::format::virtual_parts::{self as format, StoredPart};
use std::ops::Range;
use std::sync::OnceLock;

/// One part of a virtual dataset.
#[derive(Debug)]
pub(crate) struct VirtualPart {
    stored: StoredPart,
    /// Its elements in the virtual dataset, in each dimension.
    pub(crate) here: Vec<Span>,
    opened: OnceLock<PartSource>,
}

/// Where the elements of a part come from.
#[derive(Debug)]
pub(crate) struct PartSource {
    pub(crate) dataset: Dataset,
    /// Its elements in that dataset, in each dimension.
    pub(crate) there: Vec<Span>,
}

/// Reads the list of parts of a virtual dataset of shape `shape`.
///
/// # Errors
/// `Unsupported` if a part grows, or has no simple form; `Malformed` if it is damaged.
pub(crate) fn read(file: &File, at: Option<HeapObject>, shape: &[u64]) -> Result<Vec<VirtualPart>> {
    let addresses = file.addresses();
    let Some(HeapObject { address, index }) = at else { return Ok(Vec::new()) };
    let stored = HeapReader::new(addresses)
        .whole(address, index, |bytes, offset| format::read(bytes, offset, addresses.sizes()))?;
    let all = shape.iter().fold(1u64, |n, dim| n.saturating_mul(*dim));
    // Parts do not overlap where somebody means them; if they do, each takes time.
    let mut left = all.saturating_mul(16).saturating_add(1 << 20);
    let mut parts = Vec::with_capacity(stored.len());
    for stored in stored {
        let here = spans(&stored.to, shape)?;
        left = left.checked_sub(count(&here)).ok_or_else(|| {
            Error::limit(format!("parts of more than 16 times the {all} elements of the virtual dataset"))
        })?;
        parts.push(VirtualPart { stored, here, opened: OnceLock::new() });
    }
    Ok(parts)
}

/// The selected positions in each dimension of a dataset of shape `shape`.
fn spans(chosen: &Chosen, shape: &[u64]) -> Result<Vec<Span>> {
    let spans = match chosen {
        Chosen::None => shape.iter().map(|_| Span::all(0)).collect(),
        Chosen::All => shape.iter().map(|dim| Span::all(*dim)).collect(),
        Chosen::Regular(spans) => spans.clone(),
    };
    let fits = |span: &Span, dim: &u64| span.len() == 0 || span.at(span.len().saturating_sub(1)) < *dim;
    if spans.len() != shape.len() || !spans.iter().zip(shape).all(|(span, dim)| fits(span, dim)) {
        return Err(Error::malformed(format!("a part of a virtual dataset outside the shape {shape:?}")));
    }
    Ok(spans)
}

/// Number of elements of a part.
fn count(spans: &[Span]) -> u64 {
    spans.iter().fold(1, |n, span| n.saturating_mul(span.len()))
}

impl VirtualPart {
    /// The dataset behind the part, opened on first use.
    ///
    /// # Errors
    /// `Unsupported` if its file is not followed or it is virtual itself; `Malformed` if it does not fit.
    pub(crate) fn source(&self, of: &Dataset) -> Result<&PartSource> {
        if let Some(source) = self.opened.get() {
            return Ok(source);
        }
        let opened = self.open(of).map_err(|e| {
            let StoredPart { file, dataset, .. } = &self.stored;
            e.context(format_args!("part '{dataset}' of '{file}'"))
        })?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn open(&self, of: &Dataset) -> Result<PartSource> {
        let file = of.object().file().neighbour(&self.stored.file)?;
        let dataset = file.object(&self.stored.dataset)?.dataset()?;
        if dataset.is_virtual() {
            return Err(Error::unsupported("it is a virtual dataset itself"));
        }
        if dataset.datatype() != of.datatype() {
            let (got, expected) = (dataset.datatype().name(), of.datatype().name());
            return Err(Error::unsupported(format!("its values are {got}, not {expected}")));
        }
        let there = spans(&self.stored.from, dataset.shape())?;
        if count(&there) != count(&self.here) {
            let (got, expected) = (count(&there), count(&self.here));
            return Err(Error::malformed(format!("{got} elements in place of {expected}")));
        }
        Ok(PartSource { dataset, there })
    }
}

impl PartSource {
    /// The box of the source that has exactly the elements `wanted` of a part (positions in each dimension of
    /// `here`), in the same order: its start and its shape. `None` if they are no box.
    pub(crate) fn single_box(&self, here: &[Span], wanted: &[Range<u64>]) -> Option<(Vec<u64>, Vec<u64>)> {
        let mut ranges = here.iter().zip(wanted).filter(|(span, _)| span.len() != 1);
        let (mut start, mut shape) = (Vec::new(), Vec::new());
        for span in &self.there {
            let range = match span.len() {
                1 => 0..1,
                n => ranges.next().filter(|(other, _)| other.len() == n)?.1.clone(),
            };
            let len = range.end.saturating_sub(range.start);
            if span.run(range.start) < len {
                return None;
            }
            start.push(span.at(range.start));
            shape.push(len);
        }
        ranges.next().is_none().then_some((start, shape))
    }

    /// The longest row of the source, of at most `most` elements, from element number `n` of the part on: its start
    /// and its length.
    pub(crate) fn row(&self, n: u64, most: u64) -> (Vec<u64>, u64) {
        let counts: Vec<u64> = self.there.iter().map(|span| span.len()).collect();
        let at = unravel(n, &counts);
        let run = self.there.last().zip(at.last()).map_or(1, |(span, at)| span.run(*at));
        let start = self.there.iter().zip(&at).map(|(span, n)| span.at(*n)).collect();
        (start, run.min(most).max(1))
    }
}
