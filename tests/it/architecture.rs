//! Tests of the layers in `spec/architecture.md`, of sizes and names, and of dependencies.

use crate::source_code::{
    SourceFile, block_len, code_lines, collect, functions, source_files, type_names, words,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Each layer of the library and what it uses besides [`ANYWHERE`]. The program (`main.rs`, `cli/`) is above
/// all layers; the compiler restricts it to the public interface.
const LAYERS: [(&str, &[&str]); 21] = [
    ("bytes", &[]),
    ("codec", &["bytes"]),
    ("hdf5", &["bytes", "codec"]),
    ("zarr", &["bytes", "codec"]),
    ("matrix", &[]),
    ("array", &["matrix"]),
    ("tree", &["array", "bytes", "codec", "hdf5", "zarr"]),
    ("table", &[]),
    ("select", &["table"]),
    ("anndata", &["array", "codec", "matrix", "table", "tree"]),
    ("store", &["bytes", "matrix", "table"]),
    ("transpose", &["bytes", "matrix"]),
    ("formats", &["anndata", "bytes", "codec", "matrix", "table", "transpose", "tree"]),
    ("dataset", &["anndata", "bytes", "formats", "matrix", "store", "table", "tree"]),
    ("verify", &["anndata", "array", "dataset", "matrix", "table", "transpose", "tree"]),
    ("synth", &["anndata", "array", "hdf5", "matrix", "table", "transpose", "tree"]),
    ("export", &["anndata", "array", "codec", "dataset", "matrix", "table", "transpose", "tree"]),
    ("index", &["anndata", "bytes", "codec", "dataset", "matrix", "tree"]),
    ("doctor", &["anndata", "bytes", "dataset", "hdf5", "matrix", "table", "tree"]),
    ("convert", &["dataset", "matrix", "store", "table", "transpose"]),
    (
        "concat",
        &[
            "anndata",
            "array",
            "bytes",
            "codec",
            "dataset",
            "export",
            "matrix",
            "store",
            "table",
            "transpose",
            "tree",
        ],
    ),
];
/// Base modules, which any layer may use.
const ANYWHERE: [&str; 8] = ["error", "limits", "observe", "dtype", "strings", "report", "random", "sync"];
/// Files outside the layers.
const OUTSIDE: [&str; 4] = ["lib", "main", "cli", "guide"];

/// Paths that may name `hdf5`; all others use `tree`.
const HDF5: [&str; 6] = ["hdf5/", "tree/", "doctor/", "synth/broken.rs", "cli/ls.rs", "lib.rs"];
/// Exceptions to [`HDF5`].
const HDF5_STILL: &[&str] = &[];
/// Paths that may name `zarr`; all others use `tree`.
const ZARR: [&str; 4] = ["zarr/", "tree/", "cli/ls.rs", "lib.rs"];

/// Maximum lines of code in a file, without comments and tests.
const FILE_LINES: usize = 400;
/// Exceptions to [`FILE_LINES`].
const LONG_FILES: &[&str] = &[];
/// Maximum lines of code in a function, including its signature.
const FUNCTION_LINES: usize = 80;
/// Exceptions to [`FUNCTION_LINES`]: file and function name.
const LONG_FUNCTIONS: &[(&str, &str)] = &[];
/// Maximum number of type names defined in several places; `Args` of the commands is one of them.
const NAMES_TWICE: usize = 10;

/// Fails if a file breaks `rule` without an exception, or if an exception is no longer needed.
fn settle(broken: BTreeSet<String>, exceptions: BTreeSet<String>, rule: &str) {
    let new: Vec<_> = broken.difference(&exceptions).collect();
    assert!(new.is_empty(), "{rule}: {new:#?}");
    let idle: Vec<_> = exceptions.difference(&broken).collect();
    assert!(idle.is_empty(), "no exception is needed any more for: {idle:#?}");
}

/// The layer a file of `src` belongs to.
fn layer_of(name: &str) -> &str {
    name.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Names that `lib.rs` re-exports at the crate root, with the module each comes from.
fn at_the_root(files: &[SourceFile]) -> BTreeMap<String, String> {
    let root = files.iter().find(|f| f.name == "lib.rs").unwrap();
    let mut out = BTreeMap::new();
    for line in root.code.lines().filter_map(|l| l.trim().strip_prefix("pub use ")) {
        let (module, names) = line.split_once("::").unwrap();
        out.extend(words(names).into_iter().map(|(_, n)| (n.to_owned(), module.to_owned())));
    }
    assert_eq!(out.get("ReadAt").map(String::as_str), Some("bytes"), "{out:?}");
    out
}

/// First names of the paths that `code` takes from the crate root: `crate::x`, `super::x` if that is the
/// root, `crate::{x, y::{z}}`.
fn from_the_root(file: &SourceFile) -> BTreeSet<String> {
    let parts = file.name.trim_end_matches(".rs").split('/');
    let depth = parts.filter(|p| *p != "mod" && *p != "lib").count();
    let up = "super::".repeat(depth);
    let mut out = BTreeSet::new();
    for root in ["crate::", &up] {
        for (at, _) in file.code.match_indices(root).filter(|_| !root.is_empty()) {
            let before = file.code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let path = &file.code[at + root.len()..];
            if !path.starts_with('{') {
                out.extend(words(path).first().map(|(_, w)| (*w).to_owned()));
                continue;
            }
            let group = &path[1..block_len(path) - 1];
            let mut nested = 0usize;
            for part in group.split_inclusive(['{', '}', ',']) {
                if nested == 0 {
                    out.extend(words(part).first().map(|(_, w)| (*w).to_owned()));
                }
                nested += usize::from(part.ends_with('{'));
                nested -= usize::from(part.ends_with('}') && nested > 0);
            }
        }
    }
    out.remove("super");
    out
}

#[test]
fn arrows_point_down_only() {
    let files = source_files();
    let root = at_the_root(&files);
    let mut wrong = Vec::new();
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for file in &files {
        let layer = layer_of(&file.name);
        if OUTSIDE.contains(&layer) {
            continue;
        }
        let below = LAYERS.iter().find(|(name, _)| *name == layer).map(|(_, below)| *below);
        assert!(below.is_some() || ANYWHERE.contains(&layer), "src/{} belongs to no layer", file.name);
        for name in from_the_root(file) {
            let name = root.get(&name).unwrap_or(&name);
            if name == layer || ANYWHERE.contains(&name.as_str()) {
                continue;
            }
            if below.is_some_and(|b| b.contains(&name.as_str())) {
                used.insert((layer.to_owned(), name.clone()));
            } else {
                wrong.push(format!("src/{} uses {name}", file.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let rows =
        LAYERS.iter().flat_map(|(layer, below)| below.iter().map(|b| (layer.to_string(), b.to_string())));
    let idle: Vec<_> = rows.filter(|row| !used.contains(row)).collect();
    assert!(idle.is_empty(), "layers that need not use what their row says: {idle:?}");
    for (i, (layer, below)) in LAYERS.iter().enumerate() {
        let known = |b: &&str| LAYERS[..i].iter().any(|(name, _)| *name == *b);
        let upwards: Vec<_> = below.iter().filter(|b| !known(b)).collect();
        assert!(upwards.is_empty(), "{layer} uses what does not stand above it in the table: {upwards:?}");
    }
}

/// Rows of `spec/architecture.md` that begin with a name in backticks, as the names in each cell.
fn rows_of_the_map() -> Vec<Vec<Vec<String>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/architecture.md");
    let text = std::fs::read_to_string(path).unwrap();
    let names =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let rows = text.lines().filter(|l| l.starts_with("| `"));
    rows.map(|l| l.split('|').skip(1).map(names).collect()).collect()
}

#[test]
fn the_map_of_the_code_is_true() {
    let rows = rows_of_the_map();
    for (layer, below) in LAYERS {
        let row = rows.iter().find(|r| r[0] == [layer]).unwrap_or_else(|| panic!("no row for {layer}"));
        assert_eq!(row[1], below, "what {layer} uses");
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut folders = BTreeSet::new();
    for row in rows.iter().filter(|r| r[0][0].ends_with('/')) {
        let folder = &row[0][0];
        folders.insert(layer_of(folder).to_owned());
        let files = row.iter().skip(1).flatten().filter(|n| n.ends_with(".rs") || n.ends_with('/'));
        wrong.extend(files.map(|f| format!("{folder}{f}")).filter(|f| !src.join(f).exists()));
    }
    assert!(wrong.is_empty(), "files that do not exist: {wrong:?}");
    let missing: Vec<_> =
        LAYERS.iter().filter(|(l, _)| src.join(l).is_dir() && !folders.contains(*l)).collect();
    assert!(missing.is_empty(), "folders that the map leaves out: {missing:?}");
}

#[test]
fn containers_are_named_by_few() {
    for (container, few) in [("hdf5", &HDF5[..]), ("zarr", &ZARR)] {
        let broken = source_files()
            .iter()
            .filter(|f| !few.iter().any(|p| f.name.starts_with(p)))
            .filter(|f| words(&f.code).iter().any(|(_, w)| *w == container))
            .map(|f| layer_of(&f.name).to_owned())
            .collect();
        settle(
            broken,
            HDF5_STILL.iter().map(|s| s.to_string()).collect(),
            "layers that name a container instead of tree",
        );
    }
}

#[test]
fn files_and_functions_are_short() {
    let files = source_files();
    let long = files.iter().filter(|f| code_lines(&f.code) > FILE_LINES).map(|f| f.name.clone()).collect();
    settle(
        long,
        LONG_FILES.iter().map(|s| s.to_string()).collect(),
        "files of more lines of code than allowed",
    );
    let mut long = BTreeSet::new();
    let mut count = 0;
    for file in &files {
        for (name, lines) in functions(&file.code) {
            count += 1;
            if lines > FUNCTION_LINES {
                long.insert(format!("{} {name}", file.name));
            }
        }
    }
    assert!(count > 1000, "{count} functions found");
    let exceptions = LONG_FUNCTIONS.iter().map(|(file, name)| format!("{file} {name}")).collect();
    settle(long, exceptions, "functions of more lines of code than allowed");
}

#[test]
fn type_names_are_few_and_their_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in source_files() {
        for name in type_names(&file.code) {
            places.entry(name).or_default().push(file.name.clone());
        }
    }
    assert!(places.len() > 200, "{} types found", places.len());
    places.retain(|_, files| files.len() > 1);
    assert!(places.len() <= NAMES_TWICE, "{} type names stand in several places: {places:#?}", places.len());
}

/// Sources contain no private paths and no issue numbers, which readers cannot look up.
#[test]
fn sources_speak_of_nothing_private() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for (dir, extension) in [
        ("src", "rs"),
        ("tests", "rs"),
        ("tests", "py"),
        ("benches", "rs"),
        ("benches", "py"),
        ("spec", "md"),
    ] {
        collect(&root.join(dir), extension, &mut files);
    }
    files.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "benches/README.md"].map(|f| root.join(f)));
    let private = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/tmp", "/w/"),
        concat!("iss", "ue #"),
        concat!("/iss", "ues/"),
    ];
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
        let lines = text.lines().enumerate().filter(|(_, l)| private.iter().any(|p| l.contains(p)));
        found.extend(lines.map(|(n, l)| format!("{}:{}: {l}", file.display(), n + 1)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn unsafe_code_stands_in_two_files() {
    let with = source_files().into_iter().filter(|f| words(&f.code).iter().any(|(_, w)| *w == "unsafe"));
    let with: Vec<String> = with.map(|f| f.name).collect();
    assert_eq!(with, ["bytes/mmap.rs", "bytes/output.rs"]);
}

/// Distinct lines of `cargo tree`, one for each crate.
fn tree(format: &str, arguments: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--offline", "--no-dedupe", "--prefix", "none", "--format", format])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Distinct names and versions of the crates that `cargo tree` lists.
fn crates(arguments: &[&str]) -> BTreeSet<String> {
    tree("{p}", arguments).iter().map(|l| l.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

fn name(one: &str) -> &str {
    one.split(' ').next().unwrap()
}

#[test]
fn nothing_that_compiles_or_links_c() {
    let crates = crates(&["--edges", "normal,build,dev"]);
    let names: Vec<&str> = crates.iter().map(|c| name(c)).collect();
    assert!(names.len() > 50 && names.contains(&"zlib-rs"));
    let c: Vec<&&str> = names
        .iter()
        .filter(|n| {
            ["cc", "cmake", "bindgen", "pkg-config", "vcpkg"].contains(n)
                || (n.ends_with("-sys") && **n != "linux-raw-sys")
        })
        .collect();
    assert!(c.is_empty(), "{c:?}");
}

/// The reader without features has few dependencies and builds for the browser.
#[test]
fn the_bare_reader_has_few_dependencies() {
    const MOST: usize = 26;
    for target in ["x86_64-unknown-linux-gnu", "wasm32-unknown-unknown"] {
        let crates = crates(&["--no-default-features", "--edges", "normal", "--target", target]);
        assert!(crates.iter().any(|c| name(c) == "zlib-rs"));
        assert!(crates.len() <= MOST, "{target}: {} of at most {MOST}: {crates:#?}", crates.len());
        let heavy = ["libc", "memmap2", "rustix", "csv", "flate2", "clap"];
        let found: Vec<&String> =
            crates.iter().filter(|c| heavy.contains(&name(c)) || c.starts_with("arrow-")).collect();
        assert!(found.is_empty(), "{target}: {found:?}");
    }
}

/// Cargo unifies features: `preserve_order` or `arbitrary_precision` of `serde_json` would change the JSON of
/// any program that embeds this crate.
#[test]
fn the_json_of_a_host_stays_as_it_is() {
    let features = tree("{p} {f}", &["--all-features", "--edges", "normal"]);
    let json: Vec<&String> = features.iter().filter(|l| name(l) == "serde_json").collect();
    let [json] = json[..] else { panic!("serde_json is not there once: {json:?}") };
    assert_eq!(json.rsplit(' ').next(), Some("default,std"), "{json}");
}
