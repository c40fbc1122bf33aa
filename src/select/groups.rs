//! Groups rows by the values of a column.

use super::column::ColumnOrIndex;
use crate::error::{Error, Result};
use crate::table::{Table, blocks};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

/// Name of the group of rows without a value, unless the caller gives one.
const MISSING: &str = "missing";

/// What happens to rows whose group is not known, because their value is missing. It is written as `drop`,
/// `error`, `group` or `group=NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingRows {
    /// They belong to no group.
    Drop,
    /// They are an error.
    Error,
    /// They are a group of their own, the last one, with this name. Without a name it is called `missing`, with
    /// a number behind it if a value is called so.
    Group(Option<String>),
}

impl Default for MissingRows {
    fn default() -> Self {
        MissingRows::Group(None)
    }
}

impl FromStr for MissingRows {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('=') {
            None if text == "drop" => Ok(MissingRows::Drop),
            None if text == "error" => Ok(MissingRows::Error),
            None if text == "group" => Ok(MissingRows::Group(None)),
            Some(("group", name)) if !name.is_empty() => Ok(MissingRows::Group(Some(name.to_owned()))),
            _ => Err(Error::usage(format!("expected drop, error, group or group=NAME, got '{text}'"))),
        }
    }
}

impl fmt::Display for MissingRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MissingRows::Drop => f.write_str("drop"),
            MissingRows::Error => f.write_str("error"),
            MissingRows::Group(None) => f.write_str("group"),
            MissingRows::Group(Some(name)) => write!(f, "group={name}"),
        }
    }
}

/// Rows with the same value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowGroup {
    /// Name of the group: the value, or a name that no value has.
    pub name: String,
    /// The value as text; `None` for the group of rows without a value.
    pub value: Option<String>,
    /// Row numbers, in the order in which they were given.
    pub rows: Vec<u64>,
}

/// Groups `rows` (all if `None`) of `table` by the text of `column`. Groups are in the order of their first
/// row; a label without rows has no group. Missing are the values that are missing in conditions, NaN among
/// them; `missing` says what becomes of their rows.
///
/// # Errors
/// `NotFound` if there is no such column; `Usage` if values are missing and must not be, or a value has the
/// name given to the group of missing rows; `Malformed` if a value is not UTF-8; errors of reading.
pub fn group_rows(
    table: &Table<'_>,
    column: &str,
    rows: Option<Vec<u64>>,
    missing: &MissingRows,
) -> Result<Vec<RowGroup>> {
    ColumnOrIndex::find(&table.read(0..0)?, column)?;
    let rows = rows.unwrap_or_else(|| (0..table.rows()).collect());
    let chosen = table.only(&[column]).select(&rows)?;
    let mut groups: Vec<RowGroup> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut without = Vec::new();
    for range in blocks(chosen.rows()) {
        let frame = chosen.read(range.clone())?;
        let values = ColumnOrIndex::find(&frame, column)?;
        for (at, row) in rows[range.start as usize..range.end as usize].iter().enumerate() {
            let Some(value) = values.text(at)? else {
                without.push(*row);
                continue;
            };
            let group = match places.get(&value) {
                Some(group) => *group,
                None => {
                    places.insert(value.clone(), groups.len());
                    groups.push(RowGroup { name: value.clone(), value: Some(value), rows: Vec::new() });
                    groups.len() - 1
                }
            };
            groups[group].rows.push(*row);
        }
    }
    let (Some(first), false) = (without.first(), *missing == MissingRows::Drop) else { return Ok(groups) };
    let taken: HashSet<&str> = places.keys().map(String::as_str).collect();
    let name = match missing {
        MissingRows::Group(Some(name)) if taken.contains(name.as_str()) => {
            let text = "expected a name for the rows without a value that no value has, got";
            return Err(Error::usage(format!("{text} '{name}', a value of '{column}'")));
        }
        MissingRows::Group(Some(name)) => name.clone(),
        MissingRows::Group(None) => free_name(MISSING, |name| !taken.contains(name)),
        MissingRows::Error | MissingRows::Drop => {
            let text = format!("expected a value of '{column}' in each row");
            return Err(Error::usage(format!("{text}, got {} without one (first: {first})", without.len())));
        }
    };
    groups.push(RowGroup { name, value: None, rows: without });
    Ok(groups)
}

/// `name` if it is free, else the first of `name-1`, `name-2`, ... that is.
fn free_name(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    if is_free(name) {
        return name.to_owned();
    }
    let mut number = 1u64;
    loop {
        let numbered = format!("{name}-{number}");
        if is_free(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::table::Frame;
    use crate::table::{Categorical, Column};

    fn frame(labels: &[&str]) -> Frame {
        let labels = Column::Strings(labels.iter().collect());
        let column = Column::Categorical(Categorical::new(&[2, 0, -1, 2, 1], labels, false).unwrap());
        Frame::unnamed(5).with_column("kind", column).unwrap()
    }

    fn grouped(frame: &Frame, column: &str, rows: Option<Vec<u64>>, missing: &str) -> Vec<RowGroup> {
        group_rows(&Table::of(frame), column, rows, &missing.parse().unwrap()).unwrap()
    }

    fn group(value: &str, rows: &[u64]) -> RowGroup {
        RowGroup { name: value.into(), value: Some(value.into()), rows: rows.to_vec() }
    }

    #[test]
    fn groups_come_in_the_order_of_their_first_row() {
        // the label w has no rows
        let frame = frame(&["x/y", "x_y", "z", "w"]);
        let all = grouped(&frame, "kind", None, "drop");
        assert_eq!(all, [group("z", &[0, 3]), group("x/y", &[1]), group("x_y", &[4])]);
        let some = grouped(&frame, "kind", Some(vec![3, 2]), "drop");
        assert_eq!(some, [group("z", &[3])]);
        let error = group_rows(&Table::of(&frame), "other", None, &MissingRows::Drop).unwrap_err();
        assert!(error.message().contains("there is no column 'other' (there are: index, kind)"), "{error}");
    }

    /// Rows without a value are a group by default; its name is that of no value.
    #[test]
    fn rows_without_a_value_have_a_group_of_their_own() {
        let missing = |name: &str| RowGroup { name: name.into(), value: None, rows: vec![2] };
        let plain = frame(&["x", "y", "z"]);
        assert_eq!(grouped(&plain, "kind", None, "group")[3], missing("missing"));
        assert_eq!(grouped(&plain, "kind", None, "group=unknown")[3], missing("unknown"));
        let taken = frame(&["missing", "missing-1", ""]);
        let all = grouped(&taken, "kind", None, "group");
        assert_eq!(all[0], group("", &[0, 3]), "an empty text is a value");
        assert_eq!(all[3], missing("missing-2"));
        let error = group_rows(&Table::of(&taken), "kind", None, &MissingRows::Group(Some("missing".into())))
            .unwrap_err();
        assert!(error.message().ends_with("got 'missing', a value of 'kind'"), "{error}");
        let error = group_rows(&Table::of(&plain), "kind", None, &MissingRows::Error).unwrap_err();
        assert_eq!(error.message(), "expected a value of 'kind' in each row, got 1 without one (first: 2)");
        assert_eq!(grouped(&plain, "kind", Some(vec![0, 1]), "error").len(), 2, "none of these is missing");
    }

    #[test]
    fn nan_is_missing() {
        let bytes = [1.5f32, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
        let column = Column::Numbers { dtype: Dtype::Float32, bytes };
        let frame = Frame::unnamed(2).with_column("score", column).unwrap();
        let all = grouped(&frame, "score", None, "group");
        assert_eq!(all[0], group("1.5", &[0]));
        assert_eq!(all[1].value, None);
    }

    #[test]
    fn one_spelling_for_every_command() {
        for text in ["drop", "error", "group", "group=a=b"] {
            assert_eq!(text.parse::<MissingRows>().unwrap().to_string(), text);
        }
        assert_eq!(MissingRows::default().to_string(), "group");
        for text in ["", "Drop", "group=", "drop=x"] {
            assert!(text.parse::<MissingRows>().is_err(), "{text}");
        }
    }
}
