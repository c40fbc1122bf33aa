//! MuData: several AnnData, its modalities, with tables and arrays of the cells and genes of all of them.
//!
//! A group `mod` has one AnnData per modality. Beside it are `obs`, `var`, `obsm`, `varm`, `obsp`, `varp` and `uns`
//! of all modalities together, and `obsmap` and `varmap`, which tell where each cell and gene is in each modality
//! ([`Positions`]). The attribute `axis` says which axes the modalities [share](SharedAxis). See `spec/h5ad.md#mudata`.

#[cfg(feature = "write")]
mod positions;
#[cfg(feature = "write")]
mod shared;
#[cfg(feature = "write")]
mod write;

#[cfg(feature = "write")]
pub(crate) use positions::{MappedTables, Positions, map_name};
#[cfg(feature = "write")]
pub(crate) use shared::SharedAxis;
#[cfg(feature = "write")]
pub(crate) use write::MuDataHead;

use crate::error::{Error, Place, Result};
use crate::tree::Node;

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
