//! `annmap transpose`: makes a store in the other layout than the input's.

use super::common::Common;
use super::convert::{MatrixArgs, execute};
use super::output::RULE;
use annmap::Result;
use annmap::convert::TargetLayout;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = RULE)]
pub(crate) struct Args {
    /// An h5ad, h5mu, zarr, 10x HDF5, loom or Matrix Market file, a directory with matrix.mtx and its names, or
    /// a store; - reads standard input
    input: PathBuf,
    /// The store to make, a directory
    output: PathBuf,
    #[command(flatten)]
    matrix: MatrixArgs,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    execute(
        &args.input,
        &args.output,
        &args.matrix.options(TargetLayout::Flipped, &args.common),
        &args.common,
    )
}
