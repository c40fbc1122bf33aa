//! Errors and warnings for programs, exit codes, manual pages.

use crate::support::{fixture, names, path_str, run};
use serde_json::{Value as Json, json};

/// The one line of JSON on stderr.
fn line(stderr: &str) -> Json {
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    serde_json::from_str(stderr).unwrap_or_else(|e| panic!("{e}: {stderr}"))
}

#[test]
fn errors_are_json_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| path_str(&dir.path().join(name)).to_owned();
    let broken = at("broken.h5ad");
    assert_eq!(run(&["synth", &broken, "--break", "chunk", "--compression", "gzip", "-q"]).0, 0);
    for how in [&["--json"][..], &["--progress", "json"], &["--progress=json", "-q"]] {
        let (code, stdout, stderr) = run(&[&["convert", "/nowhere/a.h5ad", &at("out")], how].concat());
        assert_eq!((code, stdout.as_str()), (5, ""));
        assert_eq!(
            line(&stderr),
            json!({
                "level": "error", "kind": "io", "exit": 5, "file": "/nowhere/a.h5ad", "object": null,
                "chunk": null, "byte": null, "message": "open: no such file or directory", "needed": null,
                "hint": null
            })
        );
    }
    let (code, _, stderr) = run(&["convert", &broken, &at("out"), "--json"]);
    let e = line(&stderr);
    assert_eq!(
        (code, e["kind"].as_str(), e["object"].as_str()),
        (3, Some("malformed"), Some("/X/data")),
        "{e}"
    );
    assert!(e["byte"].as_u64() > Some(0) && e["chunk"].is_array() && e["file"] == broken.as_str(), "{e}");
    let (_, _, stderr) = run(&["info", "--json", "/nowhere/a.h5ad"]);
    assert_eq!(line(&stderr)["kind"], "io");
    let (_, _, stderr) = run(&["ls", "--json", "/nowhere/a.h5ad"]);
    assert_eq!(line(&stderr)["kind"], "io");
    // Arguments that are not understood.
    let (code, _, stderr) = run(&["convert", "--json", "--what"]);
    let e = line(&stderr);
    assert_eq!((code, &e["kind"], &e["exit"]), (2, &json!("usage"), &json!(2)));
    assert!(e["message"].as_str().unwrap().contains("--what"), "{e}");
    // Warnings too.
    let file = fixture("anndata_06.h5ad");
    let (code, _, stderr) = run(&["upgrade", path_str(&file), &at("up.h5ad"), "--json"]);
    assert_eq!(code, 0);
    for warning in stderr.lines() {
        assert_eq!(serde_json::from_str::<Json>(warning).unwrap()["level"], "warning");
    }
}

/// Like causes have like exit codes, whatever the command.
#[test]
fn like_causes_have_like_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| path_str(&dir.path().join(name)).to_owned();
    let (file, store) = (fixture("anndata_current.h5ad"), at("one.store"));
    let (file, there, plain) = (path_str(&file), at("there.h5ad"), at("plain"));
    assert_eq!(run(&["convert", file, &store]).0, 0);
    assert_eq!(run(&["upgrade", file, &there]).0, 0);
    std::fs::write(&plain, "mine").unwrap();
    let exists: &[&[&str]] = &[
        &["convert", file, &store],
        &["transpose", file, &store],
        &["subset", file, &store],
        &["upgrade", file, &there],
        &["export", &store, &there],
        &["subset", file, &there],
        &["concat", file, file, &there],
        &["synth", &there],
    ];
    for args in exists {
        let (code, _, stderr) = run(args);
        assert!(
            code == 5 && stderr.contains("the output exists (--force replaces it)"),
            "{args:?}: {stderr}"
        );
    }
    // What --force does not replace: a file by a store, a store by a file.
    let will_not: &[&[&str]] = &[
        &["convert", file, &plain],
        &["transpose", file, &plain],
        &["subset", file, &plain],
        &["upgrade", file, &store],
        &["export", &store, &store],
        &["concat", file, file, &store],
        &["synth", &store],
    ];
    for args in will_not {
        let (code, _, stderr) = run(&[args, &["--force"][..]].concat());
        let also_input = args[0] == "export";
        assert_eq!(code, if also_input { 2 } else { 5 }, "{args:?}: {stderr}");
        assert!(also_input || stderr.contains("will not replace this"), "{args:?}: {stderr}");
    }
    assert_eq!(std::fs::read_to_string(&plain).unwrap(), "mine");
    assert_eq!(run(&["verify", &store]).0, 0);
    // Values that do not fit the type asked for.
    for command in ["convert", "transpose"] {
        let (code, _, stderr) = run(&[command, file, &at("fit"), "--dtype", "bool"]);
        assert!(code == 2 && stderr.contains("does not fit bool"), "{stderr}");
    }
}

#[test]
fn a_pipeline_chooses_the_code_of_too_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let file = fixture("anndata_current.h5ad");
    let little = ["convert", path_str(&file), path_str(&out), "--memory", "1000", "--json"];
    let (code, _, stderr) = run(&[&little[..], &["--memory-exit", "137"]].concat());
    let e = line(&stderr);
    assert_eq!((code, e["exit"].as_u64()), (137, Some(137)), "{e}");
    let needed = e["needed"].as_u64().unwrap().to_string();
    assert_eq!(run(&little).0, 6);
    // Other limits keep their code.
    let (code, _, _) = run(&[
        "convert",
        path_str(&file),
        path_str(&out),
        "--limit",
        "chunk-bytes=16",
        "--memory-exit",
        "137",
    ]);
    assert_eq!(code, 6);
    assert_eq!(run(&["convert", path_str(&file), path_str(&out), "--memory", &needed]).0, 0);
    assert_eq!(run(&["convert", path_str(&file), path_str(&out), "--memory-exit", "0"]).0, 2);
}

#[test]
fn each_command_has_a_page() {
    let (code, all, _) = run(&["man"]);
    let heads = |text: &str| text.lines().filter(|l| l.starts_with(".TH")).count();
    assert!(code == 0 && heads(&all) > 10, "{}", heads(&all));
    let (code, one, _) = run(&["man", "subset"]);
    assert!(
        code == 0
            && heads(&one) == 1
            && one.replace('\\', "").contains("annmap-subset")
            && one.contains("split\\-by"),
        "{one}"
    );
    let (code, _, stderr) = run(&["man", "nothing"]);
    assert!(code == 2 && stderr.contains("convert"), "{stderr}");
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(&["man", "--dir", path_str(dir.path())]).0, 0);
    let pages = names(dir.path());
    assert_eq!(pages.len(), heads(&all));
    assert!(
        pages.contains(&"annmap.1".to_owned()) && pages.contains(&"annmap-subset.1".to_owned()),
        "{pages:?}"
    );
    assert_eq!(
        std::fs::read_to_string(dir.path().join("annmap-subset.1")).unwrap().trim_end(),
        one.trim_end()
    );
}

/// The table is compared with its record before the Arrow reader sees it.
#[test]
fn a_damaged_table_of_a_store_is_malformed() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    assert_eq!(run(&["convert", path_str(&fixture("anndata_current.h5ad")), path_str(&store)]).0, 0);
    let table = store.join("obs.arrow");
    let good = std::fs::read(&table).unwrap();
    let metadata = std::fs::read_to_string(store.join("metadata.json")).unwrap();
    let export = || run(&["export", path_str(&store), path_str(&dir.path().join("out.h5ad")), "--force"]);
    for recorded in [true, false] {
        if !recorded {
            // As a program without checksums would have written it.
            let mut json: Json = serde_json::from_str(&metadata).unwrap();
            json.as_object_mut().unwrap().remove("annmap");
            std::fs::write(store.join("metadata.json"), json.to_string()).unwrap();
        }
        for at in (0..good.len()).step_by(good.len() / 40) {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            std::fs::write(&table, bytes).unwrap();
            let (code, _, stderr) = export();
            assert!(code == 3 || (!recorded && [0, 4].contains(&code)), "byte {at}: exit {code}: {stderr}");
            if recorded {
                assert!(stderr.contains("obs.arrow: checksum"), "{stderr}");
                break;
            }
        }
    }
}
