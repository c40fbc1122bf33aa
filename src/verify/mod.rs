//! Compares two matrices entry for entry, or all elements of two files.
//!
//! Either may be a file or a store, in either layout: if the layouts differ, one side is transposed first.
//! Values are compared by their bits. The order within a line does not matter; duplicates are compared
//! without adding them up. Shapes, names and tables are compared too. [`VerifyOptions::all`] adds every other
//! element (`elements.rs` finds them, whatever generation the file is of; `objects.rs` compares them). To check a
//! single store, see [`Store::check`](crate::store::Store::check).

mod arrays;
mod both;
mod elements;
mod entries;
mod matrices;
mod objects;
mod tables;

use crate::anndata::{Dimension, dimensions_of};
use crate::dataset::Dataset;
use crate::dtype::Scalar;
use crate::error::Result;
use crate::matrix::Budget;
use crate::observe::Observer;
use crate::report;
use crate::table::Frame;
use serde::ser::SerializeStruct;
use std::path::PathBuf;
use std::sync::Arc;

/// Options of a comparison.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Path of the matrix in each input, such as `X`. Not used if all elements are compared.
    pub matrices: [String; 2],
    /// Compare all elements: matrices, tables, arrays and what is in `uns`. One that only one side has is a
    /// difference.
    pub all: bool,
    /// Compare values as numbers of any type: an int16 1 equals a float32 1.0.
    pub numeric: bool,
    /// Add up duplicates on both sides before comparing.
    pub sum_duplicates: bool,
    /// Whether to compare names and tables as well.
    pub tables: bool,
    /// Memory for buffers.
    pub budget: Budget,
    /// Directory for temporary files; `None` is the one of the first input.
    pub temporary: Option<PathBuf>,
}

/// Result of a comparison.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Comparison {
    /// Paths of the elements compared, such as `X` and `obs`, in the order of the first input. A table is its names
    /// and columns.
    pub compared: Vec<String>,
    /// Number of entries compared, in the matrices of the first input.
    pub entries: u64,
    /// Number of differences.
    pub differences: u64,
    /// First differences (at most [`SHOWN`]), in the order of the elements; in a matrix, in the order of the second
    /// one.
    pub first: Vec<Difference>,
}

impl Comparison {
    /// Whether there is no difference.
    pub fn is_equal(&self) -> bool {
        self.differences == 0
    }
}

/// Serialises the fields after `equal`.
impl serde::Serialize for Comparison {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut out = to.serialize_struct("Comparison", 5)?;
        out.serialize_field("equal", &self.is_equal())?;
        out.serialize_field("compared", &self.compared)?;
        out.serialize_field("entries", &self.entries)?;
        out.serialize_field("differences", &self.differences)?;
        out.serialize_field("first", &self.first)?;
        out.end()
    }
}

/// One difference between the sides A and B.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Difference {
    /// A difference of a whole element, or of one value of a table or an array.
    Whole {
        /// Path of the element.
        element: String,
        /// Name of the property that differs, with the element.
        what: String,
        /// The property in A.
        a: String,
        /// The property in B.
        b: String,
    },
    /// A difference of one entry of a matrix.
    Entry {
        /// Path of the matrix.
        element: String,
        /// Row number.
        row: u64,
        /// Column number.
        column: u64,
        /// Name of the row, if there are tables.
        row_name: Option<String>,
        /// Name of the column, if there are tables.
        column_name: Option<String>,
        /// Value in A; `None` if the entry is not stored.
        #[serde(serialize_with = "report::text_of_some")]
        a: Option<Scalar>,
        /// Value in B; `None` if the entry is not stored.
        #[serde(serialize_with = "report::text_of_some")]
        b: Option<Scalar>,
    },
}

/// Maximum number of differences kept in a [`Comparison`].
pub const SHOWN: usize = 10;

impl Comparison {
    /// Adds a difference of `element`: in `what`, or in the element itself if that is empty.
    fn whole(&mut self, element: &str, what: &str, a: impl ToString, b: impl ToString) {
        self.differences += 1;
        if self.first.len() < SHOWN {
            let what = format!("{element} {what}").trim_end().to_owned();
            let (a, b) = (a.to_string(), b.to_string());
            self.first.push(Difference::Whole { element: element.to_owned(), what, a, b });
        }
    }
}

/// Compares a matrix of `a` with one of `b`, or all elements, on all threads of the current rayon pool.
///
/// # Errors
/// Those of reading either side; `Limit` if the budget does not hold the longest line. Differences are not errors:
/// they are in the result.
pub fn compare(
    a: &Dataset,
    b: &Dataset,
    options: &VerifyOptions,
    observer: &dyn Observer,
) -> Result<Comparison> {
    let mut run = CompareRun { sides: [a, b], options, observer, found: Comparison::default() };
    match options.all {
        true => run.everything()?,
        false => run.matrix_and_tables()?,
    }
    Ok(run.found)
}

/// A comparison while it runs.
struct CompareRun<'r> {
    sides: [&'r Dataset; 2],
    options: &'r VerifyOptions,
    observer: &'r dyn Observer,
    found: Comparison,
}

/// Tables that name the rows and columns of a matrix.
type NamingTables = [Option<Arc<Frame>>; 2];

impl<'r> CompareRun<'r> {
    /// The budget of each side.
    fn half(&self) -> Budget {
        Budget::new(self.options.budget.bytes / 2)
    }

    /// Compares one matrix of each side, and the tables of its rows and columns.
    fn matrix_and_tables(&mut self) -> Result<()> {
        let [name_a, name_b] = &self.options.matrices;
        let [a, b] = self.sides;
        let open = |side: &'r Dataset, name: &str| {
            side.matrix(name, self.half(), self.observer).map_err(matrices::of_half)
        };
        let (left, right) = (open(a, name_a)?, open(b, name_b)?);
        self.found.compared.push(name_a.clone());
        if !self.same_form(name_a, [&left, &right]) {
            return Ok(());
        }
        let mut names = [None, None];
        if self.options.tables {
            let shape = left.layout().shape();
            let frames_a = a.frames(name_a, shape, self.observer)?;
            let frames_b = b.frames(name_b, shape, self.observer)?;
            if let (Some(x), Some(y)) = (&frames_a, &frames_b) {
                for (axis, table) in tables_of(name_a).into_iter().enumerate() {
                    let Some(table) = table.filter(|table| !self.found.compared.contains(table)) else {
                        continue;
                    };
                    tables::compare(&table, &x[axis], &y[axis], &mut self.found)?;
                    self.found.compared.push(table);
                }
            }
            if let Some(frames) = frames_a.or(frames_b) {
                names = frames.map(Some);
            }
        }
        self.entries(name_a, [&left, &right], names)
    }
}

/// Paths of the tables of the rows and columns of a matrix; `None` where there is none.
fn tables_of(matrix: &str) -> [Option<String>; 2] {
    let (modality, inner) = match matrix.strip_prefix("mod/").and_then(|n| n.split_once('/')) {
        Some((name, inner)) => (format!("mod/{name}/"), inner),
        None => (String::new(), matrix),
    };
    let path = |dimension: Dimension, otherwise: Option<&str>| match dimension {
        Dimension::Axis(axis) => Some(format!("{modality}{}", axis.name())),
        Dimension::RawVar => Some(format!("{modality}raw/var")),
        Dimension::Own => otherwise.map(str::to_owned),
    };
    match dimensions_of(inner) {
        // the matrix of another format: one of a genome, or of loom
        [Dimension::Own, Dimension::Own] => ["obs", "var"].map(|name| path(Dimension::Own, Some(name))),
        both => both.map(|dimension| path(dimension, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every element of every modality, and those of all cells.
    #[cfg(feature = "write")]
    #[test]
    fn mudata_element_by_element() {
        use crate::anndata::tests::{at, bytes, write_mudata};
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, counts: u8, embedding: u8| {
            let path = dir.path().join(name);
            write_mudata(&path, |w| {
                for modality in ["rna", "atac"] {
                    let root = at("mod").child(modality);
                    w.raw_array(&format!("mod/{modality}/X"), &bytes(&[2, 1], &[7, 8]))?;
                    w.raw_array(&format!("mod/{modality}/layers/n"), &bytes(&[2, 1], &[counts, 8]))?;
                    w.dict(&root.child("layers"))?;
                    w.frame(&root.child("obs"), &Frame::unnamed(2))?;
                    w.frame(&root.child("var"), &Frame::unnamed(1))?;
                    w.raw_group(&format!("mod/{modality}"), &[("encoding-type", "anndata")])?;
                }
                w.raw_group("mod", &[])?;
                w.raw_array("obsm/X_wnn", &bytes(&[2, 1], &[embedding, 2]))?;
                w.raw_array("obsmap/rna", &bytes(&[2], &[1, 2]))?;
                w.dict(&at("obsm"))?;
                w.dict(&at("obsmap"))?;
                w.frame(&at("obs"), &Frame::unnamed(2))?;
                w.frame(&at("var"), &Frame::unnamed(2))
            });
            Dataset::open(path).unwrap()
        };
        let options = VerifyOptions {
            matrices: ["X".into(), "X".into()],
            all: true,
            numeric: false,
            sum_duplicates: false,
            tables: true,
            budget: Budget::new(64 << 20),
            temporary: None,
        };
        let of = |a: &Dataset, b: &Dataset| {
            let found = compare(a, b, &options, &()).unwrap();
            let elements = found.first.iter().map(|d| match d {
                Difference::Whole { element, .. } | Difference::Entry { element, .. } => element.clone(),
            });
            (found.compared.clone(), elements.collect::<Vec<String>>())
        };
        let a = write("a.h5mu", 1, 1);
        let (compared, none) = of(&a, &write("b.h5mu", 1, 1));
        assert!(none.is_empty(), "{none:?}");
        for path in ["mod/rna/X", "mod/atac/layers/n", "mod/rna/obs", "obs", "obsm/X_wnn", "obsmap/rna"] {
            assert!(compared.iter().any(|known| known == path), "{path}: {compared:?}");
        }
        let (_, different) = of(&a, &write("c.h5mu", 2, 3));
        assert_eq!(different, ["mod/atac/layers/n", "mod/rna/layers/n", "obsm/X_wnn"]);
    }

    #[test]
    fn tables_by_the_path_of_a_matrix() {
        let of = |matrix: &str| tables_of(matrix).map(Option::unwrap_or_default);
        assert_eq!(of("X"), ["obs", "var"]);
        assert_eq!(of("mod/rna/layers/counts"), ["mod/rna/obs", "mod/rna/var"]);
        assert_eq!(of("raw/X"), ["obs", "raw/var"]);
        assert_eq!(of("obsp/distances"), ["obs", "obs"]);
        assert_eq!(of("varm/PCs"), ["var", ""]);
        assert_eq!(of("GRCh38"), ["obs", "var"]);
    }
}
