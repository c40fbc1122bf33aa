//! Natural order of names that contain numbers: c9 before c10.

use std::cmp::Ordering;

/// Compares two names: runs of digits by their value, other bytes one by one, as Python's `natsort` does.
pub fn natural_order(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (text, other) = (split(&mut a, |c| !c.is_ascii_digit()), split(&mut b, |c| !c.is_ascii_digit()));
        let (number, another) =
            (split(&mut a, |c| c.is_ascii_digit()), split(&mut b, |c| c.is_ascii_digit()));
        let order = text.cmp(other).then_with(|| match (number.is_empty(), another.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => value(number).cmp(&value(another)),
        });
        if order != Ordering::Equal || (a.is_empty() && b.is_empty()) {
            return order;
        }
    }
}

/// Splits off the leading bytes for which `of_kind` holds.
fn split<'t>(text: &mut &'t [u8], of_kind: impl Fn(&u8) -> bool) -> &'t [u8] {
    let end = text.iter().position(|c| !of_kind(c)).unwrap_or(text.len());
    let (front, rest) = text.split_at(end);
    *text = rest;
    front
}

/// A key that compares like the number: the count of digits without leading zeros, then the digits.
fn value(digits: &[u8]) -> (usize, &[u8]) {
    let zeros = digits.iter().take_while(|d| **d == b'0').count();
    (digits.len() - zeros, &digits[zeros..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_their_value() {
        let mut names =
            ["c10", "c9", "c", "10", "9", "c9b", "c09a", "C1", "", "c100000000000000000000", "c1_2", "c1_10"];
        names.sort_by(|a, b| natural_order(a.as_bytes(), b.as_bytes()));
        let want =
            ["", "9", "10", "C1", "c", "c1_2", "c1_10", "c9", "c09a", "c9b", "c10", "c100000000000000000000"];
        assert_eq!(names, want);
    }
}
