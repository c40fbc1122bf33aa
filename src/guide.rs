//! Five things that tools embed this crate for, each as a program that runs.
//!
//! # Look into a file
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::dataset::AnnData;
//! let file = AnnData::open(&path)?;
//! println!("{}: {:?}", file.flavour().name(), file.matrix_names()?);
//! let shape = file.matrix("X")?.shape();
//! let [obs, _var] = file.frames("X", shape, &())?;
//! let types = obs.column("cell_type").expect("a column of labels");
//! println!("the first cell is a {:?}", types.text(0)?);
//! # Ok::<(), annmap::Error>(())
//! ```
//!
//! # Read some rows and columns, from a file or a store
//! Nothing is loaded but what is asked for; chunks are decoded on all threads of the rayon pool this is called in.
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::dataset::AnnData;
//! use annmap::matrix::{Budget, InMemory, Selected, Selection, Source};
//! let budget = Budget::new(256 << 20);
//! let x = AnnData::open(&path)?.matrix("X")?.source(budget, &())?;
//! let rows = Selection { obs: Some(vec![7, 3]), var: None };
//! let part = InMemory::read(&Selected::taken(&x, &rows, budget, &())?, budget, &())?;
//! assert_eq!(part.layout().shape()[0], 2);
//! let seventh = part.pointers()[0] as usize..part.pointers()[1] as usize;
//! println!("cell 7 has {} genes, the first is number {}", seventh.len(), part.minor()[seventh.start]);
//! # Ok::<(), annmap::Error>(())
//! ```
//!
//! # Make a store, and map it
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::convert::{ConvertOptions, Target, convert};
//! use annmap::{Limits, dataset::Dataset, store::Store};
//! let output = dir.path().join("cells.store");
//! let options = ConvertOptions { target: Target::Csc, ..ConvertOptions::default() };
//! convert(&Dataset::open(&path)?, &output, &options, &())?;
//! let genes = Store::open(&output)?;
//! let (cells, values) = genes.line(0)?; // where the first gene was found, as mapped bytes
//! println!("{} cells, {} bytes of {}", cells.len(), values.len(), genes.manifest().layout.dtype);
//! # Ok::<(), annmap::Error>(())
//! ```
//!
//! # Take parts and put files together
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::matrix::Selection;
//! use annmap::{Limits, concat, dataset::Dataset, export, select::Query};
//! let input = Dataset::open(&path)?;
//! let shape = input.shape("X", export::ExportOptions::default().budget, &())?;
//! let [obs, _] = input.frames("X", shape, &())?.expect("a file has tables");
//! let rows = Query::parse("cell_type == 'B cell'")?.rows(&obs)?;
//! let part = dir.path().join("b.h5ad");
//! let selection = Selection { obs: Some(rows), var: None };
//! export::export(&input, &part, &selection, &export::ExportOptions::default(), &())?;
//!
//! let inputs = [input, Dataset::open(&part)?];
//! let options = concat::ConcatOptions {
//!     label: Some("from".into()),
//!     index_unique: Some("-".into()),
//!     merge: Some(concat::Merge::Same),
//!     ..concat::ConcatOptions::default()
//! };
//! concat::concat(&inputs, &dir.path().join("both.h5ad"), &options, &())?;
//! # Ok::<(), annmap::Error>(())
//! ```
//!
//! # See every entry once, on all cores
//! A [`Sink`](crate::matrix::Sink) takes blocks as they are decoded. This one adds up the values of each row.
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cells.h5ad");
//! # annmap::synth::synth(&path, &annmap::synth::SynthOptions::default(), &())?;
//! use annmap::dataset::AnnData;
//! use annmap::matrix::{Block, Budget, Sink, Source, pump};
//! use std::sync::Mutex;
//!
//! struct Totals(Mutex<Vec<f64>>);
//! impl Sink for Totals {
//!     type Done = Vec<f64>;
//!     fn block(&self, block: &Block<'_>) -> annmap::Result<()> {
//!         let sum = |e: usize| block.values.get(e).map_or(0.0, |v| v.as_f64());
//!         let lines: Vec<(usize, f64)> =
//!             block.lines().map(|l| (l.number, l.range.map(sum).sum())).collect();
//!         let mut totals = self.0.lock().unwrap();
//!         lines.into_iter().for_each(|(line, sum)| totals[line] += sum);
//!         Ok(())
//!     }
//!     fn finish(self) -> annmap::Result<Vec<f64>> {
//!         Ok(self.0.into_inner().unwrap())
//!     }
//! }
//!
//! let budget = Budget::new(256 << 20);
//! let x = AnnData::open(&path)?.matrix("X")?.source(budget, &())?;
//! let sink = Totals(Mutex::new(vec![0.0; x.layout().lines as usize]));
//! let totals = pump(&x, sink, budget, &())?;
//! println!("the first cell has {} counts", totals[0]);
//! # Ok::<(), annmap::Error>(())
//! ```
