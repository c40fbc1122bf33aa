//! A map of an HDF5 file for readers of zarr: kerchunk references, version 1.
//!
//! ```text
//!  Container ──▶ groups ──▶ arrays ──▶ ranges of the file, or bytes ──▶ one JSON file
//! ```
//!
//! In comes an HDF5 file of any kind, from [`tree`](crate::tree). Out goes JSON that stands for a zarr store of
//! version 2 whose chunks are ranges of that file: zarr, anndata and xarray read it in parallel and over HTTP, without
//! HDF5. No element of a mapped array is read or decoded. See `spec/index.md`.
//!
//! * `groups` – the walk, and what is left out together;
//! * `array` – one array: `numpy_type` (its type), `steps` (its filters as codecs), `pieces` (how a single piece is
//!   cut), `inlined` (elements that have to be in the map);
//! * `attributes` – attributes as JSON; `map` – the file.

mod array;
mod attributes;
mod groups;
mod inlined;
mod map;
mod numpy_type;
mod pieces;
mod steps;

use crate::dataset::refuse_overwriting;
use crate::error::{Error, Place, Result};
use crate::limits::Limits;
use crate::matrix::Budget;
use crate::observe::{LeftOut, Observer, Phase, Recorder, Verb};
use crate::tree::Container;
use array::Planner;
use groups::Walker;
use map::MapWriter;
use std::path::{Path, PathBuf};

/// How a map is made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IndexOptions {
    /// Where readers of the map find the file; by default its absolute path.
    pub url: Option<String>,
    /// Bytes of one array that the map may hold where they are not ranges of the file: strings, compounds, filters
    /// that zarr does not know. What needs more is left out. Default 64 MiB.
    pub inline_bytes: u64,
    /// Replace an existing output.
    pub force: bool,
    /// Limits on what the file may make the parser allocate.
    pub limits: Limits,
    /// Memory for the chunk index of one array.
    pub budget: Budget,
}

impl Default for IndexOptions {
    fn default() -> Self {
        IndexOptions {
            url: None,
            inline_bytes: 64 << 20,
            force: false,
            limits: Limits::default(),
            budget: Budget::default(),
        }
    }
}

/// Report of a map that was written.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct IndexReport {
    /// Path of the map.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::report::path"))]
    pub output: PathBuf,
    /// Where the map says that the file is.
    pub url: String,
    /// Size of the map in bytes.
    pub bytes: u64,
    /// Number of arrays.
    pub arrays: u64,
    /// Number of chunks that are ranges of the file.
    pub ranges: u64,
    /// Bytes of the file in these ranges.
    pub range_bytes: u64,
    /// Bytes of elements that are in the map itself, before they are compressed.
    pub inlined_bytes: u64,
    /// What the map lacks.
    pub left_out: Vec<LeftOut>,
}

/// Writes a map of the HDF5 file `input` to `output`.
///
/// What a map cannot express is left out with a warning, an element of AnnData always as a whole.
///
/// # Errors
/// `NotHdf5` or `Unsupported` if `input` is no HDF5 file (zarr is what the map would make of it); `Malformed` if it is
/// damaged; `Usage` if its path has no text, or it is the output too; `Limit` for groups nested too deeply, and for a
/// chunk index larger than the budget; errors of reading and writing. After an error `output` is as it was before.
pub fn index(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    options: &IndexOptions,
    observer: &dyn Observer,
) -> Result<IndexReport> {
    let (input, output) = (input.as_ref(), output.as_ref());
    let url = match &options.url {
        Some(url) => url.clone(),
        None => absolute(input)?,
    };
    let container = Container::open(input, options.limits.clone()).in_file(input)?;
    let root = container.root().in_file(input)?;
    if root.container_name() != "HDF5" {
        let text = "a map of a zarr store: it is one already, and read as it is";
        return Err(Error::unsupported(text).in_file(input));
    }
    refuse_overwriting(output, input)?;
    let recorder = Recorder::new(observer);
    observer.phase(&Phase::new(Verb::Writing, 0));
    let mut map = MapWriter::create(output, options.force, &url)?;
    let planner = Planner { most: options.inline_bytes, budget: options.budget, observer: &recorder };
    let totals = Walker::new(&mut map, planner).write(&root).in_file(input)?;
    let (ranges, range_bytes) = (map.ranges, map.referred);
    map.finish()?;
    Ok(IndexReport {
        output: output.to_owned(),
        url,
        bytes: output.metadata().map_or(0, |m| m.len()),
        arrays: totals.arrays,
        ranges,
        range_bytes,
        inlined_bytes: totals.inlined,
        left_out: recorder.finish().left_out,
    })
}

/// The absolute path of `input`, links not followed.
fn absolute(input: &Path) -> Result<String> {
    let path = std::path::absolute(input).map_err(|e| Error::io("find", e)).in_file(input)?;
    path.into_os_string().into_string().map_err(|_| {
        Error::usage("the path is no text, so that the map needs a URL for the file").in_file(input)
    })
}
