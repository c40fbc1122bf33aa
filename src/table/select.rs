//! Selects rows of columns and frames, in any order.

use super::column::{Categorical, Column};
use super::frame::Frame;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::strings::Strings;

/// The numbers of `dtype` at `rows`; NaN or zero where a row is `None`.
pub(super) fn numbers(dtype: Dtype, bytes: &[u8], rows: impl Iterator<Item = Option<u64>>) -> Vec<u8> {
    let (size, absent) = (dtype.size(), dtype.missing());
    let mut out = Vec::with_capacity(rows.size_hint().0 * size);
    let value = |row: u64| {
        let from = usize::try_from(row).ok()?.checked_mul(size)?;
        bytes.get(from..from.checked_add(size)?)
    };
    rows.for_each(|row| out.extend(row.and_then(value).unwrap_or(&absent[..])));
    out
}

/// The texts at `rows`; empty where a row is `None`.
pub(super) fn strings(all: &Strings, rows: impl Iterator<Item = Option<u64>>) -> Strings {
    let mut out = Strings::new();
    rows.for_each(|r| out.push(r.and_then(|r| all.bytes(r as usize)).unwrap_or_default()));
    out
}

/// Wraps each row in `Some`.
fn there(rows: &[u64]) -> impl Iterator<Item = Option<u64>> {
    rows.iter().copied().map(Some)
}

impl Column {
    /// The values at `rows`, in this order; a row may be repeated.
    ///
    /// # Errors
    /// `Usage` if a row does not exist.
    pub fn select(&self, rows: &[u64]) -> Result<Column> {
        rows.iter().try_for_each(|r| self.check_row(*r))?;
        let masked = || rows.iter().map(|r| self.is_missing(*r as usize)).collect();
        Ok(match self {
            Column::Numbers { dtype, bytes } => {
                Column::Numbers { dtype: *dtype, bytes: numbers(*dtype, bytes, there(rows)) }
            }
            Column::Nullable { dtype, bytes, .. } => Column::Nullable {
                dtype: *dtype,
                bytes: numbers(*dtype, bytes, there(rows)),
                missing: masked(),
            },
            Column::Strings(s) => Column::Strings(strings(s, there(rows))),
            Column::NullableStrings { values, .. } => {
                Column::NullableStrings { values: strings(values, there(rows)), missing: masked() }
            }
            Column::Categorical(c) => Column::Categorical(c.select(rows)?),
        })
    }
}

impl Categorical {
    /// The codes at `rows`, in this order; all labels are kept.
    ///
    /// # Errors
    /// `Usage` if a row does not exist.
    pub fn select(&self, rows: &[u64]) -> Result<Categorical> {
        let codes: Result<Vec<i32>> = rows.iter().map(|r| self.code_of(*r).map(|c| c as i32)).collect();
        Ok(self.with_codes(codes?))
    }

    /// The code of a row.
    pub(super) fn code_of(&self, row: u64) -> Result<i64> {
        let code = usize::try_from(row).ok().and_then(|r| self.codes().get(r));
        code.map(|c| i64::from(*c)).ok_or_else(|| {
            let rows = self.codes().len();
            Error::usage(format!("there is no row {row} in the column (there are {rows})"))
        })
    }

    /// Removes the labels that no row has; also returns the codes of the labels that are kept.
    ///
    /// # Errors
    /// The codes of a valid categorical cause no error.
    pub fn without_unused(&self) -> Result<(Categorical, Vec<u64>)> {
        let mut used = vec![false; self.categories().len()];
        self.codes().iter().filter(|c| **c >= 0).for_each(|c| used[*c as usize] = true);
        let left: Vec<u64> = (0u64..).zip(&used).filter(|(_, u)| **u).map(|(i, _)| i).collect();
        let mut new = vec![-1i64; used.len()];
        (0i64..).zip(&left).for_each(|(n, old)| new[*old as usize] = n);
        let codes: Vec<i64> =
            self.codes().iter().map(|c| if *c < 0 { -1 } else { new[*c as usize] }).collect();
        Ok((Categorical::new(&codes, self.categories().select(&left)?, self.ordered())?, left))
    }
}

impl Frame {
    /// The given rows, in this order; a row may be repeated.
    ///
    /// # Errors
    /// `Usage` if a row does not exist.
    pub fn select(&self, rows: &[u64]) -> Result<Frame> {
        if let Some(r) = rows.iter().find(|r| **r >= self.rows() as u64) {
            return Err(Error::usage(format!(
                "there is no row {r} in the table (there are {})",
                self.rows()
            )));
        }
        let columns: Result<Vec<_>> =
            self.columns().iter().map(|(n, c)| Ok((n.clone(), c.select(rows)?))).collect();
        Frame::new(self.index_name().map(str::to_owned), self.names_of(rows), columns?)
    }

    /// Removes from each categorical column the labels that no row has. Calls `kept` for each of these columns,
    /// with its name, its previous number of labels, and the codes of the labels that are kept.
    ///
    /// # Errors
    /// Same as [`Categorical::without_unused`].
    pub fn without_unused(self, kept: &mut dyn FnMut(&str, usize, &[u64])) -> Result<Frame> {
        self.map(|name, column| {
            let Column::Categorical(c) = column else { return Ok(column) };
            let (less, left) = c.without_unused()?;
            kept(name, c.categories().len(), &left);
            Ok(Column::Categorical(less))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_any_order_and_unused_labels_gone() {
        let labels = Column::Strings(["a", "b", "c"].iter().collect());
        let c = Column::Categorical(Categorical::new(&[0, 2, -1, 1], labels, true).unwrap());
        let n = Column::Numbers { dtype: Dtype::Int16, bytes: vec![1, 0, 2, 0, 3, 0, 4, 0] };
        let f =
            Frame::new(None, ["w", "x", "y", "z"].iter().collect(), vec![("c".into(), c), ("n".into(), n)])
                .unwrap();
        let f = f.select(&[2, 1, 1]).unwrap();
        let mut told = Vec::new();
        let f = f
            .without_unused(&mut |name, had, left| told.push((name.to_owned(), had, left.to_vec())))
            .unwrap();
        assert_eq!(told, [("c".to_owned(), 3, vec![2])]);
        assert_eq!(f.index().utf8(1).unwrap(), "x");
        assert!(matches!(f.column("n"), Some(Column::Numbers { bytes, .. }) if bytes == &[3, 0, 2, 0, 2, 0]));
        let Some(Column::Categorical(c)) = f.column("c") else { panic!() };
        assert_eq!((c.codes(), c.categories().len(), c.ordered()), (&[-1, 0, 0][..], 1, true));
    }
}
