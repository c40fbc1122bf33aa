//! The container of an output: an HDF5 file, a zarr folder or a zarr zip file.

use super::args::parse_size;
use super::output::{Made, is_zarr, is_zipped};
use annmap::tree::{Libver, OutputFormat, ZarrFormat, ZarrVersion};
use annmap::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output options")]
pub(crate) struct ContainerArgs {
    /// Container of the output [default: zarr if OUT ends in .zarr or .zarr.zip, h5ad otherwise]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(super) to: Option<ToArg>,
    /// HDF5 structures to write: readable by every HDF5 version (earliest, the default), or with checksums, for
    /// HDF5 1.10 and later (latest)
    #[arg(long, value_enum, value_name = "WHICH")]
    libver: Option<LibverArg>,
    /// Version of zarr to write: 3 (the default) or 2, for programs that cannot read 3
    #[arg(long, value_parser = parse_version, value_name = "N")]
    zarr_format: Option<ZarrVersion>,
    /// Put chunks of zarr together into shards of about this size before compression (64M by default), or none: each
    /// chunk is a file of its own
    #[arg(long, value_parser = parse_shard, value_name = "SIZE|none")]
    shard: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ToArg {
    H5ad,
    Zarr,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LibverArg {
    Earliest,
    Latest,
}

fn parse_version(text: &str) -> Result<ZarrVersion, String> {
    match text {
        "2" => Ok(ZarrVersion::V2),
        "3" => Ok(ZarrVersion::V3),
        _ => Err("expected 2 or 3".into()),
    }
}

fn parse_shard(text: &str) -> Result<u64, String> {
    if text == "none" { Ok(0) } else { parse_size(text) }
}

impl ContainerArgs {
    /// The path that OUT, as given, stands for. `input` is the one input whose name the output may get.
    ///
    /// # Errors
    /// As [`Made::path`].
    pub(super) fn path(&self, output: &Path, input: Option<&Path>) -> Result<PathBuf> {
        let made = if self.to == Some(ToArg::Zarr) { Made::Zarr } else { Made::File };
        made.path(output, input)
    }

    /// The container of the output at `output`.
    ///
    /// # Errors
    /// `Usage` for options of the other container, and for a name that says another one than `--to`.
    pub(super) fn format(&self, output: &Path) -> Result<OutputFormat> {
        let wanted = match self.to {
            Some(ToArg::H5ad) if is_zarr(output) => {
                let text = "expected the name of an h5ad, as --to says, got that of a zarr store";
                return Err(Error::usage(text).in_file(output));
            }
            Some(to) => to == ToArg::Zarr,
            None => is_zarr(output),
        };
        let other = |option: &str, container: &str| {
            let text = format!("{option} is for {container}, and the output is not (see --to)");
            Err(Error::usage(text).in_file(output))
        };
        if !wanted {
            if self.zarr_format.is_some() {
                return other("--zarr-format", "zarr");
            }
            if self.shard.is_some() {
                return other("--shard", "zarr");
            }
            return Ok(OutputFormat::Hdf5(match self.libver {
                Some(LibverArg::Latest) => Libver::Latest,
                _ => Libver::Earliest,
            }));
        }
        if self.libver.is_some() {
            return other("--libver", "HDF5");
        }
        let default = ZarrFormat::default();
        let version = self.zarr_format.unwrap_or(default.version);
        if version == ZarrVersion::V2 && self.shard.is_some_and(|n| n > 0) {
            return Err(Error::usage("version 2 of zarr has no shards (--shard)").in_file(output));
        }
        let shard = self.shard.unwrap_or(default.shard);
        Ok(OutputFormat::Zarr(ZarrFormat { version, shard, zip: is_zipped(output) }))
    }
}
