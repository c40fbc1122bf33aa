//! Files with one defect each, to test what programs make of them.

use super::counts::Counts;
use crate::anndata::AnnDataWriter;
use crate::error::{Error, Place, Result};
use crate::hdf5;
use crate::matrix::{Buffer, Layout, Source};
use crate::table::{Frame, Table};
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
    /// Indices that do not ascend, in one cell.
    Unsorted,
    /// One gene twice in one cell.
    Duplicate,
    /// A NaN among the values.
    Nan,
    /// `obsm/X_pca` with one row too many.
    Lengths,
    /// The last quarter of the file is missing.
    Truncated,
    /// One changed byte in the first chunk of the values.
    Chunk,
    /// A column of `obs` that `column-order` lists and that does not exist.
    Column,
}

impl Defect {
    /// All defects with their names on the command line.
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
    /// Whether the defect is in the entries of the matrix, which are then written in CSR only.
    pub(super) fn spoils_entries(self) -> bool {
        matches!(self, Defect::Index | Defect::Unsorted | Defect::Duplicate | Defect::Nan)
    }
}

/// Counts with a defect in the first cell that has at least two genes.
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
            // set after `Counts` has marked the indices as checked, or the writer would refuse it
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

/// Writes `obs`; for [`Defect::Column`] its list of columns has one name too many.
pub(super) fn write_obs(writer: &mut AnnDataWriter<'_>, obs: &Frame, how: Option<Defect>) -> Result<()> {
    let at = Location::root().child("obs");
    match how {
        Some(Defect::Column) => writer.table_listing(&at, &Table::of(obs), &["lost"]),
        _ => writer.frame(&at, obs),
    }
}

/// Applies the defects that need a finished file.
pub(super) fn damage(path: &Path, how: Option<Defect>) -> Result<()> {
    match how {
        Some(Defect::Truncated) => change(path, |file, len| file.set_len(len - len / 4)),
        Some(Defect::Chunk) => {
            let x = hdf5::File::open(path)?.object("/X")?;
            let values = if x.is_dataset() { x.dataset()? } else { x.descend("data")?.dataset()? };
            let Some(place) = values.chunk_extent(0)? else {
                return Err(Error::usage("expected a chunk of values to change, got none").in_file(path));
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

/// Opens the file for changes and calls `how` with it and its length.
fn change(path: &Path, how: impl FnOnce(&mut File, u64) -> std::io::Result<()>) -> Result<()> {
    let open = File::options().read(true).write(true).open(path);
    let done = open.and_then(|mut file| {
        let len = file.metadata()?.len();
        how(&mut file, len)
    });
    done.map_err(|e| Error::io("write", e)).in_file(path)
}
