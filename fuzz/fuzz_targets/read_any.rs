//! Any bytes as an HDF5 file: every object, attribute and value is read. Whatever comes is fine as long as it comes.
#![no_main]

use annmap::Limits;
use annmap::hdf5::{File, Object};
use libfuzzer_sys::fuzz_target;

fn read(object: &Object, depth: u32, left: &mut u32) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    if let Ok(d) = object.dataset()
        && d.byte_len() <= 1 << 20
    {
        let _ = d.canonical_crc();
    }
    for a in object.attributes().unwrap_or_default() {
        let _ = a.value.map(|v| v.canonical_crc());
    }
    if depth < 8 {
        for link in object.links().unwrap_or_default() {
            if let Ok(child) = object.open_link(link) {
                read(&child, depth + 1, left);
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(file) = File::from_reader(Box::new(data.to_vec()), Limits::default()) else { return };
    if let Ok(root) = file.root() {
        read(&root, 0, &mut 300);
    }
});
