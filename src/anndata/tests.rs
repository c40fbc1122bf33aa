//! Small files for the tests of the encodings, written by hand or by the writer.

use super::{AnnDataWriter, StorageOptions};
use crate::dtype::{Class, Datatype, Dtype, Padding, Text};
use crate::error::Result;
use crate::matrix::Budget;
use crate::observe::{Observer, Warning};
use crate::strings::Strings;
use crate::tree::{ArrayStorage, Container, EncodedValue, Location, Node, WrittenObject};
use std::io::Cursor;
use std::path::Path;
use std::sync::Mutex;

pub(crate) const BUDGET: Budget = Budget { bytes: 1 << 26 };

/// Writes a file.
pub(crate) fn write_to(path: &Path, write: impl FnOnce(&mut AnnDataWriter<'_>) -> Result<()>) {
    let mut w = AnnDataWriter::create(path, false, StorageOptions::default(), BUDGET, &()).unwrap();
    write(&mut w).unwrap();
    w.finish().unwrap();
}

/// The root of a file that `write` has written. The file has no name any more, and stays as long as it is open.
pub(crate) fn written(write: impl FnOnce(&mut AnnDataWriter<'_>) -> Result<()>) -> Node {
    written_with(&(), write)
}

/// Like [`written`], with an observer.
pub(crate) fn written_with(
    observer: &dyn Observer,
    write: impl FnOnce(&mut AnnDataWriter<'_>) -> Result<()>,
) -> Node {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5ad");
    let mut w = AnnDataWriter::create(&path, false, StorageOptions::default(), BUDGET, observer).unwrap();
    write(&mut w).unwrap();
    w.finish().unwrap();
    open(&path)
}

/// The bytes of a file that `write` has written.
pub(crate) fn written_bytes(write: impl FnOnce(&mut AnnDataWriter<'_>) -> Result<()>) -> Vec<u8> {
    let sink = Cursor::new(Vec::new());
    let mut w = AnnDataWriter::to_sink(sink, StorageOptions::default(), BUDGET, &()).unwrap();
    write(&mut w).unwrap();
    w.finish_sink::<Cursor<Vec<u8>>>().unwrap().into_inner()
}

/// The root of a file in memory.
pub(crate) fn open_bytes(bytes: Vec<u8>, limits: crate::Limits) -> Node {
    Container::from_source(Box::new(bytes), limits).unwrap().root().unwrap()
}

/// Writes a MuData file.
pub(crate) fn write_mudata(path: &Path, write: impl FnOnce(&mut AnnDataWriter<'_>) -> Result<()>) {
    let mut w = AnnDataWriter::create(path, false, StorageOptions::default(), BUDGET, &()).unwrap();
    write(&mut w).unwrap();
    let kind = w.writer.text("MuData").unwrap();
    w.writer.finish(&[("encoding-type".to_owned(), kind)]).unwrap();
}

/// The root of a file.
pub(crate) fn open(path: &Path) -> Node {
    Container::open(path, crate::Limits::default()).unwrap().root().unwrap()
}

/// The root of a file of `tests/data`.
pub(crate) fn fixture(name: &str) -> Node {
    open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name))
}

pub(crate) fn at(path: &str) -> Location {
    Location::from_path(path)
}

pub(crate) fn texts(list: &[&str]) -> Strings {
    list.iter().copied().collect()
}

pub(crate) fn ints(values: &[i64]) -> EncodedValue {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    EncodedValue::numbers(Dtype::Int64, &[values.len() as u64], bytes)
}

/// An array of bytes of any shape.
pub(crate) fn bytes(dims: &[u64], values: &[u8]) -> EncodedValue {
    EncodedValue::numbers(Dtype::Uint8, dims, values.to_vec())
}

/// The type of strings that are all this long.
pub(crate) fn fixed_string(size: u32) -> Datatype {
    Datatype { size, class: Class::FixedString(Text { padding: Padding::NullPadded, utf8: false }) }
}

impl AnnDataWriter<'_> {
    /// A group with these attributes: an encoding that is old, foreign or broken.
    pub(crate) fn raw_group(&mut self, path: &str, attributes: &[(&str, &str)]) -> Result<()> {
        let mut out = Vec::new();
        for (name, text) in attributes {
            out.push(((*name).to_owned(), self.writer.text(text)?));
        }
        self.writer.group(&at(path), &out)
    }

    /// A group at `path` that is to be replaced in the bytes of the file: by another object, or by a soft link.
    pub(crate) fn placeholder(&mut self, path: &str) -> Result<WrittenObject> {
        self.writer.group(&at(path), &[])?;
        Ok(self.writer.written(&at(path)).unwrap())
    }

    /// An array without attributes.
    pub(crate) fn raw_array(&mut self, path: &str, value: &EncodedValue) -> Result<()> {
        self.writer.array(&at(path), value, &[], &ArrayStorage::default())
    }
}

/// Keeps the warnings as text.
#[derive(Default)]
pub(crate) struct Warnings(Mutex<Vec<String>>);

impl Observer for Warnings {
    fn warn(&self, warning: &Warning) {
        self.0.lock().unwrap().push(warning.to_string());
    }
}

impl Warnings {
    pub(crate) fn texts(self) -> Vec<String> {
        self.0.into_inner().unwrap()
    }
}
