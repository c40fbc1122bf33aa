//! Six kinds of chunk index, one answer: where each chunk of a dataset lies.
//!
//! Chunks are known by their number on the grid over the *current* extent, row-major. What an index says is
//! checked, not believed: chunks lie on the grid, none comes twice, and their bytes are inside the file.

use super::file::File;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::slab;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::dataspace::Dataspace;
use crate::hdf5::format::message::layout::{Chunked, Index, size_width as width_of_sizes};
use crate::hdf5::format::{btree_v1, checksum, extensible_array, fixed_array};
use crate::limits::Limits;
use std::collections::HashSet;
use std::ops::RangeInclusive;

/// Where one chunk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkEntry {
    /// Its number on the grid.
    pub(crate) number: u64,
    pub(crate) address: u64,
    /// Stored bytes.
    pub(crate) size: u64,
    /// Bit n set: filter n was left out.
    pub(crate) mask: u32,
}

/// The chunks of a dataset that were ever written, by number.
#[derive(Debug)]
pub(crate) struct ChunkMap {
    entries: Vec<ChunkEntry>,
}

impl ChunkMap {
    /// The chunk of this number; `None` where it was never written.
    pub(crate) fn get(&self, number: u64) -> Option<&ChunkEntry> {
        // Nearly always every chunk is there, and number n is entry n.
        let direct =
            usize::try_from(number).ok().and_then(|i| self.entries.get(i)).filter(|e| e.number == number);
        direct.or_else(|| {
            let at = self.entries.binary_search_by_key(&number, |e| e.number).ok()?;
            self.entries.get(at)
        })
    }

    /// The chunks with these numbers that were ever written.
    pub(crate) fn between(&self, numbers: RangeInclusive<u64>) -> &[ChunkEntry] {
        let first = self.entries.partition_point(|e| e.number < *numbers.start());
        let rest = self.entries.get(first..).unwrap_or_default();
        let end = rest.partition_point(|e| e.number <= *numbers.end());
        rest.get(..end).unwrap_or_default()
    }

    pub(crate) fn entries(&self) -> &[ChunkEntry] {
        &self.entries
    }
}

/// The grid of chunks over a dataset's extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Elements of the dataset in each dimension.
    pub(crate) dims: Vec<u64>,
    /// Elements of a chunk in each dimension; none is 0.
    pub(crate) chunk: Vec<u64>,
    /// Chunks in each dimension.
    pub(crate) counts: Vec<u64>,
    max: Vec<Option<u64>>,
}

impl Grid {
    pub(crate) fn new(space: &Dataspace, layout: &Chunked) -> Result<Self> {
        let Dataspace::Simple { dims, max } = space else {
            return Err(Error::malformed("chunks of a dataset without dimensions"));
        };
        if dims.len() != layout.dims.len() {
            let text = format!("chunks of {} dimensions in a dataset of {}", layout.dims.len(), dims.len());
            return Err(Error::malformed(text));
        }
        let counts = dims.iter().zip(&layout.dims).map(|(d, c)| d.div_ceil(*c)).collect();
        Ok(Grid { dims: dims.clone(), chunk: layout.dims.clone(), counts, max: max.clone() })
    }

    /// The number of the chunk that begins at element `start`; `None` where it lies outside the extent.
    fn number_of_start(&self, start: &[u64]) -> Result<Option<u64>> {
        let mut coordinates = Vec::with_capacity(start.len());
        for (s, c) in start.iter().zip(&self.chunk) {
            if s.checked_rem(*c) != Some(0) {
                return Err(Error::malformed("chunk off the grid").in_chunk(start));
            }
            coordinates.push(s.checked_div(*c).unwrap_or(0));
        }
        Ok(self.number(&coordinates))
    }

    /// The number of the chunk at these grid coordinates; `None` outside.
    pub(crate) fn number(&self, coordinates: &[u64]) -> Option<u64> {
        coordinates.iter().zip(&self.counts).try_fold(0u64, |n, (c, count)| {
            if c < count { n.checked_mul(*count)?.checked_add(*c) } else { None }
        })
    }

    /// First element of chunk `number`.
    pub(crate) fn start_of(&self, number: u64) -> Vec<u64> {
        let coordinates = slab::unravel(number, &self.counts);
        coordinates.iter().zip(&self.chunk).map(|(c, n)| c.saturating_mul(*n)).collect()
    }

    /// Chunks that the dataset can grow to have, in each dimension; unlimited ones as now.
    fn max_counts(&self) -> Vec<u64> {
        let all = self.max.iter().zip(&self.chunk).zip(&self.counts);
        all.map(|((m, c), now)| m.map_or(*now, |m| m.div_ceil(*c))).collect()
    }

    /// Number on the current grid of entry `n` of an array that runs over the *maximum* extent; with one
    /// unlimited dimension, that one varies slowest.
    fn number_of_array_entry(&self, n: u64, unlimited: Option<usize>) -> Option<u64> {
        let mut order: Vec<usize> = (0..self.chunk.len()).collect();
        if let Some(u) = unlimited {
            order.retain(|d| *d != u);
            order.insert(0, u);
        }
        let max = self.max_counts();
        let sizes: Vec<u64> = order.iter().map(|d| max.get(*d).copied().unwrap_or(1)).collect();
        let swizzled = if unlimited.is_some() {
            // the slowest dimension has no bound: what is left of n is its coordinate
            let inner = sizes.iter().skip(1).try_fold(1u64, |a, b| a.checked_mul(*b))?;
            let mut c = vec![n.checked_div(inner)?];
            c.extend(slab::unravel(n.checked_rem(inner)?, sizes.get(1..)?));
            c
        } else {
            slab::unravel(n, &sizes)
        };
        let mut coordinates = vec![0; order.len()];
        for (d, c) in order.iter().zip(swizzled) {
            *coordinates.get_mut(*d)? = c;
        }
        self.number(&coordinates)
    }
}

/// Reads the whole index.
pub(crate) fn load(
    file: &File,
    layout: &Chunked,
    grid: &Grid,
    chunk_bytes: u64,
    filtered: bool,
) -> Result<ChunkMap> {
    let mut sink = Collector { file, grid, entries: Vec::new() };
    if let Some(address) = layout.address {
        match layout.index {
            Index::BtreeV1 => load_btree_v1(file, address, grid, &mut sink)?,
            Index::Single(stored) => {
                let (size, mask) = stored.unwrap_or((chunk_bytes, 0));
                sink.push(Some(0), address, size, mask)?;
            }
            Index::Implicit => {
                let total = checked::product(&grid.max_counts())?;
                file.check(address, checked::mul(total, chunk_bytes)?)?;
                for n in 0..total {
                    let at = checked::add(address, checked::mul(n, chunk_bytes)?)?;
                    sink.push(grid.number_of_array_entry(n, None), at, chunk_bytes, 0)?;
                }
            }
            Index::FixedArray => load_fixed_array(file, address, layout, grid, chunk_bytes, &mut sink)?,
            Index::ExtensibleArray => {
                load_extensible_array(file, address, layout, grid, chunk_bytes, &mut sink)?
            }
            Index::BtreeV2 => load_btree_v2(file, address, layout, grid, chunk_bytes, filtered, &mut sink)?,
        }
    }
    let mut entries = sink.entries;
    entries.sort_unstable_by_key(|e| e.number);
    let twice = entries.iter().zip(entries.iter().skip(1)).find(|(a, b)| a.number == b.number);
    if let Some((a, b)) = twice {
        let e = Error::malformed("chunk comes twice in its index").in_chunk(&grid.start_of(a.number));
        return Err(e.at(file.offset_of(b.address)));
    }
    Ok(ChunkMap { entries })
}

struct Collector<'a> {
    file: &'a File,
    grid: &'a Grid,
    entries: Vec<ChunkEntry>,
}

impl Collector<'_> {
    /// Takes a chunk; one outside the current extent (the dataset has shrunk) is left out.
    fn push(&mut self, number: Option<u64>, address: u64, size: u64, mask: u32) -> Result<()> {
        let Some(number) = number else { return Ok(()) };
        self.file.check(address, size).map_err(|e| e.in_chunk(&self.grid.start_of(number)))?;
        Limits::check("chunks", self.entries.len() as u64, self.file.limits().chunks)?;
        self.entries.push(ChunkEntry { number, address, size, mask });
        Ok(())
    }
}

fn load_btree_v1(file: &File, root: u64, grid: &Grid, sink: &mut Collector<'_>) -> Result<()> {
    let (sizes, rank) = (file.sizes(), grid.chunk.len());
    let head_len = btree_v1::head_len(sizes);
    let mut met = HashSet::new();
    let mut todo = vec![(root, None)];
    while let Some((address, level)) = todo.pop() {
        let offset = file.offset_of(address);
        if !met.insert(address) {
            return Err(Error::malformed("chunk B-tree leads in a circle").at(offset));
        }
        let head = file.read(address, head_len as u64)?;
        let head = btree_v1::read_head(&mut Cursor::new(&head, offset), sizes, btree_v1::Type::Chunk)?;
        if level.is_some_and(|l: u8| l.checked_sub(1) != Some(head.level)) {
            return Err(Error::malformed("chunk B-tree whose levels do not descend").at(offset));
        }
        let at = checked::add(address, head_len as u64)?;
        let body = file.read(at, btree_v1::chunk_body_len(head, sizes, rank) as u64)?;
        let mut src = Cursor::new(&body, file.offset_of(at));
        let first_child = todo.len();
        for _ in 0..head.entries {
            let place = src.offset();
            let key = btree_v1::read_chunk_key(&mut src, sizes, rank)?;
            if head.level > 0 {
                todo.push((key.child, Some(head.level)));
            } else {
                let number = grid.number_of_start(&key.start).at(place)?;
                sink.push(number, key.child, u64::from(key.size), key.mask).at(place)?;
            }
        }
        // Left to right, so that the entries come nearly sorted.
        if let Some(new) = todo.get_mut(first_child..) {
            new.reverse();
        }
    }
    Ok(())
}

/// Width of the stored size of a filtered chunk in array and B-tree entries.
fn size_width(file: &File, layout: &Chunked, chunk_bytes: u64) -> u8 {
    if layout.wide_sizes {
        return file.sizes().length;
    }
    width_of_sizes(chunk_bytes)
}

/// Entries of fixed and extensible arrays.
struct ArrayEntries {
    filtered: bool,
    size_width: u8,
    chunk_bytes: u64,
    unlimited: Option<usize>,
}

impl ArrayEntries {
    fn read(&self, src: &mut Cursor<'_>, first: u64, count: u64, sink: &mut Collector<'_>) -> Result<()> {
        let sizes = sink.file.sizes();
        for n in 0..count {
            let place = src.offset();
            let address = sizes.read_address(src)?;
            let (size, mask) = if self.filtered {
                (src.read_uint(self.size_width)?, src.read_u32()?)
            } else {
                (self.chunk_bytes, 0)
            };
            if let Some(address) = address {
                let number = sink.grid.number_of_array_entry(checked::add(first, n)?, self.unlimited);
                sink.push(number, address, size, mask).at(place)?;
            }
        }
        Ok(())
    }

    /// Refuses an array whose entries are not as wide as its kind makes them.
    fn check(&self, entry_size: u8, file: &File) -> Result<()> {
        let extra = if self.filtered { self.size_width.saturating_add(4) } else { 0 };
        let want = file.sizes().offset.saturating_add(extra);
        if entry_size != want {
            return Err(Error::malformed(format!(
                "chunk index entry (expected {want} bytes, got {entry_size})"
            )));
        }
        Ok(())
    }
}

fn load_fixed_array(
    file: &File,
    address: u64,
    layout: &Chunked,
    grid: &Grid,
    chunk_bytes: u64,
    sink: &mut Collector<'_>,
) -> Result<()> {
    let sizes = file.sizes();
    let offset = file.offset_of(address);
    let bytes = file.read(address, fixed_array::header_len(sizes) as u64)?;
    let header = fixed_array::read_header(&bytes, offset, sizes)?;
    let width = size_width(file, layout, chunk_bytes);
    let entries = ArrayEntries { filtered: header.filtered, size_width: width, chunk_bytes, unlimited: None };
    entries.check(header.entry_size, file).at(offset)?;
    let expected = checked::product(&grid.max_counts())?;
    if header.entries != expected {
        let text = format!("fixed array (expected {expected} chunks, got {})", header.entries);
        return Err(Error::malformed(text).at(offset));
    }
    let Some(block) = header.data_block else { return Ok(()) };
    let shape = fixed_array::block_shape(&header, sizes)?;
    let entry = u64::from(header.entry_size);
    if shape.pages == 0 {
        let len = checked::add(checked::add(shape.head, checked::mul(header.entries, entry)?)?, 4)?;
        let bytes = file.read(block, len)?;
        let mut src = checksum::split_verified(&bytes, file.offset_of(block), "fixed array data block")?;
        fixed_array::read_block_head(&mut src, &shape, sizes)?;
        return entries.read(&mut src, 0, header.entries, sink);
    }
    let head = file.read(block, shape.head)?;
    let mut src = checksum::split_verified(&head, file.offset_of(block), "fixed array data block")?;
    let bitmap = fixed_array::read_block_head(&mut src, &shape, sizes)?;
    let page_len = checked::add(checked::mul(shape.page_entries, entry)?, 4)?;
    let pages = checked::add(block, shape.head)?;
    for page in 0..shape.pages {
        let first = checked::mul(page, shape.page_entries)?;
        if !fixed_array::page_is_set(bitmap, page) {
            continue;
        }
        let count = header.entries.saturating_sub(first).min(shape.page_entries);
        let at = checked::add(pages, checked::mul(page, page_len)?)?;
        read_page(file, at, count, entry, first, &entries, sink)?;
    }
    Ok(())
}

/// Reads the `count` entries of a page and verifies its checksum.
fn read_page(
    file: &File,
    address: u64,
    count: u64,
    entry: u64,
    first: u64,
    entries: &ArrayEntries,
    sink: &mut Collector<'_>,
) -> Result<()> {
    let bytes = file.read(address, checked::add(checked::mul(count, entry)?, 4)?)?;
    let mut src = checksum::split_verified(&bytes, file.offset_of(address), "chunk index page")?;
    entries.read(&mut src, first, count, sink)
}

fn load_extensible_array(
    file: &File,
    address: u64,
    layout: &Chunked,
    grid: &Grid,
    chunk_bytes: u64,
    sink: &mut Collector<'_>,
) -> Result<()> {
    let sizes = file.sizes();
    let offset = file.offset_of(address);
    let unlimited: Vec<usize> = (0..grid.max.len()).filter(|d| grid.max.get(*d) == Some(&None)).collect();
    let [unlimited] = unlimited[..] else {
        let text = format!("extensible array over {} unlimited dimensions (expected 1)", unlimited.len());
        return Err(Error::malformed(text).at(offset));
    };
    let bytes = file.read(address, extensible_array::header_len(sizes) as u64)?;
    let header = extensible_array::read_header(&bytes, offset, sizes)?;
    let entries = ArrayEntries {
        filtered: header.filtered,
        size_width: size_width(file, layout, chunk_bytes),
        chunk_bytes,
        unlimited: Some(unlimited),
    };
    entries.check(header.entry_size, file).at(offset)?;
    let Some(block) = header.index_block else { return Ok(()) };
    let bytes = file.read(block, header.index_block_len(sizes)?)?;
    let mut src = checksum::split_verified(&bytes, file.offset_of(block), "extensible array index block")?;
    header.read_block_frame(&mut src, b"EAIB", false, sizes)?;
    let mut next = u64::from(header.index_entries);
    entries.read(&mut src, 0, next, sink)?;
    let walk = Walk { file, header: &header, entries: &entries };
    let mut direct = header.direct_blocks();
    for n in 0..header.super_blocks() {
        let s = header.super_block(n)?;
        if n < header.first_indirect() {
            for _ in 0..s.blocks.min(direct) {
                let at = sizes.read_address(&mut src)?;
                walk.data_block(at, s.block_entries, next, None, sink)?;
                next = checked::add(next, s.block_entries)?;
            }
            direct = direct.saturating_sub(s.blocks);
        } else {
            let at = sizes.read_address(&mut src)?;
            walk.super_block(at, s, next, sink)?;
            next = next.saturating_add(s.blocks.saturating_mul(s.block_entries));
        }
    }
    Ok(())
}

/// Which pages of a data block were ever written: its bits in the bitmap of its super block.
#[derive(Clone, Copy)]
struct PageBits<'a> {
    bitmap: &'a [u8],
    first: u64,
}

/// Follows the blocks of an extensible array.
struct Walk<'a> {
    file: &'a File,
    header: &'a extensible_array::Header,
    entries: &'a ArrayEntries,
}

impl Walk<'_> {
    fn super_block(
        &self,
        address: Option<u64>,
        s: extensible_array::SuperBlock,
        first: u64,
        sink: &mut Collector<'_>,
    ) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let sizes = self.file.sizes();
        let bytes = self.file.read(address, self.header.super_block_len(s, sizes)?)?;
        let offset = self.file.offset_of(address);
        let mut src = checksum::split_verified(&bytes, offset, "extensible array super block")?;
        self.header.read_block_frame(&mut src, b"EASB", true, sizes)?;
        let bitmap_len = self.header.pages(s.block_entries).div_ceil(8);
        // There is room for whole bytes a block, but the bits of one block follow those of the block before.
        let bitmap = src.take(checked::size(checked::mul(s.blocks, bitmap_len)?)?)?;
        let pages = self.header.pages(s.block_entries);
        let mut next = first;
        for n in 0..s.blocks {
            let at = sizes.read_address(&mut src)?;
            let set = PageBits { bitmap, first: checked::mul(n, pages)? };
            self.data_block(at, s.block_entries, next, Some(set), sink)?;
            next = checked::add(next, s.block_entries)?;
        }
        Ok(())
    }

    fn data_block(
        &self,
        address: Option<u64>,
        count: u64,
        first: u64,
        set: Option<PageBits<'_>>,
        sink: &mut Collector<'_>,
    ) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let (file, header, sizes) = (self.file, self.header, self.file.sizes());
        let head = header.data_block_head(sizes);
        let entry = u64::from(header.entry_size);
        if header.pages(count) == 0 {
            let len = checked::add(checked::add(head, checked::mul(count, entry)?)?, 4)?;
            let bytes = file.read(address, len)?;
            let mut src =
                checksum::split_verified(&bytes, file.offset_of(address), "extensible array data block")?;
            header.read_block_frame(&mut src, b"EADB", true, sizes)?;
            return self.entries.read(&mut src, first, count, sink);
        }
        let bytes = file.read(address, checked::add(head, 4)?)?;
        let mut src =
            checksum::split_verified(&bytes, file.offset_of(address), "extensible array data block")?;
        header.read_block_frame(&mut src, b"EADB", true, sizes)?;
        let pages_at = checked::add(address, checked::add(head, 4)?)?;
        let page_len = checked::add(checked::mul(header.page_entries(), entry)?, 4)?;
        for page in 0..header.pages(count) {
            let bit = set.map(|s| (s.bitmap, s.first.saturating_add(page)));
            if bit.is_some_and(|(bitmap, n)| !fixed_array::page_is_set(bitmap, n)) {
                continue;
            }
            let at = checked::add(pages_at, checked::mul(page, page_len)?)?;
            let page_first = checked::add(first, checked::mul(page, header.page_entries())?)?;
            read_page(file, at, header.page_entries(), entry, page_first, self.entries, sink)?;
        }
        Ok(())
    }
}

fn load_btree_v2(
    file: &File,
    address: u64,
    layout: &Chunked,
    grid: &Grid,
    chunk_bytes: u64,
    filtered: bool,
    sink: &mut Collector<'_>,
) -> Result<()> {
    let sizes = file.sizes();
    let width = size_width(file, layout, chunk_bytes);
    super::btree_v2::for_each_record(file, address, &mut |header, mut record| {
        let place = record.offset();
        let address = sizes.read_defined(&mut record, "a chunk")?;
        let (size, mask) = match (header.record_type, filtered) {
            (10, false) => (chunk_bytes, 0),
            (11, true) => (record.read_uint(width)?, record.read_u32()?),
            (t, _) => {
                return Err(
                    Error::malformed(format!("B-tree of chunks (expected type 10 or 11, got {t})")).at(place)
                );
            }
        };
        // Records hold grid coordinates, not elements.
        let coordinates = grid.chunk.iter().map(|_| record.read_u64()).collect::<Result<Vec<_>>>()?;
        sink.push(grid.number(&coordinates), address, size, mask).at(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(dims: &[u64], chunk: &[u64], max: &[Option<u64>]) -> Grid {
        let space = Dataspace::Simple { dims: dims.to_vec(), max: max.to_vec() };
        let layout = Chunked {
            dims: chunk.to_vec(),
            element_size: 4,
            index: Index::BtreeV1,
            address: None,
            plain_edges: false,
            wide_sizes: false,
        };
        Grid::new(&space, &layout).unwrap()
    }

    #[test]
    fn numbers_run_over_the_current_extent() {
        let g = grid(&[10, 7], &[4, 3], &[Some(10), Some(7)]);
        assert_eq!(g.counts, [3, 3]);
        assert_eq!(g.number_of_start(&[8, 3]).unwrap(), Some(7));
        assert_eq!(g.start_of(7), [8, 3]);
        assert_eq!(g.number_of_start(&[12, 0]).unwrap(), None, "outside");
        assert!(g.number_of_start(&[2, 0]).is_err(), "off the grid");
    }

    #[test]
    fn array_entries_run_over_the_maximum_extent() {
        // 2 × 2 chunks now, 2 × 5 at most
        let g = grid(&[4, 4], &[2, 2], &[Some(4), Some(10)]);
        assert_eq!(g.number_of_array_entry(1, None), Some(1));
        assert_eq!(g.number_of_array_entry(2, None), None, "third column, not there yet");
        assert_eq!(g.number_of_array_entry(5, None), Some(2));
        // the second dimension unlimited: it varies slowest
        let g = grid(&[4, 6], &[2, 2], &[Some(4), None]);
        let numbers: Vec<_> = (0..6).map(|n| g.number_of_array_entry(n, Some(1)).unwrap()).collect();
        assert_eq!(numbers, [0, 3, 1, 4, 2, 5]);
    }
}
