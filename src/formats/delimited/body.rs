//! The rows of numbers of a table, read in blocks on all threads.
//!
//! The first attempt holds the values as float32. It ends at the first value that this does not hold exactly,
//! and the next one holds integers of 64 bits, or float64 where not all are integers.

use super::head::DelimitedHead;
use super::rows::{self, Separator, TextRows};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::formats::gathered::TextPlan;
use crate::formats::lines;
use crate::formats::numbers::{HeldAs, HeldValue, Misfit, Numeral, Seen};
use crate::formats::text_blocks::{
    LineEnds, LongestLine, Next, TextBlock, TextBlocks, each_text_block, with_line,
};
use crate::matrix::{Budget, Layout, Orientation, Source};
use crate::observe::{Observer, Phase, Verb};
use crate::strings::Strings;
use crate::sync::{into_inner, lock};
use crate::table::Frame;
use crate::transpose::{KeptEntries, KeptMatrix};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Reads the rows of the table at `path` that follow its head.
///
/// # Errors
/// Those of [`DelimitedText::read`](super::DelimitedText::read).
pub(super) fn read(
    path: &Path,
    separator: Separator,
    head: DelimitedHead,
    budget: Budget,
    directory: &Path,
    observer: &dyn Observer,
) -> Result<(KeptMatrix, [Frame; 2])> {
    let names = head.columns.as_ref().map_or(0, |c| c.total_bytes() as u64) + head.width as u64 * 8;
    let plan = TextPlan::new(budget, names, head.row)?;
    let body = TableBody { path, separator, head: &head, plan, directory, observer };
    let (mut held, mut signed) = (HeldAs::Float32, false);
    let done = loop {
        let run = match held {
            HeldAs::Float32 => body.run::<f32>(held, signed),
            HeldAs::Integer => body.run::<u64>(held, signed),
            HeldAs::Real => body.run::<f64>(held, signed),
        };
        match run.map_err(|e| with_line(path, e))? {
            Ok(done) => break done,
            Err(Misfit::NotFloat32) => held = HeldAs::Integer,
            Err(Misfit::NotInteger) => held = HeldAs::Real,
            // no type holds all: find the first that int64 does not hold
            Err(Misfit::TooLarge) => signed = true,
        }
    };
    let (matrix, names) = done;
    let (rows, width) = (matrix.layout().lines, head.width as u64);
    let obs = if head.named_rows { Frame::new(None, names, Vec::new())? } else { Frame::unnamed(rows) };
    let var = match head.columns {
        Some(names) => Frame::new(None, names, Vec::new())?,
        None => Frame::unnamed(width),
    };
    Ok((matrix, [obs, var]))
}

/// Counts the rows of the table at `path` that follow its head.
///
/// # Errors
/// `Io`; `Malformed` for a row that is too long; `Cancelled`.
pub(super) fn count(
    path: &Path,
    separator: Separator,
    head: &DelimitedHead,
    observer: &dyn Observer,
) -> Result<u64> {
    let (plan, ends) = (TextPlan::new(Budget::default(), 0, head.row)?, RowEnds(separator));
    let Some(body) = head.body else { return Ok(0) };
    let longest = LongestLine { format: rows::LONGEST, budget: plan.longest };
    let blocks = TextBlocks::open(path, body, plan.block, longest, Some(&ends))?;
    let rows = AtomicU64::new(0);
    let work = |block: &TextBlock, (): &mut ()| {
        rows.fetch_max(block.first + ends.whole(&block.text, true).1, Relaxed);
        Ok(Next::Continue)
    };
    each_text_block(&blocks, 1, observer, || (), work).map_err(|e| with_line(path, e))?;
    Ok(rows.into_inner())
}

/// What all attempts have in common.
struct TableBody<'a> {
    path: &'a Path,
    separator: Separator,
    head: &'a DelimitedHead,
    plan: TextPlan,
    directory: &'a Path,
    observer: &'a dyn Observer,
}

/// The rows of a block.
#[derive(Debug)]
struct RowBatch<T> {
    minor: Vec<u32>,
    values: Vec<T>,
    /// Number of entries of each row.
    counts: Vec<u32>,
    names: Strings,
    seen: Seen,
}

impl<T> Default for RowBatch<T> {
    fn default() -> Self {
        let (minor, values, counts) = (Vec::new(), Vec::new(), Vec::new());
        RowBatch { minor, values, counts, names: Strings::new(), seen: Seen::default() }
    }
}

/// Number, counts of entries and names of the rows of each block.
type Margins = Vec<(u64, Vec<u32>, Strings)>;

impl TableBody<'_> {
    /// One attempt, with values held as `T`; `Ok(Err(_))` says what `T` does not hold.
    fn run<T: HeldValue>(&self, held: HeldAs, signed: bool) -> Result<Result<(KeptMatrix, Strings), Misfit>> {
        self.observer.phase(&Phase::new(Verb::Reading, lines::plain_len(self.path)));
        let limit = self.plan.left * 2 / 3;
        let kept = KeptEntries::new(held.width(), limit, self.directory);
        let (margins, seen) = (Mutex::new(Margins::new()), Mutex::new(Seen::default()));
        let (misfit, bytes) = (Mutex::new(None), AtomicU64::new(0));
        let work = |block: &TextBlock, batch: &mut RowBatch<T>| {
            batch.seen = Seen { signed, ..Seen::default() };
            if let Err(why) = self.rows(block, batch)? {
                lock(&misfit).get_or_insert(why);
                return Ok(Next::Stop);
            }
            let (counts, names) = (std::mem::take(&mut batch.counts), std::mem::take(&mut batch.names));
            let used = counts.len() as u64 * 32 + names.total_bytes() as u64 * 2;
            if bytes.fetch_add(used, Relaxed) + used > self.plan.left / 3 {
                let text = "the memory budget is too small for the names of the rows";
                return Err(Error::limit(text));
            }
            lock(&margins).push((block.order, counts, names));
            let mut all = lock(&seen);
            *all = all.merge(batch.seen);
            drop(all);
            kept.add(block.order, &batch.minor, bytemuck::cast_slice(&batch.values))?;
            Ok(Next::Continue)
        };
        if let Some(body) = self.head.body {
            let ends = RowEnds(self.separator);
            let longest = LongestLine { format: rows::LONGEST, budget: self.plan.longest };
            let blocks = TextBlocks::open(self.path, body, self.plan.block, longest, Some(&ends))?;
            each_text_block(&blocks, self.plan.workers, self.observer, RowBatch::default, work)?;
        }
        if let Some(why) = into_inner(misfit) {
            return Ok(Err(why));
        }
        let dtype = match held {
            HeldAs::Float32 => Some(Dtype::Float32),
            HeldAs::Integer => into_inner(seen).integer_dtype(),
            HeldAs::Real => Some(Dtype::Float64),
        };
        let Some(dtype) = dtype else { return Ok(Err(Misfit::TooLarge)) };
        let (pointers, names) = joined(into_inner(margins));
        let (lines, minor) = (pointers.len() as u64 - 1, self.head.width as u64);
        let entries = pointers.last().copied().unwrap_or(0);
        let layout = Layout::of_lines(Orientation::Csr, lines, minor, entries, dtype)?;
        Ok(Ok((kept.finish(layout, pointers)?, names)))
    }

    /// Reads the rows of a block; `Ok(Err(_))` says what `T` does not hold.
    fn rows<T: HeldValue>(&self, block: &TextBlock, batch: &mut RowBatch<T>) -> Result<Result<(), Misfit>> {
        batch.minor.clear();
        batch.values.clear();
        let text = &block.text[..];
        let at = |byte: usize| block.offset + byte as u64;
        if let Separator::One(b) = self.separator
            && memchr::memchr(b'"', text).is_some()
        {
            let mut rows = TextRows::plain(Box::new(text), Separator::One(b));
            while let Some(row) = rows.next()? {
                let read = self.row(block.first, row.fields.iter().copied(), batch);
                match read.map_err(|e| e.at(at(row.byte as usize)))? {
                    Ok(()) => {}
                    misfit => return Ok(misfit),
                }
            }
            return Ok(Ok(()));
        }
        let mut start = 0;
        while start < text.len() {
            let end = memchr::memchr2(b'\n', b'\r', &text[start..]).map_or(text.len(), |n| start + n);
            let row = &text[start..end];
            let read = match self.separator {
                _ if is_blank(row, self.separator) => Ok(Ok(())),
                Separator::One(b) => {
                    self.row(block.first, row.split(|x| *x == b).map(<[u8]>::trim_ascii), batch)
                }
                Separator::Spaces => {
                    let fields = row.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty());
                    self.row(block.first, fields, batch)
                }
            };
            match read.map_err(|e| e.at(at(start)))? {
                Ok(()) => {}
                misfit => return Ok(misfit),
            }
            start = end + 1;
        }
        Ok(Ok(()))
    }

    /// Adds a row of a block that begins with row `first`.
    fn row<'f, T: HeldValue>(
        &self,
        first: u64,
        mut fields: impl Iterator<Item = &'f [u8]>,
        batch: &mut RowBatch<T>,
    ) -> Result<Result<(), Misfit>> {
        let (before, width) = (batch.minor.len(), self.head.width);
        let mut got = 0;
        if self.head.named_rows {
            batch.names.push(fields.next().unwrap_or_default());
            got += 1;
        }
        let mut column = 0;
        for field in fields {
            got += 1;
            column += 1;
            if field == b"0" || column > width {
                continue;
            }
            let Some(literal) = Numeral::parse(field) else {
                return Err(Error::malformed(format!("expected a number, got '{}'", shown(field))));
            };
            if literal.real() == 0.0 {
                continue;
            }
            match T::hold(literal, &mut batch.seen) {
                Ok(value) => batch.values.push(value),
                Err(Misfit::TooLarge) => {
                    let (row, column) = (first + batch.counts.len() as u64, column - 1);
                    return Err(Error::malformed(format!(
                        "expected an integer that int64 holds in row {row}, column {column}, got '{}'",
                        shown(field)
                    )));
                }
                Err(misfit) => return Ok(Err(misfit)),
            }
            batch.minor.push(column as u32 - 1);
        }
        let want = width + usize::from(self.head.named_rows);
        if got != want {
            return Err(Error::malformed(format!("expected {want} fields, got {got}")));
        }
        batch.counts.push((batch.minor.len() - before) as u32);
        Ok(Ok(()))
    }
}

/// Part of a field for a message.
fn shown(field: &[u8]) -> String {
    String::from_utf8_lossy(field).chars().take(40).collect()
}

/// Whether a row is one field without a name or a number.
fn is_blank(row: &[u8], separator: Separator) -> bool {
    row.trim_ascii().is_empty() && !matches!(separator, Separator::One(b) if row.contains(&b))
}

/// Line pointers and names of all rows, from those of the blocks.
fn joined(mut margins: Margins) -> (Vec<u64>, Strings) {
    margins.sort_unstable_by_key(|(order, ..)| *order);
    let (mut pointers, mut names, mut end) = (vec![0], Strings::new(), 0);
    for (_, counts, some) in margins {
        pointers.extend(counts.iter().map(|n| {
            end += u64::from(*n);
            end
        }));
        some.iter().for_each(|name| names.push(name));
    }
    (pointers, names)
}

/// Ends of rows: `\n` or `\r` outside of quotes.
struct RowEnds(Separator);

impl RowEnds {
    /// Position of the end of the row that begins at `start`, which is `text.len()` for a row without one.
    fn end(&self, text: &[u8], start: usize) -> usize {
        let find = |at: usize| memchr::memchr3(b'"', b'\n', b'\r', &text[at..]).map(|n| at + n);
        let Separator::One(separator) = self.0 else {
            return memchr::memchr2(b'\n', b'\r', &text[start..]).map_or(text.len(), |n| start + n);
        };
        let mut at = start;
        while let Some(found) = find(at) {
            if text[found] != b'"' {
                return found;
            }
            at = found + 1;
            // a quote within a field is part of it
            if found > start && text[found - 1] != separator {
                continue;
            }
            loop {
                let Some(close) = memchr::memchr(b'"', &text[at..]) else { return text.len() };
                at += close + 1;
                if text.get(at) != Some(&b'"') {
                    break;
                }
                at += 1; // RFC 4180: a quote within quotes is written twice
            }
        }
        text.len()
    }
}

impl LineEnds for RowEnds {
    fn whole(&self, text: &[u8], last: bool) -> (usize, u64) {
        let (mut start, mut rows) = (0, 0);
        while start < text.len() {
            let end = self.end(text, start);
            if end == text.len() && !last {
                break;
            }
            rows += u64::from(!is_blank(&text[start..end], self.0));
            start = (end + 1).min(text.len());
        }
        (start, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_end_where_the_reader_of_rows_ends_them(text in "[a,\"\n\r ]{0,40}", quotes in any::<bool>()) {
            let text = if quotes { text } else { text.replace('"', "b") };
            let (text, ends) = (text.as_bytes(), RowEnds(Separator::One(b',')));
            let rows = |text: &[u8]| -> Vec<Vec<Vec<u8>>> {
                let mut reader = TextRows::plain(Box::new(text), ends.0);
                let mut all = Vec::new();
                while let Some(row) = reader.next().unwrap() {
                    all.push(row.owned().fields);
                }
                all
            };
            prop_assert_eq!(ends.whole(text, true).0, text.len());
            let (whole, count) = ends.whole(text, false);
            let (before, behind) = (rows(&text[..whole]), rows(&text[whole..]));
            // a row of nothing but quotes and spaces is blank to the reader
            prop_assert!(quotes || count == before.len() as u64);
            prop_assert_eq!([before, behind].concat(), rows(text));
        }
    }
}
