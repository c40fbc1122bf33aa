//! Compressors and filters, one per file, from bytes to bytes. Independent of any container.
//!
//! A codec converts the bytes of a chunk to their stored form and back. Stored bytes and output are slices;
//! state that a codec keeps between chunks (tables, decoder states) is a value owned by the caller, one per
//! worker. There is no trait and no registry: codecs differ in their parameters (element width, level, none),
//! and each container has one `match` from its own names or numbers to the functions here.
//!
//! * `decode(input, out)` fills all of `out`, whose length the container knows, and rejects a stream of
//!   another length. Errors are `Malformed`, without a position: the container adds object, chunk and offset.
//! * `decode_to_vec(input, out, most)` or `decoded_len(input)` are for a codec followed by another, where the
//!   length is unknown; `most` limits how much memory a stream can claim.
//! * Encoders (deflate, lzf, shuffle, fletcher32) are selected by [`Filters`]; a chunk that would grow is
//!   stored uncompressed.
//!
//! A new codec is one file here, tested with a literal stream from another program, and one line in the
//! `match` of each container that supports it: for HDF5, its number in `hdf5/filter/mod.rs` and the arms of
//! `hdf5/filter/pipeline.rs`.
//!
//! `gzip` reads a stream piece by piece, for text files and chunks of unknown length.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::panic
    )
)]

pub(crate) mod bits;
pub(crate) mod bitshuffle;
pub(crate) mod blosc;
pub(crate) mod blosc2;
pub(crate) mod bzip2;
pub(crate) mod crc32c;
pub(crate) mod deflate;
mod encode;
pub(crate) mod fletcher32;
pub(crate) mod gzip;
pub(crate) mod lz4;
pub(crate) mod lzf;
pub(crate) mod shuffle;
pub(crate) mod zstd;

pub(crate) use encode::DeflateWrapper;
pub use encode::{Compression, EncodeWork, Encoded, Filters};
