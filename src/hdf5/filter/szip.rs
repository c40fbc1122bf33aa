//! Szip (filter 4): the Rice coder of CCSDS 121.0-B, as HDF5 frames it: the decoded length (u32), then the bits.
//! 32- and 64-bit numbers are coded as planes of bytes, scan lines padded to whole blocks.

use crate::bytes::Cursor;
use crate::codec::bits::BitReader;
use crate::error::{Error, Result};

/// Options, from H5Zszip: nearest-neighbour preprocessing and big-endian samples.
const NEAREST_NEIGHBOUR: u32 = 32;
const BIG_ENDIAN: u32 = 16;
/// Code of a run of zero blocks up to the end of the segment.
const REMAINDER: u64 = 5;
const SEGMENT: usize = 64;

/// The filter's parameters, from its values.
#[derive(Debug, Clone)]
pub(crate) struct Szip {
    preprocessed: bool,
    big_endian: bool,
    /// Samples per block, and blocks between two reference samples (a scan line).
    block: usize,
    blocks: usize,
    /// Samples per scan line, without its padding.
    line: usize,
    /// Bits per sample.
    bits: u32,
    /// Bytes of a number if each of its bytes is a sample; 1 if samples are whole numbers.
    planes: usize,
}

impl Szip {
    pub(crate) fn new(values: &[u32]) -> Result<Self> {
        let value = |i: usize| {
            values.get(i).copied().ok_or_else(|| Error::malformed("szip filter with too few values"))
        };
        let (options, pixel) = (value(0)?, value(2)?);
        let block = usize::try_from(value(1)?).unwrap_or(0);
        let line = usize::try_from(value(3)?).unwrap_or(0);
        let (bits, planes) = match pixel {
            32 => (8, 4),
            64 => (8, 8),
            1..=24 => (pixel, 1),
            _ => return Err(Error::malformed(format!("szip samples of {pixel} bits"))),
        };
        if block == 0 || block > 32 || block % 2 != 0 {
            return Err(Error::malformed(format!("szip blocks of {block} samples")));
        }
        if line == 0 || line > 4096 {
            return Err(Error::malformed(format!("szip lines of {line} samples")));
        }
        Ok(Szip {
            preprocessed: options & NEAREST_NEIGHBOUR != 0,
            big_endian: options & BIG_ENDIAN != 0,
            block,
            blocks: line.div_ceil(block),
            line,
            bits,
            planes,
        })
    }

    /// Bytes per sample.
    fn width(&self) -> usize {
        match self.bits {
            0..=8 => 1,
            9..=16 => 2,
            _ => 4,
        }
    }

    /// The decoded length stored in a chunk.
    pub(crate) fn decoded_len(input: &[u8]) -> Result<u64> {
        Cursor::new(input, 0).read_u32().map(u64::from)
    }

    /// Decodes all of `input` into all of `out`.
    pub(crate) fn decode(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let mut src = Cursor::new(input, 0);
        let total = src.read_u32()?;
        if u64::from(total) != out.len() as u64 {
            let text = format!("szip chunk length (expected {} bytes, got {total})", out.len());
            return Err(Error::malformed(text));
        }
        let width = self.width();
        if out.len().checked_rem(width) != Some(0) {
            return Err(Error::malformed("szip chunk that its samples do not divide"));
        }
        let number = out.len().checked_div(self.planes).unwrap_or(0);
        let mut bits = BitReader::new(src.rest());
        let mut place = 0usize;
        let mut left = out.len().checked_div(width).unwrap_or(0);
        let mut samples = Vec::with_capacity(self.blocks.saturating_mul(self.block));
        while left > 0 {
            samples.clear();
            self.interval(&mut bits, left.min(self.line), &mut samples)?;
            // samples after the end of the line are padding
            for &sample in samples.iter().take(self.line.min(left)) {
                let bytes = sample.to_be_bytes();
                let bytes = bytes.get(bytes.len().saturating_sub(width)..).unwrap_or_default();
                let at = match self.planes {
                    1 => place.saturating_mul(width),
                    // bytes after the last whole number stay in place
                    p if place >= number.saturating_mul(p) => place,
                    // plane by plane: the first bytes of all numbers come first
                    p => {
                        let (plane, n) =
                            (place.checked_div(number).unwrap_or(0), place.checked_rem(number).unwrap_or(0));
                        n.saturating_mul(p).saturating_add(plane)
                    }
                };
                let slot = out.get_mut(at..).unwrap_or_default().iter_mut().take(width);
                if self.big_endian {
                    slot.zip(bytes).for_each(|(o, b)| *o = *b);
                } else {
                    slot.zip(bytes.iter().rev()).for_each(|(o, b)| *o = *b);
                }
                place = place.saturating_add(1);
            }
            left = left.saturating_sub(self.line);
        }
        Ok(())
    }

    /// Appends the samples of one reference interval, at least `wanted` of them.
    fn interval(&self, bits: &mut BitReader<'_>, wanted: usize, out: &mut Vec<u32>) -> Result<()> {
        let most = self.blocks.saturating_mul(self.block);
        let id_bits = match self.bits {
            0..=8 => 3,
            9..=16 => 4,
            _ => 5,
        };
        let uncoded = 1u64.wrapping_shl(id_bits).wrapping_sub(1);
        while out.len() < wanted {
            let start = out.len();
            let reference = self.preprocessed && start == 0;
            let id = bits.bits(id_bits)?;
            if id == uncoded {
                for _ in 0..self.block {
                    out.push(number(bits.bits(self.bits)?));
                }
                continue;
            }
            let second_extension = id == 0 && bits.bit()?;
            if reference {
                out.push(number(bits.bits(self.bits)?));
            }
            let coded = self.block.saturating_sub(usize::from(reference));
            if second_extension {
                let mut skip = reference;
                let end = start.saturating_add(self.block);
                while out.len() < end {
                    let (first, second) = pair(bits.zeros()?)?;
                    if !std::mem::take(&mut skip) {
                        out.push(first);
                    }
                    out.push(second);
                }
            } else if id == 0 {
                let done = start.checked_div(self.block).unwrap_or(0);
                let run = match bits.zeros()?.saturating_add(1) {
                    REMAINDER => {
                        let segment = SEGMENT.saturating_sub(done % SEGMENT);
                        self.blocks.saturating_sub(done).min(segment)
                    }
                    n => usize::try_from(if n > REMAINDER { n.saturating_sub(1) } else { n })
                        .unwrap_or(usize::MAX),
                };
                let end = start.saturating_add(run.saturating_mul(self.block));
                if end > most {
                    return Err(Error::malformed("szip run of zeros beyond its scan line"));
                }
                out.resize(end, 0);
            } else {
                let low = u32::try_from(id).unwrap_or(1).saturating_sub(1);
                let first = out.len();
                for _ in 0..coded {
                    let high = bits.zeros()?;
                    out.push(number(high.checked_shl(low).filter(|v| v >> low == high).unwrap_or(u64::MAX)));
                }
                if low > 0 {
                    for slot in out.iter_mut().skip(first) {
                        *slot |= number(bits.bits(low)?);
                    }
                }
            }
        }
        if self.preprocessed {
            self.postprocess(out);
        }
        Ok(())
    }

    /// Restores samples from differences mapped to unsigned numbers.
    fn postprocess(&self, samples: &mut [u32]) {
        let most = number(1u64.wrapping_shl(self.bits).wrapping_sub(1));
        let half = 1u32.wrapping_shl(self.bits.saturating_sub(1));
        let Some((&mut first, rest)) = samples.split_first_mut() else { return };
        let mut value = first;
        for d in rest {
            let mask = if value & half == 0 { 0 } else { most };
            let halved = (*d / 2).saturating_add(*d & 1);
            value = if halved <= mask ^ value {
                if *d & 1 == 0 { value.wrapping_add(*d / 2) } else { value.wrapping_sub(halved) }
            } else {
                mask ^ *d
            } & most;
            *d = value;
        }
    }
}

fn number(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The two numbers that a code of the second extension encodes.
fn pair(code: u64) -> Result<(u32, u32)> {
    if code > 90 {
        return Err(Error::malformed(format!("szip second extension code {code}")));
    }
    let mut sum = 0u64;
    let mut start = 0u64;
    while start.saturating_add(sum) < code {
        sum = sum.saturating_add(1);
        start = start.saturating_add(sum);
    }
    let second = code.saturating_sub(start);
    Ok((number(sum.saturating_sub(second)), number(second)))
}
