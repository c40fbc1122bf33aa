//! The children of a group, stored as symbol table, link messages or dense links.
//!
//! A listing includes damaged children: a dangling link, an unsupported type of link or a broken object is an
//! entry like any other, and only opening it fails.

use super::btree_v2::Tree;
use super::file::File;
use super::fractal_heap::FractalHeap;
use super::link::{Link, Target};
use super::object::Object;
use super::symbol_table::read as symbol_table_links;
use crate::bytes::Cursor;
use crate::error::{Error, Kind, Place, Result};
use crate::hdf5::format::message::{kind, link, link_info, symbol_table};
use crate::hdf5::format::records::{self, LinkName};
use crate::limits::Limits;

/// Soft links followed in a row before they count as a cycle.
const MAX_SOFT_LINKS: u32 = 32;

impl File {
    /// The object at an absolute path such as `/obs/index`; soft links are followed inside the file.
    ///
    /// # Errors
    /// `NotFound` if there is no object of that name.
    pub fn object(&self, path: &str) -> Result<Object> {
        self.root()?.descend(path)
    }
}

impl Object {
    /// The links of this group, sorted by the bytes of their names.
    ///
    /// # Errors
    /// Fails if the structures of the group itself are damaged; a damaged child is not an error.
    pub fn links(&self) -> Result<&[Link]> {
        self.kept_links(|| {
            let mut out = self.unsorted_links().in_object(self.path())?;
            out.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(out)
        })
    }

    fn unsorted_links(&self) -> Result<Vec<Link>> {
        let (messages, addresses) = (self.messages(), self.file().addresses());
        let sizes = addresses.sizes();
        if let Some(table) = messages.parse(kind::SYMBOL_TABLE, |src| symbol_table::read(src, sizes))? {
            return symbol_table_links(addresses, table);
        }
        let mut out = Vec::new();
        for m in messages.of(kind::LINK) {
            let (bytes, offset) = messages.resolve(m)?;
            out.push(Link::from_message(link::read(&mut Cursor::new(&bytes, offset), sizes)?));
        }
        if let Some(Some(dense)) = messages.parse(kind::LINK_INFO, |src| link_info::read(src, sizes))? {
            let mut heap = FractalHeap::open(addresses, dense.heap)?;
            let id_len = heap.id_len();
            let names = Tree::open(addresses, dense.names)?;
            names.for_each(&mut |mut record| {
                let at = record.offset();
                records::expect_type(names.record_type(), records::LINK_NAMES, "link names").at(at)?;
                let name = LinkName::read(&mut record, id_len)?;
                let bytes = heap.object(name.id)?;
                out.push(Link::from_message(link::read(&mut Cursor::new(&bytes, at), sizes)?));
                Limits::check("links", out.len() as u64, addresses.limits().children)
            })?;
        }
        Ok(out)
    }

    /// The child `name`, following soft links; `None` if there is no such link.
    ///
    /// # Errors
    /// Fails if the child is damaged, or behind a link that is not followed.
    pub fn child(&self, name: &str) -> Result<Option<Object>> {
        self.child_counted(name, &mut 0)
    }

    /// Opens the object that a link of this group points to.
    ///
    /// # Errors
    /// Fails if the child is damaged, or behind a link that is not followed.
    pub fn open_link(&self, link: &Link) -> Result<Object> {
        self.open_counted(link, &mut 0)
    }

    /// The object at `path` below this one.
    ///
    /// # Errors
    /// `NotFound` if a name does not exist.
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

    /// The object `inner` of the file that this one calls `name`.
    fn open_external(&self, name: &str, inner: &str, hops: &mut u32) -> Result<Object> {
        let what = format!("external link to '{inner}' in '{name}'");
        let file = self.file().neighbour(name).map_err(|e| e.context(&what))?;
        file.root()?.descend_counted(inner, hops).map_err(|e| match e.kind() {
            Kind::NotFound => Error::malformed(format!("{what}, which does not exist")),
            _ => e,
        })
    }

    fn open_counted(&self, link: &Link, hops: &mut u32) -> Result<Object> {
        let path = format!("{}/{}", self.path().trim_end_matches('/'), link.name());
        match &link.target {
            Target::Hard(Some(address)) => Object::open(self.file(), *address, &path),
            Target::Hard(None) => Err(Error::malformed("link to an undefined address").in_object(&path)),
            Target::Soft(to) => {
                *hops = hops.saturating_add(1);
                if *hops > MAX_SOFT_LINKS {
                    return Err(Error::malformed("soft links lead in a circle").in_object(&path));
                }
                let from = if to.starts_with('/') { self.file().root()? } else { self.clone() };
                let found = from.descend_counted(to, hops).map_err(|e| match e.kind() {
                    Kind::NotFound => Error::malformed(format!("soft link to '{to}', which does not exist")),
                    _ => e,
                });
                found.in_object(&path)
            }
            Target::External { file, path: inner } => {
                *hops = hops.saturating_add(1);
                if *hops > MAX_SOFT_LINKS {
                    return Err(Error::malformed("links lead in a circle").in_object(&path));
                }
                self.open_external(file, inner, hops).in_object(&path)
            }
            Target::User(kind) => {
                Err(Error::unsupported(format!("user-defined link of type {kind} is not followed"))
                    .in_object(&path))
            }
        }
    }
}
