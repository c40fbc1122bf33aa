//! Elements with their type, as read from attributes and datasets.

use super::addresses::Addresses;
use super::file::File;
use super::global_heap::HeapReader;
use crate::bytes::Cursor;
use crate::dtype::{Class, Datatype, Dtype, Elements, Padding};
use crate::error::{Error, Result};
use crate::hdf5::format::message::dataspace::Dataspace;
use crate::strings::Strings;

/// Elements in the file's own bytes, with their type and shape.
#[derive(Debug, Clone)]
pub struct Value {
    file: File,
    elements: Elements,
}

impl Value {
    pub(crate) fn new(file: &File, datatype: Datatype, dataspace: &Dataspace, bytes: Vec<u8>) -> Self {
        let shape = dataspace.shape().map(<[u64]>::to_vec);
        Value { file: file.clone(), elements: Elements::new(datatype, shape, bytes) }
    }

    /// Type, shape and bytes of the elements.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// Type of the elements.
    pub fn datatype(&self) -> &Datatype {
        self.elements.datatype()
    }

    /// Dimensions; empty for a scalar, `None` for a null dataspace.
    pub fn shape(&self) -> Option<&[u64]> {
        self.elements.shape()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Bytes of the elements, as stored in the file.
    pub fn raw(&self) -> &[u8] {
        self.elements.bytes()
    }

    /// Other elements of the same file, whose references it can follow.
    pub(crate) fn with_elements(&self, elements: Elements) -> Value {
        Value { file: self.file.clone(), elements }
    }

    /// Bytes of the file that the value comes from.
    pub(crate) fn addresses(&self) -> &Addresses {
        self.file.addresses()
    }

    /// Bytes of one element.
    pub(crate) fn element_size(&self) -> usize {
        self.elements.size()
    }

    /// Whether the elements are strings, of fixed or variable length.
    pub fn is_text(&self) -> bool {
        self.elements.is_text()
    }

    /// The elements as numbers: their plain type and little-endian bytes.
    ///
    /// # Errors
    /// `Unsupported` if they are not numbers.
    pub fn numbers(&self) -> Result<(Dtype, Vec<u8>)> {
        self.elements.numbers()
    }

    /// The elements as integers.
    ///
    /// # Errors
    /// As [`Elements::integers`].
    pub fn integers(&self) -> Result<Vec<i64>> {
        self.elements.integers()
    }

    /// The value as one integer.
    ///
    /// # Errors
    /// As [`Elements::integer`].
    pub fn integer(&self) -> Result<i64> {
        self.elements.integer()
    }

    /// The elements as byte strings, without their padding.
    ///
    /// # Errors
    /// `Unsupported` if they are not text; `Malformed` if the heap that holds them is damaged.
    pub fn strings(&self) -> Result<Strings> {
        let mut out = Strings::new();
        match &self.datatype().class {
            Class::FixedString(text) => {
                self.elements.each(|s| out.push(text.padding.trim(s)));
            }
            Class::VarString(_) => {
                let mut heap = HeapReader::new(self.addresses());
                let mut src = Cursor::new(self.raw(), 0);
                for s in self.raw().chunks_exact(self.element_size()) {
                    let mut one = src.split(s.len())?;
                    heap.follow(&mut one, 1, |_, _, bytes, _| {
                        out.push(Padding::NullTerminated.trim(bytes));
                        Ok(())
                    })?;
                }
            }
            _ => return Err(Error::unsupported(format!("text expected, got {}", self.datatype().name()))),
        }
        Ok(out)
    }

    /// The value as one string; an array of one string is accepted too. Bytes that are not UTF-8 are read as
    /// Latin-1, which is what files that declare ASCII contain in practice.
    ///
    /// # Errors
    /// As [`strings`](Self::strings); `Malformed` if there is not exactly one.
    pub fn string(&self) -> Result<String> {
        self.strings()?.only()
    }

    /// Addresses of the objects that the references point to; 0 for a null reference.
    ///
    /// # Errors
    /// `Unsupported` if the elements are not object references.
    pub(crate) fn object_references(&self) -> Result<Vec<u64>> {
        let Class::Reference { kind: 0 } = self.datatype().class else {
            return Err(Error::unsupported(format!(
                "object reference expected, got {}",
                self.datatype().name()
            )));
        };
        let width = self.addresses().sizes().offset;
        let mut out = Vec::new();
        for one in self.raw().chunks_exact(self.element_size()) {
            out.push(Cursor::new(one, 0).read_uint(width)?);
        }
        Ok(out)
    }

    /// Names of the members, if the elements are compounds.
    pub fn member_names(&self) -> Option<Vec<&str>> {
        self.elements.member_names()
    }

    /// The member `name` of every element, as a value. An array member adds its dimensions.
    ///
    /// # Errors
    /// As [`Elements::member`].
    pub fn member(&self, name: &str) -> Result<Value> {
        Ok(self.with_elements(self.elements.member(name)?))
    }
}
