//! The text of a file in blocks of whole text lines, which threads take and read on their own.
//!
//! A plain file is cut at fixed positions: each thread reads its block, from the first line that begins in it,
//! without waiting for others. A gzipped file, and one whose lines must be counted, is read by one thread at a
//! time, while the others work on their blocks.

use super::lines;
use crate::bytes::special;
use crate::error::{Error, Place, Result};
use crate::observe::Observer;
use crate::sync::{FirstError, lock};
use std::fs::File;
use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Bytes read behind a block at once, to find the end of its last line.
const BEHIND: u64 = 4 << 10;

/// A block of whole text lines.
#[derive(Debug, Default)]
pub(super) struct TextBlock {
    /// Number of the block.
    pub(super) order: u64,
    /// Position of its first byte in the text.
    pub(super) offset: u64,
    /// Number of its first line that is not blank, if these are counted.
    pub(super) first: u64,
    pub(super) text: Vec<u8>,
}

/// Where whole lines end.
pub(super) trait LineEnds: Sync {
    /// Returns the end of the last whole line of `text`, which begins with a line, and how many of the lines
    /// are not blank. `last` says that the text ends behind it, so that its last line needs no end.
    fn whole(&self, text: &[u8], last: bool) -> (usize, u64);
}

/// Reads the blocks of a text.
pub(super) struct TextBlocks<'e> {
    from: BlockReader<'e>,
    /// Bytes of a block.
    size: u64,
    longest: LongestLine,
}

/// Bytes that a line may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct LongestLine {
    /// By the format.
    pub(super) format: u64,
    /// By the budget.
    pub(super) budget: u64,
}

impl LongestLine {
    /// # Errors
    /// `Malformed` if a line of more than `len` bytes is too long for the format, `Limit` for the budget.
    fn check(self, len: usize) -> Result<()> {
        if len as u64 >= self.format {
            let text = format!("expected at most {} KiB in a line, got more", self.format >> 10);
            return Err(Error::malformed(text));
        }
        if len as u64 >= self.budget {
            let text = format!("the memory budget is too small for a line of more than {} KiB", len >> 10);
            return Err(Error::limit(text));
        }
        Ok(())
    }
}

enum BlockReader<'e> {
    Plain { file: File, start: u64, len: u64, next: AtomicU64 },
    Stream(Mutex<TextStream<'e>>),
}

struct TextStream<'e> {
    from: Box<dyn BufRead + Send>,
    ends: &'e dyn LineEnds,
    /// The beginning of a line whose end has not been read yet.
    rest: Vec<u8>,
    order: u64,
    offset: u64,
    first: u64,
    done: bool,
}

/// What follows a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    /// No other block is wanted.
    Stop,
}

impl<'e> TextBlocks<'e> {
    /// Blocks of about `size` bytes of the text of a file from position `start`. Lines are counted if `counted`
    /// is given.
    ///
    /// # Errors
    /// `Io`; `Malformed` for a broken gzip stream.
    pub(super) fn open(
        path: &Path,
        start: u64,
        size: u64,
        longest: LongestLine,
        counted: Option<&'e dyn LineEnds>,
    ) -> Result<Self> {
        let open = || -> Result<BlockReader<'e>> {
            if counted.is_none() && !lines::is_gzipped(path).map_err(|e| Error::io("open", e))? {
                let file = special::open(path).map_err(|e| Error::io("open", e))?;
                let len = file.metadata().map_err(|e| Error::io("read", e))?.len();
                return Ok(BlockReader::Plain { file, start, len, next: AtomicU64::new(0) });
            }
            let mut from = lines::open(path).map_err(|e| Error::io("open", e))?;
            std::io::copy(&mut (&mut from).take(start), &mut std::io::sink()).map_err(lines::failed)?;
            let ends = counted.unwrap_or(&NewlineEnds);
            let (rest, order, first, done) = (Vec::new(), 0, 0, false);
            Ok(BlockReader::Stream(Mutex::new(TextStream {
                from,
                ends,
                rest,
                order,
                offset: start,
                first,
                done,
            })))
        };
        Ok(TextBlocks { from: open().in_file(path)?, size: size.max(1), longest })
    }

    /// Reads the next block; returns `false` at the end.
    fn next(&self, block: &mut TextBlock) -> Result<bool> {
        match &self.from {
            BlockReader::Plain { file, start, len, next } => {
                block.order = next.fetch_add(1, Relaxed);
                let from = start.saturating_add(block.order.saturating_mul(self.size));
                if from >= *len {
                    return Ok(false);
                }
                self.cut(file, *start, from..from.saturating_add(self.size).min(*len), *len, block)?;
                Ok(true)
            }
            BlockReader::Stream(stream) => lock(stream).next(self.size, self.longest, block),
        }
    }

    /// Reads the lines that begin in `range`.
    fn cut(
        &self,
        file: &File,
        start: u64,
        range: std::ops::Range<u64>,
        len: u64,
        block: &mut TextBlock,
    ) -> Result<()> {
        // The byte before tells whether a line begins with the block.
        let from = if range.start > start { range.start - 1 } else { start };
        let text = &mut block.text;
        text.clear();
        read_more(file, text, from, range.end.saturating_add(BEHIND).min(len))?;
        let begin = match memchr::memchr(b'\n', text) {
            _ if from == range.start => 0,
            Some(at) if from + (at as u64) + 1 < range.end => at + 1,
            Some(_) => text.len(),
            // a line that is longer than the block belongs to the block in which it begins
            None => text.len(),
        };
        block.offset = from + begin as u64;
        if begin == text.len() {
            text.clear();
            return Ok(());
        }
        // The last line that begins in the range ends with the first line end from its last byte on.
        let mut searched = (range.end - 1 - from) as usize;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &text[searched..]) {
                text.truncate(searched + at + 1);
                break;
            }
            searched = text.len();
            if from + searched as u64 >= len {
                break;
            }
            let begun = memchr::memrchr(b'\n', text).map_or(begin, |at| at + 1);
            self.longest.check(text.len() - begun).at(from + begun as u64)?;
            let more = from.saturating_add(2 * searched as u64).min(len);
            read_more(file, text, from + searched as u64, more)?;
        }
        text.drain(..begin);
        Ok(())
    }
}

/// Appends the bytes of `file` from `start` to `end`.
fn read_more(file: &File, text: &mut Vec<u8>, start: u64, end: u64) -> Result<()> {
    let (old, more) = (text.len(), usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX));
    text.try_reserve(more).map_err(|_| Error::limit(format!("no memory for {more} bytes of text")))?;
    text.resize(old + more, 0);
    crate::bytes::ReadAt::read_exact_at(file, &mut text[old..], start).map_err(lines::failed)
}

impl TextStream<'_> {
    fn next(&mut self, size: u64, longest: LongestLine, block: &mut TextBlock) -> Result<bool> {
        (block.order, block.offset, block.first) = (self.order, self.offset, self.first);
        let text = &mut block.text;
        text.clear();
        text.append(&mut self.rest);
        while !self.done || !text.is_empty() {
            let len = text.len() as u64;
            let wanted = size.saturating_sub(len).max(size / 4).max(len / 2).max(1);
            let read = if self.done { 0 } else { self.read(wanted, text)? };
            self.done |= (read as u64) < wanted;
            let (end, count) = self.ends.whole(text, self.done);
            if end > 0 {
                self.rest.extend_from_slice(&text[end..]);
                text.truncate(end);
                self.order += 1;
                self.offset += end as u64;
                self.first += count;
                return Ok(true);
            }
            if self.done {
                return Ok(false);
            }
            longest.check(text.len()).at(self.offset)?;
        }
        Ok(false)
    }

    /// Appends up to `wanted` bytes; fewer only at the end of the text.
    fn read(&mut self, wanted: u64, text: &mut Vec<u8>) -> Result<usize> {
        text.try_reserve(usize::try_from(wanted).unwrap_or(usize::MAX))
            .map_err(|_| Error::limit(format!("no memory for {wanted} bytes of text")))?;
        (&mut self.from).take(wanted).read_to_end(text).map_err(lines::failed)
    }
}

/// Lines that end with `\n`; they are not counted.
struct NewlineEnds;

impl LineEnds for NewlineEnds {
    fn whole(&self, text: &[u8], last: bool) -> (usize, u64) {
        let end = if last { text.len() } else { memchr::memrchr(b'\n', text).map_or(0, |at| at + 1) };
        (end, 0)
    }
}

/// Calls `work` with every block of `blocks`, on at most `workers` threads of the current rayon pool. Each
/// thread has its own state, made by `state`. Returns [`Next::Stop`] if `work` did so for some block; the blocks
/// behind it may not have been read then.
///
/// # Errors
/// The error of the first block that failed, in the order of the text; `Cancelled`.
pub(super) fn each_text_block<S>(
    blocks: &TextBlocks<'_>,
    workers: usize,
    observer: &dyn Observer,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&TextBlock, &mut S) -> Result<Next> + Sync,
) -> Result<Next> {
    let (failed, stopped) = (FirstError::default(), AtomicBool::new(false));
    let run = || {
        let (mut state, mut block) = (state(), TextBlock::default());
        while !failed.stopped() && !stopped.load(Relaxed) {
            let one = |block: &mut TextBlock, state: &mut S| -> Result<Option<Next>> {
                observer.check_cancelled()?;
                if !blocks.next(block)? {
                    return Ok(None);
                }
                let next = work(block, state)?;
                observer.advance(block.text.len() as u64);
                Ok(Some(next))
            };
            match one(&mut block, &mut state) {
                Ok(Some(Next::Continue)) => {}
                Ok(Some(Next::Stop)) => stopped.store(true, Relaxed),
                Ok(None) => return,
                Err(e) => failed.note(block.order, e),
            }
        }
    };
    if workers <= 1 {
        run();
    } else {
        rayon::scope(|scope| (0..workers).for_each(|_| scope.spawn(|_| run())));
    }
    if stopped.into_inner() {
        return Ok(Next::Stop);
    }
    failed.finish().map(|()| Next::Continue)
}

/// Adds the number of the text line to an error at a position of the text of a file; it is counted now.
pub(super) fn with_line(path: &Path, error: Error) -> Error {
    let Some(offset) = error.offset() else { return error };
    match lines::count_ends(path, offset) {
        Ok(before) => error.context(format!("line {}", before + 1)),
        Err(_) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANY: LongestLine = LongestLine { format: 1 << 20, budget: 1 << 20 };

    /// The blocks of `text` from `start`, sorted, with their positions.
    fn blocks(
        text: &[u8],
        start: u64,
        size: u64,
        workers: usize,
        counted: Option<&dyn LineEnds>,
    ) -> Vec<(u64, Vec<u8>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        std::fs::write(&path, text).unwrap();
        let blocks = TextBlocks::open(&path, start, size, ANY, counted).unwrap();
        let out = Mutex::new(Vec::new());
        let work = |b: &TextBlock, (): &mut ()| {
            lock(&out).push((b.order, b.offset, b.text.clone()));
            Ok(Next::Continue)
        };
        each_text_block(&blocks, workers, &(), || (), work).unwrap();
        let mut out = crate::sync::into_inner(out);
        out.sort();
        out.into_iter().map(|(_, offset, text)| (offset, text)).collect()
    }

    proptest! {
        #[test]
        fn blocks_are_whole_lines_and_together_the_text(
            lines in prop::collection::vec("[a-z]{0,12}", 0..40),
            ended in any::<bool>(),
            start in 0usize..20,
            size in 1u64..40,
            workers in 1usize..3,
            stream in any::<bool>(),
        ) {
            let mut text = lines.join("\n").into_bytes();
            if ended {
                text.push(b'\n');
            }
            // the start is that of a line
            let start = text.iter().take(start).rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let counted: Option<&dyn LineEnds> = if stream { Some(&NewlineEnds) } else { None };
            let got = blocks(&text, start as u64, size, workers, counted);
            let mut at = start as u64;
            for (offset, block) in got.iter().filter(|(_, b)| !b.is_empty()) {
                prop_assert_eq!(*offset, at);
                at += block.len() as u64;
                prop_assert!(block.ends_with(b"\n") || at == text.len() as u64);
            }
            prop_assert_eq!(got.into_iter().flat_map(|(_, b)| b).collect::<Vec<u8>>(), text[start..].to_vec());
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        std::fs::write(&path, [&b"ab\n"[..], &[b'x'; 300_000]].concat()).unwrap();
        for counted in [None, Some(&NewlineEnds as &dyn LineEnds)] {
            for (longest, kind) in [
                (LongestLine { format: 100_000, budget: 1 << 30 }, crate::Kind::Malformed),
                (LongestLine { format: 1 << 30, budget: 100_000 }, crate::Kind::Limit),
            ] {
                let blocks = TextBlocks::open(&path, 0, 1000, longest, counted).unwrap();
                let e = each_text_block(&blocks, 1, &(), || (), |_, ()| Ok(Next::Continue)).unwrap_err();
                assert_eq!((e.kind(), e.offset()), (kind, Some(3)));
            }
        }
    }
}
