//! Whatever a matrix can be read from, opened by its content.

use crate::anndata::Matrix;
use crate::dataset::AnnData;
use crate::error::{Error, Kind, Place, Result};
use crate::formats::{DelimitedText, MatrixMarket};
use crate::limits::Limits;
use crate::matrix::{AnySource, Budget, LostLines, Selection, Source};
use crate::observe::{Observer, Phase, Verb};
use crate::store::{SourceRecord, Store};
use crate::table::Frame;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file or a store that a matrix is read from.
#[derive(Debug)]
pub enum Input {
    /// A single-cell HDF5 file.
    File(PathBuf, Box<AnnData>),
    /// A store.
    Store(Box<Store>),
    /// A InputMatrix Market file, or a directory of one and its names.
    MatrixMarket(Box<MatrixMarket>),
    /// A table of numbers.
    DelimitedText(Box<DelimitedText>),
}

impl Input {
    /// Opens whatever `path` is, by its content.
    ///
    /// # Errors
    /// As [`AnnData::open`] and [`Store::open`].
    pub fn open(path: &Path, limits: Limits) -> Result<Self> {
        if let Some(market) = MatrixMarket::find(path)? {
            return Ok(Input::MatrixMarket(Box::new(market)));
        }
        if path.is_dir() {
            let stores = Store::find(path);
            return match &stores[..] {
                [] => Err(Error::usage("a directory that is no store").in_file(path)),
                [first, ..] => Ok(Input::Store(Box::new(Store::open(first)?))),
            };
        }
        match AnnData::open_with(path, limits) {
            Ok(data) => Ok(Input::File(path.to_owned(), Box::new(data))),
            Err(e) if e.kind() == Kind::NotHdf5 => match DelimitedText::find(path)? {
                Some(table) => Ok(Input::DelimitedText(Box::new(table))),
                None => Err(e),
            },
            Err(e) => Err(e),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Input::File(path, _) => path,
            Input::Store(s) => s.path(),
            Input::MatrixMarket(m) => m.path(),
            Input::DelimitedText(t) => t.path(),
        }
    }

    /// The matrix of this name; a store has only the one it was made for.
    ///
    /// # Errors
    /// As [`AnnData::matrix`] and [`Matrix::source`].
    pub fn matrix(&self, name: &str, budget: Budget, observer: &dyn Observer) -> Result<AnySource<'_>> {
        match self {
            Input::Store(s) => Ok(Box::new(&**s)),
            Input::MatrixMarket(_) | Input::DelimitedText(_) if name != "X" => {
                Err(Error::not_found(format!("there is no matrix '{name}' (there are: X)"))
                    .in_file(self.path()))
            }
            Input::MatrixMarket(m) => Ok(Box::new(m.read(budget, observer)?)),
            Input::DelimitedText(t) => Ok(Box::new(t.read(budget, observer)?)),
            Input::File(path, file) => {
                let element = file.matrix(name).in_file(path)?;
                observe_dense(&element, observer);
                element.source(budget, observer).map(|s| s as AnySource<'_>).in_file(path)
            }
        }
    }

    /// Rows and columns of a matrix, without reading it where that can be. A file without `X` has the shape that its
    /// tables have.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix).
    pub fn shape(&self, name: &str, budget: Budget, observer: &dyn Observer) -> Result<[u64; 2]> {
        match self {
            Input::Store(s) => Ok(s.manifest().layout.shape()),
            Input::MatrixMarket(m) => m.shape(),
            Input::DelimitedText(t) => Ok(t.read(budget, observer)?.layout().shape()),
            Input::File(path, file) => file.shape_of(name).in_file(path),
        }
    }

    /// As [`matrix`](Self::matrix), past damage; lines that cannot be had come with it.
    pub(crate) fn matrix_past(
        &self,
        name: &str,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<(AnySource<'_>, Vec<LostLines>)> {
        let Input::File(path, file) = self else {
            return Ok((self.matrix(name, budget, observer)?, Vec::new()));
        };
        let element = file.matrix(name).in_file(path)?;
        observe_dense(&element, observer);
        let (opened, lost) = element.source_past(budget, observer).in_file(path)?;
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
        match self {
            Input::Store(s) => Ok(s.frames()?.map(|frames| frames.map(Arc::new))),
            Input::MatrixMarket(m) => m.frames(shape).map(|frames| Some(frames.map(Arc::new))),
            Input::DelimitedText(t) => t.frames(observer).map(|frames| Some(frames.map(Arc::new))),
            Input::File(path, file) => file.frames(name, shape, observer).map(Some).in_file(path),
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
    pub(crate) fn record(&self, matrix: &str) -> SourceRecord {
        let meta = self.path().metadata().ok();
        let name = self.path().file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let seconds = meta
            .as_ref()
            .and_then(|m| m.modified().ok())
            .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
            .map(|d| d.as_secs());
        match self {
            Input::File(..) | Input::MatrixMarket(_) | Input::DelimitedText(_) => SourceRecord {
                name,
                size: meta.map(|m| m.len()),
                modified: seconds,
                matrix: matrix.to_owned(),
            },
            // A store of a store keeps what it was first made from.
            Input::Store(s) => s.manifest().source.clone().unwrap_or(SourceRecord {
                name,
                size: None,
                modified: None,
                matrix: matrix.to_owned(),
            }),
        }
    }
}

/// A dense matrix is read once just to count; the observer should know.
fn observe_dense(element: &Matrix, observer: &dyn Observer) {
    if let Matrix::Dense(d) = element {
        observer.phase(&Phase::new(Verb::Counting, d.array().byte_len()).of(element.path()));
    }
}

/// What is left of the tables of a matrix when rows and columns of it are taken.
pub(crate) fn select_frames(selection: &Selection, frames: [Arc<Frame>; 2]) -> Result<[Frame; 2]> {
    let [obs, var] = frames;
    let select = |frame: Arc<Frame>, rows: &Option<Vec<u64>>| match rows {
        Some(rows) => frame.select(rows)?.without_unused(&mut |_, _, _| ()),
        None => Ok(Arc::unwrap_or_clone(frame)),
    };
    Ok([select(obs, &selection.obs)?, select(var, &selection.var)?])
}
