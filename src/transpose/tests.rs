//! Compares the transposition with a simple model.

use super::*;
use crate::dtype::Dtype;
use crate::error::Error;
use crate::matrix::{InMemory, IntoMemory, Orientation};
use proptest::prelude::*;

/// Returns the same entries by column: rows in order, and within a row the stored order.
fn model(m: &InMemory) -> InMemory {
    let from = *m.layout();
    let size = from.dtype.size();
    let (mut pointers, mut minor, mut values) = (vec![0], vec![], vec![]);
    for column in 0..from.minor {
        for line in 0..from.lines as usize {
            for i in m.pointers()[line] as usize..m.pointers()[line + 1] as usize {
                if u64::from(m.minor()[i]) == column {
                    minor.push(line as u32);
                    values.extend_from_slice(&m.values()[i * size..][..size]);
                }
            }
        }
        pointers.push(minor.len() as u64);
    }
    let layout =
        Layout { orientation: from.orientation.flipped(), lines: from.minor, minor: from.lines, ..from };
    InMemory::new(layout, pointers, minor, values).unwrap()
}

fn transposed(m: &InMemory, budget: u64) -> InMemory {
    let dir = tempfile::tempdir().unwrap();
    let p = partition(m, Budget::new(budget), dir.path(), &(), &|_| Ok(())).unwrap();
    let to = IntoMemory::new(p.layout());
    let got = p.deliver(to, &()).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    got
}

fn matrix(lines: &[Vec<u32>], minor: u64, dtype: Dtype) -> InMemory {
    let mut pointers = vec![0];
    let mut indices = Vec::new();
    for l in lines {
        indices.extend(l.iter().map(|m| m % minor as u32));
        pointers.push(indices.len() as u64);
    }
    // Values are distinct as far as the type allows. As floats they are NaN patterns, which must be copied
    // bit by bit.
    let values = (0..indices.len() as u64)
        .flat_map(|i| {
            (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 0x7ff0_0000_0000_0001).to_le_bytes()[8 - dtype.size()..]
                .to_vec()
        })
        .collect();
    let layout = Layout {
        orientation: Orientation::Csr,
        lines: lines.len() as u64,
        minor,
        entries: indices.len() as u64,
        dtype,
    };
    InMemory::new(layout, pointers, indices, values).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn equals_the_model(
        lines in prop::collection::vec(prop::collection::vec(any::<u32>(), 0..40), 1..60),
        minor in 1u64..70,
        width in 0usize..4,
        threads in 1usize..4,
    ) {
        let dtype = [Dtype::Uint8, Dtype::Int16, Dtype::Float32, Dtype::Float64][width];
        let m = matrix(&lines, minor, dtype);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let got = pool.install(|| transposed(&m, 64 << 20));
        prop_assert!(got == model(&m));
        prop_assert!(pool.install(|| transposed(&got, 64 << 20)) == model(&got));
    }
}

/// More entries than a budget of a few megabytes holds.
fn large(lines: u64, minor: u64, per_line: u64, skew: bool) -> InMemory {
    let mut state = 1u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let lines: Vec<Vec<u32>> = (0..lines)
        .map(|_| {
            let n = per_line / 2 + random() % per_line;
            (0..n)
                .map(|_| if skew && random() % 4 != 0 { (minor / 3) as u32 } else { random() as u32 })
                .collect()
        })
        .collect();
    matrix(&lines, minor, Dtype::Float32)
}

#[test]
fn the_same_for_any_budget() {
    for (lines, minor, per_line, skew) in
        [(3000, 500, 300, false), (2000, 40, 500, true), (5, 1_000, 150_000, false)]
    {
        let m = large(lines, minor, per_line, skew);
        let ample = transposed(&m, 1 << 30);
        // The original may have unsorted lines, so compare the transposed matrix after two more
        // transpositions.
        assert!(transposed(&transposed(&ample, 1 << 30), 1 << 30) == ample);
        for budget in [6 << 20, 8 << 20, 12 << 20] {
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let small = pool.install(|| transposed(&m, budget));
                assert!(small == ample, "{lines} × {minor}, budget {budget}");
            }
        }
    }
}

/// Lines and minor indices whose distance does not fit one or two bytes, with records of every size.
#[test]
fn far_lines_and_wide_bands() {
    let of = |lines: u32, every: u32, n: u32| -> Vec<Vec<u32>> {
        let line =
            |l: u32| if l.is_multiple_of(every) { (0..n).map(|i| l * 7 + i * 31).collect() } else { vec![] };
        (0..lines).map(line).collect()
    };
    for (lines, minor, number) in [
        (of(700, 1, 1_100), 300u64, 1),
        (of(300, 1, 3_000), 200_000, 1),
        (of(150_000, 1, 5), 300, 2),
        (of(150_000, 1, 5), 200_000, 2),
        (of(150_000, 1, 3), 200_000, 4),
        (of(2_000_000, 8, 2), 70_000, 4),
    ] {
        let m = matrix(&lines, minor, Dtype::Uint16);
        let to = Layout { lines: m.layout().minor, minor: m.layout().lines, ..*m.layout() };
        assert_eq!(PartitionPlan::new(&m, &to, Budget::new(8 << 30)).unwrap().records.number, number);
        let ample = transposed(&m, 8 << 30);
        let mut at = 0;
        let mut of_column = vec![vec![]; minor as usize];
        for (line, columns) in (0u32..).zip(&lines) {
            for c in columns {
                of_column[(u64::from(*c) % minor) as usize].push((line, at));
                at += 1;
            }
        }
        let want = of_column.iter().flatten();
        for ((line, i), (got, value)) in want.zip(ample.minor().iter().zip(ample.values().as_chunks::<2>().0))
        {
            assert_eq!((line, &m.values()[*i * 2..][..2]), (got, &value[..]));
        }
        let least = (m.layout().lines * 8 + minor * 16) / (1 << 20) + 5;
        assert!(!PartitionPlan::new(&m, &to, Budget::new(least << 20)).unwrap().in_memory);
        assert!(transposed(&m, least << 20) == ample);
        assert!(transposed(&transposed(&ample, 8 << 30), 8 << 30) == ample);
    }
}

#[test]
fn edges() {
    for (lines, minor) in
        [(vec![], 5), (vec![vec![], vec![]], 3), (vec![vec![0; 3000]], 1), (vec![vec![2]; 900], 4)]
    {
        let m = matrix(&lines, minor, Dtype::Float32);
        assert!(transposed(&m, 16 << 20) == model(&m));
    }
}

/// The smallest budget that an error message names, in bytes.
fn told(e: &Error) -> u64 {
    let least = e.message().split("at least ").nth(1).unwrap().split('M').next().unwrap();
    least.parse::<u64>().unwrap() << 20
}

#[test]
fn too_small_a_budget_tells_the_least() {
    let m = large(2000, 500, 300, false);
    let dir = tempfile::tempdir().unwrap();
    let e = partition(&m, Budget::new(4096), dir.path(), &(), &|_| Ok(())).unwrap_err();
    assert_eq!(e.kind(), crate::Kind::Limit);
    assert!(transposed(&m, told(&e)) == transposed(&m, 1 << 30));
}

/// A matrix that can only be cut at multiples of `every`, like one stored in large chunks.
struct Chunked<'a> {
    of: &'a InMemory,
    every: u64,
}

impl Source for Chunked<'_> {
    fn layout(&self) -> &Layout {
        self.of.layout()
    }
    fn pointers(&self) -> &[u64] {
        self.of.pointers()
    }
    fn cut(&self, start: u64, target: u64) -> u64 {
        start / self.every * self.every + self.largest_block(target)
    }
    fn largest_block(&self, target: u64) -> u64 {
        (target / self.every).max(1) * self.every
    }
    fn read(&self, range: std::ops::Range<u64>, into: &mut crate::matrix::Buffer) -> Result<()> {
        self.of.read(range.start..range.end.min(self.layout().entries), into)
    }
}

#[test]
fn the_least_budget_works_whatever_the_chunks() {
    let m = large(700, 3000, 1500, false);
    let ample = transposed(&m, 1 << 30);
    let dir = tempfile::tempdir().unwrap();
    for every in [1 << 10, 60_000, 90_000, 100_000, 110_000, 120_000, 125_000, 130_000, 400_000] {
        let of = Chunked { of: &m, every };
        let run = |budget| partition(&of, Budget::new(budget), dir.path(), &(), &|_| Ok(()));
        let p = run(told(&run(4096).unwrap_err())).unwrap();
        let to = IntoMemory::new(p.layout());
        assert!(p.deliver(to, &()).unwrap() == ample, "chunks of {every}");
    }
}
