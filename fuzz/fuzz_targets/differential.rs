//! Any bytes as an HDF5 file, read here and by another reader in Rust: numeric datasets that both read are equal.
#![no_main]

use annmap::Limits;
use annmap::dtype::Class;
use annmap::hdf5::{File, Object, Scratch};
use libfuzzer_sys::fuzz_target;

fn check(object: &Object, theirs: &hdf5_reader::Hdf5File, depth: u32, left: &mut u32) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    if let Ok(d) = object.dataset()
        && matches!(d.datatype().class, Class::Integer(_) | Class::Float(_))
        && d.byte_len() <= 1 << 16
        && let mut ours = vec![0; d.byte_len() as usize]
        && d.read_slab(&vec![0; d.shape().len()], d.shape(), &mut ours, &mut Scratch::default()).is_ok()
        && let Ok(other) = theirs.dataset(object.path())
        && other.shape() == d.shape()
        && let Ok(bytes) = other.read_raw_bytes()
    {
        assert_eq!(ours, bytes, "{}", object.path());
    }
    if depth < 6 {
        let links = object.links().unwrap_or_default();
        for link in links {
            // of two links with one name, who knows which is meant
            if links.iter().filter(|l| l.name == link.name).count() > 1 {
                continue;
            }
            if let Ok(child) = object.open_link(link) {
                check(&child, theirs, depth + 1, left);
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(file) = File::from_reader(Box::new(data.to_vec()), Limits::default()) else { return };
    let Ok(theirs) = hdf5_reader::Hdf5File::from_vec(data.to_vec()) else { return };
    if let Ok(root) = file.root() {
        check(&root, &theirs, 0, &mut 50);
    }
});
