//! Rows by their names.

use crate::error::{Error, Result};
use crate::table::Frame;
use std::collections::HashMap;
use std::path::Path;

/// Names listed at most when some do not exist.
const SHOWN: usize = 5;

/// Row numbers of `names` in the index of `frame`, in the order of the list. Of a name that several rows have, the first row
/// is taken.
///
/// # Errors
/// `NotFound` where names do not exist; the first of them are listed.
pub fn rows_named(names: &[String], frame: &Frame) -> Result<Vec<u64>> {
    let mut places: HashMap<&[u8], u64> = HashMap::new();
    for (row, name) in (0u64..).zip(frame.index().iter()) {
        places.entry(name).or_insert(row);
    }
    let mut rows = Vec::with_capacity(names.len());
    let mut unknown = Vec::new();
    for name in names {
        match places.get(name.as_bytes()) {
            Some(row) => rows.push(*row),
            None => unknown.push(name.as_str()),
        }
    }
    if unknown.is_empty() {
        return Ok(rows);
    }
    let shown = unknown.iter().take(SHOWN).map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ");
    Err(Error::not_found(format!("{} of {} names do not exist: {shown}", unknown.len(), names.len())))
}

/// Names from a file with one a line, or from a list with commas where `text` is no readable file.
pub fn names_from(text: &str) -> Vec<String> {
    match std::fs::read_to_string(Path::new(text)) {
        Ok(lines) => {
            lines.lines().map(|l| l.trim_end_matches('\r').to_owned()).filter(|l| !l.is_empty()).collect()
        }
        Err(_) => text.split(',').map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_list_and_unknown_names_are_listed() {
        let frame = Frame::new(None, ["a", "b", "c", "b"].into_iter().collect(), Vec::new()).unwrap();
        let names = |l: &[&str]| l.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(rows_named(&names(&["c", "b", "c"]), &frame).unwrap(), [2, 1, 2]);
        let error = rows_named(&names(&["x", "a", "y"]), &frame).unwrap_err();
        assert_eq!(error.message(), "2 of 3 names do not exist: 'x', 'y'");
    }
}
