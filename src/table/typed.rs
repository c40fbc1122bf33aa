//! Columns as vectors of a Rust type.

use super::column::{Categorical, Column};
use crate::dtype::{Dtype, Element, Policy, cast};
use crate::error::{Error, Result};

impl Column {
    /// All values converted exactly to `T`: an int64 5 becomes the `f32` 5.0, while 300 does not fit a `u8`.
    /// Bools become 0 and 1.
    ///
    /// # Errors
    /// `Usage` if the column does not hold numbers ("expected numbers, got category"), or if a value is
    /// missing or does not fit, with its row.
    pub fn values<T: Element>(&self) -> Result<Vec<T>> {
        let (dtype, bytes) = match self {
            Column::Numbers { dtype, bytes } | Column::Nullable { dtype, bytes, .. } => (*dtype, bytes),
            other => return Err(Error::usage(format!("expected numbers, got {}", other.type_name()))),
        };
        if let Some(row) = (0..self.len()).find(|row| self.is_missing(*row)) {
            return Err(Error::usage(format!("expected a value in each row, got none in row {row}")));
        }
        let mut out = vec![<T as bytemuck::Zeroable>::zeroed(); self.len()];
        let bytes = bytes.get(..out.len() * dtype.size()).unwrap_or_default();
        cast(dtype, bytes, T::DTYPE, bytemuck::cast_slice_mut(&mut out), Policy::Exact).map_err(|row| {
            let value = self.text(row).ok().flatten().unwrap_or_default();
            Error::usage(format!("expected {} in each row, got {value} in row {row}", T::DTYPE))
        })?;
        Ok(out)
    }

    /// The rows whose value satisfies `condition`, ascending, as a [`Selection`](crate::matrix::Selection)
    /// takes them.
    ///
    /// # Errors
    /// Same as [`values`](Self::values).
    pub fn positions<T: Element>(&self, condition: impl Fn(T) -> bool) -> Result<Vec<u64>> {
        let values = self.values::<T>()?;
        Ok((0u64..).zip(values).filter(|(_, v)| condition(*v)).map(|(row, _)| row).collect())
    }

    /// The codes and labels of a categorical column.
    ///
    /// # Errors
    /// `Usage` if the column has another type: "expected category, got int64".
    pub fn categorical(&self) -> Result<&Categorical> {
        match self {
            Column::Categorical(c) => Ok(c),
            other => Err(Error::usage(format!("expected category, got {}", other.type_name()))),
        }
    }

    /// The type of the numbers; `None` for text and labels.
    pub fn dtype(&self) -> Option<Dtype> {
        match self {
            Column::Numbers { dtype, .. } | Column::Nullable { dtype, .. } => Some(*dtype),
            _ => None,
        }
    }
}

impl Categorical {
    /// The label of a row as text; `None` if missing.
    ///
    /// # Errors
    /// `Usage` if the row is past the end; `Malformed` if the label is not UTF-8.
    pub fn label(&self, row: u64) -> Result<Option<String>> {
        match usize::try_from(self.code_of(row)?) {
            Ok(code) => self.categories().text(code),
            Err(_) => Ok(None),
        }
    }

    /// Each label with its number of rows, in the order of the categories.
    ///
    /// # Errors
    /// `Malformed` if a label is not UTF-8.
    pub fn counts(&self) -> Result<Vec<(String, u64)>> {
        let mut counts = vec![0; self.categories().len()];
        for code in self.codes().iter().filter_map(|c| usize::try_from(*c).ok()) {
            if let Some(n) = counts.get_mut(code) {
                *n += 1;
            }
        }
        let text = |(i, n)| Ok((self.categories().text(i)?.unwrap_or_default(), n));
        counts.into_iter().enumerate().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::strings::Strings;
    use crate::table::Frame;
    use proptest::prelude::*;

    fn counts() -> Column {
        let bytes = [5i64, -1, 300].iter().flat_map(|v| v.to_le_bytes()).collect();
        Column::Numbers { dtype: Dtype::Int64, bytes }
    }

    fn labels(codes: &[i64]) -> Column {
        let labels = Column::Strings(["B", "T"].iter().collect());
        Column::Categorical(Categorical::new(codes, labels, false).unwrap())
    }

    #[test]
    fn numbers_come_exactly_or_not_at_all() {
        assert_eq!(counts().values::<f32>().unwrap(), [5.0, -1.0, 300.0]);
        assert_eq!(counts().positions(|n: i64| n > 2).unwrap(), [0, 2]);
        let e = counts().values::<u8>().unwrap_err();
        assert_eq!((e.kind(), e.message()), (Kind::Usage, "expected uint8 in each row, got -1 in row 1"));
        let e = labels(&[0]).values::<u8>().unwrap_err();
        assert_eq!(e.message(), "expected numbers, got category");
        let gaps = Column::Nullable { dtype: Dtype::Uint8, bytes: vec![1, 2], missing: vec![false, true] };
        assert!(gaps.values::<u8>().unwrap_err().message().ends_with("got none in row 1"));
    }

    #[test]
    fn labels_are_counted() {
        let column = labels(&[1, -1, 1, 0, 1]);
        let c = column.categorical().unwrap();
        assert_eq!(c.counts().unwrap(), [("B".to_owned(), 1), ("T".to_owned(), 3)]);
        assert_eq!((c.label(0).unwrap().as_deref(), c.label(1).unwrap()), (Some("T"), None));
        assert_eq!(counts().categorical().unwrap_err().message(), "expected category, got int64");
    }

    /// Columns of each type, some with parts of unequal length, since their fields are public.
    fn columns() -> impl Strategy<Value = Column> {
        let texts =
            || proptest::collection::vec("[a-c]{0,2}", 0..5).prop_map(|t| t.iter().collect::<Strings>());
        let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
        let flags = || proptest::collection::vec(any::<bool>(), 0..6);
        let dtype =
            || proptest::sample::select(vec![Dtype::Bool, Dtype::Int8, Dtype::Uint16, Dtype::Float64]);
        prop_oneof![
            (dtype(), bytes()).prop_map(|(dtype, bytes)| Column::Numbers { dtype, bytes }),
            (dtype(), bytes(), flags()).prop_map(|(dtype, bytes, missing)| Column::Nullable {
                dtype,
                bytes,
                missing
            }),
            texts().prop_map(Column::Strings),
            (texts(), flags()).prop_map(|(values, missing)| Column::NullableStrings { values, missing }),
            proptest::collection::vec(-1i64..2, 0..5).prop_map(|codes| labels(&codes)),
        ]
    }

    proptest! {
        /// Every method that takes a row returns a value or an error inside, `Usage` past the end, and never
        /// panics.
        #[test]
        fn no_call_with_a_row_past_the_end_panics_or_answers(column in columns(), past in 0u64..1 << 40) {
            let rows = column.len() as u64;
            let row = rows + past;
            let refused = |e: Error| e.kind() == Kind::Usage;
            prop_assert!(refused(column.text(row as usize).unwrap_err()));
            prop_assert!(refused(column.select(&[row]).unwrap_err()));
            prop_assert!(refused(column.align(&[None, Some(row)]).unwrap_err()));
            if let Column::Categorical(c) = &column {
                prop_assert!(refused(c.select(&[row]).unwrap_err()) && refused(c.label(row).unwrap_err()));
                prop_assert!(c.counts().is_ok() && c.without_unused().is_ok());
            }
            if let Column::Strings(s) = &column {
                prop_assert!(refused(s.utf8(row as usize).unwrap_err()));
                prop_assert!(s.lossy(row as usize).is_none() && s.bytes(row as usize).is_none());
            }
            let all: Vec<u64> = (0..rows).collect();
            let same = column.select(&all).unwrap();
            prop_assert_eq!(same.len(), column.len());
            let _ = (column.values::<f32>(), column.values::<u8>(), column.to_strings(), column.same(&same));
            let _ = column.clone().strings_to_categorical();
            let index: Strings = all.iter().map(u64::to_string).collect();
            let frame = Frame::new(None, index, vec![("c".into(), column)]).unwrap();
            prop_assert!(refused(frame.select(&[row]).unwrap_err()));
            prop_assert!(refused(frame.align(&[Some(row)], ["x"].iter().collect()).unwrap_err()));
            prop_assert!(frame.column("d").is_none());
        }
    }
}
