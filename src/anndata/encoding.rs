//! The attribute `encoding-type`: the encoding that an element declares.

use crate::error::Result;
use crate::matrix::Orientation;
use crate::tree::Node;

/// The encodings of the AnnData specification (`spec/h5ad.md`, "Elements").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Encoding {
    AnnData,
    MuData,
    Raw,
    Dict,
    DataFrame,
    Array,
    StringArray,
    Scalar,
    Sparse(Orientation),
    Categorical,
    Nullable,
    NullableStrings,
    RecArray,
    Awkward,
    Null,
    /// A name that is not in the specification.
    Other(String),
    /// No encoding: written by anndata 0.6 or earlier, or by another program.
    None,
}

impl Encoding {
    /// The encoding that `object` declares.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the attribute cannot be read.
    pub(crate) fn of(object: &Node) -> Result<Self> {
        if let Some(name) = text_attribute(object, "encoding-type")? {
            return Ok(Self::from_name(&name));
        }
        // anndata 0.6 and earlier
        Ok(match text_attribute(object, "h5sparse_format")?.as_deref() {
            Some("csr") => Encoding::Sparse(Orientation::Csr),
            Some("csc") => Encoding::Sparse(Orientation::Csc),
            _ => Encoding::None,
        })
    }

    fn from_name(name: &str) -> Self {
        // packages for R write other cases and short forms
        match name.to_ascii_lowercase().as_str() {
            "anndata" => Encoding::AnnData,
            "mudata" => Encoding::MuData,
            "raw" => Encoding::Raw,
            "dict" => Encoding::Dict,
            "dataframe" => Encoding::DataFrame,
            "array" => Encoding::Array,
            "string-array" => Encoding::StringArray,
            "string" | "numeric-scalar" | "bytes" => Encoding::Scalar,
            "csr_matrix" | "csr" => Encoding::Sparse(Orientation::Csr),
            "csc_matrix" | "csc" => Encoding::Sparse(Orientation::Csc),
            "categorical" => Encoding::Categorical,
            "nullable-integer" | "nullable-boolean" | "nullable-float" => Encoding::Nullable,
            "nullable-string-array" => Encoding::NullableStrings,
            "rec-array" => Encoding::RecArray,
            "awkward-array" => Encoding::Awkward,
            "null" => Encoding::Null,
            "" => Encoding::None,
            _ => Encoding::Other(name.to_owned()),
        }
    }
}

/// The string of an attribute; `None` if there is no such attribute or it is not one string.
pub(crate) fn text_attribute(object: &Node, name: &str) -> Result<Option<String>> {
    match object.attribute(name)? {
        Some(a) if a.is_text() && a.len() == 1 => a.string().map(Some),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_different_writers_spell_them() {
        for (name, encoding) in [
            ("AnnData", Encoding::AnnData),
            ("csc", Encoding::Sparse(Orientation::Csc)),
            ("CSR_matrix", Encoding::Sparse(Orientation::Csr)),
            ("nullable-boolean", Encoding::Nullable),
            ("", Encoding::None),
            ("Quaternion", Encoding::Other("Quaternion".into())),
        ] {
            assert_eq!(Encoding::from_name(name), encoding);
        }
    }

    /// anndata 0.6 said `h5sparse_format`; an encoding counts first, and an attribute that is no text not at all.
    #[cfg(feature = "write")]
    #[test]
    fn attributes_of_every_generation() {
        use crate::anndata::tests::{at, written};
        use crate::tree::EncodedValue;
        let root = written(|w| {
            w.raw_group("uns/old", &[("h5sparse_format", "csc")])?;
            w.raw_group("uns/both", &[("h5sparse_format", "csc"), ("encoding-type", "csr_matrix")])?;
            w.raw_group("uns/strange", &[("h5sparse_format", "coo")])?;
            let number = ("encoding-type".to_owned(), EncodedValue::integer(1));
            w.writer.group(&at("uns/number"), &[number])?;
            w.dict(&at("uns"))
        });
        let of = |name: &str| Encoding::of(&root.descend(&format!("uns/{name}")).unwrap()).unwrap();
        assert_eq!(of("old"), Encoding::Sparse(Orientation::Csc));
        assert_eq!(of("both"), Encoding::Sparse(Orientation::Csr));
        assert_eq!((of("strange"), of("number")), (Encoding::None, Encoding::None));
    }
}
