//! Concatenates frames. Types promote as in pandas after anndata's normalisation.

use super::align::as_dtype;
use super::column::{Categorical, Column};
use super::frame::Frame;
use super::natural::natural_order;
use crate::dtype::{Dtype, scalar_at, with_element};
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
            Join::Inner => all.filter(|k| parts.iter().all(|p| p.contains(k))).collect(),
        }
    }
}

impl Frame {
    /// Concatenates the rows of the frames.
    ///
    /// # Errors
    /// `Unsupported` if the types of a column are incompatible, or a frame has two columns of the same name.
    pub fn concat(frames: &[&Frame], join: Join) -> Result<Frame> {
        let keys: Vec<Vec<&str>> =
            frames.iter().map(|f| f.columns().iter().map(|(n, _)| n.as_str()).collect()).collect();
        let names = join.keys(&keys);
        for (i, part) in keys.iter().enumerate() {
            let mut seen = HashSet::new();
            if let Some(twice) = part.iter().find(|n| names.contains(n) && !seen.insert(**n)) {
                return Err(Error::unsupported(format!("two columns '{twice}' in table {i}")));
            }
        }
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let parts: Vec<_> = frames.iter().map(|f| (f.column(name), f.rows())).collect();
            let column = Column::concat(&parts).map_err(|e| e.context(format_args!("column '{name}'")))?;
            columns.push((name.to_owned(), column));
        }
        let mut index = Strings::new();
        frames.iter().flat_map(|f| f.index().iter()).for_each(|n| index.push(n));
        let first = frames.first().and_then(|f| f.index_name());
        let name = first.filter(|n| frames.iter().all(|f| f.index_name() == Some(*n)));
        Frame::new(name.map(str::to_owned), index, columns)
    }
}

/// Families of types that can be concatenated with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Family {
    Text,
    Bool,
    Number,
}

impl Column {
    /// Concatenates columns, each given with its number of rows; an absent column (`None`) contributes
    /// missing values.
    ///
    /// Categorical columns get the union of their labels: those of the first column if it has them all,
    /// otherwise sorted; if any is ordered, all must have the same ordered labels, otherwise they become
    /// text. Labels and text together become text. Integers with missing values become float64, bools
    /// nullable.
    ///
    /// # Errors
    /// `Unsupported` if the types are incompatible.
    pub fn concat(parts: &[(Option<&Column>, usize)]) -> Result<Column> {
        // Columns without type information count as missing if another column has a type: columns of NaN
        // only, and empty columns of types that allow missing values.
        let untyped = |c: &Column| {
            let numbers = matches!(c, Column::Numbers { dtype, .. } if !dtype.is_float());
            (c.is_empty() && !numbers && c.family() != Family::Bool) || c.is_all_nan()
        };
        let mut parts = parts.to_vec();
        if parts.iter().any(|(c, _)| c.is_some_and(|c| !untyped(c))) {
            parts.retain(|(c, rows)| *rows > 0 || c.is_none_or(|c| !untyped(c)));
            parts.iter_mut().for_each(|(c, _)| *c = c.filter(|c| !untyped(c)));
        }
        let there: Vec<&Column> = parts.iter().filter_map(|(c, _)| *c).collect();
        let labels: Vec<&Categorical> = there
            .iter()
            .filter_map(|c| match c {
                Column::Categorical(c) => Some(c),
                _ => None,
            })
            .collect();
        if !labels.is_empty()
            && labels.len() == there.len()
            && let Some(union) = union(&labels)?
        {
            return recode(&parts, union);
        }
        let plain: Vec<(Option<Column>, usize)> = parts
            .iter()
            .map(|(c, n)| Ok((c.map(Column::without_labels).transpose()?, *n)))
            .collect::<Result<_>>()?;
        let families: HashSet<Family> = there.iter().map(|c| c.family()).collect();
        match families.iter().copied().collect::<Vec<_>>()[..] {
            [Family::Text] => Ok(texts(&plain)),
            [Family::Bool] => Ok(numbers(&plain, true)),
            [] | [Family::Number] => Ok(numbers(&plain, false)),
            _ => {
                let mut types: Vec<String> = there.iter().map(|c| c.type_name()).collect();
                types.sort();
                types.dedup();
                Err(Error::unsupported(format!("no type holds {}", types.join(" and "))))
            }
        }
    }

    fn family(&self) -> Family {
        match self {
            Column::Strings(_) | Column::NullableStrings { .. } | Column::Categorical(_) => Family::Text,
            Column::Numbers { dtype: Dtype::Bool, .. } | Column::Nullable { dtype: Dtype::Bool, .. } => {
                Family::Bool
            }
            _ => Family::Number,
        }
    }

    /// Whether all values, if any, are NaN, as in a column in which pandas finds only missing values.
    fn is_all_nan(&self) -> bool {
        match self {
            Column::Numbers { dtype, bytes } if dtype.is_float() => {
                let nan = |i| scalar_at(*dtype, bytes, i).is_some_and(|v| v.as_f64().is_nan());
                (0..self.len()).all(nan)
            }
            _ => false,
        }
    }

    /// Replaces the code of each row with its label.
    fn without_labels(&self) -> Result<Column> {
        match self {
            Column::Categorical(c) => {
                let rows: Vec<Option<u64>> = c.codes().iter().map(|c| u64::try_from(*c).ok()).collect();
                c.categories().align(&rows)
            }
            other => Ok(other.clone()),
        }
    }
}

/// The union of all labels; `None` if some are ordered and not all have the same labels in the same order.
fn union(labels: &[&Categorical]) -> Result<Option<Categorical>> {
    if labels.iter().any(|c| c.ordered()) {
        let mut with_labels = labels.iter().filter(|c| !c.categories().is_empty());
        let Some(first) = with_labels.next() else { return Ok(None) };
        let same = with_labels.all(|c| c.ordered() && c.categories().same(first.categories()));
        return Ok((first.ordered() && same).then(|| (*first).clone()));
    }
    if labels.iter().all(|c| c.categories().is_empty()) {
        return Ok(Some(Categorical::new(&[], Column::Strings(Strings::new()), false)?));
    }
    // pandas treats the same labels in another order as equal, and keeps the order of the first column
    let first = labels[0];
    if labels.iter().all(|c| first.places_of(c).iter().all(Option::is_some)) {
        return Ok(Some(first.clone()));
    }
    let lists: Vec<_> = labels.iter().map(|c| (Some(c.categories()), c.categories().len())).collect();
    let all = Column::concat(&lists)?;
    let mut order: Vec<u64> = (0..all.len() as u64).collect();
    match &all {
        Column::Strings(s) => {
            let text = |r: &u64| s.bytes(*r as usize).unwrap_or_default();
            // sorting by bytes as well decides between 1 and 01
            order.sort_by(|a, b| natural_order(text(a), text(b)).then_with(|| text(a).cmp(text(b))));
            order.dedup_by(|a, b| text(a) == text(b));
        }
        Column::Numbers { dtype, bytes } => with_element!(*dtype, T => {
            let number = |r: &u64| bytemuck::pod_read_unaligned::<T>(&bytes[*r as usize * dtype.size()..][..dtype.size()]);
            order.sort_by(|a, b| number(a).partial_cmp(&number(b)).unwrap_or(std::cmp::Ordering::Equal));
            order.dedup_by(|a, b| number(a) == number(b));
        }),
        other => return Err(Error::unsupported(format!("labels of type {}", other.type_name()))),
    }
    Ok(Some(Categorical::new(&[], all.select(&order)?, false)?))
}

/// Translates all codes to the labels of `union`.
fn recode(parts: &[(Option<&Column>, usize)], union: Categorical) -> Result<Column> {
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

fn texts(parts: &[(Option<Column>, usize)]) -> Column {
    let (mut values, mut missing) = (Strings::new(), Vec::new());
    for (part, rows) in parts {
        let (strings, gone) = match part {
            Some(Column::Strings(s)) => (Some(s), None),
            Some(Column::NullableStrings { values, missing }) => (Some(values), Some(missing)),
            _ => (None, None),
        };
        for row in 0..*rows {
            let text = strings.and_then(|s| s.bytes(row)).filter(|_| gone.is_none_or(|g| !g[row]));
            values.push(text.unwrap_or_default());
            missing.push(text.is_none());
        }
    }
    match missing.contains(&true) {
        true => Column::NullableStrings { values, missing },
        false => Column::Strings(values),
    }
}

/// Concatenates numbers or, with `bools`, bools; missing bools become nullable, missing numbers NaN.
fn numbers(parts: &[(Option<Column>, usize)], bools: bool) -> Column {
    let dtypes = parts.iter().filter_map(|(c, _)| match c {
        Some(Column::Numbers { dtype, .. } | Column::Nullable { dtype, .. })
            if !bools || *dtype == Dtype::Bool =>
        {
            Some(*dtype)
        }
        _ => None,
    });
    let mut dtype = dtypes.reduce(Dtype::promoted).unwrap_or(Dtype::Float64);
    let usable = |c: &Option<Column>| c.as_ref().is_some_and(|c| !bools || c.family() == Family::Bool);
    let gaps = parts.iter().any(|(c, _)| !usable(c));
    let nullable = parts.iter().any(|(c, _)| matches!(c, Some(Column::Nullable { .. })));
    if gaps && !nullable && !bools && !dtype.is_float() {
        dtype = Dtype::Float64;
    }
    let (mut out, mut mask) = (Vec::new(), Vec::new());
    for (part, rows) in parts {
        let (bytes, gone) = match part.as_ref().filter(|_| usable(part)) {
            Some(Column::Numbers { dtype: d, bytes }) => (as_dtype(*d, bytes, dtype), vec![false; *rows]),
            Some(Column::Nullable { dtype: d, bytes, missing }) => {
                (as_dtype(*d, bytes, dtype), missing.clone())
            }
            _ => (dtype.missing().repeat(*rows), vec![true; *rows]),
        };
        out.extend(bytes);
        mask.extend(gone);
    }
    match nullable || (bools && gaps) {
        true => Column::Nullable { dtype, bytes: out, missing: mask },
        false => Column::Numbers { dtype, bytes: out },
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
        ] {
            let got = concat(&parts).unwrap();
            let shown: Vec<String> =
                (0..got.len()).map(|r| got.text(r).unwrap().unwrap_or("-".into())).collect();
            assert_eq!(
                (got.type_name().as_str(), shown),
                (want, texts.into_iter().map(String::from).collect())
            );
        }
        for parts in [[&bools, &i], [&s, &i], [&c, &i]] {
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
