//! Any bytes as each structure of the format by itself: messages, index and heap headers, nodes.
#![no_main]

use annmap::hdf5::fuzzing::{STRUCTURES, structure};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [which, width, bytes @ ..] = data else { return };
    let _ = structure(which % STRUCTURES, [8, 4, 2][usize::from(width % 3)], bytes);
});
