//! An open file: what kind it is, its matrices by name, and the tables that go with each.

use super::tables::Tables;
use crate::anndata::{Encoding, Matrix};
use crate::error::{Error, Hint, Kind, Place, Result};
use crate::formats::{loom, tenx};
use crate::limits::Limits;
use crate::tree::{Container, Node};
use std::path::Path;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// AnnData since 0.8: the root says so.
    AnnData,
    /// AnnData 0.7: encodings on the elements, none on the root.
    AnnData07,
    /// AnnData up to 0.6: compound data frames.
    AnnData06,
    /// MuData: one AnnData per modality below `/mod`.
    MuData,
    /// 10x Genomics, Cell Ranger 3 and later.
    TenX3,
    /// 10x Genomics, Cell Ranger 2: one group per genome.
    TenX2,
    /// Loom.
    Loom,
}

impl Flavour {
    /// Whether it is laid out as AnnData is, of whatever generation.
    pub fn is_anndata(self) -> bool {
        matches!(self, Flavour::AnnData | Flavour::AnnData07 | Flavour::AnnData06)
    }

    /// The name of the format, for display.
    pub fn name(self) -> &'static str {
        match self {
            Flavour::AnnData => "AnnData (0.8 or later)",
            Flavour::AnnData07 => "AnnData (0.7)",
            Flavour::AnnData06 => "AnnData (0.6 or earlier)",
            Flavour::MuData => "MuData",
            Flavour::TenX3 => "10x Genomics HDF5 (version 3)",
            Flavour::TenX2 => "10x Genomics HDF5 (version 2)",
            Flavour::Loom => "loom",
        }
    }
}

/// A single-cell file open for reading.
#[derive(Debug, Clone)]
pub struct AnnData {
    root: Node,
    flavour: Flavour,
    pub(super) tables: Tables,
}

impl AnnData {
    /// Opens the file at `path`, whatever its name ends in.
    ///
    /// # Errors
    /// As [`Container::open`]; `Unsupported` where it is HDF5 but none of the kinds of [`Flavour`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Limits::default())
    }

    /// Opens the file at `path` with limits of the caller's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        let path = path.as_ref();
        Container::open(path, limits).and_then(|c| Self::from_container(&c)).in_file(path)
    }

    /// Looks at an open container.
    ///
    /// # Errors
    /// `Unsupported` where it is none of the kinds of [`Flavour`].
    pub fn from_container(container: &Container) -> Result<Self> {
        let root = container.root()?;
        let flavour = detect(&root)?;
        Ok(AnnData { root, flavour, tables: Tables::default() })
    }

    /// What kind of file it is.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The root group.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The matrix of this name: `X`, `raw/X`, `layers/NAME`, `obsp/NAME`, ...; for MuData `mod/NAME/X`; for 10x
    /// version 2 the genome, or `X` where there is only one.
    ///
    /// # Errors
    /// `NotFound` where there is none, with the names there are; `Malformed` or `Unsupported` as its parts are.
    pub fn matrix(&self, name: &str) -> Result<Matrix> {
        let name = name.trim_matches('/');
        match self.flavour {
            Flavour::Loom => loom::open(&self.root, name).map(Matrix::Dense),
            Flavour::TenX3 | Flavour::TenX2 => tenx::open(&self.tenx_group(name)?).map(Matrix::Sparse),
            _ => Matrix::open(&self.object_of(name)?),
        }
    }

    /// The object of a matrix in an AnnData or MuData file.
    fn object_of(&self, name: &str) -> Result<Node> {
        // raw/X of files up to 0.6 is called raw.X
        let old = (self.flavour == Flavour::AnnData06).then(|| name.replacen("raw/", "raw.", 1));
        match self.root.descend(name) {
            Err(e) if e.kind() == Kind::NotFound => {
                match old.filter(|o| o != name).map(|o| self.root.descend(&o)) {
                    Some(Ok(object)) => Ok(object),
                    _ => Err(Error::not_found(format!("there is no matrix '{name}' ({})", self.choices()?))),
                }
            }
            other => other,
        }
    }

    /// The matrices there are, for a message.
    fn choices(&self) -> Result<String> {
        let names = self.matrix_names()?;
        Ok(if names.is_empty() {
            "the file has none".into()
        } else {
            format!("there are: {}", names.join(", "))
        })
    }

    /// Names that [`matrix`](Self::matrix) takes, without opening what they lead to.
    ///
    /// # Errors
    /// Where groups cannot be listed.
    pub fn matrix_names(&self) -> Result<Vec<String>> {
        match self.flavour {
            Flavour::Loom => {
                let mut out = vec!["matrix".to_owned()];
                if let Some(layers) = self.root.child("layers")? {
                    out.extend(layers.links()?.iter().map(|l| format!("layers/{}", l.name())));
                }
                Ok(out)
            }
            Flavour::TenX3 => Ok(vec!["X".into()]),
            Flavour::TenX2 => Ok(self.genomes()?.iter().map(|g| g.name().to_owned()).collect()),
            Flavour::MuData => {
                let mut out = Vec::new();
                if let Some(mods) = self.root.child("mod")? {
                    for link in mods.links()? {
                        if let Ok(child) = mods.open_link(link) {
                            out.extend(names_below(&child, &format!("mod/{}/", link.name()))?);
                        }
                    }
                }
                Ok(out)
            }
            _ => names_below(&self.root, ""),
        }
    }

    fn genomes(&self) -> Result<Vec<Node>> {
        let mut out = Vec::new();
        for link in self.root.links()? {
            let child = self.root.open_link(link)?;
            if tenx::is_matrix(&child)? {
                out.push(child);
            }
        }
        Ok(out)
    }

    pub(super) fn tenx_group(&self, name: &str) -> Result<Node> {
        if self.flavour == Flavour::TenX3 {
            return match name {
                "X" | "matrix" => self.root.descend("matrix"),
                other => Err(Error::not_found(format!("there is no matrix '{other}' (there are: X)"))),
            };
        }
        let mut genomes = self.genomes()?;
        if name == "X" && genomes.len() == 1 {
            return Ok(genomes.remove(0));
        }
        let names: Vec<String> = genomes.iter().map(|g| g.name().to_owned()).collect();
        let found = genomes.into_iter().find(|g| g.name() == name);
        found.ok_or_else(|| {
            let names = names.join(", ");
            Error::usage(format!("choose a genome (there are: {names})")).hinting(Hint::ChooseMatrix)
        })
    }

    /// Whether there is an `X`. Files of 10x Genomics and loom always have a matrix, AnnData may have none, or null in
    /// its place.
    ///
    /// # Errors
    /// Where the root cannot be read.
    pub fn has_x(&self) -> Result<bool> {
        Ok(match self.flavour {
            Flavour::TenX2 | Flavour::TenX3 | Flavour::Loom => true,
            _ => self.root.child("X")?.is_some_and(|x| !x.is_null()),
        })
    }
}

fn detect(root: &Node) -> Result<Flavour> {
    let links = root.links()?;
    let has = |n: &str| links.iter().any(|l| l.is_called(n));
    match Encoding::of(root)? {
        Encoding::AnnData => return Ok(Flavour::AnnData),
        Encoding::MuData => return Ok(Flavour::MuData),
        _ => {}
    }
    if has("mod") {
        return Ok(Flavour::MuData);
    }
    if loom::is_loom(root)? {
        return Ok(Flavour::Loom);
    }
    if has("X") || (has("obs") && has("var")) {
        let compound = |n: &str| root.child(n).ok().flatten().is_some_and(|o| o.is_array());
        let old = compound("obs") || compound("var");
        return Ok(if old { Flavour::AnnData06 } else { Flavour::AnnData07 });
    }
    for link in links.iter().copied() {
        if let Ok(child) = root.open_link(link)
            && tenx::is_matrix(&child).unwrap_or(false)
        {
            let v3 = link.is_called("matrix") && child.child("features")?.is_some();
            return Ok(if v3 { Flavour::TenX3 } else { Flavour::TenX2 });
        }
    }
    let names: Vec<String> = links.iter().take(8).map(|l| format!("'{}'", l.name())).collect();
    let found = if names.is_empty() { "nothing".into() } else { names.join(", ") };
    Err(Error::unsupported(format!("HDF5, but not AnnData, MuData, 10x or loom (the root holds {found})")))
}

/// Matrices below the root of one AnnData.
fn names_below(root: &Node, prefix: &str) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for single in ["X", "raw/X", "raw.X"] {
        if root.descend(single).is_ok() {
            out.push(format!("{prefix}{}", single.replace("raw.", "raw/")));
        }
    }
    for group in ["layers", "obsp", "varp"] {
        let Ok(Some(object)) = root.child(group) else { continue };
        if object.is_group() {
            out.extend(object.links()?.iter().map(|l| format!("{prefix}{group}/{}", l.name())));
        }
    }
    out.dedup();
    Ok(out)
}
