//! An open HDF5 file: where it begins, how wide its addresses are, its root group.

use super::object::Object;
use crate::bytes::checked;
use crate::bytes::read_at::InputFile;
use crate::bytes::{Cursor, ReadAt};
use crate::error::{Error, Kind, Place, Result};
use crate::hdf5::format::message::{kind, shared::Shared};
use crate::hdf5::format::superblock::{self, Superblock};
use crate::hdf5::format::{Sizes, cache_image, message};
use crate::limits::{self, Limits};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// An HDF5 file open for reading. Cloning is cheap; clones share the open file.
#[derive(Clone)]
pub struct File(Arc<Inner>);

struct Inner {
    reader: Box<dyn ReadAt>,
    path: Option<PathBuf>,
    /// Offset of the superblock: addresses count from here.
    base: u64,
    superblock: Superblock,
    limits: Limits,
    /// Heap of shared messages by message type, read when first needed.
    shared: OnceLock<Vec<(u16, u64)>>,
    /// Metadata that stands in the cache image instead of its own place, by address.
    image: OnceLock<Vec<(u64, Vec<u8>)>>,
}

impl File {
    /// Whether both are the same open file.
    pub(crate) fn is(&self, other: &File) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Opens the file at `path` with the default [`Limits`]. Takes no lock.
    ///
    /// # Errors
    /// `Io` where it cannot be read, `NotHdf5` where it has no HDF5 signature, `Unsupported` where it is one
    /// part of a file in several parts.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Limits::default())
    }

    /// Opens the file at `path` with limits of the caller's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        let path = path.as_ref();
        let file = std::fs::File::open(path).map_err(|e| Error::io("open", e)).in_file(path)?;
        let file = InputFile::new(file).map_err(|e| Error::io("open", e)).in_file(path)?;
        Self::build(Box::new(file), Some(path.to_owned()), limits).in_file(path)
    }

    /// Reads HDF5 from anything that can be read at positions.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_reader(reader: Box<dyn ReadAt>, limits: Limits) -> Result<Self> {
        Self::build(reader, None, limits)
    }

    fn build(reader: Box<dyn ReadAt>, path: Option<PathBuf>, limits: Limits) -> Result<Self> {
        let base = find_signature(&*reader)?;
        let len = reader.len().saturating_sub(base).min(superblock::MAX_LEN as u64);
        let mut head = vec![0; checked::size(len)?];
        reader.read_exact_at(&mut head, base).map_err(|e| Error::io("read", e).at(base))?;
        let superblock = superblock::read_superblock(&mut Cursor::new(&head, base))?;
        let inner =
            Inner { reader, path, base, superblock, limits, shared: OnceLock::new(), image: OnceLock::new() };
        let file = File(Arc::new(inner));
        file.read_extension()?;
        Ok(file)
    }

    /// The root group.
    ///
    /// # Errors
    /// Where its header cannot be read.
    pub fn root(&self) -> Result<Object> {
        Object::open(self, self.0.superblock.root, "/")
    }

    /// The object at an absolute path such as `/obs/index`; soft links are followed inside the file.
    ///
    /// # Errors
    /// `NotFound` where there is none of that name.
    pub fn object(&self, path: &str) -> Result<Object> {
        self.root()?.descend(path)
    }

    /// Where the file is, if it was opened by path.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// Bytes of the file.
    pub fn len(&self) -> u64 {
        self.0.reader.len()
    }

    /// Whether the file has no bytes; an open HDF5 file always has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Version of the superblock, 0 to 3.
    pub fn superblock_version(&self) -> u8 {
        self.0.superblock.version
    }

    /// Bytes in front of the superblock that belong to someone else (MuData keeps 512).
    pub fn user_block(&self) -> u64 {
        self.0.base
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn sizes(&self) -> Sizes {
        self.0.superblock.sizes
    }

    /// The absolute offset of an address.
    pub(crate) fn offset_of(&self, address: u64) -> u64 {
        self.0.base.saturating_add(address)
    }

    /// Fills `buffer` from `address`.
    pub(crate) fn read_into(&self, address: u64, buffer: &mut [u8]) -> Result<()> {
        let offset = self.check(address, buffer.len() as u64)?;
        self.0.reader.read_exact_at(buffer, offset).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Error::malformed("the file ends earlier than when it was opened").at(offset)
            }
            _ => Error::io("read", e).at(offset),
        })
    }

    /// Reads `len` bytes of metadata at `address`; refused before anything is allocated where the file has fewer.
    pub(crate) fn read(&self, address: u64, len: u64) -> Result<Vec<u8>> {
        let offset = self.check(address, len)?;
        if len > self.0.limits.metadata_bytes {
            let most = self.0.limits.metadata_bytes;
            return Err(Error::limit(format!("metadata of {len} bytes (limit {most})")).at(offset));
        }
        let mut buffer = limits::zeroed(checked::size(len)?)?;
        self.read_into(address, &mut buffer)?;
        self.overlay(address, &mut buffer);
        Ok(buffer)
    }

    /// Reads up to `len` bytes at `address`, fewer at the end of the file, at least one.
    pub(crate) fn read_up_to(&self, address: u64, len: usize) -> Result<Vec<u8>> {
        let offset = self.check(address, 1)?;
        let left = self.len().saturating_sub(offset);
        self.read(address, left.min(len as u64))
    }

    /// The absolute offset of `address`, once `len` bytes are known to follow it.
    pub(crate) fn check(&self, address: u64, len: u64) -> Result<u64> {
        let offset = checked::add(self.0.base, address)?;
        let end = checked::add(offset, len).map_err(|e| e.at(offset))?;
        if end > self.len() {
            let have = self.len();
            let mut text = format!("{len} bytes lie past the end of the file ({have} bytes)");
            if let Some(should) = self.0.superblock.end.and_then(|e| e.checked_add(self.0.base))
                && should > have
            {
                text = format!("the file is truncated (expected {should} bytes, got {have})");
            }
            return Err(Error::malformed(text).at(offset));
        }
        Ok(offset)
    }

    /// Looks at what the file says of itself besides the superblock: refuses files whose bytes are spread over
    /// several, by the name of the driver, and takes in the cache image.
    fn read_extension(&self) -> Result<()> {
        if let Some(address) = self.0.superblock.driver_info {
            let block = self.read(address, 16)?;
            let name = block.get(8..16).unwrap_or_default();
            return refuse_driver(name).at(self.offset_of(address));
        }
        let Some(address) = self.0.superblock.extension else { return Ok(()) };
        let extension = Object::open(self, address, "superblock extension")?;
        for m in extension.messages_of(kind::DRIVER_INFO) {
            let name = m.body.get(1..9).unwrap_or_default();
            refuse_driver(name).at(m.offset)?;
        }
        if let Some(m) = extension.messages_of(kind::CACHE_IMAGE).next() {
            let mut src = Cursor::new(&m.body, m.offset);
            src.skip(1)?; // version
            if let Some(at) = self.sizes().read_address(&mut src)? {
                let len = self.sizes().read_length(&mut src)?;
                let bytes = self.read(at, len)?;
                let image = cache_image::read(&bytes, self.offset_of(at), self.sizes())?;
                let _ = self.0.image.set(image);
            }
        }
        Ok(())
    }

    /// Puts what the cache image has of this range in the place of what was read.
    fn overlay(&self, address: u64, buffer: &mut [u8]) {
        for (at, bytes) in self.0.image.get().into_iter().flatten() {
            let from = (*at).max(address);
            let to = at.saturating_add(bytes.len() as u64).min(address.saturating_add(buffer.len() as u64));
            let part = |start: u64| usize::try_from(from.saturating_sub(start)).unwrap_or(usize::MAX);
            let len = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
            let source = bytes.get(part(*at)..).and_then(|b| b.get(..len));
            let target = buffer.get_mut(part(address)..).and_then(|b| b.get_mut(..len));
            if let (Some(s), Some(t)) = (source, target) {
                t.copy_from_slice(s);
            }
        }
    }

    /// The bytes of a message in the file's shared-message heap.
    pub(crate) fn shared_message(&self, wanted: u16, reference: Shared) -> Result<Vec<u8>> {
        let Shared::Heap(id) = reference else {
            return Err(Error::malformed("shared message of an object where a heap was expected"));
        };
        let heaps = match self.0.shared.get() {
            Some(h) => h,
            None => {
                let read = self.read_shared_table()?;
                self.0.shared.get_or_init(|| read)
            }
        };
        // Index types are bit masks over message types.
        let bit = 1u16.checked_shl(u32::from(wanted)).unwrap_or(0);
        let heap = heaps.iter().find(|(types, _)| types & bit != 0).map(|(_, heap)| *heap);
        let heap =
            heap.ok_or_else(|| Error::malformed(format!("no shared heap for messages of type {wanted}")))?;
        super::fractal_heap::FractalHeap::open(self, heap)?.object(&id)
    }

    /// Shared message table message (0x000F) of the superblock extension, and the table it leads to:
    /// message types and the heap of each index.
    fn read_shared_table(&self) -> Result<Vec<(u16, u64)>> {
        let Some(extension) = self.0.superblock.extension else {
            return Err(Error::malformed("shared message in a file without a shared-message table"));
        };
        let extension = Object::open(self, extension, "superblock extension")?;
        let Some(m) = extension.messages_of(message::kind::SHARED_TABLE).next() else {
            return Err(Error::malformed("shared message in a file without a shared-message table"));
        };
        let mut src = Cursor::new(&m.body, m.offset);
        src.skip(1)?;
        let table = self.sizes().read_defined(&mut src, "the shared-message table")?;
        let indexes = src.read_u8()?;
        // each index: version, type, message types, least size, list cut-off, B-tree cut-off, count, index, heap
        let each = 14u64.saturating_add(u64::from(self.sizes().offset).saturating_mul(2));
        let len = each.saturating_mul(u64::from(indexes)).saturating_add(8);
        let bytes = self.read(table, len)?;
        let body = crate::hdf5::format::checksum::split_verified(
            &bytes,
            self.offset_of(table),
            "shared-message table",
        )?;
        let mut src = body;
        src.expect_signature(b"SMTB")?;
        let mut out = Vec::new();
        for _ in 0..indexes {
            src.skip(2)?;
            let types = src.read_u16()?;
            src.skip(10)?;
            self.sizes().read_address(&mut src)?;
            if let Some(heap) = self.sizes().read_address(&mut src)? {
                out.push((types, heap));
            }
        }
        Ok(out)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.0.path).field("superblock", &self.0.superblock).finish()
    }
}

/// II.A: "the superblock may begin at certain predefined offsets": 0, 512, and each double of the last.
fn find_signature(reader: &dyn ReadAt) -> Result<u64> {
    let mut offset = 0u64;
    let mut buffer = [0; 8];
    while offset.saturating_add(8) <= reader.len() {
        reader.read_exact_at(&mut buffer, offset).map_err(|e| Error::io("read", e).at(offset))?;
        if buffer == superblock::SIGNATURE {
            return Ok(offset);
        }
        offset = if offset == 0 { 512 } else { offset.saturating_mul(2) };
    }
    let what = if reader.is_empty() { "the file is empty" } else { "not an HDF5 file" };
    Err(Error::new(Kind::NotHdf5, what))
}

fn refuse_driver(name: &[u8]) -> Result<()> {
    let named = match name {
        b"NCSAfami" => "a member of an HDF5 file family (family driver)",
        b"NCSAmult" => "a member of a multi-part HDF5 file (multi or split driver)",
        name if !name.iter().all(|b| b.is_ascii_graphic() || matches!(b, b' ' | 0)) => {
            return Err(Error::malformed(format!("a driver whose name is '{}'", name.escape_ascii())));
        }
        name => {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(Error::unsupported(format!(
                "a file of the HDF5 driver '{}'",
                name.trim_end_matches('\0')
            )));
        }
    };
    Err(Error::unsupported(format!("{named}; h5repack can join it into one file")))
}
