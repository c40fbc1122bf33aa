//! An element of every encoding, beside the matrix.

use super::tables;
use crate::anndata::{Awkward, H5adWriter};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::hdf5::{EncodedValue, Group, ObjectAddress};
use crate::matrix::{InMemory, Layout, Orientation};
use crate::random::Random;
use crate::strings::Strings;
use crate::table::{Column, Frame};

/// What is written for `cells` and `genes`, and at random.
pub(super) struct Everything {
    pub(super) seed: u64,
    pub(super) cells: u64,
    pub(super) genes: u64,
}

impl Everything {
    /// Every element but `X`, `obs`, `var`; `obsm` and `uns` get more children.
    pub(super) fn write(
        &self,
        w: &mut H5adWriter<'_>,
        root: &mut Group,
        obsm: &mut Group,
        uns: &mut Group,
        var: &Frame,
    ) -> Result<()> {
        let (n, m) = (self.cells, self.genes);
        let mut layers = Group::new();
        layers.link("rows", w.sparse(&self.sparse(Orientation::Csr, [n, m], Dtype::Int32)?)?);
        layers.link("columns", w.sparse(&self.sparse(Orientation::Csc, [n, m], Dtype::Float64)?)?);
        layers.link("dense", self.array(w, &[n, m], Dtype::Float16)?);
        root.link("layers", w.dict(layers)?);
        let mut raw = Group::new();
        raw.link("X", w.sparse(&self.sparse(Orientation::Csr, [n, m], Dtype::Float32)?)?);
        raw.link("var", w.frame(var)?);
        let mut varm = Group::new();
        varm.link("loadings", self.array(w, &[m, 3], Dtype::Float64)?);
        let written = w.dict(varm)?;
        raw.link("varm", written);
        root.link("varm", written);
        root.link("raw", w.raw(raw)?);
        obsm.link("deep", self.array(w, &[n, 2, 3], Dtype::Float32)?);
        obsm.link("sparse", w.sparse(&self.sparse(Orientation::Csr, [n, 5], Dtype::Float32)?)?);
        let all: Vec<String> = super::COLUMNS.iter().map(|c| (*c).to_owned()).collect();
        obsm.link("frame", w.frame(&tables::obs(self.seed, n, &all)?)?);
        let offsets: Vec<i64> = (0..=n as i64).map(|i| i * (i - 1) / 2 % 4 + 4 * i).collect();
        let values: Vec<i64> = (0..offsets.last().copied().unwrap_or(0)).collect();
        obsm.link("lists", w.awkward(&Awkward::lists(&offsets, &values))?);
        for (name, size) in [("obsp", n), ("varp", m)] {
            let mut graphs = Group::new();
            graphs.link("graph", w.sparse(&self.sparse(Orientation::Csr, [size; 2], Dtype::Float64)?)?);
            root.link(name, w.dict(graphs)?);
        }
        self.uns(w, uns)
    }

    fn uns(&self, w: &mut H5adWriter<'_>, uns: &mut Group) -> Result<()> {
        uns.link("text", w.text("größe")?);
        uns.link("nothing", w.null()?);
        uns.link("yes", w.value(&EncodedValue::boolean(true))?);
        uns.link(
            "real",
            w.value(&EncodedValue::numbers(Dtype::Float64, &[], 0.5f64.to_le_bytes().to_vec()))?,
        );
        for dtype in Dtype::ALL {
            uns.link(dtype.name(), self.array(w, &[4], dtype)?);
        }
        let ints = EncodedValue::numbers(Dtype::Int32, &[2], vec![1, 0, 0, 0, 2, 0, 0, 0]);
        let reals = EncodedValue::numbers(
            Dtype::Float32,
            &[2],
            [0.5f32, 1.5].iter().flat_map(|v| v.to_le_bytes()).collect(),
        );
        uns.link("records", w.records(&[("rank", ints), ("score", reals)])?);
        let values: Strings = ["a", "", "c"].into_iter().collect();
        uns.link(
            "some text",
            w.column(&Column::NullableStrings { values, missing: vec![false, true, false] })?,
        );
        let mut inner = Group::new();
        inner.link("matrix", w.sparse(&self.sparse(Orientation::Csc, [3, 4], Dtype::Float32)?)?);
        inner.link("empty", w.dict(Group::new())?);
        uns.link("nested", w.dict(inner)?);
        Ok(())
    }

    fn array(&self, w: &mut H5adWriter<'_>, shape: &[u64], dtype: Dtype) -> Result<ObjectAddress> {
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
        w.value(&EncodedValue::numbers(dtype, shape, bytes))
    }

    /// Two entries a line, where there is room.
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
