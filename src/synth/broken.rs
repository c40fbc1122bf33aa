//! Files with one thing wrong, to see what programs make of them.

use super::counts::Counts;
use crate::anndata::AnnDataWriter;
use crate::error::{Error, Place, Result};
use crate::hdf5;
use crate::matrix::{Buffer, Layout, Source};
use crate::table::Frame;
use crate::tree::Location;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A gene index beyond the last gene.
    Index,
    /// Indices of one cell that do not ascend.
    Unsorted,
    /// The same gene twice in one cell.
    Duplicate,
    /// A value that is not a number.
    Nan,
    /// `obsm/X_pca` with one row too many.
    Lengths,
    /// The end of the file is missing.
    Truncated,
    /// A byte in a chunk of the values changed.
    Chunk,
    /// A column that the table lists and does not have.
    Column,
}

impl Defect {
    /// All of them, by the names people use.
    pub const ALL: [(&'static str, Defect); 8] = [
        ("index", Defect::Index),
        ("unsorted", Defect::Unsorted),
        ("duplicate", Defect::Duplicate),
        ("nan", Defect::Nan),
        ("lengths", Defect::Lengths),
        ("truncated", Defect::Truncated),
        ("chunk", Defect::Chunk),
        ("column", Defect::Column),
    ];
}

impl Defect {
    /// Whether entries of the matrix are not what they should be.
    pub(super) fn spoils_entries(self) -> bool {
        matches!(self, Defect::Index | Defect::Unsorted | Defect::Duplicate | Defect::Nan)
    }
}

/// Counts of which the first cell with two genes or more is spoilt.
pub(super) struct Spoilt<'c> {
    from: &'c Counts,
    how: Option<Defect>,
    /// The entries of that cell.
    cell: Range<u64>,
}

impl<'c> Spoilt<'c> {
    pub(super) fn new(from: &'c Counts, how: Option<Defect>) -> Self {
        let wide = from.pointers().windows(2).find(|w| w[1] - w[0] > 1);
        Spoilt { from, how, cell: wide.map_or(0..0, |w| w[0]..w[1]) }
    }
}

impl Source for Spoilt<'_> {
    fn layout(&self) -> &Layout {
        self.from.layout()
    }

    fn pointers(&self) -> &[u64] {
        self.from.pointers()
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        self.from.cut(start, target)
    }

    fn largest_block(&self, target: u64) -> u64 {
        self.from.largest_block(target)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        self.from.read(range.clone(), into)?;
        if self.cell.is_empty()
            || !range.contains(&self.cell.start)
            || !range.contains(&(self.cell.start + 1))
        {
            return Ok(());
        }
        let (i, size) = ((self.cell.start - range.start) as usize, self.layout().dtype.size());
        match self.how {
            // passed on as checked by the source below, or it would not get into the file
            Some(Defect::Index) => into.minor[i + 1] = self.layout().minor as u32 + 7,
            Some(Defect::Unsorted) => into.minor.swap(i, i + 1),
            Some(Defect::Duplicate) => into.minor[i + 1] = into.minor[i],
            Some(Defect::Nan) if self.layout().dtype.is_float() => {
                // all bits set are a NaN of every width
                into.values[i * size..(i + 1) * size].fill(0xff);
            }
            _ => {}
        }
        Ok(())
    }

    fn resident_bytes(&self) -> u64 {
        self.from.resident_bytes()
    }
}

/// Writes the table of cells, perhaps without a column that it lists.
pub(super) fn write_obs(writer: &mut AnnDataWriter<'_>, obs: &Frame, how: Option<Defect>) -> Result<()> {
    let at = Location::root().child("obs");
    match how {
        Some(Defect::Column) => writer.frame_listing(&at, obs, &["lost"]),
        _ => writer.frame(&at, obs),
    }
}

/// What can only be done to a finished file.
pub(super) fn damage(path: &Path, how: Option<Defect>) -> Result<()> {
    match how {
        Some(Defect::Truncated) => change(path, |file, len| file.set_len(len - len / 4)),
        Some(Defect::Chunk) => {
            let x = hdf5::File::open(path)?.object("/X")?;
            let values = if x.is_dataset() { x.dataset()? } else { x.descend("data")?.dataset()? };
            let Some(place) = values.chunk_extent(0)? else {
                return Err(Error::usage("there is no chunk to break").in_file(path));
            };
            let at = place.start + (place.end - place.start) / 2;
            change(path, |file, _| {
                let mut byte = [0];
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut byte)?;
                file.seek(SeekFrom::Start(at))?;
                file.write_all(&[!byte[0]])
            })
        }
        _ => Ok(()),
    }
}

fn change(path: &Path, how: impl FnOnce(&mut File, u64) -> std::io::Result<()>) -> Result<()> {
    let open = File::options().read(true).write(true).open(path);
    let done = open.and_then(|mut file| {
        let len = file.metadata()?.len();
        how(&mut file, len)
    });
    done.map_err(|e| Error::io("write", e)).in_file(path)
}
