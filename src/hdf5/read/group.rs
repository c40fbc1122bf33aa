//! The children of a group, by symbol table, by link messages or by dense links alike.
//!
//! A listing survives any child: a link that leads nowhere, a type of link we do not follow or a broken object
//! is an entry like the others, and only opening it fails.

use super::file::File;
use super::fractal_heap::FractalHeap;
use super::object::Object;
use crate::bytes::Cursor;
use crate::error::{Error, Kind, Place, Result};
use crate::hdf5::format::message::{kind, link, link_info, symbol_table};
use crate::hdf5::format::{btree_v1, local_heap, symbol_node};
use crate::limits::Limits;
use std::collections::HashSet;

/// Soft links followed one behind the other before it is called a circle.
const MAX_SOFT_LINKS: u32 = 32;

/// One link of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name as stored; UTF-8 in all but odd files.
    pub name: Vec<u8>,
    /// Where it leads.
    pub target: Target,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// To an object of this file, by the address of its header; `None`: nowhere.
    Hard(Option<u64>),
    /// To a path in this file.
    Soft(String),
    /// To a path in another file. Never followed.
    External {
        /// Name of the other file.
        file: String,
        /// Path in it.
        path: String,
    },
    /// Of a type that an application registered. Never followed.
    User(u8),
}

impl Link {
    /// The name for display and paths.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }
}

impl Object {
    /// The links of this group, names in byte order.
    ///
    /// # Errors
    /// Where the structures of the group itself are damaged; a damaged child is no error here.
    pub fn links(&self) -> Result<&[Link]> {
        if let Some(links) = self.links.get() {
            return Ok(links);
        }
        let mut out = self.unsorted_links().in_object(self.path())?;
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(self.links.get_or_init(|| out))
    }

    fn unsorted_links(&self) -> Result<Vec<Link>> {
        let sizes = self.file.sizes();
        if let Some(table) = self.message(kind::SYMBOL_TABLE, |src| symbol_table::read(src, sizes))? {
            return read_symbol_table(&self.file, table);
        }
        let mut out = Vec::new();
        for m in self.messages_of(kind::LINK) {
            let (bytes, offset) = self.resolve(m)?;
            out.push(from_message(link::read(&mut Cursor::new(&bytes, offset), sizes)?));
        }
        if let Some(Some(dense)) = self.message(kind::LINK_INFO, |src| link_info::read(src, sizes))? {
            let mut heap = FractalHeap::open(&self.file, dense.heap)?;
            let id_len = heap.id_len();
            super::btree_v2::for_each_record(&self.file, dense.names, &mut |header, mut record| {
                if header.record_type != 5 {
                    let t = header.record_type;
                    return Err(record.malformed(format!("B-tree of link names (expected type 5, got {t})")));
                }
                let at = record.offset();
                record.skip(4)?; // hash of the name
                let bytes = heap.object(record.take(id_len)?)?;
                out.push(from_message(link::read(&mut Cursor::new(&bytes, at), sizes)?));
                Limits::check("links", out.len() as u64, self.file.limits().children)
            })?;
        }
        Ok(out)
    }

    /// The child of this name, soft links followed; `None` where there is no such link.
    ///
    /// # Errors
    /// Where the child is damaged, or behind a link that is not followed.
    pub fn child(&self, name: &str) -> Result<Option<Object>> {
        self.child_counted(name, &mut 0)
    }

    /// Opens what a link of this group leads to.
    ///
    /// # Errors
    /// Where the child is damaged, or behind a link that is not followed.
    pub fn open_link(&self, link: &Link) -> Result<Object> {
        self.open_counted(link, &mut 0)
    }

    /// The object at `path` below this one.
    ///
    /// # Errors
    /// `NotFound` where a name does not exist.
    pub fn descend(&self, path: &str) -> Result<Object> {
        self.descend_counted(path, &mut 0)
    }

    fn descend_counted(&self, path: &str, hops: &mut u32) -> Result<Object> {
        let mut at = self.clone();
        for name in path.split('/').filter(|n| !n.is_empty() && *n != ".") {
            at = match at.child_counted(name, hops)? {
                Some(next) => next,
                None => {
                    let text = format!("there is no '{name}' in {}", at.path());
                    return Err(Error::not_found(text));
                }
            };
        }
        Ok(at)
    }

    fn child_counted(&self, name: &str, hops: &mut u32) -> Result<Option<Object>> {
        if !self.is_group() {
            return Ok(None);
        }
        let links = self.links()?;
        let found = links.binary_search_by(|l| l.name.as_slice().cmp(name.as_bytes())).ok();
        found.and_then(|i| links.get(i)).map(|link| self.open_counted(link, hops)).transpose()
    }

    fn open_counted(&self, link: &Link, hops: &mut u32) -> Result<Object> {
        let path = format!("{}/{}", self.path().trim_end_matches('/'), link.name());
        match &link.target {
            Target::Hard(Some(address)) => Object::open(&self.file, *address, &path),
            Target::Hard(None) => Err(Error::malformed("link to an undefined address").in_object(&path)),
            Target::Soft(to) => {
                *hops = hops.saturating_add(1);
                if *hops > MAX_SOFT_LINKS {
                    return Err(Error::malformed("soft links lead in a circle").in_object(&path));
                }
                let from = if to.starts_with('/') { self.file.root()? } else { self.clone() };
                let found = from.descend_counted(to, hops).map_err(|e| match e.kind() {
                    Kind::NotFound => Error::malformed(format!("soft link to '{to}', which does not exist")),
                    _ => e,
                });
                found.in_object(&path)
            }
            Target::External { file, path: inner } => {
                Err(Error::unsupported(format!("external link to '{inner}' in '{file}' is not followed"))
                    .in_object(&path))
            }
            Target::User(kind) => {
                Err(Error::unsupported(format!("user-defined link of type {kind} is not followed"))
                    .in_object(&path))
            }
        }
    }
}

fn from_message(link: link::Link) -> Link {
    let text = |b: Vec<u8>| String::from_utf8_lossy(&b).into_owned();
    let target = match link.target {
        link::Target::Hard(address) => Target::Hard(Some(address)),
        link::Target::Soft(path) => Target::Soft(text(path)),
        link::Target::External { file, path } => Target::External { file: text(file), path: text(path) },
        link::Target::User(kind) => Target::User(kind),
    };
    Link { name: link.name, target }
}

/// The links of an old-style group: a B-tree of symbol nodes, names in a local heap.
fn read_symbol_table(file: &File, table: symbol_table::SymbolTable) -> Result<Vec<Link>> {
    let sizes = file.sizes();
    let head = file.read_up_to(table.heap, local_heap::MAX_LEN)?;
    let heap = local_heap::read_local_heap(&mut Cursor::new(&head, file.offset_of(table.heap)), sizes)?;
    let names = Names {
        data: file.read(heap.data_address, heap.data_len)?,
        offset: file.offset_of(heap.data_address),
    };
    let mut out = Vec::new();
    let mut met = HashSet::new();
    let mut todo = vec![(table.btree, None)];
    while let Some((address, level)) = todo.pop() {
        let offset = file.offset_of(address);
        if !met.insert(address) {
            return Err(Error::malformed("group B-tree leads in a circle").at(offset));
        }
        let bytes = file.read(address, btree_v1::head_len(sizes) as u64)?;
        let head = btree_v1::read_head(&mut Cursor::new(&bytes, offset), sizes, btree_v1::Type::Group)?;
        if level.is_some_and(|l: u8| l.checked_sub(1) != Some(head.level)) {
            return Err(Error::malformed("group B-tree whose levels do not descend").at(offset));
        }
        let body_at = address.saturating_add(btree_v1::head_len(sizes) as u64);
        let body = file.read(body_at, btree_v1::group_body_len(head, sizes) as u64)?;
        let children =
            btree_v1::read_group_children(&mut Cursor::new(&body, file.offset_of(body_at)), head, sizes)?;
        for child in children {
            if head.level > 0 {
                todo.push((child, Some(head.level)));
            } else {
                if !met.insert(child) {
                    return Err(Error::malformed("group B-tree has a node twice").at(file.offset_of(child)));
                }
                read_symbol_node(file, child, &names, &mut out)?;
                Limits::check("links", out.len() as u64, file.limits().children).at(offset)?;
            }
        }
    }
    Ok(out)
}

/// The data of a local heap.
struct Names {
    data: Vec<u8>,
    offset: u64,
}

impl Names {
    fn get(&self, at: u64) -> Result<Vec<u8>> {
        local_heap::name_at(&self.data, self.offset, at).map(<[u8]>::to_vec)
    }
}

fn read_symbol_node(file: &File, address: u64, names: &Names, out: &mut Vec<Link>) -> Result<()> {
    let sizes = file.sizes();
    let head = file.read(address, symbol_node::HEAD_LEN as u64)?;
    let entries = symbol_node::read_head(&mut Cursor::new(&head, file.offset_of(address)))?;
    let at = address.saturating_add(symbol_node::HEAD_LEN as u64);
    let len = (symbol_node::entry_len(sizes) as u64).saturating_mul(u64::from(entries));
    let bytes = file.read(at, len)?;
    let mut src = Cursor::new(&bytes, file.offset_of(at));
    for _ in 0..entries {
        let entry = symbol_node::read_entry(&mut src, sizes)?;
        let target = match entry.target {
            symbol_node::Target::Hard(address) => Target::Hard(address),
            symbol_node::Target::Soft(at) => {
                Target::Soft(String::from_utf8_lossy(&names.get(at)?).into_owned())
            }
        };
        out.push(Link { name: names.get(entry.name)?, target });
    }
    Ok(())
}
