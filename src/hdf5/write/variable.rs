//! Strings and lists of variable length: their bytes go into the heap, and the elements refer to them.

use super::file::Writer;
use super::heap::stored_len;
use super::value::StoredValue;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::dtype::{Class, Datatype};
use crate::error::{Error, Result};
use crate::hdf5::format::global_heap::Reference;
use crate::hdf5::read::global_heap::HeapReader;
use crate::hdf5::{Dataspace, Value};
use crate::strings::Strings;

impl Writer {
    /// Stores one UTF-8 string.
    ///
    /// # Errors
    /// `Io` if it cannot be written.
    pub fn text(&mut self, text: &str) -> Result<StoredValue> {
        let mut strings = Strings::new();
        strings.push(text.as_bytes());
        self.texts(&strings, &[])
    }

    /// Stores UTF-8 strings, row-major in `shape`.
    ///
    /// # Errors
    /// `Io` if they cannot be written.
    pub fn texts(&mut self, strings: &Strings, shape: &[u64]) -> Result<StoredValue> {
        let mut bytes = Vec::new();
        let expected = strings.iter().fold(0usize, |n, text| n.saturating_add(stored_len(text.len())));
        self.heap.begin(&mut self.file, expected)?;
        for text in strings.iter() {
            let count = u32::try_from(text.len()).map_err(|_| Error::unsupported("a string of 4 GiB"))?;
            self.heap.refer(&mut self.file, text, count, &mut bytes)?;
        }
        Ok(StoredValue { datatype: Datatype::string(), dataspace: Dataspace::fixed(shape), bytes })
    }

    /// Stores a value read from another file, copying the heap objects it refers to. References cannot be
    /// copied.
    ///
    /// # Errors
    /// Any error of reading a damaged value; `Unsupported` for references, which are meaningless in another
    /// file.
    pub fn value(&mut self, value: &Value) -> Result<StoredValue> {
        let mut bytes = Vec::with_capacity(value.raw().len());
        let mut heaps = HeapReader::new(value.addresses());
        let size = checked::size(u64::from(value.datatype().size))?.max(1);
        let datatype = value.datatype().packed()?;
        if datatype == *value.datatype() && !datatype.has_references() {
            bytes.extend_from_slice(value.raw());
        } else {
            let elements = value.raw().chunks_exact(size);
            let expected =
                elements.fold(0usize, |n, one| n.saturating_add(expected_bytes(value.datatype(), one)));
            self.heap.begin(&mut self.file, expected)?;
            for element in value.raw().chunks_exact(size) {
                self.element(value.datatype(), element, &mut heaps, &mut bytes)?;
            }
        }
        let dataspace = match value.shape() {
            None => Dataspace::Null,
            Some(shape) => Dataspace::fixed(shape),
        };
        Ok(StoredValue { datatype, dataspace, bytes })
    }

    /// Converts one element to its new form.
    fn element(
        &mut self,
        t: &Datatype,
        element: &[u8],
        heaps: &mut HeapReader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match &t.class {
            Class::VarString(_) => {
                let text =
                    heaps.follow(&mut Cursor::new(element, 0), 1, |_, _, bytes, _| Ok(bytes.to_vec()))?;
                let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
                let text = text.get(..end).unwrap_or_default();
                let count = u32::try_from(text.len()).unwrap_or(u32::MAX);
                self.heap.refer(&mut self.file, text, count, out)
            }
            Class::VarLen(base) => {
                let unit = u64::from(base.size);
                let (count, bytes) =
                    heaps.follow(&mut Cursor::new(element, 0), unit, |_, count, bytes, _| {
                        Ok((count, bytes.to_vec()))
                    })?;
                let mut items = Vec::new();
                for item in bytes.chunks_exact(checked::size(unit)?.max(1)) {
                    self.element(base, item, heaps, &mut items)?;
                }
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                if count == 0 {
                    Reference::NONE.write(out);
                    return Ok(());
                }
                self.heap.refer(&mut self.file, &items, count, out)
            }
            Class::Compound(members) => {
                let start = out.place();
                for (m, packed) in members.iter().zip(Datatype::packed_members(members)?) {
                    let from = checked::size(u64::from(m.offset))?;
                    let len = checked::size(u64::from(m.datatype.size))?;
                    let part = element.get(from..from.saturating_add(len)).unwrap_or_default();
                    let at = start.saturating_add(checked::size(u64::from(packed.offset))?);
                    out.fill_to(at);
                    self.element(&m.datatype, part, heaps, out)?;
                }
                Ok(())
            }
            Class::Array { base, .. } => {
                let unit = checked::size(u64::from(base.size))?.max(1);
                element.chunks_exact(unit).try_for_each(|one| self.element(base, one, heaps, out))
            }
            Class::Reference { .. } => Err(Error::unsupported("a reference to another place of its file")),
            _ => {
                out.extend_from_slice(element);
                Ok(())
            }
        }
    }
}

/// Bytes that the heap objects of an element of another file will take, by the lengths it claims. Objects
/// referenced by those are not counted.
fn expected_bytes(t: &Datatype, element: &[u8]) -> usize {
    let of_units = |unit: u32| {
        let count = element.first_chunk::<4>().map_or(0, |n| u32::from_le_bytes(*n));
        stored_len(usize::try_from(u64::from(count).saturating_mul(u64::from(unit))).unwrap_or(usize::MAX))
    };
    match &t.class {
        Class::VarString(_) => of_units(1),
        Class::VarLen(base) => of_units(base.size),
        Class::Compound(members) => members.iter().fold(0usize, |n, m| {
            let from = usize::try_from(m.offset).unwrap_or(usize::MAX);
            n.saturating_add(expected_bytes(&m.datatype, element.get(from..).unwrap_or_default()))
        }),
        Class::Array { base, .. } => {
            let unit = usize::try_from(base.size).unwrap_or(usize::MAX).max(1);
            element.chunks_exact(unit).fold(0usize, |n, one| n.saturating_add(expected_bytes(base, one)))
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReadAt;
    use crate::hdf5::{File, Group, Libver, Storing};
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    /// A file in memory that counts the bytes read from it.
    struct Counting(Vec<u8>, Arc<AtomicU64>);

    impl ReadAt for Counting {
        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            self.1.fetch_add(buffer.len() as u64, Relaxed);
            self.0.read_exact_at(buffer, offset)
        }

        fn len(&self) -> u64 {
            ReadAt::len(&self.0)
        }
    }

    fn names(n: usize) -> Strings {
        let mut names = Strings::new();
        (0..n).for_each(|i| names.push(format!("name {i}").as_bytes()));
        names
    }

    fn written(libver: Libver) -> Vec<u8> {
        let mut w = Writer::to_sink(io::Cursor::new(Vec::new()), libver).unwrap();
        let mut root = Group::new();
        for column in ["a", "b"] {
            // larger than one collection may be
            let value = w.texts(&names(50_000), &[50_000]).unwrap();
            let kind = w.text("string-array").unwrap();
            let at = w.dataset(&value, &[("encoding-type".into(), kind)], &Storing::default()).unwrap();
            root.link(column, at);
        }
        let kind = w.text("dataframe").unwrap();
        root.attribute("encoding-type", kind);
        let order = w.texts(&names(1000), &[1000]).unwrap();
        root.attribute("column-order", order);
        w.finish_sink::<io::Cursor<Vec<u8>>>(&root).unwrap().into_inner()
    }

    /// Page size of metadata reads in bytes.
    const PAGE: u64 = 16 << 10;

    /// A reference to nothing is a null pointer for libhdf5, and no empty string.
    #[test]
    fn an_empty_string_is_an_object() {
        let mut w = Writer::to_sink(io::Cursor::new(Vec::new()), Libver::Earliest).unwrap();
        let words: Strings = ["", "a", ""].into_iter().collect();
        let value = w.texts(&words, &[3]).unwrap();
        let of = |at: usize| {
            value.bytes.chunks_exact(16).map(move |r| u32::from_le_bytes(*r[at..].first_chunk().unwrap()))
        };
        assert_eq!((of(0).collect::<Vec<_>>(), of(12).collect::<Vec<_>>()), (vec![0, 1, 0], vec![1, 2, 3]));
        assert!(of(4).all(|address| address > 0));
        let mut root = Group::new();
        root.attribute("words", value);
        let file = w.finish_sink::<io::Cursor<Vec<u8>>>(&root).unwrap().into_inner();
        let root = File::from_reader(Box::new(file), crate::Limits::default()).unwrap().root().unwrap();
        assert_eq!(root.attribute("words").unwrap().unwrap().value.strings().unwrap(), words);
    }

    #[test]
    fn words_share_a_small_collection_and_columns_have_their_own() {
        let file = written(Libver::Latest);
        let heads = file.windows(16).filter(|w| w.starts_with(b"GCOL"));
        let mut sizes: Vec<u64> = heads.map(|w| u64::from_le_bytes(*w.last_chunk::<8>().unwrap())).collect();
        // The column order: 1000 names of 24 bytes, including heads and padding. A column: 49,000 more of 32
        // bytes; its first collection leaves 16 bytes free.
        let (order, column) = (1000 * 24u64, 1000 * 24 + 49_000 * 32u64);
        let two = [1 << 20, 16 + column - ((1 << 20) - 16 - 16)];
        let mut expected = [&two[..], &two, &[4096, 16 + order]].concat();
        sizes.sort_unstable();
        expected.sort_unstable();
        assert_eq!(sizes, expected);
    }

    #[test]
    fn a_word_of_an_attribute_costs_a_small_collection() {
        for libver in [Libver::Earliest, Libver::Latest] {
            let read = Arc::new(AtomicU64::new(0));
            let source = Counting(written(libver), Arc::clone(&read));
            let root = File::from_reader(Box::new(source), crate::Limits::default()).unwrap().root().unwrap();
            let bytes_of = |name: &str, first: &str| {
                let before = read.load(Relaxed);
                let value = root.attribute(name).unwrap().unwrap().value;
                assert_eq!(value.strings().unwrap().iter().next(), Some(first.as_bytes()));
                read.load(Relaxed) - before
            };
            let word = bytes_of("encoding-type", "dataframe");
            // 4096 bytes, which may span two metadata pages
            assert!(word <= 2 * PAGE, "{libver:?}: {word} bytes");
            // 1000 names of 24 bytes, in a collection of their own
            let order = bytes_of("column-order", "name 0");
            assert!(order <= 24_016 + 2 * PAGE, "{libver:?}: {order} bytes");
            let column = root.descend("a").unwrap().dataset().unwrap().read().unwrap().strings().unwrap();
            assert!(column == names(50_000));
        }
    }

    #[test]
    fn a_value_that_is_copied_has_collections_as_when_it_was_written() {
        let from = File::from_reader(Box::new(written(Libver::Earliest)), crate::Limits::default()).unwrap();
        let root = from.root().unwrap();
        let column = root.descend("a").unwrap().dataset().unwrap().read().unwrap();
        let written = |copy: bool| {
            let mut w = Writer::to_sink(io::Cursor::new(Vec::new()), Libver::Earliest).unwrap();
            let value = if copy { w.value(&column) } else { w.texts(&names(50_000), &[50_000]) };
            let mut root = Group::new();
            root.link("a", w.dataset(&value.unwrap(), &[], &Storing::default()).unwrap());
            w.finish_sink::<io::Cursor<Vec<u8>>>(&root).unwrap().into_inner()
        };
        assert!(written(true) == written(false));
    }
}
