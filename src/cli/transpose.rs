//! `annmap transpose`: makes a store in the other layout than the input's.

use super::common::Common;
use super::convert::{MatrixArgs, execute};
use annmap::Result;
use annmap::convert::TargetLayout;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An h5ad, h5mu, 10x HDF5, loom or Matrix Market file, a directory with matrix.mtx and its names, or a
    /// store
    input: PathBuf,
    /// The store to make: a directory that does not exist yet
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
