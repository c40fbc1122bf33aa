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
    /// Opens what is at `path`, by its content.
    ///
    /// # Errors
    /// `Io` where it cannot be read, `NotHdf5` where it is no container; otherwise as its superblock is damaged.
    pub fn open(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        hdf5::File::open_with(path, limits).map(Self::from)
    }

    /// Opens a container that lies in `source`: bytes in memory, ranges of an object store, anything that can be read at
    /// positions.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_source(source: Box<dyn ReadAt>, limits: Limits) -> Result<Self> {
        hdf5::File::from_reader(source, limits).map(Self::from)
    }

    /// The root group.
    ///
    /// # Errors
    /// Where its header is damaged.
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
