//! The messages of an object, wherever each is stored.

use super::file::File;
use super::header::Header;
use crate::bytes::Cursor;
use crate::error::{Place, Result};
use crate::hdf5::format::object_header::{RawMessage, SHARED};
use std::borrow::Cow;

/// The messages of one object header, and the file that holds the shared ones.
#[derive(Debug)]
pub(crate) struct Messages {
    file: File,
    header: Header,
}

impl Messages {
    /// Reads the header at `address`.
    ///
    /// # Errors
    /// Fails if it cannot be read, or contains an unknown message that must be understood.
    pub(crate) fn read(file: &File, address: u64) -> Result<Self> {
        let addresses = file.addresses();
        let header = Header::read(addresses, address).at(addresses.offset_of(address))?;
        header.check_known()?;
        Ok(Messages { file: file.clone(), header })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn all(&self) -> &[RawMessage] {
        self.header.messages()
    }

    /// The bytes of a message as stored: a reference, if it is shared.
    pub(crate) fn body(&self, m: &RawMessage) -> Cursor<'_> {
        self.header.body(m)
    }

    pub(crate) fn has(&self, wanted: u16) -> bool {
        self.header.find(wanted).is_some()
    }

    pub(crate) fn of(&self, wanted: u16) -> impl Iterator<Item = &RawMessage> {
        self.all().iter().filter(move |m| m.kind == wanted)
    }

    /// The first message of a type, parsed by `parse`, wherever it is stored.
    pub(crate) fn parse<T>(
        &self,
        wanted: u16,
        parse: impl FnOnce(&mut Cursor<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(m) = self.header.find(wanted) else { return Ok(None) };
        let (bytes, offset) = self.resolve(m)?;
        parse(&mut Cursor::new(&bytes, offset)).map(Some)
    }

    /// The bytes of a message and their offset; follows a reference if the message is shared.
    pub(crate) fn resolve(&self, m: &RawMessage) -> Result<(Cow<'_, [u8]>, u64)> {
        if m.flags & SHARED == 0 {
            return Ok((Cow::Borrowed(self.body(m).rest()), m.offset));
        }
        let (bytes, offset) = self.file.resolve_shared(m.kind, self.body(m))?;
        Ok((Cow::Owned(bytes), offset))
    }
}
