//! What encoders of others make comes back through our decoders.
#![no_main]

use annmap::hdf5::fuzzing::undo;
use libfuzzer_sys::fuzz_target;

fn shuffled(data: &[u8], width: usize) -> Vec<u8> {
    let whole = data.len() / width;
    let mut out: Vec<u8> = (0..width).flat_map(|b| (0..whole).map(move |n| data[n * width + b])).collect();
    out.extend(&data[whole * width..]);
    out
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (choice, data) = input;
    let width = usize::from(choice % 9).max(1);
    let level = choice % 10;
    let back = |filters: &[(u16, Vec<u32>)], stored: &[u8]| {
        let out = undo(filters, width, stored, data.len()).expect("what an encoder made");
        assert_eq!(out, data);
    };
    let shuffle = (2u16, vec![width as u32]);
    back(&[shuffle.clone()], &shuffled(&data, width));
    back(&[(1, vec![])], &miniz_oxide::deflate::compress_to_vec_zlib(&data, level));
    back(
        &[shuffle, (1, vec![])],
        &miniz_oxide::deflate::compress_to_vec_zlib(&shuffled(&data, width), level),
    );
    let mut lz4 = (data.len() as u64).to_be_bytes().to_vec();
    lz4.extend((data.len().max(1) as u32).to_be_bytes());
    if !data.is_empty() {
        let block = lz4_flex::block::compress(&data);
        let block = if block.len() < data.len() { block } else { data.clone() };
        lz4.extend((block.len() as u32).to_be_bytes());
        lz4.extend(block);
    }
    back(&[(32004, vec![])], &lz4);
    if !data.is_empty() {
        let zstd = ruzstd::encoding::compress_to_vec(&data[..], ruzstd::encoding::CompressionLevel::Fastest);
        back(&[(32015, vec![])], &zstd);
    }
});
