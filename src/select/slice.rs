//! Parses row numbers and slices as in Python and numpy.

use crate::error::{Error, Result};

/// Row numbers from a slice (`FIRST:END` or `FIRST:END:STEP`) or a list (`3,1,-1`, repeats allowed), for an
/// axis of `rows` rows. Negative numbers count from the end; slices are clipped to the axis.
///
/// # Errors
/// `Usage` if the text is neither a slice nor a list, or a listed row does not exist.
pub fn rows_from(text: &str, rows: u64) -> Result<Vec<u64>> {
    let wrong = || {
        Error::usage(format!(
            "'{text}': expected FIRST:END, FIRST:END:STEP or a list, such as 0:100 or 3,1,-1"
        ))
    };
    let number = |t: &str| t.trim().parse::<i64>().map_err(|_| wrong());
    let len = i64::try_from(rows).unwrap_or(i64::MAX);
    if !text.contains(':') {
        let row = |t: &str| {
            let n = number(t)?;
            let row = if n < 0 { n + len } else { n };
            if (0..len).contains(&row) {
                Ok(row as u64)
            } else {
                Err(Error::not_found(format!("there is no row {n} (there are {rows})")))
            }
        };
        return text.split(',').filter(|t| !t.trim().is_empty()).map(row).collect();
    }
    let parts: Vec<&str> = text.split(':').collect();
    let (first, end, step) = match parts[..] {
        [first, end] => (first, end, 1),
        [first, end, ""] => (first, end, 1),
        [first, end, step] => (first, end, number(step)?),
        _ => return Err(wrong()),
    };
    let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let place = |t: &str, otherwise: i64| -> Result<i64> {
        if t.trim().is_empty() {
            return Ok(otherwise);
        }
        let n = number(t)?;
        Ok(if n < 0 { n.saturating_add(len) } else { n }.clamp(low, high))
    };
    let rows_from = |at: i64, end: i64| {
        std::iter::successors(Some(at), move |n| n.checked_add(step))
            .take_while(move |n| if step < 0 { *n > end } else { *n < end })
    };
    match step {
        0 => Err(Error::usage("a step of 0")),
        _ if step < 0 => Ok(rows_from(place(first, high)?, place(end, low)?).map(|n| n as u64).collect()),
        _ => Ok(rows_from(place(first, low)?, place(end, high)?).map(|n| n as u64).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_python_has_them() {
        for (text, want) in [
            ("0:3", &[0, 1, 2][..]),
            (":", &[0, 1, 2, 3, 4]),
            ("-2:", &[3, 4]),
            (":-3", &[0, 1]),
            ("3:99", &[3, 4]),
            ("5:9", &[]),
            ("::-1", &[4, 3, 2, 1, 0]),
            ("3:0:-2", &[3, 1]),
            ("::2", &[0, 2, 4]),
            ("1,0,-1,0", &[1, 0, 4, 0]),
            ("2", &[2]),
            ("", &[]),
        ] {
            assert_eq!(rows_from(text, 5).unwrap(), want, "{text}");
        }
        for wrong in ["a:b", "1:2:3:4", "::0", "7", "0.5", "-6"] {
            assert!(rows_from(wrong, 5).is_err(), "{wrong}");
        }
        assert!(rows_from("::-1", 0).unwrap().is_empty());
    }
}
