//! `annmap upgrade` and `export`, and the options of all commands that write h5ad.

use super::args::{human_bytes, human_count};
use super::common::Common;
use super::container::ContainerArgs;
use super::input;
use super::output::{self, RULE};
use super::report::{Out, Timed};
use super::system::open_files;
use super::values::ValueArgs;
use annmap::anndata::{LeaveOut, Program};
use annmap::codec::{Compression, Filters};
use annmap::convert::ConvertedStore;
use annmap::dataset::Dataset;
use annmap::export::{ExportOptions, IndexNames, export};
use annmap::matrix::{Orientation, Selection};
use annmap::{Changed, Error, FileReport, LeftOut, Result, Widened};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output options")]
pub(crate) struct StorageArgs {
    /// Compression: keep (that of the input's matrix, or its like), none, gzip, gzip:LEVEL; for h5ad lzf; for zarr
    /// blosc-lz4, blosc-zlib, blosc-zlib:LEVEL or zstd
    #[arg(long, default_value = "keep", value_parser = parse_compression, value_name = "HOW")]
    compression: Packing,
    /// Shuffle the bytes of numbers before compressing: smaller files, slower to read. Blosc always does; gzip of
    /// zarr only in version 2
    #[arg(long)]
    shuffle: bool,
    /// Elements per chunk
    #[arg(long, default_value_t = 65_536, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 28))]
    chunk: u64,
    /// Use this column of obs as the names of cells
    #[arg(long, value_name = "COLUMN")]
    obs_index: Option<String>,
    /// Use this column of var as the names of genes, such as gene_ids of a 10x Genomics file
    #[arg(long, value_name = "COLUMN")]
    var_index: Option<String>,
    /// Make duplicate names unique with suffixes -1, -2, ...
    #[arg(long)]
    unique_names: bool,
    /// Genome to read from a 10x Genomics file
    #[arg(long, value_name = "NAME")]
    pub(super) genome: Option<String>,
    /// Replace an existing file or zarr store, which stays untouched until the new one is complete
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    pub(super) container: ContainerArgs,
}

/// What is left out of the output.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output options")]
pub(super) struct LeaveOutArgs {
    /// Leave out this element or column, such as uns/neighbors or obs/batch; may be given more than once
    #[arg(long, value_name = "PATH")]
    drop: Vec<String>,
    /// Leave out elements and columns that cannot be read, each with a warning; exit code 1 if there are any
    #[arg(long)]
    pub(super) salvage: bool,
}

impl LeaveOutArgs {
    /// An input without what is to be left out.
    pub(super) fn applied(&self, input: Dataset) -> Dataset {
        input.leaving_out(LeaveOut { paths: self.drop.clone(), unreadable: self.salvage })
    }

    /// Exit code of a finished run that lacks `left_out`.
    pub(super) fn exit_code(&self, left_out: &[LeftOut]) -> ExitCode {
        ExitCode::from(u8::from(self.salvage && !left_out.is_empty()))
    }
}

/// Compression of the output; `None` keeps that of the input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing(pub(crate) Option<Compression>);

pub(crate) fn parse_compression(text: &str) -> Result<Packing, String> {
    let level = |t: &str| t.parse::<u8>().ok().filter(|l| *l <= 9).ok_or("a level from 0 to 9 is expected");
    let least = |l: u8| Some(l).filter(|l| *l > 0).ok_or("a level from 1 to 9 is expected");
    Ok(Packing(match text.split_once(':') {
        Some(("gzip", l)) => Some(Compression::Gzip(level(l)?)),
        None if text == "gzip" => Some(Compression::Gzip(4)),
        None if text == "lzf" => Some(Compression::Lzf),
        None if text == "blosc-lz4" => Some(Compression::BloscLz4),
        Some(("blosc-zlib", l)) => Some(Compression::BloscZlib(least(level(l)?)?)),
        None if text == "blosc-zlib" => Some(Compression::BloscZlib(5)),
        None if text == "zstd" => Some(Compression::Zstd),
        None if text == "none" => Some(Compression::None),
        None if text == "keep" => None,
        _ => {
            let text =
                "expected keep, none, gzip, gzip:LEVEL, lzf, blosc-lz4, blosc-zlib, blosc-zlib:LEVEL or zstd";
            return Err(text.into());
        }
    }))
}

/// The name of a matrix; `mod/NAME` is the X of a modality.
pub(crate) fn matrix_name(text: &str) -> Result<String, std::convert::Infallible> {
    let name = text.trim_matches('/');
    let modality = name.strip_prefix("mod/").is_some_and(|rest| !rest.contains('/'));
    Ok(if modality { format!("{name}/X") } else { name.to_owned() })
}

impl StorageArgs {
    /// How the output at `output` is written.
    ///
    /// # Errors
    /// `Usage` for options that its container does not have.
    pub(super) fn options(&self, output: &Path, common: &Common) -> Result<ExportOptions> {
        let format = self.container.format(output)?;
        let filters = self.compression.0.map(|compression| filters(compression, self.shuffle));
        filters.map_or(Ok(()), |filters| format.check(filters)).map_err(|e| e.in_file(output))?;
        Ok(ExportOptions {
            names: IndexNames {
                obs: self.obs_index.clone(),
                var: self.var_index.clone(),
                unique: self.unique_names,
            },
            genome: self.genome.clone(),
            format,
            filters,
            chunk: self.chunk,
            force: self.force,
            // each has a lock beside it until it is complete
            open_files: open_files() / 2,
            budget: common.budget(),
            temporary: common.tmpdir.clone(),
            ..ExportOptions::default()
        })
    }
}

/// A compression as filters; Blosc always shuffles.
pub(super) fn filters(compression: Compression, shuffle: bool) -> Filters {
    let blosc = matches!(compression, Compression::BloscLz4 | Compression::BloscZlib(_));
    let shuffle = blosc || (shuffle && compression != Compression::None);
    Filters { shuffle, compression, fletcher32: false }
}

#[derive(Debug, clap::Args)]
#[command(after_help = RULE)]
pub(crate) struct UpgradeArgs {
    /// An h5ad of any generation, MuData, zarr, 10x HDF5, loom, Matrix Market, a 10x Genomics directory, a table
    /// (CSV, TSV) or a store; - reads standard input
    input: PathBuf,
    /// The h5ad or zarr to write; of MuData, the h5mu or zarr
    output: PathBuf,
    /// Matrix that becomes X: layers/NAME, raw/X with the genes of raw/var, or mod/NAME of MuData, of which
    /// only this modality is then written, as an h5ad
    #[arg(long, default_value = "X", value_name = "PATH", value_parser = matrix_name)]
    matrix: String,
    /// Layout of sparse X and raw/X [default: that of the input]
    #[arg(long, value_enum, value_name = "LAYOUT")]
    layout: Option<LayoutArg>,
    /// Write what this program reads: anndata of that version, r (zellkonverter, anndataR, SeuratDisk), or
    /// cellxgene (CSR, float32, plain text). Other encodings are changed or left out, each loss with a warning
    #[arg(long = "for", value_name = "PROGRAM", value_parser = targets())]
    target: Option<Program>,
    #[command(flatten)]
    values: ValueArgs,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    leave: LeaveOutArgs,
    #[command(flatten)]
    common: Common,
}

/// Parses the name of a program.
fn targets() -> impl TypedValueParser<Value = Program> {
    PossibleValuesParser::new(Program::ALL.map(|(name, _)| name)).try_map(|name| Program::from_name(&name))
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LayoutArg {
    Csr,
    Csc,
}

pub(crate) fn upgrade(args: &UpgradeArgs) -> Result<ExitCode> {
    let output = &args.storage.container.path(&args.output, Some(&args.input))?;
    let mut options = args.storage.options(output, &args.common)?;
    options.matrix.clone_from(&args.matrix);
    options.target = args.target;
    (options.dtype, options.policy) = (args.values.dtype, args.values.policy());
    options.layout = args.layout.map(|l| match l {
        LayoutArg::Csr => Orientation::Csr,
        LayoutArg::Csc => Orientation::Csc,
    });
    let began = Instant::now();
    let written = args.common.run(|observer| {
        let input = args.leave.applied(input::open(&args.input, Some(output), &args.common, observer)?);
        let output = output::of_kind(output.clone(), &args.output, &input, &args.matrix)?;
        export(&input, output, &Selection::default(), &options, observer)
    })?;
    WrittenOutput::of_file(&written).report(began, &args.common)?;
    Ok(args.leave.exit_code(&written.left_out))
}

#[derive(Debug, clap::Args)]
#[command(after_help = RULE)]
pub(crate) struct ExportArgs {
    /// The store to export
    input: PathBuf,
    /// The h5ad or zarr to write
    output: PathBuf,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run_export(args: &ExportArgs) -> Result<ExitCode> {
    let began = Instant::now();
    let output = &args.storage.container.path(&args.output, Some(&args.input))?;
    let options = args.storage.options(output, &args.common)?;
    input::expect_path(&args.input)?;
    let written = args.common.run(|observer| {
        let input = input::open(&args.input, None, &args.common, observer)?;
        if input.store().is_none() {
            return Err(Error::usage("not a store (upgrade writes files anew)").in_file(&args.input));
        }
        let output = output::of_kind(output.clone(), &args.output, &input, "X")?;
        export(&input, output, &Selection::default(), &options, observer)
    })?;
    WrittenOutput::of_file(&written).report(began, &args.common)
}

/// Summary of the written file, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct WrittenOutput {
    output: String,
    shape: [u64; 2],
    bytes: u64,
    /// Matrices that have a wider type in the file.
    widened: Vec<Widened>,
    /// What is written in another way, because the program that is to read the file asks for it.
    changed: Vec<Changed>,
    /// Elements and columns that are missing from the file.
    left_out: Vec<LeftOut>,
}

impl WrittenOutput {
    pub(super) fn of_file(file: &FileReport) -> Self {
        let output = file.output.display().to_string();
        let (changed, left_out) = (file.changed.clone(), file.left_out.clone());
        let widened = file.widened.clone();
        WrittenOutput { output, shape: file.shape, bytes: file.bytes, widened, changed, left_out }
    }

    pub(super) fn of_store(store: &ConvertedStore, left_out: Vec<LeftOut>) -> Self {
        let output = store.output.display().to_string();
        let (widened, changed) = (Vec::new(), Vec::new());
        WrittenOutput { output, shape: store.shape, bytes: store.bytes, widened, changed, left_out }
    }

    /// Prints the summary as text or JSON.
    pub(super) fn report(&self, began: Instant, common: &Common) -> Result<ExitCode> {
        let seconds = began.elapsed().as_secs_f64();
        let mut out = Out::new();
        if common.json {
            out.json(&Timed::new(self, seconds))?;
        } else if !common.quiet {
            out.line(&self.text(seconds))?;
        }
        out.finish()?;
        Ok(ExitCode::SUCCESS)
    }

    /// The summary as text.
    pub(super) fn text(&self, seconds: f64) -> String {
        let [rows, columns] = self.shape.map(human_count);
        let bytes = human_bytes(self.bytes);
        format!("{}: {rows} × {columns}, {bytes} in {seconds:.2} s", self.output)
    }
}
