//! Addresses of written objects.

/// The address of a written object, for links from a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectAddress(pub(crate) u64);
