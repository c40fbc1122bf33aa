//! Follows addresses from the superblock to values. Owns no byte layout: that is `format/`.

pub(crate) mod attribute;
pub(crate) mod audit;
pub(crate) mod btree_v2;
pub(crate) mod canonical;
pub(crate) mod chunk_index;
pub(crate) mod chunks;
pub(crate) mod dataset;
pub(crate) mod file;
pub(crate) mod fractal_heap;
pub(crate) mod global_heap;
pub(crate) mod group;
pub(crate) mod object;
pub(crate) mod selection;
pub(crate) mod stream;
pub(crate) mod value;
