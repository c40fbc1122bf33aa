//! JSON whose objects keep their keys in order: the form of an awkward array, and the parameters in it.
//!
//! `serde_json::Value` sorts the keys, unless a feature of that crate is on, which would then be on for everyone who
//! uses this library.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Number;
use std::collections::HashMap;
use std::fmt;

/// A JSON value. Objects are equal whatever the order of their keys.
#[derive(Debug, Clone)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    /// Names and values, each name once.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An object with these names, each of which is given once.
    pub(super) fn object<'n>(members: impl IntoIterator<Item = (&'n str, Json)>) -> Self {
        Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The value of this name; `None` if there is none, or if this is not an object.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_list(&self) -> Option<&[Json]> {
        if let Json::List(list) = self { Some(list) } else { None }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        if let Json::Bool(value) = self { Some(*value) } else { None }
    }

    pub(super) fn as_u64(&self) -> Option<u64> {
        if let Json::Number(n) = self { n.as_u64() } else { None }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::Text(text)
    }
}

impl From<u64> for Json {
    fn from(n: u64) -> Self {
        Json::Number(n.into())
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(list: Vec<T>) -> Self {
        Json::List(list.into_iter().map(Into::into).collect())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Json::Null, Json::Null) => true,
            (Json::Bool(a), Json::Bool(b)) => a == b,
            (Json::Number(a), Json::Number(b)) => a == b,
            (Json::Text(a), Json::Text(b)) => a == b,
            (Json::List(a), Json::List(b)) => a == b,
            (Json::Object(a), Json::Object(b)) => {
                let b_by_name: HashMap<&str, &Json> = b.iter().map(|(n, v)| (n.as_str(), v)).collect();
                a.len() == b.len() && a.iter().all(|(n, v)| b_by_name.get(n.as_str()) == Some(&v))
            }
            _ => false,
        }
    }
}

/// Displays as JSON without spaces.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => to.serialize_unit(),
            Json::Bool(value) => to.serialize_bool(*value),
            Json::Number(n) => n.serialize(to),
            Json::Text(text) => to.serialize_str(text),
            Json::List(list) => to.collect_seq(list),
            Json::Object(members) => to.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Json, E> {
        Ok(Json::Number(n.into()))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Json, E> {
        Ok(Json::Number(n.into()))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Json, E> {
        Ok(Number::from_f64(n).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = from.next_element()? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        while let Some((name, value)) = from.next_entry::<String, Json>()? {
            // a name that comes again keeps its place and takes the later value, as in Python
            if let Some(slot) = places.get(&name).and_then(|n| members.get_mut(*n)) {
                slot.1 = value;
                continue;
            }
            places.insert(name.clone(), members.len());
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    /// What was read is written as it was, the keys in their order, and numbers as they stood.
    #[test]
    fn keys_keep_their_order() {
        let text = r#"{"z":1,"a":{"y":[true,null,-3,18446744073709551615],"b":0.5},"m":"ü\"\n"}"#;
        assert_eq!(parsed(text).to_string(), text);
        assert_eq!(parsed(" { \"b\" : 1e2 , \"a\" : [ ] } ").to_string(), r#"{"b":100.0,"a":[]}"#);
        let made = Json::object([("class", "X".into()), ("inner", vec![2u64, 3].into())]);
        assert_eq!(made.to_string(), r#"{"class":"X","inner":[2,3]}"#);
    }

    /// Two forms whose keys differ only in order describe the same array.
    #[test]
    fn equality_ignores_the_order() {
        assert_eq!(parsed(r#"{"a":1,"b":{"c":2,"d":3}}"#), parsed(r#"{"b":{"d":3,"c":2},"a":1}"#));
        for (a, b) in [
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            ("[1,2]", "[2,1]"),
            ("1", "\"1\""),
            ("null", "false"),
        ] {
            assert_ne!(parsed(a), parsed(b));
        }
    }

    #[test]
    fn a_name_that_comes_again_keeps_its_place() {
        assert_eq!(parsed(r#"{"a":1,"b":2,"a":3}"#).to_string(), r#"{"a":3,"b":2}"#);
    }

    /// Values of other types are not converted, and what is no JSON or nested too deeply is refused.
    #[test]
    fn values_by_their_type() {
        let json = parsed(r#"{"s":"x","n":7,"l":[],"f":false,"neg":-1}"#);
        assert_eq!(json.get("s").and_then(Json::as_str), Some("x"));
        assert_eq!(json.get("n").and_then(Json::as_u64), Some(7));
        assert_eq!(json.get("l").and_then(Json::as_list), Some(&[][..]));
        assert_eq!(json.get("f").and_then(Json::as_bool), Some(false));
        assert_eq!(json.get("neg").and_then(Json::as_u64), None);
        assert_eq!((json.get("none"), parsed("[1]").get("s")), (None, None));
        for bad in ["{", "{\"a\":}", "nul", "1 2", &"[".repeat(200)] {
            assert!(serde_json::from_str::<Json>(bad).is_err(), "{bad}");
        }
    }
}
