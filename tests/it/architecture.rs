//! The table of layers in `spec/architecture.md`, and what may be linked, held by tests.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Each layer of the library and what it may use besides [`ANYWHERE`]. The program (`main.rs`, `cli/`) stands above all of
/// them; the compiler holds it to the public interface.
const LAYERS: [(&str, &[&str]); 19] = [
    ("bytes", &[]),
    ("codec", &["bytes"]),
    ("hdf5", &["bytes", "codec"]),
    ("tree", &["bytes", "codec", "hdf5"]),
    ("matrix", &[]),
    ("table", &[]),
    ("select", &["table"]),
    ("anndata", &["codec", "matrix", "table", "tree"]),
    ("formats", &["anndata", "codec", "matrix", "table", "tree"]),
    ("store", &["bytes", "matrix", "table"]),
    ("transpose", &["bytes", "matrix"]),
    ("dataset", &["anndata", "formats", "matrix", "store", "table", "tree"]),
    ("verify", &["dataset", "matrix", "table", "transpose"]),
    ("synth", &["anndata", "hdf5", "matrix", "table", "transpose", "tree"]),
    ("export", &["anndata", "codec", "dataset", "matrix", "table", "transpose", "tree"]),
    ("doctor", &["anndata", "dataset", "hdf5", "matrix", "table", "tree"]),
    ("convert", &["anndata", "dataset", "matrix", "store", "table", "transpose"]),
    (
        "concat",
        &["anndata", "bytes", "codec", "dataset", "export", "matrix", "store", "table", "transpose", "tree"],
    ),
    ("lib", &["bytes"]),
];
const ANYWHERE: [&str; 8] = ["error", "limits", "observe", "dtype", "strings", "report", "random", "sync"];

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The layers of this crate that a source file names, tests left out.
fn used(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let mut out = Vec::new();
    for line in code.lines().filter(|l| !l.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            if let Some(group) = part.strip_prefix('{') {
                let names = group.split('}').next().unwrap().split(',');
                out.extend(names.map(|n| n.trim().split("::").next().unwrap().to_owned()));
            } else {
                let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
                out.push(part[..end].to_owned());
            }
        }
    }
    // What the crate re-exports at its root comes from the files that may be used anywhere.
    out.retain(|n| n.chars().next().is_some_and(|c| c.is_ascii_lowercase()));
    out
}

#[test]
fn arrows_point_down_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 60);
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let first = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let text = std::fs::read_to_string(&file).unwrap();
        let may: Vec<&str> = match LAYERS.iter().find(|(name, _)| *name == first) {
            Some((name, below)) => below.iter().copied().chain([*name]).collect(),
            None if ANYWHERE.contains(&first) || first == "guide" => vec![],
            None if first == "main" || first == "cli" => continue,
            None => panic!("src/{} belongs to no layer", relative.display()),
        };
        for name in used(&text) {
            // Budgets are how limits are told apart in words, not an import: only code counts.
            if !may.contains(&name.as_str()) && !ANYWHERE.contains(&name.as_str()) && name != "with_element" {
                wrong.push(format!("src/{} uses {name}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn unsafe_code_stands_in_two_files() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut with: Vec<String> = files
        .into_iter()
        .filter(|f| std::fs::read_to_string(f).unwrap().contains("unsafe {"))
        .map(|f| f.strip_prefix(&src).unwrap().display().to_string())
        .collect();
    with.sort();
    assert_eq!(with, ["bytes/mmap.rs", "bytes/output.rs"]);
}

#[test]
fn nothing_that_compiles_or_links_c() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--offline", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let crates: Vec<&str> = text.lines().filter_map(|l| l.split(' ').next()).collect();
    assert!(crates.len() > 50 && crates.contains(&"zlib-rs"));
    let c: Vec<&&str> = crates
        .iter()
        .filter(|n| {
            ["cc", "cmake", "bindgen", "pkg-config", "vcpkg"].contains(n)
                || (n.ends_with("-sys") && **n != "linux-raw-sys")
        })
        .collect();
    assert!(c.is_empty(), "{c:?}");
}
