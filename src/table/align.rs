//! Aligns columns to other rows, some of which they may lack, and compares columns.

use super::column::{Categorical, Column};
use super::frame::Frame;
use super::natural::natural_order;
use super::select::{numbers, strings};
use crate::dtype::{Dtype, Policy, Scalar, cast, scalar_at};
use crate::error::Result;
use crate::strings::Strings;
use std::collections::HashMap;

/// Converts numbers to a type that holds all their values.
pub(super) fn as_dtype(from: Dtype, bytes: &[u8], to: Dtype) -> Vec<u8> {
    let mut out = vec![0; bytes.len() / from.size() * to.size()];
    // A promoted type holds every value, at most rounded.
    let _ = cast(from, bytes, to, &mut out, Policy::Round);
    out
}

impl Column {
    /// The values at `rows`, missing where a row is `None`. With missing rows, integers become float64 and
    /// bools nullable, as in pandas and anndata.
    ///
    /// # Errors
    /// `Usage` if the column does not have one of the rows.
    pub fn align(&self, rows: &[Option<u64>]) -> Result<Column> {
        rows.iter().flatten().try_for_each(|r| self.check_row(*r))?;
        let gaps = rows.contains(&None);
        let numbers = |dtype: Dtype, bytes: &[u8]| numbers(dtype, bytes, rows.iter().copied());
        let strings = |all: &Strings| strings(all, rows.iter().copied());
        let missing = || rows.iter().map(|r| r.is_none_or(|r| self.is_missing(r as usize))).collect();
        Ok(match self {
            Column::Numbers { dtype, bytes } if gaps && *dtype == Dtype::Bool => {
                Column::Nullable { dtype: *dtype, bytes: numbers(*dtype, bytes), missing: missing() }
            }
            Column::Numbers { dtype, bytes } if gaps && !dtype.is_float() => Column::Numbers {
                dtype: Dtype::Float64,
                bytes: numbers(Dtype::Float64, &as_dtype(*dtype, bytes, Dtype::Float64)),
            },
            Column::Numbers { dtype, bytes } => {
                Column::Numbers { dtype: *dtype, bytes: numbers(*dtype, bytes) }
            }
            Column::Nullable { dtype, bytes, .. } => {
                Column::Nullable { dtype: *dtype, bytes: numbers(*dtype, bytes), missing: missing() }
            }
            Column::Strings(s) if gaps => Column::NullableStrings { values: strings(s), missing: missing() },
            Column::Strings(s) => Column::Strings(strings(s)),
            Column::NullableStrings { values, .. } => {
                Column::NullableStrings { values: strings(values), missing: missing() }
            }
            Column::Categorical(c) => {
                let code = |r: &Option<u64>| r.map_or(Ok(-1), |r| c.code_of(r));
                let codes: Result<Vec<i64>> = rows.iter().map(code).collect();
                Column::Categorical(Categorical::new(&codes?, c.categories().clone(), c.ordered())?)
            }
        })
    }

    /// Whether both columns have the same type and values; missing values equal each other, and so do NaNs.
    /// Labels are compared by their text, and both columns must have the same labels.
    pub fn same(&self, other: &Column) -> bool {
        let alike = |dtype: Dtype, a: &[u8], b: &[u8], missing: &dyn Fn(usize) -> bool| {
            let equal = |i: usize| {
                missing(i)
                    || match (scalar_at(dtype, a, i), scalar_at(dtype, b, i)) {
                        (Some(x), Some(y)) => x == y || (x.as_f64().is_nan() && y.as_f64().is_nan()),
                        _ => false,
                    }
            };
            a.len() == b.len() && (0..a.len() / dtype.size()).all(equal)
        };
        match (self, other) {
            (Column::Numbers { dtype, bytes }, Column::Numbers { dtype: d, bytes: b }) => {
                dtype == d && alike(*dtype, bytes, b, &|_| false)
            }
            (
                Column::Nullable { dtype, bytes, missing },
                Column::Nullable { dtype: d, bytes: b, missing: m },
            ) => dtype == d && missing == m && alike(*dtype, bytes, b, &|i| self.is_missing(i)),
            (Column::Categorical(a), Column::Categorical(b)) => a.same(b),
            (Column::Strings(a), Column::Strings(b)) => a == b,
            (
                Column::NullableStrings { values, missing },
                Column::NullableStrings { values: v, missing: m },
            ) => {
                missing == m
                    && (0..values.len().max(v.len()))
                        .all(|i| self.is_missing(i) || values.bytes(i) == v.bytes(i))
            }
            _ => false,
        }
    }

    /// Turns text with missing or repeated values into labels in natural order, as anndata does when writing;
    /// returns any other column unchanged.
    ///
    /// # Errors
    /// No string causes an error.
    pub fn strings_to_categorical(self) -> Result<Column> {
        let (Column::Strings(values) | Column::NullableStrings { values, .. }) = &self else {
            return Ok(self);
        };
        let there = |row: &usize| !self.is_missing(*row);
        let mut labels: Vec<&[u8]> =
            (0..values.len()).filter(there).filter_map(|r| values.bytes(r)).collect();
        labels.sort_unstable();
        labels.dedup();
        if labels.len() >= values.len() {
            return Ok(self);
        }
        labels.sort_by(|a, b| natural_order(a, b));
        let places: HashMap<&[u8], i64> = labels.iter().copied().zip(0i64..).collect();
        let code = |r: usize| values.bytes(r).filter(|_| there(&r)).and_then(|l| places.get(l)).copied();
        let codes: Vec<i64> = (0..values.len()).map(|r| code(r).unwrap_or(-1)).collect();
        let labels = Column::Strings(labels.into_iter().collect());
        Ok(Column::Categorical(Categorical::new(&codes, labels, false)?))
    }
}

/// A label as text that is equal for equal numbers of all types.
fn label(labels: &Column, i: usize) -> Option<String> {
    let Column::Numbers { dtype, bytes } = labels else { return labels.text(i).ok().flatten() };
    Some(match scalar_at(*dtype, bytes, i)? {
        Scalar::Float(v, _) if v.fract() == 0.0 && v.abs() < 1e18 => (v as i64).to_string(),
        Scalar::Float(v, _) => format!("{v:?}"),
        other => other.to_string(),
    })
}

impl Categorical {
    /// For each label of `other`, its code here; `None` if there is no such label or the labels have another
    /// kind. Numbers of different types are the same label if they are equal.
    pub(super) fn places_of(&self, other: &Categorical) -> Vec<Option<i64>> {
        let alike = std::mem::discriminant(self.categories()) == std::mem::discriminant(other.categories());
        let here: HashMap<Option<String>, i64> =
            (0i64..).zip(0..self.categories().len()).map(|(n, i)| (label(self.categories(), i), n)).collect();
        (0..other.categories().len())
            .map(|i| here.get(&label(other.categories(), i)).copied().filter(|_| alike))
            .collect()
    }

    /// Same as [`Column::same`].
    fn same(&self, other: &Categorical) -> bool {
        let n = self.categories().len();
        let places = self.places_of(other);
        let code = |c: i32| if c < 0 { Some(-1) } else { places[c as usize] };
        self.ordered() == other.ordered()
            && self.categories().dtype() == other.categories().dtype()
            && n == places.len()
            && (0i64..).zip(&places).all(|(i, p)| p.is_some_and(|p| !self.ordered() || p == i))
            && self.codes().len() == other.codes().len()
            && self.codes().iter().zip(other.codes()).all(|(a, b)| Some(i64::from(*a)) == code(*b))
    }
}

impl Frame {
    /// Like [`Column::align`], for every column; `index` gives the names of the new rows.
    ///
    /// # Errors
    /// Same as [`Column::align`]; `Malformed` if `index` does not have one name per row.
    pub fn align(&self, rows: &[Option<u64>], index: Strings) -> Result<Frame> {
        let columns: Result<Vec<_>> =
            self.columns().iter().map(|(n, c)| Ok((n.clone(), c.align(rows)?))).collect();
        Frame::new(self.index_name().map(str::to_owned), index, columns?)
    }

    /// Whether both frames have the same index and the same columns in the same order.
    pub fn same(&self, other: &Frame) -> bool {
        self.same_index(other)
            && self.columns().len() == other.columns().len()
            && self.columns().iter().zip(other.columns()).all(|((n, c), (m, d))| n == m && c.same(d))
    }

    /// Applies [`Column::strings_to_categorical`] to each column.
    ///
    /// # Errors
    /// Same as [`Column::strings_to_categorical`].
    pub fn strings_to_categoricals(self) -> Result<Frame> {
        self.map(|_, column| column.strings_to_categorical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_not_there() {
        let rows = [Some(1), None, Some(0)];
        let n = Column::Numbers { dtype: Dtype::Int16, bytes: vec![7, 0, 8, 0] };
        let Column::Numbers { dtype, bytes } = n.align(&rows).unwrap() else { panic!() };
        let doubles: Vec<f64> = bytes.chunks(8).map(|c| f64::from_le_bytes(c.try_into().unwrap())).collect();
        assert_eq!((dtype, doubles[0], doubles[2]), (Dtype::Float64, 8.0, 7.0));
        assert!(doubles[1].is_nan());
        let b = Column::Numbers { dtype: Dtype::Bool, bytes: vec![1, 0] };
        let want =
            Column::Nullable { dtype: Dtype::Bool, bytes: vec![0, 0, 1], missing: vec![false, true, false] };
        assert!(b.align(&rows).unwrap().same(&want));
        assert_eq!(n.align(&[Some(1)]).unwrap(), Column::Numbers { dtype: Dtype::Int16, bytes: vec![8, 0] });
    }

    #[test]
    fn the_same_by_meaning() {
        let labels = |l: &[&str]| Column::Strings(l.iter().copied().collect());
        let c = |codes: &[i64], l: &[&str], ordered| {
            Column::Categorical(Categorical::new(codes, labels(l), ordered).unwrap())
        };
        assert!(c(&[0, 1, -1], &["a", "b"], false).same(&c(&[1, 0, -1], &["b", "a"], false)));
        assert!(!c(&[0, 1], &["a", "b"], true).same(&c(&[1, 0], &["b", "a"], true)));
        assert!(!c(&[0], &["a", "b"], false).same(&c(&[0], &["a"], false)));
        let nan = |v: f32| Column::Numbers { dtype: Dtype::Float32, bytes: v.to_le_bytes().to_vec() };
        assert!(
            nan(f32::NAN).same(&nan(-f32::NAN)) && nan(0.0).same(&nan(-0.0)) && !nan(0.0).same(&nan(1.0))
        );
    }

    #[test]
    fn strings_that_repeat_become_labels() {
        let s = |l: &[&str]| Column::Strings(l.iter().copied().collect());
        assert_eq!(s(&["b", "a"]).strings_to_categorical().unwrap(), s(&["b", "a"]));
        let Column::Categorical(c) = s(&["c10", "c9", "c10"]).strings_to_categorical().unwrap() else {
            panic!()
        };
        assert_eq!((c.codes(), c.categories()), (&[1, 0, 1][..], &s(&["c9", "c10"])));
    }
}
