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
    /// Its table: `obs` or `var`.
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

    /// Its place in a shape of rows and columns.
    pub fn dimension(self) -> usize {
        usize::from(self == Axis::Var)
    }
}

/// What the positions along one dimension of an element are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Positions of an axis.
    Axis(Axis),
    /// Genes of `raw`, which has a table of its own.
    RawVar,
    /// Positions of the element alone.
    Own,
}

impl Dimension {
    /// The axis, if the dimension follows one.
    pub fn axis(self) -> Option<Axis> {
        match self {
            Dimension::Axis(axis) => Some(axis),
            _ => None,
        }
    }
}

/// Mappings of an AnnData whose elements follow its axes, and what the first two dimensions of their elements are, as in the
/// AnnData specification. They are in the order in which they are written.
pub const MAPPINGS: [(&str, [Dimension; 2]); 5] = [
    ("obsm", [Dimension::Axis(Axis::Obs), Dimension::Own]),
    ("varm", [Dimension::Axis(Axis::Var), Dimension::Own]),
    ("obsp", [Dimension::Axis(Axis::Obs), Dimension::Axis(Axis::Obs)]),
    ("varp", [Dimension::Axis(Axis::Var), Dimension::Axis(Axis::Var)]),
    ("layers", [Dimension::Axis(Axis::Obs), Dimension::Axis(Axis::Var)]),
];

/// What the first two dimensions of the element at `path` are; `path` begins at the root of its AnnData. Elements that follow
/// no axis, such as those of `uns`, have positions of their own.
pub fn dimensions_of(path: &str) -> [Dimension; 2] {
    let first = path.trim_matches('/').split('/').next().unwrap_or_default();
    match first {
        "X" => [Dimension::Axis(Axis::Obs), Dimension::Axis(Axis::Var)],
        "raw" | "raw.X" => [Dimension::Axis(Axis::Obs), Dimension::RawVar],
        _ => {
            MAPPINGS.iter().find(|(name, _)| *name == first).map_or([Dimension::Own; 2], |(_, along)| *along)
        }
    }
}

/// The rows and columns that are taken of an element; all where `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Axes<'a> {
    /// Positions along the first dimension, in the wanted order.
    pub rows: Option<&'a [u64]>,
    /// Positions along the second dimension, in the wanted order.
    pub columns: Option<&'a [u64]>,
}

impl<'a> Axes<'a> {
    /// What is taken of an element whose dimensions are `along`, where `obs` and `var` are taken of the axes.
    pub fn selected(along: [Dimension; 2], obs: Option<&'a [u64]>, var: Option<&'a [u64]>) -> Self {
        let [rows, columns] = along.map(|dimension| match dimension.axis() {
            Some(Axis::Obs) => obs,
            Some(Axis::Var) => var,
            None => None,
        });
        Axes { rows, columns }
    }

    /// What is taken of the lines and of the minor indices of a compressed matrix.
    pub fn of(&self, orientation: Orientation) -> [Option<&'a [u64]>; 2] {
        match orientation {
            Orientation::Csr => [self.rows, self.columns],
            Orientation::Csc => [self.columns, self.rows],
        }
    }

    /// Whether everything is taken.
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
