//! Names of files for values: valid on every system, and each its own.

use std::collections::{HashMap, HashSet};

/// Maximum length of a name in bytes. Most file systems allow 255; the rest is for the ending and for the
/// temporary name.
const LONGEST: usize = 200;

/// Turns a value into a file name: `/` and control characters become `_`, no name is empty or hidden, and what
/// is longer than 200 bytes is cut.
fn file_name(value: &str) -> String {
    let name: String = value.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect();
    let mut name = if name.is_empty() || name.starts_with('.') { format!("_{name}") } else { name };
    let end = (0..=LONGEST.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name.truncate(end);
    name
}

/// A file name for each of `values`, in their order. Where two would have the same, or the same but for upper
/// and lower case, one gets a suffix `-1`, `-2`, ...: the one that is no valid name as it stands, else the later.
pub fn file_names<'v>(values: impl IntoIterator<Item = &'v str>) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let keeps = |(value, name): &(&str, String)| value == name;
    let mut names: Vec<(&str, String)> = values.into_iter().map(|value| (value, file_name(value))).collect();
    let own: Vec<bool> = names.iter().map(|n| keeps(n) && taken.insert(n.1.to_lowercase())).collect();
    // the last number tried for a name, so that many equal ones need one attempt each
    let mut last: HashMap<String, u64> = HashMap::new();
    for ((_, name), _) in names.iter_mut().zip(own).filter(|(_, own)| !own) {
        let number = last.entry(name.to_lowercase()).or_default();
        let mut free = name.clone();
        while !taken.insert(free.to_lowercase()) {
            *number += 1;
            free = format!("{name}-{number}");
        }
        *name = free;
    }
    names.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_name_of_its_own() {
        assert_eq!(["", ".a", "a\n", "T cell"].map(file_name), ["_", "_.a", "a_", "T cell"]);
        // x_y is a name and stays; what would be called so as well gets a number
        assert_eq!(file_names(["x/y", "x_y", "x\ny", "z"]), ["x_y-1", "x_y", "x_y-2", "z"]);
        assert_eq!(file_names(["a", "A", "a-1"]), ["a", "A-2", "a-1"]);
        assert_eq!(file_names(["", "_"]), ["_-1", "_"]);
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let long = "é".repeat(150);
        let names = file_names([long.as_str(), &format!("{long}!")]);
        assert_eq!(names, ["é".repeat(100), format!("{}-1", "é".repeat(100))]);
    }
}
