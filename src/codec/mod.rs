//! Compressors and filters, one a file, bytes to bytes. Knows no container.
//!
//! A codec turns the bytes of a chunk into those that are stored, and back. Stored bytes and output come in as slices;
//! what a codec keeps from one chunk to the next (tables, decoder states) is a value of the caller, one a worker. There is
//! no trait and no registry: the codecs differ in their parameters (the width of elements, a level, none at all), and each
//! container has one `match` from its own names or numbers to the functions here.
//!
//! * `decode(input, out)` fills all of `out`, whose length the container knows, and refuses a stream that holds less or
//!   more. Errors are `Malformed`, without a place: the container adds object, chunk and offset.
//! * `decode_to_vec(input, out, most)` or `decoded_len(input)` are for a codec behind another, where the length is not
//!   known; `most` bounds what a stream can make us allocate.
//! * Encoders (deflate, lzf, shuffle, fletcher32) are chosen by [`Filters`]; a chunk that would grow is stored as it is.
//!
//! A new codec is one file here, with a stream of another program as literal bytes in its tests, and one line in the
//! `match` of each container that can have it: for HDF5, its number in `hdf5/filter/mod.rs` and the arms of
//! `hdf5/filter/pipeline.rs`.
//!
//! `gzip` is not for chunks: it reads texts as a stream.

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
pub(crate) mod deflate;
mod encode;
pub(crate) mod fletcher32;
#[cfg(feature = "text")]
pub(crate) mod gzip;
pub(crate) mod lz4;
pub(crate) mod lzf;
pub(crate) mod shuffle;
pub(crate) mod zstd;

pub use encode::{Compression, EncodeWork, Encoded, Filters};
