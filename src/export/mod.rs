//! A single-cell file of any kind into an h5ad of the current format: whole (upgraded, repacked) or in part.
//!
//! Every element follows the rows and columns that are taken, as anndata makes a copy of a view: `X` and `layers` along
//! both axes, `obs`, `obsm`, `obsp`, `raw` along the rows, `var`, `varm`, `varp` along the columns. Labels that no row has any
//! more are dropped, and their colours in `uns` with them. Matrices go through in blocks; nothing is loaded whole but
//! tables.

mod file;
mod select;
mod split;

pub use select::Selecting;
pub use split::split;

use crate::anndata::{AnnDataWriter, StorageOptions, StoredMatrix};
use crate::array::MadeRows;
use crate::codec::Filters;
use crate::dataset::{AnnData, Flavour};
use crate::dataset::{Dataset, select_frames};
use crate::error::{Error, Result};
use crate::matrix::{Budget, Buffer, Orientation, Selected, Selection, Source};
use crate::observe::{Observer, Phase, Recorder, Verb};
use crate::report::FileReport;
use crate::table::Frame;
use crate::transpose;
use crate::tree::{Libver, Location};
use file::File;
use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Other names for rows and columns than the input has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// The column of `obs` that names cells.
    pub obs: Option<String>,
    /// The column of `var` that names genes.
    pub var: Option<String>,
    /// Names that come again get a number at their end.
    pub unique: bool,
}

impl Names {
    /// The tables with these names. Genes of 10x Genomics keep their symbols as a column.
    pub(crate) fn applied(&self, frames: [Frame; 2]) -> Result<[Frame; 2]> {
        let [mut obs, mut var] = frames;
        if let Some(column) = &self.obs {
            let old = obs.index_name().map(str::to_owned);
            obs = obs.named_by(column, old.as_deref())?;
        }
        if let Some(column) = &self.var {
            let symbols = (var.column("gene_ids").is_some()).then(|| "gene_symbols".to_owned());
            let old = var.index_name().map(str::to_owned).or(symbols);
            var = var.named_by(column, old.as_deref())?;
        }
        Ok(if self.unique { [obs.with_unique_index(), var.with_unique_index()] } else { [obs, var] })
    }
}

/// How the output is written.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Other names of rows and columns.
    pub names: Names,
    /// Of a file of 10x Genomics, this genome only.
    pub genome: Option<String>,
    /// Chunks and filters; filters as the input has them where `None`.
    pub filters: Option<Filters>,
    /// Elements of a chunk.
    pub chunk: u64,
    /// Which forms of HDF5 are used.
    pub libver: Libver,
    /// The layout of compressed `X` and `raw/X`; as they are where `None`.
    pub layout: Option<Orientation>,
    /// For temporary files when matrices change their layout; beside the output where `None`.
    pub temporary: Option<PathBuf>,
    /// Replace an existing file.
    pub force: bool,
    /// Memory for buffers.
    pub budget: Budget,
}

impl Default for ExportOptions {
    fn default() -> Self {
        ExportOptions {
            names: Names::default(),
            genome: None,
            filters: None,
            chunk: StorageOptions::default().chunk,
            libver: Libver::default(),
            layout: None,
            temporary: None,
            force: false,
            budget: Budget::new(1 << 30),
        }
    }
}

/// Writes `selection` of `input` to `output`. A table of text becomes a dense `X`, as in anndata, other matrices compressed
/// ones.
///
/// # Errors
/// Those of reading and writing; `Usage` where the selection has rows or columns that are not there; `Unsupported` for
/// MuData. Nothing appears at `output` then.
pub fn export(
    input: &Dataset,
    output: &Path,
    selection: &Selection,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<FileReport> {
    let recorder = Recorder::new(observer);
    let observer: &dyn Observer = &recorder;
    let data = input.anndata();
    if data.is_some_and(|data| data.flavour() == Flavour::MuData) {
        let text = "MuData: each modality is a file of its own to write";
        return Err(Error::unsupported(text).in_file(input.path()));
    }
    let in_place = |e: Error| e.in_file(input.path());
    let genome = options.genome.as_deref().map(|g| of_genome(input, g, selection, observer)).transpose();
    let (matrix, of_genome) = genome.map_err(in_place)?.unwrap_or(("X".into(), None));
    let selection = of_genome.as_ref().unwrap_or(selection);
    let mut run = Run::new(data, output, matrix, selection, options, observer)?;
    let written = match data {
        Some(data) => File { run: &mut run, data }.tables_and_matrices(),
        None => run.one_matrix(input),
    };
    written.map_err(in_place)?;
    let shape = run.finish()?;
    Ok(FileReport::new(output, shape, recorder.finish()))
}

/// The matrix of a genome of 10x Genomics, and which of its genes are of it.
fn of_genome(
    input: &Dataset,
    genome: &str,
    selection: &Selection,
    observer: &dyn Observer,
) -> Result<(String, Option<Selection>)> {
    match input.anndata() {
        Some(data) if data.flavour() == Flavour::TenX2 => {
            data.matrix(genome)?;
            Ok((genome.to_owned(), None))
        }
        Some(data) if data.flavour() == Flavour::TenX3 => {
            let var = data.frame("X", 1, data.matrix("X")?.shape()[1], observer)?;
            let Some(column) = var.column("genome") else {
                return Err(Error::usage("the file does not say which genome its genes are of"));
            };
            let genomes = column.to_strings()?;
            let all = selection.var.clone().unwrap_or_else(|| (0..var.rows() as u64).collect());
            let rows = all
                .into_iter()
                .filter(|r| genomes.bytes(*r as usize) == Some(genome.as_bytes()))
                .collect::<Vec<_>>();
            if rows.is_empty() {
                let mut there: Vec<&[u8]> = genomes.iter().filter(|g| !g.is_empty()).collect();
                there.sort_unstable();
                there.dedup();
                let there = there.iter().map(|g| String::from_utf8_lossy(g)).collect::<Vec<_>>().join(", ");
                return Err(Error::not_found(format!("there is no genome '{genome}' (there are: {there})")));
            }
            Ok(("X".into(), Some(Selection { obs: selection.obs.clone(), var: Some(rows) })))
        }
        _ => Err(Error::usage("a genome can be chosen in files of 10x Genomics only")),
    }
}

/// The filters of the matrix, as far as they are ones we write; gzip in place of others.
pub(crate) fn filters_of(data: &AnnData) -> Filters {
    let Ok(element) = data.matrix("X") else { return Filters::default() };
    match &element {
        StoredMatrix::Sparse(s) => s.arrays()[0].filters_to_write(),
        StoredMatrix::Dense(d) => d.array().filters_to_write(),
    }
}

struct Run<'a> {
    selection: &'a Selection,
    /// The one that becomes `X`.
    matrix: String,
    names: &'a Names,
    budget: Budget,
    layout: Option<Orientation>,
    temporary: PathBuf,
    observer: &'a dyn Observer,
    writer: AnnDataWriter<'a>,
    /// Names of matrices that are written already.
    ready: HashSet<String>,
    /// Rows and columns of the output, once its tables are written.
    shape: [u64; 2],
}

impl<'a> Run<'a> {
    /// Begins a file. One that exists is refused before anything is read.
    fn new(
        data: Option<&AnnData>,
        output: &Path,
        matrix: String,
        selection: &'a Selection,
        options: &'a ExportOptions,
        observer: &'a dyn Observer,
    ) -> Result<Self> {
        let filters = options.filters.or_else(|| data.map(filters_of)).unwrap_or_default();
        let how = StorageOptions { filters, chunk: options.chunk, libver: options.libver };
        let beside = transpose::beside(output);
        Ok(Run {
            selection,
            matrix,
            names: &options.names,
            budget: options.budget,
            layout: options.layout,
            temporary: options.temporary.clone().unwrap_or_else(|| beside.to_owned()),
            observer,
            writer: AnnDataWriter::create(output, options.force, how, options.budget, observer)?,
            ready: HashSet::new(),
            shape: [0, 0],
        })
    }

    /// Completes the file and returns its rows and columns.
    fn finish(self) -> Result<[u64; 2]> {
        self.writer.finish()?;
        Ok(self.shape)
    }

    /// An input that is a matrix and its names.
    fn one_matrix(&mut self, input: &Dataset) -> Result<()> {
        let matrix = input.matrix("X", self.budget, self.observer)?;
        let source: &dyn Source = &matrix;
        let frames = input.frames("X", source.layout().shape(), self.observer)?;
        let [rows, columns] = source.layout().shape();
        let frames = frames.unwrap_or_else(|| [rows, columns].map(|n| Arc::new(Frame::unnamed(n))));
        let [obs, var] = self.names.applied(select_frames(self.selection, frames)?)?;
        let selected = Selected::taken(source, self.selection, self.budget, self.observer)?;
        let root = Location::root();
        if input.is_delimited_text() && self.layout.is_none() {
            self.dense(&root.child("X"), &selected)?;
        } else {
            self.compressed(&root.child("X"), &selected)?;
        }
        self.writer.frame(&root.child("obs"), &obs)?;
        self.writer.frame(&root.child("var"), &var)?;
        self.shape = [obs.rows() as u64, var.rows() as u64];
        Ok(())
    }

    /// A compressed matrix in the layout asked for.
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

    /// Compressed rows with their zeros.
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
    use crate::anndata::tests::{at, open, texts, write_to};
    use crate::table::Column;

    fn column(name: &str, list: &[&str]) -> (String, Column) {
        (name.to_owned(), Column::Strings(texts(list)))
    }

    /// A column becomes the index, and the index a column: under its name, or as `gene_symbols` where the table is one of
    /// 10x Genomics.
    #[test]
    fn columns_become_names() {
        let obs = || {
            let columns = vec![column("barcode", &["b", "b"]), column("n", &["1", "2"])];
            Frame::new(Some("cell".into()), texts(&["c0", "c1"]), columns).unwrap()
        };
        let var = || Frame::new(None, texts(&["S", "S"]), vec![column("gene_ids", &["G1", "G2"])]).unwrap();
        let names = |obs: Option<&str>, var: Option<&str>, unique| Names {
            obs: obs.map(str::to_owned),
            var: var.map(str::to_owned),
            unique,
        };
        let [o, v] = names(Some("barcode"), Some("gene_ids"), true).applied([obs(), var()]).unwrap();
        let columns = vec![column("cell", &["c0", "c1"]), column("n", &["1", "2"])];
        assert_eq!(o, Frame::new(Some("barcode".into()), texts(&["b", "b-1"]), columns).unwrap());
        let columns = vec![column("gene_symbols", &["S", "S"])];
        assert_eq!(v, Frame::new(Some("gene_ids".into()), texts(&["G1", "G2"]), columns).unwrap());
        let [o, v] = names(None, None, true).applied([obs(), var()]).unwrap();
        assert_eq!((o, v.index()), (obs(), &texts(&["S", "S-1"])));
        assert_eq!(Names::default().applied([obs(), var()]).unwrap(), [obs(), var()]);
        for unknown in [names(Some("x"), None, false), names(None, Some("x"), false)] {
            let error = unknown.applied([obs(), var()]).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::NotFound, "{error}");
        }
    }

    /// The output for a genome of a file, or the error; no output is there after one.
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

    /// In version 3 a genome is a column of the genes, in version 2 a group. A name that is not there is refused with those
    /// that are.
    #[test]
    fn genomes_by_name() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let (v2, v3) = (data.join("tenx_v2.h5"), data.join("tenx_v3.h5"));
        let all = Selection::default();
        let ids = |root: crate::tree::Node| {
            let var = crate::anndata::read_frame(&root.descend("var").unwrap(), None, 0, &()).unwrap();
            var.column("gene_ids").unwrap().to_strings().unwrap()
        };
        assert_eq!(ids(of(&v3, "G2", &all).unwrap()), texts(&["E2"]));
        assert_eq!(ids(of(&v2, "mm10", &all).unwrap()), texts(&["E0", "E1", "E2", "E3", "E4"]));
        let error = of(&v3, "G", &all).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::NotFound);
        assert!(error.to_string().contains("no genome 'G' (there are: G0, G1, G2, G3, G4)"), "{error}");
        let error = of(&v2, "hg38", &all).unwrap_err();
        assert!(error.to_string().contains("hg19, mm10"), "{error}");
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
