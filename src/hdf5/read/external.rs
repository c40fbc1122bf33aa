//! Elements stored in other files, without any structure.

use super::file::File;
use super::local_names::LocalNames;
use super::messages::Messages;
use crate::bytes::ReadAt;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::{external_files, kind};
use std::path::PathBuf;

/// The pieces of other files that hold the elements of a dataset, one after the other.
pub(crate) struct ExternalBytes {
    pieces: Vec<Piece>,
    /// Bytes of all pieces.
    len: u64,
}

struct Piece {
    file: Box<dyn ReadAt>,
    path: PathBuf,
    /// First byte in the file.
    offset: u64,
    /// First byte among the elements, and the one behind the last.
    start: u64,
    end: u64,
}

impl std::fmt::Debug for ExternalBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files: Vec<_> = self.pieces.iter().map(|piece| &piece.path).collect();
        f.debug_struct("ExternalBytes").field("files", &files).finish()
    }
}

impl ExternalBytes {
    /// Opens the files of a dataset with `len` bytes of elements; `None` if its elements are not in other files.
    ///
    /// # Errors
    /// `Unsupported` if a file is not there or is not followed; `Malformed` if the pieces are too short.
    pub(crate) fn open(messages: &Messages, len: u64) -> Result<Option<Self>> {
        let file: &File = messages.file();
        let addresses = file.addresses();
        let read = |src: &mut crate::bytes::Cursor<'_>| external_files::read(src, addresses.sizes());
        let Some(stored) = messages.parse(kind::EXTERNAL_FILES, read)? else { return Ok(None) };
        let names = LocalNames::read(addresses, stored.heap)?;
        let mut external = ExternalBytes { pieces: Vec::new(), len: 0 };
        for slot in &stored.slots {
            let name = String::from_utf8_lossy(names.get(slot.name)?);
            let (file, path) = file.raw_neighbour(&name).map_err(|e| e.context("elements"))?;
            let start = external.len;
            external.len = start.saturating_add(slot.size);
            let (offset, end) = (slot.offset, external.len);
            external.pieces.push(Piece { file: Box::new(file), path, offset, start, end });
        }
        if external.len < len {
            let text = format!("expected {len} bytes of elements in other files, got {}", external.len);
            return Err(Error::malformed(text));
        }
        Ok(Some(external))
    }

    /// Fills `out` from byte `at` of the elements. What lies behind the end of a file is zero, as in libhdf5: it was
    /// not written yet.
    ///
    /// # Errors
    /// Errors of reading, with the file.
    pub(crate) fn read(&self, mut at: u64, mut out: &mut [u8]) -> Result<()> {
        let first = self.pieces.partition_point(|piece| piece.end <= at);
        for piece in self.pieces.get(first..).unwrap_or_default() {
            let n = (out.len() as u64).min(piece.end.saturating_sub(at));
            let (now, later) = std::mem::take(&mut out).split_at_mut(checked::size(n)?);
            piece.read(at.saturating_sub(piece.start), now)?;
            (at, out) = (at.saturating_add(n), later);
            if out.is_empty() {
                return Ok(());
            }
        }
        Err(Error::malformed(format!("elements beyond the {} bytes in other files", self.len)))
    }
}

impl Piece {
    /// Fills `out` from byte `at` of the piece.
    fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        let from = checked::add(self.offset, at)?;
        let there = self.file.len().saturating_sub(from).min(out.len() as u64);
        let (stored, missing) = out.split_at_mut(checked::size(there)?);
        missing.fill(0);
        if stored.is_empty() {
            return Ok(());
        }
        self.file.read_exact_at(stored, from).map_err(|e| Error::io("read", e).at(from)).in_file(&self.path)
    }
}
