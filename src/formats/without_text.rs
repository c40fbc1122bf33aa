//! What the feature `text` would read: in a build without it nothing is found to be such a file.

use crate::error::Result;
use crate::matrix::{Budget, InMemory};
use crate::observe::Observer;
use crate::table::Frame;
use std::path::Path;

/// A Matrix Market file, of which there is none without the feature `text`.
#[derive(Debug)]
pub enum MatrixMarket {}

/// A table of text, of which there is none without the feature `text`.
#[derive(Debug)]
pub enum DelimitedText {}

#[allow(missing_docs, clippy::missing_errors_doc)] // as with the feature
impl MatrixMarket {
    pub fn find(_: &Path) -> Result<Option<Self>> {
        Ok(None)
    }

    pub fn path(&self) -> &Path {
        match *self {}
    }

    pub fn shape(&self) -> Result<[u64; 2]> {
        match *self {}
    }

    pub fn read(&self, _: Budget, _: &dyn Observer) -> Result<InMemory> {
        match *self {}
    }

    pub fn frames(&self, _: [u64; 2]) -> Result<[Frame; 2]> {
        match *self {}
    }
}

#[allow(missing_docs, clippy::missing_errors_doc)] // as with the feature
impl DelimitedText {
    pub fn find(_: &Path) -> Result<Option<Self>> {
        Ok(None)
    }

    pub fn path(&self) -> &Path {
        match *self {}
    }

    pub fn read(&self, _: Budget, _: &dyn Observer) -> Result<&InMemory> {
        match *self {}
    }

    pub fn frames(&self, _: &dyn Observer) -> Result<[Frame; 2]> {
        match *self {}
    }
}
