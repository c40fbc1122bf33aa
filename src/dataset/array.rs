//! Arrays of `obsm` and `varm`, read as Rust numbers.

use super::Dataset;
use crate::anndata::Axis;
use crate::dtype::{Element, Numeric, Policy, convert_into};
use crate::error::{Error, Place, Result};
use crate::tree;

/// An array of `obsm` or `varm`, such as an embedding or loadings. Only its metadata has been read.
#[derive(Debug, Clone)]
pub struct ArrayView<'d> {
    dataset: &'d Dataset,
    array: tree::Array,
}

/// An array in memory, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedArray<T> {
    shape: Vec<u64>,
    values: Vec<T>,
}

impl Dataset {
    /// The array `name` of `obsm`; its rows are cells.
    ///
    /// # Errors
    /// `NotFound` with the existing names if there is none; `Usage` if it is a table or a compressed matrix.
    pub fn obsm(&self, name: &str) -> Result<ArrayView<'_>> {
        self.array_along(Axis::Obs, name)
    }

    /// The array `name` of `varm`; its rows are genes.
    ///
    /// # Errors
    /// As [`obsm`](Self::obsm).
    pub fn varm(&self, name: &str) -> Result<ArrayView<'_>> {
        self.array_along(Axis::Var, name)
    }

    fn array_along(&self, axis: Axis, name: &str) -> Result<ArrayView<'_>> {
        let mapping = format!("{}m", axis.name());
        let node = self.tree()?.descend(&mapping).and_then(|group| match group.child(name)? {
            Some(node) => Ok(node),
            None => {
                let names: Vec<String> = group.links()?.iter().map(|link| link.name().into_owned()).collect();
                let text = format!("there is no array '{name}' (there are: {})", names.join(", "));
                Err(Error::not_found(text).in_object(group.path()))
            }
        });
        let node = node.in_file(self.path())?;
        if !node.is_array() {
            let text = "expected an array, got a table, a compressed matrix or a mapping";
            return Err(Error::usage(text).in_object(node.path()).in_file(self.path()));
        }
        let array = node.array().in_file(self.path())?;
        Ok(ArrayView { dataset: self, array })
    }
}

impl ArrayView<'_> {
    /// Number of values in each dimension; the first is cells or genes.
    pub fn shape(&self) -> &[u64] {
        self.array.shape()
    }

    /// Reads all values and converts them to `T`.
    ///
    /// # Errors
    /// `Usage` with the first value that `T` cannot represent exactly; `Unsupported` if they are not numbers;
    /// `Limit` if they take more bytes than the limits allow; otherwise errors of reading.
    pub fn read<T: Element>(&self) -> Result<TypedArray<T>> {
        self.converted(Policy::Exact)
    }

    /// Reads all values and rounds them to the nearest `T`.
    ///
    /// # Errors
    /// As [`read`](Self::read), but `Usage` only for values outside the range of `T`.
    pub fn cast<T: Element>(&self) -> Result<TypedArray<T>> {
        self.converted(Policy::Round)
    }

    fn converted<T: Element>(&self, policy: Policy) -> Result<TypedArray<T>> {
        let read = || {
            if Numeric::of(self.array.datatype()).is_none() {
                let name = self.array.datatype().name();
                return Err(Error::unsupported(format!("expected numbers, got {name}")));
            }
            let (dtype, bytes) = self.array.read()?.numbers()?;
            let mut values = crate::limits::reserved(bytes.len() / dtype.size())?;
            values.resize(bytes.len() / dtype.size(), T::zeroed());
            convert_into(dtype, &bytes, &mut values, policy).map_err(|at| {
                let value = crate::dtype::scalar_at(dtype, &bytes, at).map(|v| v.to_string());
                let text =
                    format!("value {} at position {at} does not fit {}", value.unwrap_or_default(), T::DTYPE);
                Error::usage(text)
            })?;
            Ok(TypedArray { shape: self.array.shape().to_vec(), values })
        };
        read().in_object(self.array.path()).in_file(self.dataset.path())
    }
}

impl<T> TypedArray<T> {
    /// Number of values in each dimension.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// All values, row-major.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// All values, row-major, without a copy.
    pub fn into_values(self) -> Vec<T> {
        self.values
    }

    /// Values of row `row`; `None` if there is no such row.
    pub fn row(&self, row: usize) -> Option<&[T]> {
        let width = self.width();
        self.values.get(row.checked_mul(width)?..)?.get(..width)
    }

    /// The rows as arrays of `N` values: `for [x, y] in umap.rows_of::<2>()?`.
    ///
    /// # Errors
    /// `Usage` if rows do not have `N` values, or `N` is 0.
    pub fn rows_of<const N: usize>(&self) -> Result<&[[T; N]]> {
        if self.width() != N || N == 0 {
            return Err(Error::usage(format!("expected rows of {N} values, got rows of {}", self.width())));
        }
        Ok(self.values.as_chunks::<N>().0)
    }

    fn width(&self) -> usize {
        let width: u64 = self.shape.iter().skip(1).product();
        usize::try_from(width).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_known_width() {
        let array = TypedArray { shape: vec![2, 2], values: vec![1, 2, 3, 4] };
        assert_eq!(array.rows_of::<2>().unwrap(), [[1, 2], [3, 4]]);
        assert!(array.rows_of::<3>().is_err());
        assert_eq!((array.row(1), array.row(2)), (Some(&[3, 4][..]), None));
        let line = TypedArray { shape: vec![3], values: vec![1, 2, 3] };
        assert_eq!(line.rows_of::<1>().unwrap(), [[1], [2], [3]]);
    }
}
