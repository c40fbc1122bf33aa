//! Analyses that read all entries of a source once.

pub(crate) mod damage;
pub(crate) mod equal;
pub(crate) mod narrowest;
pub(crate) mod order;
