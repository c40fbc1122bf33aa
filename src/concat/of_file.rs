//! Tables whose errors say which file they are from: they are read long after they were opened, beside those of
//! other inputs.

use crate::error::{Place, Result};
use crate::table::{Column, ColumnRows, Table, TableColumn};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A column of the file at `path`.
struct OfFile {
    from: TableColumn<'static>,
    path: Arc<Path>,
}

/// The same table; errors of reading it are those of the file at `path`.
pub(super) fn of_file(table: Table<'static>, path: &Path) -> Table<'static> {
    let path: Arc<Path> = Arc::from(path);
    table.map_columns(&|from| Arc::new(OfFile { from, path: Arc::clone(&path) }))
}

impl ColumnRows for OfFile {
    fn head(&self) -> &Column {
        self.from.head()
    }

    fn rows(&self) -> u64 {
        self.from.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        self.from.read(range).in_file(&self.path)
    }

    fn is_numbered(&self) -> bool {
        self.from.is_numbered()
    }
}
