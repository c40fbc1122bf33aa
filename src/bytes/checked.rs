//! Arithmetic on numbers from a file: an overflow means a malformed file, never a wrapped value.

use crate::error::{Error, Result};

fn overflow() -> Error {
    Error::malformed("a size or an address overflows 64 bits")
}

pub(crate) fn add(a: u64, b: u64) -> Result<u64> {
    a.checked_add(b).ok_or_else(overflow)
}

pub(crate) fn sub(a: u64, b: u64) -> Result<u64> {
    a.checked_sub(b).ok_or_else(|| Error::malformed("a size or an address falls below zero"))
}

pub(crate) fn mul(a: u64, b: u64) -> Result<u64> {
    a.checked_mul(b).ok_or_else(overflow)
}

/// Product of all `values`; 1 if there are none.
pub(crate) fn product(values: &[u64]) -> Result<u64> {
    values.iter().try_fold(1u64, |a, &b| mul(a, b))
}

/// Converts to a size in memory.
pub(crate) fn size(n: u64) -> Result<usize> {
    usize::try_from(n).map_err(|_| overflow())
}

/// 2 to the `n`.
pub(crate) fn power_of_two(n: u32) -> Result<u64> {
    1u64.checked_shl(n).filter(|_| n < 64).ok_or_else(overflow)
}

/// Base-2 logarithm of `n`, which must be a power of two.
pub(crate) fn log2_exact(n: u64, what: &str) -> Result<u32> {
    if n.is_power_of_two() {
        Ok(n.trailing_zeros())
    } else {
        Err(Error::malformed(format!("{what} (expected a power of two, got {n})")))
    }
}

/// Number of bytes that libhdf5 uses to store numbers up to `n`, derived from its highest set bit.
pub(crate) fn bytes_for(n: u64) -> u8 {
    let bits = n.checked_ilog2().unwrap_or(0);
    u8::try_from(bits / 8).unwrap_or(7).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_as_libhdf5_computes_them() {
        for (n, width) in [(0, 1), (1, 1), (255, 1), (256, 2), (65535, 2), (65536, 3), (u64::MAX, 8)] {
            assert_eq!(bytes_for(n), width, "{n}");
        }
        assert!(product(&[1 << 40, 1 << 40]).is_err());
        assert!(power_of_two(64).is_err());
        assert_eq!(log2_exact(4096, "x").unwrap(), 12);
    }
}
