//! Compares two matrices entry for entry.
//!
//! Either may be a file or a store, in either layout: if the layouts differ, one side is transposed first.
//! Values are compared by their bits. The order within a line does not matter; duplicates are compared
//! without adding them up. Shapes, names and tables are compared too. To check a single store, see
//! [`Store::check`](crate::store::Store::check).

mod entries;
mod tables;

use crate::dataset::Dataset;
use crate::dtype::Scalar;
use crate::error::{Place, Result};
use crate::matrix::{Budget, Edit, Edited, Source};
use crate::observe::{Observer, Phase, Verb};
use crate::report;
use crate::transpose;
use entries::ComparedEntries;
use serde::ser::SerializeStruct;
use std::path::PathBuf;

/// Options of a comparison.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Path of the matrix in each input, such as `X`.
    pub matrices: [String; 2],
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
    /// Number of entries compared, in the first matrix.
    pub entries: u64,
    /// Number of differences.
    pub differences: u64,
    /// First differences (at most [`SHOWN`]), in the order of the second matrix.
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
        let mut out = to.serialize_struct("Comparison", 4)?;
        out.serialize_field("equal", &self.is_equal())?;
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
    /// A difference of the whole matrix or of a table.
    Whole {
        /// Name of the property that differs.
        what: String,
        /// The property in A.
        a: String,
        /// The property in B.
        b: String,
    },
    /// A difference of one entry.
    Entry {
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
    fn whole(&mut self, what: impl Into<String>, a: impl ToString, b: impl ToString) {
        self.differences += 1;
        if self.first.len() < SHOWN {
            self.first.push(Difference::Whole { what: what.into(), a: a.to_string(), b: b.to_string() });
        }
    }
}

/// Compares a matrix of `a` with one of `b`, on all threads of the current rayon pool.
///
/// # Errors
/// Those of reading either side; `Limit` if the budget does not hold the longest line. Differences are not
/// errors: they are in the result.
pub fn compare(
    a: &Dataset,
    b: &Dataset,
    options: &VerifyOptions,
    observer: &dyn Observer,
) -> Result<Comparison> {
    let budget = options.budget;
    let (left, right) = (
        a.matrix(&options.matrices[0], budget, observer)?,
        b.matrix(&options.matrices[1], budget, observer)?,
    );
    let (mut left, mut right): (&dyn Source, &dyn Source) = (&left, &right);
    let mut found = Comparison { entries: left.layout().entries, ..Comparison::default() };
    let (shape_a, shape_b) = (left.layout().shape(), right.layout().shape());
    if shape_a != shape_b {
        found.whole("shape", format!("{shape_a:?}"), format!("{shape_b:?}"));
        return Ok(found);
    }
    let (dtype_a, dtype_b) = (left.layout().dtype, right.layout().dtype);
    if dtype_a != dtype_b && !options.numeric {
        found.whole("value type (values can be compared as numbers)", dtype_a, dtype_b);
        return Ok(found);
    }
    let mut names = [None, None];
    if options.tables {
        let frames_a = a.frames(&options.matrices[0], shape_a, observer)?;
        let frames_b = b.frames(&options.matrices[1], shape_b, observer)?;
        if let (Some([obs_a, var_a]), Some([obs_b, var_b])) = (&frames_a, &frames_b) {
            tables::compare("obs", obs_a, obs_b, &mut found)?;
            tables::compare("var", var_a, var_b, &mut found)?;
        }
        if let Some([obs, var]) = frames_a.or(frames_b) {
            names = [Some(obs), Some(var)];
        }
    }
    let edit = Edit { sum_duplicates: options.sum_duplicates, ..Edit::default() };
    let (edited_a, edited_b);
    if !edit.is_none() {
        observer.phase(&Phase::new(Verb::Summing, 0));
        edited_a = Edited::new(left, edit, budget, observer).in_file(a.path())?;
        edited_b = Edited::new(right, edit, budget, observer).in_file(b.path())?;
        (left, right) = (&edited_a, &edited_b);
    }
    // Each side gets half of the budget.
    let half = Budget::new(budget.bytes / 2);
    let phase = |verb: Verb, s: &dyn Source| {
        let total = s.layout().bytes();
        observer.phase(&Phase::new(verb, total).of(&options.matrices[0]));
    };
    let entries = ComparedEntries::new(right, names, left.layout().dtype, half)?;
    if left.layout().orientation == right.layout().orientation {
        phase(Verb::Comparing, left);
        entries.compare_lines(left, half, observer).in_file(a.path())?;
    } else {
        let directory = options.temporary.as_deref().unwrap_or(transpose::beside(a.path()));
        phase(Verb::Reading, left);
        let partitions =
            transpose::partition(left, half, directory, observer, &|_| Ok(())).in_file(a.path())?;
        entries.lines_only_in_b(partitions.pointers())?;
        phase(Verb::Comparing, left);
        partitions.deliver(entries.sink(), observer)?;
    }
    entries.finish(&mut found);
    Ok(found)
}
