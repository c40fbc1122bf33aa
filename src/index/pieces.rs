//! How an array in one piece is cut, so that readers can fetch parts of it.

/// Bytes of a part, if a row is not longer.
const PART: u64 = 4 << 20;

/// Rows of each part of an array of `rows` rows of `row` bytes, after which the file has `after` more bytes.
///
/// All chunks of a zarr array have the same shape, so the last part may reach beyond the array, where readers ignore
/// what is there. It must not reach beyond the file: then there is one part.
pub(super) fn rows_of_part(rows: u64, row: u64, after: u64) -> u64 {
    if rows.saturating_mul(row) <= PART || rows <= 1 {
        return rows.max(1);
    }
    let most = (PART / row.max(1)).max(1);
    let least = rows.div_ceil(most);
    let beyond = |parts: u64| {
        let of_part = rows.div_ceil(parts);
        of_part.saturating_mul(rows.div_ceil(of_part)).saturating_sub(rows).saturating_mul(row)
    };
    let counts = || least..=least.saturating_mul(2).min(rows);
    let exact = counts().take(MOST_TRIED).find(|parts| beyond(*parts) == 0);
    let parts = exact.or_else(|| counts().take(MOST_TRIED).find(|parts| beyond(*parts) <= after));
    parts.map_or(rows, |parts| rows.div_ceil(parts))
}

/// Numbers of parts that are tried.
const MOST_TRIED: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_equal_where_they_can_be() {
        assert_eq!(rows_of_part(1000, 8, 0), 1000, "small");
        // 128 MiB: 32 parts
        assert_eq!(rows_of_part(1 << 24, 8, 0), 1 << 19);
        assert_eq!(rows_of_part(3, 100 << 20, 0), 1, "long rows");
        assert_eq!(rows_of_part(0, 8, 0), 1);
    }

    #[test]
    fn the_last_part_ends_in_the_file() {
        let prime = 104_395_301; // no divisors
        let rows = rows_of_part(prime, 4, 1 << 20);
        let parts = prime.div_ceil(rows);
        assert!(rows * 4 <= PART && (rows * parts - prime) * 4 <= 1 << 20 && parts < 200, "{rows}");
        assert_eq!(rows_of_part(prime, 4, 0), prime, "nothing after it");
    }
}
