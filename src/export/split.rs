//! One file into many: compressed rows are read once, and each goes to the file it is for.

use super::file::File;
use super::{ExportOptions, Run, export};
use crate::anndata::{SparseChunks, SparseSink, StoredMatrix};
use crate::dataset::Dataset;
use crate::dataset::{AnnData, Flavour};
use crate::error::{Error, Place, Result};
use crate::matrix::{Block, Budget, Layout, Orientation, Selected, Selection, Sink, Source, Values, pump};
use crate::observe::{Observer, Phase, Recorder, Verb};
use crate::report::FileReport;
use crate::tree::Location;
use std::path::PathBuf;

/// Files that are written at once: each is open, and a process may have a thousand files open.
const OPEN: usize = 200;

/// Writes rows of `input` to as many files as there are `parts`, which have no row in common and the same columns, 200 of
/// them at a time. Those appear when all of them are whole.
///
/// # Errors
/// As [`export`]; `Usage` where parts have rows in common or other columns than each other.
pub fn split(
    input: &Dataset,
    parts: &[(PathBuf, Selection)],
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<Vec<FileReport>> {
    let recorder = Recorder::new(observer);
    let observer: &dyn Observer = &recorder;
    if parts.windows(2).any(|p| p[0].1.var != p[1].1.var) {
        return Err(Error::usage("parts of a file that is split have the same columns"));
    }
    let data = match input.anndata() {
        Some(data)
            if matches!(data.flavour(), Flavour::AnnData | Flavour::AnnData07)
                && options.genome.is_none() =>
        {
            data
        }
        _ => return parts.iter().map(|(path, s)| export(input, path, s, options, observer)).collect(),
    };
    // held here, so that each part does not read them again
    let _tables = data.frames("X", data.shape_of("X")?, observer).in_file(input.path())?;
    let mut shapes = Vec::with_capacity(parts.len());
    for parts in parts.chunks(OPEN) {
        let mut runs = Vec::with_capacity(parts.len());
        for (path, selection) in parts {
            runs.push(Run::new(Some(data), path, "X".into(), selection, options, observer)?);
        }
        matrices(data, &mut runs, options, observer).in_file(input.path())?;
        for run in &mut runs {
            File { run, data }.tables_and_matrices().in_file(input.path())?;
        }
        runs.into_iter().try_for_each(|run| run.finish().map(|shape| shapes.push(shape)))?;
    }
    let left_out = recorder.finish();
    let report = |((path, _), shape): (&(PathBuf, Selection), [u64; 2])| {
        FileReport::new(path, shape, left_out.clone())
    };
    Ok(parts.iter().zip(shapes).map(report).collect())
}

/// Writes the compressed rows of all matrices to all files, as many files at a time as the budget allows.
fn matrices(
    data: &AnnData,
    runs: &mut [Run<'_>],
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<()> {
    let keeps_rows = options.layout.is_none_or(|l| l == Orientation::Csr);
    for name in data.matrix_names()? {
        let of_cells = name == "X" || name == "raw/X" || name.starts_with("layers/");
        let element = match data.matrix(&name) {
            Ok(StoredMatrix::Sparse(s)) if of_cells && keeps_rows && s.orientation() == Orientation::Csr => s,
            _ => continue,
        };
        let source = element.source()?;
        let genes =
            if name == "raw/X" { None } else { runs.first().and_then(|r| r.selection.var.as_deref()) };
        let source = Selected::new(&source, None, genes, options.budget, observer)?;
        // chunks that are filled, encoded and waiting: half of the budget is for them
        let each = options.chunk.min(source.layout().entries.max(1)) * 16 * 4;
        let at_once = (options.budget.bytes / 2 / each.max(1)).max(1);
        for batch in runs.chunks_mut(usize::try_from(at_once).unwrap_or(usize::MAX)) {
            one(&source, &name, batch, Budget::new(options.budget.bytes / 2), observer)?;
        }
    }
    Ok(())
}

/// Where a row goes: the file, and its number there.
type Destination = Option<(u32, u64)>;

fn one(
    source: &dyn Source,
    name: &str,
    runs: &mut [Run<'_>],
    budget: Budget,
    observer: &dyn Observer,
) -> Result<()> {
    let from = source.pointers();
    let mut places: Vec<Destination> = vec![None; source.layout().lines as usize];
    let mut pointers = Vec::new();
    for (file, run) in (0u32..).zip(runs.iter()) {
        let all;
        let rows = match &run.selection.obs {
            Some(rows) => rows,
            None => {
                all = (0..source.layout().lines).collect();
                &all
            }
        };
        let mut ends = vec![0u64];
        for (new, row) in (0u64..).zip(rows) {
            match places.get_mut(*row as usize) {
                Some(place @ None) => *place = Some((file, new)),
                Some(_) => return Err(Error::usage(format!("row {row} is in two parts"))),
                None => return Err(Error::not_found(format!("there is no row {row}"))),
            }
            ends.push(ends[new as usize] + from[*row as usize + 1] - from[*row as usize]);
        }
        pointers.push(ends);
    }
    let layouts: Vec<Layout> = pointers
        .iter()
        .map(|p| Layout { lines: p.len() as u64 - 1, entries: p[p.len() - 1], ..*source.layout() })
        .collect();
    let layout = source.layout();
    let bytes = layout.bytes();
    observer.phase(&Phase::new(Verb::Splitting, bytes).of(name));
    let at = Location::from_path(name);
    let sinks: Result<Vec<SparseSink<'_>>> =
        runs.iter_mut().zip(&layouts).map(|(run, l)| run.writer.sparse_sink(&at, l)).collect();
    let apart = Apart { places, pointers: &pointers, sinks: sinks? };
    let made = pump(source, apart, budget, observer)?;
    for (((run, chunks), layout), pointers) in runs.iter_mut().zip(made).zip(&layouts).zip(&pointers) {
        run.writer.sparse_done(&at, layout, pointers, chunks)?;
        run.ready.insert(name.to_owned());
    }
    Ok(())
}

/// A sink that gives each line to the sink it is for.
struct Apart<'p, 'w> {
    places: Vec<Destination>,
    pointers: &'p [Vec<u64>],
    sinks: Vec<SparseSink<'w>>,
}

impl Sink for Apart<'_, '_> {
    type Done = Vec<SparseChunks>;

    fn block(&self, block: &Block<'_>) -> Result<()> {
        let size = block.values.dtype.size();
        for line in block.lines() {
            let Some((file, row)) = self.places[line.number] else { continue };
            let pointers = &self.pointers[file as usize];
            // a line may be cut: its part here lies as far behind its beginning there
            let behind = block.entries.start + line.range.start as u64 - block.pointers[line.number];
            let start = pointers[row as usize] + behind;
            let values = &block.values.bytes[line.range.start * size..line.range.end * size];
            self.sinks[file as usize].block(&Block {
                orientation: block.orientation,
                entries: start..start + line.range.len() as u64,
                pointers,
                minor: &block.minor[line.range],
                values: Values { dtype: block.values.dtype, bytes: values },
            })?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Self::Done> {
        self.sinks.into_iter().map(Sink::finish).collect()
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        self.sinks.first().map_or(0, |s| s.working_bytes(entries))
    }
}
