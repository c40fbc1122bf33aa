//! Compressors and filters, one a file, bytes to bytes. Knows no container.
//!
//! A decoder is given the length that its output must have and refuses any other.

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
