//! Sources built from other sources: selected lines, edited entries, other value types, several matrices as one.

pub(crate) mod cast;
pub(crate) mod edit;
pub(crate) mod select;
pub(crate) mod stack;
pub(crate) mod without_lines;
