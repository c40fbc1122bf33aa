//! Blosc 2 (filter 32026): a frame that holds one chunk of blocks, which may be tiles of an n-dimensional array.
//! Defined by `README_CFRAME_FORMAT`, `README_CHUNK_FORMAT` and `README_B2ND_METALAYER` of
//! <https://github.com/Blosc/c-blosc2>.

use super::{bitshuffle, blosc, shuffle};
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::slab::unravel;
use crate::codec::deflate::Inflater;
use crate::error::{Error, Result};

/// Flags of a chunk. Both kinds of shuffle at once mark the extended header.
const EXTENDED: u8 = 0x05;
const PLAIN: u8 = 0x02;
const UNSPLIT: u8 = 0x10;
/// Flags of the extended header.
const DICTIONARY: u8 = 0x01;
const BIG_ENDIAN: u8 = 0x02;
/// Length in bytes of the frame's header before its metalayers.
const FRAME_HEADER: usize = 87;
const MOST_DIMENSIONS: usize = 8;

/// Decodes the frame `input` into all of `out`.
pub(crate) fn decode(input: &[u8], out: &mut [u8], inflater: &mut Inflater) -> Result<()> {
    let frame = Blosc2Frame::read(input)?;
    let tiles = frame.tiles()?;
    let Some(tiles) = tiles.filter(|t| !t.is_one_row()) else {
        return frame.chunks(out, inflater);
    };
    if tiles.bytes(&tiles.shape)? != out.len() as u64 || tiles.chunk != tiles.shape {
        return Err(Error::unsupported("Blosc 2 array of several chunks inside one HDF5 chunk"));
    }
    let padded = checked::size(tiles.padded_bytes()?)?;
    if padded > out.len().saturating_mul(1 << 8) {
        return Err(Error::malformed("Blosc 2 tiles far larger than their array"));
    }
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(padded).map_err(|_| Error::limit(format!("no memory for {padded} bytes")))?;
    buffer.resize(padded, 0);
    frame.chunks(&mut buffer, inflater)?;
    tiles.assemble(&buffer, out)
}

/// The decoded length stored in a frame.
pub(crate) fn decoded_len(input: &[u8]) -> Result<usize> {
    let frame = Blosc2Frame::read(input)?;
    match frame.tiles()? {
        Some(tiles) => checked::size(tiles.bytes(&tiles.shape)?),
        None => Ok(frame.bytes),
    }
}

struct Blosc2Frame<'a> {
    /// The whole frame, including its header.
    whole: &'a [u8],
    header: usize,
    bytes: usize,
    stored: usize,
    /// Length of a decoded chunk in bytes.
    chunk: usize,
    element: usize,
}

impl<'a> Blosc2Frame<'a> {
    fn read(input: &'a [u8]) -> Result<Blosc2Frame<'a>> {
        let field =
            |at: usize| input.get(at..).ok_or_else(|| Error::malformed("Blosc 2 frame ends in its header"));
        if field(2)?.get(..8) != Some(b"b2frame\0".as_slice()) {
            return Err(Error::malformed("Blosc 2 frame without its signature"));
        }
        let int = |at: usize| -> Result<u64> {
            Cursor::new(field(at)?, 0).array().map(u32::from_be_bytes).map(u64::from)
        };
        let long = |at: usize| -> Result<u64> { Cursor::new(field(at)?, 0).array().map(u64::from_be_bytes) };
        let frame = Blosc2Frame {
            whole: input,
            header: checked::size(int(11)?)?,
            bytes: checked::size(long(30)?)?,
            stored: checked::size(long(39)?)?,
            element: checked::size(int(48)?)?,
            chunk: checked::size(int(58)?)?,
        };
        if frame.header < FRAME_HEADER || frame.header > input.len() {
            return Err(Error::malformed(format!("Blosc 2 frame header of {} bytes", frame.header)));
        }
        Ok(frame)
    }

    /// Decodes all chunks of the frame into `out`, which has their total length.
    fn chunks(&self, out: &mut [u8], inflater: &mut Inflater) -> Result<()> {
        if self.bytes != out.len() {
            return Err(Error::malformed(format!(
                "Blosc 2 chunk length (expected {} bytes, got {})",
                out.len(),
                self.bytes
            )));
        }
        if out.is_empty() {
            return Ok(());
        }
        let count = out.len().checked_div(self.chunk).unwrap_or(0).max(1);
        let step = if self.chunk == 0 { out.len() } else { self.chunk };
        if count > self.whole.len() {
            return Err(Error::malformed(format!("Blosc 2 chunks of {step} bytes")));
        }
        let body = self.whole.get(self.header..).unwrap_or_default();
        // The chunk after the last holds the offset of each.
        let index = body.get(self.stored..).ok_or_else(|| Error::malformed("Blosc 2 frame ends early"))?;
        let mut starts = vec![0; out.chunks(step).len().saturating_mul(8)];
        decode_chunk(index, &mut starts, inflater)?;
        for (part, start) in out.chunks_mut(step).zip(starts.chunks_exact(8)) {
            let start = Cursor::new(start, 0).read_u64()?;
            if start.wrapping_shr(63) != 0 {
                // a chunk of one repeated value, encoded in place of its offset
                special(start.wrapping_shr(56).to_le_bytes()[0] & 0x7f, self.element, &[], part)?;
                continue;
            }
            let stored = usize::try_from(start).ok().and_then(|s| body.get(s..));
            let stored = stored.ok_or_else(|| Error::malformed("Blosc 2 chunk outside its frame"))?;
            decode_chunk(stored, part, inflater)?;
        }
        Ok(())
    }

    /// Reads the metalayer of n-dimensional arrays, if there is one.
    fn tiles(&self) -> Result<Option<Tiles>> {
        let layers = self.whole.get(FRAME_HEADER..self.header).unwrap_or_default();
        let name = b"\xa4b2nd\xd2";
        let Some(at) = layers.windows(name.len()).position(|w| w == name) else { return Ok(None) };
        let mut place = Cursor::new(layers.get(at.saturating_add(name.len())..).unwrap_or_default(), 0);
        let place = checked::size(u64::from(u32::from_be_bytes(place.array()?)))?;
        // a string of bytes (0xc6 and its length) that holds an array
        let content = self.whole.get(place..self.header).unwrap_or_default();
        let mut src = Cursor::new(content, place as u64);
        if src.read_u8()? != 0xc6 {
            return Err(src.malformed("Blosc 2 array without its shape"));
        }
        src.skip(4)?;
        src.skip(2)?; // array, version
        let dimensions = usize::from(src.read_u8()?);
        if dimensions == 0 || dimensions > MOST_DIMENSIONS {
            return Err(src.malformed(format!("Blosc 2 array of {dimensions} dimensions")));
        }
        let mut list = |wide: bool| -> Result<Vec<u64>> {
            src.skip(1)?;
            let numbers = (0..dimensions).map(|_| {
                src.skip(1)?;
                Ok(if wide {
                    u64::from_be_bytes(src.array()?)
                } else {
                    u64::from(u32::from_be_bytes(src.array()?))
                })
            });
            numbers.collect()
        };
        let tiles =
            Tiles { shape: list(true)?, chunk: list(false)?, block: list(false)?, element: self.element };
        if tiles.block.iter().chain(&tiles.shape).any(|&n| n == 0) {
            return Err(Error::malformed("Blosc 2 array with an empty dimension"));
        }
        Ok(Some(tiles))
    }
}

/// An array in tiles: blocks in row-major order, each complete, including parts outside the array.
struct Tiles {
    shape: Vec<u64>,
    chunk: Vec<u64>,
    block: Vec<u64>,
    element: usize,
}

impl Tiles {
    fn bytes(&self, shape: &[u64]) -> Result<u64> {
        checked::mul(checked::product(shape)?, self.element as u64)
    }

    fn counts(&self) -> Vec<u64> {
        self.shape.iter().zip(&self.block).map(|(&s, &b)| s.div_ceil(b.max(1))).collect()
    }

    fn padded_bytes(&self) -> Result<u64> {
        let blocks = checked::product(&self.counts())?;
        checked::mul(blocks, self.bytes(&self.block)?)
    }

    /// Whether the tiles are in the same order as the elements.
    fn is_one_row(&self) -> bool {
        self.shape.len() == 1
            && self.shape.iter().zip(&self.block).all(|(&s, &b)| s.checked_rem(b) == Some(0))
    }

    /// Copies the rows of every tile to their positions in the array.
    fn assemble(&self, tiles: &[u8], out: &mut [u8]) -> Result<()> {
        let tile_bytes = checked::size(self.bytes(&self.block)?)?;
        let counts = self.counts();
        let (Some(&width), Some(&row)) = (self.shape.last(), self.block.last()) else { return Ok(()) };
        let row_bytes = checked::size(checked::mul(row, self.element as u64)?)?;
        for (n, tile) in (0u64..).zip(tiles.chunks_exact(tile_bytes)) {
            let origin: Vec<u64> =
                unravel(n, &counts).iter().zip(&self.block).map(|(&p, &b)| p.saturating_mul(b)).collect();
            let columns = width.saturating_sub(origin.last().copied().unwrap_or(0)).min(row);
            let len = checked::size(checked::mul(columns, self.element as u64)?)?;
            let rows: Vec<u64> = self.block.iter().rev().skip(1).rev().copied().collect();
            for (r, bytes) in (0u64..).zip(tile.chunks_exact(row_bytes)) {
                let mut place = 0u64;
                let inner = unravel(r, &rows).into_iter().chain([0]);
                let mut inside = true;
                for ((o, i), &s) in origin.iter().zip(inner).zip(&self.shape) {
                    let p = o.saturating_add(i);
                    inside &= p < s;
                    place = place.saturating_mul(s).saturating_add(p);
                }
                if !inside {
                    continue;
                }
                let at = checked::size(checked::mul(place, self.element as u64)?)?;
                let target = out.get_mut(at..at.saturating_add(len));
                let target = target.ok_or_else(|| Error::malformed("Blosc 2 tile outside its array"))?;
                target.copy_from_slice(bytes.get(..len).unwrap_or_default());
            }
        }
        Ok(())
    }
}

/// Fills `out` with the repeated value of a chunk.
fn special(kind: u8, element: usize, value: &[u8], out: &mut [u8]) -> Result<()> {
    match (kind, element) {
        // zeros, and uninitialised values
        (1 | 4, _) => out.fill(0),
        (2, 4) => out.chunks_exact_mut(4).for_each(|o| o.copy_from_slice(&f32::NAN.to_le_bytes())),
        (2, 8) => out.chunks_exact_mut(8).for_each(|o| o.copy_from_slice(&f64::NAN.to_le_bytes())),
        (3, n) if n > 0 && n <= value.len() => {
            out.chunks_mut(n).for_each(|o| o.iter_mut().zip(value).for_each(|(o, v)| *o = *v));
        }
        _ => return Err(Error::malformed(format!("Blosc 2 chunk of special value {kind}"))),
    }
    Ok(())
}

/// Decodes one chunk into all of `out`.
fn decode_chunk(input: &[u8], out: &mut [u8], inflater: &mut Inflater) -> Result<()> {
    let mut src = Cursor::new(input, 0);
    let (version, _, flags, element) = (src.read_u8()?, src.read_u8()?, src.read_u8()?, src.read_u8()?);
    if flags & EXTENDED != EXTENDED {
        return blosc::decode(input, out, inflater);
    }
    if version > 6 {
        return Err(Error::unsupported(format!("Blosc 2 chunk format {version}")));
    }
    let element = usize::from(element).max(1);
    let (total, block) = (src.read_u32()?, src.read_u32()?);
    src.skip(4)?; // stored bytes
    let filters: [u8; 6] = src.array()?;
    src.skip(2)?; // codec of the user, its parameter
    let parameters: [u8; 6] = src.array()?;
    src.skip(1)?;
    let more = src.read_u8()?;
    if u64::from(total) != out.len() as u64 {
        let text = format!("Blosc 2 chunk length (expected {} bytes, got {total})", out.len());
        return Err(Error::malformed(text));
    }
    match more.wrapping_shr(4) & 7 {
        0 => {}
        kind => return special(kind, element, src.rest(), out),
    }
    if flags & PLAIN != 0 {
        out.copy_from_slice(src.take(out.len())?);
        return Ok(());
    }
    if more & (DICTIONARY | BIG_ENDIAN) != 0 {
        return Err(Error::unsupported("Blosc 2 chunk with a dictionary or of a big-endian machine"));
    }
    let block = checked::size(u64::from(block))?;
    if block == 0 {
        return Err(Error::malformed("Blosc 2 blocks of 0 bytes"));
    }
    let codec = flags.wrapping_shr(5);
    let (mut from, mut to) = (Vec::new(), Vec::new());
    let mut at = 0usize;
    while at < out.len() {
        let len = block.min(out.len().saturating_sub(at));
        let start = checked::size(u64::from(src.read_u32()?))?;
        let stored = input.get(start..).ok_or_else(|| Error::malformed("Blosc 2 block outside its chunk"))?;
        let streams = if flags & UNSPLIT == 0 && len == block { element } else { 1 };
        from.resize(len, 0);
        to.resize(len, 0);
        decode_streams(codec, stored, streams, &mut from, inflater)?;
        for (&filter, &parameter) in filters.iter().zip(&parameters).rev() {
            let width = if parameter == 0 { element } else { usize::from(parameter) };
            match filter {
                // no filter, or truncated mantissas, which cannot be restored
                0 | 4 => continue,
                1 => shuffle::unshuffle(&from, width, &mut to),
                2 => {
                    let eights = len.checked_div(element).unwrap_or(0) / 8;
                    let whole = eights.saturating_mul(8).saturating_mul(element);
                    let (head, tail) = to.split_at_mut(whole);
                    let (shuffled, rest) = from.split_at(whole);
                    bitshuffle::untranspose(shuffled, element, head);
                    tail.copy_from_slice(rest);
                }
                3 => {
                    undo_delta(out.get(..len.min(at)), element, &mut from);
                    continue;
                }
                f => return Err(Error::unsupported(format!("Blosc 2 filter {f}"))),
            }
            std::mem::swap(&mut from, &mut to);
        }
        let end = at.saturating_add(len);
        out.get_mut(at..end).unwrap_or_default().copy_from_slice(&from);
        at = end;
    }
    Ok(())
}

/// Undoes exclusive or with the first block, or with the preceding element in the first block itself.
fn undo_delta(reference: Option<&[u8]>, element: usize, block: &mut [u8]) {
    match reference {
        Some(first) if !first.is_empty() => block.iter_mut().zip(first).for_each(|(b, f)| *b ^= f),
        _ => {
            let lag = match element {
                1 | 2 | 4 | 8 => element,
                n if n % 8 == 0 => 8,
                _ => 1,
            };
            for i in lag..block.len() {
                let before = i.checked_sub(lag).and_then(|i| block.get(i)).copied().unwrap_or(0);
                if let Some(b) = block.get_mut(i) {
                    *b ^= before;
                }
            }
        }
    }
}

/// Decodes the streams of one block, one for each byte of an element or one for all.
fn decode_streams(
    codec: u8,
    stored: &[u8],
    streams: usize,
    block: &mut [u8],
    inflater: &mut Inflater,
) -> Result<()> {
    let mut stored = Cursor::new(stored, 0);
    let each = block.len().checked_div(streams).unwrap_or(0);
    if each.saturating_mul(streams) != block.len() || each == 0 {
        return Err(Error::malformed("Blosc 2 block that its streams do not divide"));
    }
    for stream in block.chunks_mut(each) {
        let len = i32::from_le_bytes(stored.array()?);
        match u32::try_from(len) {
            Ok(0) => stream.fill(0),
            Ok(len) => {
                let bytes = stored.take(checked::size(u64::from(len))?)?;
                if bytes.len() == stream.len() {
                    stream.copy_from_slice(bytes);
                } else {
                    blosc::decode_stream(codec, bytes, stream, inflater)?;
                }
            }
            // one repeated byte, in place of a length
            Err(_) => {
                let value = u8::try_from(len.unsigned_abs())
                    .map_err(|_| stored.malformed(format!("Blosc 2 stream of {len} bytes")))?;
                if stored.read_u8()? & 1 == 0 {
                    return Err(stored.unsupported("Blosc 2 stream with an unknown token"));
                }
                stream.fill(value);
            }
        }
    }
    Ok(())
}
