//! A container open for reading.

use super::Node;
use crate::bytes::ReadAt;
use crate::error::Result;
use crate::hdf5;
use crate::limits::Limits;
use std::path::Path;

/// An open container: an HDF5 file. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Container(ContainerFormat);

#[derive(Debug, Clone)]
enum ContainerFormat {
    Hdf5(hdf5::File),
}

impl Container {
    /// Opens the file at `path`; its content decides the format, not its name.
    ///
    /// # Errors
    /// `Io` if it cannot be read; `NotHdf5` if it is not a container; `Malformed` or `Unsupported` for its
    /// superblock.
    pub fn open(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        hdf5::File::open_with(path, limits).map(Self::from)
    }

    /// Opens a container in `source`: bytes in memory, ranges of an object store, or anything else that can
    /// be read at any position.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_source(source: Box<dyn ReadAt>, limits: Limits) -> Result<Self> {
        hdf5::File::from_reader(source, limits).map(Self::from)
    }

    /// The root group.
    ///
    /// # Errors
    /// `Malformed` or `Unsupported` if its object header cannot be read.
    pub fn root(&self) -> Result<Node> {
        let ContainerFormat::Hdf5(file) = &self.0;
        file.root().map(Node::from)
    }
}

impl From<hdf5::File> for Container {
    fn from(file: hdf5::File) -> Self {
        Container(ContainerFormat::Hdf5(file))
    }
}
