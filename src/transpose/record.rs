//! How an entry is kept on its way: the line it came from, its minor index and its value, end to end.

/// The bytes of a kept entry. Lines are counted from the first of their block and minor indices from the first of their
/// band, so that in most matrices two bytes hold each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Records {
    /// Two bytes for a line and two for a minor index, instead of four.
    pub(crate) narrow: bool,
    /// Bytes of a value.
    pub(crate) width: usize,
}

/// What two bytes tell apart.
pub(crate) const NARROW: u64 = 1 << 16;

impl Records {
    /// Bytes of one.
    pub(crate) fn bytes(self) -> usize {
        if self.narrow { 4 + self.width } else { 8 + self.width }
    }
}

/// Calls a function that is generic over the bytes of a number, of a value and of a record.
macro_rules! with_record {
    ($records:expr, $f:ident($($arg:expr),* $(,)?)) => {
        match ($records.narrow, $records.width) {
            (true, 1) => $f::<2, 1, 5>($($arg),*),
            (true, 2) => $f::<2, 2, 6>($($arg),*),
            (true, 4) => $f::<2, 4, 8>($($arg),*),
            (true, _) => $f::<2, 8, 12>($($arg),*),
            (false, 1) => $f::<4, 1, 9>($($arg),*),
            (false, 2) => $f::<4, 2, 10>($($arg),*),
            (false, 4) => $f::<4, 4, 12>($($arg),*),
            (false, _) => $f::<4, 8, 16>($($arg),*),
        }
    };
}
pub(crate) use with_record;

/// An entry as a record.
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

/// Line, minor index and value of a record.
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
        let largest = if N == 2 { 0xffff } else { u32::MAX };
        let value = std::array::from_fn(|i| i as u8 + 1);
        for (line, minor) in [(0, 0), (1, largest), (largest, 513)] {
            assert_eq!(unpack::<N, W, R>(&pack::<N, W, R>(line, minor, value)), (line, minor, value));
        }
    }

    #[test]
    fn every_kind_comes_back() {
        for narrow in [true, false] {
            for width in [1, 2, 4, 8] {
                let records = Records { narrow, width };
                with_record!(records, there_and_back(records));
            }
        }
    }
}
