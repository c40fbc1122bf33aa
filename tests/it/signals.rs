//! Signals and limits of the process: every run ends soon, in order, and leaves nothing.
#![cfg(unix)]

use crate::support::{fixture, names, path_str};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const ANNMAP: &str = env!("CARGO_BIN_EXE_annmap");

/// Runs a command line of the shell in `dir`, where `$0` is the program.
fn shell(dir: &Path, line: &str) -> Output {
    shell_command(dir, line).output().unwrap()
}

fn shell_command(dir: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line, ANNMAP]).current_dir(dir);
    command
}

/// Starts a conversion of standard input, and waits until it is waiting for more of it.
fn waiting(dir: &Path, line: &str) -> Child {
    let mut command = shell_command(dir, line);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"gene,g1,g2\nc1,1,2\n").unwrap();
    while !names(dir).iter().any(|n| n.starts_with(".stdin.annmap-")) {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), signal).unwrap();
}

fn stderr(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// A read that waits cannot be asked to stop; the process ends all the same.
#[test]
fn a_signal_ends_a_run_that_does_not_listen() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = waiting(dir.path(), "exec \"$0\" convert - out");
        // Waiting for the process would close its input, and the read would end.
        let _input = child.stdin.take();
        send(&child, signal);
        let asked = Instant::now();
        let status = child.wait().unwrap();
        // A fifth of a second is promised; more is for a busy machine.
        assert!(asked.elapsed() < Duration::from_secs(5), "{signal:?}: {:?}", asked.elapsed());
        assert_eq!(status.code(), Some(130), "{signal:?}");
        assert_eq!(stderr(&mut child), "annmap: interrupted\n", "{signal:?}");
        assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
    }
}

#[test]
fn a_signal_that_the_parent_ignores_stays_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = waiting(dir.path(), "trap '' HUP INT; exec \"$0\" convert - out");
    for signal in [Signal::HUP, Signal::INT, Signal::HUP] {
        send(&child, signal);
    }
    child.stdin.take().unwrap().write_all(b"c2,3,4\n").unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.code(), stderr(&mut child).as_str()), (Some(0), ""));
    assert_eq!(names(dir.path()), ["out"]);
}

#[test]
fn a_file_above_the_limit_of_the_shell_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for line in [
        "ulimit -f 16; exec \"$0\" synth out.h5ad --cells 2000",
        "ulimit -f 0; exec \"$0\" convert \"$1\" out",
    ] {
        let mut command = shell_command(dir.path(), line);
        let out = command.arg(fixture("anndata_current.h5ad")).output().unwrap();
        let text = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(5), "{line}: {text}");
        assert!(text.contains("too large"), "{line}: {text}");
        assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
    }
}

#[test]
fn a_closed_pipe_ends_a_listing_quietly() {
    let dir = tempfile::tempdir().unwrap();
    let file = fixture("anndata_current.h5ad");
    let out = shell(dir.path(), &format!("(\"$0\" ls {0}; echo $? >code) | head -n 1", path_str(&file)));
    let text = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert_eq!((text.0.lines().count(), text.1.as_str()), (1, ""));
    assert_eq!(std::fs::read_to_string(dir.path().join("code")).unwrap().trim(), "0");
}

/// More inputs than files that may be open.
#[test]
fn many_inputs_are_read_through_few_descriptors() {
    let dir = tempfile::tempdir().unwrap();
    let small = shell(dir.path(), "exec \"$0\" synth a.h5ad --cells 3 --genes 4 --mean-genes 2 -q");
    assert!(small.status.success());
    // One of an older generation too, which is read from a temporary file.
    std::fs::copy(fixture("anndata_06.h5ad"), dir.path().join("old.h5ad")).unwrap();
    let line = |limit: u32, count: u32, input: &str, output: &str| {
        format!(
            "ulimit -n {limit}; i=0; set --; while [ $i -lt {count} ]; do set -- \"$@\" {input}; i=$((i+1)); done; \
             exec \"$0\" concat \"$@\" {output} --index-unique - -q"
        )
    };
    for (limit, count, input, rows) in
        [(256, 300, "a.h5ad", 900), (20, 60, "a.h5ad", 180), (64, 90, "old.h5ad", 0)]
    {
        let output = format!("out{limit}.h5ad");
        let out = shell(dir.path(), &line(limit, count, input, &output));
        assert_eq!(out.status.code(), Some(0), "{limit}: {}", String::from_utf8_lossy(&out.stderr));
        let joined = annmap::dataset::AnnData::open(dir.path().join(&output)).unwrap();
        let shape = joined.describe().unwrap().shape.unwrap();
        assert!(rows == 0 || shape[0] == rows, "{shape:?}");
    }
    // More outputs than that, too: one for each of 60 texts.
    let split = "\"$0\" synth many.h5ad --cells 60 --genes 4 --mean-genes 2 --obs-columns string -q && \
                 ulimit -n 24 && exec \"$0\" subset many.h5ad parts --split-by note -q";
    let out = shell(dir.path(), split);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(std::fs::read_dir(dir.path().join("parts")).unwrap().count() > 24);
    // Too few even to begin.
    let out = shell(dir.path(), "ulimit -n 4; exec \"$0\" upgrade a.h5ad b.h5ad");
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!((out.status.code(), text.lines().count()), (Some(5), 1), "{text}");
    assert!(!dir.path().join("b.h5ad").exists());
}
