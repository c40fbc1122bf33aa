//! Opens a dataset of any format; its content decides which.

use super::{AnnData, refuse_overwriting};
use crate::anndata::{LeaveOut, StoredMatrix};
use crate::bytes::ReadAt;
#[cfg(feature = "store")]
use crate::bytes::commit::Pending;
use crate::bytes::pool::OpenFiles;
use crate::error::{Error, Kind, Place, Result};
#[cfg(feature = "text")]
use crate::formats::{DelimitedText, MatrixMarket, TextInfo};
use crate::limits::Limits;
use crate::matrix::{AnySource, Budget, LostLines, Selection};
use crate::observe::{Observer, Phase, Verb};
#[cfg(feature = "store")]
use crate::store::{SourceRecord, Store};
use crate::table::{Frame, Table};
use crate::tree::{Container, Node};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A single-cell dataset open for reading: AnnData, MuData, 10x Genomics, loom, a store, Matrix Market or
/// delimited text.
#[derive(Debug)]
pub struct Dataset {
    path: PathBuf,
    content: Content,
    /// The temporary file of a dataset that came from a stream, removed when this is dropped.
    #[cfg(feature = "store")]
    pub(super) spooled: Option<Pending>,
    /// Directory for the entries of a text file that do not fit the memory; the system's if `None`.
    #[cfg_attr(not(feature = "text"), allow(dead_code))]
    temporary: Option<PathBuf>,
}

/// The format of a dataset, with its reader.
#[derive(Debug)]
pub(crate) enum Content {
    /// AnnData, MuData, 10x Genomics or loom.
    AnnData(Box<AnnData>),
    /// A store.
    #[cfg(feature = "store")]
    Store(Box<Store>),
    /// A Matrix Market file, or a directory of one and the names of rows and columns.
    #[cfg(feature = "text")]
    MatrixMarket(Box<MatrixMarket>),
    /// A table of numbers as delimited text.
    #[cfg(feature = "text")]
    DelimitedText(Box<DelimitedText>),
}

/// Path of a dataset that was opened from a source, in errors.
const IN_MEMORY: &str = "memory";

impl Dataset {
    /// Opens the file or directory at `path`; its content decides the format, not its name.
    ///
    /// # Errors
    /// `Io` if it does not exist or cannot be read; `NotHdf5`, `Unsupported` or `Usage` if it is in none of the
    /// formats; `Malformed` if its first structures are damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Limits::default())
    }

    /// As [`open`](Self::open), with limits set by the caller.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        let path = path.as_ref();
        let content = Content::open(path, limits, None)?;
        Ok(Self::of_content(content, path))
    }

    /// The dataset of what was opened at `path`.
    pub(super) fn of_content(content: Content, path: &Path) -> Self {
        Dataset {
            path: content.path().unwrap_or(path).to_owned(),
            content,
            #[cfg(feature = "store")]
            spooled: None,
            temporary: None,
        }
    }

    /// Opens an HDF5 file, or zarr in a zip file, in `source`: bytes in memory, ranges of an object store, or anything else that can
    /// be read at any position.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_source(source: impl ReadAt + 'static, limits: Limits) -> Result<Self> {
        let path = PathBuf::from(IN_MEMORY);
        let container = Container::from_source(Box::new(source), limits).in_file(&path)?;
        let data = AnnData::from_container(&container).in_file(&path)?;
        Ok(Self::of_content(Content::AnnData(Box::new(data)), &path))
    }

    /// Sets the directory for temporary files. Only the entries of a text file that do not fit the memory need
    /// them. Default: the system's directory for temporary files.
    #[must_use]
    pub fn temporary(self, directory: impl Into<PathBuf>) -> Self {
        Dataset { temporary: Some(directory.into()), ..self }
    }

    /// Directory for temporary files.
    #[cfg(feature = "text")]
    fn directory(&self) -> PathBuf {
        self.temporary.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// Path of the file or store directory; `memory` for a dataset opened from a source.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fails if writing `output` would replace this dataset or a part of it, by whatever name or link.
    ///
    /// # Errors
    /// `Usage` if that is so.
    pub fn refuse_as_output(&self, output: &Path) -> Result<()> {
        match &self.content {
            #[cfg(feature = "text")]
            Content::MatrixMarket(m) => m.files().try_for_each(|file| refuse_overwriting(output, file)),
            _ => refuse_overwriting(output, &self.path),
        }
    }

    /// The reader of an AnnData, MuData, 10x Genomics or loom file; `None` for stores and text files.
    pub fn anndata(&self) -> Option<&AnnData> {
        match &self.content {
            Content::AnnData(data) => Some(data),
            #[allow(unreachable_patterns)] // without stores and texts
            _ => None,
        }
    }

    /// Sets the elements and columns that are left out of tables, and of files written from this dataset; see
    /// [`AnnData::leaving_out`]. Stores and text files have nothing to leave out.
    #[must_use]
    pub fn leaving_out(self, leave: LeaveOut) -> Self {
        let content = match self.content {
            Content::AnnData(data) => Content::AnnData(Box::new(data.leaving_out(leave))),
            #[allow(unreachable_patterns)] // without stores and texts
            other => other,
        };
        Dataset { content, ..self }
    }

    /// The reader of a store; `None` for everything else.
    #[cfg(feature = "store")]
    pub fn store(&self) -> Option<&Store> {
        match &self.content {
            Content::Store(store) => Some(store),
            _ => None,
        }
    }

    /// The modality `name` of a MuData file, as a dataset of its own.
    ///
    /// # Errors
    /// `NotFound`, with the modalities that there are, if there is none of that name; errors of opening it.
    pub(crate) fn modality(&self, name: &str) -> Result<Dataset> {
        let data = self.anndata().ok_or_else(|| Error::not_found("only MuData has modalities"))?;
        let content = Content::AnnData(Box::new(data.modality(name).in_file(&self.path)?));
        Ok(Dataset { temporary: self.temporary.clone(), ..Self::of_content(content, &self.path) })
    }

    /// As [`modality`](Self::modality), of those that are an AnnData.
    ///
    /// # Errors
    /// `Unsupported` if it is MuData itself.
    #[cfg(feature = "write")]
    pub(crate) fn anndata_modality(&self, name: &str) -> Result<Dataset> {
        let found = self.modality(name)?;
        if found.anndata().is_some_and(|data| data.flavour().is_anndata()) {
            return Ok(found);
        }
        let e = Error::unsupported("expected an AnnData as modality, got another kind of file");
        Err(e.in_object(&format!("/mod/{name}")).in_file(&self.path))
    }

    /// Whether it is delimited text, whose matrix is dense.
    pub(crate) fn is_delimited_text(&self) -> bool {
        #[cfg(feature = "text")]
        return matches!(self.content, Content::DelimitedText(_));
        #[cfg(not(feature = "text"))]
        return false;
    }

    /// What a text file holds; `None` for everything else.
    ///
    /// # Errors
    /// As [`MatrixMarket::describe`] and [`DelimitedText::describe`].
    #[cfg(feature = "text")]
    pub fn describe_text(&self, observer: &dyn Observer) -> Result<Option<TextInfo>> {
        match &self.content {
            Content::MatrixMarket(m) => m.describe().map(Some),
            Content::DelimitedText(t) => t.describe(observer).map(Some),
            _ => Ok(None),
        }
    }

    /// The root group of its container, to walk over its objects.
    ///
    /// # Errors
    /// `NotFound` for stores and text files, which are not in a container.
    pub fn tree(&self) -> Result<&Node> {
        let found = self.anndata().map(AnnData::root);
        found.ok_or_else(|| {
            Error::not_found("expected a file with groups and arrays, got a store or text")
                .in_file(&self.path)
        })
    }

    /// Opens the matrix `name` as a source of entries. A store has one matrix, which it returns for any name.
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
            Content::MatrixMarket(m) => m.read(budget, &self.directory(), observer),
            #[cfg(feature = "text")]
            Content::DelimitedText(t) => t.read(budget, &self.directory(), observer),
            Content::AnnData(file) => {
                let element = file.matrix(name).in_file(&self.path)?;
                observe_dense(&element, observer);
                element.source(budget, observer).map(|s| s as AnySource<'_>).in_file(&self.path)
            }
        }
    }

    /// Number of rows and columns of a matrix, from metadata if possible; delimited text is read. Without `X`, the
    /// shape of `X` is that of the tables.
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
            Content::DelimitedText(t) => t.shape(budget, &self.directory(), observer),
            Content::AnnData(file) => {
                let _ = (budget, observer); // only metadata is read
                file.shape_of(name).in_file(&self.path)
            }
        }
    }

    /// Checks that the matrix `name` has the shape that its tables say, as far as metadata tell.
    ///
    /// # Errors
    /// `Malformed` if it has not; errors of opening the matrix.
    pub(crate) fn check_shape(&self, name: &str) -> Result<()> {
        self.anndata().map_or(Ok(()), |file| file.check_shape(name)).in_file(&self.path)
    }

    /// As [`matrix`](Self::matrix), but tolerates damage: also returns the lines that cannot be read.
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

    /// The tables of the rows and the columns of the matrix `name`, which has the shape `shape`; `None` for a
    /// store without tables.
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
            Content::DelimitedText(t) => {
                let frames = t.frames(Budget::default(), &self.directory(), observer)?;
                Ok(Some(frames.map(Arc::new)))
            }
            Content::AnnData(file) => file.frames(name, shape, observer).map(Some).in_file(&self.path),
        }
    }

    /// As [`frames`](Self::frames), but the tables are only opened: they are read by ranges of rows.
    ///
    /// # Errors
    /// As [`AnnData::table`].
    pub(crate) fn opened_frames(
        &self,
        name: &str,
        shape: [u64; 2],
        observer: &dyn Observer,
    ) -> Result<Option<[Table<'static>; 2]>> {
        match &self.content {
            #[cfg(feature = "store")]
            Content::Store(s) => s.tables(),
            Content::AnnData(file) => {
                let open = |dimension: usize| file.table(name, dimension, shape[dimension], observer);
                open(0).and_then(|obs| Ok(Some([obs, open(1)?]))).in_file(&self.path)
            }
            #[allow(unreachable_patterns)] // without text
            _ => Ok(self.frames(name, shape, observer)?.map(|frames| frames.map(|f| Table::shared(&f)))),
        }
    }

    /// As [`tables`](Self::tables), but they are only opened: they are read by ranges of rows, in little memory.
    ///
    /// # Errors
    /// As [`shape`](Self::shape) and [`AnnData::table`].
    pub fn opened_tables(
        &self,
        name: &str,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<[Table<'static>; 2]> {
        let shape = self.shape(name, budget, observer)?;
        let tables = self.opened_frames(name, shape, observer)?;
        Ok(tables.unwrap_or_else(|| shape.map(Table::unnamed)))
    }

    /// The tables of the rows and the columns of the matrix `name`; if there are none, tables without columns
    /// whose names are numbers from 0.
    ///
    /// # Errors
    /// As [`shape`](Self::shape) and [`frames`](Self::frames).
    pub fn tables(&self, name: &str, budget: Budget, observer: &dyn Observer) -> Result<[Arc<Frame>; 2]> {
        let shape = self.shape(name, budget, observer)?;
        let frames = self.frames(name, shape, observer)?;
        Ok(frames.unwrap_or_else(|| shape.map(|n| Arc::new(Frame::unnamed(n)))))
    }

    /// The record of the source that a store made from this dataset keeps.
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
            // a store made from a store keeps the record of the original source
            Content::Store(s) => s.manifest().source.clone().unwrap_or(SourceRecord {
                name,
                size: None,
                modified: None,
                matrix: matrix.to_owned(),
            }),
            _ => SourceRecord {
                name,
                size: self.tree().map(Node::container_bytes).ok().or(meta.map(|m| m.len())),
                modified: seconds,
                matrix: matrix.to_owned(),
            },
        }
    }
}

impl Content {
    /// Opens what is at `path`; an HDF5 file through `pool` if there is one.
    pub(super) fn open(path: &Path, limits: Limits, pool: Option<&Arc<OpenFiles>>) -> Result<Self> {
        #[cfg(feature = "text")]
        if let Some(market) = MatrixMarket::find(path)? {
            return Ok(Content::MatrixMarket(Box::new(market)));
        }
        if path.is_dir() {
            return Self::open_directory(path, limits, pool);
        }
        let opened = match pool {
            Some(pool) => AnnData::open_pooled(path, limits, pool),
            None => AnnData::open_with(path, limits),
        };
        match opened {
            Ok(data) => Ok(Content::AnnData(Box::new(data))),
            Err(e) if e.kind() == Kind::NotHdf5 => Self::open_text(path)?.ok_or(e),
            Err(e) => Err(e),
        }
    }

    fn open_directory(path: &Path, limits: Limits, pool: Option<&Arc<OpenFiles>>) -> Result<Self> {
        let _ = pool; // without stores
        #[cfg(feature = "store")]
        if let Some(first) = Store::find(path).first() {
            return Ok(Content::Store(Box::new(Store::open_pooled(first, pool)?)));
        }
        let Some(container) = Container::find_in_folder(path, &limits)? else {
            let text = "expected a store or zarr, got a directory without either";
            return Err(Error::usage(text).in_file(path));
        };
        Ok(Content::AnnData(Box::new(AnnData::from_container(&container).in_file(path)?)))
    }

    #[cfg(feature = "text")]
    fn open_text(path: &Path) -> Result<Option<Self>> {
        Ok(DelimitedText::find(path)?.map(|table| Content::DelimitedText(Box::new(table))))
    }

    #[cfg(not(feature = "text"))]
    fn open_text(_: &Path) -> Result<Option<Self>> {
        Ok(None)
    }

    /// Path of the store or text file that was found; `None` if it is the path that was opened.
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

/// Reports a phase for a dense matrix, which is read once to count its entries.
fn observe_dense(element: &StoredMatrix, observer: &dyn Observer) {
    if let StoredMatrix::Dense(d) = element {
        observer.phase(&Phase::new(Verb::Counting, d.array().byte_len()).of(element.path()));
    }
}

/// Selects the rows of both tables of a matrix. If rows or columns are selected, drops the categories that no row
/// has from both, as anndata's view does.
#[cfg(feature = "store")]
pub(crate) fn select_tables<'s>(
    selection: &'s Selection,
    tables: [Table<'static>; 2],
) -> Result<[Table<'s>; 2]> {
    let [obs, var] = tables;
    let select = |table: Table<'s>, rows: &'s Option<Vec<u64>>| match rows {
        Some(rows) => table.select(rows)?.without_unused(&mut |_, _, _| ()),
        None if selection.is_all() => Ok(table),
        None => table.without_unused(&mut |_, _, _| ()),
    };
    Ok([select(obs, &selection.obs)?, select(var, &selection.var)?])
}
