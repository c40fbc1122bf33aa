//! Tests of files with links that lead nowhere, elements that cannot be read, and what is left out by name.

use super::{ExportOptions, export};
use crate::anndata::LeaveOut;
use crate::anndata::tests::{Warnings, at, bytes, ints, open, open_bytes, texts, written_bytes};
use crate::dataset::Dataset;
use crate::error::{Kind, Result};
use crate::limits::Limits;
use crate::matrix::Selection;
use crate::table::{Column, Frame};
use crate::tree::{Node, WrittenObject};

/// The root of the exported file, and the warnings.
fn exported(file: Vec<u8>, leave: LeaveOut, selection: &Selection) -> Result<(Node, Vec<String>)> {
    let dir = tempfile::tempdir().unwrap();
    let (path, warnings) = (dir.path().join("out.h5ad"), Warnings::default());
    let input = Dataset::from_source(file, Limits::default()).unwrap().leaving_out(leave);
    let done = export(&input, &path, selection, &ExportOptions::default(), &warnings);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), usize::from(done.is_ok()));
    Ok((done.map(|_| open(&path))?, warnings.texts()))
}

fn names(node: &Node) -> Vec<String> {
    node.links().unwrap().iter().map(|link| link.name().into_owned()).collect()
}

/// Two cells with a column of labels, one gene, `uns/n`, and what `more` writes.
fn file(more: impl FnOnce(&mut crate::anndata::AnnDataWriter<'_>) -> Result<()>) -> Vec<u8> {
    written_bytes(|w| {
        let columns = vec![("kind".to_owned(), Column::Strings(texts(&["a", "b"])))];
        w.raw_array("X", &bytes(&[2, 1], &[1, 2]))?;
        w.frame(&at("obs"), &Frame::new(None, texts(&["c0", "c1"]), columns)?)?;
        w.frame(&at("var"), &Frame::unnamed(1))?;
        w.raw_array("uns/n", &ints(&[15]))?;
        more(w)?;
        w.dict(&at("uns"))
    })
}

/// A file that contains itself, in `uns` and as the whole of `obsm`.
#[test]
fn a_file_inside_itself_is_left_out() {
    let mut whole = Vec::new();
    let mut bytes = file(|w| {
        whole.push(w.placeholder("uns/root")?);
        whole.push(w.placeholder("obsm")?);
        Ok(())
    });
    let root = WrittenObject::of(&open_bytes(bytes.clone(), Limits::default()));
    whole.iter().for_each(|link| link.redirect(&mut bytes, &root));
    let (copy, warnings) = exported(bytes, LeaveOut::default(), &Selection::default()).unwrap();
    assert_eq!(
        (names(&copy.descend("uns").unwrap()), names(&copy.descend("obsm").unwrap())),
        (vec!["n".into()], vec![])
    );
    assert!(warnings.len() == 2 && warnings[0].contains("inside '/'"), "{warnings:?}");
}

/// A soft link in `uns` that leads nowhere stops nothing.
#[test]
fn links_to_nothing_are_left_out() {
    let mut nowhere = None;
    let mut bytes = file(|w| {
        nowhere = Some(w.placeholder("uns/nowhere")?);
        Ok(())
    });
    nowhere.unwrap().soften(&mut bytes);
    for selection in [Selection::default(), Selection { obs: Some(vec![1]), var: None }] {
        let (copy, warnings) = exported(bytes.clone(), LeaveOut::default(), &selection).unwrap();
        assert_eq!(names(&copy.descend("uns").unwrap()), ["n"]);
        assert!(warnings.len() == 1 && warnings[0].contains("/uns/nowhere"), "{warnings:?}");
    }
}

/// What is named is left out without a word; what is not there cannot be left out.
#[test]
fn elements_and_columns_by_name() {
    let bytes = file(|w| {
        w.raw_array("uns/deep/a", &ints(&[1]))?;
        w.raw_array("uns/deep/b", &ints(&[2]))?;
        w.dict(&at("uns/deep"))?;
        w.alias(&at("uns/shared"), &at("uns/deep"))
    });
    let leave = |paths: &[&str]| LeaveOut {
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        unreadable: false,
    };
    let paths = ["uns/deep/a", "/uns/n", "obs/kind", "X"];
    let (copy, warnings) = exported(bytes.clone(), leave(&paths), &Selection::default()).unwrap();
    assert_eq!(warnings, [""; 0]);
    assert_eq!(names(&copy.descend("uns").unwrap()), ["deep", "shared"]);
    assert_eq!(names(&copy.descend("uns/deep").unwrap()), ["b"]);
    assert_eq!(names(&copy.descend("uns/shared").unwrap()), ["a", "b"], "only that path was named");
    assert_eq!(names(&copy.descend("obs").unwrap()), ["_index"]);
    assert!(copy.child("X").unwrap().is_none());
    for absent in ["uns/x", "obs/colour", "raw"] {
        let error = exported(bytes.clone(), leave(&[absent]), &Selection::default()).unwrap_err();
        assert!(error.kind() == Kind::NotFound && error.to_string().contains(absent), "{error}");
    }
}

/// An object header that is not one: the element, or the column, is left out if that is wanted.
#[test]
fn what_cannot_be_read_is_left_out_on_demand() {
    let mut broken = Vec::new();
    let bytes = file(|w| {
        w.raw_array("uns/broken", &ints(&[1]))?;
        broken.push(w.written(&at("uns/broken")).unwrap());
        w.raw_array("obsm/broken", &bytes(&[2, 1], &[1, 2]))?;
        broken.push(w.written(&at("obsm/broken")).unwrap());
        w.raw_array("obsm/sound", &bytes(&[2, 1], &[3, 4]))?;
        w.dict(&at("obsm"))
    });
    let mut damaged = bytes.clone();
    broken.iter().for_each(|one| one.damage(&mut damaged));
    let none = Selection::default();
    assert_eq!(exported(damaged.clone(), LeaveOut::default(), &none).unwrap_err().kind(), Kind::Malformed);
    let leave = LeaveOut { paths: Vec::new(), unreadable: true };
    let (copy, warnings) = exported(damaged, leave, &none).unwrap();
    assert_eq!(names(&copy.descend("uns").unwrap()), ["n"]);
    assert_eq!(names(&copy.descend("obsm").unwrap()), ["sound"]);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}
