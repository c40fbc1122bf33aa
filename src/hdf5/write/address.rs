//! Where objects lie.

/// An object that was written, to be linked from a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectAddress(pub(crate) u64);
