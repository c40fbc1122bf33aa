//! Fixtures, and helpers that run the binary.

use annmap::ReadAt;
use serde_json::Value as Json;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

pub(crate) fn expected() -> Json {
    serde_json::from_str(&std::fs::read_to_string(fixture("expected.json")).unwrap()).unwrap()
}

pub(crate) fn annmap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_annmap")).args(args).output().unwrap()
}

/// Runs the binary and returns exit code, stdout and stderr.
pub(crate) fn run(args: &[&str]) -> (i32, String, String) {
    let out = annmap(args);
    let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
    (out.status.code().unwrap_or(-1), text(out.stdout), text(out.stderr))
}

pub(crate) fn path_str(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Sorted names in a directory, including hidden ones.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut n: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    n.sort();
    n
}

/// Bytes in memory that record which of them were read.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) asked: Arc<Mutex<Vec<Range<u64>>>>,
}

impl ReadAt for Recorder {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.asked.lock().unwrap().push(offset..offset + buffer.len() as u64);
        self.bytes.read_exact_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        self.bytes.as_slice().len() as u64
    }
}
