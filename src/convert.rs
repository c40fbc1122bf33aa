//! Converts a matrix of any dataset, with its tables, to a store.
//!
//! In comes a [`Dataset`] and the name of a matrix; the entries pass a chain of sources (salvage, selection,
//! edits) and go to one [`Writer`], or to two for both layouts. Out come directories as in `spec/store.md`.

use crate::dataset::{Dataset, select_tables};
pub use crate::dtype::ValueDtype;
use crate::dtype::{Dtype, Policy};
use crate::error::{Kind, Place, Result};
use crate::matrix::{
    Block, Budget, Edit, Edited, Orientation, Selected, Selection, Sink, Source, WithoutLines, damage, feed,
    merged, wanted_dtype,
};
use crate::observe::{LeftOut, Observer, Phase, Recorder, Stoppable, Verb, Warning, Widened};
use crate::report;
use crate::store::{self, IndexDtype, Manifest, Salvage, StorePair, WriteMode, Writer, WrittenStore};
use crate::table::Table;
use crate::transpose::{self, Partitions};
use std::path::{Path, PathBuf};

/// The layout of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetLayout {
    /// As the matrix is stored.
    #[default]
    Stored,
    /// Compressed by rows.
    Csr,
    /// Compressed by columns.
    Csc,
    /// The layout in which the matrix is not stored.
    Flipped,
    /// Both, as `OUT/csr` and `OUT/csc`.
    Both,
}

/// What [`convert`] does and how.
#[derive(Debug, Clone)]
pub struct ConvertOptions {
    /// Name of the matrix: `X` (the default), `raw/X`, `layers/NAME`, ...
    pub matrix: String,
    /// Only the genes of this genome, in place of `matrix`; for files of 10x Genomics.
    pub genome: Option<String>,
    /// Which rows and columns are written; all by default.
    pub selection: Selection,
    /// The layout of the output.
    pub target: TargetLayout,
    /// The type of the output's values.
    pub dtype: ValueDtype,
    /// What happens to values that this type cannot represent.
    pub policy: Policy,
    /// The type of the output's indices: by default int32 where everything fits, otherwise int64.
    pub index: IndexDtype,
    /// What is changed in each line: zeros dropped, duplicates summed. Nothing by default.
    pub edit: Edit,
    /// Write `obs.arrow` and `var.arrow`.
    pub tables: bool,
    /// Replace an existing store.
    pub force: bool,
    /// Memory for buffers; 1 GiB by default.
    pub budget: Budget,
    /// How the files are written: through a map or by positioned writes.
    pub mode: WriteMode,
    /// Continue past damage: lines that cannot be read become empty and are listed in the store's metadata, tables
    /// that cannot be read are left out with a warning.
    pub salvage: bool,
    /// Directory for temporary files, needed if another layout does not fit the budget; that of the output if
    /// `None`.
    pub temporary: Option<PathBuf>,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        ConvertOptions {
            matrix: "X".into(),
            genome: None,
            selection: Selection::default(),
            target: TargetLayout::Stored,
            dtype: ValueDtype::Keep,
            policy: Policy::Exact,
            index: IndexDtype::default(),
            edit: Edit::default(),
            tables: true,
            force: false,
            budget: Budget::new(1 << 30),
            mode: WriteMode::Auto,
            salvage: false,
            temporary: None,
        }
    }
}

/// What [`convert`] wrote.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct ConvertReport {
    /// One store, or two for [`TargetLayout::Both`]: first the one in the input's layout.
    pub stores: Vec<ConvertedStore>,
    /// Columns and tables that the stores lack.
    pub left_out: Vec<LeftOut>,
}

/// One store that was written.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct ConvertedStore {
    /// Path of the store directory.
    #[serde(serialize_with = "report::path")]
    pub output: PathBuf,
    /// `csr_matrix` or `csc_matrix`.
    #[serde(rename = "encoding-type")]
    pub encoding_type: &'static str,
    /// `[rows, columns]`.
    pub shape: [u64; 2],
    /// Number of stored entries.
    pub nnz: u64,
    /// The types of the three arrays.
    pub dtypes: StoreDtypes,
    /// Whether indices ascend within each line, if known.
    pub sorted_indices: Option<bool>,
    /// Whether a line holds the same index more than once, if known.
    pub has_duplicates: Option<bool>,
    /// With `salvage`, how many lines could not be read.
    pub lost: Option<u64>,
    /// Size of all files of the store, in bytes.
    pub bytes: u64,
    /// The store's manifest.
    #[serde(skip)]
    pub manifest: Manifest,
}

/// The types of the three arrays of a store.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[non_exhaustive]
pub struct StoreDtypes {
    /// Type of the values.
    #[serde(serialize_with = "report::text")]
    pub data: Dtype,
    /// Type of the minor indices.
    #[serde(serialize_with = "report::text")]
    pub indices: Dtype,
    /// Type of the line pointers.
    #[serde(serialize_with = "report::text")]
    pub indptr: Dtype,
}

impl ConvertedStore {
    fn new(written: WrittenStore) -> Self {
        let WrittenStore { path: output, manifest: m } = written;
        let lost = |s: &Salvage| s.lost.iter().map(|l| l.lines.end - l.lines.start).sum();
        ConvertedStore {
            output,
            encoding_type: m.layout.orientation.encoding(),
            shape: m.layout.shape(),
            nnz: m.layout.entries,
            dtypes: StoreDtypes { data: m.layout.dtype, indices: m.indices, indptr: m.indptr },
            sorted_indices: m.sorted,
            has_duplicates: m.duplicates,
            lost: m.salvaged.as_ref().map(lost),
            bytes: m.files.iter().map(|f| f.len).sum(),
            manifest: m,
        }
    }
}

/// Writes a matrix of `input` and its tables as a store directory at `output`, on all threads of the current rayon
/// pool. [`TargetLayout::Both`] writes two, `output/csr` and `output/csc`.
///
/// # Errors
/// `NotFound` if the matrix or the genome does not exist; `Usage` if a value does not fit the type asked for, or if
/// the output is also the input; `Io` if something is at `output` that is not to be replaced; the errors of
/// reading and writing. After an error `output` is as it was before.
pub fn convert(
    input: &Dataset,
    output: impl AsRef<Path>,
    options: &ConvertOptions,
    observer: &dyn Observer,
) -> Result<ConvertReport> {
    let output = output.as_ref();
    input.refuse_as_output(output)?;
    let recorder = Recorder::new(observer);
    let of_genome = of_genome(input, options, &recorder)?;
    let written = stores(input, output, of_genome.as_ref().unwrap_or(options), &recorder)?;
    let stores = written.into_iter().map(ConvertedStore::new).collect();
    Ok(ConvertReport { stores, left_out: recorder.finish().left_out })
}

/// The options with the matrix, or the selection of genes, that the genome is; `None` if they name no genome.
fn of_genome(
    input: &Dataset,
    options: &ConvertOptions,
    observer: &dyn Observer,
) -> Result<Option<ConvertOptions>> {
    let Some(genome) = options.genome.as_deref() else { return Ok(None) };
    let (matrix, narrowed) = input.of_genome(genome, &options.selection, observer)?;
    let selection = narrowed.unwrap_or_else(|| options.selection.clone());
    Ok(Some(ConvertOptions { matrix, selection, ..options.clone() }))
}

/// The type of the output's values; `None` for that of `source`.
fn value_dtype(
    input: &Dataset,
    source: &dyn Source,
    options: &ConvertOptions,
    observer: &dyn Observer,
) -> Result<Option<Dtype>> {
    let stored = source.layout().dtype;
    let dtype = wanted_dtype(source, &options.matrix, options.dtype, options.budget, observer)
        .in_file(input.path())?;
    // scipy has no matrices of float16: only who asks for them gets them
    let asked = options.dtype == ValueDtype::As(dtype) || input.store().is_some();
    if dtype == Dtype::Float16 && !asked {
        let widened = Widened { path: options.matrix.clone(), from: dtype, to: Dtype::Float32 };
        observer.warn(&Warning::Widened(widened));
        return Ok(Some(Dtype::Float32));
    }
    Ok(Some(dtype).filter(|d| *d != stored))
}

/// Builds the chain of sources and writes it as one or two stores.
fn stores(
    input: &Dataset,
    output: &Path,
    options: &ConvertOptions,
    observer: &dyn Observer,
) -> Result<Vec<WrittenStore>> {
    let place = input.path();
    if options.tables && !options.salvage {
        input.check_shape(&options.matrix)?;
    }
    let (matrix, lost) = match options.salvage {
        true => input.matrix_past(&options.matrix, options.budget, observer)?,
        false => (input.matrix(&options.matrix, options.budget, observer)?, Vec::new()),
    };
    let stored: &dyn Source = &matrix;
    let (edited, kept, selected);
    let mut source = stored;
    let mut salvaged = None;
    if options.salvage {
        observer.phase(&Phase::new(Verb::LookingForDamage, bytes_of(stored)).of(&options.matrix));
        let mut lost = lost;
        lost.extend(damage(&WithoutLines::new(stored, &lost), options.budget, observer).in_file(place)?.lost);
        let lost = merged(lost);
        kept = WithoutLines::new(stored, &lost);
        salvaged = Some(Salvage { orientation: stored.layout().orientation, lost });
        source = &kept;
    }
    let selection = &options.selection;
    if !selection.is_all() {
        selected = Selected::taken(source, selection, options.budget, observer).in_file(place)?;
        source = &selected;
    }
    if !options.edit.is_none() {
        observer.phase(&Phase::new(Verb::Editing, bytes_of(source)).of(&options.matrix));
        edited = Edited::new(source, options.edit, options.budget, observer).in_file(place)?;
        source = &edited;
    }
    let dtype = value_dtype(input, source, options, observer)?;
    let store = store::StoreOptions {
        dtype,
        policy: options.policy,
        index: options.index,
        force: options.force,
        mode: options.mode,
        source: Some(input.record(&options.matrix)),
        salvaged,
    };
    let run = ConvertRun { input, output, options, store: &store, shape: stored.layout().shape(), observer };
    let stored = source.layout().orientation;
    let written = match options.target {
        TargetLayout::Both => run.both(source),
        TargetLayout::Csr if stored == Orientation::Csc => run.flipped(source),
        TargetLayout::Csc if stored == Orientation::Csr => run.flipped(source),
        TargetLayout::Flipped => run.flipped(source),
        _ => run.as_stored(source),
    };
    written.in_file(place)
}

/// One call of [`convert`]: what the ways of writing (as stored, flipped, both) share.
struct ConvertRun<'a> {
    input: &'a Dataset,
    output: &'a Path,
    options: &'a ConvertOptions,
    store: &'a store::StoreOptions,
    /// Rows and columns of the whole input matrix, before the selection.
    shape: [u64; 2],
    observer: &'a dyn Observer,
}

impl ConvertRun<'_> {
    /// The selected tables, if wanted and readable. They are only opened.
    fn opened(&self) -> Result<Option<[Table<'_>; 2]>> {
        let ConvertOptions { matrix, selection, salvage, .. } = self.options;
        if !self.options.tables {
            return Ok(None);
        }
        let open = || match self.input.opened_frames(matrix, self.shape, self.observer)? {
            Some(tables) if *salvage => {
                // whether they can be read is only known once they are
                tables.iter().try_for_each(|t| t.check(self.observer))?;
                select_tables(selection, tables).map(Some)
            }
            Some(tables) => select_tables(selection, tables).map(Some),
            None => Ok(None),
        };
        let tables = match open() {
            Err(e) if *salvage && e.kind() != Kind::Cancelled => {
                self.observer.warn(&Warning::TablesLeftOut { reason: e });
                None
            }
            tables => tables?,
        };
        for (table, name) in tables.iter().flatten().zip(["/obs", "/var"]) {
            self.options.budget.hold(table.unmade_index_bytes()).in_object(name)?;
        }
        Ok(tables)
    }

    /// Writes entries and tables at the same time.
    fn as_stored(&self, source: &dyn Source) -> Result<Vec<WrittenStore>> {
        let writer = Writer::create(self.output, source.layout(), source.pointers(), self.store)?;
        let tables = self.opened()?;
        self.observer.phase(&Phase::new(Verb::Converting, bytes_of(source)).of(&self.options.matrix));
        let entries = |observer: &dyn Observer| feed(source, &writer, self.options.budget, observer);
        self.beside_tables(tables.as_ref(), &writer, entries)?;
        Ok(vec![writer.finish()?])
    }

    /// Calls `entries` and writes the tables to the store of `writer`, if there are any, at the same time.
    fn beside_tables<T: Send>(
        &self,
        tables: Option<&[Table<'_>; 2]>,
        writer: &Writer,
        entries: impl FnOnce(&dyn Observer) -> Result<T> + Send,
    ) -> Result<T> {
        let observer = Stoppable::new(self.observer);
        let write = || match tables {
            Some([obs, var]) => writer.tables(obs, var, &observer).in_file(self.input.path()),
            None => Ok(()),
        };
        let (tables, entries) = rayon::join(|| observer.noted(write()), || entries(&observer));
        tables.and(entries)
    }

    /// Partitions all entries for the other layout. `also` gets each block too.
    fn partition(
        &self,
        source: &dyn Source,
        observer: &dyn Observer,
        also: &(dyn Fn(&Block<'_>) -> Result<()> + Sync),
    ) -> Result<Partitions> {
        transpose::partition(source, self.options.budget, self.temporary(), observer, also)
    }

    /// Directory of temporary files.
    fn temporary(&self) -> &Path {
        self.options.temporary.as_deref().unwrap_or(transpose::beside(self.output))
    }

    /// Fails if there is no room for the other layout and for the temporary files that come before it.
    fn check_room(&self, source: &dyn Source) -> Result<()> {
        let temporary = transpose::temporary_bytes(source, self.options.budget)?;
        let layout = source.layout().flipped()?;
        store::check_room(self.output, &layout, self.store, (self.temporary(), temporary))
    }

    /// Partitions all entries and then writes the other layout.
    fn flipped(&self, source: &dyn Source) -> Result<Vec<WrittenStore>> {
        store::refuse_existing(self.output, self.store.force)?;
        self.check_room(source)?;
        let tables = self.opened()?;
        self.observer.phase(&Phase::new(Verb::Reading, bytes_of(source)).of(&self.options.matrix));
        let partitions = self.partition(source, self.observer, &|_| Ok(()))?;
        let writer = Writer::create(self.output, partitions.layout(), partitions.pointers(), self.store)?;
        self.observer.phase(&Phase::new(Verb::Transposing, bytes_of(source)).of(&self.options.matrix));
        let entries = |observer: &dyn Observer| partitions.deliver(KeptWriter(&writer), observer);
        self.beside_tables(tables.as_ref(), &writer, entries)?;
        Ok(vec![writer.finish()?])
    }

    /// Writes the stored layout while partitioning the entries for the other one, so that they are read once.
    fn both(&self, source: &dyn Source) -> Result<Vec<WrittenStore>> {
        let pair = StorePair::create(self.output, self.store)?;
        let (layout, pointers) = (source.layout(), source.pointers());
        let first = pair.writer(layout, pointers)?;
        self.check_room(source)?;
        let tables = self.opened()?;
        self.observer.phase(&Phase::new(Verb::Reading, bytes_of(source)).of(&self.options.matrix));
        let entries = |observer: &dyn Observer| self.partition(source, observer, &|block| first.block(block));
        let partitions = self.beside_tables(tables.as_ref(), &first, entries)?;
        let first = first.finish()?;
        let second = pair.writer(partitions.layout(), partitions.pointers())?;
        self.observer.phase(&Phase::new(Verb::Transposing, bytes_of(source)).of(&self.options.matrix));
        let entries = |observer: &dyn Observer| partitions.deliver(KeptWriter(&second), observer);
        self.beside_tables(tables.as_ref(), &second, entries)?;
        let second = second.finish()?;
        pair.commit()?;
        Ok(vec![first, second])
    }
}

/// A writer that takes blocks and is finished later, once its tables are written too.
struct KeptWriter<'w>(&'w Writer);

impl Sink for KeptWriter<'_> {
    type Done = ();

    fn block(&self, block: &Block<'_>) -> Result<()> {
        self.0.block(block)
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        self.0.working_bytes(entries)
    }
}

/// How many bytes a pass over `source` reports to its observer.
fn bytes_of(source: &dyn Source) -> u64 {
    source.layout().bytes()
}
