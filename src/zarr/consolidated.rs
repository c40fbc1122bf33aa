//! Consolidated metadata: copies of the documents of all nodes in one of the root. They are a cache that some programs
//! trust; here they are only compared with the documents themselves.

use super::json::JsonValue;
use super::object::Hierarchy;
use super::store::KeyStore;
use crate::error::Result;
use crate::limits::Limits;
use std::collections::BTreeMap;

/// The member of `zarr.json` that has the copies.
pub(super) const MEMBER: &str = "consolidated_metadata";

/// The nodes of which there are copies, by their paths from the root, each with what is wrong with its copies.
pub type CopiedNodes = BTreeMap<String, Option<String>>;

impl Hierarchy {
    /// The nodes of which the consolidated metadata have copies; `None` if there are none.
    ///
    /// # Errors
    /// `Malformed` or `Limit` if they cannot be read.
    pub fn consolidated(&self) -> Result<Option<CopiedNodes>> {
        let (store, limits) = self.store_and_limits();
        if let Some(root) = document(store, limits, "zarr.json")? {
            let copies = root.get_some(MEMBER).and_then(|copies| copies.get("metadata"));
            let Some(JsonValue::Object(copies)) = copies else { return Ok(None) };
            let one = |(path, copy): &(String, JsonValue)| {
                let key = if path.is_empty() { "zarr.json".to_owned() } else { format!("{path}/zarr.json") };
                (format!("/{path}"), problem(store, limits, &key, copy))
            };
            return Ok(Some(copies.iter().map(one).collect()));
        }
        let Some(copies) = document(store, limits, ".zmetadata")? else { return Ok(None) };
        let Some(JsonValue::Object(copies)) = copies.get("metadata") else { return Ok(None) };
        let mut nodes = CopiedNodes::new();
        for (key, copy) in copies {
            let path = key.rsplit_once('/').map_or("", |(path, _)| path);
            let wrong = problem(store, limits, key, copy);
            let node = nodes.entry(format!("/{path}")).or_default();
            *node = node.take().or(wrong);
        }
        Ok(Some(nodes))
    }
}

fn document(store: &KeyStore, limits: &Limits, key: &str) -> Result<Option<JsonValue>> {
    let mut bytes = Vec::new();
    match store.read(key, limits.metadata_bytes, &mut bytes)? {
        true => JsonValue::parse(&bytes, None).map(Some).map_err(|e| e.context(key)),
        false => Ok(None),
    }
}

/// What is wrong with the copy of the document `key`.
fn problem(store: &KeyStore, limits: &Limits, key: &str, copy: &JsonValue) -> Option<String> {
    match document(store, limits, key) {
        Ok(Some(own)) if same(&own, copy) => None,
        Ok(Some(_)) => Some(format!("the consolidated metadata differ from {key}")),
        Ok(None) => Some(format!("the consolidated metadata have {key}, which is not there")),
        Err(e) => {
            Some(format!("{key}, of which the consolidated metadata have a copy: {}", e.without_place()))
        }
    }
}

/// Whether two documents say the same, in whatever order. Copies of copies do not count.
fn same(a: &JsonValue, b: &JsonValue) -> bool {
    match (a, b) {
        (JsonValue::Object(x), JsonValue::Object(y)) => {
            let counts = |(name, _): &&(String, JsonValue)| name != MEMBER;
            let held = |one: &[(String, JsonValue)], other: &JsonValue| {
                one.iter().filter(counts).all(|(name, v)| other.get(name).is_some_and(|w| same(v, w)))
            };
            held(x, b) && y.iter().filter(counts).all(|(name, _)| a.get(name).is_some())
        }
        (JsonValue::List(x), JsonValue::List(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(v, w)| same(v, w))
        }
        (JsonValue::Float(x), JsonValue::Float(y)) => x.to_bits() == y.to_bits(),
        #[allow(clippy::cast_precision_loss)] // whether a number is written with a point does not matter
        (JsonValue::Float(x), JsonValue::Integer(n)) | (JsonValue::Integer(n), JsonValue::Float(x)) => {
            (*n as f64).to_bits() == x.to_bits()
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn json(text: &str) -> JsonValue {
        JsonValue::parse(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn documents_that_say_the_same() {
        let one = json(r#"{"a": 1, "b": [1.0, null], "consolidated_metadata": 3}"#);
        assert!(same(&one, &json(r#"{"b": [1, null], "a": 1}"#)));
        for other in [r#"{"a": 1}"#, r#"{"a": 1, "b": [1], "c": 2}"#, r#"{"a": 2, "b": [1.0, null]}"#] {
            assert!(!same(&one, &json(other)), "{other}");
        }
        assert!(same(&json("NaN"), &json("NaN")));
    }

    /// Copies that are as they should be, older than the document, of nodes that are gone, and outside of the store.
    #[test]
    fn copies_are_compared_in_both_versions() {
        let dir = tempfile::tempdir().unwrap();
        let group = r#"{"zarr_format": 2}"#;
        for name in ["a", "b"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join(".zgroup"), group).unwrap();
            fs::write(dir.path().join(name).join(".zattrs"), r#"{"x": 1}"#).unwrap();
        }
        fs::write(dir.path().join(".zgroup"), group).unwrap();
        fs::write(
            dir.path().join(".zmetadata"),
            r#"{"metadata": {".zgroup": {"zarr_format": 2}, "a/.zgroup": {"zarr_format": 2}, "a/.zattrs": {"x": 1},
                "b/.zattrs": {"x": 2}, "c/.zgroup": {"zarr_format": 2}, "../d/.zgroup": {}}}"#,
        )
        .unwrap();
        let open = || Hierarchy::find(dir.path(), &Limits::default()).unwrap().unwrap();
        let nodes = open().consolidated().unwrap().unwrap();
        let wrong = |path: &str| nodes[path].as_deref().unwrap_or_default().to_owned();
        assert_eq!((wrong("/"), wrong("/a")), (String::new(), String::new()));
        assert_eq!(wrong("/b"), "the consolidated metadata differ from b/.zattrs");
        assert_eq!(wrong("/c"), "the consolidated metadata have c/.zgroup, which is not there");
        assert!(wrong("/../d").contains("does not stay in the store"));

        let group = r#"{"zarr_format": 3, "node_type": "group", "attributes": {"x": 1}}"#;
        fs::write(dir.path().join("a/zarr.json"), group).unwrap();
        fs::write(
            dir.path().join("zarr.json"),
            r#"{"zarr_format": 3, "node_type": "group", "consolidated_metadata": {"metadata": {
                "a": {"attributes": {"x": 1}, "zarr_format": 3, "node_type": "group", "consolidated_metadata": {}},
                "b": {"zarr_format": 3}}}}"#,
        )
        .unwrap();
        let nodes = open().consolidated().unwrap().unwrap();
        assert_eq!(nodes["/a"], None);
        assert!(nodes["/b"].is_some());
    }
}
