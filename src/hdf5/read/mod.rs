//! Follows addresses from the superblock to values. Byte layouts are in `format/`.
//!
//! Each file uses only those above it in this list:
//!
//! * `addresses`, `heap_cache` – bytes at addresses; `header` – the messages of an object header;
//! * `btree_v2`, `fractal_heap`, `global_heap`, `symbol_table` – structures that point to others;
//! * `grid`, `chunk_index`, `chunks`, `stream`, `selection`, `in_order` – from a box of elements to decoded
//!   bytes;
//! * `file`, `messages` – an open file, its superblock extension and shared messages;
//! * `value`, `description`, `link` – elements with their type, metadata of a dataset, targets of links;
//! * `object`, `group`, `attribute`, `walk` – objects, their links and attributes, and walks over groups;
//! * `dataset`, `canonical`, `audit` – reading elements, and checks for a verification of the whole file.

pub(crate) mod addresses;
pub(crate) mod attribute;
pub(crate) mod audit;
pub(crate) mod btree_v2;
pub(crate) mod canonical;
pub(crate) mod chunk_index;
pub(crate) mod chunks;
pub(crate) mod dataset;
pub(crate) mod description;
pub(crate) mod external;
pub(crate) mod file;
pub(crate) mod fractal_heap;
pub(crate) mod global_heap;
pub(crate) mod grid;
pub(crate) mod group;
pub(crate) mod header;
pub(crate) mod heap_cache;
pub(crate) mod in_order;
pub(crate) mod link;
pub(crate) mod local_names;
pub(crate) mod messages;
pub(crate) mod neighbours;
pub(crate) mod object;
pub(crate) mod selection;
pub(crate) mod stream;
pub(crate) mod symbol_table;
pub(crate) mod value;
pub(crate) mod virtual_parts;
pub(crate) mod walk;

#[cfg(test)]
mod tests {
    use super::file::File;
    use super::walk::Found;
    use crate::error::{Error, Kind, Result};
    use crate::limits::{LimitName, Limits};
    use std::path::Path;

    /// Reads everything in a fixture and collects the errors.
    fn errors(fixture: &str, limits: Limits) -> Vec<Error> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(fixture);
        let mut out = Vec::new();
        let visits = match File::open_with(path, limits).and_then(|file| file.walk()) {
            Ok(walk) => walk,
            Err(e) => return vec![e],
        };
        for visit in visits {
            match visit.into_found() {
                Found::Broken(e) => out.push(e),
                Found::TooDeep(_) => out.push(Error::limit("groups nested too deeply")),
                Found::Object(object) => {
                    let values = object.attributes().map(|all| {
                        all.into_iter()
                            .filter_map(|a| a.value.and_then(|v| v.canonical_crc()).err())
                            .collect()
                    });
                    out.extend(values.unwrap_or_else(|e| vec![e]));
                    if object.is_dataset() {
                        let read: Result<()> =
                            object.dataset().and_then(|d| d.read()).and_then(|v| v.canonical_crc()).map(drop);
                        out.extend(read.err());
                    }
                }
                _ => {}
            }
        }
        out
    }

    #[test]
    fn every_limit_refuses_something() {
        const FIXTURES: [&str; 2] = ["anndata_current.h5ad", "anndata_07.h5ad"];
        let refused = |limits: &Limits| {
            let all = FIXTURES.iter().flat_map(|f| errors(f, limits.clone()));
            all.filter(|e| e.kind() == Kind::Limit).count()
        };
        assert_eq!(refused(&Limits::default()), 0);
        for name in LimitName::ALL {
            let mut limits = Limits::default();
            limits.set(name, 0).unwrap();
            assert!(refused(&limits) > 0, "{name} of 0 refuses nothing");
        }
    }
}
