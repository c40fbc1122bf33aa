//! JSON as zarr stores contain it: RFC 8259, and the tokens `NaN`, `Infinity` and `-Infinity` that Python writes.

use crate::bytes::Cursor;
use crate::dtype::{Dtype, Scalar, scalar_at};
use crate::error::{Error, Result};
use std::fmt;

/// Depth at which nested lists and objects are refused.
const DEEPEST: u32 = 128;
/// Number of values at which a document is refused: each takes many times the bytes of its text.
const MOST_VALUES: u32 = 2 << 20;

/// A JSON value. Keys keep their order; of keys that occur twice the last counts, as in Python.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JsonValue {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<JsonValue>),
    Object(Vec<(String, JsonValue)>),
}

impl JsonValue {
    /// Parses one value that takes all of `bytes`. The member `skipped` of the outermost object is read past and
    /// becomes `null`.
    ///
    /// # Errors
    /// `Malformed` with the offset of the first byte that is not JSON; `Limit` for nesting and the number of
    /// values.
    pub(crate) fn parse(bytes: &[u8], skipped: Option<&str>) -> Result<JsonValue> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes)
            .map_err(|e| Error::malformed("JSON is not UTF-8").at(e.valid_up_to() as u64))?;
        let mut parser = JsonParser { src: Cursor::new(text.as_bytes(), 0), skipped, keeps: true, values: 0 };
        let value = parser.value(0)?;
        parser.blanks()?;
        match parser.src.len() {
            0 => Ok(value),
            n => Err(parser.src.malformed(format!("expected the end of the JSON, got {n} more bytes"))),
        }
    }

    /// An object of these members.
    pub(crate) fn object<'k>(members: impl IntoIterator<Item = (&'k str, JsonValue)>) -> JsonValue {
        JsonValue::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A number or bool in little-endian bytes. What is no number has a name, as in fill values: JSON has no token
    /// for it.
    pub(crate) fn number(dtype: Dtype, bytes: &[u8]) -> JsonValue {
        match scalar_at(dtype, bytes, 0) {
            None => JsonValue::Null,
            Some(Scalar::Bool(b)) => JsonValue::Bool(b),
            Some(Scalar::Int(n)) => JsonValue::Integer(n),
            Some(Scalar::Float(v, _)) if v.is_finite() => JsonValue::Float(v),
            Some(Scalar::Float(v, _)) => JsonValue::Text(JsonValue::Float(v).to_string()),
        }
    }

    /// The member `key` of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&JsonValue> {
        match self {
            JsonValue::Object(members) => members.iter().rev().find(|(name, _)| name == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// As [`get`](Self::get), but `None` for `null` as well.
    pub(crate) fn get_some(&self, key: &str) -> Option<&JsonValue> {
        self.get(key).filter(|v| **v != JsonValue::Null)
    }

    /// The member `key` of an object, which must exist.
    pub(crate) fn require(&self, key: &str) -> Result<&JsonValue> {
        self.get(key).ok_or_else(|| Error::malformed(format!("metadata has no '{key}'")))
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            JsonValue::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            JsonValue::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[JsonValue]> {
        match self {
            JsonValue::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value as an unsigned integer; `1.0` counts as one.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            JsonValue::Integer(n) => u64::try_from(*n).ok(),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked by going back
            JsonValue::Float(f) if *f >= 0.0 && *f < 9e15 && f.fract() == 0.0 => Some(*f as u64),
            _ => None,
        }
    }

    /// A list of unsigned integers, such as a shape.
    pub(crate) fn sizes(&self, what: &str) -> Result<Vec<u64>> {
        let wrong =
            || Error::malformed(format!("{what} (expected a list of whole numbers, got {})", self.brief()));
        self.as_list().ok_or_else(wrong)?.iter().map(|n| n.as_u64().ok_or_else(wrong)).collect()
    }

    /// The JSON text, shortened for messages.
    pub(crate) fn brief(&self) -> String {
        let text = self.to_string();
        match text.char_indices().nth(60) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }
}

impl fmt::Display for JsonValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JsonValue::Null => f.write_str("null"),
            JsonValue::Bool(b) => write!(f, "{b}"),
            JsonValue::Integer(n) => write!(f, "{n}"),
            JsonValue::Float(v) if v.is_nan() => f.write_str("NaN"),
            JsonValue::Float(v) if v.is_infinite() => {
                f.write_str(if *v > 0.0 { "Infinity" } else { "-Infinity" })
            }
            JsonValue::Float(v) => write!(f, "{v:?}"),
            JsonValue::Text(text) => quoted(text, f),
            JsonValue::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            JsonValue::Object(members) => {
                f.write_str("{")?;
                for (i, (name, value)) in members.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    quoted(name, f)?;
                    f.write_str(": ")?;
                    value.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write;
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            c if u32::from(c) < 0x20 => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

struct JsonParser<'a> {
    src: Cursor<'a>,
    /// A member of the outermost object that is read past.
    skipped: Option<&'a str>,
    /// Whether values are kept; otherwise they are read past.
    keeps: bool,
    /// Number of values that were kept.
    values: u32,
}

impl JsonParser<'_> {
    fn peek(&self) -> Option<u8> {
        self.src.rest().first().copied()
    }

    fn blanks(&mut self) -> Result<()> {
        let n = self.src.rest().iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.src.skip(n)
    }

    /// Consumes `byte` after blanks, if it is next.
    fn accept(&mut self, byte: u8) -> Result<bool> {
        self.blanks()?;
        let found = self.peek() == Some(byte);
        self.src.skip(usize::from(found))?;
        Ok(found)
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.accept(byte)? { Ok(()) } else { Err(self.unexpected(&format!("'{}'", char::from(byte)))) }
    }

    fn unexpected(&self, wanted: &str) -> Error {
        match self.peek() {
            Some(byte) => {
                self.src.malformed(format!("JSON (expected {wanted}, got '{}')", byte.escape_ascii()))
            }
            None => self.src.malformed(format!("JSON ends early (expected {wanted})")),
        }
    }

    fn value(&mut self, depth: u32) -> Result<JsonValue> {
        if depth > DEEPEST {
            return Err(
                Error::limit(format!("JSON nested deeper than {DEEPEST} levels")).at(self.src.offset())
            );
        }
        if self.keeps {
            self.values = self.values.saturating_add(1);
            if self.values > MOST_VALUES {
                let text = format!("JSON of more than {MOST_VALUES} values");
                return Err(Error::limit(text).at(self.src.offset()));
            }
        }
        self.blanks()?;
        match self.peek() {
            Some(b'"') => self.text().map(JsonValue::Text),
            Some(b'[') => self.list(depth),
            Some(b'{') => self.object(depth),
            Some(b'-') if self.src.rest().starts_with(b"-I") => {
                self.token("-Infinity", JsonValue::Float(f64::NEG_INFINITY))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.token("null", JsonValue::Null),
            Some(b't') => self.token("true", JsonValue::Bool(true)),
            Some(b'f') => self.token("false", JsonValue::Bool(false)),
            Some(b'N') => self.token("NaN", JsonValue::Float(f64::NAN)),
            Some(b'I') => self.token("Infinity", JsonValue::Float(f64::INFINITY)),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn token(&mut self, token: &str, value: JsonValue) -> Result<JsonValue> {
        if !self.src.rest().starts_with(token.as_bytes()) {
            return Err(self.unexpected("a value"));
        }
        self.src.skip(token.len()).map(|()| value)
    }

    fn list(&mut self, depth: u32) -> Result<JsonValue> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        if self.accept(b']')? {
            return Ok(JsonValue::List(items));
        }
        loop {
            let item = self.value(depth.saturating_add(1))?;
            if self.keeps {
                items.push(item);
            }
            if self.accept(b']')? {
                return Ok(JsonValue::List(items));
            }
            self.expect(b',')?;
        }
    }

    fn object(&mut self, depth: u32) -> Result<JsonValue> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        if self.accept(b'}')? {
            return Ok(JsonValue::Object(members));
        }
        loop {
            self.blanks()?;
            let name = self.text()?;
            self.expect(b':')?;
            let skips = depth == 0 && self.skipped == Some(name.as_str());
            let kept = self.keeps;
            self.keeps &= !skips;
            let member = self.value(depth.saturating_add(1))?;
            self.keeps = kept;
            if kept {
                members.push((name, if skips { JsonValue::Null } else { member }));
            }
            if self.accept(b'}')? {
                return Ok(JsonValue::Object(members));
            }
            self.expect(b',')?;
        }
    }

    fn number(&mut self) -> Result<JsonValue> {
        let is_part = |b: &&u8| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let n = self.src.rest().iter().take_while(is_part).count();
        let offset = self.src.offset();
        let text = std::str::from_utf8(self.src.take(n)?).unwrap_or_default();
        if let Ok(whole) = text.parse::<i128>() {
            return Ok(JsonValue::Integer(whole));
        }
        let value = text.parse::<f64>();
        value
            .map(JsonValue::Float)
            .map_err(|_| Error::malformed(format!("JSON (expected a number, got '{text}')")).at(offset))
    }

    fn text(&mut self) -> Result<String> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a string"));
        }
        self.src.skip(1)?;
        let mut out = String::new();
        loop {
            let rest = self.src.rest();
            let Some(n) = rest.iter().position(|b| matches!(b, b'"' | b'\\')) else {
                return Err(self.src.malformed("JSON string without its end"));
            };
            let plain = self.src.take(n)?;
            out.push_str(&String::from_utf8_lossy(plain));
            if self.src.read_u8()? == b'"' {
                return Ok(out);
            }
            out.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char> {
        Ok(match self.src.read_u8()? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            c @ (b'"' | b'\\' | b'/') => char::from(c),
            b'u' => {
                let first = self.unit()?;
                let pair = (0xd800..0xdc00).contains(&first) && self.src.rest().starts_with(b"\\u");
                if !pair {
                    return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                self.src.skip(2)?;
                let low = self.unit()?;
                let code = 0x1_0000u32
                    .saturating_add(first.saturating_sub(0xd800) << 10)
                    .saturating_add(low.saturating_sub(0xdc00));
                char::from_u32(code).filter(|_| low >= 0xdc00).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(self.src.malformed("JSON string with an unknown escape")),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32> {
        let digits = self.src.take(4)?;
        let text = std::str::from_utf8(digits).ok().filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
        text.and_then(|t| u32::from_str_radix(t, 16).ok())
            .ok_or_else(|| self.src.malformed("JSON string with an escape that is not hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes() {
        let json = JsonValue::parse(
            br#" {"a": [1, -2.5e1, NaN, -Infinity], "b": {"c": null, "d": true}, "a": "x"} "#,
            None,
        )
        .unwrap();
        assert_eq!(json.get("a"), Some(&JsonValue::Text("x".into())), "the last counts");
        assert_eq!(json.get("b").unwrap().get("d").unwrap().as_bool(), Some(true));
        assert!(json.get("b").unwrap().get_some("c").is_none());
        let list = JsonValue::parse(b"[1, 18446744073709551615, -2.5e1, NaN]", None).unwrap();
        let items = list.as_list().unwrap();
        assert_eq!(items[1].as_u64(), Some(u64::MAX));
        assert_eq!(items[2], JsonValue::Float(-25.0));
        assert!(matches!(items[3], JsonValue::Float(f) if f.is_nan()));
        assert_eq!(list.to_string(), "[1, 18446744073709551615, -25.0, NaN]");
    }

    #[test]
    fn a_member_is_read_past() {
        let text = format!(r#"{{"a": {{"b": [{}0]}}, "c": {{"a": 1}}}}"#, "0,".repeat(MOST_VALUES as usize));
        let json = JsonValue::parse(text.as_bytes(), Some("a")).unwrap();
        assert_eq!(json.to_string(), r#"{"a": null, "c": {"a": 1}}"#);
        assert!(JsonValue::parse(br#"{"a": [}"#, Some("a")).is_err());
    }

    #[test]
    fn escapes() {
        let json = JsonValue::parse(r#""\"\\\n\u00e9\ud83d\ude00 \ud800""#.as_bytes(), None).unwrap();
        assert_eq!(json.as_text(), Some("\"\\\né😀 \u{fffd}"));
        assert_eq!(JsonValue::parse(json.to_string().as_bytes(), None).unwrap(), json);
    }

    #[test]
    fn what_is_not_json_names_its_byte() {
        for (text, at) in
            [("{\"a\" 1}", 5), ("[1, 2", 5), ("\"abc", 1), ("[1] x", 4), ("nul", 0), ("\"\\q\"", 3)]
        {
            let e = JsonValue::parse(text.as_bytes(), None).unwrap_err();
            assert_eq!(e.offset(), Some(at), "{text}: {e}");
        }
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES as usize));
        assert_eq!(JsonValue::parse(many.as_bytes(), None).unwrap_err().kind(), crate::Kind::Limit);
        let deep = "[".repeat(10_000);
        assert_eq!(JsonValue::parse(deep.as_bytes(), None).unwrap_err().kind(), crate::Kind::Limit);
    }
}
