//! Writing arrays of one dimension from the beginning, piece by piece.

use super::Location;
use super::write::{ArrayStorage, Attributes, TreeWriter, WriterFormat, key_of, to_hdf5, to_zarr};
use crate::dtype::Datatype;
use crate::error::{Error, Result};
use crate::hdf5::{Sequence, Texts};
use crate::strings::Strings;
use crate::zarr::{ZarrList, ZarrTexts};

/// An array of one dimension being written from its beginning. Until it is finished, nothing else may be written.
#[derive(Debug)]
pub struct ListWriter(Location, ListOf);

#[derive(Debug)]
enum ListOf {
    Hdf5(Sequence),
    Zarr(ZarrList),
}

/// Strings being written from the first. Until they are finished, nothing else may be written.
#[derive(Debug)]
pub struct TextsWriter {
    at: Location,
    len: u64,
    storage: ArrayStorage,
    texts: TextsOf,
}

#[derive(Debug)]
enum TextsOf {
    Hdf5(Texts),
    Zarr(ZarrTexts),
}

fn mixed() -> Error {
    Error::usage("a list of another container")
}

impl TreeWriter {
    /// Begins an array of `len` elements of fixed size. About `at_once` bytes are encoded at once.
    ///
    /// # Errors
    /// `Usage` if a chunk would have no elements, or more bytes than the container allows; `Unsupported` for elements
    /// that it does not have.
    pub fn begin_list(
        &self,
        at: &Location,
        datatype: &Datatype,
        len: u64,
        storage: &ArrayStorage,
        at_once: u64,
    ) -> Result<ListWriter> {
        let list = match &self.format {
            WriterFormat::Hdf5 { .. } => {
                ListOf::Hdf5(Sequence::new(datatype, len, &storage.to_hdf5(), at_once)?)
            }
            WriterFormat::Zarr(writer) => {
                ListOf::Zarr(writer.begin_list(&key_of(at)?, datatype, len, storage.to_zarr(), at_once)?)
            }
        };
        Ok(ListWriter(at.clone(), list))
    }

    /// Appends the bytes of the next elements.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if they are more than the array has.
    pub fn push_list(&mut self, list: &mut ListWriter, bytes: &[u8]) -> Result<()> {
        match (&mut self.format, &mut list.1) {
            (WriterFormat::Hdf5 { writer, .. }, ListOf::Hdf5(list)) => writer.push_sequence(list, bytes),
            (WriterFormat::Zarr(writer), ListOf::Zarr(list)) => writer.push_list(list, bytes),
            _ => Err(mixed()),
        }
    }

    /// Ends an array after its last element.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if elements are missing.
    pub fn finish_list(&mut self, list: ListWriter, attributes: Attributes<'_>) -> Result<()> {
        let address = match (&mut self.format, list.1) {
            (WriterFormat::Hdf5 { writer, .. }, ListOf::Hdf5(list)) => {
                writer.finish_sequence(list, &to_hdf5(attributes)?)?
            }
            (WriterFormat::Zarr(writer), ListOf::Zarr(list)) => {
                return writer.finish_list(list, &to_zarr(attributes));
            }
            _ => return Err(mixed()),
        };
        self.link(&list.0, address)
    }

    /// Begins an array of `len` strings.
    ///
    /// # Errors
    /// `Usage` if a chunk would have no elements; `Unsupported` for a place that the container does not have.
    pub fn begin_texts(&self, at: &Location, len: u64, storage: &ArrayStorage) -> Result<TextsWriter> {
        let texts = match &self.format {
            WriterFormat::Hdf5 { .. } => TextsOf::Hdf5(Texts::default()),
            WriterFormat::Zarr(writer) => {
                let rows = storage.chunk.as_ref().and_then(|c| c.first()).copied().unwrap_or(len);
                TextsOf::Zarr(writer.begin_texts(&key_of(at)?, &[len], rows, storage.filters)?)
            }
        };
        Ok(TextsWriter { at: at.clone(), len, storage: storage.clone(), texts })
    }

    /// Appends strings.
    ///
    /// # Errors
    /// `Io` if writing fails; `Unsupported` if a string is too long for the container.
    pub fn push_texts(&mut self, texts: &mut TextsWriter, strings: Strings) -> Result<()> {
        match (&mut self.format, &mut texts.texts) {
            (WriterFormat::Hdf5 { writer, .. }, TextsOf::Hdf5(texts)) => writer.push_texts(texts, strings),
            (WriterFormat::Zarr(writer), TextsOf::Zarr(texts)) => writer.push_texts(texts, &strings),
            _ => Err(mixed()),
        }
    }

    /// Ends strings after the last one. Other values may be written before [`texts_list`](Self::texts_list).
    ///
    /// # Errors
    /// As [`push_texts`](Self::push_texts).
    pub fn finish_texts(&mut self, texts: &mut TextsWriter) -> Result<()> {
        match (&mut self.format, &mut texts.texts) {
            (WriterFormat::Hdf5 { writer, .. }, TextsOf::Hdf5(texts)) => writer.finish_texts(texts),
            _ => Ok(()),
        }
    }

    /// Writes finished strings as an array of one dimension. About `at_once` bytes are encoded at once.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if strings are missing.
    pub fn texts_list(&mut self, texts: TextsWriter, attributes: Attributes<'_>, at_once: u64) -> Result<()> {
        let TextsWriter { at, len, storage, texts } = texts;
        let texts = match (&mut self.format, texts) {
            (WriterFormat::Zarr(writer), TextsOf::Zarr(texts)) => {
                return writer.finish_texts(texts, &to_zarr(attributes));
            }
            (_, TextsOf::Hdf5(texts)) => texts,
            _ => return Err(mixed()),
        };
        let mut list = self.begin_list(&at, &Datatype::string(), len, &storage, at_once)?;
        if let (WriterFormat::Hdf5 { writer, .. }, ListOf::Hdf5(sequence)) = (&mut self.format, &mut list.1) {
            writer.refer_to_texts(&texts, sequence)?;
        }
        self.finish_list(list, attributes)
    }
}
