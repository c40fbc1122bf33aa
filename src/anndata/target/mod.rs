//! Programs that are to open a file, and what each of them reads. The encoders ask here; no other place knows a
//! program. What follows for each element is in `spec/h5ad.md`, "Files for other programs".

mod columns;

pub(crate) use columns::Standing;

use crate::anndata::dataframe::rows as frame_rows;
use crate::anndata::element::ElementKind;
use crate::anndata::sparse::Sparse;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::observe::{Changed, Warning};
use crate::tree::{Location, Node};

/// A program that is to open a file. What it cannot read is written in another encoding, or left out; each loss is
/// a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
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

impl Target {
    /// All programs with their names.
    pub const ALL: [(&str, Target); 6] = [
        ("anndata-0.7", Target::AnnData07),
        ("anndata-0.8", Target::AnnData08),
        ("anndata-0.10", Target::AnnData010),
        ("anndata-0.12", Target::AnnData012),
        ("r", Target::R),
        ("cellxgene", Target::Cellxgene),
    ];

    /// The program called `name`.
    ///
    /// # Errors
    /// `Usage` if there is none; the message lists all names.
    pub fn from_name(name: &str) -> Result<Self> {
        let names = Target::ALL.map(|(n, _)| n).join(", ");
        let found = Target::ALL.iter().find(|(n, _)| *n == name).map(|(_, target)| *target);
        found.ok_or_else(|| Error::usage(format!("expected one of {names}, got '{name}'")))
    }

    /// Its name, as in [`ALL`](Self::ALL).
    pub fn name(self) -> &'static str {
        Target::ALL.iter().find(|(_, target)| *target == self).map_or("", |(name, _)| name)
    }

    /// Whether all matrices of cells and genes must be stored by rows.
    pub(crate) fn wants_rows(self) -> bool {
        matches!(self, Target::R | Target::Cellxgene)
    }

    /// Whether dense matrices of cells and genes must be compressed.
    pub(crate) fn wants_compressed(self) -> bool {
        self == Target::Cellxgene
    }

    /// The only type of `X` and `raw/X`, if there is one.
    pub(crate) fn matrix_dtype(self) -> Option<Dtype> {
        (self == Target::Cellxgene).then_some(Dtype::Float32)
    }

    /// # Errors
    /// `Unsupported` if the program does not read such an element in `obsm` or `varm`.
    fn check_embedding(self, kind: &ElementKind, object: &Node) -> Result<()> {
        let what = match (self, kind) {
            // SeuratDisk reads no file with one of these, and CELLxGENE's checks refuse it
            (Target::R | Target::Cellxgene, ElementKind::Frame) => "a table in this place",
            (Target::R | Target::Cellxgene, ElementKind::Column(_)) => "a column in this place",
            (Target::Cellxgene, ElementKind::Sparse(_)) => "a compressed matrix in this place",
            (Target::R | Target::Cellxgene, ElementKind::Array) => {
                let array = object.array()?;
                match (self, array.shape().len()) {
                    _ if array.datatype().has_references() => "an array of text in this place",
                    (Target::R, 2) | (Target::Cellxgene, 2..) => return Ok(()),
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
            (Target::R, Dtype::Int64 | Dtype::Uint64 | Dtype::Uint32) => Dtype::Float64,
            (Target::R | Target::Cellxgene, Dtype::Bool) => Dtype::Uint8,
            _ => dtype,
        }
    }

    /// Whether it reads the filter LZF, which only h5py has. hdf5r, which SeuratDisk uses, has not.
    pub(crate) fn reads_lzf(self) -> bool {
        self != Target::R
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Target::AnnData07 => "anndata 0.7",
            Target::AnnData08 => "anndata 0.8",
            Target::AnnData010 => "anndata 0.10",
            Target::AnnData012 => "anndata 0.12",
            Target::R => "R",
            Target::Cellxgene => "CELLxGENE",
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

/// Which encodings may be written: all, or those that a [`Target`] reads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Encodings(pub(crate) Option<Target>);

impl Encodings {
    /// Whether any program is to read the file.
    pub(crate) fn are_all(self) -> bool {
        self.0.is_none()
    }

    /// How categories are stored.
    pub(crate) fn labels(self) -> LabelForm {
        match self.0 {
            Some(Target::AnnData07) => LabelForm::Referring,
            Some(Target::R) => LabelForm::GroupAndFactor,
            _ => LabelForm::Group,
        }
    }

    /// The version of `dataframe`.
    pub(crate) fn frame_version(self) -> &'static str {
        if self.labels() == LabelForm::Referring { "0.1.0" } else { "0.2.0" }
    }

    /// Whether mappings have the encoding `dict`, which anndata 0.7 refuses to read.
    pub(crate) fn has_dict(self) -> bool {
        self.0 != Some(Target::AnnData07)
    }

    /// Whether integers and bools may have a mask.
    fn has_nullable_numbers(self) -> bool {
        // SeuratDisk takes each group in a table for a factor; the checks of CELLxGENE refuse pandas' NA
        !matches!(self.0, Some(Target::AnnData07 | Target::R | Target::Cellxgene))
    }

    /// Whether text may have a mask.
    fn has_nullable_text(self) -> bool {
        matches!(self.0, None | Some(Target::AnnData012))
    }

    /// Whether labels of this type must become text.
    fn makes_label_text(self, dtype: Dtype) -> bool {
        match self.0 {
            Some(Target::R) => true,
            Some(Target::Cellxgene) => dtype == Dtype::Bool,
            _ => false,
        }
    }

    /// Whether integers beyond 32 bits can be read. R has none.
    fn has_wide_integers(self) -> bool {
        self.0 != Some(Target::R)
    }

    /// Whether a column whose name has a `/` may lie in a nested group.
    pub(crate) fn has_nested_columns(self) -> bool {
        self.0 != Some(Target::R)
    }

    /// As [`Target::value_dtype`].
    pub(crate) fn value_dtype(self, dtype: Dtype) -> Dtype {
        self.0.map_or(dtype, |target| target.value_dtype(dtype))
    }

    /// Whether the index of a column that an entry has may be narrower than the pointers: R's matrices count columns
    /// with 32 bits, and entries with more only on disk.
    pub(crate) fn narrows_indices(self) -> bool {
        self.0 == Some(Target::R)
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
            ElementKind::Awkward if !matches!(target, Target::AnnData010 | Target::AnnData012) => {
                "an awkward array".to_owned()
            }
            ElementKind::Array if object.is_null() && target != Target::AnnData012 => "a null".to_owned(),
            ElementKind::Mapping if matches!(mapping, Mapping::Embeddings | Mapping::Aligned) => {
                "a mapping in this place".to_owned()
            }
            _ if mapping == Mapping::Embeddings => return target.check_embedding(kind, object),
            _ if mapping == Mapping::Uns && target == Target::Cellxgene && is_empty(kind, object)? => {
                "an empty value in uns".to_owned()
            }
            _ => return Ok(()),
        };
        Err(unread(&what, target))
    }

    /// A warning that something at `path` is written in another way, because the program does not read it.
    pub(crate) fn changed(self, path: &str, written: &str) -> Warning {
        let reader = self.0.map(|target| target.to_string()).unwrap_or_default();
        let text = format!("{written}, because {reader} does not read it otherwise");
        Warning::Changed(Changed { path: path.to_owned(), text })
    }
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

fn unread(what: &str, target: Target) -> Error {
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
