//! Tables are never in memory as a whole: the programs run where a table would not fit.
#![cfg(target_os = "linux")]

use crate::support::path_str;
use annmap::anndata::{AnnDataWriter, StorageOptions};
use annmap::dataset::AnnData;
use annmap::matrix::{Budget, InMemory, Layout, Orientation};
use annmap::table::{Categorical, Column, ColumnRows, Frame, Table};
use annmap::tree::Location;
use annmap::{Dtype, Strings};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const ROWS: u64 = 132_000;
/// Length of the text in each row: all of it together is 40 MB.
const TEXT: usize = 300;
/// Most memory that a run may take, in KiB.
const MOST: u64 = 56 << 10;

/// The text of a row.
fn note(row: u64) -> String {
    format!("{row:0TEXT$}")
}

/// A column that is made when it is read: texts from the first one on.
struct Notes(u64, Column);

impl ColumnRows for Notes {
    fn head(&self) -> &Column {
        &self.1
    }

    fn rows(&self) -> u64 {
        ROWS
    }

    fn read(&self, range: Range<u64>) -> annmap::Result<Column> {
        Ok(Column::Strings(range.map(|row| note(self.0 + row)).collect()))
    }
}

/// A file of cells with a long text, a label and a number each, and no entries.
fn write(path: &Path, first: u64) {
    let at = |name: &str| Location::root().child(name);
    let labels = Column::Strings(["a", "b", "c"].iter().copied().collect());
    let codes: Vec<i64> = (0..ROWS as i64).map(|row| row % 3).collect();
    let kind = Column::Categorical(Categorical::new(&codes, labels, false).unwrap());
    let score = (0..ROWS as u32).flat_map(|row| (row as f32).to_le_bytes()).collect();
    let columns = vec![
        ("kind".to_owned(), kind),
        ("score".to_owned(), Column::Numbers { dtype: Dtype::Float32, bytes: score }),
    ];
    let names = (0..ROWS).map(|row| format!("cell-{row}")).collect();
    let frame = Frame::new(None, names, columns).unwrap();
    let frame = Table::of(&frame);
    let notes = ("note".to_owned(), Arc::new(Notes(first, Column::Strings(Strings::new()))) as _);
    let columns = frame.columns().iter().cloned().chain([notes]).collect();
    let obs = Table::new(None, Arc::clone(frame.index()), columns).unwrap();
    let layout = Layout::new(Orientation::Csr, [ROWS, 2], 0, Dtype::Float32).unwrap();
    let x = InMemory::new(layout, vec![0; ROWS as usize + 1], vec![], vec![]).unwrap();
    let mut w =
        AnnDataWriter::create(path, false, StorageOptions::default(), Budget::new(1 << 26), &()).unwrap();
    w.sparse(&at("X"), &x).unwrap();
    w.table(&at("obs"), &obs).unwrap();
    w.frame(&at("var"), &Frame::new(None, ["A", "B"].iter().copied().collect(), Vec::new()).unwrap())
        .unwrap();
    w.finish().unwrap();
}

/// Runs the program in a process that may take [`MOST`] KiB of memory of its own.
fn run(args: &[&str]) {
    let line = format!("ulimit -d {MOST} && exec \"$0\" \"$@\" --memory 16M --threads 2 --quiet");
    let mut command = Command::new("sh");
    let out = command.args(["-c", &line, env!("CARGO_BIN_EXE_annmap")]).args(args).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// The notes of some rows of a table that was written.
fn notes(path: &Path, rows: u64, range: Range<u64>) -> Column {
    let table = AnnData::open(path).unwrap().table("X", 0, rows, &()).unwrap();
    table.column("note").unwrap().read(range).unwrap()
}

#[test]
fn tables_that_do_not_fit_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { dir.path().join(name) };
    let input = path("in.h5ad");
    write(&input, 0);
    let input = path_str(&input);
    let expected = |rows: &[u64]| Column::Strings(rows.iter().map(|row| note(*row)).collect());

    let some = path("some.h5ad");
    run(&["subset", input, path_str(&some), "--obs", "kind == 'b' and score > 30"]);
    assert_eq!(notes(&some, 43_990, 0..2), expected(&[31, 34]));

    let back = path("back.h5ad");
    run(&["subset", input, path_str(&back), "--rows", "::-1"]);
    assert_eq!(notes(&back, ROWS, 0..2), expected(&[ROWS - 1, ROWS - 2]));

    let all = path("all.h5ad");
    run(&["upgrade", input, path_str(&all)]);
    assert_eq!(notes(&all, ROWS, 0..2), expected(&[0, 1]));

    let (other, both) = (path("other.h5ad"), path("both.h5ad"));
    write(&other, ROWS);
    run(&["concat", input, path_str(&other), path_str(&both), "--label", "from", "--index-unique", "-"]);
    assert_eq!(notes(&both, 2 * ROWS, ROWS - 1..ROWS + 1), expected(&[ROWS - 1, ROWS]));

    for command in ["convert", "transpose"] {
        let store = path(command);
        run(&[command, input, path_str(&store)]);
        let [obs, _] = annmap::store::Store::open(&store).unwrap().tables().unwrap().unwrap();
        assert_eq!(obs.column("note").unwrap().read(5..7).unwrap(), expected(&[5, 6]));
    }
}
