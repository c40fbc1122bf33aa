//! Elements with their type: what attributes and arrays read as, and what is written.

use crate::dtype::{Datatype, Dtype};
use crate::error::Result;
use crate::hdf5;
use crate::strings::Strings;

/// Elements as they are stored, with their type and shape.
#[derive(Debug, Clone)]
pub struct Value(ValueOf);

#[derive(Debug, Clone)]
enum ValueOf {
    Hdf5(hdf5::Value),
}

impl Value {
    /// Type of the elements.
    pub fn datatype(&self) -> &Datatype {
        let ValueOf::Hdf5(value) = &self.0;
        value.datatype()
    }

    /// The dimensions: empty for a scalar, `None` for a value that holds nothing.
    pub fn shape(&self) -> Option<&[u64]> {
        let ValueOf::Hdf5(value) = &self.0;
        value.shape()
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        let ValueOf::Hdf5(value) = &self.0;
        value.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as they are stored.
    pub fn raw(&self) -> &[u8] {
        let ValueOf::Hdf5(value) = &self.0;
        value.raw()
    }

    /// Whether the elements are strings.
    pub fn is_text(&self) -> bool {
        let ValueOf::Hdf5(value) = &self.0;
        value.is_text()
    }

    /// The elements as numbers: their plain type and little-endian bytes.
    ///
    /// # Errors
    /// `Unsupported` where they are no numbers.
    pub fn numbers(&self) -> Result<(Dtype, Vec<u8>)> {
        let ValueOf::Hdf5(value) = &self.0;
        value.numbers()
    }

    /// The elements as integers.
    ///
    /// # Errors
    /// `Unsupported` where they are no numbers; `Malformed` where one is no integer of 64 bits.
    pub fn integers(&self) -> Result<Vec<i64>> {
        let ValueOf::Hdf5(value) = &self.0;
        value.integers()
    }

    /// The one integer this is.
    ///
    /// # Errors
    /// As [`integers`](Self::integers); `Malformed` where there is not exactly one.
    pub fn integer(&self) -> Result<i64> {
        let ValueOf::Hdf5(value) = &self.0;
        value.integer()
    }

    /// The elements as byte strings, without their padding.
    ///
    /// # Errors
    /// `Unsupported` where they are no text; `Malformed` where what holds them is damaged.
    pub fn strings(&self) -> Result<Strings> {
        let ValueOf::Hdf5(value) = &self.0;
        value.strings()
    }

    /// The one string this is, also when it comes as an array of one. Bytes that are not UTF-8 are read as Latin-1, which is
    /// what files that declare ASCII hold in practice.
    ///
    /// # Errors
    /// As [`strings`](Self::strings); `Malformed` where there is not exactly one.
    pub fn string(&self) -> Result<String> {
        let ValueOf::Hdf5(value) = &self.0;
        value.string()
    }

    /// Names of the members, where the elements are compounds.
    pub fn member_names(&self) -> Option<Vec<&str>> {
        let ValueOf::Hdf5(value) = &self.0;
        value.member_names()
    }

    /// The member of this name of every element, as a value of its own. An array member adds its dimensions.
    ///
    /// # Errors
    /// `NotFound` where there is no such member.
    pub fn member(&self, name: &str) -> Result<Value> {
        let ValueOf::Hdf5(value) = &self.0;
        value.member(name).map(Value::from)
    }

    /// Elements that are arrays themselves as more dimensions of their elements.
    pub(crate) fn unpacked(&self) -> Value {
        let ValueOf::Hdf5(value) = &self.0;
        value.unpacked().into()
    }

    /// Other elements of the same type and container, such as some of these.
    pub(crate) fn with(&self, shape: &[u64], bytes: Vec<u8>) -> Value {
        let ValueOf::Hdf5(value) = &self.0;
        value.with(shape, bytes).into()
    }

    /// Where the references that the elements are lead to; 0 for nowhere.
    pub(super) fn references(&self) -> Result<Vec<u64>> {
        let ValueOf::Hdf5(value) = &self.0;
        value.object_references()
    }

    pub(super) fn as_hdf5(&self) -> &hdf5::Value {
        let ValueOf::Hdf5(value) = &self.0;
        value
    }
}

impl From<hdf5::Value> for Value {
    fn from(value: hdf5::Value) -> Self {
        Value(ValueOf::Hdf5(value))
    }
}

/// Elements ready to be written: type, shape and bytes.
#[derive(Debug, Clone)]
pub struct EncodedValue(hdf5::EncodedValue);

impl EncodedValue {
    /// An array of plain numbers of these dimensions; a scalar where there are none. `bytes` are little-endian.
    pub fn numbers(dtype: Dtype, dims: &[u64], bytes: Vec<u8>) -> Self {
        EncodedValue(hdf5::EncodedValue::numbers(dtype, dims, bytes))
    }

    /// Elements of any type that needs no heap, as they are stored.
    pub fn elements(datatype: &Datatype, dims: &[u64], bytes: Vec<u8>) -> Self {
        EncodedValue(hdf5::EncodedValue::numbers(Dtype::Uint8, dims, bytes).of_type(datatype))
    }

    /// One int64.
    pub fn integer(value: i64) -> Self {
        EncodedValue(hdf5::EncodedValue::integer(value))
    }

    /// One bool.
    pub fn boolean(value: bool) -> Self {
        EncodedValue(hdf5::EncodedValue::boolean(value))
    }

    /// Nothing, without a shape.
    pub fn null() -> Self {
        EncodedValue(hdf5::EncodedValue::null())
    }

    /// The dimensions; `None` for nothing.
    pub fn shape(&self) -> Option<&[u64]> {
        self.0.shape()
    }

    /// Type of the elements.
    pub fn datatype(&self) -> &Datatype {
        self.0.datatype()
    }

    /// The elements.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    pub(super) fn as_hdf5(&self) -> &hdf5::EncodedValue {
        &self.0
    }
}

impl From<hdf5::EncodedValue> for EncodedValue {
    fn from(value: hdf5::EncodedValue) -> Self {
        EncodedValue(value)
    }
}
