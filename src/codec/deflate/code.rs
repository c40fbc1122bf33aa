//! The Huffman codes of a block: RFC 1951, 3.2.2 and 3.2.5 to 3.2.7.

// Table indexes are taken modulo the table's length, symbols and code lengths are bounded by those of a
// block, and their sums by the checks.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use super::bits::{Input, Refused};

/// The decoded meaning of the next bits.
///
/// From the lowest bit: 8 bits for the length of the code with its extra bits, 8 bits for the length of the
/// code alone, then the literal, or the base of the length or distance. The top bit marks a literal, or a
/// distance code that is not in the table; for a length code that is not in the table, or the end of the
/// block, the base is above all lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CodeEntry(pub(super) u32);

impl CodeEntry {
    const TOP: u32 = 1 << 31;
    /// Not in the table, or the end of the block.
    const NO_LENGTH: CodeEntry = CodeEntry(0x1ff << 16);
    const NO_DISTANCE: CodeEntry = CodeEntry(Self::TOP);
    /// Length of the longest match.
    pub(super) const LONGEST: usize = 258;

    fn literal_or_length(symbol: usize) -> CodeEntry {
        match symbol {
            0..256 => CodeEntry(Self::TOP | (symbol as u32) << 16),
            _ => LENGTHS.get(symbol.wrapping_sub(257)).map_or(Self::NO_LENGTH, |l| Self::range(*l)),
        }
    }

    fn distance(symbol: usize) -> CodeEntry {
        DISTANCES.get(symbol).map_or(Self::NO_DISTANCE, |d| Self::range(*d))
    }

    fn range((base, extra): (u16, u8)) -> CodeEntry {
        CodeEntry(u32::from(base) << 16 | u32::from(extra))
    }

    /// Whether this is a literal, or a distance that is not in the table.
    #[inline(always)]
    pub(super) fn top(self) -> bool {
        (self.0 as i32) < 0
    }
}

/// Lengths: base and extra bits of the symbols from 257 on.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// Distances: base and extra bits.
const DISTANCES: [(u16, u8); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

/// The order in which the code lengths of code lengths are sent.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Bits of the first lookup of a literal or length, and of a distance.
pub(super) const LITERAL_BITS: u32 = 11;
pub(super) const DISTANCE_BITS: u32 = 9;

/// One code: a table of `N` entries indexed by the next bits, and counts and symbols for longer codes.
#[derive(Debug)]
pub(super) struct Code<const N: usize> {
    pub(super) table: [CodeEntry; N],
    counts: [u16; 16],
    symbols: [u16; 288],
}

impl<const N: usize> Code<N> {
    const BITS: u32 = N.trailing_zeros();

    fn new() -> Self {
        Code { table: [CodeEntry(0); N], counts: [0; 16], symbols: [0; 288] }
    }

    /// Builds the code from the code lengths of its symbols. Rejects what zlib rejects: more symbols than the
    /// lengths have room for; fewer, unless there is exactly one of one bit, or none.
    fn build(
        &mut self,
        lengths: &[u8],
        missing: CodeEntry,
        entry_of: impl Fn(usize) -> CodeEntry,
    ) -> Result<(), Refused> {
        let mut counts = [0u16; 16];
        for l in lengths {
            counts[usize::from(l & 15)] += 1;
        }
        counts[0] = 0;
        self.counts = counts;
        let longest = (1..16usize).rev().find(|l| counts[*l] > 0).unwrap_or(0);
        let mut left = 1i32;
        for count in &counts[1..] {
            left = (left << 1) - i32::from(*count);
            if left < 0 {
                return Err(Refused);
            }
        }
        if left > 0 && longest > 1 {
            return Err(Refused);
        }
        // symbols by code length, in order
        let mut starts = [0u16; 17];
        for l in 1..16 {
            starts[l + 1] = starts[l] + counts[l];
        }
        for (symbol, l) in lengths.iter().enumerate().filter(|(_, l)| **l > 0) {
            let slot = &mut starts[usize::from(l & 15)];
            self.symbols[usize::from(*slot)] = symbol as u16;
            *slot += 1;
        }
        // Codes count upwards with their first bit highest; tables are indexed with the first bit lowest. The
        // first 2^n entries, filled by codes of up to n bits, are repeated in the next 2^n.
        self.table[0] = missing;
        let (mut code, mut next, mut filled) = (0u32, 0usize, 1usize);
        for length in 1..=Self::BITS {
            self.table.copy_within(0..filled, filled);
            filled *= 2;
            for _ in 0..counts[length as usize] {
                let entry = entry_of(usize::from(self.symbols[next]));
                let index = code.reverse_bits() >> (32 - length);
                self.table[index as usize & (N - 1)] =
                    if entry == missing { entry } else { CodeEntry(entry.0 + length + (length << 8)) };
                (code, next) = (code + 1, next + 1);
            }
            code <<= 1;
        }
        // remaining entries are prefixes of longer codes
        let longer = if left > 0 { 0 } else { code >> 1 };
        if longer > 0 {
            for code in longer..N as u32 {
                self.table[(code.reverse_bits() >> (32 - Self::BITS)) as usize & (N - 1)] = missing;
            }
        }
        Ok(())
    }

    /// Decodes the next symbol bit by bit.
    pub(super) fn symbol(&self, input: &mut Input<'_>) -> Result<usize, Refused> {
        let (mut code, mut first, mut index) = (0u32, 0u32, 0u32);
        for count in &self.counts[1..] {
            let count = u32::from(*count);
            code |= input.take(1)?;
            if code < first + count {
                let symbol = self.symbols.get((index + code - first) as usize).ok_or(Refused)?;
                return Ok(usize::from(*symbol));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Refused)
    }
}

/// The codes of a block.
#[derive(Debug)]
pub(super) struct Codes {
    pub(super) literals: Code<{ 1 << LITERAL_BITS }>,
    pub(super) distances: Code<{ 1 << DISTANCE_BITS }>,
    lengths: Code<128>,
    /// Expected literals in 2^15 symbols, estimated from the code lengths.
    pub(super) share: u32,
}

impl Codes {
    pub(super) fn new() -> Box<Self> {
        Box::new(Codes { literals: Code::new(), distances: Code::new(), lengths: Code::new(), share: 0 })
    }

    /// The codes of block type 1.
    pub(super) fn fixed(&mut self) -> Result<(), Refused> {
        let mut lengths = [8u8; 288 + 32];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        lengths[288..].fill(5);
        self.set(&lengths[..288], &lengths[288..])
    }

    /// Reads the codes of block type 2 from their encoded lengths.
    pub(super) fn read(&mut self, input: &mut Input<'_>) -> Result<(), Refused> {
        let literals = input.take(5)? as usize + 257;
        let distances = input.take(5)? as usize + 1;
        let codes = input.take(4)? as usize + 4;
        if literals > 286 || distances > 30 {
            return Err(Refused);
        }
        let mut of_lengths = [0u8; 19];
        for slot in &ORDER[..codes] {
            of_lengths[*slot] = input.take(3)? as u8;
        }
        if of_lengths.iter().filter(|l| **l > 0).count() < 2 {
            // zlib-rs decides
            return Err(Refused);
        }
        self.lengths.build(&of_lengths, CodeEntry(u32::MAX), |symbol| CodeEntry((symbol as u32) << 16))?;
        let mut lengths = [0u8; 286 + 30];
        let total = literals + distances;
        let mut n = 0;
        while n < total {
            let (value, repeat) = match self.length(input)? {
                16 => (*lengths[..n].last().ok_or(Refused)?, 3 + input.take(2)? as usize),
                17 => (0, 3 + input.take(3)? as usize),
                18 => (0, 11 + input.take(7)? as usize),
                length => (length as u8, 1),
            };
            lengths[..total].get_mut(n..n + repeat).ok_or(Refused)?.fill(value);
            n += repeat;
        }
        if lengths[256] == 0 {
            return Err(Refused);
        }
        self.set(&lengths[..literals], &lengths[literals..total])
    }

    /// Reads a code length or a repeat symbol; their codes have up to 7 bits, so all are in the table.
    fn length(&self, input: &mut Input<'_>) -> Result<u32, Refused> {
        input.refill();
        let CodeEntry(entry) = self.lengths.table[(input.bits & 127) as usize];
        input.take(entry & 15)?;
        Ok(entry >> 16)
    }

    fn set(&mut self, literals: &[u8], distances: &[u8]) -> Result<(), Refused> {
        let coded = literals[..256].iter().filter(|l| **l > 0);
        self.share = coded.map(|l| (1u32 << 15) >> (l & 15)).sum();
        self.literals.build(literals, CodeEntry::NO_LENGTH, CodeEntry::literal_or_length)?;
        self.distances.build(distances, CodeEntry::NO_DISTANCE, CodeEntry::distance)
    }
}

/// The next symbol of a block.
pub(super) enum Symbol {
    Literal(u8),
    End,
    /// Length and distance.
    Match(usize, usize),
}

impl Codes {
    /// Decodes the next symbol, whatever the length of its code.
    pub(super) fn next(&self, input: &mut Input<'_>) -> Result<Symbol, Refused> {
        let symbol = self.literals.symbol(input)?;
        match symbol {
            0..256 => return Ok(Symbol::Literal(symbol as u8)),
            256 => return Ok(Symbol::End),
            _ => {}
        }
        let (base, extra) = *LENGTHS.get(symbol - 257).ok_or(Refused)?;
        let length = usize::from(base) + input.take(u32::from(extra))? as usize;
        let (base, extra) = *DISTANCES.get(self.distances.symbol(input)?).ok_or(Refused)?;
        let distance = usize::from(base) + input.take(u32::from(extra))? as usize;
        Ok(Symbol::Match(length, distance))
    }
}
