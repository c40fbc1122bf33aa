//! A matrix of a dataset by its name.

use super::Dataset;
use crate::error::{Place, Result};
use crate::matrix::{self, AnySource, Block, Budget};
use crate::observe::Observer;

/// A matrix of a dataset: `X`, a layer, a graph. Nothing of it has been read.
#[derive(Debug, Clone)]
pub struct Matrix<'d> {
    dataset: &'d Dataset,
    name: String,
}

impl Dataset {
    /// The matrix `X`, cells × genes.
    pub fn x(&self) -> Matrix<'_> {
        self.named("X")
    }

    /// The layer of this name, cells × genes.
    pub fn layer(&self, name: &str) -> Matrix<'_> {
        self.named(&format!("layers/{name}"))
    }

    /// The matrix of `raw`, cells × genes of `raw/var`.
    pub fn raw_x(&self) -> Matrix<'_> {
        self.named("raw/X")
    }

    /// The matrix at a path, such as `obsp/connectivities` or `mod/rna/X`. Whether it exists shows when it is used.
    pub fn named(&self, name: &str) -> Matrix<'_> {
        Matrix { dataset: self, name: name.trim_matches('/').to_owned() }
    }
}

impl<'d> Matrix<'d> {
    /// Its path in the dataset.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rows and columns. Texts are read for it, all else says its shape in its metadata.
    ///
    /// # Errors
    /// `NotFound` where there is no such matrix, with the names there are.
    pub fn shape(&self) -> Result<[u64; 2]> {
        self.dataset.shape(&self.name, Budget::default(), &())
    }

    /// Its entries, ready to be read: line pointers are read, and a dense matrix is read once to count what is not zero.
    ///
    /// # Errors
    /// `NotFound` where there is no such matrix; `Limit` where the budget does not hold its pointers; otherwise as reading
    /// goes.
    pub fn source(&self, budget: Budget, observer: &dyn Observer) -> Result<AnySource<'d>> {
        self.dataset.matrix(&self.name, budget, observer)
    }

    /// Begins a pass over all entries, to be ended by [`fold`](Pass::fold).
    pub fn entries(&self) -> Pass<'_> {
        Pass { matrix: self, budget: Budget::new(256 << 20), state_bytes: 0, observer: &() }
    }
}

/// A pass over all entries of a matrix that is about to begin.
pub struct Pass<'m> {
    matrix: &'m Matrix<'m>,
    budget: Budget,
    state_bytes: u64,
    observer: &'m dyn Observer,
}

impl std::fmt::Debug for Pass<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass").field("matrix", &self.matrix).finish_non_exhaustive()
    }
}

impl<'m> Pass<'m> {
    /// Bytes of memory for buffers and states; 256 MiB unless something else is said.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.budget = Budget::new(bytes);
        self
    }

    /// Bytes that one state holds outside itself, such as what its vectors hold.
    #[must_use]
    pub fn state_bytes(mut self, bytes: u64) -> Self {
        self.state_bytes = bytes;
        self
    }

    /// Follows progress, and may cancel.
    #[must_use]
    pub fn observer(mut self, observer: &'m dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Reads every entry once, on all threads of the current rayon pool, as [`Entries::fold`](matrix::Entries::fold) does:
    /// the result is the same for any number of threads and any budget.
    ///
    /// # Errors
    /// As [`Matrix::source`] and [`Entries::fold`](matrix::Entries::fold).
    pub fn fold<T: Send>(
        self,
        init: impl Fn() -> T + Sync,
        step: impl Fn(&mut T, &Block<'_>) -> Result<()> + Sync,
        join: impl Fn(&mut T, T) + Sync,
    ) -> Result<T> {
        let source = self.matrix.source(self.budget, self.observer)?;
        matrix::entries(&source)
            .memory(self.budget.bytes)
            .state_bytes(self.state_bytes)
            .observer(self.observer)
            .fold(init, step, join)
            .in_file(self.matrix.dataset.path())
    }
}
