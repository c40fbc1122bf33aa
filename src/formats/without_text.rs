//! Stand-ins for the readers of text in a build without the feature `text`: `find` recognises no file, so that
//! no value of these types exists.

use super::TextInfo;
use crate::error::Result;
use crate::matrix::{AnySource, Budget};
use crate::observe::Observer;
use crate::table::Frame;
use std::path::Path;

/// A Matrix Market file; without the feature `text` none is recognised.
#[derive(Debug)]
pub enum MatrixMarket {}

/// A delimited table of numbers; without the feature `text` none is recognised.
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

    pub fn describe(&self) -> Result<TextInfo> {
        match *self {}
    }

    pub fn shape(&self) -> Result<[u64; 2]> {
        match *self {}
    }

    pub fn read(&self, _: Budget, _: &Path, _: &dyn Observer) -> Result<AnySource<'static>> {
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

    pub fn read(&self, _: Budget, _: &Path, _: &dyn Observer) -> Result<AnySource<'_>> {
        match *self {}
    }

    pub fn shape(&self, _: Budget, _: &Path, _: &dyn Observer) -> Result<[u64; 2]> {
        match *self {}
    }

    pub fn describe(&self, _: &dyn Observer) -> Result<TextInfo> {
        match *self {}
    }

    pub fn frames(&self, _: Budget, _: &Path, _: &dyn Observer) -> Result<[Frame; 2]> {
        match *self {}
    }
}
