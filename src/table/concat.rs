//! Concatenates frames. Types promote as in pandas after anndata's normalisation.

use super::align::as_dtype;
use super::column::{Categorical, Column};
use super::frame::Frame;
use super::promote::{self, Part, Promoted};
use super::select;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::strings::Strings;
use std::collections::HashSet;

/// Which columns, variables or elements a concatenation keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Join {
    /// Those that all parts have.
    #[default]
    Inner,
    /// Those that any part has.
    Outer,
}

impl Join {
    /// The keys of the result, in order of first appearance.
    pub fn keys<'k>(self, parts: &[Vec<&'k str>]) -> Vec<&'k str> {
        let mut seen = HashSet::new();
        let all = parts.iter().flatten().copied().filter(|k| seen.insert(*k));
        match self {
            Join::Outer => all.collect(),
            Join::Inner => {
                let sets: Vec<HashSet<&str>> = parts.iter().map(|p| p.iter().copied().collect()).collect();
                all.filter(|k| sets.iter().all(|set| set.contains(k))).collect()
            }
        }
    }
}

/// The names of the columns of joined tables, whose names are `keys`.
///
/// # Errors
/// `Unsupported` if a table has two columns of one of them.
pub(super) fn joined_names<'k>(keys: &[Vec<&'k str>], join: Join) -> Result<Vec<&'k str>> {
    let names = join.keys(keys);
    for (i, part) in keys.iter().enumerate() {
        let mut seen = HashSet::new();
        if let Some(twice) = part.iter().find(|n| names.contains(n) && !seen.insert(**n)) {
            return Err(Error::unsupported(format!("two columns '{twice}' in table {i}")));
        }
    }
    Ok(names)
}

impl Frame {
    /// Concatenates the rows of the frames.
    ///
    /// # Errors
    /// `Unsupported` if the types of a column are incompatible, or a frame has two columns of the same name.
    pub fn concat(frames: &[&Frame], join: Join) -> Result<Frame> {
        Frame::concat_blaming(frames, join, &|_, name, e| e.context(format_args!("column '{name}'")))
    }

    /// Like [`concat`](Self::concat). If columns have no common type, `blame` gets the index of the first frame
    /// whose column does not fit those before it, the name of the column, and the error that it may change.
    pub(crate) fn concat_blaming(
        frames: &[&Frame],
        join: Join,
        blame: &dyn Fn(usize, &str, Error) -> Error,
    ) -> Result<Frame> {
        let keys: Vec<Vec<&str>> =
            frames.iter().map(|f| f.columns().iter().map(|(n, _)| n.as_str()).collect()).collect();
        let names = joined_names(&keys, join)?;
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let parts: Vec<_> = frames.iter().map(|f| (f.column(name), f.rows())).collect();
            let column = Column::concat(&parts).map_err(|e| {
                let fits = |n: &usize| promote::target(&parts[..*n]).is_ok();
                let misfit = (1..parts.len()).take_while(fits).count();
                blame(misfit, name, e)
            })?;
            columns.push((name.to_owned(), column));
        }
        let mut index = Strings::new();
        frames.iter().flat_map(|f| f.index().iter()).for_each(|n| index.push(n));
        let first = frames.first().and_then(|f| f.index_name());
        let name = first.filter(|n| frames.iter().all(|f| f.index_name() == Some(*n)));
        Frame::new(name.map(str::to_owned), index, columns)
    }
}

impl Column {
    /// Concatenates columns, each given with its number of rows; an absent column (`None`) contributes
    /// missing values.
    ///
    /// Categorical columns get the union of their labels: those of the first column if it has them all,
    /// otherwise sorted; if any is ordered, all must have the same ordered labels, otherwise they become what
    /// they stand for. Labels meet other columns as what they stand for. A column without any value takes the
    /// type of the others. Integers with missing values become float64, bools nullable.
    ///
    /// # Errors
    /// `Unsupported` if the types are incompatible.
    pub fn concat(parts: &[(Option<&Column>, usize)]) -> Result<Column> {
        as_promoted(parts, &promote::target(parts)?)
    }
}

/// Concatenates columns as `joined`, the type that [`promote::target`] finds for them.
pub(super) fn as_promoted(parts: &[Part<'_>], joined: &Promoted) -> Result<Column> {
    match joined {
        Promoted::Text => texts(parts),
        Promoted::Labels(union) => recode(parts, union),
        Promoted::Numbers(dtype) => Ok(numbers(parts, *dtype, false)),
        Promoted::Nullable(dtype) => Ok(numbers(parts, *dtype, true)),
    }
}

/// Translates all codes to the labels of `union`.
fn recode(parts: &[Part<'_>], union: &Categorical) -> Result<Column> {
    let mut codes: Vec<i64> = Vec::new();
    for (part, rows) in parts {
        match part {
            Some(Column::Categorical(c)) => {
                let places = union.places_of(c);
                let new = |c: i32| if c < 0 { -1 } else { places[c as usize].unwrap_or(-1) };
                codes.extend(c.codes().iter().map(|c| new(*c)));
            }
            _ => codes.resize(codes.len() + rows, -1),
        }
    }
    Ok(Column::Categorical(Categorical::new(&codes, union.categories().clone(), union.ordered())?))
}

/// Concatenates text and labels that are text; all else is missing.
fn texts(parts: &[Part<'_>]) -> Result<Column> {
    let (mut values, mut missing) = (Strings::new(), Vec::new());
    for (part, rows) in parts {
        let (strings, codes) = match part {
            Some(Column::Categorical(c)) => (Some(c.categories()), Some(c.codes())),
            other => (*other, None),
        };
        let strings = match strings {
            Some(Column::Strings(s) | Column::NullableStrings { values: s, .. }) => Some(s),
            _ => None,
        };
        for row in 0..*rows {
            let at = match codes {
                Some(codes) => usize::try_from(codes[row]).ok(),
                None => Some(row).filter(|row| !part.is_some_and(|c| c.is_missing(*row))),
            };
            let text = strings.zip(at).and_then(|(s, at)| s.bytes(at));
            values.push(text.unwrap_or_default());
            missing.push(text.is_none());
        }
    }
    Ok(match missing.contains(&true) {
        true => Column::NullableStrings { values, missing },
        false => Column::Strings(values),
    })
}

/// Concatenates numbers as `dtype`, nullable or with NaN for missing values; what is no number is missing.
fn numbers(parts: &[Part<'_>], dtype: Dtype, nullable: bool) -> Column {
    let (mut out, mut mask) = (Vec::new(), Vec::new());
    for (part, rows) in parts {
        match part.and_then(|c| as_numbers(c, dtype)) {
            Some((bytes, missing)) => {
                out.extend(bytes);
                mask.extend(missing);
            }
            None => {
                out.extend(dtype.missing().repeat(*rows));
                mask.resize(mask.len() + rows, true);
            }
        }
    }
    match nullable {
        true => Column::Nullable { dtype, bytes: out, missing: mask },
        false => {
            dtype.put_missing(&mut out, &mask);
            Column::Numbers { dtype, bytes: out }
        }
    }
}

/// The values of a column as `dtype`, and which are missing; `None` if it has no values of that kind.
fn as_numbers(column: &Column, dtype: Dtype) -> Option<(Vec<u8>, Vec<bool>)> {
    match column {
        // all of them are NaN, which no other type holds
        Column::Numbers { dtype: from, .. } if from.is_float() && !dtype.is_float() => None,
        Column::Numbers { dtype: from, bytes } => {
            Some((as_dtype(*from, bytes, dtype), vec![false; column.len()]))
        }
        Column::Nullable { dtype: from, bytes, missing } => {
            Some((as_dtype(*from, bytes, dtype), missing.clone()))
        }
        Column::Categorical(c) => {
            let (labels, _) = as_numbers(c.categories(), dtype)?;
            let rows = c.codes().iter().map(|code| u64::try_from(*code).ok());
            Some((select::numbers(dtype, &labels, rows), c.codes().iter().map(|code| *code < 0).collect()))
        }
        Column::Strings(_) | Column::NullableStrings { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(l: &[&str]) -> Column {
        Column::Strings(l.iter().copied().collect())
    }

    fn labels(codes: &[i64], l: &[&str], ordered: bool) -> Column {
        Column::Categorical(Categorical::new(codes, strings(l), ordered).unwrap())
    }

    fn ints(v: &[i32]) -> Column {
        Column::Numbers { dtype: Dtype::Int32, bytes: v.iter().flat_map(|x| x.to_le_bytes()).collect() }
    }

    fn floats(v: &[f32]) -> Column {
        Column::Numbers { dtype: Dtype::Float32, bytes: v.iter().flat_map(|x| x.to_le_bytes()).collect() }
    }

    fn concat(parts: &[Option<&Column>]) -> Result<Column> {
        let parts: Vec<_> = parts.iter().map(|c| (*c, c.map_or(2, Column::len))).collect();
        Column::concat(&parts)
    }

    #[test]
    fn types_meet_as_in_pandas() {
        let bools = Column::Numbers { dtype: Dtype::Bool, bytes: vec![1, 0] };
        let small = Column::Numbers { dtype: Dtype::Int8, bytes: vec![1, 255] };
        let nullable = Column::Nullable { dtype: Dtype::Int64, bytes: vec![1; 8], missing: vec![false] };
        let (i, f, s) = (ints(&[1, -2]), floats(&[0.5]), strings(&["x", "y"]));
        let c = labels(&[0, -1, 1], &["c9", "c10"], false);
        let void = Column::Nullable { dtype: Dtype::Int64, bytes: vec![0; 8], missing: vec![true] };
        let of = |labels: Column| Column::Categorical(Categorical::new(&[0, -1], labels, false).unwrap());
        let numbers = of(ints(&[7]));
        let flags = of(Column::Numbers { dtype: Dtype::Bool, bytes: vec![1] });
        let (none, empty) = (labels(&[-1], &[], false), strings(&[]));
        for (parts, want, texts) in [
            (vec![Some(&i), Some(&i)], "int32", vec!["1", "-2", "1", "-2"]),
            (vec![Some(&i), None], "float64", vec!["1.0", "-2.0", "nan", "nan"]),
            (vec![Some(&f), None], "float32", vec!["0.5", "nan", "nan"]),
            (vec![Some(&i), Some(&f)], "float64", vec!["1.0", "-2.0", "0.5"]),
            (vec![Some(&small), Some(&f)], "float32", vec!["1.0", "-1.0", "0.5"]),
            (vec![Some(&small), Some(&i)], "int32", vec!["1", "-1", "1", "-2"]),
            (vec![Some(&bools), None], "boolean", vec!["True", "False", "-", "-"]),
            (vec![Some(&nullable), Some(&i)], "Int64", vec!["72340172838076673", "1", "-2"]),
            (vec![Some(&s), None], "nullable string", vec!["x", "y", "-", "-"]),
            (vec![Some(&s), Some(&c)], "nullable string", vec!["x", "y", "c9", "-", "c10"]),
            (vec![Some(&c), None], "category", vec!["c9", "-", "c10", "-", "-"]),
            (vec![Some(&s), Some(&floats(&[f32::NAN]))], "nullable string", vec!["x", "y", "-"]),
            (vec![Some(&bools), Some(&i)], "int32", vec!["1", "0", "1", "-2"]),
            (vec![Some(&f), Some(&bools)], "float32", vec!["0.5", "1.0", "0.0"]),
            (vec![Some(&bools), Some(&floats(&[f32::NAN]))], "boolean", vec!["True", "False", "-"]),
            (vec![Some(&small), Some(&floats(&[f32::NAN]))], "float32", vec!["1.0", "-1.0", "nan"]),
            (vec![Some(&void), Some(&f)], "float32", vec!["nan", "0.5"]),
            (vec![Some(&void), Some(&small)], "Int64", vec!["-", "1", "-1"]),
            (vec![Some(&void), Some(&s)], "nullable string", vec!["-", "x", "y"]),
            (vec![Some(&void), Some(&bools)], "boolean", vec!["-", "True", "False"]),
            (vec![Some(&nullable), Some(&f)], "float64", vec!["7.234017283807667e16", "0.5"]),
            (vec![Some(&numbers), Some(&small)], "float64", vec!["7.0", "nan", "1.0", "-1.0"]),
            (vec![Some(&numbers), Some(&nullable)], "Int64", vec!["7", "-", "72340172838076673"]),
            (vec![Some(&numbers), Some(&c)], "", vec![]),
            (vec![Some(&flags), Some(&bools)], "boolean", vec!["True", "-", "True", "False"]),
            (vec![Some(&none), Some(&i)], "float64", vec!["nan", "1.0", "-2.0"]),
            (vec![Some(&empty), Some(&small)], "int8", vec!["1", "-1"]),
        ] {
            let got = match concat(&parts) {
                Ok(got) => got,
                Err(e) => {
                    assert!(want.is_empty() && e.message().starts_with("no type holds"), "{want}: {e}");
                    continue;
                }
            };
            let shown: Vec<String> =
                (0..got.len()).map(|r| got.text(r).unwrap().unwrap_or("-".into())).collect();
            assert_eq!(
                (got.type_name().as_str(), shown),
                (want, texts.into_iter().map(String::from).collect())
            );
        }
        for parts in [[&s, &i], [&c, &i], [&s, &bools], [&flags, &i], [&nullable, &bools]] {
            assert!(
                concat(&[Some(parts[0]), Some(parts[1])]).unwrap_err().message().contains("no type holds")
            );
        }
    }

    #[test]
    fn labels_meet_as_in_anndata() {
        let (a, b) = (labels(&[0, 1], &["b", "c10"], false), labels(&[1, 0], &["c9", "b"], false));
        let Column::Categorical(c) = concat(&[Some(&a), Some(&b)]).unwrap() else { panic!() };
        assert_eq!((c.codes(), c.categories()), (&[0, 2, 0, 1][..], &strings(&["b", "c9", "c10"])));
        let (a, b) = (labels(&[0], &["x", "a"], true), labels(&[1], &["x", "a"], true));
        assert_eq!(concat(&[Some(&a), Some(&b)]).unwrap().type_name(), "ordered category");
        // numbers become int64 or float64, and those of the first stay in its order only where nothing changes
        let numbers = |c: Column| Column::Categorical(Categorical::new(&[0, 1], c, false).unwrap());
        for (parts, want, codes) in [
            ([ints(&[3, 1]), ints(&[3, 1])], "int64", vec![1, 0, 1, 0]),
            ([floats(&[0.5, 3.0]), ints(&[3, 1])], "float64", vec![0, 2, 2, 1]),
        ] {
            let parts = parts.map(numbers);
            let got = concat(&[Some(&parts[0]), Some(&parts[1])]).unwrap();
            let c = got.categorical().unwrap();
            assert_eq!((c.categories().type_name().as_str(), c.codes()), (want, &codes[..]));
        }
        let b = labels(&[1], &["a", "x"], true);
        assert_eq!(concat(&[Some(&a), Some(&b)]).unwrap(), strings(&["x", "x"]));
    }

    #[test]
    fn columns_of_all_or_of_any() {
        let frame = |columns: &[&str], name: Option<&str>| {
            let columns = columns.iter().map(|n| ((*n).to_owned(), ints(&[1]))).collect();
            Frame::new(name.map(str::to_owned), ["r"].iter().collect(), columns).unwrap()
        };
        let (a, b) = (frame(&["x", "y"], Some("id")), frame(&["z", "y"], Some("id")));
        let names = |f: Frame| f.columns().iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
        let inner = Frame::concat(&[&a, &b], Join::Inner).unwrap();
        assert_eq!(
            (inner.index_name(), inner.rows(), names(inner.clone())),
            (Some("id"), 2, vec!["y".to_owned()])
        );
        assert_eq!(names(Frame::concat(&[&a, &b], Join::Outer).unwrap()), ["x", "y", "z"]);
        assert_eq!(Frame::concat(&[&a, &frame(&["y"], None)], Join::Inner).unwrap().index_name(), None);
        assert!(Frame::concat(&[&frame(&["x", "x"], None)], Join::Inner).is_err());
    }
}
