//! What OUT becomes, and that nothing is deleted or overwritten that is not ours to replace.

use crate::support::{fixture, names, path_str, run};
use std::fs;
use std::path::{Path, PathBuf};

/// Exit code and stderr of a run.
fn failed(args: &[&str]) -> (i32, String) {
    let (code, stdout, stderr) = run(args);
    assert_eq!(stdout, "", "{args:?}");
    assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
    (code, stderr)
}

fn done(args: &[&str]) {
    let (code, _, stderr) = run(args);
    assert_eq!(code, 0, "{args:?}: {stderr}");
}

/// An h5ad in `dir`.
fn cells(dir: &Path) -> PathBuf {
    let path = dir.join("cells.h5ad");
    fs::copy(fixture("anndata_current.h5ad"), &path).unwrap();
    path
}

fn is_hdf5(path: &Path) -> bool {
    fs::read(path).unwrap().starts_with(b"\x89HDF")
}

#[test]
fn a_directory_is_never_replaced_by_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let cells = cells(dir.path());
    let results = dir.path().join("results");
    fs::create_dir(&results).unwrap();
    fs::write(results.join("thesis.tex"), "years of work").unwrap();
    let (from, to) = (path_str(&cells), path_str(&results));
    // Under the name of the input, as with cp.
    done(&["upgrade", from, to, "--force"]);
    assert_eq!(names(&results), ["cells.h5ad", "thesis.tex"]);
    let (code, stderr) = failed(&["upgrade", from, to]);
    assert!(code == 5 && stderr.contains("results/cells.h5ad") && stderr.contains("--force"), "{stderr}");
    done(&["subset", from, to, "--rows", ":3", "--force"]);
    done(&["convert", from, to]);
    done(&["transpose", from, to, "--force"]);
    assert_eq!(names(&results), ["cells.h5ad", "cells.store", "thesis.tex"]);
    assert!(is_hdf5(&results.join("cells.h5ad")));
    let store = results.join("cells.store");
    done(&["export", path_str(&store), to, "--force"]);
    // Where there is no one input, there is no name.
    for args in [&["concat", from, from, to, "--force"][..], &["synth", to, "--force"]] {
        let (code, stderr) = failed(args);
        assert!(code == 5 && stderr.contains("is a directory, expected the name of the file"), "{stderr}");
    }
    assert_eq!(names(&results), ["cells.h5ad", "cells.store", "thesis.tex"]);
    // A store is no place for a file.
    for args in [
        &["upgrade", from, path_str(&store), "--force"][..],
        &["concat", from, from, path_str(&store), "--force"],
        &["subset", from, path_str(&store), "--split-by", "stage", "--force"],
    ] {
        assert_eq!(failed(args).0, 5, "{args:?}");
    }
    done(&["verify", path_str(&store)]);
}

#[test]
fn a_store_with_a_foreign_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let cells = cells(dir.path());
    let (one, both) = (dir.path().join("one"), dir.path().join("both"));
    done(&["convert", path_str(&cells), path_str(&one)]);
    done(&["convert", path_str(&cells), path_str(&both), "--layout", "both"]);
    for store in [&one, &both] {
        done(&["convert", path_str(&cells), path_str(store), "--layout", "both", "--force"]);
    }
    for notes in [one.join("notes.txt"), both.join("csc/notes.txt")] {
        fs::write(&notes, "mine").unwrap();
    }
    for store in [&one, &both] {
        let (code, stderr) = failed(&["convert", path_str(&cells), path_str(store), "--force"]);
        assert!(
            code == 5 && stderr.contains("it holds 'notes.txt', which is not part of a store"),
            "{stderr}"
        );
    }
    assert!(one.join("notes.txt").exists() && both.join("csc/notes.txt").exists());
    // A directory that looks like a store by its names is none.
    let odd = dir.path().join("odd");
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("metadata.json"), r#"{"title": "measurements"}"#).unwrap();
    let (code, stderr) = failed(&["convert", path_str(&cells), path_str(&odd), "--force"]);
    assert!(code == 5 && stderr.contains("its metadata.json is not that of a store"), "{stderr}");
    // Nor does a store take the place of a file.
    let (code, stderr) = failed(&[
        "convert",
        fixture_path("values.h5ad").as_str(),
        path_str(&one.join("notes.txt")),
        "--force",
    ]);
    assert!(code == 5 && stderr.contains("it is a file, expected a store"), "{stderr}");
}

fn fixture_path(name: &str) -> String {
    path_str(&fixture(name)).to_owned()
}

#[cfg(unix)]
#[test]
fn links_lead_to_files_and_to_nothing_else() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let cells = cells(dir.path());
    let at = |name: &str| dir.path().join(name);
    let from = path_str(&cells);
    // The file that a link points to is replaced, and the link stays.
    fs::write(at("old.h5ad"), "old").unwrap();
    symlink(at("old.h5ad"), at("link.h5ad")).unwrap();
    assert_eq!(failed(&["upgrade", from, path_str(&at("link.h5ad"))]).0, 5);
    done(&["upgrade", from, path_str(&at("link.h5ad")), "--force"]);
    assert!(at("link.h5ad").is_symlink() && is_hdf5(&at("old.h5ad")));
    // Nothing is deleted through a link.
    done(&["convert", from, path_str(&at("real.store"))]);
    symlink(at("real.store"), at("link.store")).unwrap();
    let before = fs::read(at("real.store/metadata.json")).unwrap();
    let (code, stderr) = failed(&["transpose", from, path_str(&at("link.store")), "--force"]);
    assert!(code == 5 && stderr.contains("it is a symbolic link"), "{stderr}");
    assert_eq!(fs::read(at("real.store/metadata.json")).unwrap(), before);
    // A link to nothing makes nothing.
    symlink(at("nothing"), at("dangling.h5ad")).unwrap();
    assert_eq!(failed(&["upgrade", from, path_str(&at("dangling.h5ad")), "--force"]).0, 5);
    assert!(!at("nothing").exists());
    // A link to a directory is that directory.
    fs::create_dir(at("results")).unwrap();
    symlink(at("results"), at("link")).unwrap();
    done(&["upgrade", from, path_str(&at("link"))]);
    assert_eq!(names(&at("results")), ["cells.h5ad"]);
}

#[test]
fn an_input_is_never_the_output() {
    let dir = tempfile::tempdir().unwrap();
    let cells = cells(dir.path());
    let at = |name: &str| path_str(&dir.path().join(name)).to_owned();
    let (a, b) = (path_str(&cells).to_owned(), at("b.h5ad"));
    fs::copy(&a, &b).unwrap();
    fs::hard_link(&a, at("hard.h5ad")).unwrap();
    done(&["convert", &a, &at("one")]);
    done(&["convert", &a, &at("both"), "--layout", "both"]);
    fs::write(at("names.h5ad"), "cell0\n").unwrap();
    let before = fs::read(&a).unwrap();
    let again =
        format!("{}/../{}/cells.h5ad", dir.path().display(), dir.path().file_name().unwrap().display());
    let (one, both, csr) = (at("one"), at("both"), at("both/csr"));
    let cases: &[&[&str]] = &[
        &["upgrade", &a, &a],
        &["upgrade", &a, &again],
        &["upgrade", &a, &at("hard.h5ad")],
        &["upgrade", &a, path_str(dir.path())],
        &["subset", &a, &a, "--rows", ":3"],
        &["subset", &a, &at("names.h5ad"), "--obs-names", &at("names.h5ad")],
        &["concat", &b, &a, &b],
        &["concat", &b, &at("hard.h5ad"), &a],
        &["convert", &one, &one],
        &["transpose", &one, &one],
        &["transpose", &csr, &both],
        &["convert", &both, &both],
    ];
    for args in cases {
        let (code, stderr) = failed(&[args, &["--force"][..]].concat());
        assert!(code == 2 && stderr.contains("the output is"), "{args:?}: {stderr}");
    }
    // One input only, where the output was forgotten.
    let (code, stderr) = failed(&["concat", "--force", &a, &b]);
    assert!(code == 2 && stderr.contains("two or more inputs"), "{stderr}");
    assert!(fs::read(&a).unwrap() == before && fs::read(&b).unwrap() == before);
    for store in [&one, &both] {
        assert_eq!(run(&["verify", store]).0, 0);
    }
}

#[test]
fn endings_of_the_other_kind_are_pointed_out() {
    let dir = tempfile::tempdir().unwrap();
    let cells = cells(dir.path());
    let at = |name: &str| path_str(&dir.path().join(name)).to_owned();
    let from = path_str(&cells);
    for (args, hint) in [
        (["convert", from, &at("out.h5ad")], "upgrade writes an h5ad"),
        (["transpose", from, &at("out.HDF5")], "upgrade writes an h5ad"),
        (["subset", from, &at("out.loom")], "upgrade writes an h5ad"),
        (["upgrade", from, &at("out.store")], "convert and transpose make stores"),
        (["upgrade", from, &at("results/")], "convert and transpose make stores"),
    ] {
        let (code, stderr) = failed(&args);
        assert!(code == 2 && stderr.contains(hint), "{args:?}: {stderr}");
    }
    for name in ["out.h5ad", "out.h5", "out.hdf5", "out.H5AD"] {
        done(&["subset", from, &at(name), "--rows", ":3"]);
        assert!(is_hdf5(&dir.path().join(name)), "{name}");
    }
    done(&["subset", from, &at("out.store"), "--rows", ":3"]);
    done(&["verify", &at("out.store")]);
    // A store of such a name is one all the same.
    fs::rename(at("out.store"), at("odd.h5ad")).unwrap();
    done(&["convert", from, &at("odd.h5ad"), "--force"]);
    done(&["verify", &at("odd.h5ad")]);
    let (_, help, _) = run(&["convert", "--help"]);
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("--force replaces a file or a store"), "{help}");
}

#[test]
fn no_output_is_called_dash() {
    let dir = tempfile::tempdir().unwrap();
    let cells = cells(dir.path());
    let from = path_str(&cells);
    for args in [
        &["convert", from, "-"][..],
        &["transpose", from, "-"],
        &["upgrade", from, "-"],
        &["export", from, "-"],
        &["subset", from, "-"],
        &["subset", from, "-", "--split-by", "stage"],
        &["concat", from, from, "-"],
        &["synth", "-"],
    ] {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_annmap"))
            .args(args)
            .current_dir(dir.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains("got standard output"), "{args:?}: {stderr}");
    }
    assert_eq!(names(dir.path()), ["cells.h5ad"]);
}
