//! Runs the programs in `examples/`.

#![allow(dead_code)] // their `main`

use crate::support::fixture;
use annmap::dataset::Dataset;

#[path = "../../examples/gene_sums.rs"]
mod gene_sums;
#[path = "../../examples/list_objects.rs"]
mod list_objects;
#[path = "../../examples/one_column.rs"]
mod one_column;
#[path = "../../examples/select_rows.rs"]
mod select_rows;

fn shown(run: impl FnOnce(&mut dyn std::io::Write) -> annmap::Result<()>) -> Vec<String> {
    let mut out = Vec::new();
    run(&mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

fn synthetic(dir: &tempfile::TempDir) -> String {
    let path = dir.path().join("cells.h5ad");
    annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn objects_are_listed() {
    let path = fixture("anndata_current.h5ad");
    let lines = shown(|out| list_objects::run(path.to_str().unwrap(), out));
    assert_eq!(lines[0], "/");
    assert!(lines.iter().any(|l| l.starts_with("/X/data\tfloat32\t[")), "{lines:?}");
}

#[test]
fn genes_are_summed() {
    let path = fixture("anndata_current.h5ad");
    let lines = shown(|out| gene_sums::run(path.to_str().unwrap(), out));
    let data = Dataset::open(&path).unwrap();
    assert_eq!(lines.len() as u64, data.x().shape().unwrap()[1]);
    let total: f64 = lines.iter().map(|l| l.split('\t').nth(1).unwrap().parse::<f64>().unwrap()).sum();
    let all = |sum: &mut f64, block: &annmap::matrix::Block<'_>| block.each(|_, _, v: f64| *sum += v);
    let want = data.x().entries().fold(|| 0.0, all, |a, b| *a += b).unwrap();
    assert!(want > 0.0 && (total - want).abs() < 1e-6 * want, "{total} {want}");
}

#[test]
fn labels_are_counted_and_an_embedding_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = synthetic(&dir);
    let lines = shown(|out| one_column::run(&path, "cell_type", "X_pca", out));
    let counts: u64 =
        lines[..lines.len() - 3].iter().map(|l| l.split('\t').nth(1).unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(counts, Dataset::open(&path).unwrap().obs().rows().unwrap());
}

#[test]
fn rows_above_a_bound_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = synthetic(&dir);
    let part = dir.path().join("part.h5ad");
    let before = Dataset::open(&path).unwrap();
    let names = before.obs().names().unwrap();
    let is_number =
        |n: &&String| matches!(before.obs().column(n).unwrap(), annmap::table::Column::Numbers { .. });
    let column = names.iter().find(is_number).unwrap();
    select_rows::run(&path, column, f64::NEG_INFINITY, part.to_str().unwrap()).unwrap();
    assert_eq!(Dataset::open(&part).unwrap().x().shape().unwrap(), before.x().shape().unwrap());
    std::fs::remove_file(&part).unwrap();
    select_rows::run(&path, column, f64::INFINITY, part.to_str().unwrap()).unwrap();
    assert_eq!(Dataset::open(&part).unwrap().obs().rows().unwrap(), 0);
}
