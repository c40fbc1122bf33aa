//! The spine: compressed sparse matrices as streams of blocks. Knows no file and no format.
//!
//! A **line** is a row of a CSR or a column of a CSC matrix; an **entry** is one stored (minor index, value)
//! pair. A [`Block`] is a range of entries, not of lines: one gene's column can be larger than any memory, so a
//! line may be cut. A [`Source`] reads any range of entries between the places where it can be cut; a [`Sink`]
//! takes blocks in any order from many threads and is finished exactly once. [`pump`] moves blocks from one to
//! the other on all threads of the pool it is called in, within a [`Budget`].
//!
//! ```text
//! Source ──read──▶ Buffer ──Block──▶ Sink ──finish──▶ Done
//! ```
//!
//! Minor indices travel as `u32`, line pointers as `u64`, values as little-endian bytes with a
//! [`Dtype`](crate::Dtype). Movers look at the bytes only; `dtype` and `edit.rs` are where types are looked at.

pub(crate) mod block;
mod budget;
mod edit;
mod equal;
mod join;
mod kept;
mod layout;
mod lines;
mod memory;
mod narrowest;
mod order;
mod pump;
mod select;
mod sink;
mod source;
mod damage;

pub use block::{Block, Line, Values};
pub use budget::Budget;
pub(crate) use budget::workers;
pub use edit::{Edit, Edited};
pub use equal::equal;
pub use join::{Fill, Stacked, Part};
pub use kept::WithoutLines;
pub use layout::{Layout, Orientation};
pub(crate) use lines::{Lines, cut_at_lines};
pub use memory::{InMemory, IntoMemory};
pub use narrowest::narrowest_dtype;
pub use order::{Order, OrderCheck};
pub use pump::pump;
pub(crate) use pump::{each_block_of, feed};
pub use select::{ABSENT, Selected, Selection};
pub use sink::Sink;
pub(crate) use source::outside;
pub use source::{Buffer, Source, check_minor, validated_pointers};
pub(crate) use damage::merged;
pub use damage::{LostLines, Damage, damage};
