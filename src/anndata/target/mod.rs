//! Programs that are to open a file, and what each of them reads. The encoders ask here; no other place knows a
//! program. What follows for each element is in `spec/h5ad.md`, "Files for other programs".

mod columns;

pub(crate) use columns::Standing;

use crate::anndata::copy::is_complex;
use crate::anndata::dataframe::rows as frame_rows;
use crate::anndata::element::ElementKind;
use crate::anndata::sparse::Sparse;
use crate::dtype::{Class, Dtype};
use crate::error::{Error, Result};
use crate::observe::{Changed, Warning};
use crate::tree::{Location, Node};

/// A program that is to open a file. What it cannot read is written in another encoding, or left out; each loss is
/// a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Program {
    /// anndata 0.7 for Python.
    AnnData07,
    /// anndata 0.8 and 0.9.
    AnnData08,
    /// anndata 0.10.
    AnnData010,
    /// anndata 0.12.
    AnnData012,
    /// zellkonverter, anndataR and SeuratDisk for R.
    R,
    /// CELLxGENE, by the encodings that its schema demands.
    Cellxgene,
}

impl Program {
    /// All programs with their names.
    pub const ALL: [(&str, Program); 6] = [
        ("anndata-0.7", Program::AnnData07),
        ("anndata-0.8", Program::AnnData08),
        ("anndata-0.10", Program::AnnData010),
        ("anndata-0.12", Program::AnnData012),
        ("r", Program::R),
        ("cellxgene", Program::Cellxgene),
    ];

    /// The program called `name`.
    ///
    /// # Errors
    /// `Usage` if there is none; the message lists all names.
    pub fn from_name(name: &str) -> Result<Self> {
        let names = Program::ALL.map(|(n, _)| n).join(", ");
        let found = Program::ALL.iter().find(|(n, _)| *n == name).map(|(_, target)| *target);
        found.ok_or_else(|| Error::usage(format!("expected one of {names}, got '{name}'")))
    }

    /// Its name, as in [`ALL`](Self::ALL).
    pub fn name(self) -> &'static str {
        Program::ALL.iter().find(|(_, target)| *target == self).map_or("", |(name, _)| name)
    }

    /// Whether all matrices of cells and genes must be stored by rows.
    pub(crate) fn wants_rows(self) -> bool {
        matches!(self, Program::R | Program::Cellxgene)
    }

    /// Whether dense matrices of cells and genes must be compressed.
    pub(crate) fn wants_compressed(self) -> bool {
        self == Program::Cellxgene
    }

    /// The only type of `X` and `raw/X`, if there is one.
    pub(crate) fn matrix_dtype(self) -> Option<Dtype> {
        (self == Program::Cellxgene).then_some(Dtype::Float32)
    }

    /// # Errors
    /// `Unsupported` if the program does not read such an element in `obsm` or `varm`.
    fn check_embedding(self, kind: &ElementKind, object: &Node) -> Result<()> {
        let what = match (self, kind) {
            // SeuratDisk reads no file with one of these, and CELLxGENE's checks refuse it
            (Program::R | Program::Cellxgene, ElementKind::Frame) => "a table in this place",
            (Program::R | Program::Cellxgene, ElementKind::Column(_)) => "a column in this place",
            (Program::Cellxgene, ElementKind::Sparse(_)) => "a compressed matrix in this place",
            (Program::R | Program::Cellxgene, ElementKind::Array) => {
                let array = object.array()?;
                match (self, array.shape().len()) {
                    _ if array.datatype().has_references() => "an array of text in this place",
                    (Program::R, 2) | (Program::Cellxgene, 2..) => return Ok(()),
                    _ => "an array of this number of dimensions in this place",
                }
            }
            _ => return Ok(()),
        };
        Err(unread(what, self))
    }

    /// The type in which values of `dtype` are written in a matrix or another array outside `uns`.
    pub(crate) fn value_dtype(self, dtype: Dtype) -> Dtype {
        match (self, dtype) {
            (Program::R, Dtype::Int64 | Dtype::Uint64 | Dtype::Uint32) => Dtype::Float64,
            // rhdf5 reads bools as factors and uint8 as raw bytes
            (Program::R, Dtype::Bool | Dtype::Uint8) => Dtype::Int16,
            (Program::Cellxgene, Dtype::Bool) => Dtype::Uint8,
            _ => dtype,
        }
    }

    /// Whether it reads the filter LZF, which only h5py has. hdf5r, which SeuratDisk uses, has not.
    pub(crate) fn reads_lzf(self) -> bool {
        self != Program::R
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Program::AnnData07 => "anndata 0.7",
            Program::AnnData08 => "anndata 0.8",
            Program::AnnData010 => "anndata 0.10",
            Program::AnnData012 => "anndata 0.12",
            Program::R => "R",
            Program::Cellxgene => "CELLxGENE",
        })
    }
}

/// How categories of a column are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelForm {
    /// A group of codes and labels (`categorical` 0.2.0).
    Group,
    /// That group, and in it the factor of SeuratDisk: `levels`, and `values` that count from 1.
    GroupAndFactor,
    /// Codes with a reference to their labels in `__categories` of the table, as in anndata 0.7; none elsewhere.
    Referring,
}

/// Which encodings may be written: all, or those that a [`Program`] reads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Encodings(pub(crate) Option<Program>);

impl Encodings {
    /// Whether any program is to read the file.
    pub(crate) fn are_all(self) -> bool {
        self.0.is_none()
    }

    /// How categories are stored.
    pub(crate) fn labels(self) -> LabelForm {
        match self.0 {
            Some(Program::AnnData07) => LabelForm::Referring,
            Some(Program::R) => LabelForm::GroupAndFactor,
            _ => LabelForm::Group,
        }
    }

    /// The version of `dataframe`.
    pub(crate) fn frame_version(self) -> &'static str {
        if self.labels() == LabelForm::Referring { "0.1.0" } else { "0.2.0" }
    }

    /// Whether mappings have the encoding `dict`, which anndata 0.7 refuses to read.
    pub(crate) fn has_dict(self) -> bool {
        self.0 != Some(Program::AnnData07)
    }

    /// Whether integers and bools may have a mask.
    fn has_nullable_numbers(self) -> bool {
        // SeuratDisk takes each group in a table for a factor; the checks of CELLxGENE refuse pandas' NA
        !matches!(self.0, Some(Program::AnnData07 | Program::R | Program::Cellxgene))
    }

    /// Whether text may have a mask.
    fn has_nullable_text(self) -> bool {
        matches!(self.0, None | Some(Program::AnnData012))
    }

    /// Whether labels of this type must become text.
    fn makes_label_text(self, dtype: Dtype) -> bool {
        match self.0 {
            Some(Program::R) => true,
            Some(Program::Cellxgene) => dtype == Dtype::Bool,
            _ => false,
        }
    }

    /// Whether the program has integers of more than 32 bits, and reads uint8 as numbers. R has not, and does not.
    fn has_all_integers(self) -> bool {
        self.0 != Some(Program::R)
    }

    /// Whether attributes may be bools; rhdf5 reads integers only.
    pub(crate) fn has_bool_attributes(self) -> bool {
        self.0 != Some(Program::R)
    }

    /// Whether a column whose name has a `/` may lie in a nested group.
    pub(crate) fn has_nested_columns(self) -> bool {
        self.0 != Some(Program::R)
    }

    /// As [`Program::value_dtype`].
    pub(crate) fn value_dtype(self, dtype: Dtype) -> Dtype {
        self.0.map_or(dtype, |target| target.value_dtype(dtype))
    }

    /// Whether the index of a column that an entry has may be narrower than the pointers: R's matrices count columns
    /// with 32 bits, and entries with more only on disk.
    pub(crate) fn narrows_indices(self) -> bool {
        self.0 == Some(Program::R)
    }

    /// Whether the program reads the element `object`, of this kind, at `at`.
    ///
    /// # Errors
    /// `Unsupported` if it does not; errors of looking at the object.
    pub(crate) fn check(self, at: &Location, kind: &ElementKind, object: &Node) -> Result<()> {
        let Some(target) = self.0 else { return Ok(()) };
        let mapping = Mapping::of(at);
        let what = match kind {
            ElementKind::Unknown(name) => format!("an element of encoding '{name}'"),
            ElementKind::Awkward if !matches!(target, Program::AnnData010 | Program::AnnData012) => {
                "an awkward array".to_owned()
            }
            ElementKind::Array if object.is_null() && target != Program::AnnData012 => "a null".to_owned(),
            ElementKind::Mapping if matches!(mapping, Mapping::Embeddings | Mapping::Aligned) => {
                "a mapping in this place".to_owned()
            }
            ElementKind::Array if target == Program::R && has_unread_records(object)? => {
                "a complex number or a single record".to_owned()
            }
            _ if mapping == Mapping::Embeddings => return target.check_embedding(kind, object),
            _ if mapping == Mapping::Uns && target == Program::Cellxgene && is_empty(kind, object)? => {
                "an empty value in uns".to_owned()
            }
            _ => return Ok(()),
        };
        Err(unread(&what, target))
    }

    /// A warning that something at `path` is written in another way, because the program does not read its own.
    pub(crate) fn changed(self, path: &str, written: &str) -> Warning {
        let reader = self.0.map(|target| target.to_string()).unwrap_or_default();
        let text = format!("{written}, for {reader}");
        Warning::Changed(Changed { path: path.to_owned(), text })
    }
}

/// Whether an array is complex or one record, with which rhdf5 fails; it reads lists of records.
fn has_unread_records(object: &Node) -> Result<bool> {
    let array = object.array()?;
    Ok(match &array.datatype().class {
        Class::Compound(members) => array.shape().is_empty() || is_complex(members),
        _ => false,
    })
}

/// Whether an element has no value.
fn is_empty(kind: &ElementKind, object: &Node) -> Result<bool> {
    Ok(match kind {
        ElementKind::Array => {
            let array = object.array()?;
            let text =
                array.shape().is_empty() && array.read()?.strings().is_ok_and(|s| s.bytes(0) == Some(&[]));
            text || array.shape().contains(&0)
        }
        ElementKind::Sparse(_) => Sparse::open(object)?.shape().contains(&0),
        ElementKind::Frame => frame_rows(object)? == 0,
        ElementKind::Mapping => object.links()?.is_empty(),
        _ => false,
    })
}

fn unread(what: &str, target: Program) -> Error {
    Error::unsupported(format!("{what}, which {target} does not read"))
}

/// The mapping whose child an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mapping {
    /// `obsm` or `varm`.
    Embeddings,
    /// Another one whose elements follow an axis.
    Aligned,
    Uns,
    /// None, or the element is further down.
    Other,
}

impl Mapping {
    fn of(at: &Location) -> Self {
        let path = at.to_string();
        match in_anndata(&path).rsplit_once('/').map_or("", |(parent, _)| parent) {
            "obsm" | "varm" => Mapping::Embeddings,
            "layers" | "obsp" | "varp" | "raw/varm" => Mapping::Aligned,
            "uns" => Mapping::Uns,
            _ => Mapping::Other,
        }
    }
}

/// The path of an element in its AnnData, which may be a modality of MuData.
fn in_anndata(path: &str) -> &str {
    let path = path.trim_start_matches('/');
    match path.strip_prefix("mod/").and_then(|rest| rest.split_once('/')) {
        Some((_, inner)) => inner,
        None => path,
    }
}

/// Whether an element is in `uns`, and so runs along no axis.
pub(crate) fn is_unstructured(at: &Location) -> bool {
    let path = at.to_string();
    in_anndata(&path).split('/').next() == Some("uns")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anndata::Axes;
    use crate::anndata::tests::{BUDGET, Warnings, at, bytes, ints, open, texts, written};
    use crate::anndata::{AnnDataWriter, Awkward, StorageOptions};
    use crate::dtype::{Datatype, Member};
    use crate::matrix::{InMemory, Layout, Orientation};
    use crate::table::Frame;
    use crate::tree::EncodedValue;

    #[test]
    fn programs_have_names() {
        for (name, target) in Program::ALL {
            assert_eq!((Program::from_name(name).unwrap(), target.name()), (target, name));
        }
        let error = Program::from_name("python").unwrap_err();
        assert_eq!(
            error.message(),
            "expected one of anndata-0.7, anndata-0.8, anndata-0.10, anndata-0.12, r, cellxgene, got 'python'"
        );
    }

    /// The paths below `obsm`, `layers` and `uns` that are left out of a copy for `target`.
    fn left_out(root: &Node, target: Program) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let (path, warnings) = (dir.path().join("a.h5ad"), Warnings::default());
        let w = AnnDataWriter::create(&path, false, StorageOptions::default(), BUDGET, &warnings).unwrap();
        let mut w = w.read_by(Some(target));
        let mut left = Vec::new();
        for name in ["obsm", "layers", "uns"] {
            let mapping = root.descend(name).unwrap();
            for link in mapping.links().unwrap() {
                let copied = w.copy_link(&at(name), &mapping, link, Axes::default()).unwrap();
                left.extend((!copied).then(|| format!("{name}/{}", link.name())));
            }
            w.dict(&at(name)).unwrap();
        }
        w.finish().unwrap();
        let root = open(&path);
        assert!(left.iter().all(|path| root.descend(path).is_err()), "{left:?}");
        assert_eq!(warnings.texts().iter().filter(|text| text.starts_with("left out")).count(), left.len());
        left
    }

    #[test]
    fn what_a_program_does_not_read_is_left_out() {
        let part =
            |name: &str, offset| Member { name: name.into(), offset, datatype: Datatype::of(Dtype::Float32) };
        let class = Class::Compound(vec![part("r", 0), part("i", 4)]);
        let complex = EncodedValue::elements(&Datatype { size: 8, class }, &[1], vec![0; 8]);
        let root = written(|w| {
            w.awkward(&at("obsm/awkward"), &Awkward::lists(&[0, 1], &[7]))?;
            w.raw_array("obsm/deep", &bytes(&[1, 1, 1], &[1]))?;
            w.raw_array("obsm/flat", &bytes(&[1], &[1]))?;
            w.raw_array("obsm/plain", &bytes(&[1, 1], &[1]))?;
            w.frame(&at("obsm/table"), &Frame::unnamed(1))?;
            w.strings(&at("obsm/text"), &texts(&["a"]))?;
            w.dict(&at("obsm"))?;
            w.raw_array("layers/a/b", &bytes(&[1, 1], &[1]))?;
            w.dict(&at("layers/a"))?;
            w.dict(&at("layers"))?;
            w.dict(&at("uns/empty"))?;
            w.raw_array("uns/complex", &complex)?;
            w.raw_array("uns/foreign/w", &ints(&[1]))?;
            w.raw_group("uns/foreign", &[("encoding-type", "quaternion")])?;
            w.text(&at("uns/no text"), "")?;
            w.raw_array("uns/none", &bytes(&[0], &[]))?;
            w.null(&at("uns/null"))?;
            w.text(&at("uns/text"), "a")?;
            w.dict(&at("uns"))
        });
        let always = ["layers/a", "uns/foreign"];
        let embeddings = ["obsm/awkward", "obsm/flat", "obsm/table", "obsm/text"];
        for (target, more) in [
            (Program::AnnData07, vec!["obsm/awkward", "uns/null"]),
            (Program::AnnData08, vec!["obsm/awkward", "uns/null"]),
            (Program::AnnData010, vec!["uns/null"]),
            (Program::AnnData012, vec![]),
            (Program::R, [&embeddings[..], &["obsm/deep", "uns/complex", "uns/null"]].concat()),
            (
                Program::Cellxgene,
                [&embeddings[..], &["uns/empty", "uns/no text", "uns/none", "uns/null"]].concat(),
            ),
        ] {
            let mut expected = [&always[..], &more].concat();
            let mut left = left_out(&root, target);
            expected.sort_unstable();
            left.sort_unstable();
            assert_eq!(left, expected, "{target}");
        }
    }

    /// Bools in matrices and arrays become numbers, and stay bools in `uns`.
    #[test]
    fn bools_as_numbers() {
        let layout = Layout::new(Orientation::Csr, [1, 2], 2, Dtype::Bool).unwrap();
        let sparse = InMemory::new(layout, vec![0, 2], vec![0, 1], vec![1, 0]).unwrap();
        let bools = EncodedValue::numbers(Dtype::Bool, &[1, 2], vec![1, 0]);
        let root = written(|w| {
            for name in ["obsm", "uns"] {
                w.raw_array(&format!("{name}/dense"), &bools)?;
                w.sparse(&at(name).child("sparse"), &sparse)?;
                w.dict(&at(name))?;
            }
            Ok(())
        });
        for (target, dtype) in
            [(Program::R, "int16"), (Program::Cellxgene, "uint8"), (Program::AnnData07, "bool")]
        {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.h5ad");
            let w = AnnDataWriter::create(&path, false, StorageOptions::default(), BUDGET, &()).unwrap();
            let mut w = w.read_by(Some(target));
            for name in ["obsm", "uns"] {
                w.copy(&at(name), &root.descend(name).unwrap(), Axes::default()).unwrap();
            }
            w.finish().unwrap();
            let of =
                |path: &str| open(&dir.path().join("a.h5ad")).descend(path).and_then(|node| node.array());
            for (path, dtype) in
                [("obsm/dense", dtype), ("obsm/sparse/data", dtype), ("uns/sparse/data", "bool")]
            {
                // a compressed matrix in obsm is not for CELLxGENE
                let Ok(array) = of(path) else {
                    assert!(target == Program::Cellxgene && path.starts_with("obsm/sparse"), "{path}");
                    continue;
                };
                assert_eq!(array.datatype().name(), dtype, "{target}: {path}");
                assert_eq!(array.read().unwrap().integers().unwrap(), [1, 0]);
            }
        }
    }

    /// A modality of MuData has its mappings further down.
    #[test]
    fn places_in_modalities() {
        assert_eq!(Mapping::of(&at("mod/rna/obsm/x")), Mapping::Embeddings);
        assert_eq!(Mapping::of(&at("mod/rna/uns/x")), Mapping::Uns);
        assert_eq!(Mapping::of(&at("uns/obsm/x")), Mapping::Other);
        assert!(is_unstructured(&at("mod/rna/uns/a/b")) && is_unstructured(&at("uns/x")));
        assert!(!is_unstructured(&at("obsp/uns")) && !is_unstructured(&at("X")));
    }
}
