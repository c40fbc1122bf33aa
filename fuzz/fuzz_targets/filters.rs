//! Any bytes through any filters; what deflate and bzip2 give, another decoder gives too.
#![no_main]

use annmap::hdf5::fuzzing::{FILTERS, undo};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use std::io::Read;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    filters: Vec<(u8, Vec<u16>)>,
    element: u8,
    len: u16,
    stored: &'a [u8],
}

fuzz_target!(|case: Case<'_>| {
    let filters: Vec<(u16, Vec<u32>)> = case
        .filters
        .iter()
        .take(3)
        .map(|(n, v)| (FILTERS[usize::from(*n) % FILTERS.len()], v.iter().map(|v| u32::from(*v)).collect()))
        .collect();
    let (element, len) = (usize::from(case.element % 17).max(1), usize::from(case.len));
    let ours = undo(&filters, element, case.stored, len);
    match filters.iter().map(|f| f.0).collect::<Vec<_>>()[..] {
        [1] => {
            let theirs = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(case.stored, len);
            match (ours, theirs) {
                (Ok(a), Ok(b)) => assert_eq!(a, b),
                (Ok(a), Err(e)) => panic!("{} bytes where the reference says {e:?}", a.len()),
                // the reference does not hold every stream against its checksum
                (Err(_), _) => {}
            }
        }
        [307] => {
            let mut theirs = Vec::new();
            let read = bzip2_rs::DecoderReader::new(case.stored).take(1 << 17).read_to_end(&mut theirs);
            if let (Ok(a), Ok(_)) = (&ours, read) {
                assert!(theirs.starts_with(a), "another content than the reference's");
            }
        }
        _ => {}
    }
});
