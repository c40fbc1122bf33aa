//! Lists every object of a file: `cargo run --example list_objects -- cells.h5ad`

use annmap::dataset::Dataset;
use std::io::Write;

fn main() -> annmap::Result<()> {
    let path = std::env::args().nth(1).ok_or_else(|| annmap::Error::usage("expected a file"))?;
    run(&path, &mut std::io::stdout().lock())
}

pub(crate) fn run(path: &str, out: &mut dyn Write) -> annmap::Result<()> {
    let data = Dataset::open(path)?;
    // Each object once; circles end, and what cannot be opened is an entry with its error.
    for entry in data.tree()?.walk() {
        let path = entry.path();
        match entry.node() {
            Ok(node) if node.is_array() => match node.array() {
                Ok(array) => writeln!(out, "{path}\t{}\t{:?}", array.datatype().name(), array.shape())?,
                Err(e) => writeln!(out, "{path}\t{e}")?,
            },
            Ok(_) => writeln!(out, "{path}")?,
            Err(e) => writeln!(out, "{path}\t{e}")?,
        }
    }
    Ok(())
}
