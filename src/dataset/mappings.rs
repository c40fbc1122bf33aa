//! Checks the shapes of the elements that follow the axes, before any of them is decoded.

use super::AnnData;
use crate::anndata::{Axis, Dimension, ElementKind, MAPPINGS, StoredMatrix};
use crate::error::{Error, Place, Result};
use crate::tree::Node;

impl AnnData {
    /// Checks that the elements of `obsm`, `varm`, `obsp`, `varp` and `layers` have as many rows and columns as
    /// `shape`, that of the tables. Reads metadata only. An element that cannot be opened is left to whoever
    /// reads it.
    ///
    /// # Errors
    /// `Malformed` for the first element of another shape; the errors of listing a mapping.
    #[cfg_attr(not(feature = "write"), allow(dead_code))]
    pub(crate) fn check_mappings(&self, shape: [u64; 2]) -> Result<()> {
        for (name, dimensions) in MAPPINGS {
            let Some(group) = self.root().child(name)?.filter(Node::is_group) else { continue };
            for link in group.links()? {
                if self.leave_out.names(&format!("{}/{}", group.path(), link.name())) {
                    continue;
                }
                let Ok(element) = group.open_link(link) else { continue };
                let Ok(Some(got)) = shape_of(&element) else { continue };
                check(dimensions, shape, &got).in_object(element.path())?;
            }
        }
        Ok(())
    }
}

/// The shape of an array or a compressed matrix.
fn shape_of(element: &Node) -> Result<Option<Vec<u64>>> {
    if element.is_array() {
        let array = element.array()?;
        return Ok((!array.is_null()).then(|| array.shape().to_vec()));
    }
    match ElementKind::of(element)? {
        ElementKind::Sparse(_) => Ok(Some(StoredMatrix::open(element)?.shape().to_vec())),
        _ => Ok(None),
    }
}

fn check(dimensions: [Dimension; 2], shape: [u64; 2], got: &[u64]) -> Result<()> {
    for ((dimension, got), what) in dimensions.iter().zip(got).zip(["rows", "columns"]) {
        let Some(axis) = dimension.axis() else { continue };
        let want = shape[axis.dimension()];
        if want != *got {
            let table = Axis::name(axis);
            return Err(Error::malformed(format!("expected {want} {what}, as in {table}, got {got}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dimension_follows_its_axis() {
        let [obsm, _, obsp, varp, layers] = MAPPINGS.map(|(_, dimensions)| dimensions);
        assert!(check(obsm, [3, 5], &[3, 50]).is_ok());
        assert!(check(layers, [3, 5], &[3, 5]).is_ok());
        for (dimensions, got, why) in [
            (obsm, [30, 10_000_000], "expected 3 rows, as in obs, got 30"),
            (obsp, [3, 4], "expected 3 columns, as in obs, got 4"),
            (varp, [3, 5], "expected 5 rows, as in var, got 3"),
            (layers, [3, 6], "expected 5 columns, as in var, got 6"),
        ] {
            assert_eq!(check(dimensions, [3, 5], &got).unwrap_err().message(), why);
        }
    }
}
