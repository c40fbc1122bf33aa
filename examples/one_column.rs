//! Counts the labels of a column and shows the first rows of an embedding, without reading anything else:
//! `cargo run --example one_column -- cells.h5ad cell_type X_umap`

use annmap::dataset::Dataset;
use annmap::table::Column;
use std::io::Write;

fn main() -> annmap::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, column, embedding] = arguments.as_slice() else {
        return Err(annmap::Error::usage("expected a file, a column of obs and an array of obsm"));
    };
    run(path, column, embedding, &mut std::io::stdout().lock())
}

pub(crate) fn run(path: &str, column: &str, embedding: &str, out: &mut dyn Write) -> annmap::Result<()> {
    let data = Dataset::open(path)?;
    let labels = match data.obs().column(column)? {
        Column::Categorical(labels) => labels,
        other => return Err(annmap::Error::usage(format!("expected category, got {}", other.type_name()))),
    };
    let mut counts = vec![0u64; labels.categories().len()];
    // −1 stands for a missing label.
    for code in labels.codes().iter().filter(|code| **code >= 0) {
        counts[*code as usize] += 1;
    }
    for (name, count) in labels.categories().to_strings()?.iter().zip(counts) {
        writeln!(out, "{}\t{count}", String::from_utf8_lossy(name))?;
    }

    let points = data.obsm(embedding)?.read::<f32>()?;
    for [x, y] in points.rows_of::<2>()?.iter().take(3) {
        writeln!(out, "{x}\t{y}")?;
    }
    Ok(())
}
