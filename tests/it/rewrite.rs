//! Writing h5ad: files made, upgraded, subset and exported equal their input.

use crate::support::{fixture, path_str, run};
use annmap::dataset::AnnData;
use annmap::dataset::Dataset;
use annmap::export;
use annmap::matrix::{Budget, InMemory, IntoMemory, Selection, Source, pump};
use annmap::{Dtype, Kind};
use std::path::Path;

fn ok(args: &[&str]) -> String {
    let (code, out, err) = run(args);
    assert_eq!(code, 0, "{args:?}: {err}");
    out
}

fn x(path: &Path) -> InMemory {
    let a = AnnData::open(path).unwrap();
    let opened = a.matrix("X").unwrap().source(Budget::new(64 << 20), &()).unwrap();
    let source: &dyn Source = &opened;
    pump(source, IntoMemory::new(source.layout()), Budget::new(64 << 20), &()).unwrap()
}

#[test]
fn made_upgraded_and_exported_files_hold_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let all = "categorical,ordered,int,float,bool,string,nullable-int,nullable-bool,batch";
    for layout in ["csr", "csc", "dense"] {
        for packing in ["none", "gzip:1", "lzf"] {
            let made = at("made.h5ad");
            ok(&[
                "synth",
                path_str(&made),
                "--force",
                "--cells",
                "333",
                "--genes",
                "170",
                "--layout",
                layout,
                "--compression",
                packing,
                "--chunk",
                "700",
                "--obs-columns",
                all,
                "--dtype",
                "uint16",
            ]);
            ok(&["doctor", "-q", path_str(&made)]);
            ok(&["upgrade", path_str(&made), path_str(&at("up.h5ad")), "--force", "--compression", "gzip"]);
            ok(&["verify", path_str(&made), path_str(&at("up.h5ad"))]);
            for flipped in ["csr", "csc"] {
                let out = at("flipped.h5ad");
                ok(&["upgrade", path_str(&made), path_str(&out), "--force", "--layout", flipped]);
                ok(&["verify", path_str(&made), path_str(&out)]);
            }
            ok(&["convert", path_str(&made), path_str(&at("store")), "--force"]);
            ok(&["export", path_str(&at("store")), path_str(&at("out.h5ad")), "--force"]);
            ok(&["verify", path_str(&made), path_str(&at("out.h5ad"))]);
        }
    }
}

#[test]
fn every_generation_is_upgraded() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.h5ad");
    for name in [
        "anndata_06.h5ad",
        "anndata_07.h5ad",
        "anndata_current.h5ad",
        "genes.loom",
        "tenx_v2.h5",
        "tenx_v3.h5",
        "giant.h5ad",
    ] {
        let input = fixture(name);
        let matrix = AnnData::open(&input).unwrap().matrix_names().unwrap().swap_remove(0);
        let upgrade = ["upgrade", path_str(&input), path_str(&out), "--force"];
        if name == "tenx_v2.h5" {
            let (code, _, err) = run(&upgrade);
            assert!(code == 2 && err.contains("choose a genome"), "{err}");
            ok(&[&upgrade[..], &["--genome", &matrix]].concat());
        } else {
            ok(&upgrade);
        }
        ok(&["doctor", "-q", path_str(&out)]);
        ok(&["verify", path_str(&input), path_str(&out), "--matrix", &matrix, "--matrix-b", "X"]);
    }
}

#[test]
fn parts_are_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (made, part) = (dir.path().join("made.h5ad"), dir.path().join("part.h5ad"));
    ok(&["synth", path_str(&made), "--cells", "200", "--genes", "90", "--seed", "5"]);
    let whole = x(&made);
    ok(&["subset", path_str(&made), path_str(&part), "--rows", "50:60", "--memory", "8M"]);
    let (got, p) = (x(&part), annmap::matrix::Source::pointers(&whole).to_vec());
    let p0 = annmap::matrix::Source::pointers(&got).to_vec();
    assert_eq!(p0, (50..=60).map(|r| p[r] - p[50]).collect::<Vec<_>>());
    ok(&[
        "subset",
        path_str(&made),
        path_str(&part),
        "--force",
        "--obs",
        "cell_type == 'NK cell' and score > 0.5",
    ]);
    let a = AnnData::open(&part).unwrap();
    let rows = a.shape_of("X").unwrap();
    let [obs, _] = a.frames("X", rows, &()).unwrap();
    assert!(
        obs.rows() > 3
            && (0..obs.rows())
                .all(|r| obs.column("cell_type").unwrap().text(r).unwrap().unwrap() == "NK cell")
    );
    // edge cases: no row matches, and an unknown name
    ok(&["subset", path_str(&made), path_str(&part), "--force", "--obs", "score > 2"]);
    assert_eq!(AnnData::open(&part).unwrap().shape_of("X").unwrap(), [0, 90]);
    let (code, _, err) =
        run(&["subset", path_str(&made), path_str(&part), "--force", "--obs-names", "nobody"]);
    assert_eq!((code, err.lines().count()), (2, 1), "{err}");
    assert_eq!(AnnData::open(&part).unwrap().shape_of("X").unwrap(), [0, 90], "the old one stays");
}

#[test]
fn nothing_half_written_under_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let (made, out) = (dir.path().join("made.h5ad"), dir.path().join("out.h5ad"));
    ok(&[
        "synth",
        path_str(&made),
        "--cells",
        "200",
        "--genes",
        "90",
        "--compression",
        "gzip",
        "--chunk",
        "500",
        "--break",
        "chunk",
    ]);
    for args in [vec!["upgrade"], vec!["subset", "--sample", "100"]] {
        let mut all = vec![args[0], path_str(&made), path_str(&out)];
        all.extend(&args[1..]);
        let (code, _, err) = run(&all);
        assert_eq!((code, err.lines().count()), (3, 1), "{err}");
        assert_eq!(crate::support::names(dir.path()), ["made.h5ad"]);
    }
    let (code, _, err) = run(&["upgrade", path_str(&made), path_str(&made)]);
    assert_eq!(code, 2, "{err}");
    let (code, ..) = run(&["synth", path_str(&out), "--layout", "dense", "--break", "index"]);
    assert_eq!(code, 2);
}

#[test]
fn each_kind_of_break_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("broken.h5ad");
    for (kind, code) in [
        ("index", 3),
        ("duplicate", 3),
        ("lengths", 3),
        ("truncated", 3),
        ("chunk", 3),
        ("column", 3),
        ("unsorted", 0),
        ("nan", 0),
    ] {
        ok(&[
            "synth",
            path_str(&out),
            "--force",
            "--cells",
            "300",
            "--genes",
            "200",
            "--compression",
            "gzip",
            "--break",
            kind,
        ]);
        let (got, text, _) = run(&["doctor", path_str(&out)]);
        assert_eq!(got, code, "{kind}: {text}");
        assert!(text.lines().count() > 1, "{kind}: {text}");
    }
}

#[test]
fn a_file_split_in_one_pass_is_its_parts() {
    let dir = tempfile::tempdir().unwrap();
    let (made, parts, part) =
        (dir.path().join("m.h5ad"), dir.path().join("parts"), dir.path().join("p.h5ad"));
    let base = ["synth", path_str(&made), "--cells", "3000", "--genes", "90", "--chunk", "700"];
    ok(&[&base[..], &["--compression", "gzip:1", "--obs-columns", "categorical,batch"]].concat());
    for memory in ["6M", "1G"] {
        for threads in ["1", "4"] {
            let split = ["subset", path_str(&made), path_str(&parts), "--split-by", "batch", "--force"];
            ok(&[
                &split[..],
                &["--memory", memory, "--threads", threads, "--var-names", "ENSG00000000003,ENSG00000000001"],
            ]
            .concat());
            assert_eq!(std::fs::read_dir(&parts).unwrap().count(), 300);
            for batch in ["batch 1", "batch 77", "batch 300"] {
                let condition = format!("batch == '{batch}'");
                let one = ["subset", path_str(&made), path_str(&part), "--obs", &condition, "--force"];
                ok(&[&one[..], &["--var-names", "ENSG00000000003,ENSG00000000001"]].concat());
                let split = std::fs::read(parts.join(format!("{batch}.h5ad"))).unwrap();
                assert!(split == std::fs::read(&part).unwrap(), "{batch} with {memory}");
            }
        }
    }
}

#[test]
fn parts_of_a_split_are_of_one_kind() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let made = at("m.h5ad");
    ok(&["synth", path_str(&made), "--cells", "300", "--genes", "90", "--obs-columns", "batch"]);
    let input = Dataset::open(&made).unwrap();
    let options = export::ExportOptions::default();
    let of = |obs: Option<Vec<u64>>, var: Option<Vec<u64>>| Selection { obs, var };
    // no rows given: all rows
    export::split(&input, &[(at("all.h5ad"), of(None, Some(vec![3, 1])))], &options, &()).unwrap();
    export::export(&input, at("one.h5ad"), &of(None, Some(vec![3, 1])), &options, &()).unwrap();
    assert!(std::fs::read(at("all.h5ad")).unwrap() == std::fs::read(at("one.h5ad")).unwrap());
    let parts =
        [(at("a.h5ad"), of(Some(vec![0]), Some(vec![1]))), (at("b.h5ad"), of(Some(vec![1]), Some(vec![2])))];
    let e = export::split(&input, &parts, &options, &()).unwrap_err();
    assert_eq!((e.kind(), at("a.h5ad").exists(), at("b.h5ad").exists()), (Kind::Usage, false, false));
    let out = at("parts");
    let split = ["subset", path_str(&made), path_str(&out), "--split-by", "batch", "--genome", "GRCh38"];
    let (code, _, err) = run(&split);
    assert!(code == 2 && err.contains("only be chosen in files of 10x Genomics"), "{err}");
}

/// A table lists a column that does not exist: an error, unless that column or all that cannot be read is left out.
#[test]
fn what_cannot_be_read_or_is_not_wanted_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let (made, out) = (dir.path().join("made.h5ad"), dir.path().join("out.h5ad"));
    ok(&["synth", path_str(&made), "--cells", "50", "--genes", "20", "--break", "column"]);
    let (input, output) = (path_str(&made), path_str(&out));
    for command in [&["upgrade", input, output][..], &["subset", input, output, "--rows", "0:9"]] {
        let (code, _, err) = run(command);
        assert!(code == 3 && err.contains("'lost'"), "{err}");
        assert!(!out.exists());
        let (code, _, err) = run(&[command, &["--salvage"]].concat());
        assert!(code == 1 && err.contains("column left out") && err.contains("'lost'"), "{err}");
        let (code, _, err) = run(&[command, &["--drop", "obs/lost", "--drop", "uns", "--force"]].concat());
        assert_eq!((code, err.as_str()), (0, ""));
        let (code, _, err) =
            run(&[command, &["--drop", "obs/lost", "--drop", "obs/none", "--force"]].concat());
        assert!(code == 2 && err.contains("no 'obs/none' to leave out"), "{err}");
        std::fs::remove_file(&out).unwrap();
    }
    let concat = ["concat", input, input, output, "--index-unique", "-", "--quiet"];
    assert_eq!(run(&concat).0, 3);
    assert_eq!(run(&[&concat[..], &["--drop", "obs/lost"]].concat()).0, 0);
    assert_eq!(run(&[&concat[..], &["--salvage", "--force"]].concat()).0, 1);
}

/// `--dtype` gives `X` another type in each command, in each storage; the rest stays as it is.
#[test]
fn x_in_another_type() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (made, out) = (at("made.h5ad"), at("out.h5ad"));
    for layout in ["csr", "csc", "dense"] {
        ok(&[
            "synth",
            path_str(&made),
            "--force",
            "--cells",
            "150",
            "--genes",
            "40",
            "--layout",
            layout,
            "--obs-columns",
            "batch",
            "--dtype",
            "float64",
        ]);
        let from = x(&made);
        let file = path_str(&made);
        assert!(from.data::<f64>().unwrap().iter().all(|v| *v <= 255.0));
        for (dtype, expected) in
            [("auto", Dtype::Uint8), ("int32", Dtype::Int32), ("float32", Dtype::Float32)]
        {
            for flip in ["csr", "csc"] {
                let more: &[&str] = if layout == "dense" { &[] } else { &["--layout", flip] };
                let args = ["upgrade", file, path_str(&out), "--force", "--dtype", dtype];
                ok(&[&args[..], more].concat());
                assert_eq!(x(&out).layout().dtype, expected);
                ok(&["verify", file, path_str(&out), "--numeric"]);
            }
            ok(&["subset", file, path_str(&out), "--force", "--dtype", dtype, "--rows", "::-1"]);
            assert_eq!(x(&out).layout().dtype, expected);
            let parts = at("parts");
            ok(&["subset", file, path_str(&parts), "--split-by", "batch", "--force", "--dtype", dtype]);
            for part in std::fs::read_dir(&parts).unwrap() {
                assert_eq!(x(&part.unwrap().path()).layout().dtype, expected);
            }
        }
    }
    let values = fixture("values.h5ad");
    let args = ["upgrade", path_str(&values), path_str(&out), "--force", "--dtype", "uint8"];
    let (code, _, err) = run(&args);
    let place = "/X: value 300.0 in row 0, column 1 does not fit uint8 exactly (see --cast)";
    assert!(code == 2 && err.contains(place), "{err}");
    ok(&[&args[..], &["--cast", "saturate"]].concat());
    assert_eq!(x(&out).data::<u8>().unwrap(), [255, 0, 2]);
}
