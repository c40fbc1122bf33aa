//! Several files as one, on disk: what `anndata.concat` does in memory, within a budget.
//!
//! Along the axis everything is put one below the other: names, tables, `X`, `layers`, `obsm` (or `varm`), graphs along the
//! diagonal. Across it names are joined, and tables and arrays of one name are merged. Matrices go through in blocks;
//! only tables are held. See `spec/h5ad.md`.

mod across;
mod along;
mod arrays;
mod held;
mod item;
mod map;
mod merge;
mod parts;
mod run;

pub use crate::anndata::Axis;
pub use merge::Merge;

use crate::dataset::Dataset;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::export;
use crate::observe::{Observer, Recorder};
use crate::report::FileReport;
use crate::table::Join;
use std::path::Path;

/// A shape of `along` positions along `axis` and `across` ones across it.
fn shape_of(axis: Axis, along: u64, across: u64) -> [u64; 2] {
    if axis == Axis::Obs { [along, across] } else { [across, along] }
}

/// How parts become one.
#[derive(Debug, Clone, Default)]
pub struct ConcatOptions {
    /// Along which axis.
    pub axis: Axis,
    /// Which names across the axis, and which elements, the whole has.
    pub join: Join,
    /// What becomes of columns and arrays across the axis; they are dropped where `None`.
    pub merge: Option<Merge>,
    /// The same of `uns`.
    pub uns_merge: Option<Merge>,
    /// A column that gets the key of each row's part.
    pub label: Option<String>,
    /// A key for each part: "0", "1", ... where `None`.
    pub keys: Option<Vec<String>>,
    /// Names become name, this, and key.
    pub index_unique: Option<String>,
    /// What stands where a part has no value: otherwise zero in compressed matrices, NaN in arrays.
    pub fill: Option<Scalar>,
    /// Keep the graphs along the axis.
    pub pairwise: bool,
    /// How the output is stored.
    pub storage: export::ExportOptions,
}

/// Writes `inputs` as one h5ad at `output`.
///
/// # Errors
/// Those of reading and writing; `Usage` where names come twice across the axis or keys do not fit; `Unsupported` where
/// elements of one name cannot be joined. Nothing appears at `output` then.
pub fn concat(
    inputs: &[Dataset],
    output: &Path,
    options: &ConcatOptions,
    observer: &dyn Observer,
) -> Result<FileReport> {
    if inputs.is_empty() {
        return Err(Error::usage("nothing to concatenate"));
    }
    let keys = match &options.keys {
        Some(keys) if keys.len() != inputs.len() => {
            return Err(Error::usage(format!("{} keys for {} inputs", keys.len(), inputs.len())));
        }
        Some(keys) => keys.clone(),
        None => (0..inputs.len()).map(|i| i.to_string()).collect(),
    };
    let mut sorted: Vec<&String> = keys.iter().collect();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|w| w[0] == w[1]) {
        return Err(Error::usage(format!("the key '{}' comes twice", twice[0])));
    }
    let recorder = Recorder::new(observer);
    let shape = run::run(inputs, output, options, &keys, &recorder)?;
    Ok(FileReport::new(output, shape, recorder.finish()))
}
