//! Comparisons of a column: with a value, with another column, with a list, with a pattern.
//!
//! Each returns a test of rows, or says why the two cannot be compared. A missing value satisfies `!=` and no
//! other comparison.

use super::bind::RowTest;
use super::pattern::{self, TextPredicate};
use super::values::{ColumnValues, ValueKind};
use super::{ComparisonOperator, Literal, TextTest};
use crate::dtype::{Dtype, Scalar};
use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::collections::HashSet;

impl ComparisonOperator {
    /// Whether values in this order satisfy the comparison; `None` if they have no order.
    fn holds(self, order: Option<Ordering>) -> bool {
        match (self, order) {
            (ComparisonOperator::NotEqual, None) => true,
            (_, None) => false,
            (ComparisonOperator::Equal, Some(o)) => o == Ordering::Equal,
            (ComparisonOperator::NotEqual, Some(o)) => o != Ordering::Equal,
            (ComparisonOperator::Less, Some(o)) => o == Ordering::Less,
            (ComparisonOperator::LessEqual, Some(o)) => o != Ordering::Greater,
            (ComparisonOperator::Greater, Some(o)) => o == Ordering::Greater,
            (ComparisonOperator::GreaterEqual, Some(o)) => o != Ordering::Less,
        }
    }

    /// The operator with its sides exchanged: `3 < x` is `x > 3`.
    pub(super) fn turned(self) -> Self {
        match self {
            ComparisonOperator::Less => ComparisonOperator::Greater,
            ComparisonOperator::LessEqual => ComparisonOperator::GreaterEqual,
            ComparisonOperator::Greater => ComparisonOperator::Less,
            ComparisonOperator::GreaterEqual => ComparisonOperator::LessEqual,
            same => same,
        }
    }

    fn is_equality(self) -> bool {
        matches!(self, ComparisonOperator::Equal | ComparisonOperator::NotEqual)
    }
}

/// Tests whether the value of a row of the column `name` satisfies `op` with `literal`.
///
/// # Errors
/// `Usage` if the column holds values of another kind.
pub(super) fn compare<'f>(
    values: ColumnValues<'f>,
    name: &str,
    op: ComparisonOperator,
    literal: &Literal,
) -> Result<RowTest<'f>> {
    if *literal == Literal::Missing {
        return match op {
            ComparisonOperator::Equal => Ok(Box::new(move |row| values.is_missing(row))),
            ComparisonOperator::NotEqual => Ok(Box::new(move |row| !values.is_missing(row))),
            _ => Err(Error::usage(format!("'{name}': missing is neither less nor greater than anything"))),
        };
    }
    comparable(values, name, literal)?;
    let ColumnValues::Labels(c) = values else {
        let order = order_with(values, literal);
        return Ok(with_missing(values, op, move |row| op.holds(order(row))));
    };
    let labels = ColumnValues::of(c.categories());
    let order = order_with(labels, literal);
    let count = c.categories().len();
    if c.ordered() && !op.is_equality() {
        let at = (0..count).find(|label| order(*label) == Some(Ordering::Equal));
        let at = at.ok_or_else(|| Error::usage(format!("'{name}' has no such label to compare with")))?;
        return Ok(with_missing(values, op, move |row| {
            op.holds(values.label(row).map(|code| code.cmp(&at)))
        }));
    }
    let hits: Vec<bool> = (0..count).map(|label| op.holds(order(label))).collect();
    Ok(with_missing(values, op, move |row| values.label(row).is_some_and(|code| hits[code])))
}

/// # Errors
/// `Usage` if the column `name` holds texts and the literal is a number, or the other way round.
pub(super) fn comparable(values: ColumnValues<'_>, name: &str, literal: &Literal) -> Result<()> {
    let held = values.described();
    match (values.kind(), literal) {
        (ValueKind::Texts, Literal::Text(_) | Literal::Missing) => Ok(()),
        (ValueKind::Texts, _) => {
            Err(Error::usage(format!("'{name}' holds {held}: the value must stand in quotes")))
        }
        (ValueKind::Numbers, Literal::Text(_)) => {
            Err(Error::usage(format!("'{name}' holds {held}, not texts")))
        }
        (ValueKind::Numbers, _) => Ok(()),
    }
}

/// `test` for rows with a value; a missing one is only unequal.
fn with_missing<'f>(
    values: ColumnValues<'f>,
    op: ComparisonOperator,
    test: impl Fn(usize) -> bool + 'f,
) -> RowTest<'f> {
    let missing = op == ComparisonOperator::NotEqual;
    Box::new(move |row| if values.is_missing(row) { missing } else { test(row) })
}

/// The order of the value of a row and a literal of the same kind.
fn order_with<'f>(
    values: ColumnValues<'f>,
    literal: &Literal,
) -> Box<dyn Fn(usize) -> Option<Ordering> + 'f> {
    let dtype = match values {
        ColumnValues::Numbers { dtype, .. } => dtype,
        _ => Dtype::Float64,
    };
    match literal {
        Literal::Text(text) => {
            let text = text.clone().into_bytes();
            Box::new(move |row| values.text(row).map(|value| value.cmp(&text)))
        }
        Literal::Integer(i) => ordering(values, Scalar::Int(*i)),
        Literal::Float(f) => ordering(values, Scalar::Float(rounded(*f, dtype), Dtype::Float64)),
        Literal::Bool(b) => ordering(values, Scalar::Bool(*b)),
        Literal::Missing => Box::new(|_| None),
    }
}

fn ordering<'f>(values: ColumnValues<'f>, scalar: Scalar) -> Box<dyn Fn(usize) -> Option<Ordering> + 'f> {
    Box::new(move |row| order_of(values.number(row)?, scalar))
}

/// A number at the precision of a column, as in numpy.
fn rounded(number: f64, dtype: Dtype) -> f64 {
    match dtype {
        Dtype::Float16 => half::f16::from_f64(number).to_f64(),
        Dtype::Float32 => f64::from(number as f32),
        _ => number,
    }
}

/// Integers and bools in order exactly, other numbers as float64.
fn order_of(a: Scalar, b: Scalar) -> Option<Ordering> {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64().partial_cmp(&b.as_f64()),
    }
}

fn integer(scalar: Scalar) -> Option<i128> {
    match scalar {
        Scalar::Int(i) => Some(i),
        Scalar::Bool(b) => Some(i128::from(b)),
        Scalar::Float(..) => None,
    }
}

/// Tests whether the values of a row in two columns satisfy `op`. Labels are compared as what they are, and in
/// their own order only with labels of the same order.
///
/// # Errors
/// `Usage` if one holds numbers and the other texts, or if only one is ordered, or in another order.
pub(super) fn compare_columns<'f>(
    a: ColumnValues<'f>,
    name_a: &str,
    op: ComparisonOperator,
    b: ColumnValues<'f>,
    name_b: &str,
) -> Result<RowTest<'f>> {
    let kind = a.kind();
    if kind != b.kind() {
        let (a, b) = (a.described(), b.described());
        return Err(Error::usage(format!("'{name_a}' holds {a}, '{name_b}' {b}: they cannot be compared")));
    }
    let ordered = |values: ColumnValues<'_>| matches!(values, ColumnValues::Labels(c) if c.ordered());
    let test: RowTest<'f> = if !op.is_equality() && (ordered(a) || ordered(b)) {
        match (a, b) {
            (ColumnValues::Labels(x), ColumnValues::Labels(y))
                if x.ordered() && y.ordered() && x.categories() == y.categories() => {}
            _ => {
                let text = "expected labels of the same order on both sides, got";
                return Err(Error::usage(format!("{text} '{name_a}' and '{name_b}'")));
            }
        }
        Box::new(move |row| op.holds(a.label(row).zip(b.label(row)).map(|(a, b)| a.cmp(&b))))
    } else if kind == ValueKind::Texts {
        Box::new(move |row| op.holds(a.text(row).zip(b.text(row)).map(|(a, b)| a.cmp(b))))
    } else {
        Box::new(move |row| op.holds(a.number(row).zip(b.number(row)).and_then(|(a, b)| order_of(a, b))))
    };
    Ok(with_missing(a, op, move |row| match b.is_missing(row) {
        true => op == ComparisonOperator::NotEqual,
        false => test(row),
    }))
}

/// Tests whether the value of a row is in a list, whose values can be compared with it.
pub(super) fn is_in<'f, 'l>(
    values: ColumnValues<'f>,
    list: impl Iterator<Item = &'l Literal>,
) -> RowTest<'f> {
    let mut texts: HashSet<Vec<u8>> = HashSet::new();
    let mut integers: HashSet<i128> = HashSet::new();
    let mut floats: Vec<f64> = Vec::new();
    let mut missing = false;
    let labels = match values {
        ColumnValues::Labels(c) => ColumnValues::of(c.categories()),
        other => other,
    };
    let dtype = match labels {
        ColumnValues::Numbers { dtype, .. } => dtype,
        _ => Dtype::Float64,
    };
    for literal in list {
        match literal {
            Literal::Text(text) => drop(texts.insert(text.clone().into_bytes())),
            Literal::Integer(i) if dtype.is_float() => floats.push(*i as f64),
            Literal::Bool(b) if dtype.is_float() => floats.push(f64::from(u8::from(*b))),
            Literal::Integer(i) => drop(integers.insert(*i)),
            Literal::Bool(b) => drop(integers.insert(i128::from(*b))),
            Literal::Float(f) => floats.push(rounded(*f, dtype)),
            Literal::Missing => missing = true,
        }
    }
    floats.sort_by(f64::total_cmp);
    let among = move |row: usize| match labels.number(row) {
        None => labels.text(row).is_some_and(|text| texts.contains(text)),
        Some(number) => {
            let float = number.as_f64();
            let near = |f: &f64| f.partial_cmp(&float).unwrap_or(Ordering::Less);
            integer(number).is_some_and(|i| integers.contains(&i)) || floats.binary_search_by(near).is_ok()
        }
    };
    let test: RowTest<'f> = match values {
        ColumnValues::Labels(c) => {
            let hits: Vec<bool> = (0..c.categories().len()).map(among).collect();
            Box::new(move |row| values.label(row).is_some_and(|code| hits[code]))
        }
        _ => Box::new(among),
    };
    Box::new(move |row| if values.is_missing(row) { missing } else { test(row) })
}

/// Tests the text of a row; a missing one satisfies no test.
///
/// # Errors
/// `Usage` if the column does not hold texts, or a regular expression is not valid or too large.
pub(super) fn text_test<'f>(
    values: ColumnValues<'f>,
    name: &str,
    test: TextTest,
    pattern: &str,
) -> Result<RowTest<'f>> {
    if values.kind() != ValueKind::Texts {
        return Err(Error::usage(format!("'{name}' holds {}, not texts", values.described())));
    }
    let bytes = pattern.as_bytes().to_vec();
    let holds: TextPredicate = match test {
        TextTest::StartsWith => Box::new(move |text| text.starts_with(&bytes)),
        TextTest::EndsWith => Box::new(move |text| text.ends_with(&bytes)),
        TextTest::Contains => {
            let pattern = pattern.to_owned();
            // texts that are not UTF-8 contain no pattern across the bytes that are not
            Box::new(move |text| String::from_utf8_lossy(text).contains(&pattern))
        }
        TextTest::Matches => pattern::compiled(pattern)?,
    };
    Ok(match values {
        ColumnValues::Labels(c) => {
            let labels = ColumnValues::of(c.categories());
            let hits: Vec<bool> =
                (0..c.categories().len()).map(|label| labels.text(label).is_some_and(&holds)).collect();
            Box::new(move |row| values.label(row).is_some_and(|code| hits[code]))
        }
        _ => Box::new(move |row| !values.is_missing(row) && values.text(row).is_some_and(&holds)),
    })
}
