//! Synthetic h5ad files for tests and benchmarks: counts distributed as in droplet data, of any size, always
//! the same for the same seed, with one defect on request.
//!
//! In come [`SynthOptions`]; out goes a file, through [`AnnDataWriter`]. The counts are a [`Source`] that
//! computes its entries when they are read ([`Counts`]), so that no matrix is held in memory.

mod broken;
mod counts;
mod everything;
mod tables;

pub use broken::Defect;
pub use counts::Counts;

use crate::anndata::{AnnDataWriter, StorageOptions};
use crate::array::MadeRows;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::matrix::{Budget, Source};
use crate::observe::{Observer, Phase, Recorded, Verb};
use crate::random::Random;
use crate::report::FileReport;
use crate::strings::Strings;
use crate::transpose;
use crate::tree::{EncodedValue, Location};
use std::ops::Range;
use std::path::Path;

/// The layout of `X`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Compressed by cells.
    #[default]
    Csr,
    /// Compressed by genes.
    Csc,
    /// An array with all zeros.
    Dense,
}

/// What [`synth`] writes.
#[derive(Debug, Clone)]
pub struct SynthOptions {
    /// Number of cells, the rows.
    pub cells: u64,
    /// Number of genes, the columns.
    pub genes: u64,
    /// Mean number of genes with a count in a cell.
    pub per_cell: f64,
    /// Seed of all random numbers; equal options with equal seeds give equal files.
    pub seed: u64,
    /// Type of the counts.
    pub dtype: Dtype,
    /// Layout of `X`.
    pub form: Form,
    /// Chunk size, filters and version of HDF5.
    pub how: StorageOptions,
    /// Store all entries of `X` in one chunk, as some R packages do.
    pub one_chunk: bool,
    /// Kinds of the columns of `obs`, of those in [`COLUMNS`].
    pub obs_columns: Vec<String>,
    /// Also write an element of every encoding: layers, `raw`, graphs, awkward arrays, ...
    pub everything: bool,
    /// The defect of the file, if any.
    pub broken: Option<Defect>,
    /// Replace an existing file.
    pub force: bool,
    /// Memory for buffers; 1 GiB by default.
    pub budget: Budget,
}

impl Default for SynthOptions {
    /// 1,000 cells × 500 genes, 50 genes per cell, float32 in CSR; `obs` has a categorical and a float column.
    fn default() -> Self {
        SynthOptions {
            cells: 1000,
            genes: 500,
            per_cell: 50.0,
            seed: 0,
            dtype: Dtype::Float32,
            form: Form::Csr,
            how: StorageOptions::default(),
            one_chunk: false,
            obs_columns: vec!["categorical".into(), "float".into()],
            everything: false,
            broken: None,
            force: false,
            budget: Budget::new(1 << 30),
        }
    }
}

/// The kinds of columns that `obs` can have.
pub const COLUMNS: [&str; 9] =
    ["categorical", "ordered", "int", "float", "bool", "string", "nullable-int", "nullable-bool", "batch"];

/// Writes an h5ad file at `output`.
///
/// # Errors
/// `Usage` if the options contradict each other or are out of range; those of writing. After an error `output`
/// is as it was before.
pub fn synth(
    output: impl AsRef<Path>,
    options: &SynthOptions,
    observer: &dyn Observer,
) -> Result<FileReport> {
    let output = output.as_ref();
    let SynthOptions { cells, genes, seed, budget, .. } = *options;
    if options.broken.is_some_and(|b| b.spoils_entries()) && options.form != Form::Csr {
        return Err(Error::usage("expected the layout csr for a defect of entries"));
    }
    observer.phase(&Phase::new(Verb::Planning, cells.saturating_mul(genes) / 8));
    let counts = Counts::new(seed, cells, genes, options.per_cell, options.dtype)?;
    let mut how = options.how;
    if options.one_chunk {
        how.chunk = counts.layout().entries.max(1);
    }
    let mut writer = AnnDataWriter::create(output, options.force, how, budget, observer)?;
    let root = Location::root();
    let spoilt = broken::Spoilt::new(&counts, options.broken);
    let source: &dyn Source = &spoilt;
    let bytes = source.layout().bytes();
    let x = root.child("X");
    match options.form {
        Form::Csr => {
            observer.phase(&Phase::new(Verb::Writing, bytes).of("X"));
            writer.sparse(&x, source)?;
        }
        Form::Csc => {
            observer.phase(&Phase::new(Verb::Transposing, bytes).of("X"));
            let beside = transpose::beside(output);
            let partitions = transpose::partition(source, budget, beside, observer, &|_| Ok(()))?;
            let (layout, pointers) = (*partitions.layout(), partitions.pointers().to_vec());
            observer.phase(&Phase::new(Verb::Writing, bytes).of("X"));
            writer.sparse_from(&x, &layout, &pointers, |sink| partitions.deliver(sink, observer))?;
        }
        Form::Dense => {
            let make = |cells: Range<u64>, out: &mut [u8]| {
                counts.dense(cells, out);
                Ok(())
            };
            writer.dense(&x, &MadeRows::new(options.dtype, &[cells, genes], &make).costing(genes * 8, 1))?;
        }
    }
    let obs = tables::obs(seed, cells, &options.obs_columns)?;
    broken::write_obs(&mut writer, &obs, options.broken)?;
    let var = tables::var(seed, genes)?;
    writer.frame(&root.child("var"), &var)?;
    let mut random = Random::new(seed, u64::MAX - 2);
    let rows = if options.broken == Some(Defect::Lengths) { cells + 1 } else { cells };
    let pca = (0..rows * 2).flat_map(|_| (random.normal() as f32).to_le_bytes()).collect();
    let obsm = root.child("obsm");
    writer.value(&obsm.child("X_pca"), &EncodedValue::numbers(Dtype::Float32, &[rows, 2], pca))?;
    if options.everything {
        everything::Everything { seed, cells, genes }.write(&mut writer, &var)?;
    }
    writer.dict(&obsm)?;
    let uns = root.child("uns");
    writer.value(&uns.child("seed"), &EncodedValue::integer(seed as i64))?;
    let colours: Strings = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"].into_iter().collect();
    writer.strings(&uns.child("cell_type_colors"), &colours)?;
    writer.dict(&uns)?;
    writer.finish()?;
    broken::damage(output, options.broken)?;
    Ok(FileReport::new(output, [cells, genes], Recorded::default()))
}
