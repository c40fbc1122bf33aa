//! Writing arrays of one dimension from the beginning, piece by piece.

use super::Location;
use super::write::{ArrayStorage, Attributes, TreeWriter, WriterFormat, to_hdf5};
use crate::dtype::Datatype;
use crate::error::Result;
use crate::hdf5::{Sequence, Storing, Texts};
use crate::strings::Strings;

/// An array of one dimension being written from its beginning. Until it is finished, nothing else may be written.
#[derive(Debug)]
pub struct ListWriter(ListOf);

#[derive(Debug)]
enum ListOf {
    Hdf5(Sequence),
}

/// Strings being written from the first. Until they are finished, nothing else may be written.
#[derive(Debug)]
pub struct TextsWriter(TextsOf);

#[derive(Debug)]
enum TextsOf {
    Hdf5(Texts),
}

impl TreeWriter {
    /// Begins an array of `len` elements of fixed size. About `at_once` bytes are encoded at once.
    ///
    /// # Errors
    /// `Usage` if a chunk would have no elements, or more bytes than the container allows.
    pub fn begin_list(
        &self,
        datatype: &Datatype,
        len: u64,
        storage: &ArrayStorage,
        at_once: u64,
    ) -> Result<ListWriter> {
        let WriterFormat::Hdf5 { .. } = &self.format;
        let how =
            Storing { chunk: storage.chunk.clone(), filters: storage.filters, unlimited: storage.unlimited };
        Ok(ListWriter(ListOf::Hdf5(Sequence::new(datatype, len, &how, at_once)?)))
    }

    /// Appends the bytes of the next elements.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if they are more than the array has.
    pub fn push_list(&mut self, list: &mut ListWriter, bytes: &[u8]) -> Result<()> {
        let (WriterFormat::Hdf5 { writer, .. }, ListOf::Hdf5(list)) = (&mut self.format, &mut list.0);
        writer.push_sequence(list, bytes)
    }

    /// Ends an array after its last element.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if elements are missing.
    pub fn finish_list(&mut self, at: &Location, list: ListWriter, attributes: Attributes<'_>) -> Result<()> {
        let (WriterFormat::Hdf5 { writer, .. }, ListOf::Hdf5(list)) = (&mut self.format, list.0);
        let address = writer.finish_sequence(list, &to_hdf5(attributes))?;
        self.link(at, address)
    }

    /// Begins strings.
    pub fn begin_texts(&self) -> TextsWriter {
        let WriterFormat::Hdf5 { .. } = &self.format;
        TextsWriter(TextsOf::Hdf5(Texts::default()))
    }

    /// Appends strings.
    ///
    /// # Errors
    /// `Io` if writing fails; `Unsupported` if a string is too long for the container.
    pub fn push_texts(&mut self, texts: &mut TextsWriter, strings: Strings) -> Result<()> {
        let (WriterFormat::Hdf5 { writer, .. }, TextsOf::Hdf5(texts)) = (&mut self.format, &mut texts.0);
        writer.push_texts(texts, strings)
    }

    /// Ends strings after the last one. Other values may be written before [`texts_list`](Self::texts_list).
    ///
    /// # Errors
    /// As [`push_texts`](Self::push_texts).
    pub fn finish_texts(&mut self, texts: &mut TextsWriter) -> Result<()> {
        let (WriterFormat::Hdf5 { writer, .. }, TextsOf::Hdf5(texts)) = (&mut self.format, &mut texts.0);
        writer.finish_texts(texts)
    }

    /// Writes finished strings as an array of one dimension.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn texts_list(
        &mut self,
        at: &Location,
        texts: TextsWriter,
        attributes: Attributes<'_>,
        storage: &ArrayStorage,
        at_once: u64,
    ) -> Result<()> {
        let TextsOf::Hdf5(texts) = texts.0;
        let mut list = self.begin_list(&Datatype::string(), texts.len(), storage, at_once)?;
        let (WriterFormat::Hdf5 { writer, .. }, ListOf::Hdf5(sequence)) = (&mut self.format, &mut list.0);
        writer.refer_to_texts(&texts, sequence)?;
        self.finish_list(at, list, attributes)
    }
}
