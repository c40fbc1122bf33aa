//! What a file may make us allocate, recurse or iterate.
//!
//! `Limits` guard against files that lie; they go into the parsers and refuse a size before anything is
//! allocated for it. An honest file that is merely large is the business of the memory budget
//! ([`Budget`](crate::matrix::Budget)).

use crate::error::{Error, Result};

/// Upper bounds for one open file. The defaults admit every file seen in the wild with room to spare.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one piece of metadata (a header block, a heap, a B-tree node). Default 64 MiB.
    pub metadata_bytes: u64,
    /// Bytes of one value read whole into memory (a column, an attribute, a pointer array). Default 16 GiB.
    pub value_bytes: u64,
    /// Bytes of one chunk, decoded. Default 4 GiB, the most the format's usual chunks can have.
    pub chunk_bytes: u64,
    /// Levels of groups below each other. Default 64.
    pub group_depth: u32,
    /// Levels of a datatype, a B-tree or a heap. Default 32.
    pub nesting: u32,
    /// Links of one group, or attributes of one object. Default 16,777,216.
    pub children: u64,
    /// Continuation blocks of one object header. Default 65,536.
    pub continuations: u32,
    /// Chunks of one dataset. Default 1,073,741,824.
    pub chunks: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            metadata_bytes: 64 << 20,
            value_bytes: 16 << 30,
            chunk_bytes: 4 << 30,
            group_depth: 64,
            nesting: 32,
            children: 1 << 24,
            continuations: 1 << 16,
            chunks: 1 << 30,
        }
    }
}

impl Limits {
    /// Names that [`set`](Self::set) takes.
    pub const NAMES: [&'static str; 8] = [
        "metadata-bytes",
        "value-bytes",
        "chunk-bytes",
        "group-depth",
        "nesting",
        "children",
        "continuations",
        "chunks",
    ];

    /// Sets the limit of this name.
    ///
    /// # Errors
    /// `Usage` where there is none of this name, or the value is not one it can have.
    pub fn set(&mut self, name: &str, value: u64) -> Result<()> {
        let small =
            || u32::try_from(value).map_err(|_| Error::usage(format!("{name} of {value} is too large")));
        match name {
            "metadata-bytes" => self.metadata_bytes = value,
            "value-bytes" => self.value_bytes = value,
            "chunk-bytes" => self.chunk_bytes = value,
            "group-depth" => self.group_depth = small()?,
            "nesting" => self.nesting = small()?,
            "children" => self.children = value,
            "continuations" => self.continuations = small()?,
            "chunks" => self.chunks = value,
            _ => {
                return Err(Error::usage(format!(
                    "unknown limit '{name}' (expected one of {})",
                    Self::NAMES.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Refuses `got` above `most`; `what` is the plural noun of the message.
    pub(crate) fn check(what: &str, got: u64, most: u64) -> Result<()> {
        if got > most {
            return Err(Error::limit(format!("too many {what} (limit {most}, got {got})")));
        }
        Ok(())
    }
}

/// A zeroed buffer of `len` bytes, or an error where the process may not have that much memory.
pub(crate) fn zeroed(len: usize) -> Result<Vec<u8>> {
    let mut out = reserved::<u8>(len)?;
    out.resize(len, 0);
    Ok(out)
}

/// An empty vector with room for `len` elements, or an error where the process may not have that much memory.
pub(crate) fn reserved<T>(len: usize) -> Result<Vec<T>> {
    let mut out = Vec::new();
    out.try_reserve_exact(len)
        .map_err(|_| Error::limit(format!("no memory for {} bytes", len.saturating_mul(size_of::<T>()))))?;
    Ok(out)
}
