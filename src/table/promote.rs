//! The type of a column that is joined from columns of several types: what `anndata.concat` makes of them.
//!
//! A column that holds only missing values has no type of its own beside one that has a type. Only types are
//! decided here; `concat.rs` converts the values.

use super::column::{Categorical, Column};
use super::natural::natural_order;
use crate::dtype::{Dtype, Scalar, scalar_at};
use crate::error::{Error, Result};

/// A column of one part with the part's number of rows; `None` if the part does not have the column.
pub(super) type Part<'a> = (Option<&'a Column>, usize);

/// The type of a joined column.
#[derive(Debug)]
pub(super) enum Promoted {
    /// Text, nullable where values are missing.
    Text,
    /// Codes into these labels.
    Labels(Categorical),
    /// Numbers or bools; missing values are NaN.
    Numbers(Dtype),
    /// Numbers or bools with a mask of missing values.
    Nullable(Dtype),
}

/// Families of types; see [`compatible`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Text, and labels that are text.
    Text,
    /// Bools without missing values.
    Bool,
    /// Nullable bools, and labels that are bools.
    Flag,
    /// Numbers without a mask.
    Number,
    /// Nullable numbers.
    Nullable,
    /// Labels that are numbers.
    NumberLabels,
}

impl Family {
    fn of(column: &Column) -> Family {
        match column {
            Column::Strings(_) | Column::NullableStrings { .. } => Family::Text,
            Column::Numbers { dtype: Dtype::Bool, .. } => Family::Bool,
            Column::Numbers { .. } => Family::Number,
            Column::Nullable { dtype: Dtype::Bool, .. } => Family::Flag,
            Column::Nullable { .. } => Family::Nullable,
            Column::Categorical(c) => match Family::of(c.categories()) {
                Family::Text => Family::Text,
                Family::Bool | Family::Flag => Family::Flag,
                _ => Family::NumberLabels,
            },
        }
    }
}

/// Whether one type holds the values of all columns. Bools may become numbers only if none of them is nullable
/// or a label.
fn compatible(columns: &[&Column]) -> bool {
    let within = |families: &[Family]| columns.iter().all(|c| families.contains(&Family::of(c)));
    within(&[Family::Text])
        || within(&[Family::Bool, Family::Flag])
        || within(&[Family::Bool, Family::Number])
        || within(&[Family::Number, Family::Nullable, Family::NumberLabels])
}

/// The type that holds the values of all parts.
///
/// # Errors
/// `Unsupported` if there is none, with the types.
pub(super) fn target(parts: &[Part<'_>]) -> Result<Promoted> {
    let there: Vec<&Column> = parts.iter().filter_map(|(c, _)| *c).collect();
    let typed: Vec<&Column> = there.iter().copied().filter(|c| !is_untyped(c)).collect();
    let rows = parts.iter().any(|(_, n)| *n > 0);
    let kept: Vec<&Column> = match rows && !typed.is_empty() {
        true => there.iter().copied().filter(|c| !is_untyped(c) || counts_beside(c, &typed)).collect(),
        false => there.clone(),
    };
    if let Some(labels) = all_labels(&kept) {
        // anndata unifies labels only where no part has another type, be it all missing
        match union(&labels, kept.len() == there.len()) {
            Ok(Some(union)) => return Ok(Promoted::Labels(union)),
            Ok(None) => {}
            Err(_) if !rows => return Ok(Promoted::Text),
            Err(e) => return Err(e),
        }
    }
    if compatible(&kept) {
        return Ok(plain(parts, &kept));
    }
    // values that are not there contradict nothing
    let filled: Vec<&Column> = kept.iter().copied().filter(|c| !c.is_empty()).collect();
    if !rows {
        return Ok(Promoted::Text);
    }
    if compatible(&filled) {
        return Ok(plain(parts, &filled));
    }
    if typed.is_empty() {
        return target(&only(parts, filled[0]));
    }
    let mut types: Vec<String> = filled.iter().map(|c| described(c)).collect();
    types.sort();
    types.dedup();
    Err(Error::unsupported(format!("no type holds {}", types.join(" and "))))
}

/// The parts, without the columns other than `column`.
fn only<'a>(parts: &[Part<'a>], column: &Column) -> Vec<Part<'a>> {
    parts.iter().map(|(c, n)| (c.filter(|c| std::ptr::eq(*c, column)), *n)).collect()
}

/// Whether a column says nothing about the type of a join: all its values, if any, are missing. Integers and
/// bools without a mask always have a type.
fn is_untyped(column: &Column) -> bool {
    match column {
        Column::Numbers { dtype, bytes } if dtype.is_float() => {
            (0..column.len()).all(|i| scalar_at(*dtype, bytes, i).is_some_and(|v| v.as_f64().is_nan()))
        }
        Column::Numbers { .. } => false,
        Column::Strings(s) => s.is_empty(),
        Column::Nullable { missing, .. } | Column::NullableStrings { missing, .. } => {
            missing.iter().all(|gone| *gone)
        }
        Column::Categorical(c) => c.codes().iter().all(|code| *code < 0),
    }
}

/// Whether the type of an untyped column counts beside those that are `typed`, as in pandas: labels beside
/// labels, floats and labels of numbers beside integers, nullable types beside their own kind.
fn counts_beside(column: &Column, typed: &[&Column]) -> bool {
    let within = |families: &[Family]| typed.iter().all(|c| families.contains(&Family::of(c)));
    let floats = typed.iter().any(|c| c.dtype().is_some_and(Dtype::is_float));
    let labels = matches!(column, Column::Categorical(_));
    match Family::of(column) {
        _ if labels && all_labels(typed).is_some() => true,
        Family::Number => within(&[Family::Number]) && !floats,
        Family::NumberLabels => within(&[Family::Number]) && !floats && column.is_empty(),
        Family::Nullable => within(&[Family::Number, Family::Nullable]) && !floats,
        Family::Flag if !labels => within(&[Family::Bool, Family::Flag]),
        _ => false,
    }
}

/// The categoricals, if there are any and all columns are.
fn all_labels<'a>(columns: &[&'a Column]) -> Option<Vec<&'a Categorical>> {
    let labels: Vec<&Categorical> = columns.iter().map_while(|c| c.categorical().ok()).collect();
    (!labels.is_empty() && labels.len() == columns.len()).then_some(labels)
}

/// The type of compatible columns, with labels as the values they stand for.
fn plain(parts: &[Part<'_>], kept: &[&Column]) -> Promoted {
    let is_kept = |c: &Column| kept.iter().any(|k| std::ptr::eq(*k, c));
    let absent = parts.iter().any(|(c, _)| c.is_none());
    let gaps = parts.iter().any(|(c, n)| *n > 0 && !c.is_some_and(is_kept));
    let unlabelled =
        kept.iter().any(|c| matches!(c, Column::Categorical(c) if c.codes().iter().any(|code| *code < 0)));
    let nullable = kept.iter().any(|c| matches!(c, Column::Nullable { .. }));
    let promoted =
        |columns: &mut dyn Iterator<Item = &Column>| columns.filter_map(value_dtype).reduce(Dtype::promoted);
    let families: Vec<Family> = kept.iter().map(|c| Family::of(c)).collect();
    if !families.is_empty() && families.iter().all(|f| *f == Family::Text) {
        return Promoted::Text;
    }
    if !families.is_empty() && families.iter().all(|f| matches!(f, Family::Bool | Family::Flag)) {
        let missing = nullable || absent || gaps || unlabelled;
        return if missing { Promoted::Nullable(Dtype::Bool) } else { Promoted::Numbers(Dtype::Bool) };
    }
    let all = promoted(&mut kept.iter().copied()).unwrap_or(Dtype::Float64);
    if nullable && !all.is_float() {
        return Promoted::Nullable(all);
    }
    let typed = promoted(&mut kept.iter().copied().filter(|c| !is_untyped(c))).unwrap_or(all);
    let missing = gaps || unlabelled;
    Promoted::Numbers(if missing && !typed.is_float() { all.promoted(Dtype::Float64) } else { all })
}

/// The type of the numbers of a column, or of its labels.
fn value_dtype(column: &Column) -> Option<Dtype> {
    match column {
        Column::Categorical(c) => c.categories().dtype(),
        other => other.dtype(),
    }
}

/// The type of a column, for messages.
fn described(column: &Column) -> String {
    match column {
        Column::Categorical(c) if Family::of(column) != Family::Text => {
            format!("{} of {}", column.type_name(), c.categories().type_name())
        }
        other => other.type_name(),
    }
}

/// The union of all labels, without rows; `None` if some are ordered and not all have the same labels in the
/// same order. If `unified`, numbers become int64 or float64.
///
/// # Errors
/// `Unsupported` if no type holds all labels.
fn union(labels: &[&Categorical], unified: bool) -> Result<Option<Categorical>> {
    let with_labels: Vec<&Categorical> =
        labels.iter().copied().filter(|c| !c.categories().is_empty()).collect();
    if labels.iter().any(|c| c.ordered()) {
        let Some(first) = with_labels.first() else { return Ok(None) };
        let same = with_labels.iter().all(|c| c.ordered() && c.categories().same(first.categories()));
        return (first.ordered() && same).then(|| first.select(&[])).transpose();
    }
    if with_labels.is_empty() {
        return Categorical::new(&[], labels[0].categories().clone(), false).map(Some);
    }
    let all = match with_labels[0].categories() {
        Column::Strings(_) => text_labels(&with_labels)?,
        _ => number_labels(&with_labels)?,
    };
    // pandas treats the same labels in another order as equal, and keeps the order of the first column
    let first = labels[0];
    let alike = !unified || first.categories().type_name() == all.type_name();
    if alike && labels.iter().all(|c| first.places_of(c).iter().all(Option::is_some)) {
        return first.select(&[]).map(Some);
    }
    Categorical::new(&[], all, false).map(Some)
}

impl Categorical {
    /// All labels, once each and sorted, without rows.
    pub(super) fn distinct(&self) -> Result<Categorical> {
        Self::all_of(&[self])
    }

    /// All labels of several, once each and sorted, without rows.
    pub(super) fn all_of(several: &[&Categorical]) -> Result<Categorical> {
        let labels = match several.first().map(|c| c.categories()) {
            Some(Column::Strings(_)) => text_labels(several)?,
            _ => number_labels(several)?,
        };
        Categorical::new(&[], labels, false)
    }
}

/// An error that names the types of all labels.
fn no_common(labels: &[&Categorical]) -> Error {
    let mut types: Vec<String> = labels.iter().map(|c| c.categories().type_name()).collect();
    types.sort();
    types.dedup();
    Error::unsupported(format!("no type holds labels of {}", types.join(" and ")))
}

/// All labels that are text, once each, in natural order.
fn text_labels(labels: &[&Categorical]) -> Result<Column> {
    let mut all: Vec<&[u8]> = Vec::new();
    for one in labels {
        let Column::Strings(texts) = one.categories() else { return Err(no_common(labels)) };
        all.extend(texts.iter());
    }
    // sorting by bytes as well decides between 1 and 01
    all.sort_by(|a, b| natural_order(a, b).then_with(|| a.cmp(b)));
    all.dedup();
    Ok(Column::Strings(all.into_iter().collect()))
}

/// All labels that are numbers or bools, once each, ascending: bools, int64 (uint64 where it takes that) or
/// float64.
fn number_labels(labels: &[&Categorical]) -> Result<Column> {
    let (mut bools, mut integers, mut floats) = (Vec::new(), Vec::new(), Vec::new());
    for one in labels {
        let Column::Numbers { dtype, bytes } = one.categories() else { return Err(no_common(labels)) };
        for value in (0..one.categories().len()).filter_map(|i| scalar_at(*dtype, bytes, i)) {
            match value {
                Scalar::Bool(v) => bools.push(v),
                Scalar::Int(v) => integers.push(v),
                Scalar::Float(v, _) => floats.push(v),
            }
        }
    }
    if !bools.is_empty() && integers.is_empty() && floats.is_empty() {
        bools.sort_unstable();
        bools.dedup();
        return Ok(Column::Numbers { dtype: Dtype::Bool, bytes: bools.into_iter().map(u8::from).collect() });
    }
    if !bools.is_empty() {
        return Err(no_common(labels));
    }
    if floats.is_empty() {
        integers.sort_unstable();
        integers.dedup();
        let fits = |dtype: Dtype| {
            let (low, high) = dtype.integer_range().unwrap_or_default();
            integers.first().is_none_or(|v| *v >= low) && integers.last().is_none_or(|v| *v <= high)
        };
        let Some(dtype) = [Dtype::Int64, Dtype::Uint64].into_iter().find(|d| fits(*d)) else {
            return Err(no_common(labels));
        };
        // both types hold the low 64 bits of what fits them
        return Ok(Column::Numbers {
            dtype,
            bytes: integers.iter().flat_map(|v| (*v as u64).to_le_bytes()).collect(),
        });
    }
    floats.extend(integers.iter().map(|v| *v as f64));
    floats.sort_by(f64::total_cmp);
    floats.dedup();
    Ok(Column::Numbers {
        dtype: Dtype::Float64,
        bytes: floats.iter().flat_map(|v| v.to_le_bytes()).collect(),
    })
}
