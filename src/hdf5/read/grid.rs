//! The grid of chunks over a dataset's extent, and the order in which the indexes list it.

use crate::bytes::checked;
use crate::bytes::slab;
use crate::error::{Error, Result};
use crate::hdf5::format::message::dataspace::Dataspace;
use crate::hdf5::format::message::layout::Chunked;

/// The grid of chunks over a dataset's extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Elements of the dataset in each dimension.
    pub(crate) dims: Vec<u64>,
    /// Elements of a chunk in each dimension; none is 0.
    pub(crate) chunk: Vec<u64>,
    /// Number of chunks in each dimension.
    pub(crate) counts: Vec<u64>,
    max: Vec<Option<u64>>,
}

impl Grid {
    pub(crate) fn new(space: &Dataspace, layout: &Chunked) -> Result<Self> {
        let Dataspace::Simple { dims, max } = space else {
            return Err(Error::malformed("chunks of a dataset without dimensions"));
        };
        if dims.len() != layout.dims.len() {
            let text = format!("chunks of {} dimensions in a dataset of {}", layout.dims.len(), dims.len());
            return Err(Error::malformed(text));
        }
        let counts = dims.iter().zip(&layout.dims).map(|(d, c)| d.div_ceil(*c)).collect();
        Ok(Grid { dims: dims.clone(), chunk: layout.dims.clone(), counts, max: max.clone() })
    }

    /// The number of the chunk that begins at element `start`; `None` if it is outside the extent.
    pub(crate) fn number_of_start(&self, start: &[u64]) -> Result<Option<u64>> {
        let mut coordinates = Vec::with_capacity(start.len());
        for (s, c) in start.iter().zip(&self.chunk) {
            if s.checked_rem(*c) != Some(0) {
                return Err(Error::malformed("chunk off the grid").in_chunk(start));
            }
            coordinates.push(s.checked_div(*c).unwrap_or(0));
        }
        Ok(self.number(&coordinates))
    }

    /// The number of the chunk at these grid coordinates; `None` if they are outside.
    pub(crate) fn number(&self, coordinates: &[u64]) -> Option<u64> {
        coordinates.iter().zip(&self.counts).try_fold(0u64, |n, (c, count)| {
            if c < count { n.checked_mul(*count)?.checked_add(*c) } else { None }
        })
    }

    /// Difference between the numbers of neighbouring chunks, for each dimension; `None` if it exceeds 64
    /// bits.
    fn strides(&self) -> Vec<Option<u64>> {
        let mut stride = Some(1u64);
        let mut out: Vec<Option<u64>> = Vec::with_capacity(self.counts.len());
        for count in self.counts.iter().rev() {
            out.push(stride);
            stride = stride.and_then(|s| s.checked_mul(*count));
        }
        out.reverse();
        out
    }

    /// Number of chunks beside each other, which have the same rows: positions of the first dimension.
    pub(crate) fn beside(&self) -> u64 {
        self.counts.iter().skip(1).fold(1u64, |n, count| n.saturating_mul(*count)).max(1)
    }

    /// First element of chunk `number`.
    pub(crate) fn start_of(&self, number: u64) -> Vec<u64> {
        let coordinates = slab::unravel(number, &self.counts);
        coordinates.iter().zip(&self.chunk).map(|(c, n)| c.saturating_mul(*n)).collect()
    }

    /// Number of chunks at the maximum extent, for each dimension; unlimited ones count as they are now.
    fn max_counts(&self) -> Vec<u64> {
        let all = self.max.iter().zip(&self.chunk).zip(&self.counts);
        all.map(|((m, c), now)| m.map_or(*now, |m| m.div_ceil(*c))).collect()
    }

    /// Number of chunks at the maximum extent, which is the number of entries of an array index.
    ///
    /// # Errors
    /// `Malformed` if that exceeds 64 bits.
    pub(crate) fn max_chunks(&self) -> Result<u64> {
        checked::product(&self.max_counts())
    }

    /// The unlimited dimensions.
    pub(crate) fn unlimited(&self) -> Vec<usize> {
        (0..self.max.len()).filter(|d| self.max.get(*d) == Some(&None)).collect()
    }
}

/// Maps entries of an array index, which covers the *maximum* extent, to chunk numbers on the current grid.
#[derive(Debug)]
pub(crate) struct ArrayOrder {
    /// The dimensions, fastest-varying first.
    axes: Vec<GridAxis>,
}

#[derive(Debug)]
struct GridAxis {
    /// Maximum number of chunks, by which entry numbers are divided; `None` for the slowest dimension.
    most: Option<u64>,
    /// Current number of chunks.
    now: u64,
    /// Difference between the numbers of neighbours on the current grid; `None` if it exceeds 64 bits.
    stride: Option<u64>,
}

impl ArrayOrder {
    /// The order of the entries over `grid`. An unlimited dimension varies slowest.
    pub(crate) fn new(grid: &Grid, unlimited: Option<usize>) -> Self {
        let max = grid.max_counts();
        let mut order: Vec<usize> = (0..grid.chunk.len()).collect();
        if let Some(u) = unlimited {
            order.retain(|d| *d != u);
            order.insert(0, u);
        }
        let strides = grid.strides();
        let axis = |(n, d): (usize, usize)| GridAxis {
            most: if n == 0 { None } else { max.get(d).copied() },
            now: grid.counts.get(d).copied().unwrap_or(0),
            stride: strides.get(d).copied().flatten(),
        };
        ArrayOrder { axes: order.into_iter().enumerate().rev().map(axis).collect() }
    }

    /// Number on the current grid of entry `n`; `None` if it is outside the current extent.
    pub(crate) fn number(&self, n: u64) -> Option<u64> {
        let (mut rest, mut number) = (n, 0u64);
        for axis in &self.axes {
            let at = match axis.most {
                Some(most) => {
                    let at = rest.checked_rem(most)?;
                    rest = rest.checked_div(most)?;
                    at
                }
                None => rest,
            };
            if at >= axis.now {
                return None;
            }
            if at > 0 {
                number = number.checked_add(at.checked_mul(axis.stride?)?)?;
            }
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hdf5::format::message::layout::Index;

    fn grid(dims: &[u64], chunk: &[u64], max: &[Option<u64>]) -> Grid {
        let space = Dataspace::Simple { dims: dims.to_vec(), max: max.to_vec() };
        let layout = Chunked {
            dims: chunk.to_vec(),
            element_size: 4,
            index: Index::BtreeV1,
            address: None,
            plain_edges: false,
            wide_sizes: false,
        };
        Grid::new(&space, &layout).unwrap()
    }

    #[test]
    fn numbers_run_over_the_current_extent() {
        let g = grid(&[10, 7], &[4, 3], &[Some(10), Some(7)]);
        assert_eq!(g.counts, [3, 3]);
        assert_eq!(g.number_of_start(&[8, 3]).unwrap(), Some(7));
        assert_eq!(g.start_of(7), [8, 3]);
        assert_eq!(g.number_of_start(&[12, 0]).unwrap(), None, "outside");
        assert!(g.number_of_start(&[2, 0]).is_err(), "off the grid");
    }

    #[test]
    fn array_entries_run_over_the_maximum_extent() {
        // 2 × 2 chunks now, 2 × 5 at most
        let g = grid(&[4, 4], &[2, 2], &[Some(4), Some(10)]);
        let order = ArrayOrder::new(&g, None);
        assert_eq!(g.max_chunks().unwrap(), 10);
        assert_eq!(order.number(1), Some(1));
        assert_eq!(order.number(2), None, "third column, not there yet");
        assert_eq!(order.number(5), Some(2));
        assert_eq!(order.number(10), None, "past the end");
        // the second dimension unlimited: it varies slowest
        let g = grid(&[4, 6], &[2, 2], &[Some(4), None]);
        let order = ArrayOrder::new(&g, Some(1));
        let numbers: Vec<_> = (0..6).map(|n| order.number(n).unwrap()).collect();
        assert_eq!(numbers, [0, 3, 1, 4, 2, 5]);
    }
}
