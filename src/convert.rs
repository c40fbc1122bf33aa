//! From any input to a store: which rows and columns, which edits, which layout, which sink.

use crate::dataset::{Dataset, select_frames};
use crate::dtype::{Dtype, Policy};
use crate::error::{Kind, Place, Result};
use crate::matrix::{
    Block, Budget, Edit, Edited, Orientation, Selected, Selection, Sink, Source, WithoutLines, damage, feed,
    merged, narrowest_dtype,
};
use crate::observe::{LeftOut, Observer, Phase, Recorder, Stoppable, Verb, Warning};
use crate::report;
use crate::store::{self, IndexDtype, Manifest, Salvage, StorePair, WriteMode, Writer, WrittenStore};
use crate::table::Frame;
use crate::transpose::{self, Partitions};
use std::path::{Path, PathBuf};

/// The layout of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetLayout {
    /// As the matrix is stored.
    #[default]
    Stored,
    /// By rows.
    Csr,
    /// By columns.
    Csc,
    /// The one that it is not stored in.
    Flipped,
    /// Both, as `OUT/csr` and `OUT/csc`.
    Both,
}

/// The type of the values of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueDtype {
    /// As stored.
    #[default]
    Keep,
    /// The narrowest that holds every value; costs one more reading of the values.
    Auto,
    /// This one.
    As(Dtype),
}

/// How a matrix becomes a store.
#[derive(Debug, Clone)]
pub struct ConvertOptions {
    /// Which matrix of the input.
    pub matrix: String,
    /// Which rows and columns.
    pub selection: Selection,
    /// The layout of the output.
    pub target: TargetLayout,
    /// The type of its values.
    pub dtype: ValueDtype,
    /// What happens to values that do not fit it.
    pub policy: Policy,
    /// The type of its indices.
    pub index: IndexDtype,
    /// What is done to each line.
    pub edit: Edit,
    /// Write `obs.arrow` and `var.arrow`.
    pub tables: bool,
    /// Replace an existing store.
    pub force: bool,
    /// Memory for buffers.
    pub budget: Budget,
    /// How bytes get into the files.
    pub mode: WriteMode,
    /// Go on past damage: lines that cannot be read come empty and are listed in the store's metadata, tables that
    /// cannot be read are left out.
    pub salvage: bool,
    /// For temporary files larger than the budget; beside the output where `None`.
    pub temporary: Option<PathBuf>,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        ConvertOptions {
            matrix: "X".into(),
            selection: Selection::default(),
            target: TargetLayout::Stored,
            dtype: ValueDtype::Keep,
            policy: Policy::Exact,
            index: IndexDtype::Int64,
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
    /// One store, or two where both layouts were asked for: the stored one first.
    pub stores: Vec<ConvertedStore>,
    /// Columns and tables that the stores lack.
    pub left_out: Vec<LeftOut>,
}

/// One store that was written.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct ConvertedStore {
    /// Where it is.
    #[serde(serialize_with = "report::path")]
    pub output: PathBuf,
    /// `csr_matrix` or `csc_matrix`.
    #[serde(rename = "encoding-type")]
    pub encoding_type: &'static str,
    /// Rows and columns.
    pub shape: [u64; 2],
    /// Entries.
    pub nnz: u64,
    /// The types of the three arrays.
    pub dtypes: StoreDtypes,
    /// Whether indices ascend inside each line, where this is known.
    pub sorted_indices: Option<bool>,
    /// Whether a place comes more than once, where this is known.
    pub has_duplicates: Option<bool>,
    /// Salvaging: how many lines could not be read.
    pub lost: Option<u64>,
    /// Bytes of all files.
    pub bytes: u64,
    /// All that the store says of itself.
    #[serde(skip)]
    pub manifest: Manifest,
}

/// The types of the three arrays of a store.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[non_exhaustive]
pub struct StoreDtypes {
    /// Of the values.
    #[serde(serialize_with = "report::text")]
    pub data: Dtype,
    /// Of the minor indices.
    #[serde(serialize_with = "report::text")]
    pub indices: Dtype,
    /// Of the line pointers.
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

/// Writes a matrix of `input` and its tables as a store at `output`, on all threads of the current rayon pool.
///
/// # Errors
/// Those of reading and writing; `Usage` where a value does not fit the type asked for. Nothing appears at
/// `output` then, and what was there stays.
pub fn convert(
    input: &Dataset,
    output: &Path,
    options: &ConvertOptions,
    observer: &dyn Observer,
) -> Result<ConvertReport> {
    let recorder = Recorder::new(observer);
    let written = stores(input, output, options, &recorder)?;
    let stores = written.into_iter().map(ConvertedStore::new).collect();
    Ok(ConvertReport { stores, left_out: recorder.finish() })
}

fn stores(
    input: &Dataset,
    output: &Path,
    options: &ConvertOptions,
    observer: &dyn Observer,
) -> Result<Vec<WrittenStore>> {
    let place = input.path();
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
    let dtype = match options.dtype {
        ValueDtype::Keep => None,
        ValueDtype::As(d) => Some(d),
        ValueDtype::Auto => {
            observer.phase(&Phase::new(Verb::LookingAtValues, bytes_of(source)).of(&options.matrix));
            Some(narrowest_dtype(source, options.budget, observer).in_file(place)?)
        }
    };
    let store = store::StoreOptions {
        dtype,
        policy: options.policy,
        index: options.index,
        force: options.force,
        mode: options.mode,
        source: Some(input.record(&options.matrix)),
        salvaged,
    };
    let run = Run { input, output, options, store: &store, shape: stored.layout().shape(), observer };
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

/// What the three ways of writing share.
struct Run<'a> {
    input: &'a Dataset,
    output: &'a Path,
    options: &'a ConvertOptions,
    store: &'a store::StoreOptions,
    /// Rows and columns that the tables are of.
    shape: [u64; 2],
    observer: &'a dyn Observer,
}

impl Run<'_> {
    /// The tables, where they are wanted.
    fn frames(&self) -> Result<Option<[Frame; 2]>> {
        let ConvertOptions { matrix, selection, salvage, .. } = self.options;
        if !self.options.tables {
            return Ok(None);
        }
        match self.input.frames(matrix, self.shape, self.observer) {
            Err(e) if *salvage && e.kind() != Kind::Cancelled => {
                self.observer.warn(&Warning::TablesLeftOut { reason: e });
                Ok(None)
            }
            frames => frames?.map(|frames| select_frames(selection, frames)).transpose(),
        }
    }

    fn tables(&self, frames: Option<&[Frame; 2]>, writer: &Writer) -> Result<()> {
        match frames {
            Some([obs, var]) => writer.tables(obs, var).in_file(self.input.path()),
            None => Ok(()),
        }
    }

    fn as_stored(&self, source: &dyn Source) -> Result<Vec<WrittenStore>> {
        let writer = Writer::create(self.output, source.layout(), source.pointers(), self.store)?;
        self.observer.phase(&Phase::new(Verb::Converting, bytes_of(source)).of(&self.options.matrix));
        let observer = Stoppable::new(self.observer);
        let tables = || self.tables(self.frames()?.as_ref(), &writer);
        let (tables, entries) = rayon::join(
            || observer.noted(tables()),
            || feed(source, &writer, self.options.budget, &observer),
        );
        tables.and(entries)?;
        Ok(vec![writer.finish()?])
    }

    /// The tables, and all entries sorted for the other layout, at the same time.
    fn frames_and_partition(
        &self,
        source: &dyn Source,
        also: &(dyn Fn(&Block<'_>) -> Result<()> + Sync),
    ) -> Result<(Option<[Frame; 2]>, Partitions)> {
        let directory = self.options.temporary.as_deref().unwrap_or(transpose::beside(self.output));
        self.observer.phase(&Phase::new(Verb::Reading, bytes_of(source)).of(&self.options.matrix));
        let observer = Stoppable::new(self.observer);
        let (frames, partitions) = rayon::join(
            || observer.noted(self.frames()),
            || transpose::partition(source, self.options.budget, directory, &observer, also),
        );
        Ok((frames?, partitions?))
    }

    fn flipped(&self, source: &dyn Source) -> Result<Vec<WrittenStore>> {
        store::refuse_existing(self.output, self.store.force)?;
        let (frames, partitions) = self.frames_and_partition(source, &|_| Ok(()))?;
        let writer = Writer::create(self.output, partitions.layout(), partitions.pointers(), self.store)?;
        self.tables(frames.as_ref(), &writer)?;
        self.observer.phase(&Phase::new(Verb::Transposing, bytes_of(source)).of(&self.options.matrix));
        Ok(vec![partitions.deliver(writer, self.observer)?])
    }

    /// The stored layout is written while the entries are partitioned for the other one.
    fn both(&self, source: &dyn Source) -> Result<Vec<WrittenStore>> {
        let pair = StorePair::create(self.output, self.store)?;
        let (layout, pointers) = (source.layout(), source.pointers());
        let first = pair.writer(layout, pointers)?;
        let (frames, partitions) = self.frames_and_partition(source, &|block| first.block(block))?;
        self.tables(frames.as_ref(), &first)?;
        let first = first.finish()?;
        let second = pair.writer(partitions.layout(), partitions.pointers())?;
        self.tables(frames.as_ref(), &second)?;
        self.observer.phase(&Phase::new(Verb::Transposing, bytes_of(source)).of(&self.options.matrix));
        let second = partitions.deliver(second, self.observer)?;
        pair.commit()?;
        Ok(vec![first, second])
    }
}

/// What a pump over this source advances its observer by.
fn bytes_of(source: &dyn Source) -> u64 {
    source.layout().bytes()
}
