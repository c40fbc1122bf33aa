//! The tables `obs` and `var` of a dataset: single columns, or the whole table.

use super::Dataset;
use crate::anndata::{Axis, frame_child, frame_names, frame_rows, read_column};
use crate::error::{Error, Place, Result};
use crate::matrix::Budget;
use crate::strings::Strings;
use crate::table::{Column, Frame};
use crate::tree::Node;
use std::sync::Arc;

/// The table `obs` or `var` of a dataset. Each method reads what it returns; nothing has been read before.
#[derive(Debug, Clone, Copy)]
pub struct TableView<'d> {
    dataset: &'d Dataset,
    axis: Axis,
}

impl Dataset {
    /// The table `obs`, one row per cell.
    pub fn obs(&self) -> TableView<'_> {
        TableView { dataset: self, axis: Axis::Obs }
    }

    /// The table `var`, one row per gene.
    pub fn var(&self) -> TableView<'_> {
        TableView { dataset: self, axis: Axis::Var }
    }
}

impl TableView<'_> {
    /// Number of rows, from metadata if the format has it there.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the table cannot be opened.
    pub fn rows(&self) -> Result<u64> {
        match self.group()? {
            Some(group) => frame_rows(&group).in_file(self.dataset.path()),
            None => Ok(self.read()?.rows() as u64),
        }
    }

    /// Names of the columns, in order, without the index.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn names(&self) -> Result<Vec<String>> {
        match self.group()? {
            Some(group) => Ok(frame_names(&group).in_file(self.dataset.path())?.columns),
            None => Ok(self.read()?.columns().iter().map(|(name, _)| name.clone()).collect()),
        }
    }

    /// The index: the name of each row.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the index cannot be read.
    pub fn index(&self) -> Result<Strings> {
        if let Some(group) = self.group()?
            && let Some(name) = frame_names(&group).in_file(self.dataset.path())?.index
        {
            return self.child(&group, &name)?.to_strings().in_file(self.dataset.path());
        }
        Ok(self.read()?.index().clone())
    }

    /// Reads the column `name`. Other columns are not read if each is stored separately, as in AnnData since 0.7.
    ///
    /// # Errors
    /// `NotFound` with the existing names if there is no such column; `Unsupported` if its type cannot be a column
    /// of a [`Frame`]; otherwise errors of reading.
    pub fn column(&self, name: &str) -> Result<Column> {
        match self.group()? {
            Some(group) => self.child(&group, name),
            None => {
                let frame = self.read()?;
                frame.column(name).cloned().ok_or_else(|| self.missing(name))
            }
        }
    }

    /// Reads the index and the columns `names`, in that order.
    ///
    /// # Errors
    /// As [`column`](Self::column); `Malformed` if their lengths differ.
    pub fn columns(&self, names: &[&str]) -> Result<Frame> {
        let index = self.index()?;
        let columns: Result<Vec<(String, Column)>> =
            names.iter().map(|name| Ok(((*name).to_owned(), self.column(name)?))).collect();
        Frame::new(None, index, columns?).in_object(self.axis.name()).in_file(self.dataset.path())
    }

    /// Reads the whole table. The result is shared with other users of the same dataset while one of them
    /// holds it.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the table or the shape of `X` cannot be read.
    pub fn read(&self) -> Result<Arc<Frame>> {
        let [obs, var] = self.dataset.tables("X", Budget::default(), &())?;
        Ok(if self.axis == Axis::Obs { obs } else { var })
    }

    /// The group whose children are the columns; `None` if the table is stored in another way.
    fn group(&self) -> Result<Option<Node>> {
        let Some(data) = self.dataset.anndata().filter(|data| data.flavour().is_anndata()) else {
            return Ok(None);
        };
        Ok(data.root().child(self.axis.name()).in_file(self.dataset.path())?.filter(Node::is_group))
    }

    fn child(&self, group: &Node, name: &str) -> Result<Column> {
        let child =
            frame_child(group, name).in_file(self.dataset.path())?.ok_or_else(|| self.missing(name))?;
        read_column(&child).in_file(self.dataset.path())
    }

    fn missing(&self, name: &str) -> Error {
        let names = self.names().unwrap_or_default().join(", ");
        let text = format!("there is no column '{name}' (there are: {names})");
        Error::not_found(text).in_object(self.axis.name()).in_file(self.dataset.path())
    }
}
