//! Bzip2 (filter 307): one bzip2 stream per chunk, with its block checksums verified. Format after J. Tsai's
//! "BZIP2: Format Specification" and Julian Seward's own description.

use super::bits::BitReader;
use crate::error::{Error, Result};

const BLOCK: u64 = 0x3141_5926_5359;
const END: u64 = 0x1772_4538_5090;
const MOST_CODE: u32 = 20;
const ALPHABET: usize = 258;
/// Number of symbols coded with one table before the next selector.
const GROUP: usize = 50;

/// Decodes the stream at the start of `input`; rejects more than `most` bytes.
pub(crate) fn decode_to_vec(input: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
    out.clear();
    let mut bits = BitReader::new(input);
    let magic = bits.bits(24)?;
    let level = bits.bits(8)?;
    if magic != 0x42_5a68 || !(0x31..=0x39).contains(&level) {
        return Err(broken("it does not begin as one"));
    }
    let size = usize::try_from(level & 15).unwrap_or(9).saturating_mul(100_000);
    let mut block = Vec::new();
    let mut sum = 0u32;
    loop {
        match bits.bits(48)? {
            BLOCK => {
                let stored = checksum(&mut bits)?;
                let first = out.len();
                let start = decode_block(&mut bits, size, &mut block)?;
                expand(&block, start, out, most)?;
                let got = crc(out.get(first..).unwrap_or_default());
                if got != stored {
                    return Err(Error::checksum(format!(
                        "bzip2 block checksum (expected {stored:#010x}, got {got:#010x})"
                    )));
                }
                sum = sum.rotate_left(1) ^ got;
            }
            END if checksum(&mut bits)? == sum => return Ok(()),
            END => return Err(Error::checksum("bzip2 stream checksum does not match")),
            _ => return Err(broken("no block where one should be")),
        }
    }
}

/// Decodes all of `input` into all of `out`.
pub(crate) fn decode(input: &[u8], out: &mut [u8]) -> Result<()> {
    let mut bytes = Vec::new();
    decode_to_vec(input, &mut bytes, out.len())?;
    if bytes.len() != out.len() {
        return Err(Error::malformed(format!(
            "bzip2 stream ends early (expected {} bytes, got {})",
            out.len(),
            bytes.len()
        )));
    }
    out.copy_from_slice(&bytes);
    Ok(())
}

fn broken(why: &str) -> Error {
    Error::malformed(format!("bzip2 stream is broken: {why}"))
}

fn checksum(bits: &mut BitReader<'_>) -> Result<u32> {
    Ok(u32::try_from(bits.bits(32)?).unwrap_or(0))
}

/// CRC-32 of polynomial 0x04c11db7, most significant bit first.
fn crc(bytes: &[u8]) -> u32 {
    // The reflected CRC of reflected bytes is this one, reflected.
    let mut h = crc32fast::Hasher::new();
    let mut piece = [0u8; 1024];
    for part in bytes.chunks(piece.len()) {
        piece.iter_mut().zip(part).for_each(|(p, b)| *p = b.reverse_bits());
        h.update(piece.get(..part.len()).unwrap_or_default());
    }
    h.finalize().reverse_bits()
}

/// A Huffman table: for each length, its codes and the positions of their symbols.
struct CodeTable {
    /// For codes of each length: one past the last, left-aligned to 20 bits, and the offset from a code to
    /// its symbol.
    lengths: [(u32, i64); 21],
    symbols: Vec<u16>,
}

impl CodeTable {
    fn read(bits: &mut BitReader<'_>, alphabet: usize) -> Result<CodeTable> {
        let mut lengths = [0u8; ALPHABET];
        let mut len = bits.bits(5)?;
        for slot in lengths.iter_mut().take(alphabet) {
            while bits.bit()? {
                len = if bits.bit()? { len.wrapping_sub(1) } else { len.saturating_add(1) };
                if !(1..=u64::from(MOST_CODE)).contains(&len) {
                    break;
                }
            }
            if !(1..=u64::from(MOST_CODE)).contains(&len) {
                return Err(broken("a code of impossible length"));
            }
            *slot = len.to_le_bytes()[0];
        }
        let mut table = CodeTable { lengths: [(0, 0); 21], symbols: Vec::with_capacity(alphabet) };
        let mut code = 0u32;
        for (bits, slot) in (0u8..).zip(&mut table.lengths).skip(1) {
            code = code.wrapping_shl(1);
            let first = i64::from(code);
            let here =
                (0u16..).zip(lengths.iter().take(alphabet)).filter(|(_, l)| **l == bits).map(|(s, _)| s);
            let offset = i64::try_from(table.symbols.len()).unwrap_or(0).saturating_sub(first);
            let before = table.symbols.len();
            table.symbols.extend(here);
            let count = table.symbols.len().saturating_sub(before);
            code = code.saturating_add(u32::try_from(count).unwrap_or(0));
            if code > 1u32.wrapping_shl(u32::from(bits)) {
                return Err(broken("more codes than there can be"));
            }
            *slot = (code.wrapping_shl(MOST_CODE.saturating_sub(u32::from(bits))), offset);
        }
        Ok(table)
    }

    fn symbol(&self, bits: &mut BitReader<'_>) -> Result<u16> {
        let window = u32::try_from(bits.peek(MOST_CODE)).unwrap_or(0);
        for (len, (end, offset)) in (0u32..).zip(&self.lengths).skip(1) {
            if window < *end {
                bits.skip(len)?;
                let code = i64::from(window.wrapping_shr(MOST_CODE.saturating_sub(len)));
                let at = usize::try_from(code.saturating_add(*offset)).unwrap_or(usize::MAX);
                return self.symbols.get(at).copied().ok_or_else(|| broken("a code nobody has"));
            }
        }
        Err(broken("a code nobody has"))
    }
}

/// Decodes one block up to the Burrows-Wheeler transform; returns the start of the original.
fn decode_block(bits: &mut BitReader<'_>, size: usize, block: &mut Vec<u8>) -> Result<usize> {
    block.clear();
    if bits.bit()? {
        return Err(Error::unsupported("bzip2 block made random, as versions before 0.9.5 could"));
    }
    let start = usize::try_from(bits.bits(24)?).unwrap_or(usize::MAX);
    let mut recent = Vec::with_capacity(256);
    let groups = bits.bits(16)?;
    for high in 0u8..16 {
        if groups.wrapping_shr(15u32.saturating_sub(u32::from(high))) & 1 == 0 {
            continue;
        }
        let used = bits.bits(16)?;
        recent.extend((0u8..16).filter_map(|low| {
            let set = used.wrapping_shr(15u32.saturating_sub(u32::from(low))) & 1 != 0;
            set.then_some(high.wrapping_shl(4) | low)
        }));
    }
    let alphabet = recent.len().saturating_add(2);
    if recent.is_empty() {
        return Err(broken("a block without bytes"));
    }
    let tables = usize::try_from(bits.bits(3)?).unwrap_or(0);
    let count = usize::try_from(bits.bits(15)?).unwrap_or(0);
    if !(2..=6).contains(&tables) || count == 0 {
        return Err(broken("impossible number of tables"));
    }
    let mut order: Vec<usize> = (0..tables).collect();
    let mut selectors = Vec::with_capacity(count);
    for _ in 0..count {
        let mut n = 0usize;
        while bits.bit()? {
            n = n.saturating_add(1);
        }
        if n >= tables {
            return Err(broken("a table that is not there"));
        }
        let chosen = order.remove(n);
        order.insert(0, chosen);
        selectors.push(chosen);
    }
    let tables: Vec<CodeTable> =
        (0..tables).map(|_| CodeTable::read(bits, alphabet)).collect::<Result<_>>()?;
    let end = u16::try_from(alphabet.saturating_sub(1)).unwrap_or(u16::MAX);
    let full = || broken("a block longer than it may be");
    let (mut run, mut weight) = (0usize, 1usize);
    for chosen in selectors {
        let table = tables.get(chosen).ok_or_else(|| broken("a table that is not there"))?;
        for _ in 0..GROUP {
            let symbol = table.symbol(bits)?;
            if symbol < 2 {
                run = run.saturating_add(weight.saturating_mul(usize::from(symbol).saturating_add(1)));
                weight = weight.saturating_mul(2);
                if run > size {
                    return Err(full());
                }
                continue;
            }
            if run > 0 {
                let byte = recent.first().copied().unwrap_or(0);
                block.resize(block.len().saturating_add(run), byte);
                (run, weight) = (0, 1);
            }
            if symbol == end {
                if block.len() > size {
                    return Err(full());
                }
                return Ok(start);
            }
            let n = usize::from(symbol).saturating_sub(1);
            if n >= recent.len() || block.len() >= size {
                return Err(full());
            }
            let byte = recent.remove(n);
            recent.insert(0, byte);
            block.push(byte);
        }
    }
    Err(broken("a block without an end"))
}

/// Undoes the Burrows-Wheeler transform and the encoding of runs of four or more that preceded it.
fn expand(block: &[u8], start: usize, out: &mut Vec<u8>, most: usize) -> Result<()> {
    if block.is_empty() || start >= block.len() {
        return Err(broken("a block that begins outside itself"));
    }
    let mut counts = [0u32; 256];
    for &b in block {
        if let Some(c) = counts.get_mut(usize::from(b)) {
            *c = c.saturating_add(1);
        }
    }
    let mut next = 0u32;
    for c in &mut counts {
        let count = std::mem::replace(c, next);
        next = next.saturating_add(count);
    }
    // The position of the byte after each byte, stored above the byte itself.
    let mut links = vec![0u32; block.len()];
    for (i, &b) in (0u32..).zip(block) {
        let Some(c) = counts.get_mut(usize::from(b)) else { continue };
        if let Some(l) = links.get_mut(usize::try_from(*c).unwrap_or(usize::MAX)) {
            *l = i;
        }
        *c = c.saturating_add(1);
    }
    let mut at = start;
    let (mut last, mut same) = (None, 0u32);
    for _ in 0..block.len() {
        at = links.get(at).map_or(0, |&l| usize::try_from(l).unwrap_or(0));
        let byte = block.get(at).copied().unwrap_or(0);
        let copies = if same == 4 { usize::from(byte) } else { 1 };
        if out.len().saturating_add(copies) > most {
            return Err(Error::malformed(format!("bzip2 stream holds more than the {most} bytes expected")));
        }
        if same == 4 {
            let byte = last.take().unwrap_or(0);
            out.resize(out.len().saturating_add(copies), byte);
            same = 0;
        } else {
            same = if last == Some(byte) { same.saturating_add(1) } else { 1 };
            last = Some(byte);
            out.push(byte);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // bz2.compress(b"annmap annmap" + b"z" * 300)
    const STREAM: [u8; 53] = [
        0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0x8e, 0x9d, 0x08, 0x44, 0x00, 0x00, 0x01,
        0x11, 0x80, 0xc0, 0x20, 0x20, 0x03, 0x40, 0x10, 0x00, 0x08, 0x20, 0x00, 0x31, 0x0c, 0x08, 0x12, 0x86,
        0x99, 0x0e, 0x24, 0xc8, 0x10, 0x1d, 0x77, 0x60, 0x78, 0xbb, 0x92, 0x29, 0xc2, 0x84, 0x84, 0x74, 0xe8,
        0x42, 0x20,
    ];

    #[test]
    fn text_and_runs() {
        let mut out = [0; 313];
        decode(&STREAM, &mut out).unwrap();
        assert!(out.starts_with(b"annmap annmapzzz") && out[13..].iter().all(|&b| b == b'z'));
        assert!(decode(&STREAM, &mut [0; 312]).is_err());
        assert!(decode(&STREAM, &mut [0; 314]).is_err());
        assert!((0..STREAM.len()).all(|n| decode(&STREAM[..n], &mut out).is_err()), "cut anywhere");
    }

    #[test]
    fn any_changed_byte_is_noticed_or_harmless() {
        for i in 0..STREAM.len() {
            let mut s = STREAM;
            s[i] ^= 0x10;
            let mut out = [0; 313];
            if decode(&s, &mut out).is_ok() {
                assert!(
                    out.starts_with(b"annmap annmapzzz") && out[13..].iter().all(|&b| b == b'z'),
                    "byte {i}"
                );
            }
        }
    }
}
