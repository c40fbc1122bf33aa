//! What is written: which container, in which version, and the filters that it has.

use crate::codec::{Compression, Filters};
use crate::error::{Error, Result};

pub use crate::hdf5::Libver;
pub use crate::zarr::ZarrVersion;

/// The container of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// An HDF5 file.
    Hdf5(Libver),
    /// A zarr store.
    Zarr(ZarrFormat),
}

/// How a zarr store is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZarrFormat {
    /// Version of the format.
    pub version: ZarrVersion,
    /// Bytes of the elements of a shard, about, before compression; 0 writes each chunk under a key of its own.
    /// Version 2 has no shards.
    pub shard: u64,
    /// Whether the store is a zip file instead of a folder.
    pub zip: bool,
}

impl Default for OutputFormat {
    fn default() -> Self {
        OutputFormat::Hdf5(Libver::default())
    }
}

impl Default for ZarrFormat {
    /// A folder of version 3 with shards of 64 MiB.
    fn default() -> Self {
        ZarrFormat { version: ZarrVersion::V3, shard: 64 << 20, zip: false }
    }
}

impl OutputFormat {
    /// Fails unless the container has these filters.
    ///
    /// # Errors
    /// `Usage` with those that it has.
    pub fn check(self, filters: Filters) -> Result<()> {
        let text = match (self, filters.compression) {
            (
                OutputFormat::Hdf5(_),
                Compression::Zstd | Compression::BloscLz4 | Compression::BloscZlib(_),
            ) => "HDF5 is written with none, gzip or lzf; zstd and Blosc are compressions of zarr",
            (OutputFormat::Zarr(_), Compression::Lzf) => {
                "zarr is written with none, gzip, zstd, blosc-lz4 or blosc-zlib; lzf is a compression of HDF5"
            }
            (OutputFormat::Zarr(_), _) if filters.fletcher32 => {
                "zarr is written without Fletcher-32; its shards have checksums of their own"
            }
            (
                OutputFormat::Zarr(ZarrFormat { version: ZarrVersion::V3, .. }),
                Compression::None | Compression::Gzip(_) | Compression::Zstd,
            ) if filters.shuffle => "version 3 of zarr shuffles with blosc-lz4 and blosc-zlib only",
            _ => return Ok(()),
        };
        Err(Error::usage(text))
    }

    /// Filters of this container that are most like `filters`.
    #[must_use]
    pub fn nearest(self, filters: Filters) -> Filters {
        match self {
            OutputFormat::Hdf5(_) => match filters.compression {
                Compression::Zstd | Compression::BloscLz4 | Compression::BloscZlib(_) => {
                    Filters { compression: Compression::Gzip(4), ..filters }
                }
                _ => filters,
            },
            OutputFormat::Zarr(format) => {
                let compression = match filters.compression {
                    Compression::Lzf => Compression::BloscLz4,
                    other => other,
                };
                let blosc = matches!(compression, Compression::BloscLz4 | Compression::BloscZlib(_));
                let shuffle = filters.shuffle && (blosc || format.version == ZarrVersion::V2);
                Filters { shuffle, compression, fletcher32: false }
            }
        }
    }

    /// Whether it is zarr.
    pub fn is_zarr(self) -> bool {
        matches!(self, OutputFormat::Zarr(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the filters of an input are, the nearest ones can be written.
    #[test]
    fn the_nearest_filters_can_be_written() {
        let zarr = |version| OutputFormat::Zarr(ZarrFormat { version, ..ZarrFormat::default() });
        for format in [OutputFormat::default(), zarr(ZarrVersion::V2), zarr(ZarrVersion::V3)] {
            for compression in [
                Compression::None,
                Compression::Gzip(3),
                Compression::Lzf,
                Compression::Zstd,
                Compression::BloscLz4,
                Compression::BloscZlib(5),
            ] {
                for (shuffle, fletcher32) in [(false, false), (true, false), (false, true), (true, true)] {
                    let filters = Filters { shuffle, compression, fletcher32 };
                    let nearest = format.nearest(filters);
                    format.check(nearest).unwrap();
                    assert_eq!(format.nearest(nearest), nearest);
                    if format.check(filters).is_ok() {
                        assert_eq!(nearest, filters);
                    }
                }
            }
        }
    }
}
