//! Finds objects of a fractal heap by their IDs.

use super::addresses::Addresses;
use super::btree_v2::Tree;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::filter::pipeline::{Pipeline, Workspace};
use crate::hdf5::format::fractal_heap::{self as format, Header, HeapId};
use crate::hdf5::format::records::Huge;
use std::collections::HashMap;

/// Maximum bytes of decoded direct blocks and parsed indirect blocks in the cache.
const CACHE_BYTES: usize = 64 << 20;

pub(crate) struct FractalHeap<'f> {
    addresses: &'f Addresses,
    header: Header,
    address: u64,
    direct: HashMap<u64, Vec<u8>>,
    indirect: HashMap<u64, Vec<format::HeapChild>>,
    cached: usize,
    workspace: Workspace,
}

/// A block on the path to an object.
#[derive(Clone, Copy)]
struct HeapBlock {
    address: u64,
    /// Size in the heap's address space.
    size: u64,
    /// Stored size and filter mask, if it is filtered.
    filtered: Option<(u64, u32)>,
}

impl<'f> FractalHeap<'f> {
    pub(crate) fn open(addresses: &'f Addresses, address: u64) -> Result<Self> {
        let plain = format::header_len(addresses.sizes());
        let bytes = addresses.read(address, plain as u64)?;
        let mut src = Cursor::new(&bytes, addresses.offset_of(address));
        src.skip(format::FILTER_LEN_AT)?;
        let filter_len = u64::from(src.read_u16()?);
        let bytes = if filter_len > 0 {
            let more = filter_len.saturating_add(u64::from(addresses.sizes().length)).saturating_add(4);
            addresses.read(address, (plain as u64).saturating_add(more))?
        } else {
            bytes
        };
        let header = format::read_header(&bytes, addresses.offset_of(address), addresses.sizes())?;
        Ok(FractalHeap {
            addresses,
            header,
            address,
            direct: HashMap::new(),
            indirect: HashMap::new(),
            cached: 0,
            workspace: Workspace::default(),
        })
    }

    /// Bytes of an ID of this heap.
    pub(crate) fn id_len(&self) -> usize {
        usize::from(self.header.id_len)
    }

    /// The bytes of the object with this ID.
    pub(crate) fn object(&mut self, id: &[u8]) -> Result<Vec<u8>> {
        let offset = self.addresses.offset_of(self.address);
        match format::read_id(id, offset, &self.header, self.addresses.sizes())? {
            HeapId::Tiny(bytes) => Ok(bytes),
            HeapId::Managed { offset, len } => self.managed(offset, len),
            HeapId::HugeAt { address, len, filtered } => self.huge(address, len, filtered),
            HeapId::HugeKey(key) => self.huge_by_key(key),
        }
    }

    fn managed(&mut self, at: u64, len: u64) -> Result<Vec<u8>> {
        let heap = self.addresses.offset_of(self.address);
        let Some(root) = self.header.root else {
            return Err(Error::malformed("object of an empty fractal heap").at(heap));
        };
        let (block, start) = self.find_block(root, at).at(heap)?;
        if !self.direct.contains_key(&block.address) {
            let bytes = self.read_direct(block)?;
            if self.cached.saturating_add(bytes.len()) > CACHE_BYTES {
                self.direct.clear();
                self.cached = 0;
            }
            self.cached = self.cached.saturating_add(bytes.len());
            self.direct.insert(block.address, bytes);
        }
        let bytes = self.direct.get(&block.address).map(Vec::as_slice).unwrap_or_default();
        let object = checked::size(start).ok().and_then(|s| bytes.get(s..)).zip(checked::size(len).ok());
        let object = object.and_then(|(tail, len)| tail.get(..len));
        object.map(<[u8]>::to_vec).ok_or_else(|| {
            let text = format!("heap object of {len} bytes at {start} of a block of {} bytes", block.size);
            Error::malformed(text).at(self.addresses.offset_of(block.address))
        })
    }

    /// The direct block that contains `at` in the heap's address space, and the offset of `at` in it.
    fn find_block(&mut self, root: u64, mut at: u64) -> Result<(HeapBlock, u64)> {
        if self.header.root_rows == 0 {
            let filtered = self.header.filters.as_ref().map(|f| (f.root_size, f.root_mask));
            return Ok((HeapBlock { address: root, size: self.header.start_block, filtered }, at));
        }
        let (mut address, mut rows) = (root, self.header.root_rows);
        for _ in 0..self.addresses.limits().nesting {
            let (row, column, block) = self.row_and_column(at, rows)?;
            let width = usize::from(self.header.width);
            let slot = usize::from(row).saturating_mul(width).saturating_add(checked::size(column)?);
            let child = *self
                .children(address, rows)?
                .get(slot)
                .ok_or_else(|| Error::malformed("heap object past its table"))?;
            let next =
                child.address.ok_or_else(|| Error::malformed("heap object in a block never written"))?;
            // The rest of `at` is relative to the block in this row and column.
            let row_start = if row == 0 {
                0
            } else {
                checked::mul(self.header.row_block(row)?, u64::from(self.header.width))?
            };
            at = checked::sub(at, checked::add(row_start, checked::mul(column, block)?)?)?;
            if row < self.header.direct_rows() {
                return Ok((HeapBlock { address: next, size: block, filtered: child.filtered }, at));
            }
            address = next;
            rows = self.header.rows_of(block)?;
        }
        Err(Error::limit("fractal heap nested too deeply"))
    }

    /// Row, column and size of the block that contains `at`, in a table of `rows` rows.
    fn row_and_column(&self, at: u64, rows: u16) -> Result<(u16, u64, u64)> {
        let mut start = 0u64;
        for row in 0..rows {
            let block = self.header.row_block(row)?;
            let end = checked::add(start, checked::mul(block, u64::from(self.header.width))?)?;
            if at < end {
                let column = at.saturating_sub(start).checked_div(block).unwrap_or(0);
                return Ok((row, column, block));
            }
            start = end;
        }
        Err(Error::malformed("heap object past its table"))
    }

    fn children(&mut self, address: u64, rows: u16) -> Result<&[format::HeapChild]> {
        if !self.indirect.contains_key(&address) {
            let len = self.header.indirect_len(rows, self.addresses.sizes())?;
            let bytes = self.addresses.read(address, len)?;
            let offset = self.addresses.offset_of(address);
            let children = format::read_indirect(&bytes, offset, &self.header, rows, self.addresses.sizes())?;
            self.indirect.insert(address, children);
        }
        Ok(self.indirect.get(&address).map(Vec::as_slice).unwrap_or_default())
    }

    fn read_direct(&mut self, block: HeapBlock) -> Result<Vec<u8>> {
        let (addresses, offset) = (self.addresses, self.addresses.offset_of(block.address));
        let bytes = match (&self.header.filters, block.filtered) {
            (Some(f), Some((size, mask))) => {
                let stored = addresses.read(block.address, size)?;
                let mut out =
                    crate::limits::zeroed(checked::size(block.size.min(addresses.limits().metadata_bytes))?)?;
                let pipeline = Pipeline::new(&f.pipeline.filters, out.len())?;
                pipeline.decode(&stored, mask, &mut out, &mut self.workspace).at(offset)?;
                out
            }
            _ => addresses.read(block.address, block.size)?,
        };
        format::read_block_head(&mut Cursor::new(&bytes, offset), b"FHDB", &self.header, addresses.sizes())?;
        if self.header.checksum_blocks {
            format::verify_direct(&bytes, offset, &self.header, addresses.sizes())?;
        }
        Ok(bytes)
    }

    fn huge(&mut self, address: u64, len: u64, filtered: Option<(u32, u64)>) -> Result<Vec<u8>> {
        let bytes = self.addresses.read(address, len)?;
        match (&self.header.filters, filtered) {
            (Some(f), Some((mask, size))) => {
                let limit = self.addresses.limits().metadata_bytes;
                if size > limit {
                    return Err(Error::limit(format!("heap object of {size} bytes (limit {limit})")));
                }
                let mut out = crate::limits::zeroed(checked::size(size)?)?;
                let pipeline = Pipeline::new(&f.pipeline.filters, out.len())?;
                pipeline
                    .decode(&bytes, mask, &mut out, &mut self.workspace)
                    .at(self.addresses.offset_of(address))?;
                Ok(out)
            }
            _ => Ok(bytes),
        }
    }

    /// Huge objects whose location does not fit in the ID are in a B-tree: records of type 1 (or 2,
    /// filtered).
    fn huge_by_key(&mut self, key: u64) -> Result<Vec<u8>> {
        let heap = self.addresses.offset_of(self.address);
        let tree =
            self.header.huge_tree.ok_or_else(|| Error::malformed("huge object without a B-tree").at(heap))?;
        let (sizes, mut found) = (self.addresses.sizes(), None);
        let tree = Tree::open(self.addresses, tree)?;
        let read = |mut record: Cursor<'_>| Huge::read(&mut record, tree.record_type(), sizes);
        tree.for_equal(&|record| Ok(read(record)?.key.cmp(&key)), &mut |record| {
            found = Some(read(record)?);
            Ok(())
        })?;
        let object =
            found.ok_or_else(|| Error::malformed(format!("no huge object of key {key}")).at(heap))?;
        self.huge(object.address, object.len, object.filtered)
    }
}
