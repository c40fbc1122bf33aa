//! Failing runs: documented exit code, one helpful line, no partial output, no lost data.

use crate::support::{fixture, names, path_str, run};
use std::path::Path;
use std::process::{Command, Stdio};

/// Asserts that stderr is one line, and returns it.
fn one_line(stderr: &str) -> &str {
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("annmap: "), "{stderr}");
    stderr.trim_end()
}

#[test]
fn a_missing_file_and_a_file_of_another_kind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let (code, stdout, stderr) = run(&["convert", "/nowhere/a.h5ad", path_str(&out)]);
    assert_eq!((code, stdout.as_str()), (5, ""));
    assert_eq!(one_line(&stderr), "annmap: /nowhere/a.h5ad: open: no such file or directory");
    let text = dir.path().join("text.h5ad");
    std::fs::write(&text, "id,count\n").unwrap();
    let (code, _, stderr) = run(&["convert", path_str(&text), path_str(&out)]);
    assert_eq!(code, 3);
    assert!(one_line(&stderr).ends_with("not an HDF5 file"));
    let (code, _, stderr) = run(&["info", path_str(&fixture("storage.h5"))]);
    assert_eq!(code, 4);
    assert!(one_line(&stderr).contains("not AnnData"));
    assert_eq!(names(dir.path()), ["text.h5ad"]);
}

#[test]
fn a_size_that_the_file_does_not_justify_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    for verb in ["convert", "transpose", "upgrade"] {
        let out = dir.path().join(if verb == "upgrade" { "out.h5ad" } else { "out" });
        let (code, _, stderr) = run(&[verb, path_str(&fixture("too_large.h5ad")), path_str(&out)]);
        assert_eq!(code, 6, "{stderr}");
        assert!(one_line(&stderr).contains("bytes that were never written"), "{stderr}");
        assert!(names(dir.path()).is_empty());
    }
}

#[test]
fn a_directory_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let out = file.join("out");
    let (code, _, stderr) = run(&["convert", path_str(&fixture("values.h5ad")), path_str(&out)]);
    assert_eq!(code, 5, "{stderr}");
    one_line(&stderr);
}

#[test]
fn an_existing_target_is_kept_without_force_and_replaced_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let (values, current) = (fixture("values.h5ad"), fixture("anndata_current.h5ad"));
    assert_eq!(run(&["convert", path_str(&values), path_str(&out)]).0, 0);
    let before = std::fs::read(out.join("metadata.json")).unwrap();
    let (code, _, stderr) = run(&["convert", path_str(&current), path_str(&out)]);
    assert_eq!(code, 5);
    assert!(one_line(&stderr).contains("--force"));
    // A run that fails leaves the old store alone even with --force.
    let (code, _, _) = run(&["convert", path_str(&fixture("outside.h5ad")), path_str(&out), "--force"]);
    assert_eq!(code, 3);
    assert_eq!(std::fs::read(out.join("metadata.json")).unwrap(), before);
    assert_eq!(run(&["convert", path_str(&current), path_str(&out), "--force"]).0, 0);
    assert_ne!(std::fs::read(out.join("metadata.json")).unwrap(), before);
    assert_eq!(names(dir.path()), ["out"]);
}

#[test]
fn force_replaces_stores_and_nothing_else() {
    let values = fixture("values.h5ad");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("thesis.tex"), "years of work").unwrap();
    for _ in 0..2 {
        // It goes into a directory that is no store.
        assert_eq!(run(&["convert", path_str(&values), path_str(&out), "--force"]).0, 0);
        assert_eq!(names(&out), ["thesis.tex", "values.store"]);
    }
    // Nor does it replace a store into which something else was put.
    let store = out.join("values.store");
    std::fs::rename(out.join("thesis.tex"), store.join("thesis.tex")).unwrap();
    let (code, _, stderr) = run(&["convert", path_str(&values), path_str(&store), "--force"]);
    assert_eq!(code, 5, "{stderr}");
    assert!(one_line(&stderr).contains("thesis.tex"));
    assert_eq!(std::fs::read_to_string(store.join("thesis.tex")).unwrap(), "years of work");
}

#[test]
fn a_file_cut_anywhere_is_refused_or_read_right() {
    let dir = tempfile::tempdir().unwrap();
    let whole = std::fs::read(fixture("anndata_current.h5ad")).unwrap();
    let cut = dir.path().join("cut.h5ad");
    let out = dir.path().join("out");
    let good = dir.path().join("good");
    assert_eq!(run(&["convert", path_str(&fixture("anndata_current.h5ad")), path_str(&good)]).0, 0);
    for n in 0..60 {
        let len = whole.len() * n / 60;
        std::fs::write(&cut, &whole[..len]).unwrap();
        let (code, _, stderr) = run(&["convert", path_str(&cut), path_str(&out), "-q"]);
        if code == 0 {
            // The truncated bytes belong to another object.
            for file in ["data.bin", "indices.bin", "indptr.bin", "obs.arrow"] {
                assert_eq!(std::fs::read(out.join(file)).unwrap(), std::fs::read(good.join(file)).unwrap());
            }
            std::fs::remove_dir_all(&out).unwrap();
        } else {
            assert!(code == 3 || code == 2, "cut at {len}: exit {code}: {stderr}");
            one_line(&stderr);
            assert!(!out.exists());
        }
    }
    assert_eq!(names(dir.path()), ["cut.h5ad", "good"]);
}

#[test]
fn a_budget_that_is_too_small_tells_the_smallest_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let file = fixture("anndata_current.h5ad");
    let (code, _, stderr) = run(&["convert", path_str(&file), path_str(&out), "--memory", "1000"]);
    assert_eq!(code, 6);
    let line = one_line(&stderr);
    let least = line.split("at least ").nth(1).unwrap().split(',').next().unwrap();
    assert_eq!(run(&["convert", path_str(&file), path_str(&out), "--memory", least]).0, 0);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Large enough to take some time on any machine.
    let made = dir.path().join("out.h5ad");
    assert_eq!(
        run(&["synth", path_str(&made), "--cells", "20000", "--genes", "600", "--compression", "gzip"]).0,
        0
    );
    let mut interrupted = 0;
    for n in 0..20 {
        let out = dir.path().join(format!("out{n}"));
        // Signals come after increasing delays, to hit every stage from start-up to completion.
        let mut child = Command::new(env!("CARGO_BIN_EXE_annmap"))
            .args(["convert", path_str(&made), path_str(&out), "--threads", "2"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(n * 4));
        let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let status = child.wait().unwrap();
        match status.code() {
            Some(0) => assert_eq!(run(&["verify", path_str(&out)]).0, 0),
            // Before the handler is installed, the default action ends the process.
            Some(130) | None => {
                interrupted += 1;
                assert!(!out.exists());
            }
            other => panic!("exit {other:?}"),
        }
    }
    assert!(interrupted > 0);
    assert!(names(dir.path()).iter().all(|n| n.starts_with("out")), "{:?}", names(dir.path()));
}

#[test]
fn a_damaged_store_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = |name: &str| {
        let out = dir.path().join(name);
        assert_eq!(run(&["convert", path_str(&fixture("anndata_current.h5ad")), path_str(&out)]).0, 0);
        out
    };
    let flip = |path: &Path, at: usize| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    for file in ["data.bin", "indices.bin", "indptr.bin", "obs.arrow", "var.arrow"] {
        let out = fresh(&format!("flip {file}"));
        flip(&out.join(file), 17);
        let (code, stdout, _) = run(&["verify", path_str(&out)]);
        assert_eq!(code, 3, "{file}");
        assert!(stdout.contains(&format!("{file}: checksum")), "{stdout}");
    }
    let out = fresh("cut");
    let bytes = std::fs::read(out.join("data.bin")).unwrap();
    std::fs::write(out.join("data.bin"), &bytes[..bytes.len() - 1]).unwrap();
    let (code, stdout, _) = run(&["verify", path_str(&out)]);
    assert!(code == 3 && stdout.contains("file length"), "{stdout}");
    let out = fresh("nnz");
    let text = std::fs::read_to_string(out.join("metadata.json")).unwrap();
    std::fs::write(out.join("metadata.json"), text.replace("\"nnz\": 300", "\"nnz\": 299")).unwrap();
    assert_eq!(run(&["verify", path_str(&out)]).0, 3);
    std::fs::remove_file(out.join("indices.bin")).unwrap();
    assert_eq!(run(&["verify", path_str(&out)]).0, 5);
}
