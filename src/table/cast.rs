//! Converts a column to a type asked for.

use super::column::{Categorical, Column};
use crate::dtype::{Dtype, Policy, Scalar, cast, scalar_at};
use crate::error::{Error, Result};
use crate::strings::Strings;
use std::str::FromStr;

/// A type to which [`Column::cast`] converts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Numbers of this type, or bools; nullable where an integer or a bool is missing.
    Numbers(Dtype),
    /// Text; nullable where a value is missing.
    Strings,
    /// A categorical, whose labels are the values that occur.
    Category,
}

impl FromStr for ColumnType {
    type Err = Error;

    /// The type of this name: a full numpy name, `string` or `category`.
    fn from_str(name: &str) -> Result<ColumnType> {
        match name {
            "string" => Ok(ColumnType::Strings),
            "category" => Ok(ColumnType::Category),
            name => Dtype::from_name(name)
                .map(ColumnType::Numbers)
                .map_err(|e| Error::usage(format!("{}, or string, or category", e.message()))),
        }
    }
}

impl Column {
    /// The column as `to`. Missing values stay missing, and NaN becomes missing where the type has no NaN.
    ///
    /// # Errors
    /// `Usage` if a value is not exactly one of the new type, with its row; `Malformed` if text is not UTF-8.
    pub fn cast(&self, to: ColumnType) -> Result<Column> {
        self.cast_from(to, 0)
    }

    /// As [`cast`](Self::cast), of rows of which the first is row number `first` of a longer column.
    pub(super) fn cast_from(&self, to: ColumnType, first: u64) -> Result<Column> {
        match to {
            ColumnType::Numbers(dtype) => self.to_numbers(dtype, first),
            ColumnType::Strings => self.to_text(),
            ColumnType::Category => self.to_category(),
        }
    }

    /// Whether the value of a row is missing or NaN.
    pub(super) fn is_void(&self, row: usize) -> bool {
        match self {
            Column::Numbers { dtype, bytes } if dtype.is_float() => {
                scalar_at(*dtype, bytes, row).is_some_and(|v| v.as_f64().is_nan())
            }
            other => other.is_missing(row),
        }
    }

    fn to_text(&self) -> Result<Column> {
        if let Column::Strings(_) = self {
            return Ok(self.clone());
        }
        let (mut values, mut missing) = (Strings::new(), Vec::with_capacity(self.len()));
        for row in 0..self.len() {
            let text = if self.is_void(row) { None } else { self.text(row)? };
            values.push(text.as_deref().unwrap_or_default().as_bytes());
            missing.push(text.is_none());
        }
        Ok(match missing.contains(&true) {
            true => Column::NullableStrings { values, missing },
            false => Column::Strings(values),
        })
    }

    fn to_numbers(&self, to: Dtype, first: u64) -> Result<Column> {
        let mut bytes = Vec::with_capacity(self.len() * to.size());
        let mut missing = Vec::with_capacity(self.len());
        for row in 0..self.len() {
            let void = self.is_void(row);
            missing.push(void);
            bytes.extend(if void { to.missing() } else { self.number(row, to, first)? });
        }
        Ok(match missing.contains(&true) && !to.is_float() {
            true => Column::Nullable { dtype: to, bytes, missing },
            false => Column::Numbers { dtype: to, bytes },
        })
    }

    /// The bytes of the value of `row` as `to`; for messages, row 0 is row number `first`.
    fn number(&self, row: usize, to: Dtype, first: u64) -> Result<Vec<u8>> {
        let at = first + row as u64;
        let refused =
            |value: String| Error::usage(format!("expected {to} in each row, got {value} in row {at}"));
        let (labelled, place) = match self {
            Column::Categorical(c) => (c.categories(), usize::try_from(c.codes()[row]).unwrap_or(row)),
            other => (other, row),
        };
        let mut out = vec![0; to.size()];
        match labelled {
            Column::Numbers { dtype, bytes } | Column::Nullable { dtype, bytes, .. } => {
                let one = &bytes[place * dtype.size()..][..dtype.size()];
                let shown = |_| refused(self.text(row).ok().flatten().unwrap_or_default());
                cast(*dtype, one, to, &mut out, Policy::Exact).map_err(shown)?;
            }
            _ => {
                let text = self.text(row)?.unwrap_or_default();
                let parsed = parsed(&text).ok_or_else(|| refused(format!("'{text}'")))?;
                let (from, one) = match parsed {
                    Scalar::Bool(v) => (Dtype::Bool, vec![u8::from(v)]),
                    Scalar::Int(v) if v < 0 => (Dtype::Int64, (v as i64).to_le_bytes().to_vec()),
                    Scalar::Int(v) => (Dtype::Uint64, (v as u64).to_le_bytes().to_vec()),
                    Scalar::Float(v, _) => (Dtype::Float64, v.to_le_bytes().to_vec()),
                };
                // decimals such as 0.1 have no exact form in any float type
                let policy = if to.is_float() { Policy::Round } else { Policy::Exact };
                cast(from, &one, to, &mut out, policy).map_err(|_| refused(format!("'{text}'")))?;
            }
        }
        Ok(out)
    }

    fn to_category(&self) -> Result<Column> {
        if let Column::Categorical(_) = self {
            return Ok(self.clone());
        }
        let there: Vec<u64> = (0..self.len()).filter(|r| !self.is_void(*r)).map(|r| r as u64).collect();
        let values = match self.select(&there)? {
            Column::Nullable { dtype, bytes, .. } => Column::Numbers { dtype, bytes },
            Column::NullableStrings { values, .. } => Column::Strings(values),
            other => other,
        };
        let each = Categorical::new(&(0..there.len() as i64).collect::<Vec<_>>(), values, false)?;
        let labels = each.distinct()?;
        let places = labels.places_of(&each);
        let mut codes = vec![-1; self.len()];
        for (row, place) in there.iter().zip(places) {
            codes[*row as usize] = place.unwrap_or(-1);
        }
        Ok(Column::Categorical(Categorical::new(&codes, labels.categories().clone(), false)?))
    }
}

/// The number that a text is, as Python writes it; 64-bit integers, floats and bools.
fn parsed(text: &str) -> Option<Scalar> {
    match text {
        "True" | "true" => return Some(Scalar::Bool(true)),
        "False" | "false" => return Some(Scalar::Bool(false)),
        _ => {}
    }
    let integer = text.parse::<i64>().map(i128::from).or_else(|_| text.parse::<u64>().map(i128::from));
    if let Ok(v) = integer {
        return Some(Scalar::Int(v));
    }
    text.parse::<f64>().ok().map(|v| Scalar::Float(v, Dtype::Float64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(l: &[&str]) -> Column {
        Column::Strings(l.iter().copied().collect())
    }

    fn floats(v: &[f64]) -> Column {
        Column::Numbers { dtype: Dtype::Float64, bytes: v.iter().flat_map(|x| x.to_le_bytes()).collect() }
    }

    fn to(name: &str) -> ColumnType {
        name.parse().unwrap()
    }

    fn shown(c: &Column) -> (String, Vec<Option<String>>) {
        (c.type_name(), (0..c.len()).map(|r| c.text(r).unwrap()).collect())
    }

    #[test]
    fn columns_of_every_type_as_any_other() {
        let labels =
            Column::Categorical(Categorical::new(&[1, -1, 0], strings(&["7", "-3"]), false).unwrap());
        let ints = Column::Nullable { dtype: Dtype::Int8, bytes: vec![1, 2], missing: vec![false, true] };
        let bools = Column::Numbers { dtype: Dtype::Bool, bytes: vec![1, 0] };
        let texts = |l: &[Option<&str>]| l.iter().map(|t| t.map(str::to_owned)).collect::<Vec<_>>();
        for (column, name, want, values) in [
            (&labels, "int16", "Int16", texts(&[Some("-3"), None, Some("7")])),
            (&labels, "float32", "float32", texts(&[Some("-3.0"), Some("nan"), Some("7.0")])),
            (&labels, "string", "nullable string", texts(&[Some("-3"), None, Some("7")])),
            (&ints, "uint64", "UInt64", texts(&[Some("1"), None])),
            (&ints, "category", "category", texts(&[Some("1"), None])),
            (&bools, "uint8", "uint8", texts(&[Some("1"), Some("0")])),
            (&bools, "string", "string", texts(&[Some("True"), Some("False")])),
            (&strings(&["True", "false"]), "bool", "bool", texts(&[Some("True"), Some("False")])),
            (&strings(&["0.1", "1e3"]), "float64", "float64", texts(&[Some("0.1"), Some("1000.0")])),
            (&strings(&["18446744073709551615"]), "uint64", "uint64", texts(&[Some("18446744073709551615")])),
            (&floats(&[2.0, f64::NAN]), "int32", "Int32", texts(&[Some("2"), None])),
            (&floats(&[2.0, f64::NAN]), "float32", "float32", texts(&[Some("2.0"), Some("nan")])),
            (&floats(&[2.5, f64::NAN]), "string", "nullable string", texts(&[Some("2.5"), None])),
            (
                &strings(&["c10", "c9", "c10"]),
                "category",
                "category",
                texts(&[Some("c10"), Some("c9"), Some("c10")]),
            ),
        ] {
            assert_eq!(shown(&column.cast(to(name)).unwrap()), (want.to_owned(), values), "{name}");
        }
        let Column::Categorical(c) = floats(&[2.0, f64::NAN, 1.0, 2.0]).cast(to("category")).unwrap() else {
            panic!()
        };
        assert_eq!((c.codes(), c.categories()), (&[1, -1, 0, 1][..], &floats(&[1.0, 2.0])));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_row() {
        for (column, name, why) in [
            (floats(&[1.0, 2.5]), "int64", "expected int64 in each row, got 2.5 in row 1"),
            (strings(&["1", "x"]), "int64", "got 'x' in row 1"),
            (strings(&["300"]), "uint8", "got '300' in row 0"),
            (strings(&[""]), "float64", "got '' in row 0"),
            (strings(&["2"]), "bool", "got '2' in row 0"),
        ] {
            let e = column.cast(to(name)).unwrap_err();
            assert!(e.kind() == crate::Kind::Usage && e.message().contains(why), "{e}");
        }
        assert!("u8".parse::<ColumnType>().unwrap_err().message().contains("or string, or category"));
    }
}
