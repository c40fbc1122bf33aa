//! Selections of elements of a dataspace, as stored for virtual datasets. HDF5 File Format 3.0, VIII.B.

use crate::bytes::Cursor;
use crate::error::Result;
use crate::hdf5::format::message::dataspace::MAX_RANK;
use std::collections::BTreeSet;

/// Which elements are selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chosen {
    None,
    All,
    /// In each dimension.
    Regular(Vec<Span>),
}

/// Selected positions of one dimension: `count` blocks of `block` positions, each `stride` after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) stride: u64,
    pub(crate) count: u64,
    pub(crate) block: u64,
}

/// A count or block that grows with the dataset.
const UNLIMITED: u64 = u64::MAX;

impl Span {
    /// All positions of a dimension.
    pub(crate) fn all(dim: u64) -> Self {
        Span { start: 0, stride: dim.max(1), count: 1, block: dim }
    }

    /// Number of selected positions.
    pub(crate) fn len(self) -> u64 {
        self.count.saturating_mul(self.block)
    }

    /// The selected position number `n`.
    pub(crate) fn at(self, n: u64) -> u64 {
        let (block, inside) =
            (n.checked_div(self.block).unwrap_or(0), n.checked_rem(self.block).unwrap_or(0));
        self.start.saturating_add(block.saturating_mul(self.stride)).saturating_add(inside)
    }

    /// How many selected positions are below `position`.
    pub(crate) fn below(self, position: u64) -> u64 {
        let distance = position.saturating_sub(self.start);
        let whole = distance.checked_div(self.stride).unwrap_or(0).saturating_mul(self.block);
        let inside = distance.checked_rem(self.stride).unwrap_or(0).min(self.block);
        whole.saturating_add(inside).min(self.len())
    }

    /// How many selected positions, from number `n`, follow each other without a gap.
    pub(crate) fn run(self, n: u64) -> u64 {
        if self.stride == self.block || self.count == 1 {
            return self.len().saturating_sub(n);
        }
        self.block.saturating_sub(n.checked_rem(self.block).unwrap_or(0))
    }

    fn check(self, src: &Cursor<'_>) -> Result<Self> {
        if self.count == UNLIMITED || self.block == UNLIMITED {
            return Err(src.unsupported("a virtual dataset that grows with its sources"));
        }
        let apart = self.stride >= self.block && self.stride > 0;
        let end = self.stride.checked_mul(self.count).and_then(|n| n.checked_add(self.start));
        if (self.count > 1 && !apart) || end.is_none() {
            return Err(src.malformed(format!("selection of overlapping blocks ({self:?})")));
        }
        Ok(Span { stride: self.stride.max(1), ..self })
    }
}

/// Reads one selection.
///
/// # Errors
/// `Unsupported` for points, several blocks without an order, and selections that grow.
pub(crate) fn read(src: &mut Cursor<'_>) -> Result<Chosen> {
    let (kind, version) = (src.read_u32()?, src.read_u32()?);
    match (kind, version) {
        (0, 1) => src.skip(8).map(|()| Chosen::None),
        (3, 1) => src.skip(8).map(|()| Chosen::All),
        (2, 1) => {
            src.skip(8)?;
            let rank = rank(src)?;
            blocks(src, rank, 4)
        }
        (2, 2) => {
            src.skip(5)?;
            let rank = rank(src)?;
            regular(src, rank, 8)
        }
        (2, 3) => {
            let (flags, width) = (src.read_u8()?, src.read_u8()?);
            let rank = rank(src)?;
            if flags & 1 == 1 { regular(src, rank, width) } else { blocks(src, rank, width) }
        }
        (1, _) => Err(src.unsupported("a virtual dataset of single points")),
        _ => Err(src.unsupported(format!("selection of type {kind}, version {version}"))),
    }
}

fn rank(src: &mut Cursor<'_>) -> Result<u32> {
    let rank = src.read_u32()?;
    if rank == 0 || rank > u32::from(MAX_RANK) {
        return Err(src.malformed(format!("selection of {rank} dimensions")));
    }
    Ok(rank)
}

fn regular(src: &mut Cursor<'_>, rank: u32, width: u8) -> Result<Chosen> {
    let number = |src: &mut Cursor<'_>| -> Result<u64> {
        let n = src.read_uint(width)?;
        let most = u64::MAX.checked_shr(64u32.saturating_sub(u32::from(width).saturating_mul(8)));
        Ok(if Some(n) == most { UNLIMITED } else { n })
    };
    let span = |_| {
        let (start, stride) = (number(src)?, number(src)?);
        let (count, block) = (number(src)?, number(src)?);
        Span { start, stride, count, block }.check(src)
    };
    (0..rank).map(span).collect::<Result<_>>().map(Chosen::Regular)
}

/// Blocks given by their corners, which form a regular selection unless it was made of several.
fn blocks(src: &mut Cursor<'_>, rank: u32, width: u8) -> Result<Chosen> {
    let count = src.read_uint(width)?;
    // the first and the last positions of the blocks in each dimension
    let mut sides: Vec<BTreeSet<(u64, u64)>> = (0..rank).map(|_| BTreeSet::new()).collect();
    let mut last = Vec::new();
    for _ in 0..count {
        let mut corner = || (0..rank).map(|_| src.read_uint(width)).collect::<Result<Vec<u64>>>();
        let block: Vec<(u64, u64)> = corner()?.into_iter().zip(corner()?).collect();
        for (side, (a, b)) in sides.iter_mut().zip(&block) {
            if a > b {
                return Err(src.malformed(format!("block that ends at {b} and begins at {a}")));
            }
            side.insert((*a, *b));
        }
        // libhdf5 writes them in row-major order, so none comes twice
        if count > 1 && block <= last {
            return Err(src.malformed("blocks of a selection that are not in order"));
        }
        last = block;
    }
    let product = sides.iter().fold(1u64, |n, side| n.saturating_mul(side.len() as u64));
    let spans: Option<Vec<Span>> = sides.iter().map(evenly).collect();
    match spans {
        Some(spans) if product == count => Ok(Chosen::Regular(spans)),
        _ => {
            Err(src.unsupported(format!("a virtual dataset with a part of {count} blocks without an order")))
        }
    }
}

/// The blocks between these first and last positions, if they are alike and evenly spaced.
fn evenly(sides: &BTreeSet<(u64, u64)>) -> Option<Span> {
    let (start, end) = *sides.first()?;
    let block = end.checked_sub(start)?.checked_add(1)?;
    let next = sides.iter().nth(1).map_or(start.checked_add(block)?, |(next, _)| *next);
    let span = Span { start, stride: next.checked_sub(start)?, count: sides.len() as u64, block };
    let starts = (0..span.count).map(|n| span.at(n.saturating_mul(block)));
    let alike =
        sides.iter().zip(starts).all(|((a, b), at)| *a == at && b.checked_sub(*a) == end.checked_sub(start));
    (alike && span.stride >= block).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn positions_of_spaced_blocks() {
        let span = Span { start: 2, stride: 5, count: 3, block: 2 };
        let all: Vec<u64> = (0..span.len()).map(|n| span.at(n)).collect();
        assert_eq!(all, [2, 3, 7, 8, 12, 13]);
        let below: Vec<u64> = (0..16).map(|p| span.below(p)).collect();
        assert_eq!(below, [0, 0, 0, 1, 2, 2, 2, 2, 3, 4, 4, 4, 4, 5, 6, 6]);
        assert_eq!((span.run(0), span.run(1), Span::all(9).run(2)), (2, 1, 7));
        assert_eq!(Span::all(0).len(), 0);
    }

    #[test]
    fn every_form_that_is_written() {
        let words = |list: &[u32]| list.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        let of = |bytes: &[u8]| read(&mut Cursor::new(bytes, 0));
        assert_eq!(of(&words(&[3, 1, 0, 0])).unwrap(), Chosen::All);
        assert_eq!(of(&words(&[0, 1, 0, 0])).unwrap(), Chosen::None);
        let one = Span { start: 4, stride: 6, count: 1, block: 6 };
        assert_eq!(of(&words(&[2, 1, 0, 0, 1, 1, 4, 9])).unwrap(), Chosen::Regular(vec![one]));
        let rows = [2, 1, 0, 0, 2, 4, 0, 2, 1, 3, 0, 6, 1, 7, 4, 2, 5, 3, 4, 6, 5, 7];
        let spaced = |start, stride, block| Span { start, stride, count: 2, block };
        let both = Chosen::Regular(vec![spaced(0, 4, 2), spaced(2, 4, 2)]);
        assert_eq!(of(&words(&rows)).unwrap(), both);
        let uneven = [2, 1, 0, 0, 1, 3, 0, 1, 4, 5, 9, 10];
        assert_eq!(of(&words(&uneven)).unwrap_err().kind(), Kind::Unsupported);
        let twice = [2, 1, 0, 0, 1, 2, 0, 1, 0, 1];
        assert_eq!(of(&words(&twice)).unwrap_err().kind(), Kind::Malformed);
        assert_eq!(of(&words(&[2, 1, 0, 0, 1, 1, 9, 4])).unwrap_err().kind(), Kind::Malformed);
        let mut wide = words(&[2, 2]);
        wide.extend([1, 0, 0, 0, 0]);
        wide.extend(words(&[1, 2, 0, 3, 0, 4, 0, 1, 0]));
        let spaced = Span { start: 2, stride: 3, count: 4, block: 1 };
        assert_eq!(of(&wide).unwrap(), Chosen::Regular(vec![spaced]));
        let narrow = |count: u8, stride: u8| {
            let mut bytes = words(&[2, 3]);
            bytes.extend([1, 1, 1, 0, 0, 0, 2, stride, count, 1]);
            read(&mut Cursor::new(&bytes, 0))
        };
        assert_eq!(narrow(4, 3).unwrap(), Chosen::Regular(vec![spaced]));
        assert_eq!(narrow(0xff, 3).unwrap_err().kind(), Kind::Unsupported);
        assert_eq!(narrow(4, 0).unwrap_err().kind(), Kind::Malformed);
        assert_eq!(of(&words(&[1, 1, 0, 0])).unwrap_err().kind(), Kind::Unsupported);
    }
}
