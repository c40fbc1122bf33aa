//! Finds rows by name.

use crate::error::{Error, Hint, Result};
use crate::table::{Column, Table, blocks};
use std::collections::HashMap;

/// Maximum number of names and rows listed in an error.
const SHOWN: usize = 5;

/// The rows of one name: how many there are, and the first of them.
#[derive(Default)]
struct RowsOfName {
    count: u64,
    first: Vec<u64>,
}

/// Row numbers of `names` in the index of `table`, in the order of `names`; a name given twice gives its row
/// twice. Names that are not asked for may stand in several rows.
///
/// # Errors
/// `NotFound` if names do not exist, `Usage` if one stands in several rows; the message lists the first; errors of
/// reading the index.
pub fn rows_named(names: &[String], table: &Table<'_>) -> Result<Vec<u64>> {
    let mut places: HashMap<&[u8], RowsOfName> =
        names.iter().map(|name| (name.as_bytes(), RowsOfName::default())).collect();
    for range in blocks(table.rows()) {
        let first = range.start;
        let Column::Strings(block) = table.index().read(range)? else { continue };
        for (row, name) in (first..).zip(block.iter()) {
            if let Some(place) = places.get_mut(name) {
                place.count += 1;
                if place.first.len() < SHOWN {
                    place.first.push(row);
                }
            }
        }
    }
    let mut rows = Vec::with_capacity(names.len());
    let mut unknown = Vec::new();
    for name in names {
        match places.get(name.as_bytes()) {
            Some(RowsOfName { count: 1, first }) => rows.extend(first),
            Some(place) if place.count > 1 => return Err(ambiguous(name, place)),
            _ => unknown.push(name.as_str()),
        }
    }
    if unknown.is_empty() {
        return Ok(rows);
    }
    let shown = unknown.iter().take(SHOWN).map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ");
    let more = if unknown.len() > SHOWN { ", ..." } else { "" };
    let text = format!("{} of {} names do not exist: {shown}{more}", unknown.len(), names.len());
    Err(Error::not_found(text))
}

fn ambiguous(name: &str, place: &RowsOfName) -> Error {
    let shown = place.first.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let more = if place.count > place.first.len() as u64 { ", ..." } else { "" };
    let text = format!("expected a name of one row, got '{name}', the name of {}", place.count);
    Error::usage(format!("{text} (rows {shown}{more})")).hinting(Hint::ChooseByNumber)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::table::Frame;

    fn found(names: &[&str]) -> Result<Vec<u64>> {
        let frame = Frame::new(None, ["a", "b", "c", "b"].into_iter().collect(), Vec::new()).unwrap();
        rows_named(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>(), &Table::of(&frame))
    }

    #[test]
    fn the_order_is_that_of_the_list_and_unknown_names_are_listed() {
        assert_eq!(found(&["c", "a", "c"]).unwrap(), [2, 0, 2], "given twice, there twice");
        let error = found(&["x", "a", "y"]).unwrap_err();
        assert_eq!(error.message(), "2 of 3 names do not exist: 'x', 'y'");
        let error = found(&["1", "2", "3", "4", "5", "6"]).unwrap_err();
        assert!(error.message().ends_with("'5', ..."), "{error}");
    }

    /// Never one of several rows without a word: the number of rows, and which.
    #[test]
    fn a_name_of_several_rows_is_refused() {
        let error = found(&["a", "b"]).unwrap_err();
        assert_eq!(error.message(), "expected a name of one row, got 'b', the name of 2 (rows 1, 3)");
        assert_eq!((error.kind(), error.hint()), (Kind::Usage, Some(Hint::ChooseByNumber)));
        let frame = Frame::new(None, ["b"; 9].into_iter().collect(), Vec::new()).unwrap();
        let error = rows_named(&["b".to_owned()], &Table::of(&frame)).unwrap_err();
        assert!(error.message().ends_with("the name of 9 (rows 0, 1, 2, 3, 4, ...)"), "{error}");
    }
}
