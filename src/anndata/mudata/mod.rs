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

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{at, written};
    use crate::tree::EncodedValue;

    /// The root of modalities a and b, with these attributes.
    fn root(order: Option<&[&str]>, axis: Option<EncodedValue>) -> Node {
        written(|w| {
            w.raw_group("m/mod/a", &[])?;
            w.raw_group("m/mod/b", &[])?;
            let order =
                order.map(|names| w.writer.texts(&names.iter().copied().collect(), &[names.len() as u64]));
            let order: Vec<_> = order.transpose()?.into_iter().map(|o| ("mod-order".to_owned(), o)).collect();
            w.writer.group(&at("m/mod"), &order)?;
            let axis: Vec<_> = axis.into_iter().map(|axis| ("axis".to_owned(), axis)).collect();
            w.writer.group(&at("m"), &axis)
        })
        .descend("m")
        .unwrap()
    }

    #[test]
    fn modalities_come_in_their_order_and_none_is_lost() {
        let names = |order| modality_names(&root(order, None)).unwrap();
        assert_eq!(names(None), ["a", "b"]);
        assert_eq!(names(Some(&["b", "a"])), ["b", "a"]);
        assert_eq!(names(Some(&["b", "gone", "b"])), ["b", "a"]);
        let e = modality_names(&root(None, None).descend("mod/a").unwrap()).unwrap_err();
        assert_eq!(e.message(), "expected a group 'mod' with modalities");
    }

    #[test]
    fn the_axis_is_one_of_three() {
        let of = |axis| SharedAxis::of(&root(None, axis));
        assert_eq!(of(None).unwrap(), SharedAxis::Obs);
        for (number, axis) in [(0, SharedAxis::Obs), (1, SharedAxis::Var), (-1, SharedAxis::Both)] {
            assert_eq!(of(Some(EncodedValue::integer(number))).unwrap(), axis);
        }
        assert_eq!(
            of(Some(EncodedValue::integer(2))).unwrap_err().message(),
            "expected 0, 1 or -1 as 'axis', got 2"
        );
    }
}
