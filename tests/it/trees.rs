//! Random trees of AnnData elements: reading returns what was written, and the bytes do not depend on the
//! number of threads.

use annmap::anndata::{AnnDataWriter, StorageOptions};
use annmap::codec::{Compression, Filters};
use annmap::dataset::AnnData;
use annmap::dtype::Dtype;
use annmap::matrix::{Budget, InMemory, IntoMemory, Layout, Orientation, Source, pump};
use annmap::table::{Categorical, Column, Frame};
use annmap::tree::{EncodedValue, Libver, Location, OutputFormat};
use proptest::collection::vec;
use proptest::prelude::*;
use std::path::Path;

#[derive(Debug, Clone)]
struct Tree {
    obs: Frame,
    var: Frame,
    x: InMemory,
    layers: Vec<InMemory>,
    /// Values of `uns/nested/n`.
    uns: Vec<i64>,
}

fn texts(n: usize) -> impl Strategy<Value = Vec<String>> {
    vec("[a-zäß\u{4e2d} 0-9/._-]{0,12}", n)
}

fn column(n: usize) -> impl Strategy<Value = Column> {
    let numbers = move |dtype: Dtype| {
        vec(any::<u8>(), n * dtype.size()).prop_map(move |bytes| Column::Numbers { dtype, bytes })
    };
    prop_oneof![
        proptest::sample::select(vec![Dtype::Int8, Dtype::Uint16, Dtype::Int32, Dtype::Uint64, Dtype::Int64])
            .prop_flat_map(numbers),
        vec(any::<f32>().prop_filter("compared by ==", |v| !v.is_nan()), n).prop_map(|v| Column::Numbers {
            dtype: Dtype::Float32,
            bytes: v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }),
        vec(0u8..2, n).prop_map(|bytes| Column::Numbers { dtype: Dtype::Bool, bytes }),
        texts(n).prop_map(|t| Column::Strings(t.iter().collect())),
        (vec(any::<u8>(), n * 4), vec(any::<bool>(), n)).prop_map(|(bytes, missing)| Column::Nullable {
            dtype: Dtype::Int32,
            bytes,
            missing
        }),
        (texts(n), vec(any::<bool>(), n))
            .prop_map(|(t, missing)| Column::NullableStrings { values: t.iter().collect(), missing }),
        (1usize..300, any::<bool>()).prop_flat_map(move |(labels, ordered)| {
            vec(-1i64..labels as i64, n).prop_map(move |codes| {
                let labels = Column::Strings((0..labels).map(|i| format!("label {i}")).collect());
                Column::Categorical(Categorical::new(&codes, labels, ordered).unwrap())
            })
        }),
    ]
}

fn frame(n: usize) -> impl Strategy<Value = Frame> {
    let columns = vec(("[a-zA-Zé][a-z_ é]{0,8}", column(n)), 0..6);
    (texts(n), proptest::option::of("idx[a-z]{0,3}"), columns).prop_map(|(names, index, columns)| {
        let mut unique: Vec<(String, Column)> = Vec::new();
        for (name, column) in columns {
            let taken = Some(&name) == index.as_ref() || name == "_index";
            if !taken && unique.iter().all(|(n, _)| *n != name) {
                unique.push((name, column));
            }
        }
        Frame::new(index, names.iter().collect(), unique).unwrap()
    })
}

fn matrix(rows: usize, columns: usize) -> impl Strategy<Value = InMemory> {
    (vec(0u8..4, rows * columns), any::<bool>()).prop_map(move |(cells, by_rows)| {
        let (lines, minor) = if by_rows { (rows, columns) } else { (columns, rows) };
        let (mut pointers, mut indices, mut values) = (vec![0], vec![], vec![]);
        for line in 0..lines {
            for m in 0..minor {
                let v = cells[line * minor + m];
                if v > 1 {
                    indices.push(m as u32);
                    values.extend(f64::from(v).to_le_bytes());
                }
            }
            pointers.push(indices.len() as u64);
        }
        let layout = Layout {
            orientation: if by_rows { Orientation::Csr } else { Orientation::Csc },
            lines: lines as u64,
            minor: minor as u64,
            entries: indices.len() as u64,
            dtype: Dtype::Float64,
        };
        InMemory::new(layout, pointers, indices, values).unwrap()
    })
}

fn tree() -> impl Strategy<Value = Tree> {
    (0usize..40, 0usize..30).prop_flat_map(|(n, m)| {
        (frame(n), frame(m), matrix(n, m), vec(matrix(n, m), 0..3), vec(any::<i64>(), 0..5))
            .prop_map(|(obs, var, x, layers, uns)| Tree { obs, var, x, layers, uns })
    })
}

fn write(tree: &Tree, path: &Path, how: StorageOptions) {
    let mut w = AnnDataWriter::create(path, true, how, Budget::new(64 << 20), &()).unwrap();
    let root = Location::root();
    w.sparse(&root.child("X"), &tree.x).unwrap();
    w.frame(&root.child("obs"), &tree.obs).unwrap();
    w.frame(&root.child("var"), &tree.var).unwrap();
    let layers = root.child("layers");
    for (i, layer) in tree.layers.iter().enumerate() {
        w.sparse(&layers.child(&format!("layer {i}")), layer).unwrap();
    }
    w.dict(&layers).unwrap();
    let nested = root.child("uns").child("nested");
    for (i, v) in tree.uns.iter().enumerate() {
        w.value(&nested.child(&i.to_string()), &EncodedValue::integer(*v)).unwrap();
    }
    w.dict(&nested).unwrap();
    w.dict(&root.child("uns")).unwrap();
    w.finish().unwrap();
}

fn read_matrix(data: &AnnData, name: &str) -> InMemory {
    let budget = Budget::new(64 << 20);
    let opened = data.matrix(name).unwrap().source(budget, &()).unwrap();
    let source: &dyn Source = &opened;
    pump(source, IntoMemory::new(source.layout()), budget, &()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn any_tree_comes_back(
        tree in tree(),
        chunk in 1u64..200,
        compression in proptest::sample::select(vec![Compression::None, Compression::Gzip(1), Compression::Lzf]),
        shuffle: bool,
        latest: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let filters = Filters { shuffle: shuffle && compression != Compression::None, compression, fletcher32: false };
        let how = StorageOptions { filters, chunk, format: OutputFormat::Hdf5(if latest { Libver::Latest } else { Libver::Earliest }) };
        let mut made = Vec::new();
        for threads in [1, 2] {
            let path = dir.path().join(format!("{threads}.h5ad"));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| write(&tree, &path, how));
            made.push(std::fs::read(&path).unwrap());
        }
        prop_assert!(made[0] == made[1], "the same bytes");
        let data = AnnData::open(dir.path().join("2.h5ad")).unwrap();
        prop_assert!(read_matrix(&data, "X") == tree.x);
        for (i, layer) in tree.layers.iter().enumerate() {
            let name = format!("layers/layer {i}");
            prop_assert!(read_matrix(&data, &name) == *layer);
        }
        let [obs, var] = data.frames("X", tree.x.layout().shape(), &()).unwrap();
        for (got, want) in [(&obs, &tree.obs), (&var, &tree.var)] {
            prop_assert!(got.same(want), "{got:?}\n{want:?}");
            prop_assert_eq!(got.index_name(), want.index_name());
        }
        for (i, v) in tree.uns.iter().enumerate() {
            let object = data.root().descend(&format!("uns/nested/{i}")).unwrap();
            prop_assert_eq!(object.array().unwrap().read().unwrap().integer().unwrap(), *v);
        }
    }
}
