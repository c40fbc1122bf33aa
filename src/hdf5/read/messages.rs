//! The messages of an object, wherever each is stored.

use super::file::File;
use super::header;
use crate::bytes::Cursor;
use crate::error::{Place, Result};
use crate::hdf5::format::object_header::{RawMessage, SHARED};
use std::borrow::Cow;

/// The messages of one object header, and the file that holds the shared ones.
#[derive(Debug)]
pub(crate) struct Messages {
    file: File,
    list: Vec<RawMessage>,
}

impl Messages {
    /// Reads the header at `address`.
    ///
    /// # Errors
    /// Fails if it cannot be read, or contains an unknown message that must be understood.
    pub(crate) fn read(file: &File, address: u64) -> Result<Self> {
        let addresses = file.addresses();
        let list = header::read(addresses, address).at(addresses.offset_of(address))?;
        header::check_known(&list)?;
        Ok(Messages { file: file.clone(), list })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn all(&self) -> &[RawMessage] {
        &self.list
    }

    pub(crate) fn has(&self, wanted: u16) -> bool {
        self.list.iter().any(|m| m.kind == wanted)
    }

    pub(crate) fn of(&self, wanted: u16) -> impl Iterator<Item = &RawMessage> {
        self.list.iter().filter(move |m| m.kind == wanted)
    }

    /// The first message of a type, parsed by `parse`, wherever it is stored.
    pub(crate) fn parse<T>(
        &self,
        wanted: u16,
        parse: impl FnOnce(&mut Cursor<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(m) = self.of(wanted).next() else { return Ok(None) };
        let (bytes, offset) = self.resolve(m)?;
        parse(&mut Cursor::new(&bytes, offset)).map(Some)
    }

    /// The bytes of a message and their offset; follows a reference if the message is shared.
    pub(crate) fn resolve<'m>(&self, m: &'m RawMessage) -> Result<(Cow<'m, [u8]>, u64)> {
        if m.flags & SHARED == 0 {
            return Ok((Cow::Borrowed(&m.body), m.offset));
        }
        let (bytes, offset) = self.file.resolve_shared(m.kind, Cursor::new(&m.body, m.offset))?;
        Ok((Cow::Owned(bytes), offset))
    }
}
