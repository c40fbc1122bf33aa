//! An object: the messages of its header, collected from all its blocks.

use super::file::File;
use super::group::Link;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::{kind, shared};
use crate::hdf5::format::object_header::{self as header, RawMessage, Style};
use crate::limits::Limits;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A group, dataset or named datatype of an open file. Cloning is cheap.
#[derive(Clone)]
pub struct Object {
    pub(crate) file: File,
    address: u64,
    path: Arc<str>,
    pub(crate) messages: Arc<Vec<RawMessage>>,
    /// The links of a group, sorted, once they were asked for.
    pub(crate) links: Arc<OnceLock<Vec<Link>>>,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// Has links to other objects.
    Group,
    /// Has elements.
    Dataset,
    /// A datatype with a name.
    NamedType,
    /// Has messages of none of these.
    Unknown,
}

impl ObjectKind {
    /// The word for it: `group`, `dataset`, `named-type`, `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            ObjectKind::Group => "group",
            ObjectKind::Dataset => "dataset",
            ObjectKind::NamedType => "named-type",
            ObjectKind::Unknown => "unknown",
        }
    }
}

impl Object {
    pub(crate) fn open(file: &File, address: u64, path: &str) -> Result<Self> {
        let messages = read_header(file, address).at(file.offset_of(address)).in_object(path)?;
        if let Some(m) =
            messages.iter().find(|m| m.kind > kind::LAST && m.flags & header::FAIL_IF_UNKNOWN != 0)
        {
            let e =
                Error::unsupported(format!("header message of type {:#x}, which must be understood", m.kind));
            return Err(e.at(m.offset).in_object(path));
        }
        Ok(Object {
            file: file.clone(),
            address,
            path: path.into(),
            messages: Arc::new(messages),
            links: Arc::default(),
        })
    }

    /// Its path in the file, as it was reached.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its last name; empty for the root.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The file it lies in.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The address of its header, the same for every path that leads to it.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// What it is.
    pub fn kind(&self) -> ObjectKind {
        let has = |k| self.messages.iter().any(|m| m.kind == k);
        if has(kind::LAYOUT) || (has(kind::DATASPACE) && has(kind::DATATYPE)) {
            ObjectKind::Dataset
        } else if has(kind::SYMBOL_TABLE) || has(kind::LINK_INFO) || has(kind::LINK) || has(kind::GROUP_INFO)
        {
            ObjectKind::Group
        } else if has(kind::DATATYPE) {
            ObjectKind::NamedType
        } else {
            ObjectKind::Unknown
        }
    }

    /// Whether it is a group.
    pub fn is_group(&self) -> bool {
        self.kind() == ObjectKind::Group
    }

    /// Whether it is a dataset.
    pub fn is_dataset(&self) -> bool {
        self.kind() == ObjectKind::Dataset
    }

    /// Whether it is a dataset with a null dataspace: it is there and holds nothing.
    pub fn is_null(&self) -> bool {
        self.is_dataset() && self.dataset().is_ok_and(|d| *d.dataspace() == crate::hdf5::Dataspace::Null)
    }

    pub(crate) fn messages_of(&self, wanted: u16) -> impl Iterator<Item = &RawMessage> {
        self.messages.iter().filter(move |m| m.kind == wanted)
    }

    /// The first message of a type, wherever it lives, read by `parse`.
    pub(crate) fn message<T>(
        &self,
        wanted: u16,
        parse: impl FnOnce(&mut Cursor<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(m) = self.messages_of(wanted).next() else { return Ok(None) };
        let (bytes, offset) = self.resolve(m)?;
        parse(&mut Cursor::new(&bytes, offset)).map(Some).in_object(&self.path)
    }

    /// The bytes of a message and their offset, following a reference to elsewhere.
    pub(crate) fn resolve<'m>(&self, m: &'m RawMessage) -> Result<(Cow<'m, [u8]>, u64)> {
        if m.flags & header::SHARED == 0 {
            return Ok((Cow::Borrowed(&m.body), m.offset));
        }
        let (bytes, offset) =
            resolve_shared(&self.file, m.kind, Cursor::new(&m.body, m.offset)).in_object(&self.path)?;
        Ok((Cow::Owned(bytes), offset))
    }
}

/// The bytes and offset of the message of type `wanted` that a shared-message reference leads to.
pub(crate) fn resolve_shared(file: &File, wanted: u16, mut reference: Cursor<'_>) -> Result<(Vec<u8>, u64)> {
    let at = reference.offset();
    match shared::read(&mut reference, file.sizes())? {
        shared::Shared::Object(address) => {
            let messages = read_header(file, address).at(file.offset_of(address))?;
            let m = messages.into_iter().find(|m| m.kind == wanted);
            let m =
                m.ok_or_else(|| Error::malformed("shared message leads to an object without it").at(at))?;
            if m.flags & header::SHARED != 0 {
                return Err(Error::malformed("shared message leads to another shared message").at(m.offset));
            }
            Ok((m.body, m.offset))
        }
        heap => Ok((file.shared_message(wanted, heap).at(at)?, at)),
    }
}

/// All messages of the header at `address`, continuation blocks included.
fn read_header(file: &File, address: u64) -> Result<Vec<RawMessage>> {
    let head = file.read_up_to(address, header::PREFIX_LEN)?;
    let prefix = header::read_prefix(&mut Cursor::new(&head, file.offset_of(address)))?;
    let mut out = Vec::new();
    let end = checked::add(prefix.len, prefix.messages_len)?;
    match prefix.style {
        Style::V1 => {
            let bytes = file.read(checked::add(address, prefix.len)?, prefix.messages_len)?;
            let offset = file.offset_of(checked::add(address, prefix.len)?);
            header::read_messages(Cursor::new(&bytes, offset), prefix.style, &mut out)?;
        }
        Style::V2 { .. } => {
            let bytes = file.read(address, checked::add(end, 4)?)?;
            let body = crate::hdf5::format::checksum::split_verified(
                &bytes,
                file.offset_of(address),
                "object header",
            )?;
            let mut body = body;
            body.skip(checked::size(prefix.len)?)?;
            header::read_messages(body, prefix.style, &mut out)?;
        }
    }
    // Blocks met so far: a chain that returns to one of them would not end.
    let mut met = HashSet::new();
    let mut next = 0usize;
    while let Some(m) = out.get(next) {
        next = next.saturating_add(1);
        if m.kind != kind::CONTINUATION {
            continue;
        }
        let at = m.offset;
        let (block, len) = header::read_continuation(&mut Cursor::new(&m.body, at), file.sizes())?;
        if !met.insert(block) {
            return Err(Error::malformed("object header continues in a circle").at(at));
        }
        let most = u64::from(file.limits().continuations);
        Limits::check("continuation blocks", met.len() as u64, most).at(at)?;
        let bytes = file.read(block, len)?;
        let offset = file.offset_of(block);
        match prefix.style {
            Style::V1 => header::read_messages(Cursor::new(&bytes, offset), prefix.style, &mut out)?,
            Style::V2 { .. } => header::read_continuation_v2(&bytes, offset, prefix.style, &mut out)?,
        }
    }
    out.retain(|m| m.kind != kind::CONTINUATION);
    Ok(out)
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("path", &self.path).field("kind", &self.kind()).finish()
    }
}
