//! Inputs that are no files: standard input, FIFOs, devices.
#![cfg(unix)]

use crate::support::{fixture, names, path_str, run};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn with_stdin(dir: &Path, bytes: &[u8], args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_annmap"));
    command.args(args).current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    child.wait_with_output().unwrap()
}

#[test]
fn standard_input_is_read_as_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let text = b"gene,g1,g2\nc1,1,2\nc2,3,0\n";
    let market = b"%%MatrixMarket matrix coordinate integer general\n2 2 3\n1 1 1\n1 2 2\n2 1 3\n";
    let hdf5 = fs::read(fixture("anndata_current.h5ad")).unwrap();
    for (n, bytes) in [&text[..], market, &hdf5].into_iter().enumerate() {
        let (store, file) = (format!("{n}.store"), format!("{n}.h5ad"));
        for args in [
            &["convert", "-", &store][..],
            &["upgrade", "-", &file],
            &["subset", "-", &file, "--rows", ":1", "--force"],
        ] {
            let out = with_stdin(dir.path(), bytes, args);
            assert_eq!(out.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        }
    }
    let path = |name: &str| path_str(&dir.path().join(name)).to_owned();
    let whole = fixture("anndata_current.h5ad");
    assert_eq!(run(&["verify", path_str(&whole), &path("2.store")]).0, 0);
    let (code, stdout, _) = run(&["verify", &path("0.store"), &path("1.store"), "--no-tables"]);
    assert_eq!(code, 0, "{stdout}");
    let names = names(dir.path());
    assert_eq!(
        names,
        ["0.h5ad", "0.store", "1.h5ad", "1.store", "2.h5ad", "2.store"],
        "nothing else is left"
    );
    for args in
        [&["info", "-"][..], &["ls", "-"], &["doctor", "-"], &["verify", "-"], &["export", "-", "x.h5ad"]]
    {
        let out = with_stdin(dir.path(), text, args);
        let stderr = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.code() == Some(2) && stderr.contains("got standard input"), "{args:?}: {stderr}");
    }
    // There is no name to put it under.
    fs::create_dir(dir.path().join("results")).unwrap();
    let out = with_stdin(dir.path(), text, &["convert", "-", "results"]);
    assert_eq!(out.status.code(), Some(5));
}

fn fifo(path: &Path) -> PathBuf {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    path.to_owned()
}

/// None of them waits for a writer, which never comes.
#[test]
fn what_is_no_file_is_named_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let pipe = fifo(&at("pipe.h5ad"));
    let (pipe, file) = (path_str(&pipe), fixture("anndata_current.h5ad"));
    let (file, store, out) = (path_str(&file), at("store"), at("out"));
    assert_eq!(run(&["convert", file, path_str(&store)]).0, 0);
    for name in ["data.bin", "obs.arrow", "metadata.json"] {
        let broken = at(&format!("no {name}"));
        assert_eq!(run(&["convert", file, path_str(&broken)]).0, 0);
        fs::remove_file(broken.join(name)).unwrap();
        fifo(&broken.join(name));
    }
    let (out, socket) = (path_str(&out), at("socket"));
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let store_without = |name: &str| path_str(&at(&format!("no {name}"))).to_owned();
    let (data, obs) = (store_without("data.bin"), store_without("obs.arrow"));
    let cases: &[(&[&str], &str)] = &[
        (&["convert", pipe, out], "is a FIFO, expected a file"),
        (&["upgrade", pipe, "out.h5ad"], "is a FIFO, expected a file"),
        (&["info", pipe], "is a FIFO, expected a file"),
        (&["ls", pipe], "is a FIFO, expected a file"),
        (&["doctor", pipe], "is a FIFO, expected a file"),
        (&["verify", file, pipe], "is a FIFO, expected a file"),
        (&["concat", file, pipe, "out.h5ad"], "is a FIFO, expected a file"),
        (&["convert", path_str(&socket), out], "is a socket, expected a file"),
        (&["convert", "/dev/zero", out], "is a device, expected a file"),
        (&["subset", file, out, "--obs-names", pipe], "is a FIFO"),
        (&["transpose", &data, out], "is a FIFO, expected a file"),
        (&["verify", &data], "is a FIFO, expected a file"),
        (&["convert", &obs, out], "is a FIFO, expected a file"),
    ];
    for (args, expected) in cases {
        let (code, _, stderr) = run(args);
        assert!(code == 5 && stderr.contains(expected), "{args:?}: {code}: {stderr}");
    }
    assert_ne!(run(&["convert", &store_without("metadata.json"), out]).0, 0);
    assert!(!at("out").exists());
    // As the output, or with the name of a temporary, it stays.
    let (code, _, stderr) = run(&["upgrade", file, pipe, "--force"]);
    assert!(code == 5 && stderr.contains("it is a FIFO, expected the name of a file"), "{stderr}");
    fifo(&at(".out.annmap-1-0.tmp"));
    assert_eq!(run(&["convert", file, out]).0, 0);
    assert!(at(".out.annmap-1-0.tmp").symlink_metadata().is_ok());
}

/// The store is open and another program cuts its files: reads fail, and no signal comes.
#[test]
fn a_store_that_is_truncated_while_it_is_read_is_an_error() {
    use annmap::Kind;
    use annmap::matrix::{Budget, InMemory};
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let file = at("cells.h5ad");
    assert_eq!(run(&["synth", path_str(&file), "--cells", "3000", "--genes", "300", "-q"]).0, 0);
    for name in ["data.bin", "indices.bin"] {
        let store = at(&format!("without {name}"));
        assert_eq!(run(&["convert", path_str(&file), path_str(&store)]).0, 0);
        let opened = annmap::dataset::Dataset::open(&store).unwrap();
        fs::File::options().write(true).open(store.join(name)).unwrap().set_len(100).unwrap();
        let budget = Budget::new(1 << 28);
        let source = opened.matrix("X", budget, &()).unwrap();
        let e = InMemory::read(&source, budget, &()).unwrap_err();
        assert_eq!(e.kind(), Kind::Io, "{e}");
        assert!(e.file().is_some_and(|f| f.ends_with(name)), "{e}");
    }
}
