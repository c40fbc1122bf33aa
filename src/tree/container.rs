//! A container open for reading.

use super::Node;
use crate::bytes::ReadAt;
use crate::error::{Error, Kind, Result};
use crate::hdf5;
use crate::limits::Limits;
use crate::zarr;
use std::path::Path;
use std::sync::Arc;

/// An open container: an HDF5 file, or a zarr store. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Container(ContainerFormat);

#[derive(Debug, Clone)]
enum ContainerFormat {
    Hdf5(hdf5::File),
    Zarr(zarr::Hierarchy),
}

impl Container {
    /// Opens the file or the folder of a zarr store at `path`; its content decides the format, not its name.
    ///
    /// # Errors
    /// `Io` if it cannot be read; `NotHdf5` if it is not a container; `Malformed` or `Unsupported` for its
    /// superblock, or the directory of a zip file.
    pub fn open(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        let path = path.as_ref();
        let opened = if path.is_dir() { None } else { Some(hdf5::File::open_with(path, limits.clone())) };
        match opened {
            Some(Ok(file)) if file.user_block() == 0 => Ok(file.into()),
            Some(Err(e)) if e.kind() != Kind::NotHdf5 => Err(e),
            other => match zarr::Hierarchy::find(path, &limits)? {
                Some(store) => Ok(store.into()),
                None => other.unwrap_or_else(|| hdf5::File::open_with(path, limits)).map(Self::from),
            },
        }
    }

    /// Opens the zarr store in the folder at `path`; `None` if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn find_in_folder(path: &Path, limits: &Limits) -> Result<Option<Self>> {
        Ok(zarr::Hierarchy::find(path, limits)?.map(Self::from))
    }

    /// Opens a container in `source`, HDF5 or a zarr store in a zip file: bytes in memory, ranges of an object
    /// store, or anything else that can be read at any position.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_source(source: Box<dyn ReadAt>, limits: Limits) -> Result<Self> {
        let source = Arc::new(source);
        match hdf5::File::from_reader(Box::new(Arc::clone(&source)), limits.clone()) {
            Ok(file) if file.user_block() == 0 => Ok(file.into()),
            Err(e) if e.kind() != Kind::NotHdf5 => Err(e),
            // a zip file may hold the signature of HDF5 where a block in front of it would end
            _ if zarr::is_zip(&source) => {
                zarr::Hierarchy::from_zip(Box::new(source), &limits).map(Self::from)
            }
            other => other.map(Self::from),
        }
    }

    /// The HDF5 file, if it is one.
    pub(crate) fn as_hdf5(&self) -> Option<&hdf5::File> {
        match &self.0 {
            ContainerFormat::Hdf5(file) => Some(file),
            ContainerFormat::Zarr(_) => None,
        }
    }

    /// Parts outside all objects that cannot be read, with their errors: entries of a zip file.
    pub(crate) fn broken(&self) -> &[(String, Error)] {
        match &self.0 {
            ContainerFormat::Hdf5(_) => &[],
            ContainerFormat::Zarr(store) => store.broken(),
        }
    }

    /// The root group.
    ///
    /// # Errors
    /// `Malformed` or `Unsupported` if its object header cannot be read.
    pub fn root(&self) -> Result<Node> {
        match &self.0 {
            ContainerFormat::Hdf5(file) => file.root().map(Node::from),
            ContainerFormat::Zarr(store) => store.root().map(Node::from),
        }
    }
}

impl Container {
    /// The nodes of which a zarr store has copies in its consolidated metadata, with what is wrong with these; `None`
    /// if it has none, and for HDF5.
    ///
    /// # Errors
    /// `Malformed` or `Limit` if the copies cannot be read.
    pub(crate) fn consolidated(&self) -> Result<Option<zarr::CopiedNodes>> {
        match &self.0 {
            ContainerFormat::Hdf5(_) => Ok(None),
            ContainerFormat::Zarr(store) => store.consolidated(),
        }
    }
}

impl From<zarr::Hierarchy> for Container {
    fn from(store: zarr::Hierarchy) -> Self {
        Container(ContainerFormat::Zarr(store))
    }
}

impl From<hdf5::File> for Container {
    fn from(file: hdf5::File) -> Self {
        Container(ContainerFormat::Hdf5(file))
    }
}
