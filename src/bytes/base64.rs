//! Base64. RFC 4648, section 4.

const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `bytes` as base64, padded.
pub(crate) fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    let digit = |n: u32| SYMBOLS.get((n & 63) as usize).copied().unwrap_or(b'=');
    out.reserve(bytes.len().div_ceil(3).saturating_mul(4));
    let (triples, rest) = bytes.as_chunks::<3>();
    for [a, b, c] in triples {
        let n = u32::from_be_bytes([0, *a, *b, *c]);
        out.extend_from_slice(&[digit(n >> 18), digit(n >> 12), digit(n >> 6), digit(n)]);
    }
    match *rest {
        [a] => out.extend_from_slice(&[digit(u32::from(a) >> 2), digit(u32::from(a) << 4), b'=', b'=']),
        [a, b] => {
            let n = u32::from_be_bytes([0, 0, a, b]);
            out.extend_from_slice(&[digit(n >> 10), digit(n >> 4), digit(n << 2), b'=']);
        }
        _ => {}
    }
}

/// `bytes` as base64, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    encode_into(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Bytes from base64; `None` if it is none.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(text.len());
    for group in text.chunks(4) {
        let mut bits = 0u32;
        for symbol in group {
            let value = match symbol {
                b'A'..=b'Z' => symbol.wrapping_sub(b'A'),
                b'a'..=b'z' => symbol.wrapping_sub(b'a').wrapping_add(26),
                b'0'..=b'9' => symbol.wrapping_sub(b'0').wrapping_add(52),
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = (bits << 6) | u32::from(value);
        }
        let missing = 4usize.saturating_sub(group.len());
        let bits = bits << u32::try_from(missing.saturating_mul(6)).ok()?;
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(..3usize.checked_sub(missing).filter(|n| *n > 0)?)?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of the RFC, section 10.
    #[test]
    fn known_vectors() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(encode(&[0xfb, 0xff]), "+/8=");
        assert!(decode("a").is_none() && decode("a*bc").is_none());
    }
}
