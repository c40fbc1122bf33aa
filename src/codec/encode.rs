//! Applies filters to chunks on writing.

use super::{blosc, fletcher32, lzf, shuffle, zstd};
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
    /// LZF as in h5py; HDF5 only.
    Lzf,
    /// Zstandard, as fast as its level 1; zarr only.
    Zstd,
    /// Blosc with LZ4 in its blocks; zarr only.
    BloscLz4,
    /// Blosc with zlib at this level, 1 to 9, in its blocks; zarr only.
    BloscZlib(u8),
}

/// What is around a stream of deflate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeflateWrapper {
    /// RFC 1950, with an Adler-32.
    Zlib,
    /// RFC 1952, with a CRC-32 and the length.
    Gzip,
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
    /// Level, whether there is a header of zlib, and the encoder.
    deflate: Option<(u8, bool, Deflate)>,
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
                    Compression::Gzip(level) => {
                        deflate_into(input, level, true, deflate, &mut out.bytes)?;
                        out.bytes.len() < input.len() || level == 0
                    }
                    _ => lzf::encode(input, &mut out.bytes, table),
                };
                // a chunk that would grow is stored as it is
                if !smaller {
                    out.bytes.clear();
                    out.bytes.extend_from_slice(input);
                    out.mask = if self.shuffle { 2 } else { 1 };
                }
            }
            Compression::Zstd | Compression::BloscLz4 | Compression::BloscZlib(_) => {
                return Err(Error::usage("HDF5 files are not written with zstd or Blosc"));
            }
        }
        if self.fletcher32 {
            let sum = fletcher32::fletcher32(&out.bytes);
            out.bytes.put_u32(sum);
        }
        Ok(out)
    }
}

impl Compression {
    /// Compresses `input` to a stream that ends by itself, whether or not that is shorter. Blosc shuffles elements
    /// of `shuffle` bytes in its blocks, unless that is 1; nothing else shuffles here.
    ///
    /// # Errors
    /// `Usage` for LZF, which has no such stream.
    pub(crate) fn stream(
        self,
        input: &[u8],
        shuffle: usize,
        wrapper: DeflateWrapper,
        work: &mut EncodeWork,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let EncodeWork { shuffled, deflate, .. } = work;
        match (self, wrapper) {
            (Compression::None, _) => out.extend_from_slice(input),
            (Compression::Gzip(level), DeflateWrapper::Zlib) => {
                deflate_into(input, level, true, deflate, out)?;
            }
            (Compression::Gzip(level), DeflateWrapper::Gzip) => {
                gzip_into(input, level, deflate, out)?;
            }
            (Compression::Zstd, _) => zstd::encode(input, out),
            (Compression::BloscLz4, _) => {
                blosc::encode(
                    input,
                    shuffle,
                    blosc::BloscStream::Lz4,
                    shuffled,
                    out,
                    &mut blosc::lz4_stream,
                )?;
            }
            (Compression::BloscZlib(level), _) => {
                let mut zlib =
                    |input: &[u8], out: &mut Vec<u8>| deflate_into(input, level, true, deflate, out);
                blosc::encode(input, shuffle, blosc::BloscStream::Zlib, shuffled, out, &mut zlib)?;
            }
            (Compression::Lzf, _) => return Err(Error::usage("LZF is a compression of HDF5 only")),
        }
        Ok(())
    }
}

/// Appends `input` as a gzip member without a name and a time. RFC 1952.
fn gzip_into(
    input: &[u8],
    level: u8,
    state: &mut Option<(u8, bool, Deflate)>,
    out: &mut Vec<u8>,
) -> Result<()> {
    // the last byte says that the system is unknown
    out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    deflate_into(input, level, false, state, out)?;
    out.put_u32(crc32fast::hash(input));
    // the length is modulo 2^32
    out.extend_from_slice((input.len() as u64).to_le_bytes().get(..4).unwrap_or_default());
    Ok(())
}

/// Appends `input`, compressed; with the header and the checksum of zlib if `zlib`.
fn deflate_into(
    input: &[u8],
    level: u8,
    zlib: bool,
    state: &mut Option<(u8, bool, Deflate)>,
    out: &mut Vec<u8>,
) -> Result<()> {
    if state.as_ref().is_none_or(|(l, z, _)| (*l, *z) != (level, zlib)) {
        *state = Some((level, zlib, Deflate::new(i32::from(level.min(9)), zlib, 15)));
    }
    let Some((_, _, deflate)) = state else { return Ok(()) };
    deflate.reset();
    let start = out.len();
    // Fast levels write literals of up to nine bits even where stored blocks would be smaller.
    let most = input.len().saturating_add(input.len() / 8).saturating_add(1024);
    out.resize(start.saturating_add(most), 0);
    let room = out.get_mut(start..).unwrap_or_default();
    match deflate.compress(input, room, DeflateFlush::Finish) {
        Ok(Status::StreamEnd) => {
            out.truncate(start.saturating_add(usize::try_from(deflate.total_out()).unwrap_or(0)));
            Ok(())
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
