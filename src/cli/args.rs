//! Parsing and printing of sizes and counts.

use annmap::{LimitName, Limits};
use clap::builder::TypedValueParser;

/// Parses a number of bytes: `64M`, `4G`, `1.5GiB`, `1000000`. Unit letters are powers of 1024.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(format!("unknown unit '{unit}' (expected K, M, G or T)")),
    };
    let number: f64 =
        number.parse().map_err(|_| "expected a number and a unit, such as 512M or 4G".to_owned())?;
    let bytes = number * (1u64 << shift) as f64;
    if bytes.is_finite() && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err("too large".into()) }
}

/// Parser limits, which very large valid files may need raised.
#[derive(Debug, clap::Args)]
pub(crate) struct LimitArgs {
    /// Change a parser limit, such as chunk-bytes=16G. Limits protect against malformed files. Names:
    /// metadata-bytes, value-bytes, chunk-bytes, group-depth, nesting, children, continuations, chunks
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = parse_limit, hide_short_help = true)]
    set: Vec<(LimitName, u64)>,
}

impl LimitArgs {
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for (name, value) in &self.set {
            // Already validated by `parse_limit`.
            let _ = limits.set(*name, *value);
        }
        limits
    }
}

fn parse_limit(text: &str) -> Result<(LimitName, u64), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let value = parse_size(value)?;
    let said = |e: annmap::Error| e.message().to_owned();
    let name: LimitName = name.parse().map_err(said)?;
    Limits::default().set(name, value).map_err(said)?;
    Ok((name, value))
}

/// A clap parser for sizes.
pub(crate) fn size() -> impl TypedValueParser<Value = u64> {
    clap::builder::StringValueParser::new().try_map(|s| parse_size(&s))
}

/// Formats a number of bytes with a binary unit: `812.4 MiB`.
pub(crate) fn human_bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// Formats a count with thousands separators: `104,401,774`.
pub(crate) fn human_count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("64M", 64 << 20), ("4G", 4 << 30), ("1.5GiB", 3 << 29), ("123", 123), ("2 kb", 2048)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "4X", "-1", "1e999G", "99999999999999999T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!(parse_limit("chunk-bytes=16G"), Ok((LimitName::ChunkBytes, 16 << 30)));
        for text in ["chunk-bytes", "chunks=x", "depth=3", "nesting=99G"] {
            assert!(parse_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn people_read() {
        assert_eq!(human_count(104_401_774), "104,401,774");
        assert_eq!(human_count(100), "100");
        assert_eq!(human_bytes(851_900_000), "812.4 MiB");
    }
}
