//! The order of work: writes one element after another to the output.

use super::along_axis::AlongAxis;
use super::columns;
use super::item::Joinable;
use super::map::{IndexMap, join_names, only, refuse_repeated};
use super::mudata::MuDataInputs;
use super::of_file::of_file;
use super::parts::{ConcatInput, TemporaryFiles, open};
use super::{Axis, ConcatOptions, shape_of};
use crate::anndata::{AnnDataWriter, LeaveOut};
use crate::dataset::{AnnData, Dataset};
use crate::error::{Error, Hint, Place, Result};
use crate::matrix::Budget;
use crate::observe::{Observer, Warning};
use crate::strings::Strings;
use crate::table::{Frame, PartCodes, SuffixedNames, Table};
use crate::transpose;
use crate::tree::{Location, Node};
use std::path::Path;
use std::sync::Arc;

/// One call of [`concat`](super::concat): the opened inputs and the output.
pub(super) struct ConcatRun<'a> {
    pub(super) parts: &'a [ConcatInput],
    pub(super) options: &'a ConcatOptions,
    /// One key per input.
    pub(super) keys: &'a [String],
    pub(super) temporary: &'a TemporaryFiles,
    pub(super) budget: Budget,
    pub(super) observer: &'a dyn Observer,
    pub(super) writer: AnnDataWriter<'a>,
    /// The modalities of MuData whose common elements are joined.
    pub(super) modalities: &'a [String],
}

/// The tables of the output.
pub(super) struct JoinedTables {
    pub(super) along: AlongAxis,
    /// The names of the other axis, and where each input has them.
    pub(super) names: Strings,
    pub(super) maps: Vec<IndexMap>,
    /// Rows and columns.
    pub(super) shape: [u64; 2],
}

/// Joins `inputs` into the file at `output` and returns its `[rows, columns]`.
pub(super) fn run(
    inputs: &[Dataset],
    output: &Path,
    options: &ConcatOptions,
    keys: &[String],
    observer: &dyn Observer,
) -> Result<[u64; 2]> {
    let storage = &options.storage;
    let beside = transpose::beside(output);
    let temporary = TemporaryFiles::new(output, storage.temporary.as_deref().unwrap_or(beside));
    let how = storage.storage(inputs.first().and_then(Dataset::anndata));
    // first, so that an existing output is refused before any input is read
    let writer = AnnDataWriter::create(output, storage.force, how, storage.budget, observer)?
        .leaving_out(leave_out(inputs)?);
    let mudata = MuDataInputs::of(inputs, options, &temporary, observer)?;
    let (budget, temporary) = (storage.budget, &temporary);
    let begin = |parts, writer| ConcatRun {
        parts,
        options,
        keys,
        temporary,
        budget,
        observer,
        writer,
        modalities: &[],
    };
    if let Some(mudata) = &mudata {
        let (writer, shape) = mudata.joined(writer, &begin)?;
        writer.finish()?;
        return Ok(shape);
    }
    let parts: Result<Vec<ConcatInput>> =
        inputs.iter().map(|i| open(i, temporary, storage, observer)).collect();
    let mut parts = parts?;
    columns::refuse_unknown(options, &parts.iter().map(|p| &p.tables).collect::<Vec<_>>())?;
    parts.iter_mut().try_for_each(|part| part.change_columns(options))?;
    let mut run = begin(&parts, writer);
    let shape = run.root()?;
    run.writer.finish()?;
    Ok(shape)
}

/// What any of the inputs leaves out.
///
/// # Errors
/// `NotFound` for a path that is in none of them.
fn leave_out(inputs: &[Dataset]) -> Result<LeaveOut> {
    let data: Vec<&AnnData> = inputs.iter().filter_map(Dataset::anndata).collect();
    let mut all = LeaveOut::default();
    for one in data.iter().map(|data| data.leave_out()) {
        all.paths.extend(one.paths.iter().filter(|path| !all.names(path)).cloned().collect::<Vec<_>>());
        all.unreadable |= one.unreadable;
    }
    let roots: Vec<&Node> = data.iter().map(|data| data.root()).collect();
    all.check(&roots)?;
    Ok(all)
}

impl ConcatRun<'_> {
    /// Where the element `path` is written.
    pub(super) fn at(&self, path: &str) -> Location {
        self.writer.root().below(path)
    }

    /// Writes all elements and returns the output's `[rows, columns]`.
    pub(super) fn root(&mut self) -> Result<[u64; 2]> {
        let joined = self.tables(&|_| true)?;
        self.x(&joined.along, &joined.maps)?;
        self.joined_mapping("layers", &joined.along, Some(&joined.maps))?;
        self.mappings(&joined)?;
        self.raw()?;
        Ok(joined.shape)
    }

    /// Writes both tables. Of the other axis, only the names that `keep` accepts.
    pub(super) fn tables(&mut self, keep: &dyn Fn(&[u8]) -> bool) -> Result<JoinedTables> {
        let axis = self.options.axis;
        let [name, other] = [axis, axis.other()].map(Axis::name);
        let tables: Vec<_> = self.parts.iter().map(|p| p.tables[axis.dimension()].clone()).collect();
        let table = self.along_table(&tables, name)?;
        let lengths = tables.iter().map(Table::rows).collect();
        let along = AlongAxis { lengths, names: table.index().clone() };
        self.writer.table(&self.at(name), &table)?;
        let tables: Vec<_> = self.parts.iter().map(|p| p.tables[axis.other().dimension()].clone()).collect();
        let frames = self.in_memory(&tables)?;
        let frames: Vec<&Frame> = frames.iter().collect();
        let (names, maps) = self.join_names(&frames)?;
        let (names, maps) = only(names, maps, &frames, keep);
        let at = self.at(other);
        let frame = self.across_frame(&frames, &names, &maps).in_object(&at.to_string())?;
        self.writer.frame(&at, &frame)?;
        let shape = shape_of(axis, along.names.rows(), frame.rows() as u64);
        Ok(JoinedTables { along, names, maps, shape })
    }

    /// Writes the mappings along one axis, but for `layers`, and `uns`.
    pub(super) fn mappings(&mut self, joined: &JoinedTables) -> Result<()> {
        let JoinedTables { along, names, maps, .. } = joined;
        let [name, other] = [self.options.axis, self.options.axis.other()].map(Axis::name);
        self.joined_mapping(&format!("{name}m"), along, None)?;
        self.diagonals(&format!("{name}p"), along)?;
        for (letter, both) in [("m", false), ("p", true)] {
            self.merged_mapping(&format!("{other}{letter}"), names, maps, both)?;
        }
        self.uns()
    }

    /// Writes `X` if all parts have it, nothing if none has it.
    ///
    /// # Errors
    /// `Unsupported` if only some parts have it.
    fn x(&mut self, along: &AlongAxis, maps: &[IndexMap]) -> Result<()> {
        if self.parts.iter().all(|p| !p.has_x) {
            return Ok(());
        }
        let mut found = Vec::new();
        for part in self.parts {
            if !part.has_x {
                let text = "X is missing here and present in other inputs";
                let e = Error::unsupported(text).in_object(&self.at("X").to_string());
                return Err(e.in_file(&part.path));
            }
            found.push(Some(self.open(part, "X")?));
        }
        let at = self.at("X");
        self.joined(&at, along, &found, maps).in_object(&at.to_string())
    }

    /// Opens the element of `part` at `path`.
    fn open(&self, part: &ConcatInput, path: &str) -> Result<Joinable> {
        part.data.root().descend(path).and_then(|o| Joinable::open(&o, self.observer)).in_file(&part.path)
    }

    /// The tables of the other axis, one for each part: what they have in common is found in memory.
    fn in_memory(&self, tables: &[Table<'static>]) -> Result<Vec<Frame>> {
        let read =
            |(table, part): (&Table<'static>, &ConcatInput)| table.read(0..table.rows()).in_file(&part.path);
        tables.iter().zip(self.parts).map(read).collect()
    }

    /// The joined table along the axis: names (with keys, if asked for), columns, and the label column.
    fn along_table(&self, tables: &[Table<'static>], path: &str) -> Result<Table<'static>> {
        let place = self.at(path);
        // `tables` are one per part, also those of `raw`, which is joined only where all parts have it
        let blame = |part: usize, name: &str, e: Error| {
            let e = e.hinting(Hint::ChangeColumn).in_object(&place.child(name).to_string());
            e.in_file(&self.parts[part].path)
        };
        let mut table = Table::concat(tables, self.options.join, &blame).in_object(&place.to_string())?;
        let lengths: Vec<u64> = tables.iter().map(Table::rows).collect();
        if let Some(between) = &self.options.index_unique {
            let suffixes = self.keys.iter().map(|key| format!("{between}{key}").into_bytes());
            let names = SuffixedNames::new(table.index(), suffixes.zip(lengths.iter().copied()).collect());
            table = table.with_index(Arc::new(names))?;
        }
        if let Some(label) = &self.options.label {
            let codes = PartCodes::new(self.keys.iter().collect(), lengths)?;
            table = table.with_column(label, Arc::new(codes))?;
        }
        table.strings_to_categoricals()
    }

    /// Joins the names of the other axis; an error about a repeated name says in which file it is.
    fn join_names(&self, frames: &[&Frame]) -> Result<(Strings, Vec<IndexMap>)> {
        for (frame, part) in frames.iter().zip(self.parts) {
            let place = self.at(self.options.axis.other().name());
            refuse_repeated(frame.index()).in_object(&place.to_string()).in_file(&part.path)?;
        }
        let names: Vec<&Strings> = frames.iter().map(|f| f.index()).collect();
        Ok(join_names(&names, self.options.join))
    }

    /// Writes `raw` if all parts have it; if only some have it, leaves it out with a warning.
    fn raw(&mut self) -> Result<()> {
        let axis = self.options.axis;
        let mut found = Vec::new();
        let mut tables = Vec::new();
        for part in self.parts.iter().filter(|p| p.object("raw/X").is_some()) {
            let shape = part.data.matrix("raw/X").in_file(&part.path)?.shape();
            let open = |dimension: usize| {
                part.data.table("raw/X", dimension, shape[dimension], self.observer).in_file(&part.path)
            };
            let opened = columns::changed([open(0)?, open(1)?], self.options).in_file(&part.path)?;
            tables.push(opened.map(|table| of_file(table, &part.path)));
            found.push(Some(self.open(part, "raw/X")?));
        }
        if found.len() < self.parts.len() {
            if !found.is_empty() {
                self.observer.warn(&Warning::RawLeftOut);
            }
            return Ok(());
        }
        let of = |axis: Axis| tables.iter().map(|t| t[axis.dimension()].clone()).collect::<Vec<_>>();
        let across = self.in_memory(&of(axis.other()))?;
        let across: Vec<&Frame> = across.iter().collect();
        let (names, maps) = self.join_names(&across)?;
        let mut tables = of(axis);
        if axis == Axis::Obs {
            // of its rows only the names are of use
            tables = tables.iter().map(|table| table.only(&[])).collect();
        }
        let table = self.along_table(&tables, "raw")?;
        let lengths = tables.iter().map(Table::rows).collect();
        let along = AlongAxis { lengths, names: table.index().clone() };
        let raw = self.at("raw");
        self.joined(&raw.child("X"), &along, &found, &maps).in_object(&raw.child("X").to_string())?;
        let plain;
        let var = match axis {
            Axis::Obs => {
                self.writer.dict(&raw.child("varm"))?;
                plain = self.plain_frame(&across, &names)?;
                Table::of(&plain)
            }
            Axis::Var => {
                self.joined_mapping("raw/varm", &along, None)?;
                table
            }
        };
        self.writer.table(&raw.child("var"), &var)?;
        self.writer.raw(&raw)
    }
}
