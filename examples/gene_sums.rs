//! Adds up the values of each gene, on all cores: `cargo run --release --example gene_sums -- cells.h5ad`

use annmap::dataset::Dataset;
use std::io::Write;

fn main() -> annmap::Result<()> {
    let path = std::env::args().nth(1).ok_or_else(|| annmap::Error::usage("expected a file"))?;
    run(&path, &mut std::io::stdout().lock())
}

pub(crate) fn run(path: &str, out: &mut dyn Write) -> annmap::Result<()> {
    let data = Dataset::open(path)?;
    let x = data.x();
    let [_, genes] = x.shape()?.map(|n| n as usize);
    // The same sums to the last bit, whatever the number of threads and the memory.
    let sums = x.entries().memory(256 << 20).state_bytes(8 * genes as u64).fold(
        || vec![0f64; genes],
        |sums, block| block.each(|_cell, gene, value: f64| sums[gene] += value),
        |sums, others| sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other),
    )?;
    for (name, sum) in data.var().index()?.iter().zip(sums) {
        writeln!(out, "{}\t{sum}", String::from_utf8_lossy(name))?;
    }
    Ok(())
}
