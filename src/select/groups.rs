//! Groups rows by the values of a column.

use crate::error::{Error, Result};
use crate::table::Frame;
use std::collections::HashMap;

/// A value of the column and the rows that have it.
pub type RowGroup = (String, Vec<u64>);

/// Groups `rows` (all if `None`) of `frame` by the text of `column`. Groups are in the order of their first
/// row; rows with a missing value belong to no group.
///
/// # Errors
/// `NotFound` if there is no such column; `Malformed` if a value is not UTF-8.
pub fn group_rows(frame: &Frame, column: &str, rows: Option<Vec<u64>>) -> Result<Vec<RowGroup>> {
    let values = frame
        .column(column)
        .ok_or_else(|| Error::not_found(format!("there is no column '{column}' to split by")))?;
    let mut groups: Vec<RowGroup> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in rows.unwrap_or_else(|| (0..frame.rows() as u64).collect()) {
        let Some(value) = values.text(row as usize)? else { continue };
        let at = *places.entry(value.clone()).or_insert_with(|| {
            groups.push((value, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(row);
    }
    Ok(groups)
}

/// Turns a value into a file name: `/` and control characters become `_`, and no name is empty or hidden.
pub fn file_name(value: &str) -> String {
    let name: String = value.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect();
    if name.is_empty() || name.starts_with('.') { format!("_{name}") } else { name }
}

/// Refuses groups of which two have the same file name.
///
/// # Errors
/// `Usage`, with the file name that two groups share.
pub fn check_file_names(groups: &[RowGroup], column: &str) -> Result<()> {
    let mut names: Vec<String> = groups.iter().map(|(value, _)| file_name(value)).collect();
    names.sort();
    match names.windows(2).find(|w| w[0] == w[1]) {
        Some(twice) => {
            Err(Error::usage(format!("two values of '{column}' would both be called {}.h5ad", twice[0])))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Categorical, Column};

    fn frame() -> Frame {
        let labels = Column::Strings(["x/y", "x_y", "z"].into_iter().collect());
        let column = Column::Categorical(Categorical::new(&[2, 0, -1, 2, 1], labels, false).unwrap());
        Frame::unnamed(5).with_column("kind", column).unwrap()
    }

    #[test]
    fn groups_come_in_the_order_of_their_first_row() {
        let all = group_rows(&frame(), "kind", None).unwrap();
        assert_eq!(all, [("z".into(), vec![0, 3]), ("x/y".into(), vec![1]), ("x_y".into(), vec![4])]);
        let some = group_rows(&frame(), "kind", Some(vec![3, 2])).unwrap();
        assert_eq!(some, [("z".into(), vec![3])]);
        assert!(group_rows(&frame(), "other", None).is_err());
    }

    #[test]
    fn file_names_that_collide_are_refused() {
        let all = group_rows(&frame(), "kind", None).unwrap();
        let error = check_file_names(&all, "kind").unwrap_err();
        assert!(error.message().ends_with("would both be called x_y.h5ad"), "{error}");
        assert!(check_file_names(&all[..2], "kind").is_ok());
        assert_eq!([file_name(""), file_name(".a"), file_name("a\n")], ["_", "_.a", "a_"]);
    }
}
