//! Seven common uses of this crate, each as a complete program. Four of them are also in `examples/`.
//!
//! # Look into a file
//! The elements and their types, from metadata alone. For every object of the container:
//! [`Node::walk`](crate::tree::Node::walk).
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::dataset::Dataset;
//! let data = Dataset::open(&path)?;
//! let [cells, genes] = data.x().shape()?;
//! println!("{cells} cells, {genes} genes, columns of cells: {:?}", data.obs().names()?);
//! for entry in data.tree()?.walk() {
//!     match entry.node() {
//!         Ok(node) if node.is_array() => println!("{} {:?}", entry.path(), node.array()?.shape()),
//!         Ok(_) => println!("{}", entry.path()),
//!         Err(e) => println!("{}: {e}", entry.path()),
//!     }
//! }
//! # Ok::<(), annmap::Error>(())
//! ```
//!
//! # One column and one embedding
//! Reads nothing else from the file.
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::dataset::Dataset;
//! let data = Dataset::open(&path)?;
//! let types = data.obs().column("cell_type")?;
//! let pca = data.obsm("X_pca")?.read::<f32>()?; // exact; `cast` rounds
//! println!("{} cells, {}, the first at {:?}", types.len(), types.type_name(), pca.row(0));
//! # Ok::<(), annmap::Error>(())
//! ```
//!
//! # Sums of genes
//! A fold visits every entry once, on all threads of the current rayon pool. Each piece of the matrix has its
//! own state, and states are merged in the order of the pieces: the sums are identical to the last bit for
//! any number of threads and any budget. [`Block::each`](crate::matrix::Block::each) dispatches on the value
//! type once per block and handles both CSR and CSC.
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::dataset::Dataset;
//! let data = Dataset::open(&path)?;
//! let x = data.x();
//! let genes = x.shape()?[1] as usize;
//! let sums = x.entries().memory(256 << 20).fold(
//!     || vec![0f64; genes],
//!     |sums, block| block.each(|_cell, gene, value: f64| sums[gene] += value),
//!     |sums, others| sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other),
//! )?;
//! println!("the first gene has {} counts", sums[0]);
//! # Ok::<(), annmap::Error>(())
//! ```
//! To use other threads, request blocks one by one ([`Entries::blocks`](crate::matrix::Entries::blocks)). To
//! commit a result at the end, implement [`Sink`](crate::matrix::Sink) for [`pump`](crate::matrix::pump).
//!
//! # Rows and slices
//! Selected rows and columns of a file, in any order. Only the chunks that hold them are decoded.
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::dataset::Dataset;
//! use annmap::matrix::{Budget, InMemory, Selected, Selection, Source};
//! let budget = Budget::new(256 << 20);
//! let data = Dataset::open(&path)?;
//! let x = data.x().source(budget, &())?;
//! let rows = Selection { obs: Some(vec![7, 3]), var: None };
//! let part = InMemory::read(&Selected::taken(&x, &rows, budget, &())?, budget, &())?;
//! let values = part.data::<f32>()?;
//! let seventh = part.pointers()[0] as usize..part.pointers()[1] as usize;
//! println!("cell 7 has genes {:?} with {:?}", &part.minor()[seventh.clone()], &values[seventh]);
//! # Ok::<(), annmap::Error>(())
//! ```
//!
//! # Make a store, and map it
//! The arrays of a store are memory-mapped and typed, without copying or decoding.
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::convert::{ConvertOptions, TargetLayout, convert};
//! use annmap::matrix::Source;
//! use annmap::{dataset::Dataset, store::Store};
//! let output = dir.path().join("cells.store");
//! let options = ConvertOptions { target: TargetLayout::Csr, ..ConvertOptions::default() };
//! convert(&Dataset::open(&path)?, &output, &options, &())?;
//! let cells = Store::open(&output)?;
//! let (data, indices) = (cells.data::<f32>()?, cells.indices::<i32>()?);
//! let first = cells.pointers()[0] as usize..cells.pointers()[1] as usize;
//! println!("the first cell has genes {:?} with {:?}", &indices[first.clone()], &data[first]);
//! let batch = cells.rows(&[5, 0, 5])?; // in this order, one of them twice
//! println!("{} entries", batch.minor().len());
//! # Ok::<(), annmap::Error>(())
//! ```
//!
//! # Select and write
//! Every element is subset to the selected cells and genes. The file appears when it is complete, or not at
//! all.
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::{dataset::Dataset, select::Query};
//! let data = Dataset::open(&path)?;
//! let rows = Query::parse("cell_type == 'B cell'")?.rows(&*data.obs().read()?)?;
//! data.select().obs(rows).var(0..20).write_to(dir.path().join("b.h5ad"))?;
//! # Ok::<(), annmap::Error>(())
//! ```
//!
//! # Join files
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::{concat, dataset::Dataset};
//! let inputs = [Dataset::open(&path)?, Dataset::open(&path)?];
//! let options = concat::ConcatOptions {
//!     label: Some("from".into()),
//!     index_unique: Some("-".into()),
//!     merge: Some(concat::Merge::Same),
//!     ..concat::ConcatOptions::default()
//! };
//! concat::concat(&inputs, &dir.path().join("both.h5ad"), &options, &())?;
//! # Ok::<(), annmap::Error>(())
//! ```
