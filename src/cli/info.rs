//! `annmap info`: describes a file or a store from its metadata.

use super::args::{human_bytes, human_count};
use super::input;
use super::report::{self, Out, printable};
use annmap::dataset::{ColumnInfo, Dataset, Description, ElementInfo, FrameInfo, MatrixInfo};
use annmap::formats::TextInfo;
use annmap::store::Store;
use annmap::{Error, Kind, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files of any format (h5ad, h5mu, zarr, 10x HDF5, loom, Matrix Market, CSV or TSV), directories with matrix.mtx
    /// and its names, or stores
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    args.inputs.iter().try_for_each(|path| input::expect_path(path))?;
    if let [input] = &args.inputs[..] {
        return describe(input, args.json).map(|()| ExitCode::SUCCESS);
    }
    let mut errors = Vec::new();
    for input in &args.inputs {
        if let Err(e) = describe(input, args.json) {
            report::failure(&e);
            errors.push(e.kind());
        }
    }
    Ok(report::worst(&errors))
}

/// Describes one input.
fn describe(input: &Path, as_json: bool) -> Result<()> {
    if input.is_dir() {
        let stores = Store::find(input);
        if !stores.is_empty() {
            return stores.iter().try_for_each(|path| store(path, as_json));
        }
    }
    let dataset = Dataset::open(input)?;
    let size = match dataset.tree() {
        Ok(root) => root.container_bytes(),
        Err(_) => dataset.path().metadata().map_or(0, |m| m.len()),
    };
    if let Some(info) = dataset.describe_text(&())? {
        return text(input, size, &info, as_json);
    }
    let Some(file) = dataset.anndata() else { return Ok(()) };
    let description = file.describe().map_err(|e| e.in_file(input))?;
    let mut out = Out::new();
    if as_json {
        let file = input.display().to_string();
        out.json(&Described { file, bytes: size, description: &description })?;
    } else {
        for line in as_text(input, size, &description) {
            out.line(&printable(&line))?;
        }
    }
    out.finish()
}

/// Describes a text file.
fn text(input: &Path, bytes: u64, info: &TextInfo, as_json: bool) -> Result<()> {
    let mut out = Out::new();
    if as_json {
        out.json(&DescribedText { file: input.display().to_string(), bytes, info })?;
        return out.finish();
    }
    let [rows, columns] = info.shape.map(human_count);
    let entries = info.entries.map(|n| format!(", {} entries", human_count(n))).unwrap_or_default();
    let (format, size) = (&info.format, human_bytes(bytes));
    let line = format!("{}: {format}, {rows} × {columns}{entries}, {size}", input.display());
    out.line(&printable(&line))?;
    for name in &info.names {
        out.line(&printable(&format!("  names  {}", name.display())))?;
    }
    out.finish()
}

/// What a text file is, for an error that it is no HDF5 file. Returns `error` unchanged for any other file.
pub(crate) fn no_hdf5(input: &Path, error: Error) -> Error {
    let found = Dataset::open(input).ok().and_then(|d| d.describe_text(&()).ok()?);
    let Some(TextInfo { format, shape: [rows, columns], .. }) = found else { return error };
    let text = format!("expected an HDF5 file, got a {format} of {rows} × {columns} (see `annmap info`)");
    Error::new(Kind::Unsupported, text).in_file(input)
}

/// Description of a text file with its path, as JSON.
#[derive(Debug, Serialize)]
struct DescribedText<'a> {
    file: String,
    bytes: u64,
    #[serde(flatten)]
    info: &'a TextInfo,
}

fn density(nnz: u64, shape: &[u64]) -> Option<f64> {
    let cells = shape.iter().map(|n| *n as f64).product::<f64>();
    (cells > 0.0).then(|| nnz as f64 / cells)
}

fn as_text(path: &Path, size: u64, d: &Description) -> Vec<String> {
    let shape = d.shape.map(|[r, c]| format!("{} × {}", human_count(r), human_count(c)));
    let mut out = vec![format!(
        "{}: {}, {}, {}",
        path.display(),
        d.flavour.name(),
        shape.unwrap_or_else(|| "no X".into()),
        human_bytes(size)
    )];
    let width = d.elements.iter().map(|(n, _)| n.chars().count()).max().unwrap_or(0).clamp(4, 40);
    for (name, element) in &d.elements {
        let text = match element {
            ElementInfo::Matrix(m) => matrix_text(m),
            ElementInfo::Frame(f) => frame_text(f),
            ElementInfo::Other(what) => what.clone(),
            ElementInfo::Broken(e) => format!("error: {e}"),
            _ => String::new(),
        };
        out.push(format!("  {name:width$}  {text}"));
        if let ElementInfo::Frame(f) = element {
            out.extend(f.columns.iter().map(|c| format!("  {:width$}    {}", "", column_text(c))));
        }
    }
    out
}

fn matrix_text(m: &MatrixInfo) -> String {
    let dims: Vec<String> = m.shape.iter().map(|n| human_count(*n)).collect();
    if let Some(value) = &m.value {
        return format!("{} = {value}", m.dtype);
    }
    let mut parts = vec![format!("{} {} {}", m.kind, dims.join(" × "), m.dtype)];
    if let Some(nnz) = m.nnz {
        let density = m.density.map(|d| format!(" ({:.2} %)", d * 100.0)).unwrap_or_default();
        parts.push(format!("{} entries{density}", human_count(nnz)));
    }
    if let Some(index) = &m.index_dtype {
        parts.push(format!("indices {index}"));
    }
    if let Some(chunks) = &m.chunks {
        let filters = if m.filters.is_empty() { String::new() } else { format!(" {}", m.filters.join("+")) };
        parts.push(format!("chunks {chunks:?}{filters}"));
    }
    parts.push(human_bytes(m.bytes));
    parts.join(", ")
}

fn frame_text(f: &FrameInfo) -> String {
    let rows = f.rows.map_or_else(|| "?".into(), human_count);
    let index =
        f.index.as_deref().filter(|i| *i != "_index").map(|i| format!(", index '{i}'")).unwrap_or_default();
    format!("data frame of {rows} rows, {} columns{index}", f.columns.len())
}

fn column_text(c: &ColumnInfo) -> String {
    let categories = match &c.categories {
        Some(c) => {
            let more = if c.count > c.first.len() as u64 { ", ..." } else { "" };
            format!(" of {}: {}{more}", human_count(c.count), c.first.join(", "))
        }
        None => String::new(),
    };
    format!("{}: {}{categories}", c.name, c.dtype)
}

/// Description of a file with its path, as JSON.
#[derive(Debug, Serialize)]
struct Described<'a> {
    file: String,
    bytes: u64,
    #[serde(flatten)]
    description: &'a Description,
}

/// Description of a store from its manifest, as JSON.
#[derive(Debug, Serialize)]
struct DescribedStore<'a> {
    store: String,
    #[serde(rename = "encoding-type")]
    encoding_type: &'a str,
    shape: [u64; 2],
    nnz: u64,
    density: Option<f64>,
    dtypes: InfoDtypes,
    sorted_indices: Option<bool>,
    has_duplicates: Option<bool>,
    bytes: u64,
    source: Option<MadeFrom<'a>>,
}

#[derive(Debug, Serialize)]
struct InfoDtypes {
    data: &'static str,
    indices: &'static str,
    indptr: &'static str,
}

#[derive(Debug, Serialize)]
struct MadeFrom<'a> {
    name: &'a str,
    matrix: &'a str,
}

fn store(path: &Path, as_json: bool) -> Result<()> {
    let store = Store::open(path)?;
    let m = store.manifest();
    let bytes: u64 = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| e.metadata().ok())
        .map(|x| x.len())
        .sum();
    let [rows, columns] = m.layout.shape();
    let mut out = Out::new();
    if as_json {
        out.json(&DescribedStore {
            store: path.display().to_string(),
            encoding_type: m.layout.orientation.encoding(),
            shape: [rows, columns],
            nnz: m.layout.entries,
            density: density(m.layout.entries, &[rows, columns]),
            dtypes: InfoDtypes {
                data: m.layout.dtype.name(),
                indices: m.indices.name(),
                indptr: m.indptr.name(),
            },
            sorted_indices: m.sorted,
            has_duplicates: m.duplicates,
            bytes,
            source: m.source.as_ref().map(|s| MadeFrom { name: &s.name, matrix: &s.matrix }),
        })?;
    } else {
        out.line(&format!(
            "{}: store, {} of {} × {}, {} entries of {}, {}",
            path.display(),
            m.layout.orientation.encoding(),
            human_count(rows),
            human_count(columns),
            human_count(m.layout.entries),
            m.layout.dtype,
            human_bytes(bytes)
        ))?;
        if let Some(s) = &m.source {
            out.line(&printable(&format!("  from {} ({})", s.name, s.matrix)))?;
        }
        let word = |b: Option<bool>| b.map_or("unknown", |b| if b { "yes" } else { "no" });
        out.line(&format!("  sorted indices: {}, duplicates: {}", word(m.sorted), word(m.duplicates)))?;
    }
    out.finish()
}
