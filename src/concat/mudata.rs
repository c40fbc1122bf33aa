//! MuData: every modality that all inputs have is joined as an AnnData of its own, then what they have in common.

use super::map::join_names;
use super::parts::{ConcatInput, TemporaryFiles, open};
use super::run::{ConcatRun, JoinedTables};
use super::{Axis, ConcatOptions, columns};
use crate::anndata::AnnDataWriter;
use crate::anndata::mudata::{MappedTables, MuDataHead, Positions, SharedAxis, map_name};
use crate::dataset::{AnnData, Dataset, Flavour};
use crate::error::{Error, Place, Result};
use crate::export::{IndexNames, export_common, filters_of};
use crate::matrix::Selection;
use crate::observe::{Observer, Warning};
use crate::strings::Strings;
use crate::table::{Column, Table};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Inputs that all are MuData.
pub(super) struct MuDataInputs<'i> {
    options: &'i ConcatOptions,
    shared: SharedAxis,
    /// The modalities that all inputs have, by name, as mudata sorts them.
    names: Vec<String>,
    /// Every modality of any input.
    any: Vec<String>,
    /// For each modality, its AnnData in each input.
    modalities: Vec<Vec<ConcatInput>>,
    /// What is common to the modalities of each input.
    common: Vec<ConcatInput>,
    /// Each input, and where its modalities are.
    inputs: Vec<MappedInput>,
}

/// An input, with its common table along the axis.
struct MappedInput {
    data: AnnData,
    path: PathBuf,
    table: Table<'static>,
    /// The rows of the table that are joined; all if `None`.
    kept: Option<Vec<u64>>,
}

impl<'i> MuDataInputs<'i> {
    /// The inputs, if one is MuData. Finds all positions before anything is written.
    ///
    /// # Errors
    /// `Usage` if others are not, if the modalities of one share another axis than that of the options, or if names
    /// are to be changed; `Unsupported` if they share both; `Malformed` if they are not where the file says; errors of
    /// opening.
    pub(super) fn of(
        inputs: &[Dataset],
        options: &'i ConcatOptions,
        temporary: &TemporaryFiles,
        observer: &dyn Observer,
    ) -> Result<Option<Self>> {
        let mudata = |input: &Dataset| input.anndata().is_some_and(|data| data.flavour() == Flavour::MuData);
        if !inputs.iter().any(mudata) {
            return Ok(None);
        }
        if let Some(other) = inputs.iter().find(|input| !mudata(input)) {
            let text = "expected MuData, as other inputs are, got another kind of file";
            return Err(Error::usage(text).in_file(other.path()));
        }
        if options.storage.names != IndexNames::default() {
            return Err(Error::usage("names cannot be chosen for all modalities of MuData together"));
        }
        let data: Vec<(&Dataset, &AnnData)> = inputs.iter().filter_map(|i| Some((i, i.anndata()?))).collect();
        for (input, data) in &data {
            SharedAxis::of(data.root())
                .and_then(|shared| expect_axis(shared, options.axis))
                .in_file(input.path())?;
        }
        let shared = if options.axis == Axis::Obs { SharedAxis::Obs } else { SharedAxis::Var };
        let (names, any) = names_in_all(&data, observer)?;
        let mut found = MuDataInputs {
            options,
            shared,
            names,
            any,
            modalities: Vec::new(),
            common: Vec::new(),
            inputs: Vec::new(),
        };
        for name in &found.names {
            let parts: Result<Vec<ConcatInput>> = inputs
                .iter()
                .map(|i| open(&i.anndata_modality(name)?, temporary, &options.storage, observer))
                .collect();
            found.modalities.push(parts?);
        }
        for (n, (input, data)) in data.iter().enumerate() {
            found.input(n, input, data, temporary, observer).in_file(input.path())?;
        }
        found.change_columns()?;
        Ok(Some(found))
    }

    /// Adds what is common to the modalities of the input numbered `n`. Rows that none of the joined modalities has
    /// are left out.
    fn input(
        &mut self,
        n: usize,
        input: &Dataset,
        data: &AnnData,
        temporary: &TemporaryFiles,
        observer: &dyn Observer,
    ) -> Result<()> {
        let axis = self.options.axis;
        let shape = data.shape_of("X")?;
        data.check_mappings(shape)?;
        let tables = [data.table("X", 0, shape[0], observer)?, data.table("X", 1, shape[1], observer)?];
        let mut there = Vec::new();
        for (name, parts) in self.names.iter().zip(&self.modalities) {
            for axis in [axis, axis.other()] {
                let dimension = axis.dimension();
                let both = MappedTables { common: &tables[dimension], own: &parts[n].tables[dimension] };
                let found = Positions::of(data.root(), axis, name, both)?;
                found.check_names(both).in_object(&format!("/{}/{name}", map_name(axis)))?;
                if axis == self.options.axis {
                    there.resize(found.all().len(), false);
                    there.iter_mut().zip(found.all()).for_each(|(there, p)| *there |= *p > 0);
                }
            }
        }
        let (table, path) = (tables[axis.dimension()].clone(), input.path().to_owned());
        let kept = there
            .contains(&false)
            .then(|| (0..).zip(there).filter(|(_, t)| *t).map(|(row, _)| row).collect());
        let (from, tables) = match &kept {
            None => (data.clone(), tables),
            Some(kept) => {
                let kept = Some(Vec::clone(kept));
                let selection = match axis {
                    Axis::Obs => Selection { obs: kept, var: None },
                    Axis::Var => Selection { obs: None, var: kept },
                };
                let to = temporary.path()?;
                export_common(input, &to, &selection, &self.options.storage, observer)?;
                let data = temporary.opened(&to)?;
                let [rows, columns] = data.shape_of("X")?;
                let tables = [data.table("X", 0, rows, observer)?, data.table("X", 1, columns, observer)?];
                (data, tables)
            }
        };
        self.common.push(ConcatInput { data: from, path: path.clone(), tables, has_x: false });
        self.inputs.push(MappedInput { data: data.clone(), path, table, kept });
        Ok(())
    }

    /// Leaves out and converts columns, in the common tables and those of modalities.
    fn change_columns(&mut self) -> Result<()> {
        let all = || self.modalities.iter().flatten().chain(&self.common);
        columns::refuse_unknown(self.options, &all().map(|part| &part.tables).collect::<Vec<_>>())?;
        let mut all = self.modalities.iter_mut().flatten().chain(&mut self.common);
        all.try_for_each(|part| part.change_columns(self.options))
    }

    /// Writes all modalities and what they have in common; returns the `[rows, columns]` of the latter. `begin` makes
    /// a run of parts.
    pub(super) fn joined<'a>(
        &'a self,
        writer: AnnDataWriter<'a>,
        begin: &dyn Fn(&'a [ConcatInput], AnnDataWriter<'a>) -> ConcatRun<'a>,
    ) -> Result<(AnnDataWriter<'a>, [u64; 2])> {
        let mut writer = writer.mudata(MuDataHead { shared: self.shared, order: self.names.clone() })?;
        let filters = |parts: &[ConcatInput]| {
            let of_first = || parts.first().map(|part| filters_of(&part.data)).unwrap_or_default();
            self.options.storage.filters.unwrap_or_else(of_first)
        };
        for (name, parts) in self.names.iter().zip(&self.modalities) {
            writer.begin_modality(name, filters(parts));
            let mut run = begin(parts, writer);
            run.root()?;
            writer = run.writer;
            writer.end_modality()?;
        }
        if let Some(first) = self.modalities.first() {
            writer.set_filters(filters(first));
        }
        let mut run = begin(&self.common, writer);
        run.modalities = &self.any;
        let shape = self.write_common(&mut run)?;
        Ok((run.writer, shape))
    }

    /// Writes what the modalities have in common.
    fn write_common(&self, run: &mut ConcatRun<'_>) -> Result<[u64; 2]> {
        let axis = self.options.axis;
        let across: Vec<Strings> =
            self.modalities.iter().map(|parts| self.across(parts)).collect::<Result<_>>()?;
        let known: HashSet<&[u8]> = across.iter().flat_map(Strings::iter).collect();
        let joined = run.tables(&|name| known.contains(name))?;
        for (n, name) in self.names.iter().enumerate() {
            let along = self.along(n)?;
            let other = by_name(&joined, &across[n]);
            for (axis, positions) in [(axis, &along), (axis.other(), &other)] {
                let (map, flags) = (run.at(map_name(axis)), run.at(&format!("{}m", axis.name())));
                run.writer.positions(&map.child(name), positions)?;
                run.writer.membership(&flags.child(name), positions)?;
            }
        }
        run.mappings(&joined)?;
        Ok(joined.shape)
    }

    /// The joined names of the other axis of a modality.
    fn across(&self, parts: &[ConcatInput]) -> Result<Strings> {
        let names = |part: &ConcatInput| {
            let table = &part.tables[self.options.axis.other().dimension()];
            match table.index().read(0..table.rows()).in_file(&part.path)? {
                Column::Strings(names) => Ok(names),
                _ => Err(Error::malformed("expected names as text").in_file(&part.path)),
            }
        };
        let names: Vec<Strings> = parts.iter().map(names).collect::<Result<_>>()?;
        Ok(join_names(&names.iter().collect::<Vec<_>>(), self.options.join).0)
    }

    /// The positions of the modality numbered `n` along the axis: the rows of each input follow those of the one
    /// before.
    fn along(&self, n: usize) -> Result<Positions> {
        let axis = self.options.axis;
        let mut before = 0;
        let mut all = Vec::new();
        for (part, MappedInput { data, path, table, kept }) in self.modalities[n].iter().zip(&self.inputs) {
            let own = &part.tables[axis.dimension()];
            let both = MappedTables { common: table, own };
            let found = Positions::of(data.root(), axis, &self.names[n], both).in_file(path)?;
            let place = |p: &u64| if *p > 0 { p + before } else { 0 };
            match kept {
                Some(kept) => all.extend(kept.iter().map(|row| place(&found.all()[*row as usize]))),
                None => all.extend(found.all().iter().map(place)),
            }
            before += own.rows();
        }
        Ok(Positions::new(all))
    }
}

/// The positions of a modality with the names `own` on the other axis.
fn by_name(joined: &JoinedTables, own: &Strings) -> Positions {
    let places: HashMap<&[u8], u64> = own.iter().zip(1..).collect();
    Positions::new(joined.names.iter().map(|name| places.get(name).copied().unwrap_or(0)).collect())
}

/// Refuses MuData that cannot be joined along `axis`.
fn expect_axis(shared: SharedAxis, axis: Axis) -> Result<()> {
    match (shared, axis) {
        (SharedAxis::Obs, Axis::Obs) | (SharedAxis::Var, Axis::Var) => Ok(()),
        (SharedAxis::Both, _) => Err(Error::unsupported(
            "MuData whose modalities share cells and genes (axis -1) cannot be joined",
        )),
        (SharedAxis::Obs, _) => Err(Error::usage("the modalities share cells: they are joined along obs")),
        (SharedAxis::Var, _) => Err(Error::usage("the modalities share genes: they are joined along var")),
    }
}

/// The modalities that all inputs have, and those that any has, sorted. Warns of those that are left out.
fn names_in_all(
    inputs: &[(&Dataset, &AnnData)],
    observer: &dyn Observer,
) -> Result<(Vec<String>, Vec<String>)> {
    let mut lists = Vec::new();
    for (input, data) in inputs {
        let names = data.modality_names().in_file(input.path())?;
        let kept = names.into_iter().filter(|name| !data.leave_out().names(&format!("mod/{name}")));
        lists.push(kept.collect::<HashSet<String>>());
    }
    let mut any: Vec<String> = lists.iter().flatten().cloned().collect();
    any.sort_unstable();
    any.dedup();
    let (names, missing): (Vec<String>, Vec<String>) =
        any.iter().cloned().partition(|name| lists.iter().all(|list| list.contains(name)));
    if names.is_empty() {
        return Err(Error::usage(format!(
            "the inputs have no modality in common (there are: {})",
            any.join(", ")
        )));
    }
    for name in missing {
        let path = format!("/mod/{name}");
        let e = Error::unsupported("expected the modality in all inputs, which some lack");
        observer.warn(&Warning::element(path.as_str(), e.in_object(&path)));
    }
    Ok((names, any))
}
