//! The inputs, each as an h5ad file of the current generation, and the temporary files that this takes.

use super::of_file::of_file;
use super::{ConcatOptions, columns};
use crate::anndata::graphs_in_uns;
use crate::bytes::commit::Pending;
use crate::bytes::pool::OpenFiles;
use crate::codec::Filters;
use crate::dataset::Dataset;
use crate::dataset::{AnnData, Flavour};
use crate::error::{Place, Result};
use crate::export::{self, export};
use crate::limits::Limits;
use crate::matrix::{Budget, Selection, Source};
use crate::observe::{Observer, Phase, Verb};
use crate::store::{self, IndexDtype, Store};
use crate::table::Table;
use crate::transpose;
use crate::tree::Node;
use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One input, opened as an h5ad file of the current generation. Variables call it a part.
pub(super) struct ConcatInput {
    pub(super) data: AnnData,
    /// Path of the input, for messages; `data` may be a temporary file.
    pub(super) path: PathBuf,
    /// The tables `obs` and `var`, under the names asked for.
    pub(super) tables: [Table<'static>; 2],
    pub(super) has_x: bool,
}

impl ConcatInput {
    /// The object at a path below the root, if it exists.
    pub(super) fn object(&self, path: &str) -> Option<Node> {
        self.data.root().descend(path).ok()
    }

    /// Leaves out and converts the columns that the options name.
    pub(super) fn change_columns(&mut self, options: &ConcatOptions) -> Result<()> {
        let tables = columns::changed(self.tables.clone(), options).in_file(&self.path)?;
        self.tables = tables.map(|table| of_file(table, &self.path));
        Ok(())
    }
}

/// A directory for temporary files, created when the first is needed and removed when this is dropped.
pub(super) struct TemporaryFiles {
    /// Path from which the directory's temporary name is made.
    target: PathBuf,
    pending: OnceCell<Pending>,
    /// How many paths were given out.
    used: Cell<u32>,
    /// Inputs that are not of the current generation are all read from files of their own.
    open: Arc<OpenFiles>,
}

/// How many temporary files are open at the same time.
const OPEN_FILES: usize = 16;

impl TemporaryFiles {
    /// Temporary files below `directory`, named after `output`.
    pub(super) fn new(output: &Path, directory: &Path) -> TemporaryFiles {
        let name = output.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        TemporaryFiles {
            target: directory.join(format!("{name}.parts")),
            pending: OnceCell::new(),
            used: Cell::new(0),
            open: OpenFiles::new(OPEN_FILES),
        }
    }

    /// An unused path in the directory.
    pub(super) fn path(&self) -> Result<PathBuf> {
        let pending = match self.pending.get() {
            Some(p) => p,
            None => {
                let made = Pending::scratch(&self.target)?;
                self.pending.get_or_init(|| made)
            }
        };
        self.used.set(self.used.get() + 1);
        Ok(pending.path().join(self.used.get().to_string()))
    }

    /// Opens a file of the directory.
    pub(super) fn opened(&self, path: &Path) -> Result<AnnData> {
        AnnData::open_pooled(path, Limits::default(), &self.open)
    }

    /// The same matrix in the other layout (CSR for CSC), in a temporary store.
    pub(super) fn flipped(
        &self,
        from: &dyn Source,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<Store> {
        let path = self.path()?;
        let beside = path.parent().unwrap_or(Path::new("."));
        let bytes = from.layout().bytes();
        observer.phase(&Phase::new(Verb::Reading, bytes));
        let partitions = transpose::partition(from, budget, beside, observer, &|_| Ok(()))?;
        let options = store::StoreOptions { index: IndexDtype::Smallest, ..store::StoreOptions::default() };
        let writer = store::Writer::create(&path, partitions.layout(), partitions.pointers(), &options)?;
        observer.phase(&Phase::new(Verb::Transposing, bytes));
        partitions.deliver(writer, observer)?;
        Store::open(&path)
    }
}

/// Opens an input. If it is not an h5ad file of the current generation, a temporary one is written first.
pub(super) fn open(
    input: &Dataset,
    temporary: &TemporaryFiles,
    options: &export::ExportOptions,
    observer: &dyn Observer,
) -> Result<ConcatInput> {
    let path = input.path().to_owned();
    let current = match input.anndata() {
        Some(data) => is_current(data),
        None => false,
    };
    let data = match input.anndata() {
        Some(data) if current => data.clone(),
        _ => {
            let to = temporary.path()?;
            let plain =
                export::ExportOptions { filters: Some(Filters::default()), force: false, ..options.clone() };
            export(input, &to, &Selection::default(), &plain, observer)?;
            temporary.opened(&to)?
        }
    };
    let read = || -> Result<([Table<'static>; 2], bool)> {
        let (has_x, shape) = (data.has_x()?, data.shape_of("X")?);
        data.check_mappings(shape)?;
        let tables = [data.table("X", 0, shape[0], observer)?, data.table("X", 1, shape[1], observer)?];
        // a temporary file was written with these names
        for (table, name) in tables.iter().zip(["/obs", "/var"]) {
            options.budget.hold(table.unmade_index_bytes()).in_object(name)?;
        }
        Ok((if current { options.names.applied(tables)? } else { tables }, has_x))
    };
    let (tables, has_x) = read().in_file(&path)?;
    Ok(ConcatInput { data, path, tables, has_x })
}

/// Whether the file is of the current generation, with its graphs in `obsp` and not in `uns`.
fn is_current(data: &AnnData) -> bool {
    data.flavour() == Flavour::AnnData && graphs_in_uns(data.root()).is_empty()
}
