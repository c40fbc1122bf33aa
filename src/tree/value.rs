//! Elements in memory with their type and shape: values read from attributes and arrays, and values ready to
//! be written.

use crate::dtype::{Datatype, Dtype, Elements};
use crate::error::{Error, Result};
use crate::hdf5;
use crate::strings::Strings;
use crate::zarr;

/// The elements of an attribute or array in memory, in their stored type, with their shape.
#[derive(Debug, Clone)]
pub struct Value(ValueOf);

#[derive(Debug, Clone)]
enum ValueOf {
    Hdf5(hdf5::Value),
    Zarr(zarr::ZarrValue),
}

impl Value {
    fn elements(&self) -> &Elements {
        match &self.0 {
            ValueOf::Hdf5(value) => value.elements(),
            ValueOf::Zarr(value) => value.elements(),
        }
    }

    /// Other elements of the same container.
    fn with_elements(&self, elements: Elements) -> Value {
        match &self.0 {
            ValueOf::Hdf5(value) => value.with_elements(elements).into(),
            ValueOf::Zarr(value) => value.with_elements(elements).into(),
        }
    }

    /// Stored type of the elements.
    pub fn datatype(&self) -> &Datatype {
        self.elements().datatype()
    }

    /// Number of elements in each dimension: empty for a scalar, `None` for a null value.
    pub fn shape(&self) -> Option<&[u64]> {
        self.elements().shape()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.elements().len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the elements, row-major, in their stored type.
    pub fn raw(&self) -> &[u8] {
        self.elements().bytes()
    }

    /// Whether the elements are strings.
    pub fn is_text(&self) -> bool {
        self.elements().is_text()
    }

    /// Converts the elements to plain numbers: their type and little-endian bytes.
    ///
    /// # Errors
    /// `Unsupported` if they are not numbers.
    pub fn numbers(&self) -> Result<(Dtype, Vec<u8>)> {
        self.elements().numbers()
    }

    /// Converts the elements to integers.
    ///
    /// # Errors
    /// `Unsupported` if they are not numbers; `Malformed` if one is not an integer or does not fit 64 bits.
    pub fn integers(&self) -> Result<Vec<i64>> {
        self.elements().integers()
    }

    /// The only element as an integer.
    ///
    /// # Errors
    /// As [`integers`](Self::integers); `Malformed` if there is not exactly one element.
    pub fn integer(&self) -> Result<i64> {
        self.elements().integer()
    }

    /// The elements as byte strings without padding.
    ///
    /// # Errors
    /// `Unsupported` if they are not strings; `Malformed` if what stores them is damaged.
    pub fn strings(&self) -> Result<Strings> {
        match &self.0 {
            ValueOf::Hdf5(value) => value.strings(),
            ValueOf::Zarr(value) => value.strings(),
        }
    }

    /// The only element as a string: of a scalar or an array of one element. Bytes that are not UTF-8 are
    /// read as Latin-1, which files that declare ASCII contain in practice.
    ///
    /// # Errors
    /// As [`strings`](Self::strings); `Malformed` if there is not exactly one element.
    pub fn string(&self) -> Result<String> {
        self.strings()?.only()
    }

    /// Names of the members in stored order, `r` and `i` of complex numbers; `None` if the elements are neither.
    pub fn member_names(&self) -> Option<Vec<&str>> {
        self.elements().member_names()
    }

    /// The member called `name` of every element, as a separate value. An array member adds its dimensions to
    /// the shape.
    ///
    /// # Errors
    /// `NotFound` if there is no such member.
    pub fn member(&self, name: &str) -> Result<Value> {
        Ok(self.with_elements(self.elements().member(name)?))
    }

    /// CRC-32 of the canonical bytes of the elements (`spec/json.md`); 0 if there are none; `None` if their type
    /// has no canonical form.
    ///
    /// # Errors
    /// As [`strings`](Self::strings).
    pub fn canonical_crc(&self) -> Result<Option<u32>> {
        match &self.0 {
            ValueOf::Hdf5(value) => value.canonical_crc(),
            ValueOf::Zarr(value) => value.canonical_crc().map(Some),
        }
    }

    /// Turns elements of an array type into elements of its base type, and its dimensions into further dimensions.
    pub(crate) fn unpacked(&self) -> Value {
        self.with_elements(self.elements().clone().unpacked())
    }

    /// A value of the same type and container with other elements, e.g. a selection of these.
    pub(crate) fn with(&self, shape: &[u64], bytes: Vec<u8>) -> Value {
        self.with_elements(self.elements().with(shape, bytes))
    }

    /// The HDF5 value, if it is one.
    pub(super) fn as_hdf5(&self) -> Option<&hdf5::Value> {
        match &self.0 {
            ValueOf::Hdf5(value) => Some(value),
            ValueOf::Zarr(_) => None,
        }
    }
}

impl From<hdf5::Value> for Value {
    fn from(value: hdf5::Value) -> Self {
        Value(ValueOf::Hdf5(value))
    }
}

impl From<zarr::ZarrValue> for Value {
    fn from(value: zarr::ZarrValue) -> Self {
        Value(ValueOf::Zarr(value))
    }
}

/// A value ready to be written: elements of fixed size, or strings that a container stores apart.
#[derive(Debug, Clone)]
pub struct EncodedValue(EncodedOf);

#[derive(Debug, Clone)]
enum EncodedOf {
    /// Elements of any container; in HDF5 also references to strings that are in its heap already.
    Elements(hdf5::StoredValue),
    /// Strings of zarr, and their shape.
    Texts(Strings, Vec<u64>),
}

impl EncodedValue {
    /// An array of plain numbers of shape `dims`, or a scalar if `dims` is empty. `bytes` are little-endian,
    /// row-major.
    pub fn numbers(dtype: Dtype, dims: &[u64], bytes: Vec<u8>) -> Self {
        hdf5::StoredValue::numbers(dtype, dims, bytes).into()
    }

    /// Elements of any type of fixed size, of shape `dims`; `bytes` are in that type, row-major.
    pub fn elements(datatype: &Datatype, dims: &[u64], bytes: Vec<u8>) -> Self {
        hdf5::StoredValue::numbers(Dtype::Uint8, dims, bytes).of_type(datatype).into()
    }

    /// A scalar of type int64.
    pub fn integer(value: i64) -> Self {
        hdf5::StoredValue::integer(value).into()
    }

    /// A scalar of type bool, as h5py stores it: an enumeration of `FALSE` and `TRUE`.
    pub fn boolean(value: bool) -> Self {
        hdf5::StoredValue::boolean(value).into()
    }

    /// A null value: no elements and no shape.
    pub fn null() -> Self {
        hdf5::StoredValue::null().into()
    }

    /// Strings of shape `dims`, for a container that stores them as they are.
    pub(super) fn texts(strings: Strings, dims: &[u64]) -> Self {
        EncodedValue(EncodedOf::Texts(strings, dims.to_vec()))
    }

    /// Number of elements in each dimension: empty for a scalar, `None` for a null value.
    pub fn shape(&self) -> Option<&[u64]> {
        match &self.0 {
            EncodedOf::Elements(value) => value.shape(),
            EncodedOf::Texts(_, dims) => Some(dims),
        }
    }

    /// Stored type of the elements; `None` for strings that a container stores apart.
    pub fn datatype(&self) -> Option<&Datatype> {
        match &self.0 {
            EncodedOf::Elements(value) => Some(value.datatype()),
            EncodedOf::Texts(..) => None,
        }
    }

    /// Bytes of the elements, row-major, in their stored type; none for strings that a container stores apart.
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            EncodedOf::Elements(value) => value.bytes(),
            EncodedOf::Texts(..) => &[],
        }
    }

    /// The value for HDF5.
    ///
    /// # Errors
    /// `Usage` if it was made for another container.
    pub(super) fn as_hdf5(&self) -> Result<&hdf5::StoredValue> {
        match &self.0 {
            EncodedOf::Elements(value) => Ok(value),
            EncodedOf::Texts(..) => Err(Error::usage("strings that were encoded for another container")),
        }
    }

    /// The value for zarr.
    pub(super) fn as_zarr(&self) -> zarr::ZarrData<'_> {
        match &self.0 {
            EncodedOf::Texts(strings, dims) => zarr::ZarrData::Texts(strings, dims),
            EncodedOf::Elements(value) => match value.shape() {
                Some(dims) => zarr::ZarrData::Elements(value.datatype(), dims, value.bytes()),
                None => zarr::ZarrData::Null,
            },
        }
    }
}

impl From<hdf5::StoredValue> for EncodedValue {
    fn from(value: hdf5::StoredValue) -> Self {
        EncodedValue(EncodedOf::Elements(value))
    }
}
