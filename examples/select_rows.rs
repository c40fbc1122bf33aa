//! Writes the cells whose value in a column is above a bound: `cargo run --example select_rows -- cells.h5ad n_genes 200
//! part.h5ad`

use annmap::dataset::Dataset;
use annmap::matrix::Values;
use annmap::table::Column;
use std::io::Write;

fn main() -> annmap::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, column, bound, output] = arguments.as_slice() else {
        return Err(annmap::Error::usage("expected a file, a column of obs, a number and an output"));
    };
    let bound = bound.parse().map_err(|_| annmap::Error::usage(format!("'{bound}' is no number")))?;
    run(path, column, bound, output)
}

pub(crate) fn run(path: &str, column: &str, bound: f64, output: &str) -> annmap::Result<()> {
    let data = Dataset::open(path)?;
    let values: Vec<f64> = match data.obs().column(column)? {
        Column::Numbers { dtype, bytes } => Values { dtype, bytes: &bytes }.to_vec()?,
        other => return Err(annmap::Error::usage(format!("expected numbers, got {}", other.type_name()))),
    };
    let rows = (0u64..).zip(values).filter(|(_, value)| *value > bound).map(|(row, _)| row);
    // Everything that follows the cells is cut with them; the output appears whole or not at all.
    let report = data.select().obs(rows).write_to(output)?;
    for left_out in &report.left_out {
        writeln!(std::io::stdout(), "left out: {left_out:?}")?;
    }
    Ok(())
}
