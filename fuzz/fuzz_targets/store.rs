//! Any bytes as the files of a store: opened, checked, its lines read. Lines that come lie inside the matrix.
#![no_main]

use annmap::matrix::Budget;
use annmap::store::Store;
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Files<'a> {
    csc: bool,
    shape: [u8; 2],
    nnz: u8,
    widths: [u8; 3],
    metadata: Option<&'a [u8]>,
    data: &'a [u8],
    indices: &'a [u8],
    indptr: &'a [u8],
    obs: Option<&'a [u8]>,
}

fuzz_target!(|files: Files<'_>| {
    let dir = std::path::PathBuf::from(format!("/dev/shm/annmap-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let dtype = |n: u8| ["int32", "int64", "float32", "uint8", "float64"][usize::from(n % 5)];
    let metadata = format!(
        r#"{{"encoding-type":"{}","encoding-version":"0.1.0","shape":[{},{}],"nnz":{},"dtypes":{{"data":"{}","indices":"{}","indptr":"{}"}}}}"#,
        if files.csc { "csc_matrix" } else { "csr_matrix" },
        files.shape[0],
        files.shape[1],
        files.nnz,
        dtype(files.widths[0]),
        ["int32", "int64", "uint8", "uint16"][usize::from(files.widths[1] % 4)],
        dtype(files.widths[2] % 2),
    );
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).unwrap();
    write("metadata.json", files.metadata.unwrap_or(metadata.as_bytes()));
    write("data.bin", files.data);
    write("indices.bin", files.indices);
    write("indptr.bin", files.indptr);
    match files.obs {
        Some(obs) => write("obs.arrow", obs),
        None => drop(std::fs::remove_file(dir.join("obs.arrow"))),
    }
    let _ = Store::check(&dir, Budget::new(8 << 20), &());
    if let Ok(store) = Store::open(&dir) {
        let layout = store.manifest().layout;
        for line in 0..layout.lines.min(300) {
            if let Ok((minor, _)) = store.line(line) {
                assert!(minor.iter().all(|m| u64::from(*m) < layout.minor));
            }
        }
        let _ = store.across(0);
        let _ = store.frames();
    }
});
