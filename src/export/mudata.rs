//! Writes MuData as MuData: every modality as an AnnData, each with its share of the common rows and columns.

use super::file::{FileExport, Labels};
use super::{ExportOptions, ExportRun, IndexNames, decided, filters_of};
use crate::anndata::mudata::{MappedTables, MuDataHead, Positions, SharedAxis, map_name};
use crate::anndata::{AnnDataWriter, Axes, Axis, MAPPINGS, StorageOptions};
use crate::codec::Filters;
use crate::dataset::{AnnData, Dataset, Flavour};
use crate::error::{Error, Place, Result};
use crate::matrix::Selection;
use crate::observe::Observer;
use crate::table::Table;
use crate::transpose;
use std::path::Path;

/// The file, if all of it is to be written as MuData.
pub(super) fn whole<'i>(input: &'i Dataset, options: &ExportOptions) -> Option<&'i AnnData> {
    let whole = |data: &&AnnData| data.flavour() == Flavour::MuData && options.matrix == "X";
    input.anndata().filter(whole)
}

/// A MuData file before it is written: what is selected of each modality.
pub(super) struct MuDataParts<'i> {
    input: &'i Dataset,
    data: &'i AnnData,
    selection: &'i Selection,
    shared: SharedAxis,
    options: ExportOptions,
    modalities: Vec<Modality>,
}

/// What is written of a modality.
struct Modality {
    name: String,
    dataset: Dataset,
    selection: Selection,
    options: ExportOptions,
}

impl<'i> MuDataParts<'i> {
    /// Finds the rows and columns of each modality. Nothing is written before all of them are known.
    pub(super) fn new(
        input: &'i Dataset,
        data: &'i AnnData,
        selection: &'i Selection,
        options: &ExportOptions,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let prepared = || -> Result<Self> {
            if options.names != IndexNames::default() || options.genome.is_some() {
                let text = "names and genomes cannot be chosen for all modalities of MuData together";
                return Err(Error::usage(text));
            }
            if let Some(target) = options.target {
                let text = format!("{target} reads one modality of MuData: choose mod/NAME (--matrix)");
                return Err(Error::usage(text));
            }
            data.leave_out().check(&[data.root()])?;
            let shape = data.shape_of("X")?;
            data.check_mappings(shape)?;
            let common = tables(data, shape, observer)?;
            for (table, rows) in common.iter().zip([&selection.obs, &selection.var]) {
                rows.as_ref().map_or(Ok(()), |rows| table.select(rows).map(drop))?;
            }
            let mut parts = MuDataParts {
                input,
                data,
                selection,
                shared: SharedAxis::of(data.root())?,
                options: options.clone(),
                modalities: Vec::new(),
            };
            for name in data.modality_names()? {
                if !data.leave_out().names(&format!("mod/{name}")) {
                    parts.modality(name, &common, observer)?;
                }
            }
            parts.options.filters = parts.modalities.first().and_then(|first| first.options.filters);
            Ok(parts)
        };
        prepared().in_file(input.path())
    }

    /// Adds the modality `name`.
    fn modality(
        &mut self,
        name: String,
        common: &[Table<'static>; 2],
        observer: &dyn Observer,
    ) -> Result<()> {
        let dataset = self.input.anndata_modality(&name)?;
        let Some(data) = dataset.anndata() else { return Ok(()) };
        let place = format!("/mod/{name}");
        let own = tables(data, data.shape_of("X")?, observer).in_object(&place)?;
        let mut selection = Selection::default();
        for axis in [Axis::Obs, Axis::Var] {
            let n = axis.dimension();
            let tables = MappedTables { common: &common[n], own: &own[n] };
            let found = Positions::of(self.data.root(), axis, &name, tables)?;
            if self.selection.is_all() {
                continue;
            }
            found.check_names(tables).in_object(&format!("/{}/{name}", map_name(axis)))?;
            let (_, rows) = found.taken(self.chosen(axis));
            let same = rows.len() as u64 == own[n].rows() && (0..).zip(&rows).all(|(i, row)| i == *row);
            // cells are always selected, so that categories without rows are dropped
            match axis {
                Axis::Obs => selection.obs = Some(rows),
                Axis::Var => selection.var = (!same).then_some(rows),
            }
        }
        let mut options = ExportOptions {
            filters: self.options.filters.or(Some(self.options.format.nearest(filters_of(data)))),
            ..self.options.clone()
        };
        if data.has_x()? {
            options = decided(&dataset, "X", &selection, &options, observer)?;
        }
        self.modalities.push(Modality { name, dataset, selection, options });
        Ok(())
    }

    /// The common rows (columns) that are selected.
    fn chosen(&self, axis: Axis) -> Option<&[u64]> {
        match axis {
            Axis::Obs => self.selection.obs.as_deref(),
            Axis::Var => self.selection.var.as_deref(),
        }
    }

    /// Writes all modalities, and what they have in common, into the file that `create` begins; the caller
    /// finishes it.
    pub(super) fn exported<'a>(
        &'a self,
        observer: &'a dyn Observer,
        beside: &Path,
        create: impl FnOnce(StorageOptions) -> Result<AnnDataWriter<'a>>,
    ) -> Result<ExportRun<'a>> {
        let head = MuDataHead {
            shared: self.shared,
            order: self.modalities.iter().map(|modality| modality.name.clone()).collect(),
        };
        let begin = |storage| create(storage)?.mudata(head);
        let name = || "X".to_owned();
        let (data, options) = (self.data, &self.options);
        let mut run = ExportRun::new(Some(data), name(), self.selection, options, observer, beside, begin)?;
        let filters = run.writer.filters();
        for Modality { name: modality, dataset, selection, options, .. } in &self.modalities {
            let Some(data) = dataset.anndata() else { continue };
            let mut writer = run.writer;
            writer.begin_modality(modality, options.filters.unwrap_or_default());
            let goes_on = |_| Ok(writer);
            run = ExportRun::new(Some(data), name(), selection, options, observer, beside, goes_on)?;
            let written = FileExport { run: &mut run, data, tables: None }.tables_and_matrices();
            written.in_file(self.input.path())?;
            run.writer.end_modality()?;
        }
        let mut writer = run.writer;
        writer.set_filters(filters);
        run = ExportRun::new(Some(data), name(), self.selection, options, observer, beside, |_| Ok(writer))?;
        self.common(&mut run).in_file(self.input.path())?;
        Ok(run)
    }

    /// Writes what belongs to all modalities. Tables keep the categories that no row has, and `uns` the colours of
    /// all of them, as in mudata.
    fn common(&self, run: &mut ExportRun<'_>) -> Result<()> {
        let (obs, var) = (self.selection.obs.as_deref(), self.selection.var.as_deref());
        let tables = tables(self.data, self.data.shape_of("X")?, run.observer)?;
        for ((table, rows), axis) in tables.iter().zip([obs, var]).zip([Axis::Obs, Axis::Var]) {
            let at = run.at(axis.name());
            let selected = rows.map_or_else(|| Ok(table.clone()), |rows| table.select(rows))?;
            run.writer.table(&at, &selected)?;
            run.shape[axis.dimension()] = selected.rows();
        }
        let root = self.data.root();
        run.writer.enter_group(root)?;
        let mut export = FileExport { run, data: self.data, tables: None };
        export.part(root, "uns", |export, at, uns| match uns.is_group() {
            true => export.uns(at, uns, &Labels::default()),
            false => Ok(()),
        })?;
        for (name, along) in MAPPINGS.iter().filter(|(name, _)| *name != "layers") {
            export.aligned(root, name, Axes::selected(*along, obs, var))?;
        }
        for axis in [Axis::Obs, Axis::Var] {
            let at = run.at(map_name(axis));
            let n = axis.dimension();
            for Modality { name, dataset, .. } in &self.modalities {
                let Some(data) = dataset.anndata() else { continue };
                let own = data.table("X", n, data.shape_of("X")?[n], run.observer)?;
                let both = MappedTables { common: &tables[n], own: &own };
                let mut positions = Positions::of(root, axis, name, both)?;
                if !self.selection.is_all() {
                    positions = positions.taken(self.chosen(axis)).0;
                }
                run.writer.positions(&at.child(name), &positions)?;
            }
            run.writer.dict(&at)?;
        }
        Ok(())
    }
}

/// Writes the part `selection` of what the modalities of MuData have in common, without them, as an AnnData without
/// `X` at `output`.
///
/// # Errors
/// Those of [`export`](super::export).
pub(crate) fn export_common(
    input: &Dataset,
    output: &Path,
    selection: &Selection,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<()> {
    let Some(data) = input.anndata() else { return Err(Error::usage("only MuData has modalities")) };
    let create = |storage| AnnDataWriter::create(output, false, storage, options.budget, observer);
    let plain = ExportOptions { filters: Some(Filters::default()), ..options.clone() };
    let modalities = Vec::new();
    let shared = SharedAxis::default();
    let parts = MuDataParts { input, data, selection, shared, options: plain, modalities };
    let beside = transpose::beside(output);
    let mut run =
        ExportRun::new(Some(data), "X".into(), selection, &parts.options, observer, beside, create)?;
    parts.common(&mut run).in_file(input.path())?;
    run.finish().map(drop)
}

/// The tables `obs` and `var` of a file.
fn tables(data: &AnnData, shape: [u64; 2], observer: &dyn Observer) -> Result<[Table<'static>; 2]> {
    Ok([data.table("X", 0, shape[0], observer)?, data.table("X", 1, shape[1], observer)?])
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{at, bytes, ints, texts, write_mudata};
    use crate::export::export;
    use crate::table::Frame;
    use crate::tree::EncodedValue;

    /// Writes MuData of cells c0 to c2, of which the modality `rna` has `own` (one gene each), with these positions,
    /// exports `selection`, and returns the error.
    fn failure(own: &[&str], positions: Option<&EncodedValue>, selection: &Selection) -> Option<Error> {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("a.h5mu"), dir.path().join("out.h5mu"));
        let table = |names: &[&str]| Frame::new(None, texts(names), Vec::new()).unwrap();
        write_mudata(&input, |w| {
            w.raw_array("mod/rna/X", &bytes(&[own.len() as u64, 1], &vec![7; own.len()]))?;
            w.frame(&at("mod/rna/obs"), &table(own))?;
            w.frame(&at("mod/rna/var"), &table(&["g"]))?;
            w.raw_group("mod/rna", &[("encoding-type", "anndata")])?;
            w.raw_group("mod", &[])?;
            w.frame(&at("obs"), &table(&["c0", "c1", "c2"]))?;
            w.frame(&at("var"), &table(&["g"]))?;
            if let Some(positions) = positions {
                w.raw_array("obsmap/rna", positions)?;
                w.dict(&at("obsmap"))?;
            }
            Ok(())
        });
        let done =
            export(&Dataset::open(&input).unwrap(), &output, selection, &ExportOptions::default(), &());
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1 + usize::from(done.is_ok()),
            "no leftover"
        );
        done.err()
    }

    #[test]
    fn positions_that_lead_nowhere_are_refused() {
        let (all, part) = (Selection::default(), Selection { obs: Some(vec![2, 0]), var: None });
        let two = ["c2", "c0"];
        for selection in [&all, &part] {
            assert!(failure(&two, Some(&ints(&[2, 0, 1])), selection).is_none());
            assert!(failure(&two, None, selection).is_none(), "they follow from the names");
            for (positions, text) in [
                (ints(&[2, 0]), "expected 3 positions, as obs has rows, got shape [2]"),
                (bytes(&[3, 2], &[0; 6]), "expected 3 positions, as obs has rows, got shape [3, 2]"),
                (ints(&[3, 0, 1]), "expected positions up to 2, the rows of the modality, got 3"),
                (
                    ints(&[i64::MAX, 0, 1]),
                    "expected positions up to 2, the rows of the modality, got 9223372036854775807",
                ),
                (ints(&[1, 0, 1]), "position 1 stands twice"),
                (ints(&[-1, 0, 1]), "expected positions from 0, got -1"),
                (EncodedValue::null(), "expected 3 positions, as obs has rows, got shape []"),
            ] {
                let e = failure(&two, Some(&positions), selection).unwrap();
                assert_eq!((e.message(), e.object()), (text, Some("/obsmap/rna")));
                assert!(e.kind() == crate::Kind::Malformed && e.file().is_some(), "{e}");
            }
        }
        let of_part = |own: &[&str], positions| failure(own, Some(&ints(positions)), &part).unwrap();
        let e = of_part(&two, &[1, 0, 2]);
        let text = "row 0 of the common table, 'c0', leads to row 0 of the modality, which is 'c2'";
        assert_eq!((e.message(), e.object()), (text, Some("/obsmap/rna")));
        let e = of_part(&two, &[2, 0, 0]);
        assert_eq!(e.message(), "expected a position for each of 2 rows of the modality, got 1");
        let e = failure(&["c0", "c7"], None, &part).unwrap();
        assert_eq!(
            (e.message(), e.object()),
            ("'c7' of the modality is not in the common table", Some("/obsmap/rna"))
        );
        let e = failure(&["c0", "c0"], None, &part).unwrap();
        assert_eq!(e.message(), "there are no positions, and the name 'c0' is there twice");
    }

    #[test]
    fn rows_that_do_not_exist_are_refused() {
        let part = Selection { obs: Some(vec![3]), var: None };
        let e = failure(&["c0"], Some(&ints(&[1, 0, 0])), &part).unwrap();
        assert_eq!(
            (e.kind(), e.message()),
            (crate::Kind::Usage, "there is no row 3 in the table (there are 3)")
        );
    }
}
