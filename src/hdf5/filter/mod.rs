//! Decoding of filtered chunks: the numbers and names of filters, and the pipeline that undoes them in
//! reverse order.
//!
//! Compressors shared with other containers are in [`codec`](crate::codec). The filters here are specific to
//! HDF5: they take their parameters from the filter's values and frame their streams as only HDF5 does (szip,
//! nbit, scale-offset). A filter without a decoder is rejected by name when a chunk that uses it is read.

pub(crate) mod nbit;
pub(crate) mod pipeline;
pub(crate) mod scale_offset;
pub(crate) mod szip;

/// Registered filter numbers.
pub(crate) mod id {
    pub(crate) const DEFLATE: u16 = 1;
    pub(crate) const SHUFFLE: u16 = 2;
    pub(crate) const FLETCHER32: u16 = 3;
    pub(crate) const SZIP: u16 = 4;
    pub(crate) const NBIT: u16 = 5;
    pub(crate) const SCALE_OFFSET: u16 = 6;
    pub(crate) const BZIP2: u16 = 307;
    pub(crate) const LZF: u16 = 32000;
    pub(crate) const BLOSC: u16 = 32001;
    pub(crate) const LZ4: u16 = 32004;
    pub(crate) const BITSHUFFLE: u16 = 32008;
    pub(crate) const ZSTD: u16 = 32015;
    pub(crate) const BLOSC2: u16 = 32026;
}

/// The usual name of a filter number; `None` for unregistered numbers.
/// From the HDF Group's list of registered filter plugins.
pub(crate) fn registered_name(id: u16) -> Option<&'static str> {
    Some(match id {
        1 => "gzip",
        2 => "shuffle",
        3 => "fletcher32",
        4 => "szip",
        5 => "nbit",
        6 => "scaleoffset",
        305 => "lzo",
        307 => "bzip2",
        32000 => "lzf",
        32001 => "blosc",
        32002 => "mafisc",
        32003 => "snappy",
        32004 => "lz4",
        32005 => "apax",
        32006 => "cbf",
        32007 => "jpeg-xr",
        32008 => "bitshuffle",
        32009 => "spdp",
        32010 => "lpc-rice",
        32011 => "ccsds-123",
        32012 => "jpeg-ls",
        32013 => "zfp",
        32014 => "fpzip",
        32015 => "zstd",
        32016 => "b3d",
        32017 => "sz",
        32018 => "fcidecomp",
        32019 => "jpeg",
        32020 => "vbz",
        32021 => "fapec",
        32022 => "bitgroom",
        32023 => "granular-bitround",
        32024 => "sz3",
        32025 => "delta-rice",
        32026 => "blosc2",
        32027 => "flac",
        32028 => "h5z-sperr",
        32029 => "tersets",
        _ => return None,
    })
}
