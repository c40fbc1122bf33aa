//! `annmap info`: what a file or a store holds, from metadata alone.

use super::args::{human_bytes, human_count};
use super::report::{Out, printable};
use annmap::dataset::{AnnData, ColumnInfo, Description, ElementInfo, FrameInfo, MatrixInfo};
use annmap::store::Store;
use annmap::{Error, Kind, Result};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An h5ad, h5mu, 10x HDF5 or loom file, or a store
    input: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.input.is_dir() {
        let stores = Store::find(&args.input);
        if stores.is_empty() {
            return Err(Error::new(Kind::Usage, "a directory that is no store").in_file(&args.input));
        }
        for path in stores {
            store(&path, args.json)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let file = AnnData::open(&args.input)?;
    let description = file.describe().map_err(|e| e.in_file(&args.input))?;
    let size = args.input.metadata().map_or(0, |m| m.len());
    let mut out = Out::new();
    if args.json {
        out.json(&as_json(&args.input, size, &description))?;
    } else {
        for line in as_text(&args.input, size, &description) {
            out.line(&printable(&line))?;
        }
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
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
    let mut parts = vec![format!("{} {} {}", m.kind, dims.join(" × "), m.dtype)];
    if let Some(nnz) = m.nnz {
        let density = density(nnz, &m.shape).map(|d| format!(" ({:.2} %)", d * 100.0)).unwrap_or_default();
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
        Some((shown, n)) => {
            let more = if *n > shown.len() as u64 { ", ..." } else { "" };
            format!(" of {}: {}{more}", human_count(*n), shown.join(", "))
        }
        None => String::new(),
    };
    format!("{}: {}{categories}", c.name, c.dtype)
}

fn as_json(path: &Path, size: u64, d: &Description) -> Json {
    let elements: Vec<Json> = d
        .elements
        .iter()
        .map(|(name, element)| {
            let mut value = match element {
                ElementInfo::Matrix(m) => json!({
                    "kind": m.kind, "shape": m.shape, "dtype": m.dtype, "index_dtype": m.index_dtype, "nnz": m.nnz,
                    "density": m.nnz.and_then(|n| density(n, &m.shape)), "chunks": m.chunks, "filters": m.filters,
                    "bytes": m.bytes,
                }),
                ElementInfo::Frame(f) => json!({
                    "kind": "dataframe", "rows": f.rows, "index": f.index,
                    "columns": f.columns.iter().map(|c| json!({
                        "name": c.name, "dtype": c.dtype,
                        "categories": c.categories.as_ref().map(|(first, n)| json!({"first": first, "count": n})),
                    })).collect::<Vec<_>>(),
                }),
                ElementInfo::Other(what) => json!({"kind": what}),
                ElementInfo::Broken(e) => json!({"kind": "error", "error": e.to_string()}),
            };
            value["path"] = json!(name);
            value
        })
        .collect();
    json!({
        "file": path.display().to_string(), "bytes": size, "format": d.flavour.name(), "shape": d.shape,
        "elements": elements,
    })
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
        out.json(&json!({
            "store": path.display().to_string(), "encoding-type": m.layout.orientation.encoding(),
            "shape": [rows, columns], "nnz": m.layout.entries, "density": density(m.layout.entries, &[rows, columns]),
            "dtypes": {"data": m.layout.dtype.name(), "indices": m.indices.name(), "indptr": m.indptr.name()},
            "sorted_indices": m.sorted, "has_duplicates": m.duplicates, "bytes": bytes,
            "source": m.source.as_ref().map(|s| json!({"name": s.name, "matrix": s.matrix})),
        }))?;
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
