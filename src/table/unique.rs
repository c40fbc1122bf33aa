//! Row names made unique, of a table that is read by ranges of rows.

use super::by_rows::{Table, TableColumn};
use super::column::Column;
use super::rows::{ColumnRows, blocks};
use crate::error::Result;
use crate::strings::Strings;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::Range;
use std::sync::Arc;

/// Names with suffixes in some rows.
struct UniqueNames<'t> {
    from: TableColumn<'t>,
    /// The rows whose names have a suffix, ascending, and the number in it.
    renamed: Vec<(u64, u64)>,
}

/// A hash of a name, the same in every run.
pub(super) fn hash(name: &[u8]) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(name)
}

/// The hashes that several rows have, ascending. Eight bytes of memory for each row.
fn repeated_hashes(names: &TableColumn<'_>) -> Result<Vec<u64>> {
    let mut all = Vec::new();
    for range in blocks(names.rows()) {
        all.extend(names.read(range)?.into_strings()?.iter().map(hash));
    }
    Ok(repeated(all))
}

/// The numbers that occur several times, ascending.
pub(super) fn repeated(mut all: Vec<u64>) -> Vec<u64> {
    all.sort_unstable();
    let mut repeated: Vec<u64> = all.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect();
    repeated.dedup();
    repeated
}

/// The name before the last `-` of a name like that of a renamed row.
fn without_suffix(name: &[u8]) -> Option<&[u8]> {
    let dash = name.iter().rposition(|c| *c == b'-')?;
    let digits = &name[dash + 1..];
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then(|| &name[..dash])
}

impl<'t> Table<'t> {
    /// Makes the row names unique: duplicates get suffixes `-1`, `-2`, ... as in anndata. Names that occur once
    /// are not held in memory, only a hash of each.
    ///
    /// # Errors
    /// Those of [`ColumnRows::read`].
    pub fn with_unique_index(self) -> Result<Self> {
        let repeated = repeated_hashes(self.index())?;
        if repeated.is_empty() {
            return Ok(self);
        }
        let is_repeated = |name: &[u8]| repeated.binary_search(&hash(name)).is_ok();
        // the names that a new name may be equal to
        let mut taken: HashSet<Vec<u8>> = HashSet::new();
        for range in blocks(self.rows()) {
            let names = self.index().read(range)?.into_strings()?;
            let like_new = names.iter().filter(|n| without_suffix(n).is_some_and(is_repeated));
            taken.extend(like_new.map(<[u8]>::to_vec));
        }
        let mut seen: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut renamed = Vec::new();
        for range in blocks(self.rows()) {
            let first = range.start;
            let names = self.index().read(range)?.into_strings()?;
            for (row, name) in (first..).zip(names.iter()).filter(|(_, name)| is_repeated(name)) {
                let Some(times) = seen.get_mut(name) else {
                    seen.insert(name.to_vec(), 0);
                    continue;
                };
                *times += 1;
                while !taken.insert(with_suffix(name, *times)) {
                    *times += 1;
                }
                renamed.push((row, *times));
            }
        }
        let index = UniqueNames { from: Arc::clone(self.index()), renamed };
        self.with_index(Arc::new(index))
    }
}

fn with_suffix(name: &[u8], number: u64) -> Vec<u8> {
    [name, format!("-{number}").as_bytes()].concat()
}

impl ColumnRows for UniqueNames<'_> {
    fn head(&self) -> &Column {
        self.from.head()
    }

    fn rows(&self) -> u64 {
        self.from.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let from = self.renamed.partition_point(|(row, _)| *row < range.start);
        let mut renamed = self.renamed[from..].iter().peekable();
        let names = self.from.read(range.clone())?.into_strings()?;
        let mut out = Strings::new();
        for (row, name) in range.zip(names.iter()) {
            match renamed.next_if(|(at, _)| *at == row) {
                Some((_, number)) => out.push(&with_suffix(name, *number)),
                None => out.push(name),
            }
        }
        Ok(Column::Strings(out))
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frame;
    use super::*;

    #[test]
    fn names_are_made_unique_as_in_a_frame() {
        for names in [
            &["a", "a", "a-1", "b", "a", "b"][..],
            &["a-1", "a", "a", "a", "a-1", "a-2", "a-1-1", "-1", "-1", "", ""],
            &["a", "b"],
            &[],
        ] {
            let frame = Frame::new(None, names.iter().collect(), Vec::new()).unwrap();
            let table = Table::of(&frame).with_unique_index().unwrap();
            let rows = table.rows();
            assert_eq!(table.read(0..rows).unwrap(), frame.clone().with_unique_index());
            if rows > 3 {
                let whole = frame.clone().with_unique_index();
                assert_eq!(table.read(2..4).unwrap(), whole.select(&[2, 3]).unwrap());
            }
        }
    }
}
