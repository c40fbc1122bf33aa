//! Compares two tables: index, columns, values.

use super::Comparison;
use crate::error::Result;
use crate::table::{Column, Frame};
use std::borrow::Cow;

/// Compares two tables of the same name.
pub(super) fn compare(table: &str, a: &Frame, b: &Frame, found: &mut Comparison) -> Result<()> {
    if a.rows() != b.rows() {
        found.whole(table, "rows", a.rows(), b.rows());
        return Ok(());
    }
    let rows = if a.same_index(b) { 0 } else { a.rows() };
    for i in (0..rows).filter(|i| a.index().bytes(*i) != b.index().bytes(*i)) {
        let name = |f: &Frame| f.index().lossy(i).unwrap_or_default().into_owned();
        found.whole(table, &format!("name of row {i}"), name(a), name(b));
    }
    let names = |f: &Frame| f.columns().iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    let (names_a, names_b) = (names(a), names(b));
    if names_a != names_b {
        found.whole(table, "columns", names_a.join(", "), names_b.join(", "));
    }
    for (name, left) in a.columns() {
        if let Some(right) = b.column(name) {
            compare_columns(table, &format!("column '{name}'"), [left, right], found)?;
        }
    }
    Ok(())
}

/// Compares two columns of the same length, called `name` in the element.
pub(super) fn compare_columns(
    element: &str,
    name: &str,
    [left, right]: [&Column; 2],
    found: &mut Comparison,
) -> Result<()> {
    if left.type_name() != right.type_name() {
        found.whole(element, format!("type of {name}").trim_end(), left.type_name(), right.type_name());
        return Ok(());
    }
    if left.len() != right.len() {
        found.whole(element, format!("rows of {name}").trim_end(), left.len(), right.len());
        return Ok(());
    }
    if left == right {
        return Ok(());
    }
    for row in 0..left.len() {
        if !same_cell(left, right, row)? {
            let shown = |c: &Column| c.text(row).map(|t| t.unwrap_or_else(|| "missing".into()));
            let place = if name.is_empty() { format!("row {row}") } else { format!("{name}, row {row}") };
            found.whole(element, &place, shown(left)?, shown(right)?);
        }
    }
    if let (Column::Categorical(x), Column::Categorical(y)) = (left, right)
        && x.categories() != y.categories()
    {
        let all = |c: &Column| {
            c.to_strings().map(|s| s.iter_lossy().take(8).map(Cow::into_owned).collect::<Vec<_>>().join(", "))
        };
        let place = format!("categories of {name}");
        found.whole(element, place.trim_end(), all(x.categories())?, all(y.categories())?);
    }
    Ok(())
}

/// Compares one cell: numbers by bits, labels and text as strings.
fn same_cell(a: &Column, b: &Column, row: usize) -> Result<bool> {
    let bits = |c: &Column| -> Option<Vec<u8>> {
        match c {
            Column::Numbers { dtype, bytes } => {
                let n = dtype.size();
                bytes.chunks_exact(n).nth(row).map(<[u8]>::to_vec)
            }
            _ => None,
        }
    };
    Ok(match (bits(a), bits(b)) {
        (Some(x), Some(y)) => x == y,
        _ => a.text(row)? == b.text(row)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;

    #[test]
    fn what_differs_is_named() {
        let frame = |first: &str, n: u8| {
            let column = Column::Numbers { dtype: Dtype::Uint8, bytes: vec![n, 2] };
            Frame::new(None, [first, "b"].iter().collect(), vec![("n".into(), column)]).unwrap()
        };
        let count = |a: &Frame, b: &Frame| {
            let mut c = Comparison::default();
            compare("obs", a, b, &mut c).unwrap();
            c.differences
        };
        assert_eq!(count(&frame("a", 1), &frame("a", 1)), 0);
        assert_eq!(count(&frame("a", 1), &frame("x", 1)), 1);
        assert_eq!(count(&frame("a", 1), &frame("x", 3)), 2);
    }
}
