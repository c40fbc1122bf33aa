//! The kind of an element: the only place where encodings are distinguished.

use super::encoding::Encoding;
use crate::error::Result;
use crate::matrix::Orientation;
use crate::tree::Node;

/// The kind of an AnnData element, by its encoding. A new encoding becomes a variant here, and the compiler
/// then reports every place that has to handle it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ElementKind {
    /// An array or a scalar of any type, or null.
    Array,
    /// An array of codes with a reference to its categories: a categorical column of anndata 0.7.
    ReferringColumn,
    /// A matrix compressed by rows or by columns.
    Sparse(Orientation),
    /// A data frame: a group of columns.
    Frame,
    /// A column that is a group: categorical or nullable.
    Column(ColumnKind),
    /// An awkward array: lists of any length, records, missing values.
    Awkward,
    /// A mapping from names to elements.
    Mapping,
    /// A group with fixed children: `raw`, or a whole AnnData or MuData.
    Structure,
    /// A group whose encoding is not in the specification, with the name of the encoding.
    Unknown(String),
}

/// How a column that is a group is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// Codes, and the categories they refer to.
    Categorical,
    /// Numbers or bools, and a mask of missing values.
    Nullable,
    /// Strings, and a mask of missing values.
    NullableStrings,
}

impl ElementKind {
    /// The kind of `node`, from its attributes.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if an attribute cannot be read.
    pub(crate) fn of(node: &Node) -> Result<Self> {
        if node.is_array() {
            let refers = node.attribute("categories")?.is_some() && Encoding::of(node)? == Encoding::None;
            return Ok(if refers { ElementKind::ReferringColumn } else { ElementKind::Array });
        }
        Ok(match Encoding::of(node)? {
            Encoding::Sparse(orientation) => ElementKind::Sparse(orientation),
            Encoding::DataFrame => ElementKind::Frame,
            Encoding::Categorical => ElementKind::Column(ColumnKind::Categorical),
            Encoding::Nullable => ElementKind::Column(ColumnKind::Nullable),
            Encoding::NullableStrings => ElementKind::Column(ColumnKind::NullableStrings),
            Encoding::Awkward => ElementKind::Awkward,
            Encoding::Dict | Encoding::None => ElementKind::Mapping,
            Encoding::Other(name) => ElementKind::Unknown(name),
            // the encodings of arrays do not occur on groups in a valid file
            Encoding::AnnData
            | Encoding::MuData
            | Encoding::Raw
            | Encoding::Array
            | Encoding::StringArray
            | Encoding::Scalar
            | Encoding::RecArray
            | Encoding::Null => ElementKind::Structure,
        })
    }

    /// Whether it contains elements by name: a mapping, or a group of an unknown encoding.
    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self, ElementKind::Mapping | ElementKind::Unknown(_))
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::tree::{ArrayStorage, Container, EncodedValue, Location, OutputFormat, TreeWriter};

    #[test]
    fn attributes_decide_the_kind_of_a_group() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut w = TreeWriter::create(&path, false, OutputFormat::default()).unwrap();
        let encodings = ["csc", "dataframe", "categorical", "awkward-array", "dict", "raw", "quaternion"];
        for name in encodings {
            let value = w.text(name).unwrap();
            w.group(&Location::root().child(name), &[("encoding-type".into(), value)]).unwrap();
        }
        w.group(&Location::root().child("plain"), &[]).unwrap();
        let (at, storage) = (Location::root().child("codes"), ArrayStorage::default());
        let labels = ("categories".to_owned(), EncodedValue::integer(0));
        w.array(&at, &EncodedValue::integer(0), &[labels], &storage).unwrap();
        w.finish(&[]).unwrap();
        let root = Container::open(&path, crate::Limits::default()).unwrap().root().unwrap();
        let of = |name: &str| ElementKind::of(&root.descend(name).unwrap()).unwrap();
        assert_eq!(of("csc"), ElementKind::Sparse(Orientation::Csc));
        assert_eq!(of("dataframe"), ElementKind::Frame);
        assert_eq!(of("categorical"), ElementKind::Column(ColumnKind::Categorical));
        assert_eq!(of("awkward-array"), ElementKind::Awkward);
        assert_eq!((of("dict"), of("plain")), (ElementKind::Mapping, ElementKind::Mapping));
        assert_eq!(of("raw"), ElementKind::Structure);
        assert_eq!(of("quaternion"), ElementKind::Unknown("quaternion".into()));
        assert_eq!(of("codes"), ElementKind::ReferringColumn);
        assert!(of("plain").is_mapping() && of("quaternion").is_mapping() && !of("raw").is_mapping());
    }
}
