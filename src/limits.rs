//! Limits on what a file can make this crate allocate, recurse or iterate.
//!
//! `Limits` protect against files with false sizes: the parsers check each size before they allocate anything
//! for it. The memory budget ([`Budget`](crate::matrix::Budget)) covers valid files that are merely large.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// Upper bounds for one open file. The defaults admit every file seen in practice, with a wide margin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Size of one piece of metadata (a header block, a heap, a B-tree node), in bytes. Default 64 MiB.
    pub metadata_bytes: u64,
    /// Size of one value read whole into memory (a column, an attribute, a pointer array), in bytes. Default
    /// 16 GiB.
    pub value_bytes: u64,
    /// Size of one decoded chunk, in bytes. Default 4 GiB, the maximum of the usual chunks of the format.
    pub chunk_bytes: u64,
    /// Nesting depth of groups. Default 64.
    pub group_depth: u32,
    /// Nesting depth of a datatype, a B-tree or a heap. Default 32.
    pub nesting: u32,
    /// Number of links in one group, or of attributes of one object. Default 16,777,216.
    pub children: u64,
    /// Number of continuation blocks of one object header. Default 65,536.
    pub continuations: u32,
    /// Number of chunks of one dataset. Default 1,073,741,824.
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

/// A value of up to this many bytes is read whatever the size of its file, because fill values take no bytes in
/// it.
pub(crate) const SMALL_VALUE: u64 = 256 << 20;

/// The name of one of the [`Limits`], as in `chunk-bytes=16G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitName {
    /// `metadata-bytes`: [`Limits::metadata_bytes`].
    MetadataBytes,
    /// `value-bytes`: [`Limits::value_bytes`].
    ValueBytes,
    /// `chunk-bytes`: [`Limits::chunk_bytes`].
    ChunkBytes,
    /// `group-depth`: [`Limits::group_depth`].
    GroupDepth,
    /// `nesting`: [`Limits::nesting`].
    Nesting,
    /// `children`: [`Limits::children`].
    Children,
    /// `continuations`: [`Limits::continuations`].
    Continuations,
    /// `chunks`: [`Limits::chunks`].
    Chunks,
}

impl LimitName {
    /// All names.
    pub const ALL: [LimitName; 8] = [
        LimitName::MetadataBytes,
        LimitName::ValueBytes,
        LimitName::ChunkBytes,
        LimitName::GroupDepth,
        LimitName::Nesting,
        LimitName::Children,
        LimitName::Continuations,
        LimitName::Chunks,
    ];

    /// The name as text: the name of the field, with hyphens.
    pub fn name(self) -> &'static str {
        match self {
            LimitName::MetadataBytes => "metadata-bytes",
            LimitName::ValueBytes => "value-bytes",
            LimitName::ChunkBytes => "chunk-bytes",
            LimitName::GroupDepth => "group-depth",
            LimitName::Nesting => "nesting",
            LimitName::Children => "children",
            LimitName::Continuations => "continuations",
            LimitName::Chunks => "chunks",
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LimitName {
    type Err = Error;

    /// # Errors
    /// `Usage`, with the list of valid names.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|n| n.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::usage(format!("unknown limit '{text}' (expected one of {names})"))
        })
    }
}

impl Limits {
    /// Limits for untrusted files, as a server receives them: 16 MiB for one piece of metadata, 256 MiB for
    /// one value read whole, 64 MiB for one decoded chunk, groups 32 levels deep, 16 levels of types and
    /// trees, 65,536 children of one group, 256 continuation blocks of one header, 4,194,304 chunks of one
    /// dataset.
    ///
    /// Each limit bounds a single read. The caller must bound a request as a whole: by the memory budget of a
    /// matrix ([`Budget`](crate::matrix::Budget)), by the length of the upload, and by an
    /// [`Observer`](crate::Observer) that cancels after a time.
    pub fn untrusted() -> Self {
        Limits {
            metadata_bytes: 16 << 20,
            value_bytes: 256 << 20,
            chunk_bytes: 64 << 20,
            group_depth: 32,
            nesting: 16,
            children: 1 << 16,
            continuations: 256,
            chunks: 1 << 22,
        }
    }

    /// Sets one limit.
    ///
    /// # Errors
    /// `Usage` if the limit counts levels or blocks and `value` has more than 32 bits.
    pub fn set(&mut self, name: LimitName, value: u64) -> Result<()> {
        let small =
            || u32::try_from(value).map_err(|_| Error::usage(format!("{name} of {value} is too large")));
        match name {
            LimitName::MetadataBytes => self.metadata_bytes = value,
            LimitName::ValueBytes => self.value_bytes = value,
            LimitName::ChunkBytes => self.chunk_bytes = value,
            LimitName::GroupDepth => self.group_depth = small()?,
            LimitName::Nesting => self.nesting = small()?,
            LimitName::Children => self.children = value,
            LimitName::Continuations => self.continuations = small()?,
            LimitName::Chunks => self.chunks = value,
        }
        Ok(())
    }

    /// Fails with `Limit` if `got` is above `most`; `what` is a plural noun for the message.
    pub(crate) fn check(what: &str, got: u64, most: u64) -> Result<()> {
        if got > most {
            return Err(Error::limit(format!("too many {what} (limit {most}, got {got})")));
        }
        Ok(())
    }
}

/// A zeroed buffer of `len` bytes; an error if the process cannot allocate that much memory.
pub(crate) fn zeroed(len: usize) -> Result<Vec<u8>> {
    let mut out = reserved::<u8>(len)?;
    out.resize(len, 0);
    Ok(out)
}

/// An empty vector with room for `len` elements; an error if the process cannot allocate that much memory.
pub(crate) fn reserved<T>(len: usize) -> Result<Vec<T>> {
    let mut out = Vec::new();
    out.try_reserve_exact(len)
        .map_err(|_| Error::limit(format!("no memory for {} bytes", len.saturating_mul(size_of::<T>()))))?;
    Ok(out)
}

/// Sets the length of `buffer`, whose bytes will all be overwritten; an error if the process cannot allocate
/// that much memory.
pub(crate) fn resize(buffer: &mut Vec<u8>, len: usize) -> Result<()> {
    if let Some(more) = len.checked_sub(buffer.len()).filter(|more| *more > 0) {
        buffer.try_reserve(more).map_err(|_| Error::limit(format!("no memory for {len} bytes")))?;
    }
    buffer.resize(len, 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_sets_its_own_limit() {
        for name in LimitName::ALL {
            let mut limits = Limits::default();
            limits.set(name.name().parse().unwrap(), 7).unwrap();
            let mut back = limits.clone();
            assert_ne!(limits, Limits::default(), "{name}");
            for other in LimitName::ALL.into_iter().filter(|n| *n != name) {
                back.set(other, 7).unwrap();
                assert_ne!(limits, back, "{name} and {other}");
                back = limits.clone();
            }
        }
        assert!("depth".parse::<LimitName>().unwrap_err().message().contains("group-depth"));
        assert!(Limits::default().set(LimitName::Nesting, 1 << 32).is_err());
    }

    #[test]
    fn strangers_get_less_of_everything() {
        let (less, most) = (Limits::untrusted(), Limits::default());
        assert!(less.metadata_bytes < most.metadata_bytes && less.value_bytes < most.value_bytes);
        assert!(less.chunk_bytes < most.chunk_bytes && less.group_depth < most.group_depth);
        assert!(less.nesting < most.nesting && less.children < most.children);
        assert!(less.continuations < most.continuations && less.chunks < most.chunks);
    }
}
