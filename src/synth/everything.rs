//! One element of every encoding, besides the matrix and its tables.

use super::tables;
use crate::anndata::{AnnDataWriter, Awkward};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::matrix::{InMemory, Layout, Orientation};
use crate::random::Random;
use crate::strings::Strings;
use crate::table::{Column, Frame};
use crate::tree::{EncodedValue, Location};

/// Writes these elements for `cells` × `genes`, with random numbers from `seed`.
pub(super) struct Everything {
    pub(super) seed: u64,
    pub(super) cells: u64,
    pub(super) genes: u64,
}

impl Everything {
    /// Writes every element except `X`, `obs` and `var`. The caller completes the mappings `obsm` and `uns`.
    pub(super) fn write(&self, w: &mut AnnDataWriter<'_>, var: &Frame) -> Result<()> {
        let (n, m) = (self.cells, self.genes);
        let root = Location::root();
        let layers = root.child("layers");
        w.sparse(&layers.child("rows"), &self.sparse(Orientation::Csr, [n, m], Dtype::Int32)?)?;
        w.sparse(&layers.child("columns"), &self.sparse(Orientation::Csc, [n, m], Dtype::Float64)?)?;
        self.array(w, &layers.child("dense"), &[n, m], Dtype::Float16)?;
        w.dict(&layers)?;
        let raw = root.child("raw");
        w.sparse(&raw.child("X"), &self.sparse(Orientation::Csr, [n, m], Dtype::Float32)?)?;
        w.frame(&raw.child("var"), var)?;
        let varm = root.child("varm");
        self.array(w, &varm.child("loadings"), &[m, 3], Dtype::Float64)?;
        w.dict(&varm)?;
        w.alias(&raw.child("varm"), &varm)?;
        w.raw(&raw)?;
        let obsm = root.child("obsm");
        self.array(w, &obsm.child("deep"), &[n, 2, 3], Dtype::Float32)?;
        w.sparse(&obsm.child("sparse"), &self.sparse(Orientation::Csr, [n, 5], Dtype::Float32)?)?;
        let all: Vec<String> = super::COLUMNS.iter().map(|c| (*c).to_owned()).collect();
        w.frame(&obsm.child("frame"), &tables::obs(self.seed, n, &all)?)?;
        let offsets: Vec<i64> = (0..=n as i64).map(|i| i * (i - 1) / 2 % 4 + 4 * i).collect();
        let values: Vec<i64> = (0..offsets.last().copied().unwrap_or(0)).collect();
        w.awkward(&obsm.child("lists"), &Awkward::lists(&offsets, &values))?;
        for (name, size) in [("obsp", n), ("varp", m)] {
            let graphs = root.child(name);
            w.sparse(&graphs.child("graph"), &self.sparse(Orientation::Csr, [size; 2], Dtype::Float64)?)?;
            w.dict(&graphs)?;
        }
        self.uns(w, &root.child("uns"))
    }

    /// Writes children of `uns`: scalars, arrays of every type, records, nullable strings, nested mappings.
    fn uns(&self, w: &mut AnnDataWriter<'_>, uns: &Location) -> Result<()> {
        w.text(&uns.child("text"), "größe")?;
        w.null(&uns.child("nothing"))?;
        w.value(&uns.child("yes"), &EncodedValue::boolean(true))?;
        let half = EncodedValue::numbers(Dtype::Float64, &[], 0.5f64.to_le_bytes().to_vec());
        w.value(&uns.child("real"), &half)?;
        for dtype in Dtype::ALL {
            self.array(w, &uns.child(dtype.name()), &[4], dtype)?;
        }
        let ints = EncodedValue::numbers(Dtype::Int32, &[2], vec![1, 0, 0, 0, 2, 0, 0, 0]);
        let reals = EncodedValue::numbers(
            Dtype::Float32,
            &[2],
            [0.5f32, 1.5].iter().flat_map(|v| v.to_le_bytes()).collect(),
        );
        w.records(&uns.child("records"), &[("rank", ints), ("score", reals)])?;
        let values: Strings = ["a", "", "c"].into_iter().collect();
        let some = Column::NullableStrings { values, missing: vec![false, true, false] };
        w.column(&uns.child("some text"), &some)?;
        let nested = uns.child("nested");
        w.sparse(&nested.child("matrix"), &self.sparse(Orientation::Csc, [3, 4], Dtype::Float32)?)?;
        w.dict(&nested.child("empty"))?;
        w.dict(&nested)
    }

    /// Writes an array of random numbers below 20.
    fn array(&self, w: &mut AnnDataWriter<'_>, at: &Location, shape: &[u64], dtype: Dtype) -> Result<()> {
        let mut random = Random::new(self.seed, u64::MAX - 7);
        let n: u64 = shape.iter().product();
        let one = |r: u64| match dtype {
            Dtype::Float16 => half::f16::from_f64(r as f64).to_le_bytes().to_vec(),
            Dtype::Float32 => (r as f32).to_le_bytes().to_vec(),
            Dtype::Float64 => (r as f64).to_le_bytes().to_vec(),
            Dtype::Bool => vec![u8::from(r > 9)],
            d => r.to_le_bytes()[..d.size()].to_vec(),
        };
        let bytes = (0..n).flat_map(|_| one(random.below(20))).collect();
        w.value(at, &EncodedValue::numbers(dtype, shape, bytes))
    }

    /// A matrix with two entries per line, or fewer if the lines are shorter.
    fn sparse(&self, orientation: Orientation, shape: [u64; 2], dtype: Dtype) -> Result<InMemory> {
        let [rows, columns] = shape;
        let (lines, minor) = if orientation == Orientation::Csr { (rows, columns) } else { (columns, rows) };
        let (mut pointers, mut indices) = (vec![0], Vec::new());
        for line in 0..lines {
            let first = (line * 7 + self.seed) % minor.max(1);
            let mut here: Vec<u32> = [first, (first + minor / 2) % minor.max(1)].map(|i| i as u32).to_vec();
            here.sort_unstable();
            here.dedup();
            here.retain(|i| u64::from(*i) < minor);
            indices.extend(here);
            pointers.push(indices.len() as u64);
        }
        let one = |i: u32| match dtype {
            Dtype::Float32 => (i as f32 + 1.0).to_le_bytes().to_vec(),
            Dtype::Float64 => (f64::from(i) + 1.0).to_le_bytes().to_vec(),
            _ => (i + 1).to_le_bytes().to_vec(),
        };
        let values = indices.iter().flat_map(|i| one(*i)).collect();
        let entries = indices.len() as u64;
        InMemory::new(Layout { orientation, lines, minor, entries, dtype }, pointers, indices, values)
    }
}
