//! Dataspace message (0x0001): rank, dimensions, maxima. HDF5 File Format 3.0, IV.A.2.b.

use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::error::{Error, Result};
use crate::hdf5::format::Sizes;

/// The maximum rank that the format allows.
pub(crate) const MAX_RANK: u8 = 32;

/// The extent of a dataset or attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dataspace {
    /// No elements and no shape.
    Null,
    /// One element.
    Scalar,
    /// A rectangular array of elements.
    Simple {
        /// Number of elements in each dimension.
        dims: Vec<u64>,
        /// Maximum size of each dimension; `None` is unlimited. Equal to `dims` if the file stores none.
        max: Vec<Option<u64>>,
    },
}

impl Dataspace {
    /// The dataspace of fixed dimensions `dims`; a scalar if `dims` is empty.
    pub(crate) fn fixed(dims: &[u64]) -> Self {
        if dims.is_empty() {
            return Dataspace::Scalar;
        }
        Dataspace::Simple { dims: dims.to_vec(), max: dims.iter().map(|d| Some(*d)).collect() }
    }

    /// Returns the dimensions: empty for a scalar, `None` for a null dataspace.
    pub fn shape(&self) -> Option<&[u64]> {
        match self {
            Dataspace::Null => None,
            Dataspace::Scalar => Some(&[]),
            Dataspace::Simple { dims, .. } => Some(dims),
        }
    }

    /// Returns the number of elements.
    ///
    /// # Errors
    /// `Malformed` if the product of the dimensions overflows.
    pub fn elements(&self) -> Result<u64> {
        self.shape().map_or(Ok(0), checked::product)
    }
}

pub(crate) fn read(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Dataspace> {
    let version = src.read_u8()?;
    let rank = src.read_u8()?;
    let flags = src.read_u8()?;
    if rank > MAX_RANK {
        return Err(src.malformed(format!("rank (expected at most {MAX_RANK}, got {rank})")));
    }
    let mut null = false;
    match version {
        1 => src.skip(5)?,
        // IV.A.2.b, type 2: "A null dataspace; in other words, a dataspace with no elements." Version 1 has
        // no such type.
        2 => null = src.read_u8()? == 2,
        v => return Err(src.unsupported(format!("dataspace version {v}"))),
    }
    if null {
        return Ok(Dataspace::Null);
    }
    // IV.A.2.b, type 0: "A scalar dataspace; in other words, a dataspace with a single, dimensionless
    // element." Version 1 has no types; in both versions the rank is 0.
    if rank == 0 {
        return Ok(Dataspace::Scalar);
    }
    let at = src.offset();
    let dims = (0..rank).map(|_| sizes.read_length(src)).collect::<Result<Vec<_>>>()?;
    let max = if flags & 1 != 0 {
        // V: the unlimited size is "a value with all bits set", like an undefined address.
        let lengths = Sizes { offset: sizes.length, length: sizes.length };
        (0..rank).map(|_| lengths.read_address(src)).collect::<Result<Vec<_>>>()?
    } else {
        // IV.A.2.b: "If these values are not stored, the maximum size of each dimension is assumed to be the
        // dimension's current size."
        dims.iter().copied().map(Some).collect()
    };
    if let Some((d, m)) = dims.iter().zip(&max).find(|(d, m)| m.is_some_and(|m| m < **d)) {
        let m = m.unwrap_or(0);
        return Err(Error::malformed(format!("dimension {d} above its maximum {m}")).at(at));
    }
    // Ensures that no product of dimensions in `read/` overflows.
    checked::product(&dims).map_err(|e| e.at(at))?;
    // IV.A.2.b: permutation indices may follow in version 1; version 2 dropped them "as it was never
    // implemented in the HDF5 Library". They are ignored.
    Ok(Dataspace::Simple { dims, max })
}

/// Appends the message of a dataspace: version 1, or version 2 for a null dataspace, which version 1 lacks.
pub(crate) fn write(space: &Dataspace, out: &mut Vec<u8>) {
    match space {
        Dataspace::Null => out.put(&[2, 0, 0, 2]),
        Dataspace::Scalar => out.put(&[1, 0, 0, 0, 0, 0, 0, 0]),
        Dataspace::Simple { dims, max } => {
            let rank = u8::try_from(dims.len()).unwrap_or(u8::MAX);
            out.put(&[1, rank, 1, 0, 0, 0, 0, 0]);
            dims.iter().for_each(|d| out.put_u64(*d));
            max.iter().for_each(|m| out.put_u64(m.unwrap_or(u64::MAX)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 4, length: 4 };

    #[test]
    fn versions_and_classes() {
        let v1 = [1, 1, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]; // 5, unlimited
        let v2 = [2, 1, 0, 1, 5, 0, 0, 0];
        assert_eq!(
            read(&mut Cursor::new(&v1, 0), SIZES).unwrap(),
            Dataspace::Simple { dims: vec![5], max: vec![None] }
        );
        assert_eq!(
            read(&mut Cursor::new(&v2, 0), SIZES).unwrap(),
            Dataspace::Simple { dims: vec![5], max: vec![Some(5)] }
        );
        assert_eq!(read(&mut Cursor::new(&[2, 0, 0, 2], 0), SIZES).unwrap(), Dataspace::Null);
        assert_eq!(read(&mut Cursor::new(&[2, 0, 0, 0], 0), SIZES).unwrap(), Dataspace::Scalar);
    }

    #[test]
    fn a_rank_of_200_is_refused() {
        assert!(read(&mut Cursor::new(&[2, 200, 0, 1], 0), SIZES).is_err());
        let above = [2, 1, 1, 1, 5, 0, 0, 0, 4, 0, 0, 0];
        assert!(read(&mut Cursor::new(&above, 0), SIZES).is_err());
    }
}
