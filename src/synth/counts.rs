//! Counts distributed as in sequencing data: a gamma-Poisson number for each gene in each cell, computed when
//! it is read.
//!
//! Gene means and cell depths are log-normal. A cell's counts depend only on the seed and the cell's number, so
//! any thread can compute any cell in any order, repeatedly.

use crate::dtype::{Dtype, Element, with_element};
use crate::error::{Error, Result};
use crate::matrix::block::line_of;
use crate::matrix::{Buffer, Layout, Orientation, Source, cut_at_lines};
use crate::random::Random;
use rayon::prelude::*;
use std::ops::Range;

/// Number of distinct depths, few enough to tabulate the chances of all genes for each.
const DEPTHS: usize = 64;
/// Standard deviation of the natural logarithm of gene means, as in droplet data.
const GENE_SPREAD: f64 = 1.9;
/// Standard deviation of the natural logarithm of cell depths, as in droplet data.
const DEPTH_SPREAD: f64 = 0.45;
/// Shape of the gamma distribution: the smaller, the more a gene varies between cells.
const SHAPE: f64 = 0.8;

/// A random matrix of counts, cells × genes in CSR, as a [`Source`] that holds no entries in memory.
#[derive(Debug)]
pub struct Counts {
    seed: u64,
    layout: Layout,
    pointers: Vec<u64>,
    /// For each depth and gene, the chance of a count of at least one, times 2³².
    chances: Vec<u32>,
    /// Mean count of each gene at depth 1.
    means: Vec<f32>,
    /// The distinct depths: factors for the means.
    depths: Vec<f32>,
}

impl Counts {
    /// Plans a matrix of `cells` × `genes` with `per_cell` genes per cell on average. Counts are of type
    /// `dtype`, at most its largest value. Computes the number of entries of every cell, on all threads of the
    /// current rayon pool.
    ///
    /// # Errors
    /// `Usage` if there are too many cells (2⁴⁰) or genes (2²⁸), or `per_cell` is not between 0 and 98 % of
    /// `genes`.
    pub fn new(seed: u64, cells: u64, genes: u64, per_cell: f64, dtype: Dtype) -> Result<Self> {
        if genes > 1 << 28 || cells > 1 << 40 {
            return Err(Error::usage(format!(
                "expected at most 2^40 cells and 2^28 genes, got {cells} and {genes}"
            )));
        }
        if !(per_cell >= 0.0 && per_cell <= genes as f64 * 0.98) {
            let text = format!("expected between 0 and 98 % of {genes} genes per cell, got {per_cell}");
            return Err(Error::usage(text));
        }
        let mut random = Random::new(seed, u64::MAX);
        let logs: Vec<f64> = (0..genes).map(|_| random.normal() * GENE_SPREAD).collect();
        let depths: Vec<f64> = (0..DEPTHS)
            .map(|i| {
                // the median of each of `DEPTHS` equal parts of the distribution
                let at = (i as f64 + 0.5) / DEPTHS as f64;
                (crate::random::normal_quantile(at) * DEPTH_SPREAD).exp()
            })
            .collect();
        // the mean number of genes per cell if `level` is added to the logarithms of all means
        let expected = |level: f64| -> f64 {
            let of = |d: &f64| logs.iter().map(|l| chance((l + level).exp() * d)).sum::<f64>();
            depths.iter().step_by(8).map(of).sum::<f64>() / (DEPTHS / 8) as f64
        };
        let (mut low, mut high) = (-40.0, 40.0);
        if genes > 0 {
            for _ in 0..60 {
                let middle = (low + high) / 2.0;
                if expected(middle) < per_cell { low = middle } else { high = middle }
            }
        }
        let means: Vec<f32> = logs.iter().map(|l| (l + low).exp() as f32).collect();
        let chances: Vec<u32> = depths
            .iter()
            .flat_map(|d| means.iter().map(move |m| (chance(f64::from(*m) * d) * 4_294_967_295.0) as u32))
            .collect();
        let layout = Layout { orientation: Orientation::Csr, lines: cells, minor: genes, entries: 0, dtype };
        let depths = depths.iter().map(|d| *d as f32).collect();
        let mut counts = Counts { seed, layout, pointers: Vec::new(), chances, means, depths };
        let sizes: Vec<u64> = (0..cells).into_par_iter().map(|cell| counts.size_of(cell)).collect();
        let mut sum = 0;
        counts.pointers = Vec::with_capacity(sizes.len() + 1);
        counts.pointers.push(0);
        counts.pointers.extend(sizes.iter().map(|n| {
            sum += n;
            sum
        }));
        counts.layout.entries = sum;
        Ok(counts)
    }

    /// The chances of a cell's genes, its depth, and its random numbers.
    fn cell(&self, cell: u64) -> (&[u32], f32, Random) {
        let mut random = Random::new(self.seed, cell);
        let depth = random.below(DEPTHS as u64) as usize;
        let genes = self.means.len();
        (&self.chances[depth * genes..(depth + 1) * genes], self.depths[depth], random)
    }

    /// Number of genes with a count in a cell; draws the same random numbers as [`make`](Self::make).
    fn size_of(&self, cell: u64) -> u64 {
        let (chances, _, mut random) = self.cell(cell);
        let mut n = 0;
        for pair in chances.chunks(2) {
            let r = random.next();
            n += u64::from((r as u32) < pair[0]);
            n += pair.get(1).map_or(0, |c| u64::from(((r >> 32) as u32) < *c));
        }
        n
    }

    /// Calls `visit` with each gene that has a count in a cell and that count, genes ascending.
    fn make(&self, cell: u64, mut visit: impl FnMut(u32, u32)) {
        let (chances, depth, mut random) = self.cell(cell);
        let mut values = Random::new(self.seed ^ 0x5bd1_e995, cell);
        let mut gene = 0u32;
        for pair in chances.chunks(2) {
            let r = random.next();
            if (r as u32) < pair[0] {
                visit(gene, positive(self.means[gene as usize] * depth, pair[0], values.uniform()));
            }
            if pair.len() > 1 && ((r >> 32) as u32) < pair[1] {
                visit(gene + 1, positive(self.means[gene as usize + 1] * depth, pair[1], values.uniform()));
            }
            gene += 2;
        }
    }

    /// Writes all values of the cells `cells`, zeros included, row by row into `out`.
    pub(super) fn dense(&self, cells: Range<u64>, out: &mut [u8]) {
        let width = self.means.len() * self.layout.dtype.size();
        with_element!(self.layout.dtype, T => {
            for (cell, row) in cells.zip(out.chunks_exact_mut(width.max(1))) {
                row.fill(0);
                self.make(cell, |gene, n| {
                    row[gene as usize * size_of::<T>()..][..size_of::<T>()].copy_from_slice(bytemuck::bytes_of(&number::<T>(n)));
                });
            }
        });
    }
}

/// The chance of a count of at least one for a gamma-Poisson number with this mean.
fn chance(mean: f64) -> f64 {
    1.0 - (1.0 + mean / SHAPE).powf(-SHAPE)
}

/// A gamma-Poisson number of at least one, by inverting its distribution at `u` (0 to 1); `chance` is that of a
/// number of at least one, times 2³².
fn positive(mean: f32, chance: u32, u: f32) -> u32 {
    let shape = SHAPE as f32;
    let q = mean / (shape + mean);
    let any = chance as f32 / 4_294_967_296.0;
    let mut left = u * any;
    let mut p = (1.0 - any) * shape * q;
    let mut n = 1u32;
    while left > p && n < 100_000 {
        left -= p;
        p *= q * (shape + n as f32) / (n as f32 + 1.0);
        n += 1;
        if p < 1e-12 {
            break;
        }
    }
    n
}

/// A count as type `T`, at most its largest value (60,000 for floats).
fn number<T: Element>(n: u32) -> T {
    let (_, most) = T::DTYPE.integer_range().unwrap_or((0, 60_000));
    let n = i128::from(n).min(most) as u32;
    let bytes: Vec<u8> = match T::DTYPE {
        Dtype::Float16 => half::f16::from_f32(n as f32).to_le_bytes().to_vec(),
        Dtype::Float32 => (n as f32).to_le_bytes().to_vec(),
        Dtype::Float64 => f64::from(n).to_le_bytes().to_vec(),
        _ => u64::from(n).to_le_bytes()[..size_of::<T>()].to_vec(),
    };
    bytemuck::pod_read_unaligned(&bytes)
}

impl Source for Counts {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        cut_at_lines(&self.pointers, start, target)
    }

    fn largest_block(&self, target: u64) -> u64 {
        target.max(self.layout.minor)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        into.resize(range.end - range.start, self.layout.dtype)?;
        let p = &self.pointers;
        let first = line_of(p, range.start);
        let last = p.partition_point(|x| *x < range.end);
        let mut at = p[first];
        with_element!(self.layout.dtype, T => {
            // converted once; most counts are small
            let small: Vec<T> = (0..256).map(number::<T>).collect();
            for cell in first as u64..last as u64 {
                self.make(cell, |gene, n| {
                    if range.contains(&at) {
                        let i = (at - range.start) as usize;
                        into.minor[i] = gene;
                        let value = small.get(n as usize).copied().unwrap_or_else(|| number::<T>(n));
                        into.values[i * size_of::<T>()..][..size_of::<T>()].copy_from_slice(bytemuck::bytes_of(&value));
                    }
                    at += 1;
                });
            }
        });
        into.checked();
        Ok(())
    }

    fn resident_bytes(&self) -> u64 {
        (self.pointers.len() * 8 + self.chances.len() * 4) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Budget, IntoMemory, pump};

    #[test]
    fn as_many_genes_as_wanted_and_the_same_every_time() {
        let c = Counts::new(7, 400, 3000, 250.0, Dtype::Float32).unwrap();
        let mean = c.layout.entries as f64 / 400.0;
        assert!((mean - 250.0).abs() < 25.0, "{mean}");
        let all = || pump(&c, IntoMemory::new(c.layout()), Budget::new(64 << 20), &()).unwrap();
        let m = all();
        assert!(m == all());
        let mut buffer = Buffer::new();
        let part = m.pointers()[3] + 5..m.pointers()[9] - 2;
        c.read(part.clone(), &mut buffer).unwrap();
        let mut same = Buffer::new();
        m.read(part.clone(), &mut same).unwrap();
        let n = (part.end - part.start) as usize;
        assert_eq!((&buffer.minor[..n], &buffer.values[..4 * n]), (&same.minor[..n], &same.values[..4 * n]));
        let mut dense = vec![0; 3000 * 4 * 2];
        c.dense(3..5, &mut dense);
        let zeros = dense.chunks(4).filter(|v| **v != [0; 4]).count() as u64;
        assert_eq!(zeros, m.pointers()[5] - m.pointers()[3]);
        assert!(
            buffer.values[..4 * n].chunks(4).all(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]]) >= 1.0)
        );
    }

    #[test]
    fn counts_stay_within_their_type_and_nonsense_is_refused() {
        let c = Counts::new(1, 50, 40, 39.0, Dtype::Int8).unwrap();
        let mut buffer = Buffer::new();
        c.read(0..c.layout.entries, &mut buffer).unwrap();
        assert!(buffer.values.iter().all(|v| (*v as i8) > 0));
        assert!(Counts::new(1, 10, 10, 11.0, Dtype::Int8).is_err());
        assert_eq!(Counts::new(1, 0, 10, 3.0, Dtype::Int8).unwrap().layout.entries, 0);
        assert_eq!(Counts::new(1, 10, 0, 0.0, Dtype::Int8).unwrap().layout.entries, 0);
    }
}
