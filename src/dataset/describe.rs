//! The description of a file, from metadata only: it takes milliseconds at any file size.

use super::anndata::{AnnData, Flavour};
use crate::anndata::{ColumnKind, ElementKind, Encoding, StoredMatrix, frame_child, frame_names, from_value};
use crate::dtype::Class;
use crate::error::{Error, Result};
use crate::formats::tenx;
use crate::tree::{Array, Node};

/// The description of a file: its flavour, shape and elements.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Description {
    /// The kind of file.
    #[cfg_attr(feature = "serde", serde(rename = "format", serialize_with = "json::flavour"))]
    pub flavour: Flavour,
    /// Number of rows and columns of `X`, or of the tables if there is no `X`; `None` if neither is known.
    pub shape: Option<[u64; 2]>,
    /// Tables, matrices and other elements, with their paths.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::elements"))]
    pub elements: Vec<(String, ElementInfo)>,
}

/// The description of one element.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(untagged))]
#[non_exhaustive]
pub enum ElementInfo {
    /// A matrix or another array.
    Matrix(MatrixInfo),
    /// A data frame.
    Frame(FrameInfo),
    /// Any other element: its encoding or kind in words.
    Other(#[cfg_attr(feature = "serde", serde(serialize_with = "json::kind"))] String),
    /// An element that cannot be read, with the error.
    Broken(#[cfg_attr(feature = "serde", serde(serialize_with = "json::broken"))] Error),
}

/// The description of a matrix or another array.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MatrixInfo {
    /// The encoding: `csr_matrix`, `csc_matrix`, `array` or `null`.
    pub kind: String,
    /// Number of values in each dimension; for a compressed matrix, rows and columns.
    pub shape: Vec<u64>,
    /// Type of the values, such as `float32`.
    pub dtype: String,
    /// Type of the minor indices of a compressed matrix, such as `int32`; `None` for an array.
    pub index_dtype: Option<String>,
    /// Number of stored entries of a compressed matrix; `None` for an array.
    pub nnz: Option<u64>,
    /// Stored entries divided by rows × columns, 0 to 1; `None` for an array and for a matrix without positions.
    pub density: Option<f64>,
    /// Number of values of a chunk in each dimension; `None` if the values are not chunked.
    pub chunks: Option<Vec<u64>>,
    /// Names of the filters of the values, in write order.
    pub filters: Vec<String>,
    /// Size of all parts in bytes after decoding.
    pub bytes: u64,
    /// The value of a scalar as text; `None` for an array, and for a scalar that cannot be shown.
    pub value: Option<String>,
}

/// The description of a data frame.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename = "dataframe"))]
#[non_exhaustive]
pub struct FrameInfo {
    /// Number of rows; `None` if it is not known.
    pub rows: Option<u64>,
    /// Name of the child that holds the index; `None` if there is none.
    pub index: Option<String>,
    /// The columns, in order.
    pub columns: Vec<ColumnInfo>,
}

/// The description of a column of a data frame.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ColumnInfo {
    /// Name of the column.
    pub name: String,
    /// Type of the values, such as `float32` or `category`; `missing` or `error: …` if it cannot be read.
    pub dtype: String,
    /// The categories of a categorical column; `None` for other columns.
    pub categories: Option<CategoriesInfo>,
}

/// The categories of a categorical column.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CategoriesInfo {
    /// The first categories as text, at most 5; empty if there are more than 65536, which are not read.
    pub first: Vec<String>,
    /// Number of categories.
    pub count: u64,
}

/// Maximum number of categories in a description.
const SHOWN: usize = 5;
/// Maximum number of characters of a scalar in a description.
const SHOWN_CHARACTERS: usize = 80;
/// Maximum size of a scalar that is read, in bytes.
const MOST_SCALAR: u64 = 1 << 16;
/// Maximum number of categories that are read.
const READ: u64 = 1 << 16;

impl AnnData {
    /// Describes all elements of the file without reading values of a matrix. An element that cannot be read is
    /// described by its error.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the root or a mapping cannot be listed.
    pub fn describe(&self) -> Result<Description> {
        let mut elements = Vec::new();
        match self.flavour() {
            Flavour::Loom | Flavour::TenX2 | Flavour::TenX3 => {
                for name in self.matrix_names()? {
                    let element = self.matrix(&name).map_or_else(ElementInfo::Broken, |e| matrix(&e));
                    elements.push((name, element));
                }
                let groups = ["row_attrs", "col_attrs", "matrix/features"];
                for group in groups.iter().filter_map(|n| self.root().descend(n).ok()) {
                    elements.push((group.path()[1..].to_owned(), describe_object(&group, None)));
                }
            }
            Flavour::MuData => {
                for key in ["obs", "var"] {
                    push(self.root(), key, key, &mut elements)?;
                }
                if let Some(mods) = self.root().child("mod")? {
                    for link in mods.links()? {
                        let prefix = format!("mod/{}/", link.name());
                        match mods.open_link(link) {
                            Ok(one) => anndata(&one, &prefix, &mut elements)?,
                            Err(e) => elements.push((prefix, ElementInfo::Broken(e))),
                        }
                    }
                }
            }
            _ => anndata(self.root(), "", &mut elements)?,
        }
        let shape = self.shape(&elements);
        Ok(Description { flavour: self.flavour(), shape, elements })
    }

    fn shape(&self, elements: &[(String, ElementInfo)]) -> Option<[u64; 2]> {
        let find = |n: &str| elements.iter().find(|(name, _)| name == n).map(|(_, e)| e);
        match self.flavour() {
            Flavour::MuData => {}
            Flavour::Loom | Flavour::TenX2 | Flavour::TenX3 => {
                return self.matrix("X").ok().map(|e| e.shape());
            }
            _ => {
                if let Some(ElementInfo::Matrix(m)) = find("X")
                    && let [rows, columns] = m.shape[..]
                {
                    return Some([rows, columns]);
                }
            }
        }
        match (find("obs"), find("var")) {
            (Some(ElementInfo::Frame(o)), Some(ElementInfo::Frame(v))) => {
                o.rows.zip(v.rows).map(|(a, b)| [a, b])
            }
            _ => None,
        }
    }
}

/// Keys of an AnnData, in the order in which they are described.
const KEYS: [&str; 12] =
    ["X", "raw", "raw.X", "obs", "var", "obsm", "varm", "obsp", "varp", "layers", "uns", "raw.var"];

fn anndata(root: &Node, prefix: &str, out: &mut Vec<(String, ElementInfo)>) -> Result<()> {
    for key in KEYS {
        push(root, key, &format!("{prefix}{key}"), out)?;
    }
    for link in root.links()? {
        let name = link.name();
        if !KEYS.contains(&name.as_ref()) {
            push(root, &name, &format!("{prefix}{name}"), out)?;
        }
    }
    Ok(())
}

fn push(root: &Node, key: &str, shown: &str, out: &mut Vec<(String, ElementInfo)>) -> Result<()> {
    let object = match root.child(key) {
        Ok(Some(object)) => object,
        Ok(None) => return Ok(()),
        Err(e) => {
            out.push((shown.to_owned(), ElementInfo::Broken(e)));
            return Ok(());
        }
    };
    let mapping = ["obsm", "varm", "obsp", "varp", "layers", "uns", "raw"].contains(&key);
    if !(mapping && object.is_group()) {
        let uns = root.child("uns").ok().flatten().filter(Node::is_group);
        out.push((shown.to_owned(), describe_object(&object, uns.as_ref())));
        return Ok(());
    }
    for link in object.links()? {
        let element = object.open_link(link).map_or_else(ElementInfo::Broken, |o| describe_object(&o, None));
        out.push((format!("{shown}/{}", link.name()), element));
    }
    Ok(())
}

/// Describes an element; `uns` has the categories of tables of anndata 0.6 and earlier.
fn describe_object(object: &Node, uns: Option<&Node>) -> ElementInfo {
    describe_inner(object, uns).unwrap_or_else(ElementInfo::Broken)
}

fn describe_inner(object: &Node, uns: Option<&Node>) -> Result<ElementInfo> {
    if object.is_array() {
        let d = object.array()?;
        if let Class::Compound(members) = &d.datatype().class
            && ["obs", "var", "raw.var"].contains(&object.name())
        {
            return Ok(ElementInfo::Frame(compound(&d, members, uns)));
        }
        return Ok(ElementInfo::Matrix(array(&d)));
    }
    Ok(match ElementKind::of(object)? {
        ElementKind::Sparse(_) => matrix(&StoredMatrix::open(object)?),
        ElementKind::Frame => ElementInfo::Frame(frame(object)?),
        _ if object.name() == "features" => ElementInfo::Frame(features(object)?),
        _ if ["obs", "var", "row_attrs", "col_attrs"].contains(&object.name()) => {
            ElementInfo::Frame(frame(object)?)
        }
        ElementKind::Column(ColumnKind::Categorical) => ElementInfo::Other("categorical".into()),
        ElementKind::Awkward => ElementInfo::Other("awkward array".into()),
        _ if tenx::is_matrix(object)? => matrix(&StoredMatrix::Sparse(tenx::open(object)?)),
        _ => ElementInfo::Other(format!("dict of {}", object.links()?.len())),
    })
}

fn matrix(element: &StoredMatrix) -> ElementInfo {
    ElementInfo::Matrix(match element {
        StoredMatrix::Dense(d) => MatrixInfo { shape: d.shape().to_vec(), ..array(d.array()) },
        StoredMatrix::Sparse(s) => {
            let [data, indices, indptr] = s.arrays();
            MatrixInfo {
                kind: s.orientation().encoding().into(),
                shape: s.shape().to_vec(),
                index_dtype: Some(indices.datatype().name()),
                nnz: Some(s.entries()),
                density: density(s.entries(), s.shape()),
                bytes: data.byte_len() + indices.byte_len() + indptr.byte_len(),
                ..array(data)
            }
        }
    })
}

fn density(entries: u64, [rows, columns]: [u64; 2]) -> Option<f64> {
    let positions = rows as f64 * columns as f64;
    (positions > 0.0).then(|| entries as f64 / positions)
}

fn array(d: &Array) -> MatrixInfo {
    MatrixInfo {
        kind: if d.is_null() { "null".into() } else { "array".into() },
        shape: d.shape().to_vec(),
        dtype: d.datatype().name(),
        index_dtype: None,
        nnz: None,
        density: None,
        chunks: d.chunk_shape(),
        filters: d.filter_names(),
        bytes: d.byte_len(),
        value: scalar(d),
    }
}

/// The value of a scalar: a number, or the beginning of a text.
fn scalar(d: &Array) -> Option<String> {
    if d.is_null() || !d.shape().is_empty() || d.byte_len() > MOST_SCALAR {
        return None;
    }
    let text = from_value(&d.read().ok()?).ok()?.text(0).ok()??;
    let more = if text.chars().nth(SHOWN_CHARACTERS).is_some() { "…" } else { "" };
    Some(text.chars().take(SHOWN_CHARACTERS).chain(more.chars()).collect())
}

fn compound(d: &Array, members: &[crate::dtype::Member], uns: Option<&Node>) -> FrameInfo {
    // as reading does, but without looking whether every code has a label
    let labels = |m: &crate::dtype::Member| {
        let integer = matches!(m.datatype.class, Class::Integer(_));
        let labels = uns.filter(|_| integer)?.child(&format!("{}_categories", m.name)).ok()??;
        labels_of(&labels).ok()
    };
    let columns = members.iter().skip(1).map(|m| {
        let categories = labels(m);
        let dtype = if categories.is_some() { "category".into() } else { m.datatype.name() };
        ColumnInfo { name: m.name.clone(), dtype, categories }
    });
    FrameInfo {
        rows: d.shape().first().copied(),
        index: members.first().map(|m| m.name.clone()),
        columns: columns.collect(),
    }
}

fn frame(group: &Node) -> Result<FrameInfo> {
    let names = frame_names(group)?;
    let rows_of = |o: &Node| -> Option<u64> {
        let d =
            if o.is_array() { o.clone() } else { o.child("codes").ok()?.or(o.child("values").ok()?)? };
        d.array().ok()?.shape().first().copied()
    };
    let child = |name: &str| frame_child(group, name).ok().flatten();
    let index = names.index.as_deref().and_then(child);
    let mut rows = index.as_ref().and_then(rows_of);
    let mut columns = Vec::new();
    for name in names.columns {
        let Some(object) = child(&name) else {
            columns.push(ColumnInfo { name, dtype: "missing".into(), categories: None });
            continue;
        };
        rows = rows.or_else(|| rows_of(&object));
        let (dtype, categories) = column(group, &object).unwrap_or_else(|e| (format!("error: {e}"), None));
        columns.push(ColumnInfo { name, dtype, categories });
    }
    Ok(FrameInfo { rows, index: names.index, columns })
}

/// The features of a 10x Genomics file, which have no attributes of a data frame: their index is `name`.
fn features(group: &Node) -> Result<FrameInfo> {
    let mut info = frame(group)?;
    info.columns.retain(|c| tenx::is_property(&c.name));
    if let Some(names) = group.child("name")? {
        info.rows = names.array()?.shape().first().copied();
        info.columns.retain(|c| c.name != "name");
        info.index = Some("name".into());
    }
    Ok(info)
}

type Categories = Option<CategoriesInfo>;

fn column(frame: &Node, object: &Node) -> Result<(String, Categories)> {
    if object.is_array() {
        let d = object.array()?;
        if object.attribute("categories")?.is_some() {
            let labels = frame.descend("__categories").and_then(|c| c.descend(object.name()));
            return Ok(("category".into(), labels.and_then(|l| labels_of(&l)).ok()));
        }
        return Ok((d.datatype().name(), None));
    }
    Ok(match ElementKind::of(object)? {
        ElementKind::Column(ColumnKind::Categorical) => {
            let ordered = object.attribute("ordered")?.is_some_and(|a| a.integers().is_ok_and(|v| v == [1]));
            let name = if ordered { "ordered category" } else { "category" };
            (name.into(), object.descend("categories").and_then(|l| labels_of(&l)).ok())
        }
        ElementKind::Column(ColumnKind::Nullable) => {
            (format!("nullable {}", object.descend("values")?.array()?.datatype().name()), None)
        }
        ElementKind::Column(ColumnKind::NullableStrings) => ("nullable string".into(), None),
        _ => (format!("{:?}", Encoding::of(object)?).to_lowercase(), None),
    })
}

fn labels_of(object: &Node) -> Result<CategoriesInfo> {
    let d = object.array()?;
    let n = d.elements();
    if n > READ {
        return Ok(CategoriesInfo { first: Vec::new(), count: n });
    }
    let column = from_value(&d.read()?)?;
    let shown = (0..column.len().min(SHOWN)).map(|i| Ok(column.text(i)?.unwrap_or_default()));
    Ok(CategoriesInfo { first: shown.collect::<Result<_>>()?, count: n })
}

/// Serialization of the parts of a description whose JSON differs from their fields (`spec/json.md`).
#[cfg(feature = "serde")]
mod json {
    use super::{ElementInfo, Error, Flavour};
    use serde::ser::{SerializeMap, Serializer};

    pub(super) fn flavour<S: Serializer>(flavour: &Flavour, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(flavour.name())
    }

    /// The fields of an element, then its path.
    #[derive(serde::Serialize)]
    struct AtPath<'a> {
        #[serde(flatten)]
        info: &'a ElementInfo,
        path: &'a str,
    }

    pub(super) fn elements<S: Serializer>(all: &[(String, ElementInfo)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().map(|(path, info)| AtPath { info, path }))
    }

    pub(super) fn kind<S: Serializer>(kind: &str, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_entry("kind", kind)?;
        map.end()
    }

    pub(super) fn broken<S: Serializer>(error: &Error, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("kind", "error")?;
        map.serialize_entry("error", &error.to_string())?;
        map.end()
    }
}
