//! Joins several datasets into one h5ad file: the result of `anndata.concat`, computed on disk within a budget.
//!
//! In come datasets of any kind, from [`crate::dataset`]; those that are not AnnData of the current generation
//! are first exported to temporary files. Out goes one file, through
//! [`AnnDataWriter`](crate::anndata::AnnDataWriter).
//!
//! Along the axis everything is appended: names, tables, `X`, `layers`, `obsm` (or `varm`); graphs become
//! blocks on the diagonal. Across the axis the names are joined, and tables and arrays of the same name are
//! merged. Matrices and tables are processed in blocks; only the tables of the other axis are in memory as a
//! whole. See `spec/h5ad.md#concat`.

mod across;
mod along;
mod along_axis;
mod arrays;
mod columns;
mod held;
mod item;
mod map;
mod merge;
mod mudata;
mod objects;
mod of_file;
mod parts;
mod run;
mod uns;

pub use crate::anndata::Axis;
pub use merge::Merge;

use crate::dataset::Dataset;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::export;
use crate::observe::{Observer, Recorder};
use crate::report::FileReport;
use crate::table::{ColumnType, Join};
use std::path::Path;

/// The shape `[rows, columns]` of a matrix with `along` positions along `axis` and `across` positions on the
/// other axis.
fn shape_of(axis: Axis, along: u64, across: u64) -> [u64; 2] {
    if axis == Axis::Obs { [along, across] } else { [across, along] }
}

/// How the inputs are joined; the defaults are those of `anndata.concat`.
#[derive(Debug, Clone, Default)]
pub struct ConcatOptions {
    /// The axis along which the inputs are appended.
    pub axis: Axis,
    /// Which names of the other axis, which columns and which elements the output has: those of all inputs or
    /// of any.
    pub join: Join,
    /// Which columns and arrays of the other axis are kept; `None` drops them.
    pub merge: Option<Merge>,
    /// Which values of `uns` are kept; `None` drops them.
    pub uns_merge: Option<Merge>,
    /// The name of a new categorical column that holds the key of each row's input.
    pub label: Option<String>,
    /// One key per input; "0", "1", ... if `None`.
    pub keys: Option<Vec<String>>,
    /// If given, each name along the axis becomes name + this text + key of the input.
    pub index_unique: Option<String>,
    /// The value where an input has none; if `None`, zero in compressed matrices and NaN in arrays.
    pub fill: Option<Scalar>,
    /// Keep the graphs along the axis (`obsp` or `varp`).
    pub pairwise: bool,
    /// Columns that are left out: `obs/NAME`, `var/NAME`, or `NAME` for a column of the table along the axis.
    pub drop_columns: Vec<String>,
    /// Columns that are converted before they are joined, named as in `drop_columns`, with their new types.
    pub cast_columns: Vec<(String, ColumnType)>,
    /// How the output is stored, and the budget for buffers.
    pub storage: export::ExportOptions,
}

/// Writes `inputs`, joined along one axis, as one h5ad file at `output`.
///
/// # Errors
/// `Usage` if there is no input or the output is one of them, a name of the other axis repeats within an input, the
/// keys repeat or are not one per input, or a value does not fit the type of a cast; `NotFound` if a column to leave
/// out or to cast does not exist; `Unsupported` if elements of the same name cannot be joined; the errors of reading
/// and writing. After an error `output` is as it was before.
pub fn concat(
    inputs: &[Dataset],
    output: impl AsRef<Path>,
    options: &ConcatOptions,
    observer: &dyn Observer,
) -> Result<FileReport> {
    let output = output.as_ref();
    if inputs.is_empty() {
        return Err(Error::usage("expected at least one input, got none"));
    }
    let keys = match &options.keys {
        Some(keys) if keys.len() != inputs.len() => {
            return Err(Error::usage(format!("expected {} keys, got {}", inputs.len(), keys.len())));
        }
        Some(keys) => keys.clone(),
        None => (0..inputs.len()).map(|i| i.to_string()).collect(),
    };
    let mut sorted: Vec<&String> = keys.iter().collect();
    sorted.sort();
    if let Some(repeated) = sorted.windows(2).find(|w| w[0] == w[1]) {
        return Err(Error::usage(format!("duplicate key '{}'", repeated[0])));
    }
    inputs.iter().try_for_each(|input| input.refuse_as_output(output))?;
    let recorder = Recorder::new(observer);
    let shape = run::run(inputs, output, options, &keys, &recorder)?;
    Ok(FileReport::new(output, shape, recorder.finish()))
}
