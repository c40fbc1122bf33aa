//! `annmap concat`: joins several files into one h5ad.

use super::common::Common;
use super::export::{LeaveOutArgs, StorageArgs, WrittenOutput};
use super::output::{self, RULE};
use super::{input, system};
use annmap::concat::{Axis, ConcatOptions, Merge, concat};
use annmap::dataset::Dataset;
use annmap::dtype::{Dtype, Scalar};
use annmap::table::{ColumnType, Join};
use annmap::{Error, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const NOTES: &str = "Along the axis names, tables, X, layers and obsm (with --axis var: varm) are put one below the other, \
columns and elements of all inputs (inner) or of any (outer). Types widen as in pandas; one compressed X makes the whole \
X compressed by rows. raw is kept where all inputs have it. Across the axis, tables and arrays are dropped unless --merge \
says which to keep, as uns is unless --uns-merge does. MuData is joined modality by modality (those that all inputs have) \
along the axis that these share, and becomes an h5mu.";

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{NOTES}\n\n{RULE}"), override_usage = "annmap concat [OPTIONS] INPUT... OUTPUT")]
pub(crate) struct Args {
    /// Two or more inputs (h5ad of any generation, zarr, 10x HDF5, loom, Matrix Market or stores, or all MuData;
    /// - reads standard input), then the h5ad or h5mu to write
    #[arg(required = true, num_args = 1.., value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Axis to concatenate along: cells (obs) or genes (var)
    #[arg(long, value_enum, default_value_t = AxisArg::Obs, value_name = "AXIS")]
    axis: AxisArg,
    /// Keep genes, columns and elements that all inputs have (inner) or that any has (outer)
    #[arg(long, value_enum, default_value_t = JoinArg::Inner, value_name = "HOW")]
    join: JoinArg,
    /// Elements of the other axis to keep: equal in all inputs (same), equal in all inputs that have them
    /// (unique), the first found (first), or found in one input only (only)
    #[arg(long, value_enum, value_name = "WHICH")]
    merge: Option<MergeArg>,
    /// Elements of uns to keep, chosen as with --merge
    #[arg(long, value_enum, value_name = "WHICH")]
    uns_merge: Option<MergeArg>,
    /// Add a column that holds the key of each row's input
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Keys of the inputs [default: 0,1,...]
    #[arg(long, value_delimiter = ',', value_name = "A,B,...")]
    keys: Option<Vec<String>>,
    /// Make names unique by appending this text and the key of the input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    index_unique: Option<String>,
    /// Value for entries that an input lacks [default: 0 in compressed matrices, NaN in arrays]
    #[arg(long, value_parser = number, value_name = "VALUE", allow_hyphen_values = true)]
    fill_value: Option<Scalar>,
    /// Keep pairwise matrices (obsp; with --axis var: varp) as blocks along the diagonal
    #[arg(long)]
    pairwise: bool,
    /// Leave out a column, such as one whose types cannot be joined: obs/NAME, var/NAME, or NAME for the
    /// table along the axis; may be repeated
    #[arg(long, value_name = "COLUMN")]
    drop_column: Vec<String>,
    /// Convert a column before joining: to a full numpy name (int64, float32, bool, ...), string or category;
    /// may be repeated
    #[arg(long, value_parser = column_type, value_name = "COLUMN=TYPE")]
    cast_column: Vec<(String, ColumnType)>,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    leave: LeaveOutArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum AxisArg {
    Obs,
    Var,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum JoinArg {
    Inner,
    Outer,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum MergeArg {
    Same,
    Unique,
    First,
    Only,
}

impl From<MergeArg> for Merge {
    fn from(arg: MergeArg) -> Merge {
        match arg {
            MergeArg::Same => Merge::Same,
            MergeArg::Unique => Merge::Unique,
            MergeArg::First => Merge::First,
            MergeArg::Only => Merge::Only,
        }
    }
}

fn number(text: &str) -> Result<Scalar, String> {
    if let Ok(v) = text.parse::<i64>() {
        return Ok(Scalar::Int(v.into()));
    }
    let float = text.parse::<f64>().map_err(|_| "expected a number, such as 0, -1, 0.5 or nan".to_owned())?;
    Ok(Scalar::Float(float, Dtype::Float64))
}

fn column_type(text: &str) -> Result<(String, ColumnType), String> {
    let (column, name) = text.rsplit_once('=').ok_or("expected COLUMN=TYPE, such as obs/age=float64")?;
    Ok((column.to_owned(), name.parse().map_err(|e: Error| e.message().to_owned())?))
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let began = Instant::now();
    let (output, inputs) = match args.paths.split_last() {
        Some((output, inputs)) if inputs.len() > 1 => (output, inputs),
        _ => {
            let n = args.paths.len();
            let text =
                format!("expected two or more inputs, and last the h5ad or zarr to write, got {n} in all");
            return Err(Error::usage(text));
        }
    };
    let output = &args.storage.container.path(output, None)?;
    let options = ConcatOptions {
        axis: match args.axis {
            AxisArg::Obs => Axis::Obs,
            AxisArg::Var => Axis::Var,
        },
        join: match args.join {
            JoinArg::Inner => Join::Inner,
            JoinArg::Outer => Join::Outer,
        },
        merge: args.merge.map(Merge::from),
        uns_merge: args.uns_merge.map(Merge::from),
        label: args.label.clone(),
        keys: args.keys.clone(),
        index_unique: args.index_unique.clone(),
        fill: args.fill_value,
        pairwise: args.pairwise,
        drop_columns: args.drop_column.clone(),
        cast_columns: args.cast_column.clone(),
        storage: args.storage.options(output, &args.common)?,
    };
    let written = args.common.run(|observer| {
        let opened = if inputs.iter().any(|path| input::is_stdin(path)) {
            let open = |path: &PathBuf| input::open(path, Some(output), &args.common, observer);
            inputs.iter().map(open).collect::<Result<Vec<Dataset>>>()?
        } else {
            Dataset::open_all(inputs, args.common.limits(), system::open_files())?
        };
        let temporary = input::temporary(Some(output), &args.common);
        let prepared = |input: Dataset| args.leave.applied(input).temporary(temporary);
        let opened: Vec<Dataset> = opened.into_iter().map(prepared).collect();
        let output = match opened.iter().find(|input| output::is_mudata(input, "X")).or(opened.first()) {
            Some(first) => output::of_kind(output.clone(), output, first, "X")?,
            None => output.clone(),
        };
        concat(&opened, output, &options, observer)
    })?;
    WrittenOutput::of_file(&written).report(began, &args.common)?;
    Ok(args.leave.exit_code(&written.left_out))
}
