//! The codecs of an array: what its chunks went through, in write order. Reading undoes them last to first.
//!
//! Version 2 has filters and a compressor with numcodecs' names; version 3 one list, in which one codec makes
//! bytes of the array. Both become [`Step`]s here. The functions from bytes to bytes are in
//! [`codec`](crate::codec).

mod numbers;
mod parse;
mod sharding;
mod step;

use crate::bytes::checked;
use crate::codec::deflate::Inflater;
use crate::error::{Error, Result};
use crate::limits;

pub(super) use sharding::{ChunkPlace, Sharding};
use step::Step;

/// The codecs of an array in write order.
#[derive(Debug)]
pub(super) struct Codecs {
    steps: Vec<Step>,
    /// Names for display.
    names: Vec<String>,
}

/// What a chunk holds once it is decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkShape<'a> {
    /// Number of elements in each dimension.
    pub(super) shape: &'a [u64],
    /// Size of an element in bytes.
    pub(super) size: u64,
    /// Bytes of an element of chunks that are absent; empty for zeros.
    pub(super) fill: &'a [u8],
}

impl ChunkShape<'_> {
    /// Size of the chunk in bytes.
    pub(super) fn bytes(&self) -> Result<u64> {
        checked::mul(checked::product(self.shape)?, self.size)
    }
}

/// Buffers and decoder states of one worker.
#[derive(Debug, Default)]
pub(super) struct CodecWork {
    inflater: Inflater,
    /// Bytes between two steps.
    current: Vec<u8>,
    next: Vec<u8>,
}

impl Codecs {
    /// Names in write order, for display.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a compressor is among them.
    pub(super) fn is_compressed(&self) -> bool {
        self.steps.iter().any(Step::is_compressor)
    }

    /// The shards, if chunks with keys are shards whose inner chunks can be read alone.
    pub(super) fn as_shards(&self) -> Option<&Sharding> {
        match self.steps.as_slice() {
            [Step::Sharding(sharding)] => Some(sharding),
            _ => None,
        }
    }

    /// The levels of shards, outermost first.
    pub(super) fn levels(&self) -> impl Iterator<Item = &Sharding> {
        std::iter::successors(self.as_shards(), |s| s.codecs.as_shards())
    }

    /// Distances of strings that are neighbours in each dimension of a chunk, in the order in which they are
    /// stored.
    pub(super) fn item_strides(&self, shape: &[u64]) -> Vec<u64> {
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        for step in &self.steps {
            if let Step::Transpose(order) = step {
                axes = order.iter().filter_map(|d| axes.get(*d).copied()).collect();
            }
        }
        let (mut strides, mut stride) = (vec![0; shape.len()], 1u64);
        for axis in axes.iter().rev() {
            if let (Some(place), Some(n)) = (strides.get_mut(*axis), shape.get(*axis)) {
                *place = stride;
                stride = stride.saturating_mul(*n);
            }
        }
        strides
    }

    /// Refuses stored bytes that name another decoded length than their chunk has, or cannot hold it, before
    /// memory is taken for the chunk.
    ///
    /// # Errors
    /// `Malformed`.
    pub(super) fn check_claim(&self, stored: &[u8], chunk: ChunkShape<'_>) -> Result<()> {
        let Some((last, before)) = self.steps.split_last() else {
            return same_length(stored, checked::size(chunk.bytes()?)?);
        };
        match self.lengths(chunk)?.get(before.len()) {
            Some(Some(wanted)) => last.check_claim(stored, *wanted),
            _ => Ok(()),
        }
    }

    /// Decodes the elements of a chunk into all of `out`.
    ///
    /// # Errors
    /// `Malformed`, `Checksum` or `Unsupported` without a position.
    pub(super) fn decode(
        &self,
        stored: &[u8],
        chunk: ChunkShape<'_>,
        out: &mut [u8],
        work: &mut CodecWork,
    ) -> Result<()> {
        let Some((first, others)) = self.steps.split_first() else {
            same_length(stored, out.len())?;
            out.copy_from_slice(stored);
            return Ok(());
        };
        if others.is_empty() {
            return first.decode(stored, chunk, out, &mut work.inflater);
        }
        let lengths = self.lengths(chunk)?;
        let most = out.len().saturating_mul(2).saturating_add(1 << 16);
        let mut begun = false;
        let shapes = self.shapes(chunk.shape);
        let inputs = others.iter().zip(lengths.iter().skip(1)).zip(shapes.iter().skip(1));
        for ((step, length), shape) in inputs.rev() {
            let input = if begun { work.current.as_slice() } else { stored };
            match length {
                Some(length) => {
                    limits::resize(&mut work.next, *length)?;
                    step.decode(input, ChunkShape { shape, ..chunk }, &mut work.next, &mut work.inflater)?;
                }
                None => step.decode_to_vec(input, &mut work.next, most, &mut work.inflater)?,
            }
            std::mem::swap(&mut work.current, &mut work.next);
            begun = true;
        }
        first.decode(&work.current, chunk, out, &mut work.inflater)
    }

    /// Shape of the array before each step.
    fn shapes(&self, shape: &[u64]) -> Vec<Vec<u64>> {
        let mut shape = shape.to_vec();
        let mut shapes = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            shapes.push(shape.clone());
            if let Step::Transpose(order) = step {
                shape = order.iter().filter_map(|d| shape.get(*d).copied()).collect();
            }
        }
        shapes
    }

    /// Decodes a chunk of strings or sequences up to the step that holds their lengths; at most `most` bytes.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); `Limit`.
    pub(super) fn decode_items(&self, stored: &[u8], most: usize, work: &mut CodecWork) -> Result<Vec<u8>> {
        let mut current = Vec::new();
        let mut begun = false;
        // the order of the strings is in their references
        let others = self.steps.iter().rev().filter(|step| !matches!(step, Step::Transpose(_)));
        for step in others {
            let input = if begun { current.as_slice() } else { stored };
            step.decode_to_vec(input, &mut work.next, most, &mut work.inflater)?;
            current = std::mem::take(&mut work.next);
            begun = true;
        }
        if !begun {
            current.extend_from_slice(stored);
        }
        Ok(current)
    }

    /// Length of the encoded bytes of `n` bytes of 8-byte numbers; `None` if it depends on them.
    fn encoded_len(&self, n: usize) -> Option<usize> {
        let elements = u64::try_from(n / 8).ok()?;
        self.steps.iter().try_fold(n, |n, step| step.encoded_len(n, elements))
    }

    /// Length of the bytes before each step; `None` after a compressor.
    fn lengths(&self, chunk: ChunkShape<'_>) -> Result<Vec<Option<usize>>> {
        let elements = checked::product(chunk.shape)?;
        let mut length = Some(checked::size(chunk.bytes()?)?);
        let mut lengths = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            lengths.push(length);
            length = length.and_then(|n| step.encoded_len(n, elements));
        }
        Ok(lengths)
    }
}

fn same_length(input: &[u8], wanted: usize) -> Result<()> {
    if input.len() == wanted {
        return Ok(());
    }
    Err(Error::malformed(format!("chunk length (expected {wanted} bytes, got {})", input.len())))
}
