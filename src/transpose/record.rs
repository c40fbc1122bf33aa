//! Record of an entry: the line it came from, its minor index and its value, without padding.

/// Format of a record. Lines are counted from the first line of the block and minor indices from the first of
/// the band, so in most matrices each fits one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Records {
    /// Bytes of a line number and of a minor index each: 1, 2 or 4.
    pub(crate) number: usize,
    /// Bytes of a value.
    pub(crate) width: usize,
}

impl Records {
    /// Bytes of a record.
    pub(crate) fn bytes(self) -> usize {
        2 * self.number + self.width
    }

    /// Number of different lines, and of different minor indices, that a record can hold.
    pub(crate) fn reach(self) -> u64 {
        1 << (8 * self.number)
    }
}

/// Calls a function that is generic over the bytes of a number, a value and a record.
macro_rules! with_record {
    ($records:expr, $f:ident($($arg:expr),* $(,)?)) => {
        match ($records.number, $records.width) {
            (1, 1) => $f::<1, 1, 3>($($arg),*),
            (1, 2) => $f::<1, 2, 4>($($arg),*),
            (1, 4) => $f::<1, 4, 6>($($arg),*),
            (1, _) => $f::<1, 8, 10>($($arg),*),
            (2, 1) => $f::<2, 1, 5>($($arg),*),
            (2, 2) => $f::<2, 2, 6>($($arg),*),
            (2, 4) => $f::<2, 4, 8>($($arg),*),
            (2, _) => $f::<2, 8, 12>($($arg),*),
            (_, 1) => $f::<4, 1, 9>($($arg),*),
            (_, 2) => $f::<4, 2, 10>($($arg),*),
            (_, 4) => $f::<4, 4, 12>($($arg),*),
            (_, _) => $f::<4, 8, 16>($($arg),*),
        }
    };
}
pub(crate) use with_record;

/// Packs an entry into a record.
#[inline(always)]
pub(crate) fn pack<const N: usize, const W: usize, const R: usize>(
    line: u32,
    minor: u32,
    value: [u8; W],
) -> [u8; R] {
    let mut out = [0; R];
    out[..N].copy_from_slice(&line.to_le_bytes()[..N]);
    out[N..2 * N].copy_from_slice(&minor.to_le_bytes()[..N]);
    out[2 * N..].copy_from_slice(&value);
    out
}

/// Returns the line, minor index and value of a record.
#[inline(always)]
pub(crate) fn unpack<const N: usize, const W: usize, const R: usize>(
    record: &[u8; R],
) -> (u32, u32, [u8; W]) {
    let number = |at: usize| {
        let mut bytes = [0; 4];
        bytes[..N].copy_from_slice(&record[at..at + N]);
        u32::from_le_bytes(bytes)
    };
    let mut value = [0; W];
    value.copy_from_slice(&record[2 * N..]);
    (number(0), number(N), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back<const N: usize, const W: usize, const R: usize>(records: Records) {
        assert_eq!(records.bytes(), R);
        let largest = (records.reach() - 1) as u32;
        let value = std::array::from_fn(|i| i as u8 + 1);
        for (line, minor) in [(0, 0), (1, largest), (largest, 51)] {
            assert_eq!(unpack::<N, W, R>(&pack::<N, W, R>(line, minor, value)), (line, minor, value));
        }
    }

    #[test]
    fn every_kind_comes_back() {
        for number in [1, 2, 4] {
            for width in [1, 2, 4, 8] {
                let records = Records { number, width };
                with_record!(records, there_and_back(records));
            }
        }
    }
}
