//! Compressed sparse matrices as streams of blocks, independent of any file or format.
//!
//! A **line** is a row of a CSR or a column of a CSC matrix; an **entry** is one stored (minor index, value)
//! pair. A [`Block`] is a range of entries, not of lines: one gene's column can be larger than memory, so a
//! line may be cut. A [`Source`] reads any range of entries between positions where it can be cut; a [`Sink`]
//! accepts blocks in any order from many threads and is finished exactly once. [`pump`] moves blocks from a
//! source to a sink on all threads of the pool it is called in, within a [`Budget`].
//!
//! ```text
//! Source ──read──▶ Buffer ──Block──▶ Sink ──finish──▶ Done
//! ```
//!
//! Blocks hold minor indices as `u32`, line pointers as `u64` and values as little-endian bytes with a
//! [`Dtype`](crate::Dtype). Most code only moves these bytes; types are dispatched in `dtype` and `edit.rs`.

pub(crate) mod adapt;
pub(crate) mod block;
mod blocks;
mod budget;
mod entries;
mod fold;
mod joined;
mod layout;
mod lines;
mod memory;
mod pump;
pub(crate) mod scan;
mod sink;
mod source;

pub use adapt::cast::CastValues;
pub use adapt::edit::{Edit, Edited};
pub use adapt::select::{ABSENT, Selected, Selection};
pub use adapt::stack::{Fill, Stacked, StackedPart};
pub use adapt::without_lines::WithoutLines;
pub use block::{Block, Line, Values};
pub(crate) use block::{misfit, typed};
pub use blocks::{Blocks, OwnedBlock};
pub use budget::Budget;
pub(crate) use budget::workers;
pub use entries::{Entries, entries};
pub use layout::{Layout, Orientation};
pub(crate) use lines::{Lines, cut_at_lines};
pub use memory::{InMemory, IntoMemory};
pub use pump::pump;
pub(crate) use pump::{each_block_of, feed};
pub(crate) use scan::damage::merged;
pub use scan::damage::{Damage, LostLines, damage};
pub use scan::equal::equal;
pub use scan::narrowest::narrowest_dtype;
pub(crate) use scan::narrowest::wanted_dtype;
pub use scan::order::{LineOrder, OrderCheck};
pub use sink::Sink;
pub(crate) use source::outside;
pub use source::{AnySource, Buffer, Source, check_minor, validated_pointers};
