//! The entries of a block of text.

use super::header::{MarketHeader, Symmetry};
use crate::error::{Error, Result};
use crate::formats::numbers::{HeldValue, Misfit, Numeral, Seen};
use crate::formats::text_blocks::{LineEnds, TextBlock};

/// Entries of a block, with a line and a minor index each.
#[derive(Debug)]
pub(super) struct EntryBatch<T> {
    pub(super) lines: Vec<u32>,
    pub(super) minor: Vec<u32>,
    pub(super) values: Vec<T>,
    /// Number of entries that stand in the text.
    pub(super) read: u64,
    pub(super) seen: Seen,
}

impl<T> Default for EntryBatch<T> {
    fn default() -> Self {
        let (lines, minor, values) = (Vec::new(), Vec::new(), Vec::new());
        EntryBatch { lines, minor, values, read: 0, seen: Seen::default() }
    }
}

impl<T> EntryBatch<T> {
    /// Line and minor index of an entry, in the order of a sorted matrix.
    fn key(&self, at: usize) -> u64 {
        u64::from(self.lines[at]) << 32 | u64::from(self.minor[at])
    }

    /// The first and the last key; `None` if there are no entries.
    pub(super) fn ends(&self) -> Option<[u64; 2]> {
        let last = self.lines.len().checked_sub(1)?;
        Some([self.key(0), self.key(last)])
    }

    /// Whether the entries are sorted by line and minor index, without duplicates.
    pub(super) fn is_ascending(&self) -> bool {
        let keys = |i: usize| [self.lines[i], self.minor[i]];
        (1..self.lines.len()).fold(true, |yes, i| yes & (keys(i - 1) < keys(i)))
    }
}

/// Reads the entries of blocks of one file.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryParser<'h> {
    pub(super) header: &'h MarketHeader,
    /// Whether lines are columns.
    pub(super) flip: bool,
    /// Whether a negative integer was seen, so that all must fit int64.
    pub(super) signed: bool,
}

/// Separates the numbers of a text line.
fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Where the next number of the text line begins.
#[inline(always)]
fn skip_spaces(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\r')) {
        at += 1;
    }
    at
}

fn line_end(text: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n)
}

/// Reads a row or column number from 1 to `most`; returns it counted from 0, with the position behind it.
#[inline(always)]
fn place(text: &[u8], at: usize, most: u64) -> Option<(u64, usize)> {
    let start = skip_spaces(text, at);
    let (mut end, mut n) = (start, 0u64);
    while let Some(digit) = text.get(end).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        n = n.saturating_mul(10).saturating_add(u64::from(digit));
        end += 1;
    }
    let whole = text.get(end).is_none_or(|b| is_blank(*b));
    (whole && n.wrapping_sub(1) < most).then(|| (n - 1, end))
}

/// The digits at the beginning of eight bytes: their number, and the number that they are. All steps are the same
/// for any number of digits, so that nothing is predicted wrongly.
#[inline(always)]
fn leading_digits(bytes: [u8; 8]) -> (usize, u64) {
    let digits = u64::from_le_bytes(bytes) ^ 0x3030_3030_3030_3030;
    // the highest bit of every byte above 9
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    let count = others.trailing_zeros() / 8;
    // the digits become the last of eight, after zeros
    let mut n = digits.checked_shl(64 - 8 * count).unwrap_or(0);
    // neighbours are joined: ones, hundreds, ten thousands
    n = n.wrapping_mul(10).wrapping_add(n >> 8) & 0x00ff_00ff_00ff_00ff;
    n = n.wrapping_mul(100).wrapping_add(n >> 16) & 0x0000_ffff_0000_ffff;
    n = n.wrapping_mul(10_000).wrapping_add(n >> 32) & 0xffff_ffff;
    (count as usize, n)
}

/// Reads a text line of three numbers of one to seven digits with one blank between them, the form of nearly all
/// lines of counts. Returns the numbers and the position behind them; `None` for any other line.
#[inline(always)]
fn three_numbers(text: &[u8], mut at: usize) -> Option<([u64; 3], usize)> {
    let mut numbers = [0; 3];
    for (number, end) in numbers.iter_mut().zip([b' ', b' ', b'\n']) {
        let bytes = *text.get(at..)?.first_chunk::<8>()?;
        let (count, n) = leading_digits(bytes);
        // behind eight digits there may be more
        if count == 0 || bytes.get(count) != Some(&end) {
            return None;
        }
        *number = n;
        at += count + 1;
    }
    Some((numbers, at - 1))
}

impl EntryParser<'_> {
    /// Reads all entries of `block` into `out`. Returns `false` at the first value that float32, if `T` is that,
    /// does not hold exactly.
    ///
    /// # Errors
    /// `Malformed` at the byte of the text line.
    pub(super) fn block<T: HeldValue>(&self, block: &TextBlock, out: &mut EntryBatch<T>) -> Result<bool> {
        (out.read, out.seen) = (0, Seen { signed: self.signed, ..Seen::default() });
        out.lines.clear();
        out.minor.clear();
        out.values.clear();
        let text = &block.text[..];
        let mut at = 0;
        loop {
            while text.get(at).is_some_and(|b| is_blank(*b)) {
                at += 1;
            }
            match text.get(at) {
                None => return Ok(true),
                Some(b'%') => {
                    at = line_end(text, at);
                    continue;
                }
                Some(_) => {}
            }
            let start = at;
            let wrong = |why: String| Error::malformed(why).at(block.offset + start as u64);
            let (row, column, literal);
            (row, column, literal, at) = self.entry(text, at, block.first + out.read).map_err(wrong)?;
            out.read += 1;
            if self.header.kind.array && literal.real() == 0.0 {
                continue;
            }
            match self.add(row, column, literal, out) {
                Ok(()) => {}
                Err(Misfit::NotFloat32) => return Ok(false),
                Err(misfit) => {
                    let what = match misfit {
                        Misfit::TooLarge if self.signed => {
                            "an integer that int64 holds (others are negative)"
                        }
                        Misfit::TooLarge => "an integer that int64 or uint64 holds",
                        _ => "an integer",
                    };
                    let value = text[start..at].split(|b| is_blank(*b)).next_back().unwrap_or_default();
                    let (place, got) = (format!("row {row}, column {column}"), shown(value, 0, value.len()));
                    return Err(wrong(format!("expected {what} in {place}, got '{got}'")));
                }
            }
        }
    }

    /// Reads the entry that begins at `at`, number `n` of the file if it is an array. Returns row, column, value
    /// and the position behind it, or what is wrong.
    #[inline(always)]
    fn entry(&self, text: &[u8], mut at: usize, n: u64) -> Result<(u64, u64, Numeral, usize), String> {
        let MarketHeader { kind, rows, columns, .. } = *self.header;
        if !kind.array
            && kind.numbers == 1
            && let Some(([row, column, magnitude], end)) = three_numbers(text, at)
            && row.wrapping_sub(1) < rows
            && column.wrapping_sub(1) < columns
        {
            return Ok((row - 1, column - 1, Numeral::Integer { negative: false, magnitude }, end));
        }
        let (mut row, mut column) = (n % rows.max(1), n / rows.max(1));
        if !kind.array {
            let both = place(text, at, rows).and_then(|(row, at)| Some((row, place(text, at, columns)?)));
            let Some((r, (c, end))) = both else {
                let got = shown(text, at, line_end(text, at));
                return Err(format!("expected a row up to {rows} and a column up to {columns}, got '{got}'"));
            };
            (row, column, at) = (r, c, end);
        }
        let mut literal = Numeral::Integer { negative: false, magnitude: 1 };
        for number in 0..kind.numbers {
            at = skip_spaces(text, at);
            let Some((read, len)) = Numeral::begins(&text[at..], is_blank) else {
                let end = text[at..].iter().position(|b| is_blank(*b)).map_or(text.len(), |n| at + n);
                return Err(format!("expected a number, got '{}'", shown(text, at, end)));
            };
            at += len;
            if kind.integers && matches!(read, Numeral::Real(v) if v.fract() != 0.0) {
                return Err(format!("expected an integer, got '{}'", shown(text, at - len, at)));
            }
            // the second is the imaginary part
            if number == 0 {
                literal = read;
            }
        }
        at = skip_spaces(text, at);
        if text.get(at).is_some_and(|b| *b != b'\n') {
            let got = shown(text, at, line_end(text, at));
            return Err(format!("expected the end of the line, got '{got}'"));
        }
        Ok((row, column, literal, at))
    }

    /// Adds an entry, and the one that mirrors it.
    #[inline(always)]
    fn add<T: HeldValue>(
        &self,
        row: u64,
        column: u64,
        literal: Numeral,
        out: &mut EntryBatch<T>,
    ) -> Result<(), Misfit> {
        let mut push = |row: u64, column: u64, literal: Numeral| {
            let (line, minor) = if self.flip { (column, row) } else { (row, column) };
            out.values.push(T::hold(literal, &mut out.seen)?);
            out.lines.push(line as u32);
            out.minor.push(minor as u32);
            Ok(())
        };
        push(row, column, literal)?;
        match self.header.kind.symmetry {
            Symmetry::Symmetric if row != column => push(column, row, literal),
            Symmetry::Skew if row != column => push(column, row, literal.negated()),
            _ => Ok(()),
        }
    }
}

/// Part of the text for a message.
fn shown(text: &[u8], start: usize, end: usize) -> String {
    String::from_utf8_lossy(text[start..end].trim_ascii()).chars().take(40).collect()
}

/// Counts the text lines that hold an entry.
pub(super) struct EntryLines;

impl LineEnds for EntryLines {
    fn whole(&self, text: &[u8], last: bool) -> (usize, u64) {
        let end = if last { text.len() } else { memchr::memrchr(b'\n', text).map_or(0, |at| at + 1) };
        let lines = text[..end].split(|b| *b == b'\n').map(<[u8]>::trim_ascii_start);
        (end, lines.filter(|l| l.first().is_some_and(|b| *b != b'%')).count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_and_read() {
        for (text, expected) in [
            (b"7 234567", (1, 7)),
            (b"00120\n12", (5, 120)),
            (b"1234567\t", (7, 1_234_567)),
            (b"12345678", (8, 12_345_678)),
            (b" 1234567", (0, 0)),
            (b"9:/\xff\x80.-+", (1, 9)),
            (b"99/99999", (2, 99)),
        ] {
            assert_eq!(leading_digits(*text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn plain_lines_and_no_others() {
        let of = |text: &str| three_numbers(text.as_bytes(), 0);
        assert_eq!(of("1 20 300\n       "), Some(([1, 20, 300], 8)));
        assert_eq!(of("1234567 1 0\n12345678"), Some(([1_234_567, 1, 0], 11)));
        let others = [
            "1  2 3\n",
            "1 2 3.5\n",
            "1 2 -3\n",
            "1 2 3 \n",
            "12345678 1 1\n",
            "1 2\n",
            " 1 2 3\n",
            "1 2 3\r\n",
        ];
        for text in others {
            assert_eq!(of(&format!("{text}        ")), None, "{text:?}");
        }
        // too close to the end to read eight bytes
        assert_eq!(of("1 2 3\n"), None);
    }
}
