//! Which element follows which axis: the rows of `obsm` are cells, both dimensions of `varp` are genes.

use crate::matrix::Orientation;

/// An axis of an AnnData.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Axis {
    /// Rows: cells.
    #[default]
    Obs,
    /// Columns: genes.
    Var,
}

impl Axis {
    /// Name of its table: `obs` or `var`.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Obs => "obs",
            Axis::Var => "var",
        }
    }

    /// The other axis.
    #[must_use]
    pub fn other(self) -> Axis {
        match self {
            Axis::Obs => Axis::Var,
            Axis::Var => Axis::Obs,
        }
    }

    /// Its position in a shape `[rows, columns]`: 0 for `Obs`, 1 for `Var`.
    pub fn dimension(self) -> usize {
        usize::from(self == Axis::Var)
    }
}

/// What one dimension of an element runs along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// An axis of the AnnData: cells or genes.
    Axis(Axis),
    /// The genes of `raw`, which have their own table `raw/var`.
    RawVar,
    /// Nothing outside the element, such as the components of an embedding.
    Own,
}

impl Dimension {
    /// The axis that the dimension runs along, if it is one of the AnnData.
    pub fn axis(self) -> Option<Axis> {
        match self {
            Dimension::Axis(axis) => Some(axis),
            _ => None,
        }
    }
}

/// The mappings of an AnnData whose elements run along its axes, each with the first two dimensions of its
/// elements, as in the AnnData specification. They are in the order in which they are written.
pub const MAPPINGS: [(&str, [Dimension; 2]); 5] = [
    ("obsm", [Dimension::Axis(Axis::Obs), Dimension::Own]),
    ("varm", [Dimension::Axis(Axis::Var), Dimension::Own]),
    ("obsp", [Dimension::Axis(Axis::Obs), Dimension::Axis(Axis::Obs)]),
    ("varp", [Dimension::Axis(Axis::Var), Dimension::Axis(Axis::Var)]),
    ("layers", [Dimension::Axis(Axis::Obs), Dimension::Axis(Axis::Var)]),
];

/// The first two dimensions of the element at `path`, a path from the root of its AnnData. Both are
/// [`Dimension::Own`] for an element that runs along no axis, such as those in `uns`.
pub fn dimensions_of(path: &str) -> [Dimension; 2] {
    let first = path.trim_matches('/').split('/').next().unwrap_or_default();
    match first {
        "X" => [Dimension::Axis(Axis::Obs), Dimension::Axis(Axis::Var)],
        "raw" | "raw.X" => [Dimension::Axis(Axis::Obs), Dimension::RawVar],
        _ => MAPPINGS.iter().find(|(name, _)| *name == first).map_or([Dimension::Own; 2], |(_, both)| *both),
    }
}

/// A selection of rows and columns of an element; `None` selects all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Axes<'a> {
    /// Numbers of the selected rows (the first dimension), in the order of the result.
    pub rows: Option<&'a [u64]>,
    /// Numbers of the selected columns (the second dimension), in the order of the result.
    pub columns: Option<&'a [u64]>,
}

impl<'a> Axes<'a> {
    /// The selection of an element with these dimensions that follows from the selected cells `obs` and genes
    /// `var`.
    pub fn selected(dimensions: [Dimension; 2], obs: Option<&'a [u64]>, var: Option<&'a [u64]>) -> Self {
        let [rows, columns] = dimensions.map(|dimension| match dimension.axis() {
            Some(Axis::Obs) => obs,
            Some(Axis::Var) => var,
            None => None,
        });
        Axes { rows, columns }
    }

    /// The selected lines and the selected minor indices of a compressed matrix.
    pub fn of(&self, orientation: Orientation) -> [Option<&'a [u64]>; 2] {
        match orientation {
            Orientation::Csr => [self.rows, self.columns],
            Orientation::Csc => [self.columns, self.rows],
        }
    }

    /// Whether all rows and columns are selected.
    pub fn is_all(&self) -> bool {
        self.rows.is_none() && self.columns.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_their_axes() {
        let (obs, var) = (Dimension::Axis(Axis::Obs), Dimension::Axis(Axis::Var));
        for (path, want) in [
            ("X", [obs, var]),
            ("layers/counts", [obs, var]),
            ("/obsm/X_umap", [obs, Dimension::Own]),
            ("varp/graph", [var, var]),
            ("raw/X", [obs, Dimension::RawVar]),
            ("uns/neighbors/distances", [Dimension::Own, Dimension::Own]),
        ] {
            assert_eq!(dimensions_of(path), want, "{path}");
        }
        let (cells, genes) = ([1, 2], [7]);
        let axes = Axes::selected(dimensions_of("obsp/x"), Some(&cells), Some(&genes));
        assert_eq!((axes.rows, axes.columns), (Some(&cells[..]), Some(&cells[..])));
        let axes = Axes::selected(dimensions_of("raw/X"), None, Some(&genes));
        assert!(axes.is_all(), "genes of raw are not those of var");
    }
}
