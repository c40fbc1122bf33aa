//! Two deflate streams inflated at once: what is accepted is what zlib-rs makes of each, and what it makes of streams that
//! a compressor wrote is accepted.
#![no_main]

use annmap::hdf5::fuzzing::side_by_side;
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Stream<'a> {
    /// Any bytes, and how many they are to become.
    Any(&'a [u8], u16),
    /// Compressed at a level, then changed in places.
    Compressed(&'a [u8], u8, Vec<(u16, u8)>),
    /// As minor indices are: gaps, summed up.
    Indices(&'a [u8], u8),
}

impl Stream<'_> {
    /// The stream, the length it is to become, and whether a compressor wrote it just so.
    fn made(&self) -> (Vec<u8>, usize, bool) {
        let compressed = |bytes: &[u8], level: u8| miniz_oxide::deflate::compress_to_vec(bytes, level % 11);
        match self {
            Stream::Any(bytes, len) => (bytes.to_vec(), usize::from(*len), false),
            Stream::Compressed(bytes, level, changes) => {
                let mut stream = compressed(bytes, *level);
                let len = stream.len();
                for (at, value) in changes {
                    stream[usize::from(*at) % len] = *value;
                }
                (stream, bytes.len(), changes.is_empty())
            }
            Stream::Indices(gaps, level) => {
                let mut at = 0u32;
                let sums = gaps.iter().flat_map(|gap| {
                    at += u32::from(*gap);
                    at.to_le_bytes()
                });
                let bytes: Vec<u8> = sums.collect();
                (compressed(&bytes, *level), bytes.len(), true)
            }
        }
    }
}

fuzz_target!(|streams: [Stream<'_>; 2]| {
    let [(a, a_len, a_whole), (b, b_len, b_whole)] = streams.map(|s| s.made());
    let (both, [alone_a, alone_b]) = side_by_side([(&a, a_len), (&b, b_len)]);
    match both {
        Some([made_a, made_b]) => assert_eq!((Some(made_a), Some(made_b)), (alone_a, alone_b)),
        None => assert!(!(a_whole && b_whole), "refused what a compressor wrote"),
    }
});
