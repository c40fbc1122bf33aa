//! What OUT becomes, by its ending and the kind of command: one rule for all commands.
//!
//! * A command makes either an HDF5 file or a store, which is a directory; `subset` makes what the ending says.
//! * OUT that is a directory and no store gets the output put into it, under the input's name, as with `cp`.
//! * OUT with an ending of the other kind is refused with the command that makes that kind, unless it is the name
//!   of such an output already.

use annmap::dataset::{Dataset, Flavour};
use annmap::store::Store;
use annmap::{Error, Kind, Result};
use std::path::{Path, PathBuf};

/// What a command makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// An HDF5 file, or a zarr store if the name says so.
    File,
    /// A zarr store, whatever the name.
    Zarr,
    /// A store.
    Store,
}

/// The rule, for `--help`.
pub(crate) const RULE: &str = "OUT: upgrade, export, concat and synth write an HDF5 file, or zarr if OUT ends in .zarr (a \
folder) or .zarr.zip; convert and transpose make a store (a directory); subset writes a file or zarr if OUT ends in .h5ad, \
.h5mu, .h5, .hdf5, .zarr or .zarr.zip and makes a store otherwise. MuData makes an .h5mu or zarr. If OUT is a directory that is \
no store, the output is put into it under the input's name. --force replaces a file or a store, never another directory. A \
link to a file is followed.";

/// Endings of HDF5 files that are written.
const FILES: [&str; 4] = ["h5ad", "h5mu", "h5", "hdf5"];
/// Other endings that no store has.
const OTHER_FILES: [&str; 1] = ["loom"];
/// The ending of stores.
const STORES: [&str; 1] = ["store"];
/// Endings that an input's name loses when an output is named after it, the outer one first.
const LOST: [&str; 13] =
    ["gz", "zip", "zarr", "h5ad", "h5", "hdf5", "h5mu", "loom", "mtx", "csv", "tsv", "txt", "store"];

impl Made {
    /// What `subset` makes under the name `output`.
    pub(crate) fn by_ending(output: &Path) -> Made {
        // Without a name of its own, the output gets that of an h5ad.
        let file = ends_in(output, &FILES) || is_zarr(output) || is_other_directory(output);
        if file { Made::File } else { Made::Store }
    }

    /// The path that OUT, as given, stands for. `input` is the one input whose name the output may get.
    ///
    /// # Errors
    /// `Usage` for `-` and for an ending of the other kind; `Io` for a directory if there is no one input.
    pub(crate) fn path(self, output: &Path, input: Option<&Path>) -> Result<PathBuf> {
        expect_name(output)?;
        if is_other_directory(output) {
            let name = input.and_then(|input| self.named_after(input)).ok_or_else(|| {
                let text = "is a directory, expected the name of the file to write";
                Error::new(Kind::Io, text).in_file(output)
            })?;
            return Ok(output.join(name));
        }
        let exists = !Store::find(output).is_empty();
        let closed = output.as_os_str().to_string_lossy().ends_with('/');
        let closed = closed && !(self == Made::Zarr || is_zarr(output));
        let wrong = match self {
            Made::File | Made::Zarr => (ends_in(output, &STORES) || closed).then_some(
                "expected the name of a file, got that of a directory (convert and transpose make stores)",
            ),
            Made::Store => {
                let other = ends_in(output, &FILES) || ends_in(output, &OTHER_FILES) || is_zarr(output);
                other.then_some(
                    "expected the name of a store, which is a directory, got that of a file (upgrade writes an h5ad or zarr)",
                )
            }
        };
        match wrong {
            Some(text) if !exists => Err(Error::usage(text).in_file(output)),
            _ => Ok(output.to_owned()),
        }
    }

    /// Name of an output that is made from `input`; `None` if that has no name (`-`, `/`).
    fn named_after(self, input: &Path) -> Option<String> {
        let full = input.canonicalize().ok()?;
        // The name as given, not that of what a link points to.
        let name = input.file_name().or(full.file_name())?.to_string_lossy().into_owned();
        let mut stem = name.as_str();
        for ending in LOST {
            let cut =
                stem.len().checked_sub(ending.len() + 1).filter(|at| *at > 0 && stem.is_char_boundary(*at));
            if let Some(at) =
                cut.filter(|at| stem[*at..].strip_prefix('.').is_some_and(|e| e.eq_ignore_ascii_case(ending)))
            {
                stem = &stem[..at];
                if !matches!(ending, "gz" | "zip") {
                    break;
                }
            }
        }
        let ending = match self {
            Made::File => "h5ad",
            Made::Zarr => "zarr",
            Made::Store => "store",
        };
        Some(format!("{stem}.{ending}"))
    }
}

/// Refuses a name that says h5ad for MuData, or h5mu for anything else. `output` is what [`Made::path`] found for
/// OUT as `given`; the name that it made itself is changed instead.
///
/// # Errors
/// `Usage` with the modalities of MuData.
pub(crate) fn of_kind(output: PathBuf, given: &Path, input: &Dataset, matrix: &str) -> Result<PathBuf> {
    match input.anndata().filter(|_| is_mudata(input, matrix)) {
        Some(_) if output != given && ends_in(&output, &["h5ad"]) => Ok(output.with_extension("h5mu")),
        Some(data) if ends_in(&output, &["h5ad"]) => {
            let names = data.modality_names()?;
            let first = names.first().map_or("NAME", String::as_str);
            let text = format!(
                "the name says h5ad, and MuData with the modalities {} makes an .h5mu (--matrix mod/{first} \
                 writes one modality as an h5ad)",
                names.join(", ")
            );
            Err(Error::usage(text).in_file(&output))
        }
        None if ends_in(&output, &["h5mu"]) => {
            let text = "the name says MuData, and what is written is an AnnData: an .h5ad";
            Err(Error::usage(text).in_file(&output))
        }
        _ => Ok(output),
    }
}

/// Whether a command that writes the matrix `matrix` as `X` writes all modalities of MuData.
pub(crate) fn is_mudata(input: &Dataset, matrix: &str) -> bool {
    matrix == "X" && input.anndata().is_some_and(|data| data.flavour() == Flavour::MuData)
}

/// The path of a directory into which a command writes several files.
///
/// # Errors
/// `Usage` for `-`; `Io` for a store, which holds nothing else.
pub(crate) fn directory(output: &Path) -> Result<PathBuf> {
    expect_name(output)?;
    if !Store::find(output).is_empty() {
        let text = "is a store, expected a directory for the files";
        return Err(Error::new(Kind::Io, text).in_file(output));
    }
    Ok(output.to_owned())
}

/// Refuses standard output.
fn expect_name(output: &Path) -> Result<()> {
    if output == Path::new("-") {
        let text =
            "expected the name of an output, got standard output, which cannot be written at positions";
        return Err(Error::usage(text).in_file(output));
    }
    Ok(())
}

/// Whether the name is that of a zarr store: a folder, or a zip file.
pub(crate) fn is_zarr(path: &Path) -> bool {
    ends_in(path, &["zarr"]) || is_zipped(path)
}

/// Whether the name is that of a zarr store in a zip file.
pub(crate) fn is_zipped(path: &Path) -> bool {
    ends_in(path, &["zip"]) && path.file_stem().is_some_and(|stem| ends_in(Path::new(stem), &["zarr"]))
}

fn ends_in(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|e| endings.contains(&e.as_str()))
}

/// Whether this is a directory that neither is a store or zarr nor looks like a damaged one.
fn is_other_directory(path: &Path) -> bool {
    let parts = ["data.bin", "zarr.json", ".zgroup", ".zarray"];
    path.is_dir() && Store::find(path).is_empty() && !parts.iter().any(|part| path.join(part).exists())
}
