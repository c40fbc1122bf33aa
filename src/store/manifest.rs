//! `metadata.json`, the file that makes a directory a store.

use super::array::StoreArray;
use crate::dtype::{Dtype, Policy};
use crate::error::{Error, Result};
use crate::matrix::{Layout, LostLines, Orientation};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Version of the format that this crate writes.
const FORMAT: u64 = 1;

/// The metadata of a store.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Orientation, shape, number of entries and type of the values.
    pub layout: Layout,
    /// Type of `indices.bin`.
    pub indices: Dtype,
    /// Type of `indptr.bin`.
    pub indptr: Dtype,
    /// The source of the matrix.
    pub source: Option<SourceRecord>,
    /// Length and checksum of each file; empty if another program wrote the store.
    pub files: Vec<FileRecord>,
    /// Whether minor indices ascend within lines; `None` if unknown.
    pub sorted: Option<bool>,
    /// Whether any line contains a minor index twice; `None` if unknown.
    pub duplicates: Option<bool>,
    /// How the values were converted; `None` if they were not.
    pub cast: Option<CastRecord>,
    /// The lines lost when the store was made from a damaged matrix; they are empty here.
    pub salvaged: Option<Salvage>,
}

/// The lines lost when a damaged matrix was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// Orientation of the damaged matrix: whether the lost lines are rows or columns.
    pub orientation: Orientation,
    /// The lost lines.
    pub lost: Vec<LostLines>,
}

/// The source of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Name of the source file or directory, without its parent directories.
    pub name: String,
    /// Size of the source in bytes.
    #[serde(default)]
    pub size: Option<u64>,
    /// Time of the last change, in seconds since 1970 (UTC).
    #[serde(rename = "mtime", default)]
    pub modified: Option<u64>,
    /// Path of the matrix within the source.
    pub matrix: String,
}

/// Name, length and CRC-32 of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// Name of the file.
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    /// CRC-32 of the contents, as zlib computes it.
    pub crc: u32,
}

/// How values were converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CastRecord {
    /// Type before the conversion.
    pub from: Dtype,
    /// Treatment of values that do not fit the new type.
    pub policy: Policy,
}

impl Manifest {
    /// Compares the file `name` with its recorded length and checksum, if there are any.
    ///
    /// # Errors
    /// `Checksum` if they differ; `Io`.
    pub(crate) fn check_file(&self, name: &str, file: &StoreArray) -> Result<()> {
        let Some(record) = self.files.iter().find(|f| f.name == name) else { return Ok(()) };
        if record.len != file.len() {
            let text = format!("file length (expected {} bytes, got {})", record.len, file.len());
            return Err(Error::checksum(text));
        }
        let crc = file.checksum(&())?;
        if crc != record.crc {
            return Err(Error::checksum(format!("checksum (expected {:08x}, got {crc:08x})", record.crc)));
        }
        Ok(())
    }

    pub(crate) fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&Document::of(self)).unwrap_or_default();
        text.push('\n');
        text
    }

    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let document: Document =
            serde_json::from_str(text).map_err(|e| Error::malformed(format!("not JSON ({e})")))?;
        document.manifest()
    }
}

/// `metadata.json` as it is written; the fields are in the order of the keys. Values that another program may
/// omit or spell differently are an `Option`, which is `None` if the value has another form.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    #[serde(rename = "encoding-type", default, deserialize_with = "if_possible")]
    encoding_type: Option<String>,
    #[serde(rename = "encoding-version", default, deserialize_with = "if_possible")]
    encoding_version: Option<String>,
    #[serde(default, deserialize_with = "if_possible")]
    shape: Option<[u64; 2]>,
    #[serde(default, deserialize_with = "if_possible")]
    nnz: Option<u64>,
    #[serde(default)]
    dtypes: Dtypes,
    #[serde(default)]
    annmap: Own,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Dtypes {
    #[serde(deserialize_with = "if_possible")]
    data: Option<String>,
    #[serde(deserialize_with = "if_possible")]
    indices: Option<String>,
    #[serde(deserialize_with = "if_possible")]
    indptr: Option<String>,
}

/// Keys that only this program writes.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Own {
    #[serde(deserialize_with = "if_possible")]
    format: Option<u64>,
    #[serde(deserialize_with = "if_possible")]
    version: Option<String>,
    #[serde(deserialize_with = "if_possible")]
    source: Option<SourceRecord>,
    files: Files,
    #[serde(deserialize_with = "if_possible")]
    sorted_indices: Option<bool>,
    #[serde(deserialize_with = "if_possible")]
    has_duplicates: Option<bool>,
    #[serde(deserialize_with = "if_possible")]
    cast: Option<Cast>,
    #[serde(deserialize_with = "if_possible", skip_serializing_if = "Option::is_none")]
    salvaged: Option<Salvaged>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Cast {
    from: String,
    #[serde(default)]
    to: String,
    policy: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Salvaged {
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<Lost>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<Lost>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Lost {
    first: u64,
    last: u64,
    reason: String,
}

/// An object with one key per file, in the order of the list.
#[derive(Debug, Default)]
struct Files(Vec<(String, FileEntry)>);

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct FileEntry {
    #[serde(deserialize_with = "if_possible")]
    bytes: Option<u64>,
    /// Eight hexadecimal digits.
    #[serde(deserialize_with = "if_possible")]
    crc32: Option<String>,
}

impl Serialize for Files {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, entry)| (name, entry)))
    }
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct FilesInOrder;
        impl<'de> Visitor<'de> for FilesInOrder {
            type Value = Files;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object with one key for each file")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Files, A::Error> {
                let mut files = Vec::new();
                while let Some(file) = map.next_entry()? {
                    files.push(file);
                }
                Ok(Files(files))
            }
        }
        from.deserialize_map(FilesInOrder)
    }
}

/// Returns the value if it has the expected form, `None` if it has any other.
fn if_possible<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(T::deserialize(value).ok())
}

impl Document {
    fn of(m: &Manifest) -> Self {
        let text = |d: Dtype| Some(d.name().to_owned());
        let entry = |f: &FileRecord| FileEntry { bytes: Some(f.len), crc32: Some(format!("{:08x}", f.crc)) };
        Document {
            encoding_type: Some(m.layout.orientation.encoding().to_owned()),
            encoding_version: Some("0.1.0".to_owned()),
            shape: Some(m.layout.shape()),
            nnz: Some(m.layout.entries),
            dtypes: Dtypes { data: text(m.layout.dtype), indices: text(m.indices), indptr: text(m.indptr) },
            annmap: Own {
                format: Some(FORMAT),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                source: m.source.clone(),
                files: Files(m.files.iter().map(|f| (f.name.clone(), entry(f))).collect()),
                sorted_indices: m.sorted,
                has_duplicates: m.duplicates,
                cast: m.cast.map(|c| Cast {
                    from: c.from.name().to_owned(),
                    to: m.layout.dtype.name().to_owned(),
                    policy: c.policy.name().to_owned(),
                }),
                salvaged: m.salvaged.as_ref().map(Salvaged::of),
            },
        }
    }

    fn manifest(self) -> Result<Manifest> {
        let Document { encoding_type, shape, nnz, dtypes, annmap: own, .. } = self;
        let orientation = match encoding_type.ok_or_else(|| missing("encoding-type", "a text"))?.as_str() {
            "csr_matrix" => Orientation::Csr,
            "csc_matrix" => Orientation::Csc,
            other => return Err(Error::unsupported(format!("encoding-type '{other}'"))),
        };
        let shape = shape.ok_or_else(|| missing("shape", "two sizes"))?;
        let entries = nnz.ok_or_else(|| missing("nnz", "a count"))?;
        let dtype = dtype_of(&dtypes.data.ok_or_else(|| missing("data", "a text"))?)?;
        let indices = dtype_of(dtypes.indices.as_deref().unwrap_or("int64"))?;
        let indptr = dtype_of(dtypes.indptr.as_deref().unwrap_or("int64"))?;
        let wide = |d: Dtype| matches!(d, Dtype::Int32 | Dtype::Int64);
        if !wide(indices) && !matches!(indices, Dtype::Uint8 | Dtype::Uint16) {
            return Err(Error::unsupported(format!("indices of type {indices}")));
        }
        if !wide(indptr) {
            return Err(Error::unsupported(format!("indptr of type {indptr}")));
        }
        if let Some(format) = own.format
            && format > FORMAT
        {
            return Err(Error::unsupported(format!(
                "store format {format} (this program reads up to {FORMAT})"
            )));
        }
        Ok(Manifest {
            layout: Layout::new(orientation, shape, entries, dtype)?,
            indices,
            indptr,
            source: own.source,
            files: own.files.records()?,
            sorted: own.sorted_indices,
            duplicates: own.has_duplicates,
            cast: own.cast.and_then(|c| c.record()),
            salvaged: own.salvaged.and_then(Salvaged::record),
        })
    }
}

impl Files {
    fn records(self) -> Result<Vec<FileRecord>> {
        let record = |(name, entry): (String, FileEntry)| {
            let crc = entry.crc32.and_then(|c| u32::from_str_radix(&c, 16).ok());
            match (entry.bytes, crc) {
                (Some(len), Some(crc)) => Ok(FileRecord { name, len, crc }),
                _ => Err(missing(&format!("annmap.files.{name}"), "a length and a checksum")),
            }
        };
        self.0.into_iter().map(record).collect()
    }
}

impl Cast {
    fn record(&self) -> Option<CastRecord> {
        let policies = [Policy::Exact, Policy::Round, Policy::Saturate];
        let policy = policies.into_iter().find(|p| p.name() == self.policy)?;
        Some(CastRecord { from: dtype_of(&self.from).ok()?, policy })
    }
}

impl Salvaged {
    fn of(salvage: &Salvage) -> Self {
        let lost = salvage.lost.iter().map(|l| Lost {
            first: l.lines.start,
            last: l.lines.end.saturating_sub(1),
            reason: l.reason.clone(),
        });
        match salvage.orientation {
            Orientation::Csr => Salvaged { rows: Some(lost.collect()), columns: None },
            Orientation::Csc => Salvaged { rows: None, columns: Some(lost.collect()) },
        }
    }

    fn record(self) -> Option<Salvage> {
        let (orientation, lost) = match (self.rows, self.columns) {
            (Some(rows), _) => (Orientation::Csr, rows),
            (None, columns) => (Orientation::Csc, columns?),
        };
        let lines = |l: Lost| Some(LostLines { lines: l.first..l.last.checked_add(1)?, reason: l.reason });
        Some(Salvage { orientation, lost: lost.into_iter().map(lines).collect::<Option<_>>()? })
    }
}

fn missing(key: &str, what: &str) -> Error {
    Error::malformed(format!("no '{key}' that is {what}"))
}

/// Parses the name of a type in any spelling that numpy accepts or that existing stores use.
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
    fn the_keys_come_in_the_order_that_users_know() {
        let text = r#"{
  "encoding-type": "csc_matrix",
  "encoding-version": "0.1.0",
  "shape": [
    200,
    150
  ],
  "nnz": 1500,
  "dtypes": {
    "data": "int16",
    "indices": "int64",
    "indptr": "int64"
  },
  "annmap": {
    "format": 1,
    "version": "VERSION",
    "source": {
      "name": "a.h5ad",
      "size": 9,
      "mtime": 1,
      "matrix": "X"
    },
    "files": {
      "indptr.bin": {
        "bytes": 3000,
        "crc32": "0000beef"
      },
      "data.bin": {
        "bytes": 1,
        "crc32": "00000002"
      }
    },
    "sorted_indices": true,
    "has_duplicates": null,
    "cast": {
      "from": "float64",
      "to": "int16",
      "policy": "exact"
    },
    "salvaged": {
      "rows": [
        {
          "first": 3,
          "last": 4,
          "reason": "chunk"
        }
      ]
    }
  }
}
"#;
        let mut m = manifest();
        m.files[0].name = "indptr.bin".into();
        m.files.push(FileRecord { name: "data.bin".into(), len: 1, crc: 2 });
        assert_eq!(m.to_json(), text.replace("VERSION", env!("CARGO_PKG_VERSION")));
        assert_eq!(Manifest::from_json(&m.to_json()).unwrap(), m);
    }

    #[test]
    fn what_only_we_write_may_be_anything() {
        let text = |own: &str| {
            format!(
                r#"{{"encoding-type": "csr_matrix", "shape": [2, 3], "nnz": 1, "dtypes": {{"data": "<f4"}},
                    "annmap": {own}}}"#
            )
        };
        let own = r#"{"source": 3, "sorted_indices": "yes", "cast": {"from": "float32"}, "salvaged": [], "more": {}}"#;
        let m = Manifest::from_json(&text(own)).unwrap();
        assert_eq!((m.source, m.sorted, m.cast, m.salvaged), (None, None, None, None));
        let e = Manifest::from_json(&text(r#"{"files": {"data.bin": {"bytes": 4}}}"#)).unwrap_err();
        assert_eq!(e.message(), "no 'annmap.files.data.bin' that is a length and a checksum");
        let e = Manifest::from_json(&text(r#"{"format": 2, "cast": 7}"#)).unwrap_err();
        assert_eq!(e.kind(), crate::Kind::Unsupported);
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
