//! `annmap convert`: makes a store from a matrix and its tables.

use super::args::{human_bytes, human_count};
use super::common::Common;
use super::input;
use super::output::{Made, RULE};
use super::report::{Out, Timed, printable};
use super::values::ValueArgs;
use annmap::Result;
use annmap::convert::{self, ConvertOptions, ConvertedStore, TargetLayout};
use annmap::matrix::{Edit, LostLines, Orientation};
use annmap::store::IndexDtype;
use clap::ValueEnum;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, clap::Args)]
#[command(after_help = RULE)]
pub(crate) struct Args {
    /// An h5ad, h5mu, zarr, 10x HDF5, loom or Matrix Market file, a directory with matrix.mtx and its names, or
    /// a store; - reads standard input
    input: PathBuf,
    /// The store to make, a directory
    output: PathBuf,
    /// Layout of the output; `both` makes OUT/csr and OUT/csc
    #[arg(long, value_enum, default_value_t = TargetLayoutArg::Stored)]
    layout: TargetLayoutArg,
    #[command(flatten)]
    matrix: MatrixArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Matrix options")]
pub(crate) struct MatrixArgs {
    /// Matrix to convert: X, raw/X, layers/NAME, obsp/NAME, mod/NAME/X, or a 10x genome
    #[arg(long, default_value = "X", value_name = "PATH")]
    matrix: String,
    /// Genome to read from a 10x Genomics file, in place of --matrix
    #[arg(long, value_name = "NAME", conflicts_with = "matrix")]
    genome: Option<String>,
    #[command(flatten)]
    values: ValueArgs,
    /// Type of the index arrays: auto is int32 for both if everything fits, otherwise int64, which scipy maps
    /// without a copy; uint16 and smallest narrow indices.bin only, for programs that read them as they are
    #[arg(long, value_enum, default_value_t = IndexArg::Auto, value_name = "DTYPE")]
    index_dtype: IndexArg,
    /// Remove explicitly stored zeros
    #[arg(long)]
    drop_zeros: bool,
    /// Add up entries of the same row and column; implies --sort
    #[arg(long)]
    sum_duplicates: bool,
    /// Sort indices in ascending order within each row (of a CSR) or column (of a CSC)
    #[arg(long)]
    sort: bool,
    /// Do not write obs.arrow and var.arrow
    #[arg(long)]
    no_tables: bool,
    /// Continue past damage: rows (of a CSC: columns) that cannot be read become empty and are listed in
    /// metadata.json
    #[arg(long)]
    salvage: bool,
    /// Replace an existing store, which stays untouched until the new one is complete
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TargetLayoutArg {
    Stored,
    Csr,
    Csc,
    Both,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum IndexArg {
    Auto,
    Int64,
    Int32,
    Uint16,
    Smallest,
}

impl MatrixArgs {
    pub(crate) fn options(&self, target: TargetLayout, common: &Common) -> ConvertOptions {
        ConvertOptions {
            matrix: self.matrix.clone(),
            genome: self.genome.clone(),
            target,
            dtype: self.values.dtype,
            policy: self.values.policy(),
            index: match self.index_dtype {
                IndexArg::Int64 => IndexDtype::Int64,
                IndexArg::Int32 => IndexDtype::Int32,
                IndexArg::Uint16 => IndexDtype::Uint16,
                IndexArg::Smallest => IndexDtype::Smallest,
                IndexArg::Auto => IndexDtype::Auto,
            },
            edit: Edit { sort: self.sort, sum_duplicates: self.sum_duplicates, drop_zeros: self.drop_zeros },
            tables: !self.no_tables,
            force: self.force,
            salvage: self.salvage,
            budget: common.budget(),
            temporary: common.tmpdir.clone(),
            ..ConvertOptions::default()
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let target = match args.layout {
        TargetLayoutArg::Stored => TargetLayout::Stored,
        TargetLayoutArg::Csr => TargetLayout::Csr,
        TargetLayoutArg::Csc => TargetLayout::Csc,
        TargetLayoutArg::Both => TargetLayout::Both,
    };
    execute(&args.input, &args.output, &args.matrix.options(target, &args.common), &args.common)
}

/// Converts and reports. Shared with `transpose`.
pub(crate) fn execute(
    input: &std::path::Path,
    output: &std::path::Path,
    options: &ConvertOptions,
    common: &Common,
) -> Result<ExitCode> {
    let began = Instant::now();
    let output = &Made::Store.path(output, Some(input))?;
    let written = common.run(|observer| {
        let input = input::open(input, Some(output), common, observer)?;
        convert::convert(&input, output, options, observer)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let mut out = Out::new();
    for w in &written.stores {
        if common.json {
            out.json(&Timed::new(w, seconds))?;
        } else if !common.quiet {
            out.line(&as_text(w, seconds))?;
            lost_text(w).iter().try_for_each(|line| out.line(&printable(line)))?;
        }
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn as_text(w: &ConvertedStore, seconds: f64) -> String {
    let [rows, columns] = w.shape;
    format!(
        "{}: {} of {} × {}, {} entries of {}, {} in {seconds:.2} s",
        w.output.display(),
        w.encoding_type,
        human_count(rows),
        human_count(columns),
        human_count(w.nnz),
        w.dtypes.data,
        human_bytes(w.bytes)
    )
}

/// Describes what could not be read, one line for each part.
fn lost_text(w: &ConvertedStore) -> Vec<String> {
    let Some(salvage) = &w.manifest.salvaged else { return Vec::new() };
    let what = match salvage.orientation {
        Orientation::Csr => "rows",
        Orientation::Csc => "columns",
    };
    let line = |l: &LostLines| format!("lost: {what} {} to {}: {}", l.lines.start, l.lines.end - 1, l.reason);
    salvage.lost.iter().map(line).collect()
}
