//! MuData that is written: whole, in parts, put together. `tests/data/make_mudata.py` made the input.

use crate::support::{fixture, names, path_str, run};
use annmap::dataset::{AnnData, Dataset};
use annmap::export::{ExportOptions, export};
use annmap::matrix::Selection;
use annmap::tree::Node;
use std::path::{Path, PathBuf};

const INPUT: &str = "mudata.h5mu";

fn integers(root: &Node, path: &str) -> Vec<i64> {
    root.descend(path).unwrap().array().unwrap().read().unwrap().integers().unwrap()
}

fn texts(root: &Node, path: &str) -> Vec<String> {
    let found = root.descend(path).unwrap().array().unwrap().read().unwrap().strings().unwrap();
    found.iter_lossy().map(|text| text.into_owned()).collect()
}

fn root(path: &Path) -> Node {
    AnnData::open(path).unwrap().root().clone()
}

/// Runs `args` with the input and an output in `dir`, which must succeed.
fn written(dir: &Path, name: &str, command: &[&str], more: &[&str]) -> PathBuf {
    let out = dir.join(name);
    let (code, _, stderr) = run(&[command, &[path_str(&out), "-q"], more].concat());
    assert_eq!((code, stderr.as_str()), (0, ""));
    out
}

fn input() -> String {
    path_str(&fixture(INPUT)).to_owned()
}

#[test]
fn an_upgrade_keeps_every_value_and_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let out = written(dir.path(), "out.h5mu", &["upgrade", &input()], &[]);
    let bytes = std::fs::read(&out).unwrap();
    assert!(bytes.starts_with(b"MuData (format-version=0.1.0;creator=annmap;"), "a user block");
    assert_eq!((&bytes[512..516], bytes[200..512].iter().max()), (&b"\x89HDF"[..], Some(&0)));
    let listed = |path: &str| {
        let (code, stdout, _) = run(&["ls", "--crc", "--json", path]);
        assert_eq!(code, 0);
        let own = |line: &&str| !line.contains("\"attr\": \"encoder") && !line.contains("\"attr\":\"encoder");
        stdout.lines().filter(own).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed(&input()), listed(path_str(&out)));
    assert_eq!(AnnData::open(&out).unwrap().modality_names().unwrap(), ["rna", "prot"]);
    for more in [&[][..], &["--threads", "1", "--memory", "64M"]] {
        let again =
            written(dir.path(), "again.h5mu", &["upgrade", path_str(&out)], &[more, &["--force"]].concat());
        assert_eq!(std::fs::read(again).unwrap(), bytes, "an upgrade of an upgrade");
    }
    let latest = written(dir.path(), "latest.h5mu", &["upgrade", &input()], &["--libver", "latest"]);
    assert_eq!(listed(path_str(&latest)), listed(path_str(&out)));
}

/// The rows of a modality come in the order of the common ones; a cell that it lacks stays absent.
#[test]
fn cells_are_taken_from_every_modality() {
    let dir = tempfile::tempdir().unwrap();
    let out = written(dir.path(), "out.h5mu", &["subset", &input()], &["--obs-names", "c4,c2,c0"]);
    let root = root(&out);
    assert_eq!(texts(&root, "obs/_index"), ["c4", "c2", "c0"]);
    assert_eq!(integers(&root, "obsmap/rna"), [0, 1, 2]);
    assert_eq!(integers(&root, "obsmap/prot"), [1, 2, 0]);
    assert_eq!(integers(&root, "varmap/prot"), [0, 0, 0, 1, 2]);
    assert_eq!(texts(&root, "mod/rna/obs/_index"), ["c2", "c0"]);
    assert_eq!(texts(&root, "mod/rna/obs/type/categories"), ["b"], "of a modality, as in anndata");
    assert_eq!(texts(&root, "obs/site/categories"), ["x", "y", "z"], "of all, as in mudata");
    assert_eq!(texts(&root, "uns/site_colors").len(), 3);
    assert_eq!(integers(&root, "mod/prot/X"), [40, 41, 20, 21]);
    let emb = root.descend("obsm/emb").unwrap().array().unwrap().read().unwrap();
    assert_eq!(emb.raw()[..8], 8f64.to_le_bytes());
    // cells of one modality only leave the other empty
    let out = written(dir.path(), "one.h5mu", &["subset", &input()], &["--obs-names", "c4,"]);
    let data = AnnData::open(&out).unwrap();
    assert_eq!(data.shape_of("mod/rna/X").unwrap(), [0, 3]);
}

#[test]
fn genes_are_taken_from_every_modality() {
    let dir = tempfile::tempdir().unwrap();
    let out = written(dir.path(), "out.h5mu", &["subset", &input()], &["--var-names", "p1,g2,g0"]);
    let root = root(&out);
    assert_eq!(texts(&root, "var/_index"), ["p1", "g2", "g0"]);
    assert_eq!(
        (integers(&root, "varmap/rna"), integers(&root, "varmap/prot")),
        (vec![0, 1, 2], vec![1, 0, 0])
    );
    assert_eq!(integers(&root, "mod/prot/X"), [11, 21, 41]);
    assert_eq!(integers(&root, "obsmap/prot"), [0, 1, 2, 0, 3], "rows are in the common order");
}

/// mudata shows the columns of modalities as `MODALITY:COLUMN`; cells of other modalities have no value there.
#[test]
fn conditions_see_the_columns_of_modalities() {
    let dir = tempfile::tempdir().unwrap();
    let cells = |condition: &str| {
        let out = written(dir.path(), "out.h5mu", &["subset", &input()], &["--force", "--obs", condition]);
        texts(&root(&out), "obs/_index")
    };
    assert_eq!(cells("`rna:type` == 'b'"), ["c0", "c2"]);
    assert_eq!(cells("`prot:depth` >= 2 and site != 'x'"), ["c4"]);
    assert_eq!(cells("`prot:depth` is missing"), ["c0", "c3"]);
    let parts = dir.path().join("parts");
    let (code, _, stderr) = run(&["subset", &input(), path_str(&parts), "-q", "--split-by", "rna:type"]);
    assert_eq!(code, 0, "{stderr}");
    let files = names(&parts);
    assert!(files.contains(&"nk.h5mu".to_owned()), "{files:?}");
    assert_eq!(integers(&root(&parts.join("t.h5mu")), "mod/prot/X"), [10, 11]);
}

#[test]
fn the_name_of_the_output_says_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let to = |name: &str| path_str(&dir.path().join(name)).to_owned();
    let rna = written(dir.path(), "rna.h5ad", &["upgrade", &input()], &["--matrix", "mod/rna"]);
    let rna = path_str(&rna);
    for (args, text) in [
        (vec!["upgrade", &input(), &to("a.h5ad")], "modalities rna, prot makes an .h5mu (--matrix mod/rna"),
        (vec!["subset", &input(), &to("a.h5ad"), "--rows", "0"], "makes an .h5mu"),
        (vec!["concat", &input(), &input(), &to("a.h5ad")], "makes an .h5mu"),
        (vec!["upgrade", rna, &to("a.h5mu")], "says MuData, and what is written is an AnnData"),
        (vec!["upgrade", &input(), &to("a.h5mu"), "--matrix", "mod/rna"], "says MuData"),
        (vec!["concat", rna, rna, &to("a.h5mu")], "says MuData"),
        (vec!["concat", &input(), rna, &to("a.h5mu")], "expected MuData, as other inputs are"),
        (vec!["concat", rna, &input(), &to("a.h5mu")], "expected MuData, as other inputs are"),
        (vec!["upgrade", &input(), &to("a.h5mu"), "--unique-names"], "names and genomes cannot be chosen"),
        (vec!["concat", &input(), &input(), &to("a.h5mu"), "--axis", "var"], "they are joined along obs"),
    ] {
        let (code, _, stderr) = run(&args);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(text), "{args:?}: {stderr}");
    }
    assert_eq!(names(dir.path()), ["rna.h5ad"]);
    let (code, _, stderr) = run(&["upgrade", &input(), path_str(dir.path()), "-q"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(names(dir.path()), ["mudata.h5mu", "rna.h5ad"]);
}

#[test]
fn modalities_are_joined_each_and_positions_follow() {
    let dir = tempfile::tempdir().unwrap();
    let rest = written(
        dir.path(),
        "in.h5mu",
        &["subset", &input()],
        &["--obs-names", "c1,c3", "--var-names", "g2,p0"],
    );
    let more = ["--label", "from", "--index-unique", "-", "--uns-merge", "same"];
    let out = written(dir.path(), "out.h5mu", &["concat", &input(), path_str(&rest)], &more);
    let root = root(&out);
    assert_eq!(texts(&root, "obs/_index"), ["c0-0", "c1-0", "c2-0", "c3-0", "c4-0", "c1-1", "c3-1"]);
    assert_eq!(integers(&root, "obsmap/rna"), [1, 2, 3, 4, 0, 5, 6]);
    assert_eq!(integers(&root, "obsmap/prot"), [0, 3, 2, 0, 1, 4, 0]);
    assert_eq!(integers(&root, "obsm/prot"), [0, 1, 1, 0, 1, 1, 0]);
    assert_eq!(texts(&root, "var/_index"), ["g2", "p0"], "those of both");
    assert_eq!((integers(&root, "varmap/rna"), integers(&root, "varmap/prot")), (vec![1, 0], vec![0, 1]));
    assert_eq!(integers(&root, "mod/prot/X"), [40, 20, 10, 10]);
    assert_eq!(integers(&root, "mod/rna/obs/from/codes"), [0, 0, 0, 0, 1, 1]);
    assert_eq!(texts(&root, "uns/site_colors").len(), 3);
    assert_eq!(
        AnnData::open(&out).unwrap().modality_names().unwrap(),
        ["prot", "rna"],
        "sorted, as in mudata"
    );
}

/// A modality that only some inputs have is left out, and so are the cells that are in no other.
#[test]
fn a_modality_of_some_inputs_is_left_out_with_its_cells() {
    let dir = tempfile::tempdir().unwrap();
    let only = written(dir.path(), "in.h5mu", &["upgrade", &input()], &["--drop", "mod/rna"]);
    let out = dir.path().join("out.h5mu");
    let (code, _, stderr) = run(&["concat", &input(), path_str(&only), path_str(&out), "--join", "outer"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("left out: /mod/rna: expected the modality in all inputs"), "{stderr}");
    let root = root(&out);
    assert_eq!(texts(&root, "obs/_index"), ["c1", "c2", "c4", "c1", "c2", "c4"]);
    assert_eq!(integers(&root, "obsmap/prot"), [3, 2, 1, 6, 5, 4]);
    assert_eq!(texts(&root, "var/_index"), ["p0", "p1"]);
    assert_eq!(names(dir.path()), ["in.h5mu", "out.h5mu"], "no temporary file");
}

#[test]
fn mudata_in_memory_is_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = written(dir.path(), "out.h5mu", &["upgrade", &input()], &[]);
    let dataset =
        Dataset::from_source(std::fs::read(fixture(INPUT)).unwrap(), annmap::Limits::default()).unwrap();
    let sink = std::io::Cursor::new(Vec::new());
    let options = ExportOptions::default();
    let sink = annmap::export::export_to(&dataset, sink, &Selection::default(), &options, &()).unwrap();
    assert_eq!(sink.into_inner(), std::fs::read(&out).unwrap());
    let selection = Selection { obs: Some(vec![9]), var: None };
    let e = export(&dataset, dir.path().join("no.h5mu"), &selection, &options, &()).unwrap_err();
    assert_eq!(e.kind(), annmap::Kind::Usage);
    assert_eq!(names(dir.path()), ["out.h5mu"]);
}

/// Filters are kept as far as the other container has them: LZF becomes its like in zarr, and nothing is lost.
#[test]
fn filters_of_the_other_container_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let lzf = written(dir.path(), "lzf.h5mu", &["upgrade", &input()], &["--compression", "lzf"]);
    let zarr = written(dir.path(), "out.zarr", &["upgrade", path_str(&lzf)], &[]);
    let (code, stdout, stderr) = run(&["verify", "--all", &input(), path_str(&zarr)]);
    assert_eq!(code, 0, "{stdout}{stderr}");
}
