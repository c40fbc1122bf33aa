//! Tables that were opened, and those that were read, for as long as they are in use.

use crate::error::Result;
use crate::sync::lock;
use crate::table::{Frame, Table};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

/// Cache of tables by path. A table that was opened stays open, so that nothing is warned of twice. Of those that were
/// read it holds weak references: a table is freed with its last user, and read again later.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables(Arc<Mutex<CachedTables>>);

#[derive(Debug, Default)]
struct CachedTables {
    opened: HashMap<String, Table<'static>>,
    read: HashMap<String, Weak<Frame>>,
}

impl Tables {
    /// The open table `name`, or the result of `open` if it is not in the cache.
    pub(super) fn opened(
        &self,
        name: &str,
        open: impl FnOnce() -> Result<Table<'static>>,
    ) -> Result<Table<'static>> {
        if let Some(table) = lock(&self.0).opened.get(name) {
            return Ok(table.clone());
        }
        let table = open()?;
        lock(&self.0).opened.insert(name.to_owned(), table.clone());
        Ok(table)
    }

    /// The cached table `name`, or the result of `read` if it is not in the cache.
    pub(super) fn get(&self, name: &str, read: impl FnOnce() -> Result<Frame>) -> Result<Arc<Frame>> {
        if let Some(frame) = lock(&self.0).read.get(name).and_then(Weak::upgrade) {
            return Ok(frame);
        }
        let frame = Arc::new(read()?);
        lock(&self.0).read.insert(name.to_owned(), Arc::downgrade(&frame));
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

    #[test]
    fn a_table_is_opened_once() {
        let tables = Tables::default();
        assert!(tables.opened("obs", || Err(crate::Error::cancelled())).is_err());
        drop(tables.opened("obs", || Ok(Table::unnamed(3))).unwrap());
        assert_eq!(tables.opened("obs", || panic!("it is open")).unwrap().rows(), 3);
    }
}
