//! Regular expressions in conditions. They come with the feature `write`.

use crate::error::{Error, Result};

/// A test of a text.
pub(super) type TextPredicate = Box<dyn Fn(&[u8]) -> bool>;

/// Maximum size of a compiled expression in bytes.
#[cfg(feature = "write")]
const MOST_BYTES: usize = 1 << 20;
/// Maximum nesting of an expression.
#[cfg(feature = "write")]
const MOST_DEPTH: u32 = 100;

/// Tests whether a regular expression matches anywhere in a text; bytes that are not UTF-8 are U+FFFD.
///
/// # Errors
/// `Usage` if the expression is not valid or too large; `Unsupported` without the feature.
#[cfg(feature = "write")]
pub(super) fn compiled(pattern: &str) -> Result<TextPredicate> {
    let builder =
        regex_lite::RegexBuilder::new(pattern).size_limit(MOST_BYTES).nest_limit(MOST_DEPTH).build();
    let regex =
        builder.map_err(|e| Error::usage(format!("expected a regular expression, got a broken one: {e}")))?;
    Ok(Box::new(move |text| regex.is_match(&String::from_utf8_lossy(text))))
}

#[cfg(not(feature = "write"))]
pub(super) fn compiled(_: &str) -> Result<TextPredicate> {
    Err(Error::unsupported("expected a build with the feature 'write' for 'matches', got one without it"))
}
