//! Inputs by path, or from standard input where the path is `-`.

use super::common::Common;
use annmap::dataset::Dataset;
use annmap::{Error, Kind, Observer, Result};
use std::path::Path;

/// Whether `path` stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Opens the input at `path`. Standard input is copied to a temporary file first: in `--tmpdir`, or beside `output`.
pub(crate) fn open(
    path: &Path,
    output: Option<&Path>,
    common: &Common,
    observer: &dyn Observer,
) -> Result<Dataset> {
    let directory = temporary(output, common);
    let opened = match is_stdin(path) {
        false => Dataset::open_with(path, common.limits())?,
        true => Dataset::from_stream(&mut std::io::stdin().lock(), directory, common.limits(), observer)?,
    };
    Ok(opened.temporary(directory))
}

/// Where temporary files go: to `--tmpdir`, or beside `output`.
pub(crate) fn temporary<'p>(output: Option<&'p Path>, common: &'p Common) -> &'p Path {
    let beside = output.and_then(Path::parent).filter(|p| !p.as_os_str().is_empty());
    common.tmpdir.as_deref().or(beside).unwrap_or(Path::new("."))
}

/// Refuses a list of names that would be waited for. What does not exist is a list itself, and not refused.
///
/// # Errors
/// `Io` if `path` is a FIFO, a socket or a device.
pub(crate) fn expect_names(path: &Path) -> Result<()> {
    match path.metadata() {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            let text = "is a FIFO, a socket or a device, expected a file with one name per line";
            Err(Error::new(Kind::Io, text).in_file(path))
        }
        _ => Ok(()),
    }
}

/// Refuses standard input for a command that only reads files.
///
/// # Errors
/// `Usage` if `path` is `-`.
pub(crate) fn expect_path(path: &Path) -> Result<()> {
    if is_stdin(path) {
        let text =
            "expected a file, got standard input, which convert, transpose, upgrade, subset and concat read";
        return Err(Error::usage(text).in_file(path));
    }
    Ok(())
}
