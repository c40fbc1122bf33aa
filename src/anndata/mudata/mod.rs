//! MuData: several AnnData, its modalities, with tables and arrays of the cells and genes of all of them.
//!
//! A group `mod` has one AnnData per modality. Beside it are `obs`, `var`, `obsm`, `varm`, `obsp`, `varp` and `uns`
//! of all modalities together, and `obsmap` and `varmap`, which tell where each cell and gene is in each modality
//! ([`Positions`]). The attribute `axis` says which axes the modalities [share](SharedAxis). See `spec/h5ad.md#mudata`.

mod positions;
#[cfg(feature = "write")]
mod write;

pub(crate) use positions::{MappedTables, Positions};
#[cfg(feature = "write")]
pub(crate) use write::MuDataHead;

use super::Axis;
use crate::error::{Error, Place, Result};
use crate::tree::Node;

/// The axes that the modalities of MuData share: the attribute `axis`. Along a shared axis a cell (or gene) may be in
/// several modalities; along another, those of one modality follow those of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SharedAxis {
    /// 0: the same cells, measured in several ways.
    #[default]
    Obs,
    /// 1: the same genes, in several data sets.
    Var,
    /// -1: both.
    Both,
}

impl SharedAxis {
    /// That of the MuData at `root`; cells if it does not say.
    ///
    /// # Errors
    /// `Malformed` if it is none of 0, 1 and -1.
    pub(crate) fn of(root: &Node) -> Result<Self> {
        let Some(value) = root.attribute("axis")? else { return Ok(SharedAxis::default()) };
        let number = value.integer().in_object(root.path())?;
        let known = [SharedAxis::Obs, SharedAxis::Var, SharedAxis::Both];
        known.into_iter().find(|axis| axis.number() == number).ok_or_else(|| {
            Error::malformed(format!("expected 0, 1 or -1 as 'axis', got {number}")).in_object(root.path())
        })
    }

    /// The value of the attribute.
    pub(crate) fn number(self) -> i64 {
        match self {
            SharedAxis::Obs => 0,
            SharedAxis::Var => 1,
            SharedAxis::Both => -1,
        }
    }
}

/// The name of the mapping with the [`Positions`] along `axis`.
pub(crate) fn map_name(axis: Axis) -> &'static str {
    match axis {
        Axis::Obs => "obsmap",
        Axis::Var => "varmap",
    }
}

/// The names of the modalities of the MuData at `root`, in the order that its attribute `mod-order` says; those that
/// it does not name come last.
///
/// # Errors
/// `Malformed` if there is no group `mod`; errors of reading it.
pub(crate) fn modality_names(root: &Node) -> Result<Vec<String>> {
    let Some(mods) = root.child("mod")?.filter(Node::is_group) else {
        return Err(Error::malformed("expected a group 'mod' with modalities").in_object(root.path()));
    };
    let there: Vec<String> = mods.links()?.iter().map(|link| link.name().into_owned()).collect();
    let mut names: Vec<String> = Vec::with_capacity(there.len());
    let order = match mods.attribute("mod-order")? {
        Some(order) if order.is_text() => order.strings().in_object(mods.path())?,
        _ => Default::default(),
    };
    let listed = order.iter().map(|name| String::from_utf8_lossy(name).into_owned());
    for name in listed.chain(there.iter().cloned()) {
        if there.contains(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}
