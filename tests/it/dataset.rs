//! `Dataset`: parts by name, with Rust types.

use crate::support::fixture;
use annmap::dataset::Dataset;
use annmap::{Kind, Limits};

fn current() -> Dataset {
    Dataset::open(fixture("anndata_current.h5ad")).unwrap()
}

#[test]
fn a_column_is_read_by_its_name() {
    let data = current();
    let names = data.obs().names().unwrap();
    let whole = data.obs().read().unwrap();
    assert_eq!(names, whole.columns().iter().map(|(n, _)| n.clone()).collect::<Vec<_>>());
    for name in &names {
        assert_eq!(Some(&data.obs().column(name).unwrap()), whole.column(name), "{name}");
    }
    assert_eq!(&data.obs().index().unwrap(), whole.index());
    assert_eq!(data.obs().rows().unwrap(), whole.rows() as u64);
    let two = [names[1].as_str(), names[0].as_str()];
    let some = data.obs().columns(&two).unwrap();
    assert_eq!(some.columns().iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), two);
    let error = data.obs().column("no such").unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.message().contains(&names[0]) && error.file().is_some(), "{error}");
}

#[test]
fn tables_of_old_files_answer_the_same_calls() {
    for file in ["anndata_06.h5ad", "anndata_07.h5ad", "tenx_v3.h5", "genes.loom"] {
        let data = Dataset::open(fixture(file)).unwrap();
        let [obs, var] = [data.obs(), data.var()];
        for table in [obs, var] {
            let whole = table.read().unwrap();
            assert_eq!(table.rows().unwrap(), whole.rows() as u64, "{file}");
            for name in table.names().unwrap() {
                assert_eq!(Some(&table.column(&name).unwrap()), whole.column(&name), "{file} {name}");
            }
        }
        assert_eq!(data.x().shape().unwrap(), [obs.rows().unwrap(), var.rows().unwrap()], "{file}");
    }
}

#[test]
fn bytes_in_memory_are_a_dataset() {
    let bytes = std::fs::read(fixture("anndata_current.h5ad")).unwrap();
    let data = Dataset::from_source(bytes, Limits::default()).unwrap();
    assert_eq!(data.x().shape().unwrap(), current().x().shape().unwrap());
    assert_eq!(data.obs().read().unwrap(), current().obs().read().unwrap());
    let error = data.layer("none").shape().unwrap_err();
    assert_eq!((error.kind(), error.file()), (Kind::NotFound, Some("memory".as_ref())));
}

#[test]
fn sums_of_genes_are_those_of_the_rows() {
    let data = current();
    let [cells, genes] = data.x().shape().unwrap().map(|n| n as usize);
    let sums = |n: usize, by_gene: bool| {
        data.x()
            .entries()
            .memory(64 << 20)
            .fold(
                || vec![0f64; n],
                |sums, block| block.each(|r, c, v: f64| sums[if by_gene { c } else { r }] += v),
                |sums, others| sums.iter_mut().zip(others).for_each(|(s, o)| *s += o),
            )
            .unwrap()
    };
    let (genes, cells) = (sums(genes, true), sums(cells, false));
    assert!(genes.iter().sum::<f64>() > 0.0);
    assert!((genes.iter().sum::<f64>() - cells.iter().sum::<f64>()).abs() < 1e-6);
}

#[test]
fn embeddings_come_as_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5ad");
    annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &()).unwrap();
    let data = Dataset::open(&path).unwrap();
    let pca = data.obsm("X_pca").unwrap();
    let typed = pca.read::<f32>().unwrap();
    assert_eq!(typed.shape(), pca.shape());
    assert_eq!(typed.rows_of::<2>().unwrap().len() as u64, data.obs().rows().unwrap());
    let wide = pca.read::<f64>().unwrap();
    assert_eq!(wide.values()[5], f64::from(typed.values()[5]));
    assert!(pca.read::<i32>().unwrap_err().message().contains("does not fit int32"));
    assert!(pca.cast::<i32>().is_ok());
    let error = data.obsm("X_umap").unwrap_err();
    assert!(error.kind() == Kind::NotFound && error.message().contains("X_pca"), "{error}");

    let part = dir.path().join("part.h5ad");
    data.select().obs([7, 3]).var(0..10).write_to(&part).unwrap();
    let sink = data.select().obs([7, 3]).var(0..10).write(std::io::Cursor::new(Vec::new())).unwrap();
    assert!(sink.into_inner() == std::fs::read(&part).unwrap(), "the same bytes in memory");
    let part = Dataset::open(&part).unwrap();
    assert_eq!(part.x().shape().unwrap(), [2, 10]);
    let rows = part.obsm("X_pca").unwrap().read::<f32>().unwrap();
    assert_eq!(rows.row(0), typed.row(7));
}

#[test]
fn every_object_is_walked_once() {
    let data = current();
    let paths: Vec<String> = data.tree().unwrap().walk().map(|e| e.path().to_owned()).collect();
    assert_eq!(paths[0], "/");
    for path in ["/X/data", "/obs", "/uns"] {
        assert_eq!(paths.iter().filter(|p| *p == path).count(), 1, "{path}");
    }
}
