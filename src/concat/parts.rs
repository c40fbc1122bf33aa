//! The inputs, each as an h5ad of today.

use crate::anndata::graphs_in_uns;
use crate::bytes::commit::Pending;
use crate::codec::Filters;
use crate::dataset::Dataset;
use crate::dataset::{AnnData, Flavour};
use crate::dtype::Dtype;
use crate::error::{Place, Result};
use crate::export::{self, export};
use crate::matrix::{Budget, Selection, Source};
use crate::observe::{Observer, Phase, Verb};
use crate::store::{self, IndexDtype, Store};
use crate::table::Frame;
use crate::transpose;
use crate::tree::Node;
use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One input.
pub(super) struct Part {
    pub(super) data: AnnData,
    pub(super) path: PathBuf,
    /// Of rows, of columns.
    pub(super) frames: [Frame; 2],
    pub(super) has_x: bool,
}

impl Part {
    /// The object at a path below the root, if it is there.
    pub(super) fn object(&self, path: &str) -> Option<Node> {
        self.data.root().descend(path).ok()
    }
}

/// A directory for what has to be written on the way; it comes to be when it is needed, and goes at the end.
pub(super) struct Scratch {
    /// What the directory is called.
    target: PathBuf,
    pending: OnceCell<Pending>,
    used: Cell<u32>,
}

impl Scratch {
    pub(super) fn new(output: &Path, directory: &Path) -> Scratch {
        let name = output.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Scratch {
            target: directory.join(format!("{name}.parts")),
            pending: OnceCell::new(),
            used: Cell::new(0),
        }
    }

    /// A path nothing is at.
    fn path(&self) -> Result<PathBuf> {
        let pending = match self.pending.get() {
            Some(p) => p,
            None => {
                let made = Pending::directory(&self.target, true)?;
                self.pending.get_or_init(|| made)
            }
        };
        self.used.set(self.used.get() + 1);
        Ok(pending.path().join(self.used.get().to_string()))
    }

    /// A compressed matrix with rows for columns and columns for rows, in a file of its own.
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
        let small = partitions.layout().index_dtype() == Dtype::Int32;
        let index = if small { IndexDtype::Int32 } else { IndexDtype::Int64 };
        let options = store::StoreOptions { index, ..store::StoreOptions::default() };
        let writer = store::Writer::create(&path, partitions.layout(), partitions.pointers(), &options)?;
        observer.phase(&Phase::new(Verb::Transposing, bytes));
        partitions.deliver(writer, observer)?;
        Store::open(&path)
    }
}

/// Opens an input; what is no h5ad of today is first written as one.
pub(super) fn open(
    input: &Dataset,
    scratch: &Scratch,
    options: &export::ExportOptions,
    observer: &dyn Observer,
) -> Result<Part> {
    let path = input.path().to_owned();
    let of_today = match input.anndata() {
        Some(data) => is_of_today(data),
        None => false,
    };
    let data = match input.anndata() {
        Some(data) if of_today => data.clone(),
        _ => {
            let to = scratch.path()?;
            let plain =
                export::ExportOptions { filters: Some(Filters::default()), force: false, ..options.clone() };
            export(input, &to, &Selection::default(), &plain, observer)?;
            AnnData::open(to)?
        }
    };
    let read = || -> Result<([Frame; 2], bool)> {
        let has_x = data.has_x()?;
        let frames = data.frames("X", data.shape_of("X")?, observer)?;
        // what was written anew has its names already
        let frames = frames.map(Arc::unwrap_or_clone);
        Ok((if of_today { options.names.applied(frames)? } else { frames }, has_x))
    };
    let (frames, has_x) = read().in_file(&path)?;
    Ok(Part { data, path, frames, has_x })
}

/// Whether every element is where it is today.
fn is_of_today(data: &AnnData) -> bool {
    data.flavour() == Flavour::AnnData && graphs_in_uns(data.root()).is_empty()
}
