//! Opens regular files only. FIFOs, sockets and devices are refused by name and never waited for.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// Opens a regular file for reading.
///
/// # Errors
/// Of the system; `is a FIFO, expected a file` and the like for anything else.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Opening a FIFO waits for its writer, so look first; look again, because it may have been exchanged.
    expect_file(&path.metadata()?)?;
    let file = File::open(path)?;
    expect_file(&file.metadata()?)?;
    Ok(file)
}

/// Fails unless this is a regular file.
pub(crate) fn expect_file(found: &Metadata) -> io::Result<()> {
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::Error::other(format!("is {}, expected a file", kind(found))));
    }
    Ok(())
}

/// What something in a file system is, with its article.
pub(crate) fn kind(found: &Metadata) -> &'static str {
    let kind = found.file_type();
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let special = [
            (kind.is_fifo(), "a FIFO"),
            (kind.is_socket(), "a socket"),
            (kind.is_char_device(), "a device"),
            (kind.is_block_device(), "a device"),
        ];
        if let Some((_, name)) = special.into_iter().find(|(is, _)| *is) {
            return name;
        }
    }
    match kind {
        k if k.is_dir() => "a directory",
        k if k.is_symlink() => "a symbolic link",
        _ => "a file",
    }
}
