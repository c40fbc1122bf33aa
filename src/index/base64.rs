//! Base64: RFC 4648, section 4.

/// "The Base 64 Alphabet"
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `bytes` as base64, with padding.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let digit = |n: u32| ALPHABET[(n & 63) as usize];
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

/// `bytes` as base64.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    encode(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    #[test]
    fn the_vectors_of_the_rfc() {
        for (bytes, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(text(bytes.as_bytes()), encoded);
        }
        assert_eq!(text(&[0xfb, 0xff, 0xbf]), "+/+/");
    }
}
