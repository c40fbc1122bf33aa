//! Chunks larger than the memory budget: the same result as with memory for them, or the budget that suffices.

use crate::support::run;
use annmap::anndata::{AnnDataWriter, StorageOptions};
use annmap::array::MadeRows;
use annmap::codec::{Compression, Filters};
use annmap::dtype::Dtype;
use annmap::hdf5::File;
use annmap::matrix::Budget;
use annmap::table::Frame;
use annmap::tree::Location;
use std::ops::Range;
use std::path::Path;

const ROWS: u64 = 30_000;
/// Columns of `X` and `obsm/wide`, which have 12 MB and 72 MB.
const COLUMNS: [u64; 2] = [100, 600];

/// Writes a file with a dense `X` and the first `more` of other arrays, each in one chunk.
fn write(path: &Path, more: usize, filters: Filters) {
    let at = |name: &str| Location::from_path(name);
    let storage = StorageOptions { filters, chunk: 1 << 40, ..StorageOptions::default() };
    let mut w = AnnDataWriter::create(path, true, storage, Budget::new(1 << 40), &()).unwrap();
    for (name, columns) in ["X", "obsm/wide"].into_iter().zip(COLUMNS).take(1 + more) {
        let make = |rows: Range<u64>, out: &mut [u8]| {
            for (row, to) in rows.zip(out.chunks_exact_mut(columns as usize * 4)) {
                to.fill(0);
                to[4..8].copy_from_slice(&((row % 1000) as f32).to_le_bytes());
            }
            Ok(())
        };
        w.dense(&at(name), &MadeRows::new(Dtype::Float32, &[ROWS, columns], &make)).unwrap();
    }
    w.dict(&at("obsm")).unwrap();
    w.frame(&at("obs"), &Frame::unnamed(ROWS)).unwrap();
    w.frame(&at("var"), &Frame::unnamed(COLUMNS[0])).unwrap();
    w.finish().unwrap();
    let x = File::open(path).unwrap().object("/X").unwrap().dataset().unwrap();
    assert_eq!(x.stored_chunks().unwrap(), 1);
}

fn gzip(shuffle: bool) -> Filters {
    Filters { shuffle, compression: Compression::Gzip(1), fletcher32: false }
}

/// Runs the program with at most `mebibytes` of memory of its own, which the system refuses to exceed.
#[cfg(target_os = "linux")]
fn run_within(mebibytes: u64, args: &[&str]) -> (i32, String, String) {
    let limited = format!("ulimit -d {}; exec \"$0\" \"$@\"", mebibytes << 10);
    let program = env!("CARGO_BIN_EXE_annmap");
    let out = std::process::Command::new("sh").args(["-c", &limited, program]).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap_or(-1), text(out.stdout), text(out.stderr))
}

/// Less than one decoded chunk.
const LITTLE: [&str; 4] = ["--memory", "16M", "--threads", "2"];

/// Runs the program with [`LITTLE`] memory, of which the system gives it no more than the program may take.
#[cfg(target_os = "linux")]
fn run_with_little(args: &[&str]) -> String {
    let memory = if args.contains(&"ls") || args.contains(&"info") { &[][..] } else { &LITTLE };
    let (code, stdout, stderr) = run_within(64, &[args, memory].concat());
    assert_eq!(code, 0, "{args:?}: {stderr}");
    stdout
}

/// Every command that reads dense arrays does what it does with more memory.
#[cfg(target_os = "linux")]
#[test]
fn dense_chunks_larger_than_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (input, out) = (path("in.h5ad"), path("out.h5ad"));
    write(input.as_ref(), 1, gzip(false));
    for command in [
        vec!["upgrade", &input, &out, "--force"],
        vec!["subset", &input, &out, "--rows", "0:30000:3", "--force"],
        vec!["concat", &input, &input, &out, "--force"],
    ] {
        run_with_little(&command);
        let first = std::fs::read(&out).unwrap();
        let (code, _, stderr) = run(&[&command[..], &["--memory", "2G"]].concat());
        assert_eq!(code, 0, "{stderr}");
        assert!(first == std::fs::read(&out).unwrap(), "{command:?}");
    }
    run_with_little(&["verify", &input, &input, "--all"]);
    run_with_little(&["doctor", &input]);
    run_with_little(&["info", &input]);
}

/// The elements of a shuffled chunk are decoded in as many places as they have bytes.
#[cfg(target_os = "linux")]
#[test]
fn shuffled_chunks_larger_than_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (input, out) = (path("in.h5ad"), path("out.h5ad"));
    write(input.as_ref(), 1, gzip(true));
    run_with_little(&["upgrade", &input, &out]);
    let [before, after] = [&input, &out].map(|file| run_with_little(&["ls", "--crc", file]));
    for path in ["/X", "/obsm/wide"] {
        assert_eq!(crc_of(&before, path), crc_of(&after, path));
    }
}

#[cfg(target_os = "linux")]
fn crc_of<'t>(listing: &'t str, path: &str) -> &'t str {
    let line = listing.lines().find(|line| line.starts_with(path)).unwrap();
    line.split(" crc ").nth(1).unwrap()
}

/// A filter that cannot be undone piece by piece needs memory for the chunk: the error says how much, and that much
/// suffices.
#[test]
fn other_filters_are_refused_with_the_least_budget() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let input = path("in.h5ad");
    write(input.as_ref(), 0, Filters { shuffle: false, compression: Compression::Lzf, fletcher32: false });
    for (command, out) in [("upgrade", path("out.h5ad")), ("convert", path("store"))] {
        let refused = [command, &input, &out, "--memory", "4M", "--force"];
        let (code, _, stderr) = run(&refused);
        assert_eq!(code, 6, "{stderr}");
        let least = stderr.split("at least ").nth(1).unwrap().split([',', ' ']).next().unwrap();
        let (code, _, stderr) = run(&[command, &input, &out, "--memory", least, "--force"]);
        assert_eq!(code, 0, "{least}: {stderr}");
    }
}

/// Rows in any order, for which every strip begins again.
#[test]
fn rows_in_another_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (input, out, names) = (path("in.h5ad"), path("out.h5ad"), path("names"));
    write(input.as_ref(), 1, gzip(false));
    let list: Vec<String> = (0..2000).map(|n| (n * 7919 % ROWS).to_string()).collect();
    std::fs::write(&names, list.join("\n")).unwrap();
    let subset = ["subset", &input, &out, "--obs-names", &names, "--force"];
    let written = |memory: &str| {
        let (code, _, stderr) = run(&[&subset[..], &["--memory", memory]].concat());
        assert_eq!(code, 0, "{stderr}");
        std::fs::read(&out).unwrap()
    };
    assert!(written("16M") == written("2G"));
    let wide = File::open(&out).unwrap().object("/obsm/wide").unwrap().dataset().unwrap().read().unwrap();
    assert_eq!(wide.shape(), Some(&[2000, 600][..]));
    let (_, values) = wide.numbers().unwrap();
    for (n, row) in values.chunks_exact(2400).enumerate() {
        let value = ((n as u64 * 7919 % ROWS) % 1000) as f32;
        assert_eq!(row[4..8], value.to_le_bytes(), "row {n}");
    }
}

/// A matrix that does not fit its tables is refused before any of it is decoded, which would fail.
#[test]
fn the_shape_is_checked_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let input = path("in.h5ad");
    let at = |name: &str| Location::root().child(name);
    let zeros = |_: Range<u64>, out: &mut [u8]| {
        out.fill(0);
        Ok(())
    };
    let storage = StorageOptions { filters: gzip(false), ..StorageOptions::default() };
    let mut w = AnnDataWriter::create(input.as_ref(), false, storage, Budget::default(), &()).unwrap();
    w.dense(&at("X"), &MadeRows::new(Dtype::Float32, &[50, 40], &zeros)).unwrap();
    w.frame(&at("obs"), &Frame::unnamed(50)).unwrap();
    w.frame(&at("var"), &Frame::unnamed(20)).unwrap();
    w.finish().unwrap();
    let x = File::open(&input).unwrap().object("/X").unwrap().dataset().unwrap();
    let chunk = x.chunk_extent(0).unwrap().unwrap();
    let mut bytes = std::fs::read(&input).unwrap();
    bytes[chunk.start as usize..chunk.end as usize].fill(0xff);
    std::fs::write(&input, bytes).unwrap();
    for (command, out) in [
        ("convert", path("store")),
        ("transpose", path("store")),
        ("upgrade", path("out.h5ad")),
        ("subset", path("out.h5ad")),
    ] {
        let more: &[&str] = if command == "subset" { &["--rows", "0:1"] } else { &[] };
        let (code, _, stderr) = run(&[&[command, &input, &out], more].concat());
        assert!(code == 3 && stderr.contains("has 40 columns, their table has 20"), "{command}: {stderr}");
    }
}
