//! Datasets from many files at once, and from a stream.

use super::Dataset;
use super::open::Content;
use crate::bytes::commit::Pending;
use crate::bytes::pool::OpenFiles;
use crate::error::{Error, Place, Result};
use crate::limits::Limits;
use crate::observe::Observer;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Bytes copied from a stream between two checks for cancellation.
const PIECE: usize = 1 << 20;

impl Dataset {
    /// Opens all `paths`, of whose HDF5 files at most `open_files` are open at any time: the others are closed
    /// and opened again when they are read.
    ///
    /// # Errors
    /// As [`open`](Self::open), for the first path that cannot be opened.
    pub fn open_all<P: AsRef<Path>>(paths: &[P], limits: Limits, open_files: usize) -> Result<Vec<Self>> {
        let pool = (paths.len() > open_files).then(|| OpenFiles::new(open_files));
        let open = |path: &P| Self::open_pooled(path.as_ref(), limits.clone(), pool.as_ref());
        paths.iter().map(open).collect()
    }

    fn open_pooled(path: &Path, limits: Limits, pool: Option<&Arc<OpenFiles>>) -> Result<Self> {
        let content = Content::open(path, limits, pool)?;
        Ok(Self::of_content(content, path))
    }

    /// Opens what a stream holds, in any of the formats, after copying it to a temporary file in `directory`. The
    /// file is removed when the dataset is dropped.
    ///
    /// # Errors
    /// As [`open`](Self::open); `Io` if the stream cannot be read or the disk is full; `Cancelled`.
    pub fn from_stream(
        from: &mut dyn Read,
        directory: &Path,
        limits: Limits,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let spooled = Pending::scratch(&directory.join("stdin"))?;
        let path = spooled.path().join("stdin");
        let mut to = File::create_new(&path).map_err(|e| Error::io("create", e)).in_file(&path)?;
        let mut piece = vec![0; PIECE];
        loop {
            observer.check_cancelled()?;
            let n = match from.read(&mut piece) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                read => read.map_err(|e| Error::io("read standard input", e))?,
            };
            if n == 0 {
                break;
            }
            to.write_all(&piece[..n]).map_err(|e| Error::io("write", e)).in_file(&path)?;
        }
        drop(to);
        let mut opened = Self::open_with(&path, limits)?;
        opened.spooled = Some(spooled);
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Budget, Source};

    #[test]
    fn a_stream_is_a_dataset_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let names = || std::fs::read_dir(dir.path()).unwrap().count();
        let mut text: &[u8] = b"gene,g1,g2\nc1,1,2\nc2,3,0\n";
        let opened = Dataset::from_stream(&mut text, dir.path(), Limits::default(), &()).unwrap();
        let budget = Budget::new(64 << 20);
        let x = opened.matrix("X", budget, &()).unwrap();
        assert_eq!((x.layout().shape(), x.layout().entries, names()), ([2, 2], 3, 1));
        drop(x);
        drop(opened);
        assert_eq!(names(), 0);
        let mut nothing: &[u8] = b"";
        assert!(Dataset::from_stream(&mut nothing, dir.path(), Limits::default(), &()).is_err());
        assert_eq!(names(), 0);
    }
}
