//! Global heap collections cached with an open file, because a few of them hold the texts of many small
//! attributes.

use crate::hdf5::format::global_heap::Collection;
use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Maximum memory of the cached collections in bytes.
const MOST: usize = 4 << 20;

/// A cache that evicts its oldest collections first.
#[derive(Debug, Default)]
pub(crate) struct HeapCache(Mutex<Collections>);

#[derive(Debug, Default)]
struct Collections {
    collections: VecDeque<(u64, Arc<Collection>)>,
    memory: usize,
}

impl HeapCache {
    /// The collection at `address`, if it is cached.
    pub(crate) fn get(&self, address: u64) -> Option<Arc<Collection>> {
        let kept = lock(&self.0);
        // The newest collection is requested most often.
        kept.collections.iter().rev().find(|(at, _)| *at == address).map(|(_, c)| Arc::clone(c))
    }

    /// Caches the collection at `address`, unless it alone takes more than a quarter of the memory.
    pub(crate) fn keep(&self, address: u64, collection: &Arc<Collection>) {
        let size = collection.memory();
        if size > MOST / 4 {
            return;
        }
        let mut kept = lock(&self.0);
        if kept.collections.iter().any(|(at, _)| *at == address) {
            return;
        }
        kept.memory = kept.memory.saturating_add(size);
        kept.collections.push_back((address, Arc::clone(collection)));
        while kept.memory > MOST
            && let Some((_, oldest)) = kept.collections.pop_front()
        {
            kept.memory = kept.memory.saturating_sub(oldest.memory());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hdf5::format::Sizes;

    #[test]
    fn the_memory_is_bounded() {
        let cache = HeapCache::default();
        let of = |n: usize| Arc::new(Collection::new(vec![0; n], 0, Sizes::WRITTEN).unwrap());
        cache.keep(0, &of(MOST / 2));
        assert!(cache.get(0).is_none(), "too large to keep");
        for at in 1..100 {
            cache.keep(at, &of(MOST / 8));
        }
        assert_eq!((1..100).filter(|at| cache.get(*at).is_some()).count(), 8);
        assert!(cache.get(99).is_some() && cache.get(1).is_none());
    }
}
