//! Neighbour graphs of scanpy in `uns/neighbors`, from before `obsp` existed (anndata 0.7).

use crate::anndata::StoredMatrix;
use crate::tree::Node;

/// Names of the graphs, which are the same in `obsp`.
const GRAPHS: [&str; 2] = ["connectivities", "distances"];

/// The neighbour graphs in `uns/neighbors` of the AnnData at `root`, by name. They belong in `obsp`, and both
/// their dimensions are cells. A child of another kind, or one that cannot be opened, is not a graph.
pub(crate) fn graphs_in_uns(root: &Node) -> Vec<(&'static str, Node)> {
    let open = |name| root.descend(&format!("uns/neighbors/{name}")).ok().filter(StoredMatrix::is_matrix);
    GRAPHS.iter().filter_map(|name| Some((*name, open(*name)?))).collect()
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::{AnnDataWriter, StorageOptions};
    use crate::dtype::Dtype;
    use crate::matrix::Budget;
    use crate::tree::{Container, EncodedValue, Location};

    #[test]
    fn only_matrices_with_the_names_of_graphs_are_graphs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5ad");
        let mut w =
            AnnDataWriter::create(&path, false, StorageOptions::default(), Budget::default(), &()).unwrap();
        let uns = Location::root().child("uns");
        let at = uns.child("neighbors");
        let square = EncodedValue::numbers(Dtype::Uint8, &[2, 2], vec![0, 1, 1, 0]);
        w.value(&at.child("distances"), &square).unwrap();
        w.value(&at.child("other"), &square).unwrap();
        w.text(&at.child("connectivities"), "the name of a key in obsp").unwrap();
        w.dict(&at).unwrap();
        w.dict(&uns).unwrap();
        w.finish().unwrap();
        let root = Container::open(&path, crate::Limits::default()).unwrap().root().unwrap();
        let found = graphs_in_uns(&root);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0, found[0].1.path()), ("distances", "/uns/neighbors/distances"));
        assert!(graphs_in_uns(&root.descend("obsp").unwrap()).is_empty(), "there is no uns below");
    }
}
