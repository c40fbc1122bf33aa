//! Evaluates a condition on the rows of a frame.

use super::parse::Condition;
use super::{ComparisonOperator, Literal};
use crate::dtype::{Dtype, Scalar, scalar_at};
use crate::error::{Error, Result};
use crate::table::{Column, Frame};
use std::cmp::Ordering;

/// Whether each row of `frame` satisfies the condition.
pub(super) fn eval(condition: &Condition, frame: &Frame) -> Result<Vec<bool>> {
    let join = |a: &Condition, b: &Condition, f: fn(bool, bool) -> bool| -> Result<Vec<bool>> {
        Ok(eval(a, frame)?.into_iter().zip(eval(b, frame)?).map(|(a, b)| f(a, b)).collect())
    };
    match condition {
        Condition::Or(a, b) => join(a, b, |a, b| a || b),
        Condition::And(a, b) => join(a, b, |a, b| a && b),
        Condition::Not(a) => Ok(eval(a, frame)?.into_iter().map(|x| !x).collect()),
        Condition::True(name) => compare(frame, name, ComparisonOperator::Equal, &Literal::Bool(true)),
        Condition::Compare(name, op, literal) => compare(frame, name, *op, literal),
        Condition::In(name, list) => {
            let mut hits = vec![false; frame.rows()];
            for literal in list {
                let one = compare(frame, name, ComparisonOperator::Equal, literal)?;
                hits.iter_mut().zip(one).for_each(|(h, o)| *h |= o);
            }
            Ok(hits)
        }
    }
}

/// Whether the value of each row satisfies `op` with `literal`.
fn compare(frame: &Frame, name: &str, op: ComparisonOperator, literal: &Literal) -> Result<Vec<bool>> {
    let index;
    let column = match frame.column(name) {
        Some(c) => c,
        None if name == "index" || Some(name) == frame.index_name() => {
            index = Column::Strings(frame.index().clone());
            &index
        }
        None => {
            let names: Vec<&str> = frame.columns().iter().map(|(n, _)| n.as_str()).collect();
            return Err(Error::not_found(format!(
                "there is no column '{name}' (there are: index, {})",
                names.join(", ")
            )));
        }
    };
    compare_column(column, name, op, literal)
}

fn compare_column(
    column: &Column,
    name: &str,
    op: ComparisonOperator,
    literal: &Literal,
) -> Result<Vec<bool>> {
    let rows = column.len();
    let missing = |row: usize| match column {
        Column::Numbers { dtype, bytes } if dtype.is_float() => {
            scalar_at(*dtype, bytes, row).is_some_and(|v| v.as_f64().is_nan())
        }
        other => other.is_missing(row),
    };
    let equality = matches!(op, ComparisonOperator::Equal | ComparisonOperator::NotEqual);
    if *literal == Literal::Missing {
        return match op {
            ComparisonOperator::Equal => Ok((0..rows).map(missing).collect()),
            ComparisonOperator::NotEqual => Ok((0..rows).map(|r| !missing(r)).collect()),
            _ => Err(Error::usage(format!("'{name}': missing is neither less nor greater than anything"))),
        };
    }
    let by = |order: &dyn Fn(usize) -> Option<Ordering>| -> Vec<bool> {
        (0..rows)
            .map(|row| if missing(row) { op == ComparisonOperator::NotEqual } else { holds(op, order(row)) })
            .collect()
    };
    match (column, literal) {
        (Column::Categorical(c), literal) => {
            let labels = compare_column(c.categories(), name, ComparisonOperator::Equal, literal)?;
            let at = labels.iter().position(|hit| *hit);
            if equality {
                return Ok(by(&|row| {
                    let same = at.is_some_and(|at| c.codes()[row] as usize == at);
                    Some(if same { Ordering::Equal } else { Ordering::Less })
                }));
            }
            if c.ordered() {
                let at =
                    at.ok_or_else(|| Error::usage(format!("'{name}' has no such label to compare with")))?;
                return Ok(by(&|row| Some((c.codes()[row] as usize).cmp(&at))));
            }
            let labels = compare_column(c.categories(), name, op, literal)?;
            Ok((0..rows).map(|r| !missing(r) && labels[c.codes()[r] as usize]).collect())
        }
        (Column::Strings(s) | Column::NullableStrings { values: s, .. }, Literal::Text(t)) => {
            Ok(by(&|row| s.bytes(row).map(|b| b.cmp(t.as_bytes()))))
        }
        (Column::Numbers { dtype, bytes } | Column::Nullable { dtype, bytes, .. }, l) => {
            let number = |row: usize| scalar_at(*dtype, bytes, row);
            match l {
                Literal::Integer(i) => Ok(by(&|row| match number(row)? {
                    Scalar::Int(v) => Some(v.cmp(i)),
                    v => v.as_f64().partial_cmp(&(*i as f64)),
                })),
                Literal::Float(f) => {
                    // compared at the precision of the column, as in numpy
                    let f = match dtype {
                        Dtype::Float16 => half::f16::from_f64(*f).to_f64(),
                        Dtype::Float32 => f64::from(*f as f32),
                        _ => *f,
                    };
                    Ok(by(&|row| number(row)?.as_f64().partial_cmp(&f)))
                }
                Literal::Bool(b) => Ok(by(&|row| match number(row)? {
                    Scalar::Bool(v) => Some(v.cmp(b)),
                    v => v.as_f64().partial_cmp(&f64::from(u8::from(*b))),
                })),
                _ => Err(Error::usage(format!("'{name}' holds numbers ({}), not texts", column.type_name()))),
            }
        }
        _ => Err(Error::usage(format!("'{name}' holds texts: the value must stand in quotes"))),
    }
}

fn holds(op: ComparisonOperator, order: Option<Ordering>) -> bool {
    match (op, order) {
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
