//! Finds rows by name.

use crate::error::{Error, Result};
use crate::table::Frame;
use std::collections::HashMap;
use std::path::Path;

/// Maximum number of unknown names listed in an error.
const SHOWN: usize = 5;

/// Row numbers of `names` in the index of `frame`, in the order of `names`. If several rows have the same
/// name, the first is taken.
///
/// # Errors
/// `NotFound` if names do not exist; the message lists the first of them.
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

/// Reads names from the file `text`, one per line; if it is not a readable file, splits `text` at commas.
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
