//! The file of references: one line of JSON for each key of the zarr store that it stands for.

use crate::bytes::append::AppendFile;
use crate::bytes::base64;
use crate::bytes::commit::beside;
use crate::bytes::growing::Growing;
use crate::error::{Error, Result};
use std::path::Path;

/// A map being written, key by key. Its last one, `.zmetadata`, holds the metadata of all nodes once more: without it
/// zarr-python does not list the groups of a map.
#[derive(Debug)]
pub(super) struct MapWriter {
    file: AppendFile,
    /// The URL of the file to which ranges refer, as JSON.
    url: String,
    /// The line that is being made.
    line: Vec<u8>,
    /// Whether a line was written already.
    begun: bool,
    /// Metadata of all nodes, as the inside of a JSON string.
    consolidated: Growing,
    /// Number of ranges that were written.
    pub(super) ranges: u64,
    /// Bytes that the ranges have together.
    pub(super) referred: u64,
}

impl MapWriter {
    /// Begins the map at `path`; its ranges are of the file at `url`.
    pub(super) fn create(path: &Path, replace: bool, url: &str) -> Result<Self> {
        let mut file = AppendFile::create(path, replace)?;
        file.append(b"{\"version\":1,\"refs\":{")?;
        Ok(MapWriter {
            file,
            url: quoted(url)?,
            line: Vec::new(),
            begun: false,
            consolidated: Growing::new(Some(beside(path))),
            ranges: 0,
            referred: 0,
        })
    }

    /// Bytes written so far.
    pub(super) fn len(&self) -> u64 {
        self.file.end()
    }

    /// Adds the metadata `json` under `key`.
    pub(super) fn metadata(&mut self, key: &str, json: &str) -> Result<()> {
        let text = quoted(json)?;
        self.begin(key)?;
        self.line.extend_from_slice(text.as_bytes());
        self.end()?;
        // the key is JSON inside a JSON string
        let key = quoted(&quoted(key)?)?;
        let separator = if self.consolidated.len() == 0 { "" } else { "," };
        let mut parts = [separator, inside(&key), ":", inside(&text)].into_iter();
        parts.try_for_each(|part| self.consolidated.append(part.as_bytes()))
    }

    /// Adds `bytes` under `key`.
    pub(super) fn bytes(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        self.begin(key)?;
        self.line.extend_from_slice(b"\"base64:");
        base64::encode_into(bytes, &mut self.line);
        self.line.push(b'"');
        self.end()
    }

    /// Adds the `len` bytes from `offset` of the file under `key`.
    pub(super) fn range(&mut self, key: &str, offset: u64, len: u64) -> Result<()> {
        self.begin(key)?;
        self.line.push(b'[');
        self.line.extend_from_slice(self.url.as_bytes());
        self.line.extend_from_slice(format!(",{offset},{len}]").as_bytes());
        self.ranges += 1;
        self.referred = self.referred.saturating_add(len);
        self.end()
    }

    fn begin(&mut self, key: &str) -> Result<()> {
        self.line.clear();
        self.line.extend_from_slice(if self.begun { b",\n" } else { b"\n" });
        self.line.extend_from_slice(quoted(key)?.as_bytes());
        self.line.push(b':');
        self.begun = true;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.file.append(&self.line).map(drop)
    }

    /// Ends the map and gives the file its name.
    pub(super) fn finish(mut self) -> Result<()> {
        self.begin(".zmetadata")?;
        self.line.extend_from_slice(br#""{\"metadata\":{"#);
        self.end()?;
        let file = &mut self.file;
        self.consolidated.each(|piece| file.append(piece).map(drop))?;
        self.file.append(br#"},\"zarr_consolidated_format\":1}""#)?;
        self.file.append(b"\n}}\n")?;
        self.file.commit()
    }
}

/// `text` as JSON.
pub(super) fn quoted(text: &str) -> Result<String> {
    serde_json::to_string(text).map_err(Error::external)
}

/// A JSON string without its quotes.
fn inside(quoted: &str) -> &str {
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_map_is_json_with_a_copy_of_the_metadata() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("map.json");
        let mut map = MapWriter::create(&path, false, "https://host/a \"b\".h5ad").unwrap();
        map.metadata(".zgroup", "{\"zarr_format\":2}").unwrap();
        map.metadata("a \"b\"/.zattrs", "{\"text\":\"x\\n\"}").unwrap();
        map.bytes("a/0", &[0, 255, 1]).unwrap();
        map.range("a/1.0", 512, 4096).unwrap();
        assert_eq!((map.ranges, map.referred), (1, 4096));
        assert!(!path.exists());
        map.finish().unwrap();
        let json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(json["version"], 1);
        let refs = &json["refs"];
        assert_eq!(refs["a/0"], "base64:AP8B");
        assert_eq!(refs["a/1.0"], serde_json::json!(["https://host/a \"b\".h5ad", 512, 4096]));
        let all: Value = serde_json::from_str(refs[".zmetadata"].as_str().unwrap()).unwrap();
        assert_eq!(all["zarr_consolidated_format"], 1);
        for key in [".zgroup", "a \"b\"/.zattrs"] {
            let one: Value = serde_json::from_str(refs[key].as_str().unwrap()).unwrap();
            assert_eq!(all["metadata"][key], one, "{key}");
        }
    }

    #[test]
    fn much_metadata_is_copied_through_a_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("map.json");
        let mut map = MapWriter::create(&path, false, "x").unwrap();
        let text = "ä".repeat(1 << 20);
        for n in 0..7 {
            map.metadata(&format!("{n}/.zattrs"), &format!("{{\"a\":\"{text}\"}}")).unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "it has no name");
        map.finish().unwrap();
        let json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let all: Value = serde_json::from_str(json["refs"][".zmetadata"].as_str().unwrap()).unwrap();
        assert!((0..7).all(|n| all["metadata"][format!("{n}/.zattrs")]["a"] == text));
    }
}
