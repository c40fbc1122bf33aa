//! An open file: its flavour, and its matrices by name.

use super::cache::Tables;
use crate::anndata::{Encoding, LeaveOut, StoredMatrix, mudata};
use crate::bytes::pool::OpenFiles;
use crate::error::{Error, Hint, Kind, Place, Result};
use crate::formats::{loom, tenx};
use crate::limits::Limits;
use crate::tree::{Container, Node};
use std::path::Path;
use std::sync::Arc;

/// The kind of a file; `spec/h5ad.md` lists how each is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// AnnData 0.8 or later: the root has `encoding-type` `anndata`.
    AnnData,
    /// AnnData 0.7: the elements have encodings, the root has none.
    AnnData07,
    /// AnnData 0.6 or earlier: `obs` and `var` are compound datasets.
    AnnData06,
    /// MuData: one AnnData per modality in `/mod`.
    MuData,
    /// 10x Genomics HDF5 of Cell Ranger 3 or later: one group `/matrix`.
    TenX3,
    /// 10x Genomics HDF5 of Cell Ranger 2: one group per genome.
    TenX2,
    /// Loom: `/matrix` with `/row_attrs` and `/col_attrs`.
    Loom,
}

impl Flavour {
    /// Whether it is AnnData, of any generation.
    pub fn is_anndata(self) -> bool {
        matches!(self, Flavour::AnnData | Flavour::AnnData07 | Flavour::AnnData06)
    }

    /// Name of the format for display, such as `AnnData (0.7)`.
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

/// A single-cell file open for reading: AnnData, MuData, 10x Genomics or loom. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct AnnData {
    root: Node,
    flavour: Flavour,
    pub(super) tables: Tables,
    /// Columns that tables are read without.
    pub(super) leave_out: LeaveOut,
}

impl AnnData {
    /// Opens the file at `path`; its content decides the flavour, not its name.
    ///
    /// # Errors
    /// As [`Container::open`]; `Unsupported` if it is HDF5 of none of the flavours.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Limits::default())
    }

    /// As [`open`](Self::open), with limits set by the caller.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        let path = path.as_ref();
        Container::open(path, limits).and_then(|c| Self::from_container(&c)).in_file(path)
    }

    /// As [`open_with`](Self::open_with), as one of many files of which few are open at a time.
    pub(crate) fn open_pooled(path: &Path, limits: Limits, pool: &Arc<OpenFiles>) -> Result<Self> {
        let file = pool.file(path).map_err(|e| Error::io("open", e)).in_file(path)?;
        Container::from_source(Box::new(file), limits).and_then(|c| Self::from_container(&c)).in_file(path)
    }

    /// Opens the file in an open container.
    ///
    /// # Errors
    /// `Unsupported` if it is of none of the flavours; otherwise errors of reading the root.
    pub fn from_container(container: &Container) -> Result<Self> {
        let mut root = container.root()?;
        if let Some(content) = root.only_content()? {
            root = content;
        }
        let flavour = detect(&root)?;
        Ok(AnnData { root, flavour, tables: Tables::default(), leave_out: LeaveOut::default() })
    }

    /// Sets the elements and columns that are left out of tables and copies; by default those of an unsupported
    /// kind.
    #[must_use]
    pub fn leaving_out(self, leave_out: LeaveOut) -> Self {
        AnnData { tables: Tables::default(), leave_out, ..self }
    }

    /// What is left out of tables and copies.
    pub fn leave_out(&self) -> &LeaveOut {
        &self.leave_out
    }

    /// The kind of file.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The root group of the container.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The names of the modalities of a MuData file, in their order.
    ///
    /// # Errors
    /// `Malformed` if it has none; errors of reading the group `mod`.
    pub fn modality_names(&self) -> Result<Vec<String>> {
        mudata::modality_names(&self.root)
    }

    /// The AnnData at `mod/NAME` of a MuData file.
    pub(super) fn modality(&self, name: &str) -> Result<AnnData> {
        let mods = self.root.descend("mod")?;
        let Some(root) = mods.child(name)? else {
            let names: Vec<String> = mods.links()?.iter().map(|l| l.name().into_owned()).collect();
            let names = names.join(", ");
            return Err(Error::not_found(format!("there is no modality '{name}' (there are: {names})")));
        };
        let flavour = detect(&root).in_object(root.path())?;
        Ok(AnnData { root, flavour, tables: Tables::default(), leave_out: self.leave_out.clone() })
    }

    /// The matrix called `name`: `X`, `raw/X`, `layers/NAME`, `obsp/NAME`, ...; for MuData `mod/NAME/X`; for 10x
    /// Genomics version 2 the genome, or `X` if there is only one.
    ///
    /// # Errors
    /// `NotFound` with the existing names if there is no such matrix; `Usage` if a genome must be chosen;
    /// `Malformed` or `Unsupported` for its parts.
    pub fn matrix(&self, name: &str) -> Result<StoredMatrix> {
        let name = name.trim_matches('/');
        match self.flavour {
            Flavour::Loom => loom::open(&self.root, name).map(StoredMatrix::Dense),
            Flavour::TenX3 | Flavour::TenX2 => tenx::open(&self.tenx_group(name)?).map(StoredMatrix::Sparse),
            _ => StoredMatrix::open(&self.object_of(name)?),
        }
    }

    /// The object of the matrix `name` in an AnnData or MuData file.
    fn object_of(&self, name: &str) -> Result<Node> {
        // anndata 0.6 and earlier call raw/X raw.X
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

    /// The existing matrices, for an error message.
    fn choices(&self) -> Result<String> {
        let names = self.matrix_names()?;
        Ok(if names.is_empty() {
            "the file has none".into()
        } else {
            format!("there are: {}", names.join(", "))
        })
    }

    /// Names for [`matrix`](Self::matrix). Most of the matrices are not opened, so some may turn out to be broken.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if a group cannot be listed.
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
            match name {
                "X" => Error::usage(format!("choose a genome (there are: {names})")),
                other => Error::not_found(format!("there is no genome '{other}' (there are: {names})")),
            }
            .hinting(Hint::ChooseMatrix)
        })
    }

    /// Whether there is a matrix `X`. Files of 10x Genomics and loom always have one; AnnData may have none, or a
    /// null.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the root or `X` cannot be opened.
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
    let format = root.container_name();
    Err(Error::unsupported(format!(
        "{format}, but not AnnData, MuData, 10x or loom (the root contains {found})"
    )))
}

/// Names of the matrices of the AnnData at `root`.
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
