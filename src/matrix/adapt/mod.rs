//! Sources built from other sources: selected lines, edited entries, several matrices as one.

pub(crate) mod edit;
pub(crate) mod select;
pub(crate) mod stack;
pub(crate) mod without_lines;
