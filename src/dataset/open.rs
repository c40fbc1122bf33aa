//! What is at a path, opened by its content.

use super::AnnData;
use crate::anndata::StoredMatrix;
use crate::bytes::ReadAt;
use crate::error::{Error, Kind, Place, Result};
#[cfg(feature = "text")]
use crate::formats::{DelimitedText, MatrixMarket};
use crate::limits::Limits;
use crate::matrix::{AnySource, Budget, LostLines, Selection, Source};
use crate::observe::{Observer, Phase, Verb};
#[cfg(feature = "store")]
use crate::store::{SourceRecord, Store};
use crate::table::Frame;
use crate::tree::{Container, Node};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A single-cell dataset, open for reading: a file of any kind, a store, a text.
#[derive(Debug)]
pub struct Dataset {
    path: PathBuf,
    content: Content,
}

/// What a dataset is kept in.
#[derive(Debug)]
pub(crate) enum Content {
    /// AnnData, MuData, 10x Genomics or loom.
    AnnData(Box<AnnData>),
    /// A store.
    #[cfg(feature = "store")]
    Store(Box<Store>),
    /// A Matrix Market file, or a directory of one and its names.
    #[cfg(feature = "text")]
    MatrixMarket(Box<MatrixMarket>),
    /// A table of numbers.
    #[cfg(feature = "text")]
    DelimitedText(Box<DelimitedText>),
}

/// What errors call a dataset that is not at a path.
const IN_MEMORY: &str = "memory";

impl Dataset {
    /// Opens what is at `path`, by its content and not by its name.
    ///
    /// # Errors
    /// `Io` where nothing is there or it cannot be read; `Unsupported` where it is none of the kinds above; otherwise as its
    /// first bytes are damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Limits::default())
    }

    /// As [`open`](Self::open), with limits of the caller's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        let path = path.as_ref();
        let content = Content::open(path, limits)?;
        Ok(Dataset { path: content.path().unwrap_or(path).to_owned(), content })
    }

    /// Opens a file of HDF5 that lies in `source`: bytes in memory, ranges of an object store, anything that can be read at
    /// positions.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_source(source: impl ReadAt + 'static, limits: Limits) -> Result<Self> {
        let path = PathBuf::from(IN_MEMORY);
        let container = Container::from_source(Box::new(source), limits).in_file(&path)?;
        let data = AnnData::from_container(&container).in_file(&path)?;
        Ok(Dataset { path, content: Content::AnnData(Box::new(data)) })
    }

    /// Where it is; `memory` for what was opened from a source.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The AnnData, MuData, 10x Genomics or loom file that this is; `None` for stores and texts.
    pub fn anndata(&self) -> Option<&AnnData> {
        match &self.content {
            Content::AnnData(data) => Some(data),
            #[allow(unreachable_patterns)] // without stores and texts
            _ => None,
        }
    }

    /// The store that this is; `None` for everything else.
    #[cfg(feature = "store")]
    pub fn store(&self) -> Option<&Store> {
        match &self.content {
            Content::Store(store) => Some(store),
            _ => None,
        }
    }

    /// Whether it is a table of numbers as text, which has a dense matrix.
    pub(crate) fn is_delimited_text(&self) -> bool {
        #[cfg(feature = "text")]
        return matches!(self.content, Content::DelimitedText(_));
        #[cfg(not(feature = "text"))]
        return false;
    }

    /// The root of its container, to walk through.
    ///
    /// # Errors
    /// `NotFound` for stores and texts, which lie in none.
    pub fn tree(&self) -> Result<&Node> {
        let found = self.anndata().map(AnnData::root);
        found.ok_or_else(|| Error::not_found("it lies in no container").in_file(&self.path))
    }

    /// The matrix of this name; a store has only the one it was made for.
    ///
    /// # Errors
    /// As [`AnnData::matrix`] and [`StoredMatrix::source`].
    pub fn matrix(&self, name: &str, budget: Budget, observer: &dyn Observer) -> Result<AnySource<'_>> {
        match &self.content {
            #[cfg(feature = "store")]
            Content::Store(s) => Ok(Box::new(&**s)),
            #[cfg(feature = "text")]
            Content::MatrixMarket(_) | Content::DelimitedText(_) if name != "X" => {
                Err(Error::not_found(format!("there is no matrix '{name}' (there are: X)"))
                    .in_file(&self.path))
            }
            #[cfg(feature = "text")]
            Content::MatrixMarket(m) => Ok(Box::new(m.read(budget, observer)?)),
            #[cfg(feature = "text")]
            Content::DelimitedText(t) => Ok(Box::new(t.read(budget, observer)?)),
            Content::AnnData(file) => {
                let element = file.matrix(name).in_file(&self.path)?;
                observe_dense(&element, observer);
                element.source(budget, observer).map(|s| s as AnySource<'_>).in_file(&self.path)
            }
        }
    }

    /// Rows and columns of a matrix, without reading it where that can be. A file without `X` has the shape that its
    /// tables have.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix).
    pub fn shape(&self, name: &str, budget: Budget, observer: &dyn Observer) -> Result<[u64; 2]> {
        match &self.content {
            #[cfg(feature = "store")]
            Content::Store(s) => Ok(s.manifest().layout.shape()),
            #[cfg(feature = "text")]
            Content::MatrixMarket(m) => m.shape(),
            #[cfg(feature = "text")]
            Content::DelimitedText(t) => Ok(t.read(budget, observer)?.layout().shape()),
            Content::AnnData(file) => {
                let _ = (budget, observer); // metadata says it
                file.shape_of(name).in_file(&self.path)
            }
        }
    }

    /// As [`matrix`](Self::matrix), past damage; lines that cannot be had come with it.
    pub(crate) fn matrix_past(
        &self,
        name: &str,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<(AnySource<'_>, Vec<LostLines>)> {
        let Some(file) = self.anndata() else {
            return Ok((self.matrix(name, budget, observer)?, Vec::new()));
        };
        let element = file.matrix(name).in_file(&self.path)?;
        observe_dense(&element, observer);
        let (opened, lost) = element.source_past(budget, observer).in_file(&self.path)?;
        Ok((opened, lost))
    }

    /// The tables of the rows and the columns of a matrix of this shape; `None` where a store has none.
    ///
    /// # Errors
    /// As [`AnnData::frames`].
    pub fn frames(
        &self,
        name: &str,
        shape: [u64; 2],
        observer: &dyn Observer,
    ) -> Result<Option<[Arc<Frame>; 2]>> {
        match &self.content {
            #[cfg(feature = "store")]
            Content::Store(s) => Ok(s.frames()?.map(|frames| frames.map(Arc::new))),
            #[cfg(feature = "text")]
            Content::MatrixMarket(m) => m.frames(shape).map(|frames| Some(frames.map(Arc::new))),
            #[cfg(feature = "text")]
            Content::DelimitedText(t) => t.frames(observer).map(|frames| Some(frames.map(Arc::new))),
            Content::AnnData(file) => file.frames(name, shape, observer).map(Some).in_file(&self.path),
        }
    }

    /// The tables of the rows and the columns of a matrix; names are numbers where there are none.
    ///
    /// # Errors
    /// As [`shape`](Self::shape) and [`frames`](Self::frames).
    pub fn tables(&self, name: &str, budget: Budget, observer: &dyn Observer) -> Result<[Arc<Frame>; 2]> {
        let shape = self.shape(name, budget, observer)?;
        let frames = self.frames(name, shape, observer)?;
        Ok(frames.unwrap_or_else(|| shape.map(|n| Arc::new(Frame::unnamed(n)))))
    }

    /// What a store made of it says of its origin.
    #[cfg(feature = "store")]
    pub(crate) fn record(&self, matrix: &str) -> SourceRecord {
        let meta = self.path.metadata().ok();
        let name = self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let seconds = meta
            .as_ref()
            .and_then(|m| m.modified().ok())
            .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
            .map(|d| d.as_secs());
        match &self.content {
            // A store of a store keeps what it was first made from.
            Content::Store(s) => s.manifest().source.clone().unwrap_or(SourceRecord {
                name,
                size: None,
                modified: None,
                matrix: matrix.to_owned(),
            }),
            _ => SourceRecord {
                name,
                size: meta.map(|m| m.len()),
                modified: seconds,
                matrix: matrix.to_owned(),
            },
        }
    }
}

impl Content {
    fn open(path: &Path, limits: Limits) -> Result<Self> {
        #[cfg(feature = "text")]
        if let Some(market) = MatrixMarket::find(path)? {
            return Ok(Content::MatrixMarket(Box::new(market)));
        }
        if path.is_dir() {
            return Self::open_directory(path);
        }
        match AnnData::open_with(path, limits) {
            Ok(data) => Ok(Content::AnnData(Box::new(data))),
            Err(e) if e.kind() == Kind::NotHdf5 => Self::open_text(path)?.ok_or(e),
            Err(e) => Err(e),
        }
    }

    fn open_directory(path: &Path) -> Result<Self> {
        #[cfg(feature = "store")]
        if let Some(first) = Store::find(path).first() {
            return Ok(Content::Store(Box::new(Store::open(first)?)));
        }
        Err(Error::usage("a directory that is no store").in_file(path))
    }

    #[cfg(feature = "text")]
    fn open_text(path: &Path) -> Result<Option<Self>> {
        Ok(DelimitedText::find(path)?.map(|table| Content::DelimitedText(Box::new(table))))
    }

    #[cfg(not(feature = "text"))]
    fn open_text(_: &Path) -> Result<Option<Self>> {
        Ok(None)
    }

    /// Where it is, if that is another place than where it was looked for.
    fn path(&self) -> Option<&Path> {
        match self {
            #[cfg(feature = "store")]
            Content::Store(s) => Some(s.path()),
            #[cfg(feature = "text")]
            Content::MatrixMarket(m) => Some(m.path()),
            _ => None,
        }
    }
}

/// A dense matrix is read once just to count; the observer should know.
fn observe_dense(element: &StoredMatrix, observer: &dyn Observer) {
    if let StoredMatrix::Dense(d) = element {
        observer.phase(&Phase::new(Verb::Counting, d.array().byte_len()).of(element.path()));
    }
}

/// What is left of the tables of a matrix when rows and columns of it are taken.
#[cfg(feature = "store")]
pub(crate) fn select_frames(selection: &Selection, frames: [Arc<Frame>; 2]) -> Result<[Frame; 2]> {
    let [obs, var] = frames;
    let select = |frame: Arc<Frame>, rows: &Option<Vec<u64>>| match rows {
        Some(rows) => frame.select(rows)?.without_unused(&mut |_, _, _| ()),
        None => Ok(Arc::unwrap_or_clone(frame)),
    };
    Ok([select(obs, &selection.obs)?, select(var, &selection.var)?])
}
