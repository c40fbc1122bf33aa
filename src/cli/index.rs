//! `annmap index`: a map of an HDF5 file for readers of zarr.

use super::args::{human_bytes, human_count, size};
use super::common::Common;
use super::input;
use super::output::Made;
use super::report::{Out, Timed};
use annmap::Result;
use annmap::index::{IndexOptions, IndexReport, index};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const NOTES: &str = "The map is JSON (kerchunk references, version 1) that stands for a zarr store of version 2: zarr, \
anndata and xarray read the file through it in parallel and over HTTP, without HDF5. Its chunks are ranges of FILE, \
which must not change afterwards. Chunks filtered by gzip, shuffle, zstd, blosc, bzip2 or fletcher32 are ranges; \
strings, small metadata and other filters are put into the map, or left out with a warning where they take too much.";

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
pub(crate) struct Args {
    /// An HDF5 file: h5ad of any generation, h5mu, 10x HDF5, loom or another
    file: PathBuf,
    /// The map to write
    #[arg(value_name = "OUT.json")]
    output: PathBuf,
    /// Where readers of the map find FILE, such as https://host/cells.h5ad or s3://bucket/cells.h5ad [default: the
    /// absolute path of FILE]
    #[arg(long, value_name = "URL", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    url: Option<String>,
    /// Most bytes of one array that are put into the map where they are not ranges of FILE; what needs more is left
    /// out with a warning
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = size())]
    inline: u64,
    /// Replace an existing file, which stays untouched until the new one is complete
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    input::expect_path(&args.file)?;
    let mut options = IndexOptions::default();
    options.url.clone_from(&args.url);
    (options.inline_bytes, options.force) = (args.inline, args.force);
    (options.limits, options.budget) = (args.common.limits(), args.common.budget());
    let began = Instant::now();
    let output = Made::File.path(&args.output, None)?;
    let made = args.common.run(|observer| index(&args.file, &output, &options, observer))?;
    let seconds = began.elapsed().as_secs_f64();
    let mut out = Out::new();
    if args.common.json {
        out.json(&Timed::new(&made, seconds))?;
    } else if !args.common.quiet {
        out.line(&text(&made, seconds))?;
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn text(made: &IndexReport, seconds: f64) -> String {
    format!(
        "{}: {} arrays, {} ranges of {}, {} in the map, {} in {seconds:.2} s",
        made.output.display(),
        human_count(made.arrays),
        human_count(made.ranges),
        human_bytes(made.range_bytes),
        human_bytes(made.inlined_bytes),
        human_bytes(made.bytes),
    )
}
