//! Replaces some lines of a source by empty ones.

use crate::error::Result;
use crate::matrix::layout::Layout;
use crate::matrix::scan::damage::LostLines;
use crate::matrix::source::{Buffer, Source};
use std::ops::Range;

/// A source in which the lines that cannot be read are empty.
pub struct WithoutLines<'s> {
    from: &'s dyn Source,
    layout: Layout,
    pointers: Vec<u64>,
    /// Ranges of entries that are kept: first entry here, and range in the source.
    stretches: Vec<(u64, Range<u64>)>,
}

impl std::fmt::Debug for WithoutLines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WithoutLines").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl<'s> WithoutLines<'s> {
    /// Returns `from` with the lines of `lost` empty. The ranges in `lost` must ascend and not overlap.
    pub fn new(from: &'s dyn Source, lost: &[LostLines]) -> Self {
        let all = from.pointers();
        let mut pointers = Vec::with_capacity(all.len());
        let mut stretches: Vec<(u64, Range<u64>)> = Vec::new();
        let mut gone = lost.iter().map(|l| &l.lines).peekable();
        let mut sum = 0;
        pointers.push(0);
        for (line, ends) in (0u64..).zip(all.windows(2)) {
            while gone.next_if(|l| l.end <= line).is_some() {}
            let is_lost = gone.peek().is_some_and(|l| l.start <= line);
            if !is_lost && ends[0] < ends[1] {
                match stretches.last_mut() {
                    Some((_, range)) if range.end == ends[0] => range.end = ends[1],
                    _ => stretches.push((sum, ends[0]..ends[1])),
                }
                sum += ends[1] - ends[0];
            }
            pointers.push(sum);
        }
        let layout = Layout { entries: sum, ..*from.layout() };
        WithoutLines { from, layout, pointers, stretches }
    }

    /// Position of entry `at` in the source, and the end of its range there.
    fn place(&self, at: u64) -> (u64, u64) {
        let i = self.stretches.partition_point(|(first, _)| *first <= at).saturating_sub(1);
        self.stretches.get(i).map_or((at, at), |(first, range)| (range.start + (at - first), range.end))
    }
}

impl Source for WithoutLines<'_> {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        let (place, end) = self.place(start);
        start + (self.from.cut(place, target).min(end) - place)
    }

    fn fixed_cut(&self, start: u64, target: u64) -> u64 {
        let (place, end) = self.place(start);
        start + (self.from.fixed_cut(place, target).min(end) - place)
    }

    fn largest_block(&self, target: u64) -> u64 {
        self.from.largest_block(target)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        let (place, _) = self.place(range.start);
        self.from.read(place..place + (range.end - range.start), into)
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        self.from.working_bytes(entries)
    }

    fn resident_bytes(&self) -> u64 {
        self.from.resident_bytes() + self.pointers.len() as u64 * 8 + self.stretches.len() as u64 * 24
    }

    fn sequential(&self) -> bool {
        self.from.sequential()
    }
}
