//! Walks a version 2 B-tree: all its records in order, or those that match a search.

use super::addresses::Addresses;
use crate::bytes::Cursor;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::btree_v2::{self as format, Child, Header, Widths};
use crate::limits::Limits;
use std::cmp::Ordering;

/// An open B-tree.
pub(crate) struct Tree<'f> {
    addresses: &'f Addresses,
    header: Header,
    widths: Widths,
}

/// Compares a record with the one searched for.
type Compare<'c> = &'c dyn Fn(Cursor<'_>) -> Result<Ordering>;
/// Receives a record.
type TakeRecord<'v> = &'v mut dyn FnMut(Cursor<'_>) -> Result<()>;

impl<'f> Tree<'f> {
    /// The tree whose header lies at `address`.
    ///
    /// # Errors
    /// `Malformed` if the header is damaged; `Limit` if the tree has too many levels.
    pub(crate) fn open(addresses: &'f Addresses, address: u64) -> Result<Self> {
        let (offset, sizes) = (addresses.offset_of(address), addresses.sizes());
        let bytes = addresses.read(address, format::header_len(sizes) as u64)?;
        let header = format::read_header(&bytes, offset, sizes)?;
        let most = u64::from(addresses.limits().nesting);
        Limits::check("B-tree levels", u64::from(header.depth), most).at(offset)?;
        let widths = Widths::of(&header, sizes).at(offset)?;
        Ok(Tree { addresses, header, widths })
    }

    /// Type number of the records.
    pub(crate) fn record_type(&self) -> u8 {
        self.header.record_type
    }

    /// Calls `visit` with each record, in order.
    pub(crate) fn for_each(&self, visit: TakeRecord<'_>) -> Result<()> {
        self.walk_all(None, visit)
    }

    /// Calls `visit` with each record that `compare` reports as equal; the records must be sorted by
    /// `compare`.
    pub(crate) fn for_equal(&self, compare: Compare<'_>, visit: TakeRecord<'_>) -> Result<()> {
        self.walk_all(Some(compare), visit)
    }

    fn walk_all(&self, compare: Option<Compare<'_>>, visit: TakeRecord<'_>) -> Result<()> {
        let Some(root) = self.header.root else { return Ok(()) };
        let root = Child { address: root, records: u64::from(self.header.root_records) };
        // A walk visits no more records than the header promises, so a cycle ends here with an error.
        let mut left = self.header.total_records;
        self.walk(root, self.header.depth, compare, &mut left, visit)
    }

    fn walk(
        &self,
        node: Child,
        level: u16,
        compare: Option<Compare<'_>>,
        left: &mut u64,
        visit: TakeRecord<'_>,
    ) -> Result<()> {
        let (addresses, header) = (self.addresses, &self.header);
        let bytes = addresses.read(node.address, u64::from(header.node_size))?;
        let offset = addresses.offset_of(node.address);
        let (records, children) =
            format::read_node(&bytes, offset, header, &self.widths, addresses.sizes(), level, node.records)?;
        let (first, end) = match compare {
            None => (0, records.len()),
            Some(compare) => (
                boundary(&records, compare, |o| o == Ordering::Less)?,
                boundary(&records, compare, |o| o != Ordering::Greater)?,
            ),
        };
        for n in first..=end {
            if let Some(child) = children.get(n) {
                self.walk(*child, level.saturating_sub(1), compare, left, visit)?;
            }
            if let Some(record) = records.get(n).filter(|_| n < end) {
                *left = left.checked_sub(1).ok_or_else(|| {
                    let most = header.total_records;
                    Error::malformed(format!("B-tree with more records than its header says ({most})"))
                        .at(offset)
                })?;
                visit(record.clone())?;
            }
        }
        Ok(())
    }
}

/// Number of leading records whose comparison satisfies `before`.
fn boundary(
    records: &[Cursor<'_>],
    compare: Compare<'_>,
    before: impl Fn(Ordering) -> bool,
) -> Result<usize> {
    let mut rest = records;
    let mut at = 0usize;
    while let Some(record) = rest.get(rest.len() / 2) {
        let (low, high) = rest.split_at(rest.len() / 2);
        if before(compare(record.clone())?) {
            at = at.saturating_add(low.len()).saturating_add(1);
            rest = high.get(1..).unwrap_or_default();
        } else {
            rest = low;
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_ends_where_equal_records_end() {
        let bytes = [1u8, 3, 3, 3, 7];
        let records: Vec<Cursor<'_>> = bytes.chunks(1).map(|b| Cursor::new(b, 0)).collect();
        for (wanted, range) in [(0u8, 0..0), (1, 0..1), (3, 1..4), (4, 4..4), (7, 4..5), (9, 5..5)] {
            let compare = |mut r: Cursor<'_>| r.read_u8().map(|b| b.cmp(&wanted));
            let first = boundary(&records, &compare, |o| o == Ordering::Less).unwrap();
            let end = boundary(&records, &compare, |o| o != Ordering::Greater).unwrap();
            assert_eq!(first..end, range, "{wanted}");
        }
    }
}
