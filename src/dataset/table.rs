//! `obs` and `var` of a dataset: single columns, or the whole table.

use super::Dataset;
use crate::anndata::{Axis, frame_names, frame_rows, read_column};
use crate::error::{Error, Place, Result};
use crate::matrix::Budget;
use crate::strings::Strings;
use crate::table::{Column, Frame};
use crate::tree::Node;
use std::sync::Arc;

/// The table of an axis. Only what is asked for is read.
#[derive(Debug, Clone, Copy)]
pub struct TableView<'d> {
    dataset: &'d Dataset,
    axis: Axis,
}

impl Dataset {
    /// The table of cells.
    pub fn obs(&self) -> TableView<'_> {
        TableView { dataset: self, axis: Axis::Obs }
    }

    /// The table of genes.
    pub fn var(&self) -> TableView<'_> {
        TableView { dataset: self, axis: Axis::Var }
    }
}

impl TableView<'_> {
    /// Rows of the table, from metadata where the format has it there.
    ///
    /// # Errors
    /// Where the table cannot be opened.
    pub fn rows(&self) -> Result<u64> {
        match self.group()? {
            Some(group) => frame_rows(&group).in_file(self.dataset.path()),
            None => Ok(self.read()?.rows() as u64),
        }
    }

    /// Names of the columns, in order, without the index.
    ///
    /// # Errors
    /// Where the table cannot be opened.
    pub fn names(&self) -> Result<Vec<String>> {
        match self.group()? {
            Some(group) => Ok(frame_names(&group).in_file(self.dataset.path())?.columns),
            None => Ok(self.read()?.columns().iter().map(|(name, _)| name.clone()).collect()),
        }
    }

    /// The name of each row.
    ///
    /// # Errors
    /// Where the index cannot be read.
    pub fn index(&self) -> Result<Strings> {
        if let Some(group) = self.group()?
            && let Some(name) = frame_names(&group).in_file(self.dataset.path())?.index
        {
            return self.child(&group, &name)?.to_strings().in_file(self.dataset.path());
        }
        Ok(self.read()?.index().clone())
    }

    /// The column of this name; no other is read where each is stored by itself, as AnnData does since 0.7.
    ///
    /// # Errors
    /// `NotFound` where there is no such column, with the names there are; `Unsupported` where a table cannot hold it.
    pub fn column(&self, name: &str) -> Result<Column> {
        match self.group()? {
            Some(group) => self.child(&group, name),
            None => {
                let frame = self.read()?;
                frame.column(name).cloned().ok_or_else(|| self.missing(name))
            }
        }
    }

    /// The index and the columns of these names, in this order.
    ///
    /// # Errors
    /// As [`column`](Self::column); `Malformed` where they are not of one length.
    pub fn columns(&self, names: &[&str]) -> Result<Frame> {
        let index = self.index()?;
        let columns: Result<Vec<(String, Column)>> =
            names.iter().map(|name| Ok(((*name).to_owned(), self.column(name)?))).collect();
        Frame::new(None, index, columns?).in_object(self.axis.name()).in_file(self.dataset.path())
    }

    /// The whole table.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(&self) -> Result<Arc<Frame>> {
        let [obs, var] = self.dataset.tables("X", Budget::default(), &())?;
        Ok(if self.axis == Axis::Obs { obs } else { var })
    }

    /// The group whose children are the columns, where it is kept so.
    fn group(&self) -> Result<Option<Node>> {
        let Some(data) = self.dataset.anndata().filter(|data| data.flavour().is_anndata()) else {
            return Ok(None);
        };
        Ok(data.root().child(self.axis.name()).in_file(self.dataset.path())?.filter(Node::is_group))
    }

    fn child(&self, group: &Node, name: &str) -> Result<Column> {
        let child = group.child(name).in_file(self.dataset.path())?.ok_or_else(|| self.missing(name))?;
        read_column(&child).in_file(self.dataset.path())
    }

    fn missing(&self, name: &str) -> Error {
        let names = self.names().unwrap_or_default().join(", ");
        let text = format!("there is no column '{name}' (there are: {names})");
        Error::not_found(text).in_object(self.axis.name()).in_file(self.dataset.path())
    }
}
