//! Questions that one pass over the entries of a source answers.

pub(crate) mod damage;
pub(crate) mod equal;
pub(crate) mod narrowest;
pub(crate) mod order;
