//! Tables that were read, for as long as they are in use.

use crate::error::Result;
use crate::sync::lock;
use crate::table::Frame;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

/// Cache of tables by path. It holds weak references: a table is freed with its last user, and read again later.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables(Arc<Mutex<HashMap<String, Weak<Frame>>>>);

impl Tables {
    /// The cached table `name`, or the result of `read` if it is not in the cache.
    pub(super) fn get(&self, name: &str, read: impl FnOnce() -> Result<Frame>) -> Result<Arc<Frame>> {
        if let Some(frame) = lock(&self.0).get(name).and_then(Weak::upgrade) {
            return Ok(frame);
        }
        let frame = Arc::new(read()?);
        lock(&self.0).insert(name.to_owned(), Arc::downgrade(&frame));
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_once_while_it_is_held() {
        let tables = Tables::default();
        let held = tables.get("obs", || Ok(Frame::unnamed(3))).unwrap();
        let again = tables.get("obs", || panic!("it is held")).unwrap();
        assert!(Arc::ptr_eq(&held, &again));
        drop((held, again));
        assert_eq!(tables.get("obs", || Ok(Frame::unnamed(5))).unwrap().rows(), 5);
    }
}
