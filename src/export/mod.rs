//! Writes a dataset of any kind as an h5ad file of the current generation: whole (upgraded, repacked) or in part.
//!
//! In come a [`Dataset`] and a [`Selection`] of its rows and columns; out goes a file, through [`AnnDataWriter`].
//! [`split`] writes many files in one pass. See `spec/h5ad.md` for what is written.
//!
//! Every element follows the selected rows and columns, as in a copy of an anndata view: `X` and `layers` along
//! both axes, `obs`, `obsm`, `obsp`, `raw` along the rows, `var`, `varm`, `varp` along the columns. Categories
//! without rows are dropped, and their colours in `uns` with them. Matrices and tables are
//! processed in blocks.

mod file;
mod fitted;
mod mudata;
mod select;
mod split;
#[cfg(all(test, feature = "write"))]
mod unlucky;

pub(crate) use mudata::export_common;
pub use select::Selecting;
pub use split::split;

use crate::anndata::{AnnDataWriter, Program, StorageOptions, StoredMatrix};
use crate::array::MadeRows;
use crate::codec::Filters;
use crate::dataset::{AnnData, Flavour};
use crate::dataset::{Dataset, select_tables};
use crate::dtype::{Dtype, Policy, ValueDtype};
use crate::error::{Error, Hint, Place, Result};
use crate::matrix::{Budget, Buffer, CastValues, Orientation, Selected, Selection, Source, wanted_dtype};
use crate::observe::{Observer, Phase, Recorder, Verb};
use crate::report::FileReport;
use crate::table::Table;
use crate::transpose;
use crate::tree::{Location, OutputFormat};
use file::FileExport;
use std::collections::HashSet;
use std::io::{Seek, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Which columns name the rows of `obs` and `var` in the output; by default the input's names stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexNames {
    /// The column of `obs` that becomes its index.
    pub obs: Option<String>,
    /// The column of `var` that becomes its index.
    pub var: Option<String>,
    /// Duplicate names get suffixes `-1`, `-2`, ..., as with anndata's `obs_names_make_unique`.
    pub unique: bool,
}

impl IndexNames {
    /// The tables `obs` and `var` with these names. The previous index stays as a column if it has a name; that
    /// of 10x Genomics files, which has none, becomes the column `gene_symbols`.
    pub(crate) fn applied<'t>(&self, tables: [Table<'t>; 2]) -> Result<[Table<'t>; 2]> {
        let [mut obs, mut var] = tables;
        if let Some(column) = &self.obs {
            let old = obs.index_name().map(str::to_owned);
            obs = obs.named_by(column, old.as_deref())?;
        }
        if let Some(column) = &self.var {
            let symbols = (var.column("gene_ids").is_some()).then(|| "gene_symbols".to_owned());
            let old = var.index_name().map(str::to_owned).or(symbols);
            var = var.named_by(column, old.as_deref())?;
        }
        Ok(if self.unique { [obs.with_unique_index()?, var.with_unique_index()?] } else { [obs, var] })
    }
}

/// How [`export`] and [`split`] write their output.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Which columns name rows and columns.
    pub names: IndexNames,
    /// The matrix that becomes `X`: `X` (the default), `layers/NAME`, `raw/X` with the genes of `raw/var` (then
    /// without what belongs to the genes of `var`), or `mod/NAME/X` of a MuData file, whose modality is written.
    pub matrix: String,
    /// Only the genes of this genome; for files of 10x Genomics.
    pub genome: Option<String>,
    /// Filters of chunked datasets; those of the input's `X` if `None`.
    pub filters: Option<Filters>,
    /// Values per chunk.
    pub chunk: u64,
    /// The container: HDF5 or zarr.
    pub format: OutputFormat,
    /// The layout of compressed `X` and `raw/X`; as stored if `None`.
    pub layout: Option<Orientation>,
    /// The type of the values of `X`. [`ValueDtype::Auto`] is one type for all files of [`split`]. A compressed
    /// `X` of float16 becomes float32.
    pub dtype: ValueDtype,
    /// What happens to values that do not fit that type.
    pub policy: Policy,
    /// The program that is to read the output. What it does not read is written in another way or left out, each
    /// with a warning. Options that contradict what it asks for are refused.
    pub target: Option<Program>,
    /// Directory for temporary files, needed when matrices change their layout; that of the output if `None`.
    pub temporary: Option<PathBuf>,
    /// Replace an existing file.
    pub force: bool,
    /// The most files that [`split`] writes at the same time, each open; at most 200 anyway.
    pub open_files: usize,
    /// Memory for buffers; 1 GiB by default.
    pub budget: Budget,
}

impl Default for ExportOptions {
    fn default() -> Self {
        ExportOptions {
            names: IndexNames::default(),
            matrix: "X".into(),
            genome: None,
            filters: None,
            chunk: StorageOptions::default().chunk,
            format: OutputFormat::default(),
            layout: None,
            dtype: ValueDtype::Keep,
            policy: Policy::Exact,
            target: None,
            temporary: None,
            force: false,
            open_files: split::FILES_AT_ONCE,
            budget: Budget::new(1 << 30),
        }
    }
}

impl ExportOptions {
    /// How arrays are stored; without filters in the options, those of the `X` of `input` or the nearest that the
    /// container has.
    pub(crate) fn storage(&self, input: Option<&AnnData>) -> StorageOptions {
        let filters = self.filters.unwrap_or_else(|| {
            let kept = input.map(filters_of).unwrap_or_default();
            self.format.nearest(kept)
        });
        let filters = fitted::readable(filters, self.target);
        StorageOptions { filters, chunk: self.chunk, format: self.format }
    }
}

/// Writes the rows and columns `selection` of `input` as an h5ad file at `output`, without what the input
/// [leaves out](Dataset::leaving_out). Inputs other than HDF5 give a compressed `X`, except that delimited text
/// gives a dense one, as in anndata. MuData is written as MuData, with each modality's share of the common rows and
/// columns, unless the options choose the matrix of one modality.
///
/// # Errors
/// `NotFound` if a column for names, the matrix, the genome or something to leave out does not exist; `Usage` if a
/// selected row or column does not exist, the matrix cannot become `X`, a genome is chosen in another kind of file,
/// an option contradicts the target, names are to be changed in MuData, or the output is also the input; `Malformed` if
/// the modalities of MuData are not where it says; the errors of reading and writing. After an error `output` is as it
/// was before.
pub fn export(
    input: &Dataset,
    output: impl AsRef<Path>,
    selection: &Selection,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<FileReport> {
    let output = output.as_ref();
    options.check_target()?;
    input.refuse_as_output(output)?;
    let recorder = Recorder::new(observer);
    let create = |storage| AnnDataWriter::create(output, options.force, storage, options.budget, &recorder);
    if let Some(data) = mudata::whole(input, options) {
        let parts = mudata::MuDataParts::new(input, data, selection, options, &recorder)?;
        let shape = parts.exported(&recorder, transpose::beside(output), create)?.finish()?;
        return Ok(FileReport::new(output, shape, recorder.finish()));
    }
    let modality = modality(input, options)?;
    let (input, matrix) = modality.as_ref().map_or((input, &options.matrix), |(data, name)| (data, name));
    let (matrix, narrowed) = chosen(input, matrix, selection, options, &recorder)?;
    let selection = narrowed.as_ref().unwrap_or(selection);
    let options = &decided(input, &matrix, selection, options, &recorder)?;
    let run = exported(input, matrix, selection, options, &recorder, transpose::beside(output), create)?;
    let shape = run.finish()?;
    Ok(FileReport::new(output, shape, recorder.finish()))
}

/// Writes the rows and columns `selection` of `input` as an h5ad file into `sink`, from its beginning, and
/// returns the sink. Temporary files, needed when a matrix changes its layout, go to the system's temporary
/// directory unless the options name another.
///
/// # Errors
/// Those of [`export`]. After an error the sink is dropped; the file behind it may be incomplete.
pub fn export_to<W: Write + Seek + Send + 'static>(
    input: &Dataset,
    sink: W,
    selection: &Selection,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<W> {
    options.check_target()?;
    let create = |storage| AnnDataWriter::to_sink(sink, storage, options.budget, observer);
    if let Some(data) = mudata::whole(input, options) {
        let parts = mudata::MuDataParts::new(input, data, selection, options, observer)?;
        return parts.exported(observer, &std::env::temp_dir(), create)?.writer.finish_sink();
    }
    let modality = modality(input, options)?;
    let (input, matrix) = modality.as_ref().map_or((input, &options.matrix), |(data, name)| (data, name));
    let (matrix, narrowed) = chosen(input, matrix, selection, options, observer)?;
    let selection = narrowed.as_ref().unwrap_or(selection);
    let options = &decided(input, &matrix, selection, options, observer)?;
    let run = exported(input, matrix, selection, options, observer, &std::env::temp_dir(), create)?;
    run.writer.finish_sink()
}

/// Writes all elements into the file that `create` begins; the caller finishes it.
fn exported<'a>(
    input: &'a Dataset,
    matrix: String,
    selection: &'a Selection,
    options: &'a ExportOptions,
    observer: &'a dyn Observer,
    beside: &Path,
    create: impl FnOnce(StorageOptions) -> Result<AnnDataWriter<'a>>,
) -> Result<ExportRun<'a>> {
    let data = input.anndata();
    let mut run = ExportRun::new(data, matrix, selection, options, observer, beside, create)?;
    let written = match data {
        Some(data) => FileExport { run: &mut run, data, tables: None }.tables_and_matrices(),
        None => run.one_matrix(input),
    };
    written.in_file(input.path())?;
    Ok(run)
}

/// The modality of a MuData file to which the options' matrix belongs, with the name of the matrix there; `None`
/// for files of other kinds.
fn modality(input: &Dataset, options: &ExportOptions) -> Result<Option<(Dataset, String)>> {
    if input.anndata().is_none_or(|data| data.flavour() != Flavour::MuData) {
        return Ok(None);
    }
    let Some((name, matrix)) = options.matrix.strip_prefix("mod/").and_then(|rest| rest.split_once('/'))
    else {
        let text = format!("expected X, or one modality of MuData as mod/NAME/X, got {}", options.matrix);
        return Err(Error::usage(text).hinting(Hint::ChooseMatrix).in_file(input.path()));
    };
    Ok(Some((input.modality(name)?, matrix.to_owned())))
}

/// The name of the matrix that becomes `X` and, if a genome is chosen, the selection narrowed to it.
fn chosen(
    input: &Dataset,
    matrix: &str,
    selection: &Selection,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<(String, Option<Selection>)> {
    if let Some(data) = input.anndata() {
        data.leave_out().check(&[data.root()]).in_file(input.path())?;
    }
    if let Some(genome) = options.genome.as_deref() {
        return input.of_genome(genome, selection, observer);
    }
    let cells = |name: &str| matches!(name, "X" | "raw/X") || name.starts_with("layers/");
    if !cells(matrix) && input.anndata().is_some_and(|data| data.flavour().is_anndata()) {
        let text = format!("expected X, raw/X or layers/NAME, which may become X, got {matrix}");
        return Err(Error::usage(text).in_file(input.path()));
    }
    Ok((matrix.to_owned(), None))
}

/// The options with the narrowest type of the selected values as the type of `X`, if that is what they say.
fn decided(
    input: &Dataset,
    matrix: &str,
    selection: &Selection,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<ExportOptions> {
    if options.dtype != ValueDtype::Auto {
        return Ok(options.clone());
    }
    let source = input.matrix(matrix, options.budget, observer)?;
    let found = Selected::taken(&source, selection, options.budget, observer)
        .and_then(|chosen| wanted_dtype(&chosen, matrix, options.dtype, options.budget, observer));
    // as for stores: scipy has no matrices of float16
    let dtype = match found.in_file(input.path())? {
        Dtype::Float16 => Dtype::Float32,
        dtype => dtype,
    };
    Ok(ExportOptions { dtype: ValueDtype::As(dtype), ..options.clone() })
}

/// The filters of `X`; the default if there is no matrix.
pub(crate) fn filters_of(data: &AnnData) -> Filters {
    let Ok(element) = data.matrix("X") else { return Filters::default() };
    match &element {
        StoredMatrix::Sparse(s) => s.arrays()[0].filters_to_write(),
        StoredMatrix::Dense(d) => d.array().filters_to_write(),
    }
}

/// One output file while it is written.
struct ExportRun<'a> {
    selection: &'a Selection,
    /// Name of the input's matrix that becomes `X`.
    matrix: String,
    names: &'a IndexNames,
    budget: Budget,
    layout: Option<Orientation>,
    /// The type of the values of `X`, if it is not to be kept, and what happens to values that do not fit.
    cast: Option<(Dtype, Policy)>,
    policy: Policy,
    /// The program that is to read the output.
    target: Option<Program>,
    temporary: PathBuf,
    observer: &'a dyn Observer,
    writer: AnnDataWriter<'a>,
    /// Names of matrices that [`split`] has written already.
    ready: HashSet<String>,
    /// Rows and columns of the output, known once its tables are written.
    shape: [u64; 2],
}

impl<'a> ExportRun<'a> {
    /// Begins the output with `create`, before any matrix is read: an existing file is refused first. Temporary files go
    /// to the directory `beside` unless the options name another.
    fn new(
        data: Option<&AnnData>,
        matrix: String,
        selection: &'a Selection,
        options: &'a ExportOptions,
        observer: &'a dyn Observer,
        beside: &Path,
        create: impl FnOnce(StorageOptions) -> Result<AnnDataWriter<'a>>,
    ) -> Result<Self> {
        let leave_out = data.map(|data| data.leave_out().clone()).unwrap_or_default();
        let storage = options.storage(data);
        Ok(ExportRun {
            selection,
            matrix,
            names: &options.names,
            budget: options.budget,
            layout: options.wanted_layout(),
            cast: match options.dtype {
                ValueDtype::As(dtype) => Some((dtype, options.policy)),
                _ => None,
            },
            policy: options.policy,
            target: options.target,
            temporary: options.temporary.clone().unwrap_or_else(|| beside.to_owned()),
            observer,
            writer: create(storage)?.leaving_out(leave_out).read_by(options.target),
            ready: HashSet::new(),
            shape: [0, 0],
        })
    }

    /// Where the element `path` of the AnnData is written.
    fn at(&self, path: &str) -> Location {
        self.writer.root().below(path)
    }

    /// Completes the file and returns its rows and columns.
    fn finish(self) -> Result<[u64; 2]> {
        self.writer.finish()?;
        Ok(self.shape)
    }

    /// Writes an input that consists of one matrix and its names.
    fn one_matrix(&mut self, input: &Dataset) -> Result<()> {
        let matrix = input.matrix(&self.matrix, self.budget, self.observer)?;
        let source: &dyn Source = &matrix;
        let tables = input.opened_frames(&self.matrix, source.layout().shape(), self.observer)?;
        let tables = tables.unwrap_or_else(|| source.layout().shape().map(Table::unnamed));
        let [obs, var] = self.names.applied(select_tables(self.selection, tables)?)?;
        let selected = Selected::taken(source, self.selection, self.budget, self.observer)?;
        let root = self.writer.root().clone();
        let cast = self.cast_of(&root.child("X"), Some(selected.layout().dtype));
        let cast = cast.map(|(dtype, policy)| CastValues::new(&selected, dtype, policy));
        let values: &dyn Source = cast.as_ref().map_or(&selected, |cast| cast);
        if input.is_delimited_text() && self.layout.is_none() {
            self.dense(&root.child("X"), values)?;
        } else {
            self.compressed(&root.child("X"), values)?;
        }
        self.writer.table(&root.child("obs"), &obs)?;
        self.writer.table(&root.child("var"), &var)?;
        self.shape = [obs.rows(), var.rows()];
        Ok(())
    }

    /// Writes a compressed matrix in the layout asked for.
    fn compressed(&mut self, at: &Location, source: &dyn Source) -> Result<()> {
        let layout = source.layout();
        let bytes = layout.bytes();
        if self.layout.is_none_or(|l| l == layout.orientation) {
            self.observer.phase(&Phase::new(Verb::Writing, bytes).of(&at.to_string()));
            return self.writer.sparse(at, source);
        }
        self.observer.phase(&Phase::new(Verb::Reading, bytes).of(&at.to_string()));
        let partitions =
            transpose::partition(source, self.budget, &self.temporary, self.observer, &|_| Ok(()))?;
        let (layout, pointers) = (*partitions.layout(), partitions.pointers().to_vec());
        self.observer.phase(&Phase::new(Verb::Transposing, bytes).of(&at.to_string()));
        let observer = self.observer;
        self.writer.sparse_from(at, &layout, &pointers, |sink| partitions.deliver(sink, observer))
    }

    /// Writes compressed rows as a dense array.
    fn dense(&mut self, at: &Location, source: &dyn Source) -> Result<()> {
        let layout = *source.layout();
        let size = layout.dtype.size();
        let row = layout.minor * size as u64;
        let make = |rows: Range<u64>, out: &mut [u8]| {
            out.fill(0);
            let p = &source.pointers()[rows.start as usize..=rows.end as usize];
            let mut buffer = Buffer::new();
            let first = p[0];
            if first < p[p.len() - 1] {
                source.read(first..p[p.len() - 1], &mut buffer)?;
            }
            for (line, ends) in out.chunks_exact_mut(row as usize).zip(p.windows(2)) {
                for e in (ends[0] - first) as usize..(ends[1] - first) as usize {
                    let at = buffer.minor[e] as usize * size;
                    line[at..at + size].copy_from_slice(&buffer.values[e * size..][..size]);
                }
            }
            Ok(())
        };
        let rows = MadeRows::new(layout.dtype, &[layout.lines, layout.minor], &make);
        self.writer.dense(at, &rows.costing(2 * row, 1))
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{at, bytes, open, texts, write_mudata, write_to};
    use crate::table::{Column, Frame};

    fn column(name: &str, list: &[&str]) -> (String, Column) {
        (name.to_owned(), Column::Strings(texts(list)))
    }

    /// A column becomes the index, and the index becomes a column: under its name, or as `gene_symbols` in a
    /// table of 10x Genomics.
    #[test]
    fn columns_become_names() {
        let obs = || {
            let columns = vec![column("barcode", &["b", "b"]), column("n", &["1", "2"])];
            Frame::new(Some("cell".into()), texts(&["c0", "c1"]), columns).unwrap()
        };
        let var = || Frame::new(None, texts(&["S", "S"]), vec![column("gene_ids", &["G1", "G2"])]).unwrap();
        let names = |obs: Option<&str>, var: Option<&str>, unique| IndexNames {
            obs: obs.map(str::to_owned),
            var: var.map(str::to_owned),
            unique,
        };
        let applied = |names: IndexNames| {
            let (obs, var) = (obs(), var());
            let tables = names.applied([Table::of(&obs), Table::of(&var)])?;
            let [o, v] = tables.map(|t| t.read(0..2));
            Ok::<_, Error>([o?, v?])
        };
        let [o, v] = applied(names(Some("barcode"), Some("gene_ids"), true)).unwrap();
        let columns = vec![column("cell", &["c0", "c1"]), column("n", &["1", "2"])];
        assert_eq!(o, Frame::new(Some("barcode".into()), texts(&["b", "b-1"]), columns).unwrap());
        let columns = vec![column("gene_symbols", &["S", "S"])];
        assert_eq!(v, Frame::new(Some("gene_ids".into()), texts(&["G1", "G2"]), columns).unwrap());
        let [o, v] = applied(names(None, None, true)).unwrap();
        assert_eq!((o, v.index()), (obs(), &texts(&["S", "S-1"])));
        assert_eq!(applied(IndexNames::default()).unwrap(), [obs(), var()]);
        for unknown in [names(Some("x"), None, false), names(None, Some("x"), false)] {
            let error = applied(unknown).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::NotFound, "{error}");
        }
    }

    /// Exports a genome of a file; checks that an error leaves no output.
    fn of(input: &Path, genome: &str, selection: &Selection) -> Result<crate::tree::Node> {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out.h5ad");
        let options = ExportOptions { genome: Some(genome.into()), ..ExportOptions::default() };
        let input = Dataset::open(input).unwrap();
        match export(&input, &output, selection, &options, &()) {
            Ok(_) => Ok(open(&output)),
            Err(e) => {
                assert!(!output.exists());
                Err(e)
            }
        }
    }

    /// A modality is written as an AnnData of its own.
    #[test]
    fn a_modality_of_mudata() {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("a.h5mu"), dir.path().join("rna.h5ad"));
        write_mudata(&input, |w| {
            for (name, genes) in [("rna", 2), ("atac", 3)] {
                let root = at("mod").child(name);
                w.raw_array(&format!("mod/{name}/X"), &bytes(&[1, genes], &vec![7; genes as usize]))?;
                w.raw_array(
                    &format!("mod/{name}/layers/twice"),
                    &bytes(&[1, genes], &vec![14; genes as usize]),
                )?;
                w.dict(&root.child("layers"))?;
                w.frame(&root.child("obs"), &Frame::unnamed(1))?;
                w.frame(&root.child("var"), &Frame::unnamed(genes))?;
                w.raw_group(&format!("mod/{name}"), &[("encoding-type", "anndata")])?;
            }
            w.frame(&at("obs"), &Frame::unnamed(1))?;
            w.raw_group("mod", &[])
        });
        let input = Dataset::open(&input).unwrap();
        let of = |matrix: &str| {
            let options = ExportOptions { matrix: matrix.into(), force: true, ..ExportOptions::default() };
            export(&input, &output, &Selection::default(), &options, &())
        };
        let x = || open(&output).descend("X").unwrap().array().unwrap().read().unwrap().integers().unwrap();
        assert_eq!((of("mod/rna/X").unwrap().shape, x()), ([1, 2], vec![7, 7]));
        assert_eq!((of("mod/atac/layers/twice").unwrap().shape, x()), ([1, 3], vec![14; 3]));
        assert!(open(&output).child("mod").unwrap().is_none());
        let (one, other) = (of("raw/X").unwrap_err(), of("mod/protein/X").unwrap_err());
        assert_eq!((one.kind(), other.kind()), (crate::Kind::Usage, crate::Kind::NotFound));
        assert!(other.message().contains("no modality 'protein' (there are: atac, rna)"), "{other}");
    }

    /// Genomes are a column of the genes in version 3 and groups in version 2. The error for an unknown genome
    /// lists the known ones.
    #[test]
    fn genomes_by_name() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let (v2, v3) = (data.join("tenx_v2.h5"), data.join("tenx_v3.h5"));
        let all = Selection::default();
        let ids = |root: crate::tree::Node| {
            let var = crate::anndata::open_frame(&root.descend("var").unwrap(), None, 0, &()).unwrap();
            var.column("gene_ids").unwrap().read(0..var.rows()).unwrap().to_strings().unwrap()
        };
        assert_eq!(ids(of(&v3, "G2", &all).unwrap()), texts(&["E2"]));
        assert_eq!(ids(of(&v2, "mm10", &all).unwrap()), texts(&["E0", "E1", "E2", "E3", "E4"]));
        let error = of(&v3, "G", &all).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::NotFound);
        assert!(error.to_string().contains("no genome 'G' (there are: G0, G1, G2, G3, G4)"), "{error}");
        let error = of(&v2, "hg38", &all).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::NotFound);
        assert!(error.to_string().contains("no genome 'hg38' (there are: hg19, mm10)"), "{error}");
        // gene 0 is of another genome
        let first = Selection { obs: None, var: Some(vec![0]) };
        assert_eq!(of(&v3, "G2", &first).unwrap_err().kind(), crate::Kind::NotFound);
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("a.h5ad");
        write_to(&plain, |w| {
            w.frame(&at("obs"), &Frame::unnamed(1)).and_then(|()| w.frame(&at("var"), &Frame::unnamed(1)))
        });
        assert_eq!(of(&plain, "G2", &all).unwrap_err().kind(), crate::Kind::Usage);
    }
}
