//! Choosing rows and columns: names, numbers, conditions, parts by value, and empty results.

use crate::support::{names, path_str, run};
use annmap::anndata::{AnnDataWriter, StorageOptions};
use annmap::dataset::AnnData;
use annmap::matrix::{Budget, InMemory, Layout, Orientation};
use annmap::table::{Categorical, Column, Frame};
use annmap::tree::Location;
use annmap::{Dtype, Strings};
use serde_json::Value as Json;
use std::path::Path;

fn texts(list: &[&str]) -> Strings {
    list.iter().copied().collect()
}

/// Writes a file of cells with these labels (−1 is none) and names, and three genes of which two share a name.
fn write(path: &Path, labels: &[&str], codes: &[i64], cells: &[&str]) {
    let at = |name: &str| Location::root().child(name);
    let labels = Column::Strings(texts(labels));
    let kind = Column::Categorical(Categorical::new(codes, labels, false).unwrap());
    let obs = Frame::new(None, texts(cells), vec![("kind".to_owned(), kind)]).unwrap();
    let layout = Layout::new(Orientation::Csr, [codes.len() as u64, 3], 0, Dtype::Float32).unwrap();
    let x = InMemory::new(layout, vec![0; codes.len() + 1], vec![], vec![]).unwrap();
    let mut w =
        AnnDataWriter::create(path, false, StorageOptions::default(), Budget::new(1 << 26), &()).unwrap();
    w.sparse(&at("X"), &x).unwrap();
    w.frame(&at("obs"), &obs).unwrap();
    w.frame(&at("var"), &Frame::new(None, texts(&["A", "B", "A"]), Vec::new()).unwrap()).unwrap();
    w.finish().unwrap();
}

fn tables(path: &Path) -> [std::sync::Arc<Frame>; 2] {
    let file = AnnData::open(path).unwrap();
    file.frames("X", file.shape_of("X").unwrap(), &()).unwrap()
}

fn cells(path: &Path) -> Vec<String> {
    tables(path)[0].index().iter_lossy().map(|name| name.into_owned()).collect()
}

/// Splits the file at `input` and returns the lines of the result.
fn split(input: &Path, out: &Path, more: &[&str]) -> Vec<Json> {
    let args = ["subset", path_str(input), path_str(out), "--split-by", "kind", "--json", "--force"];
    let (code, stdout, stderr) = run(&[&args[..], more].concat());
    assert_eq!(code, 0, "{stderr}");
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The value, the file and the number of rows of each part.
fn parts(lines: &[Json]) -> Vec<(Option<&str>, &str, u64)> {
    lines
        .iter()
        .map(|line| {
            let file = line["output"].as_str().unwrap().rsplit('/').next().unwrap();
            (line["value"].as_str(), file, line["rows"].as_u64().unwrap())
        })
        .collect()
}

/// No row is lost: those without a value are a part, or are dropped with a word, or are an error.
#[test]
fn rows_without_a_value_are_a_part_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.h5ad"), dir.path().join("parts"));
    write(&input, &["T", "B", "unused"], &[0, -1, 1, -1, 0], &["a", "b", "c", "d", "e"]);
    let lines = split(&input, &out, &[]);
    assert_eq!(
        parts(&lines),
        [(Some("T"), "T.h5ad", 2), (Some("B"), "B.h5ad", 1), (None, "missing.h5ad", 2)]
    );
    assert_eq!(cells(&out.join("missing.h5ad")), ["b", "d"]);
    assert_eq!(lines[2]["shape"], serde_json::json!([2, 3]));
    assert_eq!(names(&out), ["B.h5ad", "T.h5ad", "missing.h5ad"], "no file for the label without rows");
    let lines = split(&input, &dir.path().join("named"), &["--missing", "group=unknown"]);
    assert_eq!(parts(&lines)[2], (None, "unknown.h5ad", 2));

    let dropped = dir.path().join("dropped");
    let args = ["subset", path_str(&input), path_str(&dropped), "--split-by", "kind", "--missing"];
    let (code, stdout, stderr) = run(&[&args[..], &["drop"]].concat());
    assert_eq!((code, stdout.lines().count()), (0, 2));
    assert!(stderr.contains("2 of 5 rows have no value of 'kind' and are left out"), "{stderr}");
    assert!(stdout.contains("T.h5ad: 2 × 3") && stdout.contains("(kind: 'T')"), "{stdout}");
    for (how, why) in [
        ("error", "expected a value of 'kind' in each row, got 2 without one (first: 1)"),
        ("group=B", "got 'B', a value of 'kind'"),
        ("keep", "expected drop, error, group or group=NAME"),
    ] {
        let (code, _, stderr) = run(&[&args[..], &[how]].concat());
        assert!(code == 2 && stderr.contains(why), "{how}: {stderr}");
    }
}

/// Every value has a file of its own, whatever the file system makes of names.
#[test]
fn no_part_overwrites_another() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.h5ad"), dir.path().join("parts"));
    let labels = ["missing", "a/b", "a_b", "A_B", "", "_", ".."];
    let codes = [0, 1, 2, 3, 4, 5, 6, -1];
    write(&input, &labels, &codes, &["0", "1", "2", "3", "4", "5", "6", "7"]);
    let lines = split(&input, &out, &[]);
    let found = parts(&lines);
    assert_eq!(found.iter().map(|p| p.0).collect::<Vec<_>>(), {
        let values = labels.iter().map(|label| Some(*label)).chain([None]);
        values.collect::<Vec<_>>()
    });
    let mut files: Vec<String> = found.iter().map(|p| p.1.to_lowercase()).collect();
    files.sort();
    files.dedup();
    assert_eq!(files.len(), 8, "{found:?}");
    assert_eq!(found[0].1, "missing.h5ad");
    assert_eq!(found[2].1, "a_b.h5ad");
    for (row, part) in found.iter().enumerate() {
        assert_eq!(cells(&out.join(part.1)), [row.to_string()]);
    }
    assert_eq!(names(&out).len(), 8);
}

/// A name that stands several times is refused with its rows; `--cols` chooses among them.
#[test]
fn names_and_numbers_of_columns() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.h5ad"), dir.path().join("out.h5ad"));
    write(&input, &["T"], &[0, 0, 0], &["x", "#y", "z z"]);
    let subset =
        |more: &[&str]| run(&[&["subset", path_str(&input), path_str(&out), "--force", "-q"], more].concat());
    let var = || tables(&out)[1].index().iter_lossy().map(|n| n.into_owned()).collect::<Vec<_>>();
    let (code, _, stderr) = subset(&["--var-names", "B,A"]);
    assert_eq!((code, out.exists()), (2, false), "{stderr}");
    let expected =
        "expected a name of one row, got 'A', the name of 2 (rows 0, 2) (--rows and --cols choose by number)";
    assert_eq!(stderr.trim_end(), format!("annmap: var: {expected}"));
    assert_eq!(subset(&["--var-names", "B"]).0, 0, "the others need not be unique");
    assert_eq!(var(), ["B"]);
    for (cols, expected) in [("0:2", &["A", "B"][..]), ("-1,1", &["A", "B"]), ("::-1", &["A", "B", "A"])] {
        assert_eq!(subset(&["--cols", cols]).0, 0);
        assert_eq!(var(), expected);
    }
    let (code, _, stderr) = subset(&["--cols", "7"]);
    assert!(code == 2 && stderr.contains("var: there is no row 7 (there are 3)"), "{stderr}");

    let list = dir.path().join("names");
    std::fs::write(&list, "\u{feff}z z \r\n# not y\r\n\r\n\"#y\"\r\n").unwrap();
    assert_eq!(subset(&["--obs-names", path_str(&list)]).0, 0);
    assert_eq!(cells(&out), ["z z", "#y"]);
    assert_eq!(subset(&["--obs-names", "x,x"]).0, 0);
    assert_eq!(cells(&out), ["x", "x"], "given twice, there twice, as in anndata");
    let missing = path_str(dir.path()).to_owned() + "/missing.txt";
    let (code, _, stderr) = subset(&["--obs-names", &missing]);
    assert_eq!(code, 5, "{stderr}");
    assert_eq!(stderr.trim_end(), format!("annmap: {missing}: open the names: no such file or directory"));
}

#[test]
fn nothing_selected_is_said_or_fails() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.h5ad"), dir.path().join("out.h5ad"));
    write(&input, &["T"], &[0, 0], &["x", "y"]);
    let args = ["subset", path_str(&input), path_str(&out), "--obs", "kind == 'B'"];
    let (code, stdout, stderr) = run(&[&args[..], &["--fail-empty"]].concat());
    assert_eq!((code, &*stdout, out.exists()), (1, "", false));
    assert_eq!(stderr, "annmap: warning: no row is selected\n");
    let (code, _, stderr) = run(&args);
    assert_eq!((code, &*stderr), (0, "annmap: warning: no row is selected\n"));
    assert_eq!(tables(&out).map(|t| t.rows()), [0, 3]);
    let parts = dir.path().join("parts");
    let split =
        ["subset", path_str(&input), path_str(&parts), "--split-by", "kind", "--cols=", "--fail-empty"];
    let (code, _, stderr) = run(&split);
    assert_eq!((code, &*stderr, parts.exists()), (1, "annmap: warning: no column is selected\n", false));
    let some = ["subset", path_str(&input), path_str(&out), "--rows", "0", "--force", "--fail-empty"];
    assert_eq!(run(&some).0, 0);
}

/// The message is one line; below it a caret shows the place.
#[test]
fn mistakes_in_conditions_are_pointed_at() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.h5ad"), dir.path().join("out.h5ad"));
    write(&input, &["T"], &[0, 0], &["x", "y"]);
    for (condition, head, caret) in [
        (r#"kind == "x\y""#, r"obs: condition: expected one of \n, \t, \r, \\, \' and \", 10),
        ("index == 'x' and nope", "obs: there is no column 'nope' (there are: index, kind)", 17),
    ] {
        let (code, _, stderr) = run(&["subset", path_str(&input), path_str(&out), "--obs", condition]);
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!((code, lines.len()), (2, 3), "{stderr}");
        assert!(lines[0].starts_with(&format!("annmap: {head}")), "{stderr}");
        assert_eq!(lines[1..], [format!("  {condition}"), format!("  {:caret$}^", "")]);
    }
    let deep = format!("{}kind == 'T'{}", "(".repeat(2000), ")".repeat(2000));
    let (code, _, stderr) = run(&["subset", path_str(&input), path_str(&out), "--obs", &deep]);
    assert!(code == 2 && stderr.contains("at most 200 nested parentheses"), "{stderr}");
    // as much as fits one argument
    let long = vec!["index=='x'"; 8000].join(" or ");
    let (code, stdout, stderr) = run(&["subset", path_str(&input), path_str(&out), "--obs", &long]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains(": 1 × 3"), "{stdout}");
}
