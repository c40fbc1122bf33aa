//! `metadata.json`: the one file that makes a directory a store.

use crate::dtype::{Dtype, Policy};
use crate::error::{Error, Result};
use crate::matrix::{Layout, LostLines, Orientation};
use serde_json::{Map, Value, json};

/// The version of the format this crate writes.
const FORMAT: u64 = 1;

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Orientation, shape, entries and type of the values.
    pub layout: Layout,
    /// Type of `indices.bin`.
    pub indices: Dtype,
    /// Type of `indptr.bin`.
    pub indptr: Dtype,
    /// What the matrix was made from.
    pub source: Option<SourceRecord>,
    /// Length and checksum of each file; empty for stores of other programs.
    pub files: Vec<FileRecord>,
    /// Whether minor indices ascend within lines; `None` where it is not known.
    pub sorted: Option<bool>,
    /// Whether a minor index comes twice within a line; `None` where it is not known.
    pub duplicates: Option<bool>,
    /// How the values were converted, if they were.
    pub cast: Option<CastRecord>,
    /// Lines that could not be read and are empty here, where the store was made past damage.
    pub salvaged: Option<Salvage>,
}

/// What was lost when a damaged matrix was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// Whether lines are rows or columns: how the damaged matrix is stored.
    pub orientation: Orientation,
    /// The lines.
    pub lost: Vec<LostLines>,
}

/// What a matrix was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRecord {
    /// Name of the file or directory, without the path to it.
    pub name: String,
    /// Its bytes.
    pub size: Option<u64>,
    /// When it was last changed, in seconds since 1970 (UTC).
    pub modified: Option<u64>,
    /// The matrix in it.
    pub matrix: String,
}

/// Length and CRC-32 of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub len: u64,
    /// CRC-32 of its bytes, as zlib computes it.
    pub crc: u32,
}

/// How values were converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CastRecord {
    /// The type they had.
    pub from: Dtype,
    /// What happened to those that did not fit.
    pub policy: Policy,
}

impl Manifest {
    pub(crate) fn to_json(&self) -> String {
        let files: Map<String, Value> = self
            .files
            .iter()
            .map(|f| (f.name.clone(), json!({"bytes": f.len, "crc32": format!("{:08x}", f.crc)})))
            .collect();
        let source = self
            .source
            .as_ref()
            .map(|s| json!({"name": s.name, "size": s.size, "mtime": s.modified, "matrix": s.matrix}));
        let cast = self.cast.map(
            |c| json!({"from": c.from.name(), "to": self.layout.dtype.name(), "policy": c.policy.name()}),
        );
        let mut value = json!({
            "encoding-type": self.layout.orientation.encoding(),
            "encoding-version": "0.1.0",
            "shape": self.layout.shape(),
            "nnz": self.layout.entries,
            "dtypes": {
                "data": self.layout.dtype.name(),
                "indices": self.indices.name(),
                "indptr": self.indptr.name(),
            },
            "annmap": {
                "format": FORMAT,
                "version": env!("CARGO_PKG_VERSION"),
                "source": source,
                "files": files,
                "sorted_indices": self.sorted,
                "has_duplicates": self.duplicates,
                "cast": cast,
            },
        });
        if let Some(salvage) = &self.salvaged {
            let lost: Vec<Value> = salvage
                .lost
                .iter()
                .map(|l| json!({"first": l.lines.start, "last": l.lines.end - 1, "reason": l.reason}))
                .collect();
            value["annmap"]["salvaged"] = json!({lines_name(salvage.orientation): lost});
        }
        let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
        text.push('\n');
        text
    }

    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let value: Value =
            serde_json::from_str(text).map_err(|e| Error::malformed(format!("not JSON ({e})")))?;
        let orientation = match text_of(&value, "encoding-type")? {
            "csr_matrix" => Orientation::Csr,
            "csc_matrix" => Orientation::Csc,
            other => return Err(Error::unsupported(format!("encoding-type '{other}'"))),
        };
        let shape: Option<Vec<u64>> =
            value["shape"].as_array().and_then(|a| a.iter().map(Value::as_u64).collect());
        let Some(&[rows, columns]) = shape.as_deref() else {
            return Err(missing("shape", "two sizes"));
        };
        let entries = value["nnz"].as_u64().ok_or_else(|| missing("nnz", "a count"))?;
        let dtypes = &value["dtypes"];
        let dtype = dtype_of(text_of(dtypes, "data")?)?;
        let indices = dtype_of(dtypes["indices"].as_str().unwrap_or("int64"))?;
        let indptr = dtype_of(dtypes["indptr"].as_str().unwrap_or("int64"))?;
        for (what, d) in [("indices", indices), ("indptr", indptr)] {
            if !matches!(d, Dtype::Int32 | Dtype::Int64) {
                return Err(Error::unsupported(format!("{what} of type {d}")));
            }
        }
        let (lines, minor) = match orientation {
            Orientation::Csr => (rows, columns),
            Orientation::Csc => (columns, rows),
        };
        let own = &value["annmap"];
        if let Some(format) = own["format"].as_u64()
            && format > FORMAT
        {
            return Err(Error::unsupported(format!(
                "store format {format} (this program reads up to {FORMAT})"
            )));
        }
        Ok(Manifest {
            layout: Layout { orientation, lines, minor, entries, dtype },
            indices,
            indptr,
            source: source_of(&own["source"]),
            files: files_of(&own["files"])?,
            sorted: own["sorted_indices"].as_bool(),
            duplicates: own["has_duplicates"].as_bool(),
            cast: cast_of(&own["cast"]),
            salvaged: salvage_of(&own["salvaged"]),
        })
    }
}

/// What lines are called where they are listed.
fn lines_name(orientation: Orientation) -> &'static str {
    match orientation {
        Orientation::Csr => "rows",
        Orientation::Csc => "columns",
    }
}

fn salvage_of(value: &Value) -> Option<Salvage> {
    let one = |v: &Value| {
        let (first, last) = (v["first"].as_u64()?, v["last"].as_u64()?);
        Some(LostLines { lines: first..last.checked_add(1)?, reason: v["reason"].as_str()?.to_owned() })
    };
    [Orientation::Csr, Orientation::Csc].into_iter().find_map(|orientation| {
        let lost = value[lines_name(orientation)].as_array()?.iter().map(one).collect::<Option<_>>()?;
        Some(Salvage { orientation, lost })
    })
}

fn missing(key: &str, what: &str) -> Error {
    Error::malformed(format!("no '{key}' that is {what}"))
}

fn text_of<'v>(value: &'v Value, key: &str) -> Result<&'v str> {
    value[key].as_str().ok_or_else(|| missing(key, "a text"))
}

/// A type by any spelling that numpy takes and stores in the wild use.
fn dtype_of(name: &str) -> Result<Dtype> {
    let short = name.trim_start_matches(['<', '=', '|']);
    let long = match short {
        "b1" | "?" => "bool",
        "i1" => "int8",
        "i2" => "int16",
        "i4" => "int32",
        "i8" => "int64",
        "u1" => "uint8",
        "u2" => "uint16",
        "u4" => "uint32",
        "u8" => "uint64",
        "f2" => "float16",
        "f4" => "float32",
        "f8" | "float" => "float64",
        other => other,
    };
    Dtype::from_name(long).map_err(|_| Error::malformed(format!("unknown dtype '{name}'")))
}

fn source_of(value: &Value) -> Option<SourceRecord> {
    Some(SourceRecord {
        name: value["name"].as_str()?.to_owned(),
        size: value["size"].as_u64(),
        modified: value["mtime"].as_u64(),
        matrix: value["matrix"].as_str()?.to_owned(),
    })
}

fn files_of(value: &Value) -> Result<Vec<FileRecord>> {
    let Some(files) = value.as_object() else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for (name, f) in files {
        let crc = f["crc32"].as_str().and_then(|c| u32::from_str_radix(c, 16).ok());
        match (f["bytes"].as_u64(), crc) {
            (Some(len), Some(crc)) => out.push(FileRecord { name: name.clone(), len, crc }),
            _ => return Err(missing(&format!("annmap.files.{name}"), "a length and a checksum")),
        }
    }
    Ok(out)
}

fn cast_of(value: &Value) -> Option<CastRecord> {
    let policies = [Policy::Exact, Policy::Round, Policy::Saturate];
    let policy = value["policy"].as_str().and_then(|p| policies.into_iter().find(|x| x.name() == p))?;
    Some(CastRecord { from: dtype_of(value["from"].as_str()?).ok()?, policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            layout: Layout {
                orientation: Orientation::Csc,
                lines: 150,
                minor: 200,
                entries: 1500,
                dtype: Dtype::Int16,
            },
            indices: Dtype::Int64,
            indptr: Dtype::Int64,
            source: Some(SourceRecord {
                name: "a.h5ad".into(),
                size: Some(9),
                modified: Some(1),
                matrix: "X".into(),
            }),
            files: vec![FileRecord { name: "data.bin".into(), len: 3000, crc: 0xbeef }],
            sorted: Some(true),
            duplicates: None,
            cast: Some(CastRecord { from: Dtype::Float64, policy: Policy::Exact }),
            salvaged: Some(Salvage {
                orientation: Orientation::Csr,
                lost: vec![LostLines { lines: 3..5, reason: "chunk".into() }],
            }),
        }
    }

    #[test]
    fn written_and_read_are_equal() {
        let m = manifest();
        let text = m.to_json();
        assert!(text.contains("\"shape\": [\n    200,\n    150\n  ]"), "{text}");
        assert_eq!(Manifest::from_json(&text).unwrap(), m);
    }

    #[test]
    fn stores_of_other_programs() {
        let text = r#"{"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": [200, 150],
            "nnz": 1500, "dtypes": {"data": "<f4", "indices": "int64", "indptr": "int64"}}"#;
        let m = Manifest::from_json(text).unwrap();
        assert_eq!((m.layout.dtype, m.files.len(), m.sorted), (Dtype::Float32, 0, None));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, word) in [
            ("{", "not JSON"),
            ("{}", "encoding-type"),
            (r#"{"encoding-type": "csr_matrix", "shape": [1]}"#, "shape"),
            (r#"{"encoding-type": "csr_matrix", "shape": [1, -2], "nnz": 1}"#, "shape"),
            (r#"{"encoding-type": "csr_matrix", "shape": [1, 2]}"#, "nnz"),
        ] {
            let e = Manifest::from_json(text).unwrap_err();
            assert!(e.message().contains(word), "{e}");
        }
    }
}
