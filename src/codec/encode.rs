//! Applies filters to chunks on writing.

use super::{fletcher32, lzf, shuffle};
use crate::bytes::put::Put;
use crate::error::{Error, Kind, Result};
use zlib_rs::{Deflate, DeflateFlush, Status};

/// How chunks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// Deflate at this level, 0 to 9.
    Gzip(u8),
    /// LZF as in h5py.
    Lzf,
}

/// Filters applied to a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filters {
    /// Groups the bytes of elements by position, before any other filter.
    pub shuffle: bool,
    /// Compression applied after the shuffle.
    pub compression: Compression,
    /// Appends a Fletcher-32 checksum.
    pub fletcher32: bool,
}

/// Buffers and encoder state of one worker.
#[derive(Default)]
pub struct EncodeWork {
    shuffled: Vec<u8>,
    table: Vec<u32>,
    deflate: Option<(u8, Deflate)>,
}

impl std::fmt::Debug for EncodeWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncodeWork")
    }
}

/// An encoded chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// Bit mask of the filters that were skipped.
    pub(crate) mask: u32,
}

impl Filters {
    /// Whether chunks are stored unfiltered.
    pub fn is_none(&self) -> bool {
        *self == Filters::default()
    }

    /// Applies the filters to one chunk of elements of `element` bytes.
    ///
    /// # Errors
    /// If the encoder fails, which is not expected for any input.
    pub fn encode(&self, chunk: &[u8], element: usize, work: &mut EncodeWork) -> Result<Encoded> {
        let EncodeWork { shuffled, table, deflate } = work;
        let mut input = chunk;
        if self.shuffle {
            shuffle::shuffle(chunk, element, shuffled);
            input = shuffled;
        }
        let mut out = Encoded { bytes: Vec::new(), mask: 0 };
        match self.compression {
            Compression::None => out.bytes.extend_from_slice(input),
            Compression::Gzip(_) | Compression::Lzf => {
                let smaller = match self.compression {
                    Compression::Gzip(level) => deflate_into(input, level, deflate, &mut out.bytes)?,
                    _ => lzf::encode(input, &mut out.bytes, table),
                };
                // a chunk that would grow is stored as it is
                if !smaller {
                    out.bytes.clear();
                    out.bytes.extend_from_slice(input);
                    out.mask = if self.shuffle { 2 } else { 1 };
                }
            }
        }
        if self.fletcher32 {
            let sum = fletcher32::fletcher32(&out.bytes);
            out.bytes.put_u32(sum);
        }
        Ok(out)
    }
}

/// Compresses `input`; returns whether the stream is smaller than the input.
fn deflate_into(
    input: &[u8],
    level: u8,
    state: &mut Option<(u8, Deflate)>,
    out: &mut Vec<u8>,
) -> Result<bool> {
    if state.as_ref().is_none_or(|(l, _)| *l != level) {
        *state = Some((level, Deflate::new(i32::from(level.min(9)), true, 15)));
    }
    let Some((_, deflate)) = state else { return Ok(false) };
    deflate.reset();
    // Fast levels write literals of up to nine bits even where stored blocks would be smaller.
    let most = input.len().saturating_add(input.len() / 8).saturating_add(1024);
    out.resize(most, 0);
    match deflate.compress(input, out, DeflateFlush::Finish) {
        Ok(Status::StreamEnd) => {
            out.truncate(usize::try_from(deflate.total_out()).unwrap_or(0));
            Ok(out.len() < input.len() || level == 0)
        }
        _ => Err(Error::new(Kind::Limit, "deflate made more of a chunk than it can")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Level 1 writes bytes above 143 in nine bits: incompressible data grows by an eighth, which must fit
    /// the buffer.
    #[test]
    fn what_does_not_compress_is_stored_at_any_level() {
        let mut x = 1u64;
        let noise: Vec<u8> = (0..100_000)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                144u8.saturating_add(u8::try_from(x >> 58).unwrap_or(0))
            })
            .collect();
        let mut random = noise.clone();
        random
            .iter_mut()
            .enumerate()
            .for_each(|(i, b)| *b = b.wrapping_mul(167).wrapping_add(u8::try_from(i % 251).unwrap_or(0)));
        for level in 0..=9 {
            for input in [&noise, &random] {
                let filters = Filters { compression: Compression::Gzip(level), ..Filters::default() };
                let made = filters.encode(input, 1, &mut EncodeWork::default()).unwrap();
                if made.mask == 0 {
                    let mut back = vec![0; input.len()];
                    crate::codec::deflate::Inflater::default().inflate_exact(&made.bytes, &mut back).unwrap();
                    assert!(back == *input, "level {level}");
                } else {
                    assert!(made.bytes == *input, "level {level}");
                }
            }
        }
    }
}
