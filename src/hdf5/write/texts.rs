//! Lists of strings written piece by piece: first all strings into the heap, then the references to them.
//!
//! The heap has the collections that it has if all strings are known from the beginning. Of each string only
//! its length is kept, from which its reference follows.

use super::file::Writer;
use super::heap::{self, stored_len};
use super::sequence::Sequence;
use crate::bytes::put::Put;
use crate::error::{Error, Result};
use crate::hdf5::format::global_heap::Reference;
use crate::strings::Strings;
use std::collections::VecDeque;

/// Bytes of references that are made at once.
const AT_ONCE: usize = 1 << 20;

/// Strings being written.
#[derive(Debug, Default)]
pub struct Texts {
    /// Strings that are not in the heap yet, and how many of the first list are.
    waiting: VecDeque<Strings>,
    done: usize,
    /// Bytes that they take in the heap.
    waiting_bytes: usize,
    begun: bool,
    lengths: Lengths,
    len: u64,
    /// For each run of objects with consecutive indices in one collection: its address, the first index, and
    /// the number of objects.
    runs: Vec<(u64, u32, u32)>,
}

/// The lengths of strings in order, seven bits a byte: one byte for most.
#[derive(Debug, Default)]
struct Lengths(Vec<u8>);

impl Lengths {
    fn push(&mut self, mut len: u32) {
        while len >= 0x80 {
            self.0.push(len.to_le_bytes().first().copied().unwrap_or(0) | 0x80);
            len >>= 7;
        }
        self.0.push(len.to_le_bytes().first().copied().unwrap_or(0));
    }

    fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let mut bytes = self.0.iter();
        std::iter::from_fn(move || {
            let (mut len, mut shift) = (0u32, 0u32);
            loop {
                let byte = *bytes.next()?;
                len |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
                if byte & 0x80 == 0 {
                    return Some(len);
                }
                shift = shift.saturating_add(7);
            }
        })
    }
}

impl Texts {
    /// Number of strings so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no strings so far.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Writer {
    /// Appends strings; they may reach the heap later.
    ///
    /// # Errors
    /// `Io` if they cannot be written; `Unsupported` for a string of 4 GiB.
    pub fn push_texts(&mut self, to: &mut Texts, strings: Strings) -> Result<()> {
        to.len = to.len.saturating_add(strings.len() as u64);
        to.waiting_bytes =
            strings.iter().fold(to.waiting_bytes, |n, text| n.saturating_add(stored_len(text.len())));
        to.waiting.push_back(strings);
        // a collection has its full size if as many bytes are still to come, however many more there are
        self.place_texts(to, heap::MOST)
    }

    /// Writes all strings to the heap, after which no more can be appended, and the references to them as the
    /// elements of `sequence`.
    ///
    /// # Errors
    /// `Io` if they cannot be written; `Usage` if the sequence has another length.
    pub fn refer_to_texts(&mut self, texts: &Texts, sequence: &mut Sequence) -> Result<()> {
        let mut runs = texts.runs.iter();
        let mut run = (0, 0, 0);
        let mut bytes = Vec::with_capacity(AT_ONCE);
        for count in texts.lengths.iter() {
            let (address, index, left) = match run {
                (_, _, 0) => runs.next().copied().unwrap_or_default(),
                more => more,
            };
            Reference { count, address, index }.write(&mut bytes);
            run = (address, index.saturating_add(1), left.saturating_sub(1));
            if bytes.place() >= AT_ONCE {
                self.push_sequence(sequence, &bytes)?;
                bytes.clear();
            }
        }
        self.push_sequence(sequence, &bytes)
    }

    /// Ends the strings: all that wait go to the heap.
    ///
    /// # Errors
    /// `Io` if they cannot be written; `Unsupported` for a string of 4 GiB.
    pub fn finish_texts(&mut self, to: &mut Texts) -> Result<()> {
        self.place_texts(to, 0)
    }

    /// Puts strings into the heap as long as at least `keep` bytes of them wait.
    fn place_texts(&mut self, to: &mut Texts, keep: usize) -> Result<()> {
        if to.waiting_bytes < keep {
            return Ok(());
        }
        if to.begun {
            self.heap.expect(to.waiting_bytes);
        } else {
            self.heap.begin(&mut self.file, to.waiting_bytes)?;
            to.begun = true;
        }
        while to.waiting_bytes >= keep
            && let Some(strings) = to.waiting.front()
        {
            let Some(text) = strings.bytes(to.done) else {
                to.waiting.pop_front();
                to.done = 0;
                continue;
            };
            let count = u32::try_from(text.len()).map_err(|_| Error::unsupported("a string of 4 GiB"))?;
            let (address, index) = self.heap.place(&mut self.file, text)?;
            match to.runs.last_mut() {
                Some((at, first, n)) if *at == address && first.saturating_add(*n) == index => {
                    *n = n.saturating_add(1);
                }
                _ => to.runs.push((address, index, 1)),
            }
            to.lengths.push(count);
            to.waiting_bytes = to.waiting_bytes.saturating_sub(stored_len(text.len()));
            to.done = to.done.saturating_add(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Datatype;
    use crate::hdf5::{Group, Libver, Storing};
    use std::io::Cursor;

    fn file(how: impl Fn(&mut Writer) -> crate::hdf5::ObjectAddress) -> Vec<u8> {
        let mut w = Writer::to_sink(Cursor::new(Vec::new()), Libver::Earliest).unwrap();
        let mut root = Group::new();
        // the small collection is in use already
        let word = w.text("word").unwrap();
        root.attribute("a", word);
        root.link("b", how(&mut w));
        w.finish_sink::<Cursor<Vec<u8>>>(&root).unwrap().into_inner()
    }

    /// In pieces of any size: few strings, which share a collection with others, many, empty ones, and one that is
    /// larger than a collection.
    #[test]
    fn the_file_is_that_of_strings_written_at_once() {
        let many: Strings = (0..100_000).map(|i| "x".repeat(i % 40)).collect();
        let mut long: Strings = (0..50_000).map(|i| format!("name {i}")).collect();
        long.push(&vec![b'y'; 3 << 20]);
        long.extend(&(0..50_000).map(|i| format!("name {i}")).collect());
        let few: Strings = (0..100).map(|i| i.to_string()).collect();
        for strings in [many, long, few, Strings::new(), (0..9).map(|_| "").collect()] {
            let len = strings.len() as u64;
            let whole = file(|w| {
                let value = w.texts(&strings, &[len]).unwrap();
                w.dataset(&value, &[], &Storing::default()).unwrap()
            });
            for piece in [777, 40_000, 1 << 20] {
                let pieces = file(|w| {
                    let mut texts = Texts::default();
                    for start in (0..strings.len()).step_by(piece) {
                        w.push_texts(&mut texts, strings.slice(start..start + piece)).unwrap();
                    }
                    w.finish_texts(&mut texts).unwrap();
                    assert_eq!(texts.len(), len);
                    let mut s = Sequence::new(&Datatype::string(), len, &Storing::default(), 1).unwrap();
                    w.refer_to_texts(&texts, &mut s).unwrap();
                    w.finish_sequence(s, &[]).unwrap()
                });
                assert!(pieces == whole, "{len} strings in pieces of {piece}");
            }
        }
    }

    #[test]
    fn lengths_of_any_size() {
        let mut lengths = Lengths::default();
        let all = [0, 1, 127, 128, 300, 1 << 20, u32::MAX];
        all.iter().for_each(|n| lengths.push(*n));
        assert_eq!(lengths.iter().collect::<Vec<_>>(), all);
    }
}
