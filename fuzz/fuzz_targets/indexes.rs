//! Any bytes as an HDF5 file: every dataset read whole, and again row by row, gives the same or an error both times.
//! What is read in parts goes through the index on its own ways, so the two hold each other.
#![no_main]

use annmap::Limits;
use annmap::hdf5::{File, Object, Scratch};
use libfuzzer_sys::fuzz_target;

fn check(object: &Object, depth: u32, left: &mut u32) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    if let Ok(d) = object.dataset()
        && d.byte_len() <= 1 << 16
        && let Some(&rows) = d.shape().first()
        && rows > 0
    {
        let rest = d.shape()[1..].to_vec();
        let size = (d.byte_len() / rows.max(1)) as usize;
        let mut scratch = Scratch::default();
        let mut read = |first: u64, count: u64| {
            let start: Vec<u64> = std::iter::once(first).chain(rest.iter().map(|_| 0)).collect();
            let counts: Vec<u64> = std::iter::once(count).chain(rest.iter().copied()).collect();
            let mut out = vec![0; size * count as usize];
            d.read_slab(&start, &counts, &mut out, &mut scratch).map(|()| out)
        };
        if let Ok(whole) = read(0, rows) {
            let mut parts = Vec::new();
            for row in 0..rows.min(64) {
                parts.extend(read(row, 1).expect("a row of a dataset that can be read whole"));
            }
            assert_eq!(parts, whole[..parts.len()]);
        }
    }
    if depth < 8 {
        for link in object.links().unwrap_or_default() {
            if let Ok(child) = object.open_link(link) {
                check(&child, depth + 1, left);
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(file) = File::from_reader(Box::new(data.to_vec()), Limits::default()) else { return };
    if let Ok(root) = file.root() {
        check(&root, 0, &mut 100);
    }
});
