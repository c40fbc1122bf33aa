//! `annmap synth`: makes h5ad files for testing.

use super::common::Common;
use super::container::ContainerArgs;
use super::export::{Packing, WrittenOutput, filters, parse_compression};
use super::output::RULE;
use annmap::anndata::StorageOptions;
use annmap::codec::Compression;
use annmap::synth::{COLUMNS, Defect, Form, SynthOptions, synth};
use annmap::{Dtype, Result};
use clap::ValueEnum;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, clap::Args)]
#[command(after_help = RULE)]
pub(crate) struct Args {
    /// The h5ad to make
    output: PathBuf,
    /// Number of rows
    #[arg(long, default_value_t = 1000, value_name = "N")]
    cells: u64,
    /// Number of columns
    #[arg(long, default_value_t = 2000, value_name = "N")]
    genes: u64,
    /// Average number of genes found in a cell [default: a twelfth of all]
    #[arg(long, value_name = "N", conflicts_with = "density")]
    mean_genes: Option<f64>,
    /// Fraction of values that are not zero, instead of --mean-genes
    #[arg(long, value_name = "PART")]
    density: Option<f64>,
    /// Seed: the same seed makes the same file
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Type of the counts, as a full numpy name
    #[arg(long, default_value = "float32", value_name = "DTYPE", value_parser = |t: &str| Dtype::from_name(t).map_err(|e| e.message().to_owned()))]
    dtype: Dtype,
    /// Layout of X
    #[arg(long, value_enum, default_value_t = FormArg::Csr)]
    layout: FormArg,
    /// Compression: none, gzip, gzip:LEVEL; for h5ad lzf; for zarr blosc-lz4, blosc-zlib, blosc-zlib:LEVEL or zstd
    #[arg(long, default_value = "none", value_parser = parse_compression, value_name = "HOW")]
    compression: Packing,
    /// Entries per chunk, or `one` for a single chunk
    #[arg(long, default_value = "65536", value_name = "N|one")]
    chunk: String,
    /// Columns of obs: categorical, ordered, int, float, bool, string, nullable-int, nullable-bool, batch
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "categorical,int,float,bool",
        value_name = "KIND,..."
    )]
    obs_columns: Vec<String>,
    /// Also write an element of every encoding: layers, raw, obsm, varm, obsp, varp, uns
    #[arg(long)]
    everything: bool,
    /// Make a file with this defect: index, unsorted, duplicate, nan, lengths, truncated, chunk, column
    #[arg(long = "break", value_name = "KIND", value_parser = parse_break)]
    broken: Option<Defect>,
    /// Replace an existing file or zarr store
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    container: ContainerArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormArg {
    Csr,
    Csc,
    Dense,
}

fn parse_break(text: &str) -> Result<Defect, String> {
    let names: Vec<&str> = Defect::ALL.iter().map(|(n, _)| *n).collect();
    let found = Defect::ALL.iter().find(|(n, _)| *n == text).map(|(_, b)| *b);
    found.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let one_chunk = args.chunk == "one";
    let chunk = match args.chunk.parse::<u64>() {
        Ok(n) if n > 0 => n,
        _ if one_chunk => 1,
        _ => {
            return Err(annmap::Error::usage(format!(
                "'{}': a number of entries, or one, is expected",
                args.chunk
            )));
        }
    };
    let known = |c: &&String| !COLUMNS.contains(&c.as_str()) && !c.is_empty();
    if let Some(c) = args.obs_columns.iter().find(known) {
        return Err(annmap::Error::usage(format!(
            "unknown kind of column '{c}' (expected some of {})",
            COLUMNS.join(", ")
        )));
    }
    let per_cell = match (args.mean_genes, args.density) {
        (Some(n), _) => n,
        (None, Some(d)) => d * args.genes as f64,
        (None, None) => args.genes as f64 / 12.0,
    };
    let output = args.container.path(&args.output, None)?;
    let format = args.container.format(&output)?;
    let filters = filters(args.compression.0.unwrap_or(Compression::None), false);
    let options = SynthOptions {
        cells: args.cells,
        genes: args.genes,
        per_cell,
        seed: args.seed,
        dtype: args.dtype,
        form: match args.layout {
            FormArg::Csr => Form::Csr,
            FormArg::Csc => Form::Csc,
            FormArg::Dense => Form::Dense,
        },
        how: StorageOptions { filters, chunk, format },
        one_chunk,
        obs_columns: args.obs_columns.iter().filter(|c| !c.is_empty()).cloned().collect(),
        everything: args.everything,
        broken: args.broken,
        force: args.force,
        budget: args.common.budget(),
    };
    let began = Instant::now();
    let written = args.common.run(|observer| synth(&output, &options, observer))?;
    WrittenOutput::of_file(&written).report(began, &args.common)
}
