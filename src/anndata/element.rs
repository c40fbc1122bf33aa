//! What an element is: the one place where encodings are told apart.

use super::encoding::Encoding;
use crate::error::Result;
use crate::matrix::Orientation;
use crate::tree::Node;

/// An element of an AnnData, by how it is encoded. A new encoding is a variant here; the compiler then names every place
/// that has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ElementKind {
    /// An array or a scalar of anything, or nothing.
    Array,
    /// Codes that refer to their labels elsewhere in the file: a categorical column of anndata 0.7.
    ReferringColumn,
    /// A matrix compressed by rows or by columns.
    Sparse(Orientation),
    /// A table as a group of columns.
    Frame,
    /// A column that is a group: categorical or nullable.
    Column(ColumnKind),
    /// Lists of any length, records, missing values.
    Awkward,
    /// Elements by name, and nothing more.
    Mapping,
    /// A group that has a part of its own in AnnData: `raw`, or a whole AnnData or MuData.
    Structure,
    /// A group whose encoding is not in the specification, by its name.
    Unknown(String),
}

/// How a column that is a group is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// Codes and the labels they stand for.
    Categorical,
    /// Numbers or bools, and a mask of the missing ones.
    Nullable,
    /// Strings, and a mask of the missing ones.
    NullableStrings,
}

impl ElementKind {
    /// Tells what `node` is, by its attributes.
    ///
    /// # Errors
    /// Where they cannot be read.
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
            // encodings of arrays stand on groups in no file that is as it should be
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

    /// Whether it holds elements by name: mappings, and groups of an unknown encoding.
    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self, ElementKind::Mapping | ElementKind::Unknown(_))
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::tree::{ArrayStorage, Container, EncodedValue, Libver, Location, TreeWriter};

    #[test]
    fn attributes_say_what_a_group_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut w = TreeWriter::create(&path, false, Libver::Earliest).unwrap();
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
