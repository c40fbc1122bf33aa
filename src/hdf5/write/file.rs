//! A file being written: groups, and the superblock at the end of it all.

use super::heap::HeapWriter;
use super::value::EncodedValue;
use crate::bytes::append::AppendFile;
use crate::bytes::put::Put;
use crate::error::Result;
use crate::hdf5::format::message::{kind, link, link_info};
use crate::hdf5::format::object_header::HeaderWriter;
use crate::hdf5::format::{btree_v1, local_heap, superblock, symbol_node};
use std::collections::BTreeMap;
use std::path::Path;

/// Which of the forms of the format are used, as h5py's `libver` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Libver {
    /// Those that every library reads: superblock 0, symbol tables, version 1 B-trees.
    #[default]
    Earliest,
    /// Those since 1.10, with checksums: superblock 3, links in headers, arrays of chunks.
    Latest,
}

/// An HDF5 file being written. It appears under its name when finished; dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Writer {
    pub(crate) libver: Libver,
    pub(crate) file: AppendFile,
    pub(crate) heap: HeapWriter,
}

/// An object that was written, to be linked from a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectAddress(pub(crate) u64);

/// A group before it is written: its links and attributes.
#[derive(Debug, Default)]
pub struct Group {
    links: BTreeMap<Vec<u8>, ObjectAddress>,
    attributes: Vec<(String, EncodedValue)>,
}

impl Group {
    /// Without links and attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a child.
    pub fn link(&mut self, name: &str, child: ObjectAddress) {
        self.links.insert(name.as_bytes().to_vec(), child);
    }

    /// Adds an attribute.
    pub fn attribute(&mut self, name: &str, value: EncodedValue) {
        self.attributes.push((name.to_owned(), value));
    }

    /// Adds the children of another group; those that are here already stay.
    pub fn extend(&mut self, other: Group) {
        for (name, child) in other.links {
            self.links.entry(name).or_insert(child);
        }
    }

    /// The child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<ObjectAddress> {
        self.links.get(name.as_bytes()).copied()
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
    pub fn create(path: &Path, replace: bool, libver: Libver) -> Result<Self> {
        let mut file = AppendFile::create(path, replace)?;
        file.append(&vec![0; usize::try_from(superblock::WRITTEN_LEN).unwrap_or(96)])?;
        Ok(Writer { libver, file, heap: HeapWriter::default() })
    }

    /// Writes a group, whose children are there already.
    ///
    /// # Errors
    /// Where it cannot be written; `Unsupported` where an attribute's name or type is too large for a message.
    pub fn group(&mut self, group: &Group) -> Result<ObjectAddress> {
        match self.libver {
            Libver::Earliest => self.group_parts(group).map(|[header, ..]| ObjectAddress(header)),
            Libver::Latest => self.group_of_links(group).map(ObjectAddress),
        }
    }

    /// Appends a header, of version 2 where that is asked for or the file is of the latest format.
    pub(crate) fn header(&mut self, header: HeaderWriter, modern: bool) -> Result<u64> {
        self.file.align()?;
        let modern = modern || self.libver == Libver::Latest;
        self.file.append(&if modern { header.finish_v2() } else { header.finish() })
    }

    /// A group whose links are messages of its header.
    fn group_of_links(&mut self, group: &Group) -> Result<u64> {
        let mut header = HeaderWriter::default();
        header.message(kind::LINK_INFO, false, &link_info::write_compact())?;
        // IV.A.2.k: as many links as there are may be in the header
        header.message(kind::GROUP_INFO, false, &[0, 1, 0xff, 0xff, 0xfe, 0xff])?;
        self.attributes(&mut header, &group.attributes)?;
        for (name, child) in &group.links {
            header.message(kind::LINK, false, &link::write(name, child.0))?;
        }
        self.header(header, true)
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
        let dense = self.attributes(&mut header, &group.attributes)?;
        let at = self.header(header, dense)?;
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
        let root = match self.libver {
            Libver::Earliest => self.group_parts(root)?,
            Libver::Latest => [self.group_of_links(root)?, 0, 0],
        };
        self.heap.close(&mut self.file)?;
        self.file.align()?;
        let end = self.file.end();
        let superblock = match self.libver {
            Libver::Earliest => superblock::write(root, end),
            Libver::Latest => superblock::write_v3(root[0], end),
        };
        self.file.patch(0, &superblock)?;
        self.file.commit()
    }
}
