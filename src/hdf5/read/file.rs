//! An open HDF5 file: its superblock, address width and root group.

use super::addresses::Addresses;
use super::fractal_heap::FractalHeap;
use super::header::Header;
use super::neighbours::Neighbours;
use crate::bytes::checked;
use crate::bytes::read_at::InputFile;
use crate::bytes::special;
use crate::bytes::{Cursor, ReadAt};
use crate::error::{Error, Kind, Place, Result};
use crate::hdf5::format::message::kind;
use crate::hdf5::format::message::shared::{self, Shared};
use crate::hdf5::format::object_header::SHARED;
use crate::hdf5::format::superblock::{self, Superblock};
use crate::hdf5::format::{cache_image, driver_info, shared_table};
use crate::limits::Limits;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

/// An HDF5 file open for reading. Cloning is cheap; clones share the open file.
#[derive(Clone)]
pub struct File(Arc<FileInner>);

struct FileInner {
    addresses: Addresses,
    path: Option<PathBuf>,
    superblock: Superblock,
    /// Heap of shared messages by message type, read on first use.
    shared: OnceLock<Vec<(u16, u64)>>,
    /// The files that this one and the others refer to.
    neighbours: Arc<Neighbours>,
}

/// A file for as long as somebody else uses it.
pub(crate) struct WeakFile(Weak<FileInner>);

impl WeakFile {
    pub(crate) fn in_use(&self) -> bool {
        self.0.strong_count() > 0
    }

    pub(crate) fn upgrade(&self) -> Option<File> {
        self.0.upgrade().map(File)
    }
}

impl File {
    /// Opens the file at `path` with the default [`Limits`]. Takes no lock.
    ///
    /// # Errors
    /// `Io` if it cannot be read, `NotHdf5` if it has no HDF5 signature, `Unsupported` if it is one
    /// part of a file in several parts.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Limits::default())
    }

    /// Opens the file at `path` with the given limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        Self::at_path(path.as_ref(), limits, Arc::default())
    }

    /// Opens a file that `other`, or a file that it refers to, refers to by its canonical path.
    pub(crate) fn open_beside(other: &File, path: &Path) -> Result<Self> {
        Self::at_path(path, other.limits().clone(), Arc::clone(&other.0.neighbours))
    }

    fn at_path(path: &Path, limits: Limits, neighbours: Arc<Neighbours>) -> Result<Self> {
        let file = special::open(path).map_err(|e| Error::io("open", e)).in_file(path)?;
        let file = InputFile::new(file).map_err(|e| Error::io("open", e)).in_file(path)?;
        let file = Self::build(Box::new(file), Some(path.to_owned()), limits, neighbours).in_file(path)?;
        if let Ok(canonical) = path.canonicalize() {
            file.0.neighbours.keep(canonical, &file);
        }
        Ok(file)
    }

    /// Opens HDF5 from any source that can be read at positions.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_source<S: ReadAt + 'static>(source: S, limits: Limits) -> Result<Self> {
        Self::build(Box::new(source), None, limits, Arc::default())
    }

    /// Like [`from_source`](Self::from_source), for a boxed source.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_reader(reader: Box<dyn ReadAt>, limits: Limits) -> Result<Self> {
        Self::build(reader, None, limits, Arc::default())
    }

    fn build(
        reader: Box<dyn ReadAt>,
        path: Option<PathBuf>,
        limits: Limits,
        neighbours: Arc<Neighbours>,
    ) -> Result<Self> {
        let base = find_signature(&*reader)?;
        let len = reader.len().saturating_sub(base).min(superblock::MAX_LEN as u64);
        let mut head = vec![0; checked::size(len)?];
        reader.read_exact_at(&mut head, base).map_err(|e| Error::io("read", e).at(base))?;
        let superblock = superblock::read_superblock(&mut Cursor::new(&head, base))?;
        let addresses = Addresses::new(reader, base, &superblock, limits);
        let shared = OnceLock::new();
        let file = File(Arc::new(FileInner { addresses, path, superblock, shared, neighbours }));
        file.read_extension()?;
        Ok(file)
    }

    /// Path of the file, if it was opened by path.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// Length of the file in bytes.
    pub fn len(&self) -> u64 {
        self.0.addresses.len()
    }

    /// Whether the file has no bytes; an open HDF5 file always has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Version of the superblock, 0 to 3.
    pub fn superblock_version(&self) -> u8 {
        self.0.superblock.version
    }

    /// Bytes in front of the superblock that are not part of HDF5 (MuData keeps 512).
    pub fn user_block(&self) -> u64 {
        self.0.addresses.base()
    }

    /// The files that this one and the others refer to.
    pub(crate) fn neighbours(&self) -> &Neighbours {
        &self.0.neighbours
    }

    pub(crate) fn downgrade(&self) -> WeakFile {
        WeakFile(Arc::downgrade(&self.0))
    }

    /// From here on, reads chunks whose deflate streams end properly before the chunk is full: what is missing is
    /// zeros. libhdf5 reads them too, but returns what its memory holds for what is missing. Without this call such a
    /// chunk is an error, unless all of its elements that lie inside the dataset are there.
    ///
    /// Chunks that are [read in order](super::chunks::Scratch::in_order) are refused all the same.
    pub fn read_short_chunks(&self) {
        self.0.addresses.read_short_chunks();
    }

    /// Number of chunks with missing elements that were read since the last call.
    pub fn take_short_chunks(&self) -> u64 {
        self.0.addresses.take_short_chunks()
    }

    /// The bytes of the file, by address.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    /// Limits on what the file may make the reader allocate, recurse or iterate.
    pub(crate) fn limits(&self) -> &Limits {
        self.0.addresses.limits()
    }

    pub(crate) fn root_address(&self) -> u64 {
        self.0.superblock.root
    }

    /// Reads the superblock extension: refuses files that are split over several by a driver, naming the
    /// driver, and loads the cache image.
    fn read_extension(&self) -> Result<()> {
        let addresses = self.addresses();
        if let Some(address) = self.0.superblock.driver_info {
            let (block, at) =
                (addresses.read(address, driver_info::BLOCK_LEN)?, addresses.offset_of(address));
            return refuse_driver(driver_info::read_block(&mut Cursor::new(&block, at))?).at(at);
        }
        let Some(extension) = self.extension()? else { return Ok(()) };
        for m in extension.messages().iter().filter(|m| m.kind == kind::DRIVER_INFO) {
            let name = driver_info::read_message(&mut extension.body(m))?;
            refuse_driver(name).at(m.offset)?;
        }
        if let Some(m) = extension.find(kind::CACHE_IMAGE) {
            let src = &mut extension.body(m);
            if let Some((at, len)) = cache_image::read_message(src, addresses.sizes())? {
                let bytes = addresses.read(at, len)?;
                let image = cache_image::read(&bytes, addresses.offset_of(at), addresses.sizes())?;
                addresses.set_image(image);
            }
        }
        Ok(())
    }

    /// The header of the superblock extension, if there is one.
    fn extension(&self) -> Result<Option<Header>> {
        const NAME: &str = "superblock extension";
        let Some(address) = self.0.superblock.extension else { return Ok(None) };
        let header = Header::read(self.addresses(), address).at(self.addresses().offset_of(address));
        let header = header.in_object(NAME)?;
        header.check_known().in_object(NAME)?;
        Ok(Some(header))
    }

    /// The bytes and offset of the message of type `wanted` that a shared-message reference points to.
    pub(crate) fn resolve_shared(&self, wanted: u16, mut reference: Cursor<'_>) -> Result<(Vec<u8>, u64)> {
        let (addresses, at) = (self.addresses(), reference.offset());
        match shared::read(&mut reference, addresses.sizes())? {
            Shared::Object(address) => {
                let header = Header::read(addresses, address).at(addresses.offset_of(address))?;
                let m = header.find(wanted);
                let m =
                    m.ok_or_else(|| Error::malformed("shared message leads to an object without it").at(at))?;
                if m.flags & SHARED != 0 {
                    let e = Error::malformed("shared message leads to another shared message");
                    return Err(e.at(m.offset));
                }
                Ok((header.body(m).rest().to_vec(), m.offset))
            }
            heap => Ok((self.shared_message(wanted, heap).at(at)?, at)),
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
        FractalHeap::open(self.addresses(), heap)?.object(&id)
    }

    /// Reads the shared message table message (0x000F) of the superblock extension and the table it points
    /// to: message types and heap of each index.
    fn read_shared_table(&self) -> Result<Vec<(u16, u64)>> {
        let (addresses, extension) = (self.addresses(), self.extension()?);
        let message = extension.as_ref().and_then(|e| Some(e.body(e.find(kind::SHARED_TABLE)?)));
        let Some(mut message) = message else {
            return Err(Error::malformed("shared message in a file without a shared-message table"));
        };
        let sizes = addresses.sizes();
        let (table, indexes) = shared_table::read_message(&mut message, sizes)?;
        let bytes = addresses.read(table, shared_table::table_len(indexes, sizes))?;
        shared_table::read(&bytes, addresses.offset_of(table), indexes, sizes)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.0.path).field("superblock", &self.0.superblock).finish()
    }
}

/// II.A: "The superblock may begin at certain predefined offsets": 0, 512, and each double of the last.
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

fn refuse_driver(name: [u8; 8]) -> Result<()> {
    let named = match &name {
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
