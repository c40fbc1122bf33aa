//! A list of strings in one buffer.

use crate::error::{Error, Result};
use std::borrow::Cow;
use std::ops::Range;

/// A list of byte strings: their concatenated bytes and the end of each.
///
/// HDF5 specifies UTF-8 or ASCII, but files contain any bytes; separate methods read them as bytes, as strict
/// UTF-8 and as lossy UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strings {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Text as UTF-8. Bytes that are not are read as Latin-1, which files that declare ASCII contain in practice.
pub(crate) fn readable(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(text.iter().map(|b| char::from(*b)).collect()),
    }
}

impl Strings {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a string.
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    /// The number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no strings.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The string at `index` as stored; `None` past the end.
    pub fn bytes(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..end)
    }

    /// The string at `index` as UTF-8.
    ///
    /// # Errors
    /// `Usage` if `index` is past the end; `Malformed` if the string is not UTF-8.
    pub fn utf8(&self, index: usize) -> Result<&str> {
        let bytes = self
            .bytes(index)
            .ok_or_else(|| Error::usage(format!("there is no string {index} (there are {})", self.len())))?;
        std::str::from_utf8(bytes).map_err(|_| {
            let shown = bytes.escape_ascii().to_string();
            Error::malformed(format!("string {index} is not UTF-8 ('{}')", shown.get(..60).unwrap_or(&shown)))
        })
    }

    /// The string at `index`, with U+FFFD in place of bytes that are not UTF-8; `None` past the end.
    pub fn lossy(&self, index: usize) -> Option<Cow<'_, str>> {
        self.bytes(index).map(String::from_utf8_lossy)
    }

    /// All strings in order, with U+FFFD in place of bytes that are not UTF-8.
    pub fn iter_lossy(&self) -> impl ExactSizeIterator<Item = Cow<'_, str>> {
        self.iter().map(String::from_utf8_lossy)
    }

    /// All strings in order, as stored.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.bytes(i).unwrap_or_default())
    }

    /// A copy of the strings `range`; those past the end are left out.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let place =
            |n: usize| n.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let (from, to) = (place(start), place(end));
        let ends = self.ends.get(start..end).unwrap_or_default().iter().map(|e| e - from).collect();
        Strings { bytes: self.bytes.get(from..to).unwrap_or_default().to_vec(), ends }
    }

    /// Appends all strings of `more`.
    pub(crate) fn extend(&mut self, more: &Self) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&more.bytes);
        self.ends.extend(more.ends.iter().map(|e| before + e));
    }

    /// The only string. Bytes that are not UTF-8 are read as Latin-1, which files that declare ASCII contain in
    /// practice.
    ///
    /// # Errors
    /// `Malformed` if there is not exactly one.
    pub(crate) fn only(&self) -> Result<String> {
        if self.len() != 1 {
            return Err(Error::malformed(format!("one string expected, got {}", self.len())));
        }
        Ok(readable(self.bytes(0).unwrap_or_default()).into_owned())
    }

    /// The total length of all strings in bytes.
    pub fn total_bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Strings {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut out = Self::new();
        items.into_iter().for_each(|s| out.push(s.as_ref()));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_ways_to_read() {
        let s: Strings = [&b"abc"[..], b"", b"caf\xe9"].into_iter().collect();
        assert_eq!((s.len(), s.utf8(0).unwrap(), s.utf8(1).unwrap()), (3, "abc", ""));
        assert_eq!(s.bytes(2), Some(&b"caf\xe9"[..]));
        assert_eq!(s.lossy(2).unwrap(), "caf\u{fffd}");
        assert_eq!(s.iter_lossy().collect::<Vec<_>>(), ["abc", "", "caf\u{fffd}"]);
        assert_eq!(s.utf8(2).unwrap_err().kind(), crate::Kind::Malformed);
        assert_eq!(s.utf8(3).unwrap_err().kind(), crate::Kind::Usage);
        assert_eq!(s.lossy(3), None);
        assert_eq!(s.bytes(3), None);
    }

    #[test]
    fn pieces_put_together() {
        let s: Strings = ["abc", "", "d", "ef"].iter().collect();
        assert_eq!(s.slice(1..3), ["", "d"].iter().collect());
        assert_eq!((s.slice(3..9), s.slice(4..4)), (["ef"].iter().collect(), Strings::new()));
        let mut whole = s.slice(0..2);
        whole.extend(&s.slice(2..4));
        assert_eq!(whole, s);
    }
}
