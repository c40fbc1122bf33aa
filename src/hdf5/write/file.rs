//! A file being written: groups, and the superblock at the end of it all.

use super::heap::HeapWriter;
use super::value::Ready;
use crate::bytes::append::AppendFile;
use crate::bytes::put::Put;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::{attribute, dataspace, datatype, kind};
use crate::hdf5::format::object_header::HeaderWriter;
use crate::hdf5::format::{btree_v1, local_heap, superblock, symbol_node};
use std::collections::BTreeMap;
use std::path::Path;

/// An HDF5 file being written. It appears under its name when finished; dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Writer {
    pub(crate) file: AppendFile,
    pub(crate) heap: HeapWriter,
}

/// An object that was written, to be linked from a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written(pub(crate) u64);

/// A group before it is written: its links and attributes.
#[derive(Debug, Default)]
pub struct Group {
    links: BTreeMap<Vec<u8>, Written>,
    attributes: Vec<(String, Ready)>,
}

impl Group {
    /// Without links and attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a child.
    pub fn link(&mut self, name: &str, child: Written) {
        self.links.insert(name.as_bytes().to_vec(), child);
    }

    /// Adds an attribute.
    pub fn attribute(&mut self, name: &str, value: Ready) {
        self.attributes.push((name.to_owned(), value));
    }

    /// Adds the children of another group; those that are here already stay.
    pub fn extend(&mut self, other: Group) {
        for (name, child) in other.links {
            self.links.entry(name).or_insert(child);
        }
    }

    /// Whether there is a child of this name.
    pub fn has(&self, name: &str) -> bool {
        self.links.contains_key(name.as_bytes())
    }
}

impl Writer {
    /// Begins a file that will be called `path`. An existing one is refused unless `replace`.
    ///
    /// # Errors
    /// `Io` where it exists or cannot be created.
    pub fn create(path: &Path, replace: bool) -> Result<Self> {
        let mut file = AppendFile::create(path, replace)?;
        file.append(&vec![0; usize::try_from(superblock::WRITTEN_LEN).unwrap_or(96)])?;
        Ok(Writer { file, heap: HeapWriter::default() })
    }

    /// Writes a group, whose children are there already.
    ///
    /// # Errors
    /// Where it cannot be written; `Unsupported` where an attribute is too large for a header.
    pub fn group(&mut self, group: &Group) -> Result<Written> {
        self.group_parts(group).map(|[header, ..]| Written(header))
    }

    /// Header, B-tree and heap of a group.
    fn group_parts(&mut self, group: &Group) -> Result<[u64; 3]> {
        // names: the empty one first, each padded to eight bytes
        let mut names = vec![0u8; 8];
        let mut entries = Vec::with_capacity(group.links.len());
        for (name, child) in &group.links {
            entries.push((names.len() as u64, child.0));
            names.put(name);
            names.put_u8(0);
            names.pad_to(8);
        }
        self.file.align()?;
        let data = self.file.append(&names)?;
        let heap = self.file.append(&local_heap::write(names.len() as u64, data))?;
        let mut level: Vec<(u64, u64)> = Vec::new(); // last name below, and where the node is
        for node in entries.chunks(symbol_node::ENTRIES) {
            let at = self.file.append(&symbol_node::write(node))?;
            level.push((node.last().map_or(0, |(name, _)| *name), at));
        }
        let tree = self.group_tree(level)?;
        let mut header = HeaderWriter::default();
        let mut table = Vec::new();
        table.put_u64(tree);
        table.put_u64(heap);
        header.message(kind::SYMBOL_TABLE, false, &table)?;
        write_attributes(&mut header, &group.attributes)?;
        let at = self.file.append(&header.finish())?;
        Ok([at, tree, heap])
    }

    fn group_tree(&mut self, mut level: Vec<(u64, u64)>) -> Result<u64> {
        let mut height = 0u8;
        loop {
            let node_len = btree_v1::node_len(8, btree_v1::GROUP_CHILDREN) as u64;
            let nodes = level.len().div_ceil(btree_v1::GROUP_CHILDREN).max(1) as u64;
            let first = self.file.end();
            let place = |n: u64| first.saturating_add(n.saturating_mul(node_len));
            let mut above = Vec::new();
            let mut key = 0u64;
            let mut parts = level.chunks(btree_v1::GROUP_CHILDREN);
            for n in 0..nodes {
                let part = parts.next().unwrap_or_default();
                let mut keys = vec![key.to_le_bytes().to_vec()];
                keys.extend(part.iter().map(|(last, _)| last.to_le_bytes().to_vec()));
                let children: Vec<u64> = part.iter().map(|(_, at)| *at).collect();
                let left = n.checked_sub(1).map(place);
                let right = Some(n.saturating_add(1)).filter(|n| *n < nodes).map(place);
                let node =
                    btree_v1::write_node(btree_v1::Type::Group, height, [left, right], &keys, &children);
                let at = self.file.append(&node)?;
                key = part.last().map_or(0, |(last, _)| *last);
                above.push((key, at));
            }
            match above[..] {
                [(_, root)] => return Ok(root),
                _ => level = above,
            }
            height = height.saturating_add(1);
        }
    }

    /// Writes the root group and the superblock, flushes, and gives the file its name.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub fn finish(mut self, root: &Group) -> Result<()> {
        let root = self.group_parts(root)?;
        self.heap.close(&mut self.file)?;
        self.file.align()?;
        let end = self.file.end();
        self.file.patch(0, &superblock::write(root, end))?;
        self.file.commit()
    }
}

pub(crate) fn write_attributes(header: &mut HeaderWriter, attributes: &[(String, Ready)]) -> Result<()> {
    for (name, value) in attributes {
        let (mut t, mut s) = (Vec::new(), Vec::new());
        datatype::write(&value.datatype, &mut t)?;
        dataspace::write(&value.dataspace, &mut s);
        let Some(body) = attribute::write(name, &t, &s, &value.bytes) else {
            let text = format!("an attribute of {} bytes (at most 64 KiB are written)", value.bytes.len());
            return Err(Error::unsupported(text)).in_object(&format!("@{name}"));
        };
        header.message(kind::ATTRIBUTE, false, &body)?;
    }
    Ok(())
}
