//! Follows addresses from the superblock to values. Owns no byte layout: that is `format/`.
//!
//! Each file uses only those above it in this list:
//!
//! * `addresses`, `heap_cache` – bytes at addresses; `header` – the messages of an object header;
//! * `btree_v2`, `fractal_heap`, `global_heap`, `symbol_table` – structures that lead to others;
//! * `grid`, `chunk_index`, `chunks`, `selection`, `stream` – from a box of elements to decoded bytes;
//! * `file`, `messages` – an open file, what it says of itself, its shared messages;
//! * `value`, `description`, `link` – elements with their type, what a dataset is, where links lead;
//! * `object`, `group`, `attribute`, `walk` – what messages make of a header, and ways through groups;
//! * `dataset`, `canonical`, `audit` – elements when asked for, and what only an examination looks at.

pub(crate) mod addresses;
pub(crate) mod attribute;
pub(crate) mod audit;
pub(crate) mod btree_v2;
pub(crate) mod canonical;
pub(crate) mod chunk_index;
pub(crate) mod chunks;
pub(crate) mod dataset;
pub(crate) mod description;
pub(crate) mod file;
pub(crate) mod fractal_heap;
pub(crate) mod global_heap;
pub(crate) mod grid;
pub(crate) mod group;
pub(crate) mod header;
pub(crate) mod heap_cache;
pub(crate) mod link;
pub(crate) mod messages;
pub(crate) mod object;
pub(crate) mod selection;
pub(crate) mod stream;
pub(crate) mod symbol_table;
pub(crate) mod value;
pub(crate) mod walk;
