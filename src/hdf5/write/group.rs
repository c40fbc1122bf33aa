//! Groups, and the superblock that points to the root group.

use super::address::ObjectAddress;
use super::file::{Libver, Writer};
use super::value::StoredValue;
use crate::bytes::append::AppendFile;
use crate::bytes::put::Put;
use crate::error::Result;
use crate::hdf5::format::message::{kind, link, link_info};
use crate::hdf5::format::object_header::HeaderWriter;
use crate::hdf5::format::{btree_v1, local_heap, superblock, symbol_node};
use std::collections::BTreeMap;

/// A group before it is written: its links and attributes.
#[derive(Debug, Default)]
pub struct Group {
    links: BTreeMap<Vec<u8>, ObjectAddress>,
    attributes: Vec<(String, StoredValue)>,
}

impl Group {
    /// An empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a child.
    pub fn link(&mut self, name: &str, child: ObjectAddress) {
        self.links.insert(name.as_bytes().to_vec(), child);
    }

    /// Adds an attribute.
    pub fn attribute(&mut self, name: &str, value: StoredValue) {
        self.attributes.push((name.to_owned(), value));
    }

    /// Adds the children of another group; existing children of the same name stay.
    pub fn extend(&mut self, other: Group) {
        for (name, child) in other.links {
            self.links.entry(name).or_insert(child);
        }
    }

    /// Address of the child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<ObjectAddress> {
        self.links.get(name.as_bytes()).copied()
    }

    /// Whether there is a child of this name.
    pub fn has(&self, name: &str) -> bool {
        self.links.contains_key(name.as_bytes())
    }
}

impl Writer {
    /// Writes a group, whose children are already written, and returns its address.
    ///
    /// # Errors
    /// `Io` if it cannot be written; `Unsupported` if an attribute's name or type is too large for a message.
    pub fn group(&mut self, group: &Group) -> Result<ObjectAddress> {
        match self.libver {
            Libver::Earliest => self.group_parts(group).map(|[header, ..]| ObjectAddress(header)),
            Libver::Latest => self.group_of_links(group).map(ObjectAddress),
        }
    }

    /// Writes a group whose links are messages of its header.
    fn group_of_links(&mut self, group: &Group) -> Result<u64> {
        let mut header = HeaderWriter::default();
        header.message(kind::LINK_INFO, false, &link_info::write_compact())?;
        // IV.A.2.k: the header may hold any number of links
        header.message(kind::GROUP_INFO, false, &[0, 1, 0xff, 0xff, 0xfe, 0xff])?;
        self.attributes(&mut header, &group.attributes)?;
        for (name, child) in &group.links {
            header.message(kind::LINK, false, &link::write(name, child.0))?;
        }
        self.header(header, true)
    }

    /// Writes header, B-tree and heap of a group and returns their addresses.
    fn group_parts(&mut self, group: &Group) -> Result<[u64; 3]> {
        // Names: the empty one first, each padded to eight bytes
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
        let mut level: Vec<(u64, u64)> = Vec::new(); // last name below, and address of the node
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

    /// Writes the root group and the superblock, flushes, and gives the file its name. A sink is flushed and
    /// dropped.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn finish(self, root: &Group) -> Result<()> {
        self.finish_file(root)?.commit()
    }

    /// As [`finish`](Self::finish) for a file begun with [`to_sink`](Self::to_sink); returns the sink.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if the file was not begun with a sink of this type.
    pub fn finish_sink<W: 'static>(self, root: &Group) -> Result<W> {
        self.finish_file(root)?.into_sink()
    }

    fn finish_file(mut self, root: &Group) -> Result<AppendFile> {
        let root = match self.libver {
            Libver::Earliest => self.group_parts(root)?,
            Libver::Latest => [self.group_of_links(root)?, 0, 0],
        };
        self.heap.close(&mut self.file)?;
        self.file.align()?;
        let (base, end) = (self.file.base(), self.file.end());
        let superblock = match self.libver {
            Libver::Earliest => superblock::write(root, base, end),
            Libver::Latest => superblock::write_v3(root[0], base, end),
        };
        self.file.patch(0, &superblock)?;
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::hdf5::Storing;
    use std::io::Cursor;

    fn fill(w: &mut Writer) -> Group {
        let mut root = Group::new();
        let numbers = StoredValue::numbers(Dtype::Uint8, &[3 << 20], vec![7; 3 << 20]);
        let note = w.text("note").unwrap();
        let at = w.dataset(&numbers, &[("note".into(), note)], &Storing::default()).unwrap();
        root.link("numbers", at);
        root
    }

    #[test]
    fn a_sink_gets_the_same_bytes_as_a_path() {
        for libver in [Libver::Earliest, Libver::Latest] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.h5");
            let mut to_path = Writer::create(&path, false, libver).unwrap();
            let root = fill(&mut to_path);
            to_path.finish(&root).unwrap();
            let mut to_sink = Writer::to_sink(Cursor::new(Vec::new()), libver).unwrap();
            let root = fill(&mut to_sink);
            let sink: Cursor<Vec<u8>> = to_sink.finish_sink(&root).unwrap();
            assert!(std::fs::read(&path).unwrap() == *sink.get_ref(), "{libver:?}");
            let root = crate::hdf5::File::from_reader(Box::new(sink.into_inner()), crate::Limits::default())
                .unwrap()
                .root()
                .unwrap();
            let note = root.descend("numbers").unwrap().attribute("note").unwrap().unwrap();
            assert_eq!(note.value.string().unwrap(), "note");
        }
    }

    /// The user block is not part of the file: behind it are the same bytes, but for base and end in the superblock.
    /// h5py writes the end of the file from its very beginning.
    #[test]
    fn a_user_block_moves_everything_and_changes_no_address() {
        for (libver, base, end, checked) in
            [(Libver::Earliest, 24, 40, None), (Libver::Latest, 12, 28, Some(44))]
        {
            let file = |block: Option<&[u8]>| {
                let mut w = Writer::to_sink(Cursor::new(Vec::new()), libver).unwrap();
                block.map_or(Ok(()), |block| w.put_user_block(block)).unwrap();
                let root = fill(&mut w);
                assert!(w.put_user_block(&[0; 512]).is_err(), "too late");
                w.finish_sink::<Cursor<Vec<u8>>>(&root).unwrap().into_inner()
            };
            let (plain, behind) = (file(None), file(Some(&[7; 1024])));
            assert!(behind[..1024] == [7; 1024] && behind.len() == plain.len() + 1024);
            let number = |at: usize| u64::from_le_bytes(behind[at..at + 8].try_into().unwrap());
            assert_eq!((number(1024 + base), number(1024 + end)), (1024, behind.len() as u64));
            let mut moved = behind[1024..].to_vec();
            moved[base..base + 8].copy_from_slice(&plain[base..base + 8]);
            moved[end..end + 8].copy_from_slice(&plain[end..end + 8]);
            if let Some(at) = checked {
                moved[at..at + 4].copy_from_slice(&plain[at..at + 4]);
            }
            assert!(moved == plain, "{libver:?}");
            let read = crate::hdf5::File::from_reader(Box::new(behind), crate::Limits::default()).unwrap();
            assert_eq!(read.user_block(), 1024);
            let note = read.root().unwrap().descend("numbers").unwrap().attribute("note").unwrap().unwrap();
            assert_eq!(note.value.string().unwrap(), "note");
        }
        let mut w = Writer::to_sink(Cursor::new(Vec::new()), Libver::Earliest).unwrap();
        let e = w.put_user_block(&[0; 600]).unwrap_err();
        assert_eq!(e.message(), "expected a user block of 512, 1024, 2048, ... bytes, got 600");
    }

    #[test]
    fn a_sink_of_another_type_is_not_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let sink = Writer::to_sink(Cursor::new(Vec::new()), Libver::Latest).unwrap();
        let path = Writer::create(&dir.path().join("a.h5"), false, Libver::Latest).unwrap();
        for w in [sink, path] {
            let e = w.finish_sink::<std::fs::File>(&Group::new()).unwrap_err();
            assert_eq!(e.kind(), crate::Kind::Usage);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
