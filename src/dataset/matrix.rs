//! The matrices of a dataset by name, and a pass over all entries of one.

use super::Dataset;
use crate::error::{Place, Result};
use crate::matrix::{self, AnySource, Block, Budget};
use crate::observe::Observer;

/// The name of a matrix in a dataset: `X`, a layer, a graph. Nothing has been read, and the matrix may not exist.
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

    /// The matrix `layers/name`, cells × genes.
    pub fn layer(&self, name: &str) -> Matrix<'_> {
        self.named(&format!("layers/{name}"))
    }

    /// The matrix `raw/X`, cells × genes of `raw/var`.
    pub fn raw_x(&self) -> Matrix<'_> {
        self.named("raw/X")
    }

    /// The matrix at a path, such as `obsp/connectivities` or `mod/rna/X`. A matrix that does not exist is an
    /// error when it is used.
    pub fn named(&self, name: &str) -> Matrix<'_> {
        Matrix { dataset: self, name: name.trim_matches('/').to_owned() }
    }
}

impl<'d> Matrix<'d> {
    /// Path of the matrix in the dataset, such as `layers/counts`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows and columns, from metadata; only a text file is read for it.
    ///
    /// # Errors
    /// `NotFound` with the existing names if there is no such matrix; otherwise errors of reading.
    pub fn shape(&self) -> Result<[u64; 2]> {
        self.dataset.shape(&self.name, Budget::default(), &())
    }

    /// Opens the matrix as a source of entries. This reads the line pointers; a dense matrix is read once in
    /// full, to count the values that are not zero.
    ///
    /// # Errors
    /// `NotFound` if there is no such matrix; `Limit` if the budget is too small for its pointers; otherwise
    /// errors of reading.
    pub fn source(&self, budget: Budget, observer: &dyn Observer) -> Result<AnySource<'d>> {
        self.dataset.matrix(&self.name, budget, observer)
    }

    /// Prepares a pass over all entries, which [`fold`](Pass::fold) runs.
    pub fn entries(&self) -> Pass<'_> {
        Pass { matrix: self, budget: Budget::new(256 << 20), state_bytes: 0, observer: &() }
    }
}

/// The settings of a pass over all entries of a matrix.
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
    /// Sets the bytes of memory for buffers and states. Default: 256 MiB.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.budget = Budget::new(bytes);
        self
    }

    /// Sets the heap bytes of one state, such as those of its vectors. Default: 0.
    #[must_use]
    pub fn state_bytes(mut self, bytes: u64) -> Self {
        self.state_bytes = bytes;
        self
    }

    /// Sets the observer, which gets the progress and may cancel. Default: none.
    #[must_use]
    pub fn observer(mut self, observer: &'m dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Reads every entry once, on all threads of the current rayon pool, as
    /// [`Entries::fold`](matrix::Entries::fold) does: `init` makes a state, `step` adds a block to one,
    /// `join` adds the second state to the first. The result is the same for any number of threads and any
    /// budget.
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
