//! Splits one file into many by rows: compressed rows are read once, and each is written to its file.

use super::file::FileExport;
use super::{ExportOptions, ExportRun, chosen, decided, export, modality, mudata};
use crate::anndata::{AnnDataWriter, SparseChunks, SparseSink, StoredMatrix};
use crate::dataset::Dataset;
use crate::dataset::{AnnData, Flavour};
use crate::dtype::ValueDtype;
use crate::error::{Error, Place, Result};
use crate::matrix::{
    Block, Budget, CastValues, Layout, Orientation, Selected, Selection, Sink, Source, Values, pump,
};
use crate::observe::{Observer, Phase, Recorder, Verb};
use crate::report::FileReport;
use crate::transpose;
use crate::tree::Location;
use std::path::PathBuf;

/// Files written at the same time. Each is open, and many systems allow a process 1024 open files.
pub(super) const FILES_AT_ONCE: usize = 200;

/// Writes each of `parts`, a path and a selection, as an h5ad file. Parts select the same columns and have no
/// row in common. Returns a report for each part.
///
/// Files are written in batches of at most 200, or as many as the options say; the files of a batch appear together, once all of them are
/// complete. Inputs other than AnnData since 0.7, and all if a target is set, are read once for each part, and their files appear one by one.
///
/// # Errors
/// `Usage` if parts have a row in common or select different columns; otherwise those of [`export`].
pub fn split(
    input: &Dataset,
    parts: &[(PathBuf, Selection)],
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<Vec<FileReport>> {
    let recorder = Recorder::new(observer);
    let observer: &dyn Observer = &recorder;
    if parts.windows(2).any(|p| p[0].1.var != p[1].1.var) {
        return Err(Error::usage("expected the same columns in all parts, got different ones"));
    }
    parts.iter().try_for_each(|(path, _)| input.refuse_as_output(path))?;
    let columns = Selection { obs: None, var: parts.first().and_then(|(_, s)| s.var.clone()) };
    let options = &of_all_rows(input, &columns, options, observer)?;
    let data = match input.anndata() {
        Some(data)
            if matches!(data.flavour(), Flavour::AnnData | Flavour::AnnData07)
                && options.genome.is_none()
                && options.target.is_none()
                && options.matrix == "X" =>
        {
            data
        }
        _ => return parts.iter().map(|(path, s)| export(input, path, s, options, observer)).collect(),
    };
    data.leave_out().check(&[data.root()]).in_file(input.path())?;
    // held, as far as they fit, so that the parts do not each read them again
    let shape = data.shape_of("X").in_file(input.path())?;
    let open = |dimension: usize| {
        let table = data.table("X", dimension, shape[dimension], observer)?;
        table.held(options.budget.bytes / 8, observer)
    };
    let tables = [open(0).in_file(input.path())?, open(1).in_file(input.path())?];
    let mut shapes = Vec::with_capacity(parts.len());
    for parts in parts.chunks(options.open_files.clamp(1, FILES_AT_ONCE)) {
        let mut runs = Vec::with_capacity(parts.len());
        for (path, selection) in parts {
            let create =
                |storage| AnnDataWriter::create(path, options.force, storage, options.budget, observer);
            let name = "X".to_owned();
            let beside = transpose::beside(path);
            let run = ExportRun::new(Some(data), name, selection, options, observer, beside, create)?;
            runs.push(run);
        }
        matrices(data, &mut runs, options, observer).in_file(input.path())?;
        for run in &mut runs {
            FileExport { run, data, tables: Some(&tables) }.tables_and_matrices().in_file(input.path())?;
        }
        runs.into_iter().try_for_each(|run| run.finish().map(|shape| shapes.push(shape)))?;
    }
    let recorded = recorder.finish();
    let report = |((path, _), shape): (&(PathBuf, Selection), [u64; 2])| {
        FileReport::new(path, shape, recorded.clone())
    };
    Ok(parts.iter().zip(shapes).map(report).collect())
}

/// The options with one type for the values of all parts, if they say that it is to be found.
fn of_all_rows(
    input: &Dataset,
    columns: &Selection,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<ExportOptions> {
    if options.dtype != ValueDtype::Auto {
        return Ok(options.clone());
    }
    if mudata::whole(input, options).is_some() {
        return Ok(options.clone());
    }
    let modality = modality(input, options)?;
    let (input, matrix) = modality.as_ref().map_or((input, &options.matrix), |(data, name)| (data, name));
    let (matrix, narrowed) = chosen(input, matrix, columns, options, observer)?;
    decided(input, &matrix, narrowed.as_ref().unwrap_or(columns), options, observer)
}

/// Writes the compressed rows of all CSR matrices, to as many files at a time as the budget allows. Other
/// matrices are left to [`FileExport`], and all of them if those that cannot be read are to be left out.
fn matrices(
    data: &AnnData,
    runs: &mut [ExportRun<'_>],
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<()> {
    let keeps_rows = options.layout.is_none_or(|l| l == Orientation::Csr);
    if data.leave_out().unreadable {
        return Ok(());
    }
    for name in data.matrix_names()? {
        let of_cells = name == "X" || name == "raw/X" || name.starts_with("layers/");
        let element = match data.matrix(&name) {
            _ if data.leave_out().names(&name) => continue,
            Ok(StoredMatrix::Sparse(s)) if of_cells && keeps_rows && s.orientation() == Orientation::Csr => s,
            _ => continue,
        };
        let source = element.source()?;
        let genes =
            if name == "raw/X" { None } else { runs.first().and_then(|r| r.selection.var.as_deref()) };
        let source = Selected::new(&source, None, genes, options.budget, observer)?;
        let cast = runs.first().and_then(|run| run.cast).filter(|_| name == "X");
        let cast = cast.map(|(dtype, policy)| CastValues::new(&source, dtype, policy));
        let source: &dyn Source = cast.as_ref().map_or(&source, |cast| cast);
        // half of the budget is for the chunks of the outputs: being filled, being encoded, waiting
        let each = options.chunk.min(source.layout().entries.max(1)) * 16 * 4;
        let at_once = (options.budget.bytes / 2 / each.max(1)).max(1);
        for batch in runs.chunks_mut(usize::try_from(at_once).unwrap_or(usize::MAX)) {
            distribute(source, &name, batch, Budget::new(options.budget.bytes / 2), observer)?;
        }
    }
    Ok(())
}

/// Where a row goes: the index of the file, and the row's number there.
type Destination = Option<(u32, u64)>;

/// Distributes the rows of one matrix over the files of `runs`.
fn distribute(
    source: &dyn Source,
    name: &str,
    runs: &mut [ExportRun<'_>],
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
    let sink = SplitSink { places, pointers: &pointers, sinks: sinks? };
    let made = pump(source, sink, budget, observer)?;
    for (((run, chunks), layout), pointers) in runs.iter_mut().zip(made).zip(&layouts).zip(&pointers) {
        run.writer.sparse_done(&at, layout, pointers, chunks)?;
        run.ready.insert(name.to_owned());
    }
    Ok(())
}

/// A sink that passes each line on to the sink of its file.
struct SplitSink<'p, 'w> {
    places: Vec<Destination>,
    pointers: &'p [Vec<u64>],
    sinks: Vec<SparseSink<'w>>,
}

impl Sink for SplitSink<'_, '_> {
    type Done = Vec<SparseChunks>;

    fn block(&self, block: &Block<'_>) -> Result<()> {
        let size = block.values.dtype.size();
        for line in block.lines() {
            let Some((file, row)) = self.places[line.number] else { continue };
            let pointers = &self.pointers[file as usize];
            // a block may begin inside a line: keep the distance from the line's beginning
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
