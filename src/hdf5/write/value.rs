//! Values to be written: type, shape and bytes. Data of variable length is already in the heap, see
//! `variable.rs`.

use super::address::ObjectAddress;
use crate::dtype::{Class, Datatype, Dtype};
use crate::hdf5::Dataspace;

/// A value as stored in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredValue {
    pub(crate) datatype: Datatype,
    pub(crate) dataspace: Dataspace,
    pub(crate) bytes: Vec<u8>,
}

impl StoredValue {
    /// Numbers or bools: little-endian bytes of `dtype`, row-major. An empty `shape` makes a scalar.
    pub fn numbers(dtype: Dtype, shape: &[u64], bytes: Vec<u8>) -> Self {
        StoredValue { datatype: Datatype::of(dtype), dataspace: Dataspace::fixed(shape), bytes }
    }

    /// A scalar integer.
    pub fn integer(value: i64) -> Self {
        Self::numbers(Dtype::Int64, &[], value.to_le_bytes().to_vec())
    }

    /// A scalar bool.
    pub fn boolean(value: bool) -> Self {
        Self::numbers(Dtype::Bool, &[], vec![u8::from(value)])
    }

    /// A null dataspace of type float32, like h5py's `Empty`.
    pub fn null() -> Self {
        StoredValue { datatype: Datatype::of(Dtype::Float32), dataspace: Dataspace::Null, bytes: Vec::new() }
    }

    /// Reinterprets the same bytes as elements of another type.
    #[must_use]
    pub fn of_type(self, datatype: &Datatype) -> Self {
        StoredValue { datatype: datatype.clone(), ..self }
    }

    /// References to objects of the same file, as a one-dimensional array.
    pub fn references(objects: &[ObjectAddress]) -> Self {
        let bytes = objects.iter().flat_map(|o| o.0.to_le_bytes()).collect();
        let datatype = Datatype { size: 8, class: Class::Reference { kind: 0 } };
        StoredValue { datatype, dataspace: Dataspace::fixed(&[objects.len() as u64]), bytes }
    }

    /// A scalar reference to an object of the same file.
    pub fn reference(object: ObjectAddress) -> Self {
        StoredValue { dataspace: Dataspace::fixed(&[]), ..Self::references(&[object]) }
    }

    /// The bytes of all elements.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The type of the elements.
    pub fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    /// The shape; `None` for the null dataspace.
    pub fn shape(&self) -> Option<&[u64]> {
        self.dataspace.shape()
    }
}
