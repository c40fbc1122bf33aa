//! Binds a condition to the columns of a frame: all that can be wrong with it is found here, before any row is
//! tested.

use super::compare::{comparable, compare, compare_columns, is_in, text_test};
use super::parse::{Condition, Operand, PlacedName};
use super::values::ColumnValues;
use super::{ComparisonOperator, Literal};
use crate::error::{Error, Result};
use crate::select::column::ColumnOrIndex;
use crate::table::Frame;

/// A test of one row.
pub(super) type RowTest<'f> = Box<dyn Fn(usize) -> bool + 'f>;

/// A condition bound to a frame.
pub(super) enum Bound<'f> {
    Any(Vec<Bound<'f>>),
    All(Vec<Bound<'f>>),
    Not(Box<Bound<'f>>),
    Row(RowTest<'f>),
}

impl Bound<'_> {
    /// Whether the row satisfies the condition.
    pub(super) fn holds(&self, row: usize) -> bool {
        match self {
            Bound::Any(all) => all.iter().any(|one| one.holds(row)),
            Bound::All(all) => all.iter().all(|one| one.holds(row)),
            Bound::Not(one) => !one.holds(row),
            Bound::Row(test) => test(row),
        }
    }
}

/// Binds `condition`, whose text is for messages. Conditions are nested as deep as the parser allows.
pub(super) fn bind<'f>(condition: &Condition, frame: &'f Frame, text: &str) -> Result<Bound<'f>> {
    let all = |list: &[Condition]| list.iter().map(|one| bind(one, frame, text)).collect::<Result<Vec<_>>>();
    Ok(match condition {
        Condition::Any(list) => Bound::Any(all(list)?),
        Condition::All(list) => Bound::All(all(list)?),
        Condition::Not(one) => Bound::Not(Box::new(bind(one, frame, text)?)),
        leaf => Bound::Row(row_test(leaf, frame, text)?),
    })
}

fn row_test<'f>(condition: &Condition, frame: &'f Frame, text: &str) -> Result<RowTest<'f>> {
    let find = |name: &PlacedName| values_of(frame, name, text);
    let placed = |at: usize| move |e: Error| e.pointing_at(text, at);
    match condition {
        Condition::Compare(Operand::Column(a), op, Operand::Column(b)) => {
            compare_columns(find(a)?, &a.it, *op, find(b)?, &b.it).map_err(placed(a.at))
        }
        Condition::Compare(Operand::Column(name), op, Operand::Value(value)) => {
            compare(find(name)?, &name.it, *op, &value.it).map_err(placed(value.at))
        }
        Condition::Compare(Operand::Value(value), op, Operand::Column(name)) => {
            compare(find(name)?, &name.it, op.turned(), &value.it).map_err(placed(value.at))
        }
        Condition::In(name, list) => {
            let values = find(name)?;
            for value in list {
                comparable(values, &name.it, &value.it).map_err(placed(value.at))?;
            }
            Ok(is_in(values, list.iter().map(|value| &value.it)))
        }
        Condition::Text(name, test, pattern) => {
            text_test(find(name)?, &name.it, *test, &pattern.it).map_err(placed(pattern.at))
        }
        Condition::Missing(name) => {
            let values = find(name)?;
            Ok(Box::new(move |row| values.is_missing(row)))
        }
        Condition::True(name) => {
            compare(find(name)?, &name.it, ComparisonOperator::Equal, &Literal::Bool(true))
                .map_err(placed(name.at))
        }
        // two values are refused by the parser, and the others are not leaves
        _ => Err(Error::usage("expected a comparison")),
    }
}

fn values_of<'f>(frame: &'f Frame, name: &PlacedName, text: &str) -> Result<ColumnValues<'f>> {
    let found = ColumnOrIndex::find(frame, &name.it).map_err(|e| e.pointing_at(text, name.at));
    found.map(ColumnValues::from)
}
